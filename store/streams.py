"""What a client remembers of every leaf and stream: hashes, next versions, last leaves, and whose key is whose.

Kept in any SQLite database: the client's encrypted one, or a temporary file for an audit without keys.
Recent entries wait in memory, so that a cold pass over a large log stays within a fixed budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from store.leaf import Leaf

TABLES = """
CREATE TABLE IF NOT EXISTS stream(
  kind INTEGER, compartment INTEGER, stream BLOB, next INTEGER, last INTEGER,
  PRIMARY KEY(kind, compartment, stream)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stream_key(
  key_id BLOB PRIMARY KEY, kind INTEGER, compartment INTEGER, stream BLOB, epoch INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leaf_hash(first INTEGER PRIMARY KEY, hashes BLOB);
"""
BATCH = 20_000
FEW = 100_000
"""Names up to which a set of them is small enough."""
TOGETHER = 64
"""Hashes in one row: a row for each would cost as much as all the rest."""
Place = tuple[int, int, bytes]
Owner = tuple[int, int, bytes, int]


class Filter:
    """Tells at once of most names that they are not among those added: a bit for each, found by how it begins."""

    MASK = (1 << 26) - 1

    def __init__(self, names: Iterable[bytes]) -> None:
        self._bits = bytearray(1 << 23)
        self.update(names)

    def update(self, names: Iterable[bytes]) -> None:
        for name in names:
            bit = int.from_bytes(name[:4], "big") & self.MASK
            self._bits[bit >> 3] |= 1 << (bit & 7)

    def __contains__(self, name: bytes) -> bool:
        bit = int.from_bytes(name[:4], "big") & self.MASK
        return bool(self._bits[bit >> 3] >> (bit & 7) & 1)


class Streams:
    """Versions, last leaves and key owners of all streams met so far."""

    def __init__(self, database: Any, *, keep_hashes: bool = True) -> None:
        self._db, self._keep_hashes = database, keep_hashes
        self._next: dict[Place, tuple[int, int]] = {}
        self._owners: dict[bytes, Owner] = {}
        self._hashes: list[bytes] = []
        self._first = 0
        """The index of the leaf whose hash is the first in `_hashes`."""
        self._asked: dict[Place, tuple[int, int]] = {}
        self._made: set[bytes] = set()
        empty = database.execute("SELECT 1 FROM stream LIMIT 1").fetchone() is None
        self._written: set[bytes] | Filter | None = set() if empty else None
        """The names this pass has written so far; None when there was something before."""

    def position(self, place: Place) -> tuple[int, int]:
        """The version that comes next in a stream, and the index of its last leaf (-1 before any)."""
        known = self._next.get(place) or self._asked.get(place)
        if known is None:
            if self._written is not None and place[2] not in self._written:
                return 1, -1
            sql = "SELECT next, last FROM stream WHERE kind = ? AND compartment = ? AND stream = ?"
            known = self._asked[place] = self._db.execute(sql, place).fetchone() or (1, -1)
        return known

    def owner(self, key_id: bytes) -> Owner | None:
        """The stream and epoch a key was accepted for."""
        known = self._owners.get(key_id)
        if known is None and key_id not in self._made and (self._written is None or key_id in self._written):
            known = self._db.execute(
                "SELECT kind, compartment, stream, epoch FROM stream_key WHERE key_id = ?", (key_id,)
            ).fetchone()
        return known

    def made(self, key_id: bytes) -> None:
        """A key that was drawn at random just now is nobody's yet, and need not be looked for."""
        self._made.add(key_id)

    def advance(self, leaves: Iterable[Leaf], hashes: list[bytes], *, accepted: bool) -> None:
        """Remember leaves that passed the structure checks, and whose keys are whose when they are authorised."""
        upcoming, owners = self._next, self._owners
        index = 0
        for index, kind, compartment, epoch, stream, version, count, _, key_id, *_ in leaves:
            upcoming[kind, compartment, stream] = (version + count, index)
            if accepted and epoch:
                owners[key_id] = (kind, compartment, stream, epoch)
        if self._keep_hashes:
            self._first = index + 1 - len(hashes) - len(self._hashes)
            self._hashes += hashes

    def hash_of(self, index: int) -> bytes | None:
        """The hash a leaf had when it was verified."""
        if self._hashes and index >= self._first:
            return next(iter(self._hashes[index - self._first :]), None)
        row = self._db.execute(
            "SELECT first, hashes FROM leaf_hash WHERE first <= ? ORDER BY first DESC LIMIT 1", (index,)
        ).fetchone()
        return (row[1][32 * (index - row[0]) :][:32] or None) if row else None

    @property
    def full(self) -> bool:
        return len(self._next) + len(self._owners) > BATCH

    def flush(self) -> None:
        """Write what waits, in the order of the tables. The caller holds the transaction."""
        run = self._db.executemany
        streams = sorted((*place, *at) for place, at in self._next.items())
        run("INSERT OR REPLACE INTO stream VALUES(?, ?, ?, ?, ?)", streams)
        run(
            "INSERT OR REPLACE INTO stream_key VALUES(?, ?, ?, ?, ?)",
            sorted((k, *at) for k, at in self._owners.items()),
        )
        starts = range(0, len(self._hashes), TOGETHER)
        rows = ((self._first + at, b"".join(self._hashes[at : at + TOGETHER])) for at in starts)
        run("INSERT INTO leaf_hash VALUES(?, ?)", rows)
        if self._written is not None:
            self._written.update(place[2] for place in self._next)
            self._written.update(self._owners)
            if isinstance(self._written, set) and len(self._written) > FEW:
                self._written = Filter(self._written)
        for known in (self._next, self._owners, self._hashes, self._asked, self._made):
            known.clear()


def kept_hashes(database: Any) -> Iterator[bytes]:
    """The hashes of all leaves, in order, as they were when they were verified."""
    for (hashes,) in database.execute("SELECT hashes FROM leaf_hash ORDER BY first"):
        for at in range(0, len(hashes), 32):
            yield hashes[at : at + 32]
