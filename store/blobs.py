"""Documents: one encrypted stream per version, sealed and opened piece by piece, named by its ciphertext's hash."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from store.errors import Tampered
from store.failpoints import hit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from store.blobplace import BlobPlace
    from store.seal import StreamKey

HELD = 4 << 20
"""Bytes of a document that are kept from checking it to opening it: a longer one is fetched twice."""


class SealedBlob(NamedTuple):
    """An encrypted document waiting for the commit that refers to it. `sha256` is of the plaintext."""

    hash: bytes
    size: int
    sha256: bytes
    epoch: int
    version: int
    key: StreamKey
    wrapped: bytes | None


def seal(
    place: BlobPlace, key: StreamKey, wrapped: bytes | None, epoch: int, version: int, pieces: Iterable[bytes]
) -> SealedBlob:
    """Encrypt `pieces` into the place, in constant memory, durably."""
    encryptor = Cobblestone256Encryptor(key.blob_key, _context(key, version))
    cipher_hash, plain_hash, size = sha256(), sha256(), 0
    with place.new() as new:

        def out(data: bytes) -> None:
            cipher_hash.update(data)
            new.write(data)

        for piece in pieces:
            plain_hash.update(piece)
            size += len(piece)
            out(encryptor.update(piece))
        out(encryptor.finalize())
        new.publish(cipher_hash.digest())
    hit("blob-written")
    return SealedBlob(cipher_hash.digest(), size, plain_hash.digest(), epoch, version, key, wrapped)


def _context(key: StreamKey, version: int) -> bytes:
    return b"bo.blob/1\n" + key.context + version.to_bytes(8, "big")


def checked(place: BlobPlace, blob: bytes) -> Iterator[bytes]:
    """The ciphertext; after its last piece Tampered is raised if its hash is not its name."""
    found = sha256()
    for piece in place.read(blob):
        found.update(piece)
        yield piece
    if found.digest() != blob:
        raise Tampered(f"the document file {blob.hex()} was changed")


def check(place: BlobPlace, blob: bytes) -> None:
    """Raise Tampered unless the document lies there unchanged."""
    for _ in checked(place, blob):
        pass


def copy(source: BlobPlace, target: BlobPlace, blob: bytes) -> None:
    """Bring a document to another place. Raises Tampered, and brings nothing, when it is missing or changed."""
    with target.new() as new:
        for piece in checked(source, blob):
            new.write(piece)
        new.publish(blob)


def read(place: BlobPlace, blob: bytes, key: StreamKey, version: int) -> Iterator[bytes]:
    """The document, piece by piece. Raises Tampered where it is not the one that was filed.

    The ciphertext's hash is checked before the first piece is given away.
    """
    held: list[bytes] = []
    size = 0
    for piece in checked(place, blob):
        size += len(piece)
        if size <= HELD:
            held.append(piece)
        else:
            held.clear()
    decryptor = Cobblestone256Decryptor(key.blob_key, _context(key, version))
    try:
        for piece in held if size <= HELD else place.read(blob):
            yield decryptor.update(piece)
        yield decryptor.finalize()
    except InvalidTag:
        raise Tampered(f"the document file {blob.hex()} does not open under its key") from None
