"""Pulling and committing: lock, catch up, decide, seal, sign, one transaction, then pin and views."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from aggregates.core import Refused
from store import blobs, payload
from store import note as notes
from store.authority import judge
from store.control import encode
from store.errors import Unauthorised, Unavailable
from store.failpoints import hit
from store.follow import follow
from store.leaf import COMMIT, CONTROL, EVENT, NO_HASH, NO_STREAM, Leaf, leaf_hash
from store.seal import MAX_PADDED, padded_size, stream_id
from store.shredding import sweep
from store.transaction import Planned, Share, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.ledger import Ledger
    from store.payload import Payload

T = TypeVar("T")


class Already(Exception):
    """The idempotency key was used before for the same request; `result` is what it gave."""

    def __init__(self, result: object) -> None:
        self.result = result


def pull(ledger: Ledger) -> None:
    """Verify what is new, update the views, move the pin. Raises Tampered or RolledBack."""
    follow(ledger)
    _pin(ledger)
    if ledger.client.get("sweep"):
        try:
            sweep(ledger)
        except Unavailable as problem:
            ledger.warn(f"what was erased is not yet deleted everywhere: {problem}")


def _pin(ledger: Ledger) -> None:
    verifier = ledger.verifier
    if verifier.size:
        ledger.pinned(verifier.size, verifier.frontier.to_bytes(), verifier.note)


def commit(ledger: Ledger, work: Callable[[Transaction], T]) -> T:
    """See `Ledger.commit`. A refusal is recorded in this device's journal and raised."""
    ledger.pull()
    try:
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
    with ledger.store.writing():
        if not ledger.is_current():
            follow(ledger)
        hit("head-read")
        tx = Transaction(ledger, commit_id)
        result = work(tx)
        if tx.empty:
            return result
        ledger.finished(tx, result)
        if ledger.dry_run:
            ledger.planned = [
                Planned(share.name, event, before) for share in tx.shares.values() for event, before in share.events
            ]
            return result
        record(ledger, tx)
        ledger.store.commit()
    _acknowledge(ledger)
    return result


def record(ledger: Ledger, tx: Transaction) -> None:
    """Seal, judge, sign and insert a transaction, inside the store's `writing`."""
    verifier = ledger.verifier
    sealed = _seal(ledger, tx)
    judge(verifier.people, ledger.id, tx.header, sealed.leaves, verifier.streams)
    header = tx.header._replace(leaves=len(sealed.leaves) + 1)
    last = Leaf(
        verifier.size + len(sealed.leaves), COMMIT, 0, 0, tx.commit_id, 1, 1, sealed.ordinal, NO_HASH, NO_HASH, b"",
        header.encode(),
    )  # fmt: skip
    leaves = [*sealed.leaves, last]
    frontier = verifier.frontier.copy()
    frontier.extend(leaf_hash(ledger.id, leaf) for leaf in leaves)
    origin = notes.origin_of(ledger.id)

    def sign() -> bytes:
        text = notes.checkpoint_text(origin, frontier.size, frontier.root())
        return notes.sign(text, notes.key_name(origin, ledger.device.id), ledger.device.signer)

    ledger.store.insert(leaves, sealed.wrapped, tx.slots, frontier.size, sign)


def _acknowledge(ledger: Ledger) -> None:
    """After the durable commit: pin, then views. What fails here is mended by the next pull."""
    try:
        pull(ledger)
    except OSError as problem:
        ledger.warn(f"recorded, but {problem.filename or 'a file of yours'} cannot be written: {problem.strerror}")


class _Sealed(NamedTuple):
    leaves: list[Leaf]
    wrapped: list[tuple[bytes, bytes]]
    ordinal: int


def _seal(ledger: Ledger, tx: Transaction) -> _Sealed:
    """The leaves before the COMMIT leaf: acts first, so that epochs stand before what they seal."""
    tx.refresh_epochs()
    wrapped: list[tuple[bytes, bytes]] = []
    commitments: dict[int, bytes] = {}
    bodies: list[Leaf] = []
    for share in tx.shares.values():
        if share.events:
            sealed = list(_seal_share(ledger, tx, share, wrapped))
            commitments[id(share)] = sealed[0].commitment
            bodies.extend(sealed)
    verifier = ledger.verifier
    index, ordinal = verifier.size, verifier.ordinal
    leaves: list[Leaf] = []
    for number, (act, explained) in enumerate(tx.acts, verifier.controls + 1):
        commitment = commitments.get(id(explained), NO_HASH)
        leaves.append(Leaf(index, CONTROL, 0, 0, NO_STREAM, number, 1, ordinal, NO_HASH, commitment, b"", encode(act)))
        index += 1
    for leaf in bodies:
        leaves.append(leaf._replace(idx=index, ordinal=ordinal))
        index += 1
        if leaf.kind == EVENT:
            ordinal += leaf.events
    return _Sealed(leaves, wrapped, ordinal)


def _seal_share(ledger: Ledger, tx: Transaction, share: Share, wrapped: list[tuple[bytes, bytes]]) -> Iterator[Leaf]:
    """A stream's events, split at event boundaries where one leaf cannot hold them."""
    epoch = tx.current_epoch(share.compartment)
    stream = stream_id(epoch.index_key, share.name)
    key, row = tx.stream_key(share, stream, epoch)
    if row is not None:
        wrapped.append((key.key_id, row))
    version = ledger.verifier.streams.position((share.kind, share.compartment, stream))[0]
    refs = b"".join(blobs.current(ledger.store.directory, blob, key, version) for blob in share.blobs)
    for events, raw in _pieces(ledger, tx, share):
        leaf = Leaf(
            0, share.kind, share.compartment, epoch.epoch, stream, version, events, 0, NO_HASH, NO_HASH, refs, b""
        )
        yield key.seal(ledger.id, leaf, raw)
        version += events
        refs = b""


def _pieces(ledger: Ledger, tx: Transaction, share: Share) -> Iterator[tuple[int, bytes]]:
    waiting = [share.events]
    while waiting:
        events = waiting.pop()
        raw = payload.encode(_payload(ledger, tx, share.name, events))
        if padded_size(len(raw)) <= MAX_PADDED and len(events) < 65_536:
            yield len(events), raw
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
