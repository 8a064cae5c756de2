"""The SQLite store: four strict tables, a queue lock, and nothing trusted that comes out of them."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlcipher3.dbapi2 as sqlite

from store.backend import LEAF, NOTE, SEALED, WAIT, WRAPPED, Raw, beyond, short
from store.errors import NoLedger, Tampered, Unavailable
from store.failpoints import hit
from store.home import locked
from store.leaf import COMMIT, LIMIT, Leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from store.blobfolder import Folder

LAYOUT = 1
APPLICATION_ID = 0x626F2E31
SCHEMA = (
    """CREATE TABLE leaf(
  idx INTEGER PRIMARY KEY, kind INTEGER NOT NULL, compartment INTEGER NOT NULL, epoch INTEGER NOT NULL,
  stream BLOB NOT NULL, version INTEGER NOT NULL, count INTEGER NOT NULL, ordinal INTEGER NOT NULL,
  key_id BLOB NOT NULL, commitment BLOB NOT NULL, refs BLOB NOT NULL, body BLOB NOT NULL) STRICT""",
    "CREATE UNIQUE INDEX leaf_stream ON leaf(kind, compartment, stream, version)",
    "CREATE TABLE head(size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT",
    "CREATE TABLE wrapped(key_id BLOB PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE slot(compartment INTEGER NOT NULL, epoch INTEGER NOT NULL, device BLOB NOT NULL,
  sealed BLOB NOT NULL, PRIMARY KEY(compartment, epoch, device)) STRICT, WITHOUT ROWID""",
)

_WIDTH = {"leaf": 12, "head": 2, "wrapped": 2, "slot": 4}
NAMES = [("head", "head"), ("leaf", "leaf"), ("leaf_stream", "leaf"), ("slot", "slot"), ("wrapped", "wrapped")]


_LEAF_KEY = (short("w.wrapped", 48), "leaf l LEFT JOIN wrapped w ON w.key_id = l.key_id")
_TAIL = {
    "leaf": "idx >= ?1 OR idx < 0",
    "head": "size > ?1 OR size <= 0",
    "wrapped": "key_id NOT IN (SELECT key_id FROM leaf WHERE idx BETWEEN 0 AND ?1 - 1)",
}
OURS = {"ledger.db", "ledger.db-wal", "ledger.db-shm", "lock", "blobs", "aside"}
"""What belongs into a ledger's folder."""
PAGE = 16_384
"""Bytes in a page: nine invoices. Of the usual 4,096, two would fill one and leave much of it empty."""
PATIENCE = 10_000
"""Milliseconds to wait for another connection's lock."""


class faults:  # noqa: N801  # used like a function; as a generator it would cost as much as a statement
    """Turn what the library raises into sentences with the right exit code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, problem: BaseException | None, at: object) -> None:
        match problem:
            case sqlite.OperationalError():
                raise Unavailable(f"{self.path}: {problem}") from None
            case sqlite.DatabaseError():
                raise Tampered(f"{self.path}: {problem}") from None
            case OverflowError() | UnicodeDecodeError():
                raise Tampered(f"{self.path}: a value is out of its range") from None


class SQLiteStore:
    """A ledger directory: `ledger.db`, its queue lock and `blobs/`."""

    standby = False

    def __init__(self, directory: Path, connection: Any, *, writable: bool) -> None:
        self.directory, self.path, self._db, self.writable = directory, directory / "ledger.db", connection, writable
        self.name = str(self.path)

    @classmethod
    def create(cls, directory: Path) -> SQLiteStore:
        """Make the empty tables. The directory may exist. Raises FileExistsError for a ledger in it."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "ledger.db"
        with faults(path):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            (directory / "blobs").mkdir(mode=0o700, exist_ok=True)
            db = _connect(path, "rw")
            db.execute(f"PRAGMA page_size={PAGE}")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={LAYOUT}")
            db.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                db.execute(statement)
            db.execute("COMMIT")
            return cls(directory, db, writable=True)

    @staticmethod
    def remove(directory: Path) -> None:
        """Take away what `create` made, where no ledger was founded; the directory too when nothing else is in it."""
        for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm", "lock"):
            (directory / name).unlink(missing_ok=True)
        for folder in (directory / "blobs", directory):
            with suppress(OSError):  # something else is in it
                folder.rmdir()

    @classmethod
    def open(cls, directory: Path, *, read_only: bool = False) -> SQLiteStore:
        """Raises Unavailable when there is no ledger, Tampered when the schema is not exactly ours."""
        path = directory / "ledger.db"
        if not path.is_file():
            raise NoLedger(f"there is no ledger in {directory}")
        writable = not read_only and os.access(path, os.W_OK) and os.access(directory, os.W_OK)
        with faults(path):
            try:
                db = _connect(path, "rw" if writable else "ro")
                db.execute("SELECT 1 FROM sqlite_schema").fetchone()
            except sqlite.OperationalError:
                if writable:
                    raise
                db = _connect(path, "ro&immutable=1")  # a copy on a medium where WAL files cannot be made
        store = cls(directory, db, writable=writable)
        store.check_schema()
        return store

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

    def close(self) -> None:
        self._db.close()

    @cached_property
    def blobs(self) -> Folder:
        """Where its documents lie."""
        from store.blobfolder import Folder

        return Folder(self.directory / "blobs")

    # reading

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

    def slot(self, compartment: int, epoch: int, device: bytes) -> bytes | None:
        with faults(self.path):
            row = self._db.execute(
                f"SELECT {SEALED} FROM slot WHERE compartment = ? AND epoch = ? AND device = ?",
                (compartment, epoch, device),
            ).fetchone()
        return row[0] if row else None

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

    # writing

    def _queue(self) -> AbstractContextManager[None]:
        """With SQLite's own waiting alone many writers get half as much done as one."""
        return locked(self.directory / "lock", WAIT, "another writer holds the ledger")

    def hearing(self, since: int) -> AbstractContextManager[None]:
        """A file needs no preparation."""
        return nullcontext()

    def lining_up(self, since: int) -> AbstractContextManager[None]:
        """There is no place before the lock of a file."""
        return nullcontext()

    @contextmanager
    def writing(self, since: int | None = None) -> Iterator[None]:
        """Queue for the write lock and hold one transaction; the caller calls `commit`, else it is undone."""
        if not self.writable:
            raise Unavailable(f"{self.path} cannot be written here")
        with self._queue():
            with faults(self.path):
                self._db.execute("BEGIN IMMEDIATE")
            hit("begun")
            try:
                yield
            finally:
                if self._db.in_transaction:
                    with faults(self.path):
                        self._db.execute("ROLLBACK")

    def insert(
        self,
        leaves: Sequence[Leaf],
        wrapped: Iterable[tuple[bytes, bytes]],
        slots: Iterable[tuple[int, int, bytes, bytes]],
        size: int,
        note: bytes,
    ) -> None:
        """Insert one commit inside `writing`, its head last."""
        insert = f"INSERT INTO leaf VALUES({','.join('?' * 12)})"
        with faults(self.path):
            self._db.execute(insert, leaves[0])
            hit("leaf-inserted")
            self._db.executemany(insert, leaves[1:])
            hit("leaves-inserted")
            self._db.executemany("INSERT INTO wrapped VALUES(?, ?)", sorted(wrapped))
            hit("keys-inserted")
            self._db.executemany("INSERT INTO slot VALUES(?, ?, ?, ?)", slots)
            hit("slots-inserted")
            self._db.execute("INSERT INTO head VALUES(?, ?)", (size, note))
        hit("head-inserted")

    def pour(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Fill a table of a new store inside `writing`: the other end of `rows`."""
        with faults(self.path):
            self._db.executemany(f"INSERT INTO {table} VALUES({','.join('?' * _WIDTH[table])})", rows)

    def merge(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """The same, but rows whose key stands there already stay as they are."""
        with faults(self.path):
            self._db.executemany(f"INSERT OR IGNORE INTO {table} VALUES({','.join('?' * _WIDTH[table])})", rows)

    def commit(self) -> None:
        """Make the transaction durable."""
        hit("before-commit")
        with faults(self.path):
            self._db.execute("COMMIT")
        hit("after-commit")

    def settle(self) -> None:
        """Nothing: a commit in a file is recorded or it is not."""

    def shred(self, keys: Iterable[bytes]) -> int:
        """Delete key rows, inside `writing`; how many there were."""
        with faults(self.path):
            before = self._db.total_changes
            self._db.executemany("DELETE FROM wrapped WHERE key_id = ?", [(key,) for key in keys])
            found: int = self._db.total_changes - before
        hit("shred-rows-deleted")
        return found

    def tail(self, size: int) -> Iterator[tuple[Any, ...]]:
        """What `cut` removes: table and values of every row."""
        for table, where in _TAIL.items():
            yield from ((table, *row) for row in self._db.execute(f"SELECT * FROM {table} WHERE {where}", (size,)))

    def cut(self, size: int, slots: Iterable[tuple[Any, ...]] = ()) -> None:
        """Remove every leaf and head from `size` on, the keys of streams that begin there, and some slots.

        For `bo repair`, inside `writing`.
        """
        with faults(self.path):
            for table in ("wrapped", "leaf", "head"):
                self._db.execute(f"DELETE FROM {table} WHERE {_TAIL[table]}", (size,))
            self._db.executemany("DELETE FROM slot WHERE compartment IS ? AND epoch IS ? AND device IS ?", slots)

    def checkpoint(self) -> bool:
        """Empty the write-ahead log; False while a reader still holds on to it, and where it cannot be written."""
        if not self.writable:
            return False
        with faults(self.path):
            self._db.execute("PRAGMA busy_timeout=250")  # a reader may go on for hours: the next command tries again
            busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._db.execute(f"PRAGMA busy_timeout={PATIENCE}")
        return not busy

    def vacuum(self) -> None:
        """Write the database anew: what deleted rows left in its pages is gone."""
        with faults(self.path), self._queue():
            self._db.execute("VACUUM")

    def backup(self, target: Path) -> None:
        """A consistent copy of the database at `target`."""
        with faults(target):
            copy = _connect(target, "rwc")
            self._db.backup(copy)
            copy.close()


def _connect(path: Path, mode: str) -> Any:
    db = sqlite.connect(
        f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False,
        cached_statements=64,
    )  # fmt: skip
    db.text_factory = _text
    db.execute(f"PRAGMA busy_timeout={PATIENCE}")
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA cell_size_check=ON")
    if mode.startswith("rw"):
        db.execute("PRAGMA synchronous=FULL")
        (secure,) = db.execute("PRAGMA secure_delete=ON").fetchone()
        if secure != 1:
            raise Unavailable(f"{path}: this SQLite does not overwrite what it deletes")
    return db


def _text(raw: bytes) -> str:
    """No column of ours holds text; what was planted is still text, whatever its bytes."""
    return raw.decode(errors="replace")
