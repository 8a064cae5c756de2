"""What a client remembers of every stream: its next version, its last leaf, and whose key is whose.

Kept in any SQLite database: the client's encrypted one, or a temporary file for an audit without keys.
Recent entries wait in memory, so that a cold pass over a large log stays within a fixed budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.leaf import Leaf

TABLES = """
CREATE TABLE IF NOT EXISTS stream(
  kind INTEGER, compartment INTEGER, stream BLOB, next INTEGER, last INTEGER,
  PRIMARY KEY(kind, compartment, stream)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stream_key(
  key_id BLOB PRIMARY KEY, kind INTEGER, compartment INTEGER, stream BLOB, epoch INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leaf_hash(idx INTEGER PRIMARY KEY, hash BLOB);
"""
BATCH = 20_000
Place = tuple[int, int, bytes]
Owner = tuple[int, int, bytes, int]


class Streams:
    """Versions, last leaves and key owners of all streams met so far."""

    def __init__(self, database: Any, *, keep_hashes: bool = True) -> None:
        self._db, self._keep_hashes = database, keep_hashes
        self._next: dict[Place, tuple[int, int]] = {}
        self._owners: dict[bytes, Owner] = {}
        self._hashes: dict[int, bytes] = {}
        self._empty = database.execute("SELECT 1 FROM stream LIMIT 1").fetchone() is None

    def position(self, place: Place) -> tuple[int, int]:
        """The version that comes next in a stream, and the index of its last leaf (-1 before any)."""
        known = self._next.get(place)
        if known is None and not self._empty:
            known = self._db.execute(
                "SELECT next, last FROM stream WHERE kind = ? AND compartment = ? AND stream = ?", place
            ).fetchone()
        return known or (1, -1)

    def owner(self, key_id: bytes) -> Owner | None:
        """The stream and epoch a key was accepted for."""
        known = self._owners.get(key_id)
        if known is None and not self._empty:
            known = self._db.execute(
                "SELECT kind, compartment, stream, epoch FROM stream_key WHERE key_id = ?", (key_id,)
            ).fetchone()
        return known

    def advance(self, leaves: Iterable[Leaf], hashes: Iterable[bytes], *, accepted: bool) -> None:
        """Remember leaves that passed the structure checks, and whose keys are whose when they are authorised."""
        upcoming, owners = self._next, self._owners
        for leaf, leaf_hash in zip(leaves, hashes, strict=True):
            index, kind, compartment, epoch, stream, version, count = leaf[:7]
            upcoming[kind, compartment, stream] = (version + count, index)
            if accepted and epoch:
                owners[leaf[8]] = (kind, compartment, stream, epoch)
            if self._keep_hashes:
                self._hashes[index] = leaf_hash

    def hash_of(self, index: int) -> bytes | None:
        """The hash a leaf had when it was verified."""
        known = self._hashes.get(index)
        if known is None:
            row = self._db.execute("SELECT hash FROM leaf_hash WHERE idx = ?", (index,)).fetchone()
            known = bytes(row[0]) if row else None
        return known

    @property
    def full(self) -> bool:
        return len(self._next) + len(self._owners) > BATCH

    def flush(self) -> None:
        """Write what waits. The caller holds the transaction."""
        run = self._db.executemany
        run("INSERT OR REPLACE INTO stream VALUES(?, ?, ?, ?, ?)", [(*place, *at) for place, at in self._next.items()])
        run("INSERT OR REPLACE INTO stream_key VALUES(?, ?, ?, ?, ?)", [(key, *at) for key, at in self._owners.items()])
        run("INSERT INTO leaf_hash VALUES(?, ?)", self._hashes.items())
        self._empty = self._empty and not self._next
        self._next.clear()
        self._owners.clear()
        self._hashes.clear()
