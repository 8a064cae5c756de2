"""Documents: one encrypted file per version, streamed, named by the hash of its ciphertext."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from store.errors import Tampered
from store.failpoints import hit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from store.seal import StreamKey

PIECE = 1 << 20


class SealedBlob(NamedTuple):
    """An encrypted document waiting for the commit that refers to it. `sha256` is of the plaintext."""

    hash: bytes
    size: int
    sha256: bytes
    epoch: int
    version: int
    key: StreamKey
    wrapped: bytes | None


def path_of(directory: Path, blob: bytes) -> Path:
    name = blob.hex()
    return directory / "blobs" / name[:2] / name


def seal(
    directory: Path, key: StreamKey, wrapped: bytes | None, epoch: int, version: int, pieces: Iterable[bytes]
) -> SealedBlob:
    """Encrypt `pieces` into the ledger's folder, in constant memory, durably."""
    folder = directory / "blobs"
    temporary = folder / f".new.{os.getpid()}.{os.urandom(4).hex()}"
    encryptor = Cobblestone256Encryptor(key.blob_key, _context(key, version))
    cipher_hash, plain_hash, size = sha256(), sha256(), 0
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:

            def out(data: bytes) -> None:
                cipher_hash.update(data)
                file.write(data)

            for piece in pieces:
                plain_hash.update(piece)
                size += len(piece)
                out(encryptor.update(piece))
            out(encryptor.finalize())
            file.flush()
            os.fsync(file.fileno())
        target = path_of(directory, cipher_hash.digest())
        target.parent.mkdir(mode=0o700, exist_ok=True)
        temporary.rename(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    for each in (target.parent, folder):
        opened = os.open(each, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)
    hit("blob-written")
    return SealedBlob(cipher_hash.digest(), size, plain_hash.digest(), epoch, version, key, wrapped)


def _context(key: StreamKey, version: int) -> bytes:
    return b"bo.blob/1\n" + key.context + version.to_bytes(8, "big")


@contextmanager
def checked(directory: Path, blob: bytes) -> Iterator[BinaryIO]:
    """The encrypted file, at its beginning, once its hash was found right. Raises Tampered."""
    path = path_of(directory, blob)
    try:
        # without O_NONBLOCK a pipe put in its place would be waited for
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Tampered(f"the document file {path.name} is missing") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Tampered(f"the document file {path.name} is no file")
        found = sha256()
        while piece := file.read(PIECE):
            found.update(piece)
        if found.digest() != blob:
            raise Tampered(f"the document file {path.name} was changed")
        file.seek(0)
        yield file


def read(directory: Path, blob: bytes, key: StreamKey, version: int) -> Iterator[bytes]:
    """The document, piece by piece. Raises Tampered where the file is not the one that was filed.

    The ciphertext's hash is checked before the first piece is given away.
    """
    try:
        with checked(directory, blob) as file:
            decryptor = Cobblestone256Decryptor(key.blob_key, _context(key, version))
            while piece := file.read(PIECE):
                yield decryptor.update(piece)
            yield decryptor.finalize()
    except InvalidTag:
        raise Tampered(f"the document file {blob.hex()} does not open under its key") from None
