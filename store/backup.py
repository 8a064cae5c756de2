"""Copies of a ledger: made whole or not at all, verified before they count, shredded again when they come back."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from aggregates.core import Refused
from store import blobs
from store.audit import Audit, Report, scratch, verify
from store.blobfolder import Folder
from store.copying import copy as copy_rows
from store.errors import Tampered, Unavailable
from store.sealing import refs
from store.shredding import destroy
from store.soundness import open_sound
from store.sqlite import SQLiteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from store.backend import Backend
    from store.blobplace import BlobPlace
    from store.streams import Owner


class Restored(NamedTuple):
    """`shredded` counts streams whose keys were removed again because they were destroyed after the backup."""

    report: Report
    shredded: int


def backup(store: Backend, ledger_id: bytes, target: Path, step: Callable[[int], None] = lambda _: None) -> Report:
    """Copy a ledger to a new folder and verify the copy there.

    Raises Tampered, and leaves nothing, when the log does not hold; what is wrong beside the log is in the report.
    """
    with new_folder(target) as part:
        _copy(store, part)
        with _opened(part) as copy:
            report = verify(copy, bound=ledger_id, step=step)
        _sync(part)
    return report


def restore(
    source: Path, target: Path, shredded: Iterable[tuple[int, bytes]], step: Callable[[int], None] = lambda _: None
) -> Restored:
    """Copy a backup to a new folder once it is verified. `shredded` streams lose their keys before anybody reads."""
    with _opened(source) as store, new_folder(target) as part, scratch() as client:
        audit = Audit(store, client)
        report = audit.run(step)
        _copy(store, part)
        again = _shred(part, set(shredded), audit.verifier.streams.owner)
        with _opened(part) as copy:
            if copy.newest() != store.newest():
                raise Tampered(f"{source} changed while it was restored")
        _sync(part)
    return Restored(report, again)


def _shred(folder: Path, streams: set[tuple[int, bytes]], owner: Callable[[bytes], Owner | None]) -> int:
    """Delete the keys and documents of streams, and what the deleted rows leave in the pages."""
    store = SQLiteStore.open(folder)
    try:
        found = destroy(store, streams, owner)
        store.checkpoint()
    finally:
        store.close()
    return found


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when it is whole. Raises Refused where something stands there."""
    if target.is_symlink() or (target.exists() and not (target.is_dir() and not any(target.iterdir()))):
        raise Refused(f"{target} is not a new or empty folder: nothing is overwritten")
    target = target.absolute()
    part = target.with_name(f".{target.name}.partial-{os.getpid()}")
    part.mkdir(mode=0o700, parents=True)
    try:
        yield part
        if target.exists():
            target.rmdir()
        part.rename(target)
    except BaseException:
        shutil.rmtree(part)
        raise
    _sync_folder(target.parent)


@contextmanager
def _opened(folder: Path) -> Iterator[Backend]:
    store = open_sound(folder)
    try:
        yield store
    finally:
        store.close()


def _copy(store: Backend, part: Path) -> None:
    """The database first: a document is there before the entry that refers to it."""
    if isinstance(store, SQLiteStore):
        os.close(os.open(part / "ledger.db", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        store.backup(part / "ledger.db")
    else:
        made = SQLiteStore.create(part)
        copy_rows(store, made)
        made.checkpoint()
        made.close()
        (part / "lock").unlink()
    documents = Folder(part / "blobs", synced=False)
    documents.path.mkdir(mode=0o700, exist_ok=True)
    with _opened(part) as copy:
        for leaf in copy.referring(0):
            for blob in refs(leaf.refs) if isinstance(leaf.refs, bytes) else ():
                _copy_blob(store.blobs, documents, blob)


def _copy_blob(source: BlobPlace, target: BlobPlace, blob: bytes) -> None:
    """What is missing or damaged stays away: the report of the copy says so."""
    with suppress(Tampered):
        blobs.copy(source, target, blob)


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        if path.name in ("ledger.db-wal", "ledger.db-shm"):
            if path.name.endswith("-wal") and path.stat().st_size:
                raise Unavailable(f"{path} was not written into the database")
            path.unlink(missing_ok=True)
        else:
            _sync_folder(path)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
