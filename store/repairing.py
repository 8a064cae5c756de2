"""Going on after damage or a rollback: nothing here happens by itself, and each leaves an act in the log."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from aggregates.core import Refused
from store import note as notes
from store.audit import Audit, scratch
from store.client import remove
from store.comparing import believed, leaf_hashes, verified_hashes
from store.control import ADMIN, EVERYWHERE, Incident, RollbackAck, decode
from store.errors import RolledBack, Tampered, Unauthorised
from store.home import Pin, newest_in, write_private
from store.leaf import CONTROL, NO_STREAM
from store.payload import event_types, states
from store.soundness import check_pages
from store.writing import attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregates.core import Event
    from store.ledger import Ledger
    from store.people import People
    from store.transaction import Transaction
    from store.verify import Verifier

PENDING = "unacknowledged"
"""Marks a pin that was given up and is not yet acknowledged in the log."""
FIRST = (
    "an administrator accepts it first; if his machine has not seen what is gone, send him what `bo audit head --seen` "
    "prints"
)


class Lost(NamedTuple):
    """A head that was seen, of which this log is no continuation. The verifier stands at what is there now."""

    told: str
    old: Pin
    verifier: Verifier
    admin: bool
    """Whether who accepts it says so in the log; others follow an administrator who has."""


class Damage(NamedTuple):
    """The log holds for its first `good` leaves; what comes after does not."""

    told: str
    good: int
    people: People
    seen: int


def lost(ledger: Ledger) -> Lost:
    """What would be given up. Raises Refused when there is nothing, Tampered when the log itself does not hold."""
    with _audited(ledger) as audit:
        verifier = audit.verifier
        admin = _is_admin(ledger, verifier.people)
        pending = ledger.home.pins / f"{ledger.id.hex()}.{PENDING}"
        if pending.exists():
            old = _read(pending.read_bytes())
            return Lost("A rollback was accepted and not yet acknowledged in the log.", old, verifier, admin)
        for seen in _seen(ledger):
            told = _missing(ledger, seen, verifier.size)
            if told:
                if not admin and not _is_acknowledged(ledger, audit, seen):
                    raise Unauthorised(FIRST)
                return Lost(told, seen, verifier, admin)
    raise Refused("this log continues all that was seen of it: there is no rollback to accept")


def lost_elsewhere(ledger: Ledger, note: bytes) -> Lost:
    """The same for a head that a colleague has seen and this client has not.

    Malformed: it is no head, or not one that a device of this ledger signed.
    """
    theirs = notes.parse(note)
    with _audited(ledger) as audit:
        _require_admin(ledger, audit.verifier.people)
        believed(ledger, audit.verifier.people, theirs)
        seen = Pin(theirs.size, b"", note)
        if any(act.note == _hash(seen) for _, act in _acknowledged(ledger, audit)):
            raise Refused("that head was given up already: who has seen it runs `bo audit accept-rollback`")
        told = _missing(ledger, seen, audit.verifier.size)
        if told:
            return Lost(told, seen, audit.verifier, admin=True)
    raise Refused("this log continues that head: there is no rollback to accept")


@contextmanager
def _audited(ledger: Ledger) -> Iterator[Audit]:
    """The whole log as it stands, verified from leaf 0."""
    with scratch() as client:
        audit = Audit(ledger.store, client, ledger.id)
        with ledger.store.snapshot():
            check_pages(ledger.store)
            audit.follow(lambda _: None)
            yield audit


def _missing(ledger: Ledger, seen: Pin, size: int) -> str:
    """What a log of `size` leaves lacks of a head that was seen; "" when it goes on from there."""
    if seen.size > size:
        return f"This log ends at {size}, {seen.size} leaves were seen."
    if ledger.store.head(seen.size) != seen.note:
        return f"At size {seen.size} this log has another head than was seen."
    return ""


def _is_acknowledged(ledger: Ledger, audit: Audit, seen: Pin) -> bool:
    """Whether an administrator has said so: of this very head, or in a leaf that this client has never seen.

    Of an earlier rollback he may have said so too, and who took the log back to then would have that for himself.
    """
    pairs = zip(verified_hashes(ledger), leaf_hashes(ledger.store, ledger.id), strict=False)
    same = takewhile(lambda pair: pair[0] == pair[1], pairs)
    verified = sum(1 for _ in verified_hashes(ledger))
    known = sum(1 for _ in same) if verified >= seen.size else audit.verifier.size
    return any(idx >= known or act.note == _hash(seen) for idx, act in _acknowledged(ledger, audit))


def _acknowledged(ledger: Ledger, audit: Audit) -> Iterator[tuple[int, RollbackAck]]:
    """What administrators have said of rollbacks in this log, each with its leaf."""
    void = [(first, last) for first, last, place in audit.client.excluded() if not place]
    for leaf in ledger.store.stream(CONTROL, 0, NO_STREAM):
        act = decode(leaf.body)
        if isinstance(act, RollbackAck) and not any(first <= leaf.idx <= last for first, last in void):
            yield leaf.idx, act


def _hash(seen: Pin) -> str:
    return sha256(seen.note).hexdigest()


def _seen(ledger: Ledger) -> list[Pin]:
    """The pin and the head of the views, the larger first. A damaged pin counts as one of no size."""
    try:
        pin = ledger.home.pin(ledger.id.hex())
    except RolledBack:
        pin = Pin(0, b"", b"damaged")
    found = [pin] if pin else []
    note, size = ledger.client.get("note"), ledger.client.get("size")
    if note and size:
        found.append(Pin(int.from_bytes(size, "big"), b"", note))
    return sorted(found, key=lambda seen: -seen.size)


def _read(raw: bytes) -> Pin:
    try:
        return newest_in(raw)
    except ValueError:
        return Pin(0, b"", raw)


def _is_admin(ledger: Ledger, people: People) -> bool:
    device = people.devices.get(ledger.device.id.hex())
    return device is not None and device.active and people.may(device.person, ADMIN, EVERYWHERE, ledger.clock())


def _require_admin(ledger: Ledger, people: People) -> None:
    if not _is_admin(ledger, people):
        raise Unauthorised("only an administrator may do this")


def accept_rollback(ledger: Ledger, found: Lost, *acts: Incident) -> str:
    """Give up the old head, keep it as evidence, begin again from leaf 0 and say so in the log.

    Broken off, it can be run again: the old head is marked until the log acknowledges it.
    """
    home, name = ledger.home, ledger.id.hex()
    pending = home.pins / f"{name}.{PENDING}"
    verifier = found.verifier
    if not pending.exists():
        fresh = Pin(verifier.size, verifier.frontier.to_bytes(), verifier.note)
        if (home.pins / name).exists():
            home.replace_pin(name, fresh, PENDING)
        else:
            write_private(pending, msgspec.msgpack.encode(found.old))
    forget(ledger)
    if found.admin:
        _acknowledge(ledger, RollbackAck(_hash(found.old), found.old.size), *acts)
    kept = _evidence(ledger, found)
    pending.rename(kept)
    return str(kept)


def accept_for_others(ledger: Ledger, found: Lost) -> str:
    """Say so in the log for those who have seen a head that this client has not; it is kept as evidence."""
    _acknowledge(ledger, RollbackAck(_hash(found.old), found.old.size))
    kept = _evidence(ledger, found)
    write_private(kept, found.old.note)
    return str(kept)


def _evidence(ledger: Ledger, found: Lost) -> Path:
    return ledger.home.pins / f"{ledger.id.hex()}.given-up.{_hash(found.old)[:16]}"


def forget(ledger: Ledger) -> None:
    """Throw away what this client remembers of the log: the next pull verifies it from leaf 0."""
    path = ledger.client.path
    ledger.close()
    remove(path)
    for cached in ("verifier", "keyring", "lasts"):
        ledger.__dict__.pop(cached, None)


def _acknowledge(ledger: Ledger, *acts: RollbackAck | Incident) -> None:
    ledger.pull()

    def work(tx: Transaction) -> None:
        share = tx.append(states()["act"], tx.commit_id.hex(), *(_explained(act, ledger.reason) for act in acts))
        for act in acts:
            tx.act(act, share)

    attempt(ledger, work)


def _explained(act: RollbackAck | Incident, why: str) -> Event:
    """The event that says in words what an act did; the store knows its tag and not its class."""
    tag = "act.explained"
    told = {"type": tag, "act": str(act.__struct_config__.tag), "subject": "", "detail": why}
    return msgspec.convert(told, event_types()[tag])


def damage(ledger: Ledger) -> Damage | None:
    """Where the log stops to hold; None when all of it does. Raises Tampered when nothing can be kept."""
    check_pages(ledger.store)
    with scratch() as client:
        audit = Audit(ledger.store, client, ledger.id)
        told = ""
        try:
            with ledger.store.snapshot():
                audit.follow(lambda _: None)
        except Tampered as problem:
            told = str(problem)
        verifier = audit.verifier
        if not told and ledger.store.counts() == (verifier.size, verifier.sequence):
            return None
        if not audit.good:
            raise Tampered(f"{told}: nothing of this log can be kept, restore a backup")
        _require_admin(ledger, audit.people)
        seen = max((pin.size for pin in _seen(ledger)), default=0)
        return Damage(told or "there are rows that belong to no commit", audit.good, audit.people, seen)


def repair(ledger: Ledger, found: Damage) -> str:
    """Move what does not hold to a file beside the log, and write an incident. The name of that file.

    Where leaves that were seen before are among it, that is a rollback as well, and acknowledged as one.
    """
    store = ledger.store
    with store.writing():
        rows = [_row(row) for row in store.tail(found.good)]
        spare = [slot[:3] for slot in store.slots() if not _named(found.people, *slot)]
        rows += [_row(("slot", *slot)) for slot in store.slots() if not _named(found.people, *slot)]
        raw = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        digest = sha256(raw).hexdigest()
        target = _aside(ledger) / f"tail-{found.good}-{digest[:16]}.jsonl"
        write_private(target, raw)
        store.cut(found.good, spare)
        store.commit()
    incident = Incident(digest, found.good)
    if found.seen > found.good:
        accept_rollback(ledger, lost(ledger), incident)
    else:
        forget(ledger)
        _acknowledge(ledger, incident)
    return str(target)


def _aside(ledger: Ledger) -> Path:
    """Beside the log, or where that is on a server in the administrator's own home."""
    return ledger.at / "aside" if isinstance(ledger.at, Path) else ledger.home.root / "aside" / ledger.id.hex()


def _row(row: tuple[Any, ...]) -> list[Any]:
    return [value.hex() if isinstance(value, bytes) else value for value in row]


def _named(people: People, compartment: Any, epoch: Any, device: Any, sealed: Any) -> bool:
    epochs = people.compartments.get(compartment, []) if type(compartment) is int else []
    if type(epoch) is not int or not 0 < epoch <= len(epochs) or type(device) is not bytes or type(sealed) is not bytes:
        return False
    return epochs[epoch - 1].slots.get(device.hex()) == sha256(sealed).hexdigest()
