"""Reading one stream from the log, checked against what this client verified."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from aggregates.core import Refused
from store.errors import KeyRowDamaged, Tampered
from store.leaf import EVENT, Leaf, leaf_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregates.core import State
    from store.ledger import Ledger
    from store.payload import Payload

S = TypeVar("S", bound="State[Any]")


def stream_name(cls: type[State[Any]], reference: str) -> str:
    """`kind/reference`: records carry their kind in the reference, the others in their class."""
    return f"{cls.kind}/{reference}" if cls.kind else reference


def load(ledger: Ledger, cls: type[S], reference: str, compartment: int | None = None) -> S:
    """Fold one stream. Raises Refused when this device cannot read it from its beginning."""
    name = stream_name(cls, reference)
    state = cls()
    for _, payload in past(ledger, compartment or cls.compartment, name, last_only=cls.last_is_all):
        for event in payload.events:
            state = state.evolve(event)
    return state


def past(
    ledger: Ledger,
    compartment: int,
    name: str,
    kind: int = EVENT,
    *,
    last_only: bool = False,
    stream: bytes | None = None,
) -> list[tuple[Leaf, Payload]]:
    """The accepted leaves of a stream and what they say, oldest first. `stream` is its blinded name, if known."""
    stream = stream or ledger.keyring.stream_id(compartment, name)
    if stream is None:
        raise Refused(f"you hold no keys of {ledger.called(compartment)}, where {name} lives")
    if (compartment, stream) in ledger.people.shredded:
        raise Refused(f"{name} was erased")
    found = []
    for leaf, wrapped in leaves_with_keys(ledger, kind, compartment, stream, last_only=last_only):
        payload = ledger.keyring.read(leaf, wrapped)
        if payload is None:
            raise Refused(f"{name} began before you were given access: what needs its whole history is not open to you")
        found.append((leaf, payload))
    return found


def leaves(ledger: Ledger, kind: int, compartment: int, stream: bytes, *, last_only: bool = False) -> list[Leaf]:
    """The accepted leaves of a stream, each compared with the hash kept when it was verified.

    Raises Tampered when there are fewer, other or more than this client verified.
    """
    return [leaf for leaf, _ in leaves_with_keys(ledger, kind, compartment, stream, last_only=last_only)]


def leaves_with_keys(
    ledger: Ledger, kind: int, compartment: int, stream: bytes, *, last_only: bool = False
) -> list[tuple[Leaf, bytes | None]]:
    """The same, each with its wrapped key, for those who open it."""
    streams = ledger.verifier.streams
    place = (kind, compartment, stream)
    upcoming, last = streams.position(place)
    if last < 0:
        return []
    size = max(ledger.verifier.size, last + 1)  # another process of this client may just have verified more
    excluded = ledger.excluded(compartment)
    read = ledger.store.stream_with_keys
    known = ledger.lasts.get(place)
    if last_only and known and known[0].idx == last:
        rows = [known]
    else:
        rows = [row for row in read(kind, compartment, stream, last_only) if row[0].idx < size]
    if last_only and rows and any(first <= rows[0][0].idx <= end for first, end in excluded):
        rows = [row for row in read(kind, compartment, stream) if row[0].idx < size]
        last_only = False
    version = rows[0][0].version if last_only and rows else 1
    for leaf, _ in rows:
        if leaf.version != version or leaf_hash(ledger.id, leaf) != streams.hash_of(leaf.idx):
            raise Tampered("it is not the leaf that was verified", leaf.idx)
        version += leaf.events
    if not rows or version != upcoming or rows[-1][0].idx != last:
        raise Tampered(f"a stream has lost leaves up to {last}")
    ledger.lasts.keep(place, rows[-1])
    return [row for row in rows if not any(first <= row[0].idx <= end for first, end in excluded)]


def told(ledger: Ledger, position: int) -> Iterator[tuple[Leaf, Payload]]:
    """All accepted event leaves from the one with the event after `position` on, as far as this device can read."""
    size, hash_of = ledger.verifier.size, ledger.verifier.streams.hash_of
    excluded: dict[int, list[tuple[int, int]]] = {}
    for commit in ledger.store.commits(ledger.store.leaf_after(position)):
        for leaf, wrapped in zip(commit.leaves, commit.wrapped, strict=True):
            if leaf.idx >= size:
                return
            if leaf_hash(ledger.id, leaf) != hash_of(leaf.idx):
                raise Tampered("it is not the leaf that was verified", leaf.idx)
            if leaf.kind != EVENT:
                continue
            if leaf.compartment not in excluded:
                excluded[leaf.compartment] = ledger.excluded(leaf.compartment)
            if any(first <= leaf.idx <= end for first, end in excluded[leaf.compartment]):
                continue
            with suppress(KeyRowDamaged):
                payload = ledger.keyring.read(leaf, wrapped)
                if payload is not None:
                    yield leaf, payload
