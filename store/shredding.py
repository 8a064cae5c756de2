"""Shredding: destroy a stream's keys, in the log by an act and on disk by deleting their rows.

The act is durable first. Deleting is repeated until nothing is left, so a crash or an open reader only
delays it; until then the ledger says that a shred is incomplete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aggregates.core import Refused
from store.control import Shred
from store.errors import Unauthorised, Unavailable
from store.failpoints import hit
from store.leaf import EVENT, SEALED
from store.sealing import refs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from store.backend import Backend
    from store.ledger import Ledger
    from store.streams import Owner
    from store.transaction import Share, Transaction


Stream = tuple[int, bytes]
"""Compartment and id."""


class Target(NamedTuple):
    """A stream to shred: its compartment and its name."""

    compartment: int
    name: str


def act(tx: Transaction, ledger: Ledger, targets: list[Target]) -> Shred:
    """The control act that shreds streams. Raises Refused for a stream that does not exist."""
    streams = []
    for compartment, name in targets:
        stream = ledger.keyring.stream_id(compartment, name)
        if stream is None:
            raise Unauthorised(f"you hold no key of the compartment where {name} lives")
        if ledger.verifier.streams.position((EVENT, compartment, stream))[1] < 0:
            raise Refused(f"there is no {name} to erase")
        if (compartment, stream) in tx.people.shredded:
            raise Refused(f"{name} was erased before")
        streams.append((compartment, stream.hex()))
    return Shred(tuple(sorted(streams)))


def shred(tx: Transaction, ledger: Ledger, targets: list[Target], explained: Share | None = None) -> int | None:
    """Shred streams in this commit; where that takes two persons, propose it and tell the proposal's number."""
    wanted = act(tx, ledger, targets)
    if tx.needs_second(wanted):
        return tx.propose(wanted, explained)
    tx.act(wanted, explained)
    return None


class Doomed(NamedTuple):
    """What goes with streams: their keys, and the documents that nothing else refers to."""

    keys: set[bytes]
    blobs: set[bytes]


def doomed(store: Backend, streams: Collection[Stream], owner: Callable[[bytes], Owner | None]) -> Doomed:
    """What streams take with them. A key is theirs when it was accepted for them, whatever else names it."""
    lost = [leaf for kind in SEALED for place in sorted(streams) for leaf in store.stream(kind, *place)]
    keys = {leaf.key_id for leaf in lost if (owner(leaf.key_id) or leaf.place)[:3] == leaf.place}
    blobs = {blob for leaf in lost for blob in refs(leaf.refs)}
    if blobs:
        living = (leaf for leaf in store.referring(0) if (leaf.compartment, leaf.stream) not in streams)
        blobs -= {blob for leaf in living for blob in refs(leaf.refs)}
    return Doomed(keys, blobs)


def destroy(store: Backend, streams: Collection[Stream], owner: Callable[[bytes], Owner | None]) -> int:
    """Delete the keys and documents of streams, and what deleted rows leave in the pages; how many keys stood there."""
    keys, blobs = doomed(store, streams, owner)
    standing = {key for key in keys if store.wrapped(key) is not None}
    if standing:
        with store.writing():
            store.shred(standing)
            store.commit()
        store.vacuum()
    if blobs:
        store.blobs.delete([blob for blob in blobs if store.blobs.has(blob)])
    return len(standing)


def sweep(ledger: Ledger) -> bool:
    """Delete what is left of shredded streams: key rows, documents, old pages. True when nothing is left.

    `secure_delete` overwrites a deleted row, but not the copies that splitting pages left in their gaps: so
    both databases are written anew. False while another process still reads an old state of the store, or
    where it cannot be written.
    """
    store, client, owner = ledger.store, ledger.client, ledger.verifier.streams.owner
    hit("shred-recorded")
    doomed = sorted(ledger.people.shredded)
    lost = [leaf for kind in SEALED for place in doomed for leaf in store.stream(kind, *place)]
    keys = {leaf.key_id for leaf in lost if (owner(leaf.key_id) or leaf.place)[:3] == leaf.place}
    with client.transaction():
        client.db.executemany(
            "DELETE FROM verdict WHERE verdict = 'unchecked' AND first = ?", [(leaf.idx,) for leaf in lost]
        )
        resumed = client.get("sweep") == b"checkpoint"
        client.put("sweep", b"checkpoint")
    standing = [key for key in keys if store.wrapped(key) is not None]  # on a server others may have deleted them
    if not store.writable and (standing or not store.checkpoint()):
        return False
    if standing:
        with store.writing():
            store.shred(standing)
            store.commit()
    if store.writable and (standing or resumed or not store.checkpoint()):
        store.vacuum()
    client.vacuum()
    living = (leaf for leaf in store.referring(0) if (leaf.compartment, leaf.stream) not in doomed)
    kept = {blob for leaf in living for blob in refs(leaf.refs)}
    gone = {blob for leaf in lost for blob in refs(leaf.refs)} - kept
    try:
        store.blobs.delete([blob for blob in gone if store.blobs.has(blob)])
        complete = True
    except Unavailable:  # a bucket out of reach: what lies there has lost its keys, and is deleted another time
        complete = False
    complete = store.checkpoint() and client.checkpoint() and complete
    if complete:
        client.put("sweep", b"")
    return complete
