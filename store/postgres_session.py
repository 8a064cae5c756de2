"""A connection to a PostgreSQL server, and what its failures mean to the user."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from store.backend import WAIT
from store.errors import Interrupted, Tampered, Unavailable
from store.patience import Patience
from store.postgres_connect import LONG, SILENCE, Connection, adapt, connect, passing, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from store.errors import StoreError
    from store.place import Server

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it mentions beside its errors is no sentence
PASSING = {"40001", "40P01", "25006", "57P01", "57P02", "57P03", "26000"}
"""Serialisation, deadlock, a server that became a standby, that shuts down or starts up, a prepared statement that
whoever stands before the server has forgotten: gone after a while, or with the connection."""
DURABLE = """CASE WHEN current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
    THEN set_config('synchronous_commit', 'on', true) END"""
"""Nothing is acknowledged before it is on disk; a stricter setting stays."""
FOUNDER = "founder"
"""Not a role of `bo store grants`: it makes the schema in which they get their rights."""
LOCKED, FORBIDDEN, MISSING = "55P03", "42501", {"42P01", "3F000"}


class Session:
    """One connection, opened when it is first needed and again when it broke off.

    What it was told outside of a transaction it may be told again; inside of one, whoever began it decides.
    """

    def __init__(self, server: Server) -> None:
        self.server, self.name = server, str(server)
        self.within = False
        """Inside a transaction, though its connection may have gone."""
        self.warned = False
        """Whether the server has warned of anything since this was set to False."""
        self._db: Connection | None = None
        self._opened = False

    @property
    def db(self) -> Connection:
        if self._db is None or self._db.closed:
            self._db = self._connect()
        return self._db

    def _connect(self) -> Connection:
        db = self._reached()
        encoding = db.info.parameter_status("server_encoding")
        if encoding == "SQL_ASCII":
            db.close()
            raise Unavailable(f"{self.name}: a database with the encoding SQL_ASCII checks no text: make one with UTF8")
        if db.info.parameter_status("IntervalStyle") != "iso_8601":
            db.close()
            raise Unavailable(
                f"{self.name}: what stands before the server drops settings that bo needs: connect past it"
            )
        adapt(db)
        db.add_notice_handler(self._noticed)
        self._opened = True
        return db

    def _reached(self) -> Connection:
        """A new connection. The first one is tried for a while; how long later ones are, whoever asks for them says."""
        limit = seconds(self.server)
        patience = Patience(limit)
        tried = ""
        while True:
            try:
                return connect(self.server)
            except psycopg.Error as problem:
                if self._opened:
                    raise Interrupted(f"{self.name}: {told(problem)}") from None
                if not passing(self.server, problem) or not patience.wait():
                    raise Unavailable(f"{self.name}: {told(problem)}{tried}") from None
                tried = f"; tried for {limit:.0f} s"

    def _noticed(self, notice: psycopg.errors.Diagnostic) -> None:
        self.warned = self.warned or notice.severity_nonlocalized == "WARNING"

    def read(self, sql: str, values: Sequence[object] = (), role: str = "reader") -> list[tuple[Any, ...]]:
        """The rows of a query. Outside a transaction it is asked again when the connection breaks off."""
        patience = Patience()
        while True:
            try:
                with self.faults(role):
                    return self.cursor().execute(sql, values or None).fetchall()
            except Interrupted:
                if self.within or not patience.wait():
                    raise

    def cursor(self) -> psycopg.Cursor[Any]:
        return self.db.cursor(binary=True)

    def run(self, *statements: str, role: str = "reader") -> None:
        """Statements without parameters, one after the other."""
        with self.faults(role):
            for statement in statements:
                self.db.execute(statement)

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """For what takes a server as long as its tables are large."""
        db = self.db
        db.silence = LONG
        try:
            yield
        finally:
            db.silence = SILENCE

    def faults(self, role: str = "reader") -> Faults:
        """For what somebody with a role of `bo store grants` may do."""
        return Faults(self, role)

    def drop(self) -> None:
        """Give the connection up."""
        if self._db is not None:
            self._db.close()

    def begun(self) -> Connection:
        """The connection, for a transaction that begins now and is ended by `end`."""
        db = self.db
        self.within = True
        return db

    def begin(self, statement: str) -> None:
        """Begin a transaction. A connection that has broken off since it was last used is made again."""
        patience = Patience()
        while True:
            try:
                with self.faults():
                    self.begun().execute(statement)
                return
            except Interrupted:
                self.within = False
                if not patience.wait():
                    raise

    def interrupted(self, what: str) -> Interrupted:
        """The connection is given up: of several hosts another may be the one that takes writes now."""
        self.drop()
        return Interrupted(f"{self.name}: {what}")

    def end(self) -> None:
        """End the transaction: what was not committed is undone."""
        self.within = False
        if self._db is None or self._db.closed:
            return
        if self._db.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            try:
                self._db.execute("ROLLBACK")
                self._db.prepared.clear()  # psycopg then deallocates all there are
            except psycopg.Error:  # with its connection it is undone all the same
                self.drop()

    def sentence(self, problem: psycopg.Error, role: str) -> StoreError:
        state = problem.sqlstate or ""
        lost = isinstance(problem, psycopg.OperationalError) and (not state or self.db_is_gone())
        if lost or state in PASSING or state.startswith("08"):
            return self.interrupted(told(problem))
        if state == LOCKED:
            return Unavailable(f"{self.name}: another writer holds the ledger for {WAIT:.0f} seconds")
        if state == FORBIDDEN:
            return Unavailable(f"{self.name}: {told(problem)}: {lacking(role)}")
        if state in MISSING:
            return Unavailable(f"there is no ledger at {self.name}")
        if isinstance(problem, psycopg.IntegrityError | psycopg.DataError):
            return Tampered(f"{self.name}: {told(problem)}")
        return Unavailable(f"{self.name}: {told(problem)}")

    def db_is_gone(self) -> bool:
        return self._db is None or self._db.closed or self._db.broken


class Faults:
    """Turns what psycopg raises into sentences with the right exit code."""

    def __init__(self, session: Session, role: str) -> None:
        self._session, self._role = session, role

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, problem: BaseException | None, at: object) -> None:
        if isinstance(problem, psycopg.Error):
            raise self._session.sentence(problem, self._role) from None


def lacking(role: str) -> str:
    """What to do about a right that is missing."""
    if role == FOUNDER:
        return "a ledger is begun by a role that may CREATE in its database; ask for it"
    return f"this takes the role of {'an' if role == 'owner' else 'a'} {role}, see `bo store grants`; ask for it"


_JARGON = re.compile("(connection failed|connection is bad|consuming input failed|sending query failed): ")
_MENDED = {
    "certificate verify failed": "that of an office's own authority belongs into ~/.postgresql/root.crt",
    "no password supplied": "it belongs into ~/.pgpass",
}
"""What libpq says to somebody who connects for the first time, and what he has not done yet."""


def told(problem: psycopg.Error) -> str:
    """What the server or libpq said, in one line."""
    if problem.diag.message_primary:
        return problem.diag.message_primary
    lines = [line.strip(" \t-") for line in str(problem).split("\n")]
    several = [line for line in lines[1:] if line.startswith("host")]
    said = "; ".join(several) or _JARGON.sub("", lines[0], count=1)
    mend = next((mend for words, mend in _MENDED.items() if words in said), "")
    return f"{said}: {mend}" if mend else said
