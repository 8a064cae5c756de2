"""Documents of streams: sealed with the stream's key before a commit, opened with it after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from store import blobs
from store.blobs import SealedBlob
from store.errors import Interrupted, NotFound, StoreError, Tampered, Unauthorised
from store.history import leaves_with_keys, stream_name
from store.leaf import EVENT
from store.patience import Patience
from store.seal import stream_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aggregates.core import State
    from store.blobplace import Lying
    from store.ledger import Ledger
    from store.seal import StreamKey


def seal_document(
    ledger: Ledger,
    cls: type[State[Any]],
    reference: str,
    pieces: Iterable[bytes],
    like: SealedBlob | None,
    compartment: int | None,
) -> SealedBlob:
    """See `Ledger.seal`. Should the epoch or the version pass before the commit, it is sealed anew there."""
    at = compartment or cls.compartment
    if not ledger.store.writable:
        with ledger.store.writing():  # it says why not, before a long document is sent
            pass
    if like is not None:
        return _put(ledger, like.key, None, like.epoch, like.version, pieces)
    epoch = ledger.keyring.any_epoch(at)
    if epoch is None:
        raise Unauthorised(f"you hold no keys of {ledger.called(at)}")
    stream = stream_id(epoch.index_key, stream_name(cls, reference))
    version = ledger.verifier.streams.position((EVENT, at, stream))[0]
    standing = leaves_with_keys(ledger, EVENT, at, stream, last_only=True)
    if standing and standing[-1][0].epoch == epoch.epoch:
        last, wrapped = standing[-1]
        key, row = epoch.unwrap(stream, last.key_id, wrapped), None
    else:
        key, row = epoch.new_key(stream)
    return _put(ledger, key, row, epoch.epoch, version, pieces)


def renew(
    ledger: Ledger, blob: SealedBlob, key: StreamKey, wrapped: bytes | None, epoch: int, version: int
) -> SealedBlob:
    """The blob under the key and version it will stand with: itself, or sealed anew when these have passed."""
    if blob.key.key_id == key.key_id and blob.version == version:
        return blob
    pieces = blobs.read(ledger.store.blobs, blob.hash, blob.key, blob.version)
    return _put(ledger, key, wrapped, epoch, version, pieces)


def _put(
    ledger: Ledger, key: StreamKey, wrapped: bytes | None, epoch: int, version: int, pieces: Iterable[bytes]
) -> SealedBlob:
    """Seal it, and again where a server went away meanwhile and the pieces are not only to be had once."""
    patience = Patience()
    while True:
        try:
            blob = blobs.seal(ledger.store.blobs, key, wrapped, epoch, version, pieces)
        except Interrupted:
            if isinstance(pieces, Iterator) or not patience.wait():
                raise
        else:
            ledger.loose[blob.hash] = ledger.verifier.size
            return blob


def discard(ledger: Ledger) -> None:
    """Remove what was sealed and then not recorded: the work was refused, broken off, or a dry run."""
    if not ledger.loose:
        return
    since = min(ledger.loose.values())
    try:
        kept = {blob for leaf in ledger.store.referring(since) for blob in refs(leaf.refs)}
        ledger.store.blobs.delete(ledger.loose.keys() - kept)
    except StoreError as problem:  # a document too many does no harm, one too few would
        ledger.warn(f"what was not recorded stays among the documents: {problem}")
        return
    ledger.loose.clear()


def refs(joined: bytes) -> list[bytes]:
    """The hashes in a leaf's `refs`."""
    return [joined[at : at + 32] for at in range(0, len(joined), 32)]


def open_document(ledger: Ledger, compartment: int, name: str, blob: bytes) -> Iterator[bytes]:
    """See `Ledger.document`."""
    stream = ledger.keyring.stream_id(compartment, name)
    if (compartment, stream) in ledger.people.shredded:
        raise NotFound(f"{name} was erased")
    for leaf, wrapped in leaves_with_keys(ledger, EVENT, compartment, stream) if stream else []:
        if blob in refs(leaf.refs):
            key = ledger.keyring.stream_key(leaf, wrapped)
            if key is None:
                break
            return blobs.read(ledger.store.blobs, blob, key, leaf.version)
    raise NotFound(f"{name} has no document that you can open")


def document_of_leaf(ledger: Ledger, index: int, blob: bytes) -> Iterator[bytes]:
    """A document by the leaf that refers to it, for views: the log may still be followed.

    The leaf is read again unchecked, and need not be: under another key the document does not open.
    """
    leaf = ledger.store.leaf(index)
    key = ledger.keyring.stream_key(leaf, ledger.store.wrapped(leaf.key_id)) if leaf else None
    if leaf is None or key is None:
        raise NotFound(f"leaf {index} has no document that you can open")
    return blobs.read(ledger.store.blobs, blob, key, leaf.version)


def strays(ledger: Ledger) -> list[Lying]:
    """What filings that were killed have left behind: documents without a commit, and halves of them.

    A young one may belong to a filing under way.
    """
    found = list(ledger.store.blobs.listed())  # before the log is: what is filed meanwhile stands in the log
    known = {blob for leaf in ledger.store.referring(0) for blob in refs(leaf.refs)}
    return sorted(lying for lying in found if lying.blob not in known)


def damaged(ledger: Ledger, leave_out: set[bytes]) -> Iterator[tuple[int, str]]:
    """Documents whose file is not what the log says, as (leaf, sentence); no key is needed for this.

    Shredded ones are gone rightly.
    """
    excluded = ledger.client.excluded()
    for leaf in ledger.store.referring(0):
        if (leaf.compartment, leaf.stream) in ledger.people.shredded:
            continue
        if any(first <= leaf.idx <= last for first, last, place in excluded if not place):
            continue  # what an unauthorised commit refers to need not be there
        for blob in refs(leaf.refs):
            if blob not in leave_out:
                try:
                    blobs.check(ledger.store.blobs, blob)
                except Tampered as problem:
                    yield leaf.idx, str(problem)
