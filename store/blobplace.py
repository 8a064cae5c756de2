"""Where encrypted documents lie: what a place must do, and which one an address means.

A place is not trusted. A document's name is the hash of its ciphertext, so the worst it can do is not give it back.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from store.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from contextlib import AbstractContextManager

PIECE = 1 << 20
"""Bytes read at once where a place has no other measure."""


class Lying(NamedTuple):
    """Something that lies there. `blob` is None where it is no document: half of one, or a foreign thing."""

    name: str
    blob: bytes | None
    size: int
    modified: float


class NewBlob(Protocol):
    """A document that is being written."""

    def write(self, data: bytes) -> object: ...

    def publish(self, blob: bytes) -> None:
        """Give it its name. From here on it is durable, whole, and in the place of any other of that name."""


class BlobPlace(Protocol):
    """Holds encrypted documents by the hash of their ciphertext. Raises Unavailable when it cannot be reached."""

    def new(self) -> AbstractContextManager[NewBlob]:
        """Write a document in constant memory. It counts when it is published: left before, nothing of it stays."""

    def read(self, blob: bytes) -> Iterator[bytes]:
        """What lies there under this name, in pieces and unchecked. Raises Tampered when nothing does."""

    def has(self, blob: bytes) -> bool: ...

    def delete(self, blobs: Collection[bytes]) -> None:
        """Remove documents. Those that are gone already do not matter."""

    def listed(self) -> Iterator[Lying]:
        """All that lies there, in no order, with what killed writers left behind."""

    def remove(self, name: str) -> None:
        """Remove one thing by the name it is listed under."""

    def close(self) -> None: ...


def name_of(blob: bytes) -> str:
    """The name of a document in folders and buckets: what copies one to the other copies a place."""
    name = blob.hex()
    return f"{name[:2]}/{name}"


def blob_of(name: str) -> bytes | None:
    """The document of that name; None for what is no such name."""
    try:
        blob = bytes.fromhex(name[3:])
    except ValueError:
        return None
    return blob if len(blob) == 32 and name == name_of(blob) else None


def place_at(address: str, ledger: bytes) -> BlobPlace:
    """The place at `s3://BUCKET/PREFIX` or in a folder. Each ledger has a part of its own there, by its id."""
    if address.startswith("s3://"):
        from store.blobbucket import Bucket

        return Bucket.at(address, ledger.hex())
    if not address.startswith("/"):
        raise Unavailable(f"documents are kept in s3://BUCKET/PREFIX or a folder with its whole path, not in {address}")
    from store.blobfolder import Folder

    folder = Path(address) / ledger.hex()
    if not folder.is_dir():
        raise Unavailable(f"there is no folder {folder} for this ledger's documents: mount what holds it, or make it")
    return Folder(folder, mode=_mode(folder))


def begin(address: str, ledger: bytes) -> None:
    """Make a ledger's part of a place, before there is a ledger that says so. Raises Unavailable where none can be.

    It is made here only: where what holds a folder is not mounted, documents would lie on this machine alone.
    """
    if address.startswith("/"):
        if not Path(address).is_dir():
            raise Unavailable(f"there is no folder {address} for documents: make it, or mount what holds it")
        from store.blobfolder import share

        folder = Path(address) / ledger.hex()
        folder.mkdir(mode=0o700, exist_ok=True)
        share(folder, _mode(folder.parent))
    place = place_at(address, ledger)
    next(place.listed(), None)
    place.close()


def _mode(folder: Path) -> int:
    """The rights in a folder for its owner and its group: colleagues with accounts of their own share it."""
    return folder.stat().st_mode & 0o2770
