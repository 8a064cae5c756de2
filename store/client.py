"""The client's own database: what it verified of the log, beside the tables of the views.

SQLCipher with a raw key from the device file. It is a cache: damaged, stale or foreign, it is built again.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext, suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlcipher3.dbapi2 as sqlite

from store import streams
from store.errors import Unavailable
from store.failpoints import hit
from store.home import locked, private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

TABLES = f"""
CREATE TABLE IF NOT EXISTS state(name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verdict(
  first INTEGER, last INTEGER, sequence INTEGER, compartment INTEGER, verdict TEXT, reason TEXT);
{streams.TABLES}
"""
LAYOUT = 3
"""Raise it when these tables, or what stands in `state`, change: the client is built again from the log."""
sqlite.register_adapter(Decimal, str)
sqlite.register_adapter(date, str)
sqlite.register_adapter(bytes, bytes)  # without one the library looks for it in vain, at ten times the cost of storing
sqlite.register_adapter(type(None), lambda nothing: nothing)
PLAIN = b"SQLite format 3\0"
PATIENCE = 30.0
"""Seconds to wait for another process of this client."""


class Standing(NamedTuple):
    """How far the client has come, and what is to be minded: asked before everything that is read."""

    note: bytes | None
    """Of the newest head it verified."""
    enrolled: bool
    sweep: bool
    """Key rows of shredded streams may still have to be deleted."""
    excluded: list[tuple[int, int, int]]


class Client:
    """An open client database; its connection also serves the views."""

    def __init__(self, path: Path, key: str, *, scratch: bool = False) -> None:
        """Open `path` under `key` (96 hexadecimal digits). What does not open is thrown away.

        A scratch database has no journal, so that its file can be unlinked while it is used.
        """
        private_folder(path.parent)
        self.path, self._key, self._journal = path, key, "OFF" if scratch else "WAL"
        self._standing: tuple[tuple[int, int], Standing] | None = None
        try:
            try:
                self.db = self._open()
            except sqlite.DatabaseError as problem:
                if isinstance(problem, sqlite.OperationalError):
                    raise
                remove(path)
                self.db = self._open()
        except sqlite.OperationalError as problem:
            raise Unavailable(f"{path}: {problem}") from None

    def _open(self) -> Any:
        if not self.path.exists():
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connect().close()  # to look into the file while SQLite holds locks on it would drop them
            with self.path.open("rb") as file:
                if file.read(16) == PLAIN:
                    raise Unavailable(f"{self.path}: this SQLite does not encrypt")
        return self._connect()

    def _connect(self) -> Any:
        db = sqlite.connect(str(self.path), isolation_level=None, check_same_thread=False, cached_statements=512)
        try:
            db.execute("PRAGMA cipher_log_level=NONE")
            db.execute(f"PRAGMA key=\"x'{self._key}'\"")
            db.execute(f"PRAGMA busy_timeout={PATIENCE * 1000:.0f}")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA secure_delete=ON")
            if db.execute("PRAGMA user_version").fetchone() != (LAYOUT,):
                with self._queue("lock", "another process lays out the views"):  # SQLite itself would not wait here
                    self._lay_out(db)
            elif self._journal == "OFF":
                db.execute("PRAGMA journal_mode=OFF")
            if db.execute("PRAGMA cipher_status").fetchone() != ("1",):
                raise sqlite.DatabaseError("a plaintext database lies where the views belong")
        except sqlite.DatabaseError:
            db.close()
            raise
        return db

    def _lay_out(self, db: Any) -> None:
        """Make the tables. A database that another version of bo made is thrown away like a damaged one."""
        db.execute(f"PRAGMA journal_mode={self._journal}")
        db.execute("BEGIN IMMEDIATE")
        if db.execute("PRAGMA user_version").fetchone() != (LAYOUT,):  # else another process was faster
            if db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
                raise sqlite.DatabaseError("the tables are laid out in another way")
            for statement in filter(str.strip, TABLES.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={LAYOUT}")
        db.execute("COMMIT")

    def get(self, name: str) -> bytes | None:
        row = self.db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return row and row[0]  # type: ignore[no-any-return]

    def standing(self) -> Standing:
        """Read again only when somebody, perhaps another process, has written the database."""
        at = (self.db.execute("PRAGMA data_version").fetchone()[0], self.db.total_changes)
        if self._standing is None or self._standing[0] != at:
            sql = "SELECT name, value FROM state WHERE name IN ('note', 'enrolled', 'sweep')"
            known = dict(self.db.execute(sql).fetchall())
            excluded = self.db.execute("SELECT first, last, compartment FROM verdict WHERE verdict != 'unchecked'")
            standing = Standing(known.get("note"), "enrolled" in known, bool(known.get("sweep")), excluded.fetchall())
            self._standing = (at, standing)
        return self._standing[1]

    def put(self, name: str, value: bytes) -> None:
        self.db.execute("INSERT OR REPLACE INTO state VALUES(?, ?)", (name, value))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Everything read inside is of one moment, and cheaper: no statement has to look for changes."""
        nested = self.db.in_transaction
        if not nested:
            self.db.execute("BEGIN")
        try:
            yield
        finally:
            if not nested and self.db.in_transaction:
                self.db.execute("COMMIT")

    def turn(self) -> AbstractContextManager[None]:
        """For one commit at a time of all processes with this database. Raises Unavailable."""
        return self._queue("turn", "another process of yours holds the ledger")

    def _queue(self, name: str, problem: str) -> AbstractContextManager[None]:
        """SQLite itself would have who waits sleep longer than a commit takes. For a scratch database nobody does."""
        if self._journal == "OFF":
            return nullcontext()
        return locked(self.path.with_name(f"{self.path.name}-{name}"), PATIENCE, problem)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Views and the position they reached are written together or not at all. What `reading` holds ends."""
        if self.db.in_transaction:
            self.db.execute("COMMIT")
        with self._queue("lock", "another process holds the views"):
            self.db.execute("BEGIN IMMEDIATE")
            hit("views-begun")
            try:
                yield
                hit("views-before-commit")
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                self._standing = None  # it may say what is undone
                raise
        hit("views-updated")

    def vacuum(self) -> None:
        """Write the database anew: what deleted rows left in its pages is gone."""
        self.db.execute("VACUUM")

    def checkpoint(self) -> bool:
        """Empty the write-ahead log, so that no old page is left; False while a reader holds on to it."""
        self.db.execute("PRAGMA busy_timeout=250")
        busy, _, _ = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.db.execute(f"PRAGMA busy_timeout={PATIENCE * 1000:.0f}")
        return not busy

    def excluded(self) -> list[tuple[int, int, int]]:
        """Leaves no view sees: (first, last, compartment), compartment 0 for a whole commit."""
        return self.standing().excluded

    def give_up(self, problem: sqlite.DatabaseError) -> None:
        """Throw the database away when `problem` says it is damaged. Raises Unavailable when it is locked or full."""
        if isinstance(problem, sqlite.OperationalError):
            raise Unavailable(f"{self.path}: {problem}") from None
        if type(problem) is not sqlite.DatabaseError:
            raise problem
        self.close()
        remove(self.path)
        self.db, self._standing = self._open(), None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """For queries of the views: what is damaged there is thrown away, and the user is told."""
        try:
            yield
        except sqlite.DatabaseError as problem:
            self.give_up(problem)
            raise Unavailable(f"the views in {self.path} were damaged: run it again, they are built anew") from None

    def close(self) -> None:
        with suppress(sqlite.ProgrammingError):
            self.db.close()


def remove(path: Path) -> None:
    """Delete a client database with its write-ahead log."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
