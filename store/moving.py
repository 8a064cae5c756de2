"""A ledger brought to another store, commit by commit: what stands there is always the beginning of what is here."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aggregates.core import Refused
from store import blobs, control
from store.audit import FULL, Audit, report, scratch
from store.backup import Restored, new_folder
from store.errors import Conflict, Interrupted, NoLedger, RolledBack, Tampered
from store.found import create, require_free
from store.leaf import CONTROL
from store.patience import Patience
from store.place import open_store
from store.sealing import refs
from store.shredding import Doomed, destroy, doomed
from store.siderows import KEY, Finding
from store.soundness import check_counts, check_pages, open_sound
from store.sqlite import SQLiteStore
from store.verify import ledger_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from store.audit import Report, Seen
    from store.backend import Backend, Raw
    from store.leaf import Leaf
    from store.place import Place
    from store.shredding import Stream

NOTHING = Doomed(set(), set())
LEAVES, BYTES = 10_000, 16 << 20
"""How much is written at a time, and at least a commit."""


def require_newest(source: Backend, seen: Iterable[Seen]) -> None:
    """Raises RolledBack for a source that is older than what was seen of it: its copy would be taken for the ledger."""
    newest = source.newest()
    if newest is None:
        raise Tampered(f"{source.name} is empty: its creation never finished, or it was rolled back")
    for size, note in seen:
        if newest[0] < size:
            raise RolledBack(
                f"{source.name} was rolled back: it ends at {newest[0]}, but {size} leaves were seen before"
            )
        if source.head(size) != note:
            raise RolledBack(f"{source.name} was forked: at size {size} it has another head than the one seen before")


def standing(source: Backend, target: Backend) -> int:
    """How many leaves are there already.

    Raises Refused for another ledger or one that has gone on, RolledBack for one that is no beginning of the source.
    """
    there, here = target.newest(), source.newest()
    if there is None or here is None:
        return 0
    if _ledger(target) != _ledger(source):
        raise Refused(f"another ledger stands at {target.name}: choose another place")
    if there[0] > here[0] and target.head(here[0]) == here[1]:
        raise Refused(f"{target.name} has {there[0] - here[0]} leaves more than {source.name}: work went on there")
    if source.head(there[0]) != there[1]:
        raise RolledBack(f"the log was forked: at size {there[0]} {target.name} has another head than {source.name}")
    return there[0]


def _ledger(store: Backend) -> bytes:
    first = store.leaf(0)
    if first is None or type(first.body) is not bytes:
        raise Tampered(f"{store.name} has no beginning")
    return ledger_id_of(first.body)


def begun(place: Place) -> Backend | None:
    """The store at a place, to look at; None where there is none and one can be made."""
    try:
        return open_store(place, read_only=True)
    except NoLedger:
        require_free(place)
        return None


def begin(place: Place, ledger: bytes) -> Backend:
    """The store at a place, to write; made where there is none, whole or not at all."""
    there = begun(place)
    if there is not None:
        there.close()
    elif isinstance(place, Path):
        with new_folder(place) as part:
            SQLiteStore.create(part).close()
    else:
        create(place, ledger)
    return open_store(place)


def append(source: Backend, target: Backend, step: Callable[[int], None], without: Doomed = NOTHING) -> int:
    """Copy what is new, and go on where a server went away; how many leaves there are then.

    Each batch is one transaction: leaves, heads, key rows and slots of whole commits; its documents come before it.
    Keys and documents in `without` never come there.
    """
    patience = Patience()
    while True:
        at = standing(source, target)
        try:
            for batch in _batches(source.commits(at)):
                at = _write(source, target, batch, at, without)
                step(sum(len(raw.leaves) for raw in batch))
            return at
        except Interrupted:
            if not patience.wait():
                raise


def _batches(commits: Iterable[Raw]) -> Iterator[list[Raw]]:
    """The first commit stands alone: where documents are kept may depend on which ledger it is."""
    batch: list[Raw] = []
    leaves = size = 0
    for raw in commits:
        batch.append(raw)
        leaves += len(raw.leaves)
        size += sum(len(leaf.body) for leaf in raw.leaves if type(leaf.body) is bytes)
        if leaves >= LEAVES or size >= BYTES or not raw.leaves[0].idx:
            yield batch
            batch, leaves, size = [], 0, 0
    if batch:
        yield batch


def _write(source: Backend, target: Backend, batch: list[Raw], at: int, without: Doomed) -> int:
    leaves = [leaf for raw in batch for leaf in raw.leaves]
    keys = {
        leaf.key_id: row
        for raw in batch
        for leaf, row in zip(raw.leaves, raw.wrapped, strict=True)
        if row is not None and leaf.key_id not in without.keys
    }
    slots = list(_slots(source, leaves))
    if at:
        _documents(source, target, leaves, without)
    with target.writing():
        newest = target.newest()
        if (newest[0] if newest else 0) != at:
            raise Conflict(f"somebody else writes to {target.name}: when he is done, run it again")
        target.pour("leaf", leaves)
        target.merge("wrapped", sorted(keys.items()))
        target.merge("slot", slots)
        target.pour("head", [(raw.leaves[-1].idx + 1, raw.note) for raw in batch])
        target.commit()
    return at + len(leaves)


def _slots(source: Backend, leaves: list[Leaf]) -> Iterator[tuple[int, int, bytes, bytes]]:
    """The slots that control acts name, as they stand in the source."""
    named: dict[bytes, set[tuple[int, int]]] = {}
    for act in (control.decode(leaf.body) for leaf in leaves if leaf.kind == CONTROL):
        match act:
            case control.EpochOpen(compartment=place, epoch=epoch, slots=given):
                for device, _ in given:
                    named.setdefault(bytes.fromhex(device), set()).add((place, epoch))
            case control.Slot(compartment=place, epoch=epoch, device=device):
                named.setdefault(bytes.fromhex(device), set()).add((place, epoch))
    for device_id, places in named.items():
        for place_epoch, sealed in source.slots_of(device_id, places).items():
            yield (*place_epoch, device_id, sealed)


def _documents(source: Backend, target: Backend, leaves: list[Leaf], without: Doomed) -> None:
    """What is missing or damaged here stays away: the report on the copy says so."""
    for leaf in leaves:
        for blob in refs(leaf.refs) if leaf.refs else ():
            if blob not in without.blobs and not target.blobs.has(blob):
                with suppress(Tampered):
                    blobs.copy(source.blobs, target.blobs, blob)


def verify(
    source: Backend,
    target: Backend,
    ledger: bytes,
    step: Callable[[int], None],
    erased: Iterable[Stream] = (),
) -> Report:
    """Audit the copy from leaf 0: structure, authority, slots, key rows, documents; and its key rows are the source's.

    What was erased is deleted first, whatever the source or an earlier run have left of it: what the log says, and
    the streams `erased` after it.
    """
    with scratch() as client:
        audit = Audit(target, client, ledger)
        audit.follow(step)
        verifier = audit.verifier
        verifier.people.shredded.update(erased)
        destroy(target, verifier.people.shredded, verifier.streams.owner)
        with target.snapshot():
            check_pages(target)
            check_counts(target, verifier.size, verifier.sequence)
            found = report(audit, verifier, FULL, read=True)
            found.findings += _other_keys(source, target)
    return found


def restore(
    source: Path, place: Place, erased: Collection[Stream], step: Callable[[int], None] = lambda _: None
) -> Restored:
    """Bring a backup to an empty place, or go on where that was broken off, once it is verified, and verify it there.

    Keys and documents of streams `erased` after the backup never come there: a server would keep them in its log.
    """
    with closing(open_sound(source)) as here, scratch() as client:
        audit = Audit(here, client)
        audit.run(step)
        without = doomed(here, erased, audit.verifier.streams.owner)
        there = begin(place, audit.verifier.ledger_id)
        with closing(there):
            append(here, there, step, without)
            report = verify(here, there, audit.verifier.ledger_id, step, erased)
        return Restored(report, sum(here.wrapped(key) is not None for key in without.keys))


def _other_keys(source: Backend, target: Backend) -> Iterator[Finding]:
    """Key rows that stand in both and are not the same; which are missing or too many, the audit has told."""
    here = source.key_rows()
    row = next(here, None)
    for key, wrapped in target.key_rows():
        while row is not None and row[0] < key:
            row = next(here, None)
        if row is not None and row[0] == key and row[1] != wrapped:
            yield Finding(KEY, -1, f"a key row is not the one that {source.name} has")
