"""What lies under the log and around it: the file SQLite keeps our rows in, and rows that the log does not know."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import Tampered
from store.place import open_store
from store.sqlite_file import APPLICATION_ID, LAYOUT

if TYPE_CHECKING:
    from store.backend import Backend
    from store.place import Place

_HEADER = struct.Struct(">16sH6B12I20s2I")
_FIXED = {
    "magic": b"SQLite format 3\0", "write version": 2, "read version": 2, "reserved": 0, "largest payload": 64,
    "smallest payload": 32, "leaf payload": 32, "schema format": 4, "cache size": 0, "largest root": 0,
    "encoding": 1, "layout": LAYOUT, "vacuum": 0, "application": APPLICATION_ID, "expansion": bytes(20),
}  # fmt: skip
_FIELDS = (
    "magic", "page size", "write version", "read version", "reserved", "largest payload", "smallest payload",
    "leaf payload", "changes", "pages", "free trunk", "free pages", "cookie", "schema format", "cache size",
    "largest root", "encoding", "layout", "vacuum", "application", "expansion", "valid for", "program",
)  # fmt: skip


def open_sound(place: Place) -> Backend:
    """The store for reading only; of a file once its header was found to be a ledger's.

    The header is read before SQLite opens the file: closing it afterwards would drop SQLite's locks.
    """
    if isinstance(place, Path):
        path = place / "ledger.db"
        if path.is_file():
            _check_header(path)
    return open_store(place, read_only=True)


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        raw = file.read(_HEADER.size)
    if len(raw) < _HEADER.size:
        raise Tampered(f"{path} is cut short")
    header = dict(zip(_FIELDS, _HEADER.unpack(raw), strict=True))
    for name, wanted in _FIXED.items():
        if header[name] != wanted:
            raise Tampered(f"{path}: the {name} in its header is not what bo writes")
    wal = path.with_name("ledger.db-wal")
    if not (wal.exists() and wal.stat().st_size) and path.stat().st_size != header["pages"] * header["page size"]:
        raise Tampered(f"{path} is longer or shorter than its pages")


def check_pages(store: Backend) -> None:
    """Raise Tampered unless schema and pages are those of a ledger and of nothing else."""
    store.check_schema()
    found = store.integrity()
    if found:
        raise Tampered(f"{store.name}: {found[0]}")


def check_counts(store: Backend, leaves: int, commits: int) -> None:
    """Raise Tampered when there are rows that following the log does not meet."""
    found = store.counts()
    if found != (leaves, commits):
        raise Tampered(f"{store.name} holds {found[0]} leaves and {found[1]} heads, the log {leaves} and {commits}")
