"""Reading a ledger's file in SQLite: nothing that comes out of its tables is trusted."""

from __future__ import annotations

import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from store.backend import LEAF, NOTE, SEALED, WRAPPED, Raw, beyond, short
from store.errors import Tampered
from store.leaf import COMMIT, LIMIT, Leaf
from store.sqlite_file import APPLICATION_ID, LAYOUT, NAMES, SCHEMA, faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_LEAF_KEY = (short("w.wrapped", 48), "leaf l LEFT JOIN wrapped w ON w.key_id = l.key_id")
OURS = {"ledger.db", "ledger.db-wal", "ledger.db-shm", "lock", "blobs", "aside"}
"""What belongs into a ledger's folder."""


class SQLiteReader:
    """What can be asked of a ledger's file over one connection."""

    def __init__(self, directory: Path, connection: Any) -> None:
        self.directory, self.path, self._db = directory, directory / "ledger.db", connection
        self.name = str(self.path)

    def check_schema(self) -> None:
        """The tables are exactly ours: nothing added, nothing changed, the layout known."""
        with faults(self.path):
            found = {row[0] for row in self._db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")}
            names = self._db.execute("SELECT name, tbl_name FROM sqlite_schema ORDER BY name").fetchall()
            (layout,) = self._db.execute("PRAGMA user_version").fetchone()
            (application,) = self._db.execute("PRAGMA application_id").fetchone()
        if application != APPLICATION_ID or layout != LAYOUT:
            raise Tampered(f"{self.path} is not a ledger of layout {LAYOUT}")
        if found != set(SCHEMA) or names != NAMES:
            raise Tampered(f"{self.path} holds tables, views, indexes or triggers that are not bo's")

    def newest(self, *, now: bool = False) -> tuple[int, bytes] | None:
        """Size and note of the newest head."""
        with faults(self.path):
            row = self._db.execute(f"SELECT size, {NOTE} FROM head ORDER BY size DESC LIMIT 1").fetchone()
        return None if row is None else (row[0], row[1])

    def head(self, size: int) -> bytes | None:
        """The note at a size."""
        with faults(self.path):
            row = self._db.execute(f"SELECT {NOTE} FROM head WHERE size = ?", (size,)).fetchone()
        return row[0] if row else None

    def commits(self, start: int, *, keys: bool = True) -> Iterator[Raw]:
        """Whole commits from leaf `start`, in order, from one snapshot; without `keys` no wrapped key is looked up.

        Raises Tampered for leaves that no commit closes and heads that close nothing.
        """
        owner = not self._db.in_transaction
        with faults(self.path):
            if owner:
                self._db.execute("BEGIN")
            try:
                yield from self._commits(start, keys)
            finally:
                if owner:
                    self._db.execute("COMMIT")

    def _commits(self, start: int, keys: bool) -> Iterator[Raw]:
        heads = self._db.execute(f"SELECT size, {NOTE} FROM head WHERE size > ? ORDER BY size", (start,))
        wanted, table = ("NULL", "leaf l") if not keys else _LEAF_KEY
        rows = self._db.execute(f"SELECT {LEAF}, {wanted} FROM {table} WHERE l.idx >= ? ORDER BY l.idx", (start,))
        leaves: list[Leaf] = []
        wrapped: list[bytes | None] = []
        new = tuple.__new__
        for row in rows:
            leaves.append(new(Leaf, row[:12]))
            wrapped.append(row[12])
            if row[1] == COMMIT:
                head = heads.fetchone()
                if head is None or head[0] != row[0] + 1:
                    raise Tampered("its signed head is missing", row[0])
                yield Raw(leaves, wrapped, head[1])
                leaves, wrapped = [], []
        if leaves:
            raise Tampered("the log ends in the middle of a commit", leaves[0].idx)
        if heads.fetchone() is not None:
            raise Tampered("there is a signed head for leaves that are missing")

    def stream(
        self, kind: int, compartment: int, stream: bytes, last_only: bool = False, before: int = LIMIT
    ) -> list[Leaf]:
        """The leaves of a stream by version, or the last one; only those before a version."""
        return [leaf for leaf, _ in self.stream_with_keys(kind, compartment, stream, last_only, before)]

    def stream_with_keys(
        self, kind: int, compartment: int, stream: bytes, last_only: bool = False, before: int = LIMIT
    ) -> list[tuple[Leaf, bytes | None]]:
        """The same, each leaf with its wrapped key, None where there is no row of it."""
        wanted, table = _LEAF_KEY
        order = "DESC LIMIT 1" if last_only else ""
        with faults(self.path):
            rows = self._db.execute(
                f"SELECT {LEAF}, {wanted} FROM {table} WHERE l.kind = ? AND l.compartment = ? AND l.stream = ?"
                f" AND l.version < ? ORDER BY l.version {order}",
                (kind, compartment, stream, before),
            ).fetchall()
        return [(Leaf._make(row[:12]), row[12]) for row in rows]

    def leaf(self, index: int) -> Leaf | None:
        with faults(self.path):
            row = self._db.execute(f"SELECT {LEAF} FROM leaf l WHERE idx = ?", (index,)).fetchone()
        return row and Leaf._make(row)

    def referring(self, start: int) -> Iterator[Leaf]:
        """The leaves from `start` on that refer to documents."""
        with faults(self.path):
            yield from map(
                Leaf._make,
                self._db.execute(f"SELECT {LEAF} FROM leaf l WHERE idx >= ? AND l.refs != x'' ORDER BY idx", (start,)),
            )

    def end_of_commit(self, position: int) -> int:
        """The index after the commit that holds an event's position; 0 for position 0."""
        if position == 0:
            return 0
        with faults(self.path):
            row = self._db.execute("SELECT MIN(size) FROM head WHERE size >= ?", (beyond(self, position),)).fetchone()
        return int(row[0])

    def leaf_after(self, position: int) -> int:
        """An index from which on the events after `position` stand."""
        index = beyond(self, position + 1)
        with faults(self.path):
            row = self._db.execute("SELECT MAX(idx) FROM leaf WHERE idx < ? AND kind = 1", (index,)).fetchone()
        return index if row[0] is None else int(row[0])

    def wrapped(self, key_id: bytes) -> bytes | None:
        with faults(self.path):
            row = self._db.execute(f"SELECT {WRAPPED} FROM wrapped WHERE key_id = ?", (key_id,)).fetchone()
        return row[0] if row else None

    def slots_of(self, device: bytes, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """A device's sealed slots at these compartments and epochs, as far as there are any."""
        sql = f"SELECT {SEALED} FROM slot WHERE compartment = ? AND epoch = ? AND device = ?"
        with faults(self.path):
            found = {place: self._db.execute(sql, (*place, device)).fetchone() for place in places}
        return {place: row[0] for place, row in found.items() if row and row[0] is not None}

    def key_rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Every wrapped key in the order of their ids, for an audit."""
        with faults(self.path):
            yield from self._db.execute(f"SELECT {short('key_id', 32)}, {WRAPPED} FROM wrapped w ORDER BY w.key_id")

    def slots(self) -> Iterator[tuple[int, int, bytes, bytes]]:
        """Every slot, for an audit."""
        with faults(self.path):
            yield from self._db.execute(f"SELECT compartment, epoch, {short('device', 16)}, {SEALED} FROM slot")

    def rows(self, table: str) -> Iterator[tuple[Any, ...]]:
        """A whole table as it stands, for copies."""
        with faults(self.path):
            yield from self._db.execute(f"SELECT * FROM {table}")

    def integrity(self) -> list[str]:
        """What SQLite itself finds wrong with the pages, nothing when they are sound."""
        with faults(self.path):
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check(20)")]
        return [] if found == ["ok"] else found

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment."""
        with faults(self.path):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                if self._db.in_transaction:
                    self._db.execute("COMMIT")

    def counts(self) -> tuple[int, int]:
        """All rows of leaves and heads, also those that following the log would never meet."""
        with faults(self.path):
            (leaves,) = self._db.execute("SELECT COUNT(*) FROM leaf NOT INDEXED").fetchone()
            (heads,) = self._db.execute("SELECT COUNT(*) FROM head").fetchone()
        return leaves, heads

    def foreign(self) -> Iterator[str]:
        """What lies in the ledger's folder and does not belong there, or is open to others; a sentence each."""
        for entry in sorted(self.directory.iterdir()):
            if entry.name not in OURS or entry.is_symlink():
                yield f"{entry.name} does not belong to the ledger"
        mode = self.path.stat().st_mode
        if mode & 0o077:
            yield f"ledger.db is open to others on this machine ({stat.filemode(mode)}): run `chmod 600`"

    def room(self) -> int:
        """The bytes that the ledger takes, with its documents."""
        return sum(file.stat().st_size for file in self.directory.rglob("*") if file.is_file())
