"""Documents of streams: sealed with the stream's key before a commit, opened with it after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from store import blobs
from store.errors import NotFound, Unauthorised
from store.history import leaves, stream_name
from store.leaf import EVENT
from store.seal import stream_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aggregates.core import State
    from store.ledger import Ledger


def seal_document(
    ledger: Ledger, cls: type[State[Any]], reference: str, pieces: Iterable[bytes], like: blobs.SealedBlob | None
) -> blobs.SealedBlob:
    """See `Ledger.seal`. Should the epoch or the version pass before the commit, it is sealed anew there."""
    compartment, directory = cls.compartment, ledger.store.directory
    if like is not None:
        return blobs.seal(directory, like.key, None, like.epoch, like.version, pieces)
    epoch = ledger.keyring.any_epoch(compartment)
    if epoch is None:
        raise Unauthorised("you hold no key of the compartment this belongs to")
    stream = stream_id(epoch.index_key, stream_name(cls, reference))
    version = ledger.verifier.streams.position((EVENT, compartment, stream))[0]
    standing = leaves(ledger, EVENT, compartment, stream, last_only=True)
    if standing and standing[-1].epoch == epoch.epoch:
        last = standing[-1]
        key, wrapped = epoch.unwrap(stream, last.key_id, ledger.store.wrapped(last.key_id)), None
    else:
        key, wrapped = epoch.new_key(stream)
    return blobs.seal(directory, key, wrapped, epoch.epoch, version, pieces)


def open_document(ledger: Ledger, compartment: int, name: str, blob: bytes) -> Iterator[bytes]:
    """See `Ledger.document`."""
    stream = ledger.keyring.stream_id(compartment, name)
    for leaf in leaves(ledger, EVENT, compartment, stream) if stream else []:
        if blob in {leaf.refs[at : at + 32] for at in range(0, len(leaf.refs), 32)}:
            key = ledger.keyring.stream_key(leaf, ledger.store.wrapped(leaf.key_id))
            if key is None:
                break
            return blobs.read(ledger.store.directory, blob, key, leaf.version)
    raise NotFound(f"{name} has no document that you can open")
