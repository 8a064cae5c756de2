"""Comparing heads: the newest one for a colleague, and his with this log."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from store import note as notes
from store import proof
from store.errors import Malformed, NotFound, RolledBack, Tampered
from store.leaf import check, leaf_hash
from store.streams import kept_hashes
from store.tree import EMPTY, Frontier, ProofError, verify_consistency

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from store.backend import Backend
    from store.ledger import Ledger
    from store.note import Checkpoint
    from store.people import People


def head(store: Backend, ledger_id: bytes, old: int | None = None) -> bytes:
    """The newest signed head; with `old` a proof that its log grew from so many leaves."""
    newest = store.newest()
    if newest is None or type(newest[1]) is not bytes:
        raise Tampered("the log has no signed head")
    if old is None:
        return newest[1]
    if old > newest[0]:
        raise NotFound(f"the log has {newest[0]} leaves, not {old}")
    return proof.consistency(old, leaf_hashes(store, ledger_id), newest[1])


def leaf_hashes(store: Backend, ledger_id: bytes) -> Iterator[bytes]:
    """The hashes of all leaves as they stand in the store."""
    for raw in store.commits(0):
        for leaf in raw.leaves:
            check(leaf)
            yield leaf_hash(ledger_id, leaf)


def verified_hashes(ledger: Ledger) -> Iterator[bytes]:
    """The hashes of all leaves as this client verified them."""
    return kept_hashes(ledger.client.db)


def root_at(hashes: Iterable[bytes], size: int) -> bytes:
    """The root of the first `size` leaves."""
    frontier = Frontier()
    frontier.extend(islice(hashes, size))
    return frontier.root()


def compare(ledger: Ledger, data: bytes) -> str:
    """`same` or `prefix`, for a head or a consistency proof. Raises RolledBack when this log is not the newer one.

    Malformed: it is no head, or not one that a device of this ledger signed.
    """
    consistency = proof.parse_consistency(data) if data.startswith(b"old ") else None
    theirs = consistency.head if consistency else notes.parse(data)
    size = ledger.verifier.size
    believed(ledger, ledger.people, theirs)
    if consistency and consistency.old <= min(size, theirs.size):
        _grown(ledger, consistency)
    if theirs.size > size:
        raise RolledBack(
            f"that log is ahead: it has {theirs.size} leaves, this one {size}. This one is older than what was seen "
            "there, or it was rolled back"
        )
    if root_at(verified_hashes(ledger), theirs.size) != theirs.root:
        raise RolledBack(f"the log was forked: the first {theirs.size} leaves are not the same here and there")
    return "same" if theirs.size == size else "prefix"


def believed(ledger: Ledger, people: People, theirs: Checkpoint) -> None:
    """Raises Malformed for a head that no device of this ledger signed."""
    if theirs.origin != notes.origin_of(ledger.id):
        raise Malformed("it is the head of another ledger")
    device = people.devices.get(theirs.device.hex())
    if device is None:
        raise Malformed("it is signed by a device that this log does not know")
    notes.verify(theirs, device.sign)


def _grown(ledger: Ledger, found: proof.Consistency) -> None:
    """What they have grew from what we have."""
    ours = root_at(verified_hashes(ledger), found.old)
    try:
        if found.old:
            verify_consistency(found.old, found.head.size, found.hashes, ours, found.head.root)
        elif found.hashes or ours != EMPTY:
            raise ProofError("an empty log needs no proof")
    except ProofError:
        raise RolledBack(f"the log was forked: theirs did not grow from the first {found.old} leaves here") from None
