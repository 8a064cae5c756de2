"""Documents in a folder: a file each, written under a temporary name, synced, then renamed."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from store.blobplace import PIECE, Lying, blob_of, name_of
from store.errors import Tampered

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


class Folder:
    """With `synced` False the caller syncs the folder itself when all is in it.

    `mode` is that of folders in it, and of files without the right to search: its owner's alone, unless several write.
    """

    def __init__(self, path: Path, *, synced: bool = True, mode: int = 0o700) -> None:
        self.path, self._synced, self.mode = path, synced, mode

    def path_of(self, blob: bytes) -> Path:
        return self.path / name_of(blob)

    @contextmanager
    def new(self) -> Iterator[_NewFile]:
        temporary = self.path / f".new.{os.getpid()}.{os.urandom(4).hex()}"
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                share(temporary, self.mode & 0o666)
                yield _NewFile(self, temporary, file, synced=self._synced)
        finally:
            temporary.unlink(missing_ok=True)  # it is there only when it was not published

    def read(self, blob: bytes) -> Iterator[bytes]:
        path = self.path_of(blob)
        try:
            # without O_NONBLOCK a pipe put in its place would be waited for
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Tampered(f"the document file {path.name} is missing") from None
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Tampered(f"the document file {path.name} is no file")
            while piece := file.read(PIECE):
                yield piece

    def has(self, blob: bytes) -> bool:
        return self.path_of(blob).is_file()

    def delete(self, blobs: Collection[bytes]) -> None:
        for blob in blobs:
            self.remove(name_of(blob))

    def listed(self) -> Iterator[Lying]:
        for path in self.path.rglob("*"):
            try:
                about = path.lstat()
            except FileNotFoundError:
                continue  # its writer has just finished with it
            if not stat.S_ISDIR(about.st_mode):
                name = str(path.relative_to(self.path))
                blob = blob_of(name) if stat.S_ISREG(about.st_mode) else None
                yield Lying(name, blob, about.st_size, about.st_mtime)

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is held open."""


class _NewFile:
    def __init__(self, folder: Folder, temporary: Path, file: BinaryIO, *, synced: bool) -> None:
        self._folder, self._temporary, self._file, self._synced = folder, temporary, file, synced
        self.write = file.write

    def publish(self, blob: bytes) -> None:
        self._file.flush()
        if self._synced:
            os.fsync(self._file.fileno())
        target = self._folder.path_of(blob)
        with suppress(FileExistsError):
            target.parent.mkdir(mode=0o700)
            share(target.parent, self._folder.mode)
        self._temporary.rename(target)
        for each in (target.parent, self._folder.path) if self._synced else ():
            opened = os.open(each, os.O_RDONLY)
            os.fsync(opened)
            os.close(opened)


def share(path: Path, mode: int) -> None:
    """Give the rights that are missing: some file systems have their own for all, and let nobody change them."""
    if mode & ~path.stat().st_mode:
        path.chmod(mode)
