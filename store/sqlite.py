"""The SQLite store: a folder with four strict tables in a file, a queue lock, and `blobs/`."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlcipher3.dbapi2 as sqlite

from store.backend import WAIT
from store.errors import NoLedger, Unavailable
from store.failpoints import hit
from store.home import locked
from store.sqlite_file import APPLICATION_ID, LAYOUT, PAGE, PATIENCE, SCHEMA, connect, faults
from store.sqlite_reading import SQLiteReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from store.blobfolder import Folder
    from store.leaf import Leaf

_WIDTH = {"leaf": 12, "head": 2, "wrapped": 2, "slot": 4}
_TAIL = {
    "leaf": "idx >= ?1 OR idx < 0",
    "head": "size > ?1 OR size <= 0",
    "wrapped": "key_id NOT IN (SELECT key_id FROM leaf WHERE idx BETWEEN 0 AND ?1 - 1)",
}


class SQLiteStore(SQLiteReader):
    """A ledger directory: `ledger.db`, its queue lock and `blobs/`."""

    standby = False

    def __init__(self, directory: Path, connection: Any, *, writable: bool) -> None:
        super().__init__(directory, connection)
        self.writable = writable

    @classmethod
    def create(cls, directory: Path) -> SQLiteStore:
        """Make the empty tables. The directory may exist. Raises FileExistsError for a ledger in it."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "ledger.db"
        with faults(path):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            (directory / "blobs").mkdir(mode=0o700, exist_ok=True)
            db = connect(path, "rw")
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
                db = connect(path, "rw" if writable else "ro")
                db.execute("SELECT 1 FROM sqlite_schema").fetchone()
            except sqlite.OperationalError:
                if writable:
                    raise
                db = connect(path, "ro&immutable=1")  # a copy on a medium where WAL files cannot be made
        store = cls(directory, db, writable=writable)
        store.check_schema()
        return store

    def close(self) -> None:
        self._db.close()

    @cached_property
    def blobs(self) -> Folder:
        """Where its documents lie."""
        from store.blobfolder import Folder

        return Folder(self.directory / "blobs")

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
    def writing(self, since: int | None = None, believed: bytes | None = None) -> Iterator[None]:
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
            copy = connect(target, "rwc")
            self._db.backup(copy)
            copy.close()
