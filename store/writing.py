"""Pulling and committing: lock, catch up, decide, seal, sign, one transaction, then pin and views.

On a server, who found nobody before him when he wrote last decides, seals and signs first, and takes the lock only to
record that. Should another have written meanwhile, nothing is recorded, and it is done again in the order above.

A server may go away at any moment and come back as another. Then all is done again: what was read, decided and
sealed is forgotten, and the commit keeps its id, by which it is found where it was recorded and nobody said so.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import sqlcipher3.dbapi2 as sqlite

from aggregates.core import Refused
from store import note as notes
from store import payload
from store.calm import calm
from store.control import EpochOpen, Slot, encode
from store.errors import Interrupted, RolledBack, Tampered, Unauthorised, Unavailable, Unrecorded
from store.failpoints import hit
from store.follow import Written, follow, keep_up
from store.leaf import COMMIT, CONTROL, EVENT, NO_HASH, NO_STREAM, Leaf
from store.ledger import LATELY, NEVER
from store.patience import Patience
from store.place import Server
from store.seal import MAX_PADDED, padded_size, stream_id
from store.shredding import sweep
from store.transaction import Planned, Share, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.ledger import Ledger
    from store.payload import Payload

T = TypeVar("T")
LAG = 10.0
"""Seconds that a standby is given to come to what was seen elsewhere."""


class Already(Exception):
    """The idempotency key was used before for the same request; `result` is what it gave."""

    def __init__(self, result: object) -> None:
        self.result = result


def pull(ledger: Ledger) -> None:
    """Verify what is new, update the views, move the pin. Raises Tampered or RolledBack."""
    _followed(ledger)
    _pin(ledger)
    if ledger.client.get("sweep"):
        try:
            sweep(ledger)
        except Unavailable as problem:
            ledger.warn(f"what was erased is not yet deleted everywhere: {problem}")


def _followed(ledger: Ledger) -> None:
    """Follow the log to its end; what was verified when a server went away is not verified again."""
    patience, lag = Patience(), Patience(LAG)
    while True:
        try:
            follow(ledger)
            return
        except Interrupted:
            if not patience.wait():
                raise
        except RolledBack as problem:
            if not (ledger.store.standby and _is_short(ledger)):
                raise
            if not lag.wait():
                raise RolledBack(f"{problem}; or this standby is that far behind: ask the primary") from None


def _is_short(ledger: Ledger) -> bool:
    """Whether the log is shorter than what was seen of it: of a standby the rest may be under way."""
    pin, newest = ledger.home.pin(ledger.id.hex()), ledger.store.newest()
    return pin is not None and (newest[0] if newest else 0) < pin.size


def _pin(ledger: Ledger) -> None:
    verifier = ledger.verifier
    if verifier.size:
        ledger.pinned(verifier.size, verifier.frontier.to_bytes(), verifier.note)


def commit(ledger: Ledger, work: Callable[[Transaction], T]) -> T:
    """See `Ledger.commit`. A refusal is recorded in this device's journal and raised."""
    ledger.store  # noqa: B018  # it is needed in any case: what asks for the head need not look for another way
    if ledger.looked < monotonic() - LATELY:
        ledger.pull()
    ledger.enrolled()
    try:
        with calm():
            return _attempt(ledger, work, os.urandom(16))
    except Already as earlier:
        return earlier.result  # type: ignore[return-value]  # what the same work returned
    except (Refused, Unauthorised) as refusal:
        if not ledger.dry_run:
            ledger.refused(refusal)
        raise


def attempt(ledger: Ledger, work: Callable[[Transaction], T]) -> T:
    """One commit without idempotency key or journal, for what the ledger itself has to write."""
    return _attempt(ledger, work, os.urandom(16))


def _attempt(ledger: Ledger, work: Callable[[Transaction], T], commit_id: bytes) -> T:
    """Do `work` and record it once, however often the store goes away meanwhile. Raises Unavailable in the end."""
    doubtful: _Done | None = None
    problem: Unavailable
    patience = Patience()
    while True:
        try:
            done = _once(ledger, work, commit_id, doubtful)
            break
        except _InDoubt as told:
            doubtful, problem = told.done, told.problem
        except Unavailable as gone:
            problem = gone
        if not isinstance(problem, Interrupted) or not patience.wait():
            raise Unrecorded(str(problem), known=not doubtful) from None
    return done.result  # type: ignore[no-any-return]  # what `work` gave


class _Done(NamedTuple):
    """What `work` gave, and the commit that came of it; None where there was nothing to record."""

    result: Any
    written: Written | None


class _InDoubt(Exception):
    """A commit got no answer."""

    def __init__(self, done: _Done, problem: Interrupted) -> None:
        self.done, self.problem = done, problem


def _once(ledger: Ledger, work: Callable[[Transaction], T], commit_id: bytes, doubtful: _Done | None) -> _Done:
    """One try, in turn with the other processes of this client, to its end: what it records none of them verifies."""
    with ledger.client.turn():
        done = None
        if ledger.unrivalled and doubtful is None and not ledger.dry_run:
            done = _unlocked(ledger, work, commit_id)
        if done is None:
            done = _in_turn(ledger, work, commit_id, doubtful)
        if done.written is not None:
            _acknowledge(ledger, done.written)
    return done


def _unlocked(ledger: Ledger, work: Callable[[Transaction], T], commit_id: bytes) -> _Done | None:
    """The same on the head this client stands at, before the lock; None unless that came to a commit.

    A refusal counts only at the newest head, and so does that there is nothing to do.
    """
    ledger.unrivalled, client = False, ledger.client
    try:
        with client.reading(), ledger.store.writing(ledger.standing_at(), client.get("note")):
            done = _decided(ledger, work, commit_id) if ledger.is_current() else None
    except (_InDoubt, Unavailable):
        raise
    except Exception:  # whatever it is, it comes again under the lock if it is not out of date
        return None
    if done is None or done.written is None:
        return None
    ledger.unrivalled = True
    return done


def _in_turn(ledger: Ledger, work: Callable[[Transaction], T], commit_id: bytes, doubtful: _Done | None) -> _Done:
    """The same, after catching up with those who write meanwhile: where they are many, before the lock too."""
    store, caught_up = ledger.store, 0
    with ExitStack() as stack:
        if ledger.crowded:
            stack.enter_context(store.lining_up(ledger.standing_at()))
            caught_up = _catch_up(ledger)
            _pin(ledger)  # the head at an older pin would be asked for under the lock
        stack.enter_context(store.writing(ledger.standing_at()))
        if doubtful and _recorded(ledger, commit_id, doubtful):
            return doubtful
        caught_up += _catch_up(ledger)
        ledger.crowded = caught_up > 1
        ledger.unrivalled = not caught_up and isinstance(ledger.at, Server)  # in a folder the lock is next to nothing
        return _decided(ledger, work, commit_id)


def _catch_up(ledger: Ledger) -> int:
    """How many commits of others this process had to verify: what another one of this client did, it need not."""
    return 0 if ledger.is_current() else follow(ledger)


def _decided(ledger: Ledger, work: Callable[[Transaction], T], commit_id: bytes) -> _Done:
    """Decide, seal, sign and record, inside the store's `writing`, on the head this client stands at."""
    hit("head-read")
    with ledger.client.reading():
        tx = Transaction(ledger, commit_id)
        result = work(tx)
        if tx.empty:
            return _Done(result, None)
        ledger.finished(tx, result)
        tx.check()
        if ledger.dry_run:
            ledger.planned = _plan(tx)
            return _Done(result, None)
        done = _Done(result, record(ledger, tx))
        try:
            ledger.store.commit()
        except Interrupted as problem:
            raise _InDoubt(done, problem) from None
    return done


def _recorded(ledger: Ledger, commit_id: bytes, doubtful: _Done) -> bool:
    """Whether a commit that got no answer stands in the log. Raises Tampered where another stands under its id.

    Asked under the lock, when nobody can commit: it is recorded by now, or never will be.
    """
    found = ledger.store.stream(COMMIT, 0, commit_id)
    if not found:
        return False
    at = found[-1].idx
    if doubtful.written is None or ledger.store.head(at + 1) != doubtful.written.judged.note:
        raise Tampered("another commit stands under the id of ours", at)
    ledger.store.settle()
    ledger.store.commit()
    return True


def _plan(tx: Transaction) -> list[Planned]:
    return [
        *(Planned("control", act, {}) for act, _ in tx.acts if not isinstance(act, EpochOpen | Slot)),
        *(Planned(share.name, event, before) for share in tx.shares.values() for event, before in share.events),
    ]


def record(ledger: Ledger, tx: Transaction) -> Written:
    """Seal, judge, sign and insert a transaction, inside the store's `writing`.

    The ledger's verifier is given up for the one that went ahead, which is taken up again when it is followed.
    """
    before, after = ledger.verifier, ledger.verifier.ahead()
    sealed = _seal(ledger, tx)
    ledger.forget()
    size = before.size + len(sealed.leaves)
    header = tx.header._replace(leaves=len(sealed.leaves) + 1).encode()
    last = Leaf(size, COMMIT, 0, 0, tx.commit_id, 1, 1, sealed.ordinal, NO_HASH, NO_HASH, b"", header)
    origin = notes.origin_of(ledger.id)

    def sign(size: int, root: bytes) -> bytes:
        text = notes.checkpoint_text(origin, size, root)
        return notes.sign(text, notes.key_name(origin, ledger.device.id), ledger.device.signer)

    judged = after.write([*sealed.leaves, last], sign)
    hit("signed")
    ledger.store.insert(judged.leaves, sealed.wrapped, tx.slots, after.size, judged.note)
    return Written(before, after, judged, sealed.said, sealed.wrapped)


def _acknowledge(ledger: Ledger, written: Written) -> None:
    """After the durable commit: pin, then views. What fails here is mended by the next pull."""
    ledger.looked = NEVER
    try:
        if keep_up(ledger, written):
            ledger.looked = monotonic()
        else:
            ledger.pull()
    except OSError as problem:
        ledger.warn(f"recorded, but {problem.filename or 'a file of yours'} cannot be written: {problem.strerror}")
    except (Unavailable, sqlite.DatabaseError) as problem:
        ledger.warn(f"recorded, but the views could not follow: {problem}")


class _Sealed(NamedTuple):
    """Leaves, the key rows they need, what stands in the sealed ones, and the ordinal after them."""

    leaves: list[Leaf]
    wrapped: list[tuple[bytes, bytes]]
    said: list[tuple[Leaf, Payload]]
    ordinal: int


def _seal(ledger: Ledger, tx: Transaction) -> _Sealed:
    """The leaves before the COMMIT leaf: acts first, so that epochs stand before what they seal."""
    tx.refresh_epochs()
    verifier = ledger.verifier
    wrapped: list[tuple[bytes, bytes]] = []
    said: list[tuple[Leaf, Payload]] = []
    commitments: dict[int, bytes] = {}
    first, ordinal = verifier.size, verifier.ordinal
    for share in tx.shares.values():
        if share.events:
            sealed = _seal_share(ledger, tx, share, first + len(tx.acts) + len(said), ordinal, wrapped)
            said += sealed
            commitments[id(share)] = sealed[0][0].commitment
            ordinal += len(share.events) * (share.kind == EVENT)
    acts = [
        Leaf(index, CONTROL, 0, 0, NO_STREAM, index - first + verifier.controls + 1, 1, verifier.ordinal,
             NO_HASH, commitments.get(id(explained), NO_HASH), b"", encode(act))
        for index, (act, explained) in enumerate(tx.acts, first)
    ]  # fmt: skip
    return _Sealed([*acts, *(leaf for leaf, _ in said)], wrapped, said, ordinal)


def _seal_share(
    ledger: Ledger, tx: Transaction, share: Share, index: int, ordinal: int, wrapped: list[tuple[bytes, bytes]]
) -> list[tuple[Leaf, Payload]]:
    """A stream's events from leaf `index` on, split at event boundaries where one leaf cannot hold them."""
    kind, compartment, epoch = share.kind, share.compartment, tx.current_epoch(share.compartment)
    stream = tx.blinded(compartment, share.name) or stream_id(epoch.index_key, share.name)
    key, row = tx.stream_key(share, stream, epoch)
    if row is not None:
        wrapped.append((key.key_id, row))
    version = ledger.verifier.streams.position((kind, compartment, stream))[0]
    refs = b"".join(blob.hash for blob in share.blobs)
    sealed = []
    for raw, said in _pieces(ledger, tx, share):
        count = len(said.events)
        leaf = Leaf(index, kind, compartment, epoch.epoch, stream, version, count, ordinal, NO_HASH, NO_HASH, refs, b"")
        sealed.append((key.seal(ledger.id, leaf, raw), said))
        index, version, ordinal, refs = index + 1, version + count, ordinal + count * (kind == EVENT), b""
    return sealed


def _pieces(ledger: Ledger, tx: Transaction, share: Share) -> Iterator[tuple[bytes, Payload]]:
    waiting = [share.events]
    while waiting:
        events = waiting.pop()
        said = _payload(ledger, tx, share.name, events)
        raw = payload.encode(said)
        if padded_size(len(raw)) <= MAX_PADDED and len(events) < 65_536:
            yield raw, said
        elif len(events) == 1:
            raise Refused(f"what is to be recorded in {share.name} is too long for one entry: put it into a document")
        else:
            half = len(events) // 2
            waiting += [events[half:], events[:half]]


def _payload(ledger: Ledger, tx: Transaction, name: str, events: list) -> Payload:  # type: ignore[type-arg]
    befores = [before for _, before in events]
    return payload.Payload(
        name, tx.now, ledger.command, [event for event, _ in events], ledger.reason, befores if any(befores) else []
    )
