"""The PostgreSQL store: a schema of six tables, one advisory lock, and nothing trusted that comes out of them."""

from __future__ import annotations

import random
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg

from store import postgres_schema
from store.backend import Overtaken
from store.errors import NoLedger, Tampered, Unavailable
from store.failpoints import hit
from store.postgres_listen import TELL
from store.postgres_packet import Packet
from store.postgres_reading import PostgresReader
from store.postgres_schema import TABLES
from store.postgres_session import DURABLE, FOUNDER, Session, lacking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from store.blobplace import BlobPlace
    from store.leaf import Leaf
    from store.place import Server

WRITER, NEXT = 0x626F2E31, 0x626F2E32
"""The upper halves of the locks' numbers, the schema's oid is the lower: "bo.1", and from "bo.2" on."""
PLACES = 3
"""Before the lock. Of those who write at once so many verify at a time what the others have written."""
MANY = 40
"""Rows from which on COPY is quicker than statements that are sent together."""
COMMITTED = b"COMMIT"
"""What the server tells of a transaction that is durable: of one that failed it says ROLLBACK."""
_SENT = {"leaf": "leaves-inserted", "wrapped": "keys-inserted", "slot": "slots-inserted", "head": "head-inserted"}
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_NUMBER = "{}::bigint << 32 | oid::bigint"
_OF = "FROM pg_namespace WHERE nspname = '{schema}'"
_ALIVE = "set_config('idle_in_transaction_session_timeout', '10min', true)"
"""A machine that fell asleep while it held the lock does not hold it for ever."""
_OVERTAKEN = "concat('another commit came first: the log has now ', (SELECT max(size) FROM {schema}.head), ' leaves')"
_STILL = f"""SELECT CASE WHEN $2 = (SELECT note FROM {{schema}}.head h WHERE size = $1
    AND NOT EXISTS (SELECT FROM {{schema}}.head WHERE size > h.size)) THEN 0 ELSE {_OVERTAKEN}::int END"""
"""Fails, and with it the transaction, where the newest head is another than the one that was believed to be it."""
_LOCK = f"SELECT pg_advisory_xact_lock({_NUMBER.format(WRITER)}), {DURABLE}, {_ALIVE} {_OF}"
_LINE_UP = f"SELECT set_config('lock_timeout', '1s', true), pg_advisory_lock({_NUMBER.format('{place}')}) {_OF}"
_STEP_UP = f"SELECT pg_advisory_unlock({_NUMBER.format('{place}')}) {_OF}"
_TAIL = {
    "leaf": "idx >= {size:d} OR idx < 0",
    "head": "size > {size:d} OR size <= 0",
    "wrapped": "key_id NOT IN (SELECT key_id FROM {schema}.leaf WHERE idx BETWEEN 0 AND {size:d} - 1)",
}
_CUT_SLOT = "DELETE FROM {schema}.slot WHERE compartment = %b AND epoch = %b AND device = %b"
_MAY_CLEAR = """SELECT pg_has_role(relowner, 'USAGE') OR CASE WHEN current_setting('server_version_num')::int >= 170000
    THEN has_table_privilege(oid, 'MAINTAIN') ELSE false END FROM pg_class WHERE oid = '{schema}.wrapped'::regclass"""


class PostgresStore(PostgresReader):
    """A schema of a database, over one connection."""

    def __init__(self, session: Session, *, writable: bool) -> None:
        super().__init__(session)
        self.writable, self._may_write, self.standby = writable, True, False
        self._waiting: list[tuple[str, Sequence[tuple[Any, ...]]]] = []
        """Rows of the commit that is being written; they are sent together with COMMIT."""
        self._believed: tuple[int, bytes] | None = None
        """The head on which a commit is made before the lock is asked for."""
        self._place, self._next = NEXT + random.randrange(PLACES), False  # noqa: S311  # any will do
        """Its place before the lock, and whether it holds it."""

    @classmethod
    def create(cls, server: Server) -> PostgresStore:
        """Make the empty tables. The schema may exist. Raises FileExistsError for a ledger in it."""
        session, schema = Session(server), server.schema
        with session.faults(FOUNDER), session.db.transaction():
            cursor = session.cursor()
            cursor.execute(f"SELECT pg_advisory_xact_lock({WRITER << 32})")  # one begins at a time
            found = {row[0] for row in cursor.execute(postgres_schema.FOUND.format(schema=schema)).fetchall()}
            if not found:
                cursor.execute(f"CREATE SCHEMA {schema}")
            if not postgres_schema.foreign(found):
                raise FileExistsError
            if not found <= postgres_schema.EMPTY:
                raise Unavailable(f"the schema {schema} is not empty: choose another for {session.name}")
            comment = postgres_schema.ELSEWHERE if server.documents else postgres_schema.COMMENT
            for statement in postgres_schema.statements(schema, comment):
                cursor.execute(statement)
        return cls(session, writable=True)

    @staticmethod
    def remove(server: Server) -> None:
        """Take away the tables of a ledger that was not founded; the schema stays, as nobody knows who made it."""
        session, schema = Session(server), server.schema
        tables = ", ".join(f"{schema}.{table}" for table in TABLES)
        with session.faults(), session.db.transaction():
            session.run(f"DROP TABLE IF EXISTS {tables}", f"COMMENT ON SCHEMA {schema} IS NULL")
        session.drop()

    @classmethod
    def open(cls, server: Server, *, read_only: bool = False) -> PostgresStore:
        """Raises Unavailable when there is no ledger, Tampered when the schema is not exactly ours."""
        store = cls(Session(server), writable=not read_only)
        found = store._described(postgres_schema.FOUND + postgres_schema.STATE)
        store.standby, store._may_write = postgres_schema.STANDBY in found, postgres_schema.WRITER in found
        store._check(found - {postgres_schema.STANDBY, postgres_schema.WRITER})
        store.writable = not read_only and not store.standby and store._may_write
        return store

    def check_schema(self) -> None:
        """The tables are exactly ours: nothing added, nothing changed, the layout known."""
        self._check(self._described(postgres_schema.FOUND))

    def _described(self, question: str) -> set[str]:
        return {row[0] for row in self._read(question)}

    def _check(self, found: set[str]) -> None:
        if found <= postgres_schema.EMPTY:
            raise NoLedger(f'there is no ledger at {self.name}: make one with `bo init "{self.name}"`')
        wrong = postgres_schema.foreign(found)
        if wrong:
            raise Tampered(f"{self.name} is not what `bo init` makes there: {wrong}")
        elsewhere, said = postgres_schema.is_elsewhere(found), self._session.server.documents
        if elsewhere and not said:
            raise Unavailable(
                f"{self.name} keeps its documents elsewhere: its URL ends with &documents=PLACE, ask a colleague"
            )
        if said and not elsewhere:
            raise Unavailable(
                f"{self.name}: this ledger keeps its documents in its tables: leave documents= out of its URL"
            )

    def close(self) -> None:
        self._session.drop()
        if "blobs" in self.__dict__:
            self.blobs.close()

    @cached_property
    def blobs(self) -> BlobPlace:
        """Where its documents lie."""
        if self._session.server.documents:
            from store.blobplace import place_at

            return place_at(self._session.server.documents, self._ledger_id())
        from store.blobtable import Table

        return Table(self._session.server)

    def _ledger_id(self) -> bytes:
        from store.verify import ledger_id_of

        first = self.leaf(0)
        if first is None or type(first.body) is not bytes:
            raise Unavailable(f"the ledger at {self.name} has no beginning")
        return ledger_id_of(first.body)

    # writing

    @contextmanager
    def lining_up(self, since: int) -> Iterator[None]:
        """Be among the next, and hear what is new.

        Who waits for the write lock alone finds in the end that all before him have written, and while he verifies
        that, all after him wait. The places before the lock are there for speed only: who does not get his within a
        second, or comes through a pooler that gives it to another's connection, writes as well without it.
        """
        try:
            with self._session.faults():
                self._hear([self._numbered(_LINE_UP)], since)
            self._next = True
        except Unavailable:  # what is wrong is met again at the lock, and told there
            self._session.drop()
        try:
            yield
        finally:
            self._changed()
            if self._next and not self._session.db_is_gone():
                self._session.run(self._numbered(_STEP_UP))
            self._next = False

    @contextmanager
    def writing(self, since: int | None = None, believed: bytes | None = None) -> Iterator[None]:
        """Queue for the write lock and hold one transaction; the caller calls `commit`, else it is undone.

        The head is read after the lock, in the same round trip, by a statement that sees what others have committed;
        so are the leaves from `since` on, and the one before them, whose head the caller stands at. With that head
        itself, `believed`, all this waits for `commit`: one round trip in all.
        """
        if not self.writable:
            why = "" if self._may_write else f": {lacking('writer')}"
            if self.standby:
                why = ": it is a standby, or is set to be read only; name the primary"
            raise Unavailable(f"{self.name} cannot be written here{why}")
        self._changed()
        try:
            if since is not None and believed is not None:
                self._believed = (since, believed)
                self._newest = [self._believed]
            else:
                with self._session.faults():
                    self._session.begun()
                    self._hear(map(self._numbered, [_WRITE, _LOCK, *[_STEP_UP] * self._next]), since)
                self._next = False
                hit("begun")
            yield
        finally:
            self._changed()
            self._believed = None
            self._waiting.clear()
            self._session.end()

    def _numbered(self, sql: str) -> str:
        """A statement about the locks of this schema."""
        return sql.format(schema=self._schema, place=self._place)

    def insert(
        self,
        leaves: Sequence[Leaf],
        wrapped: Iterable[tuple[bytes, bytes]],
        slots: Iterable[tuple[int, int, bytes, bytes]],
        size: int,
        note: bytes,
    ) -> None:
        """Insert one commit inside `writing`, its head last: when `commit` is called, all in one round trip."""
        self._changed()
        self._waiting += (
            ("leaf", leaves), ("wrapped", sorted(wrapped)), ("slot", list(slots)), ("head", [(size, note)])
        )  # fmt: skip

    def commit(self) -> None:
        """Make the transaction durable. Raises Interrupted when no answer came: then nobody knows."""
        session = self._session
        session.warned = False
        with session.faults("writer"):
            packet = self._begun()
            large = [each for each in self._waiting if len(each[1]) > MANY]
            if large and self._believed is not None:
                self._send(packet)
                packet = Packet(session.db)
            for table, rows in large:
                self._copy(table, rows)
            for table, rows in self._waiting:
                if rows and (table, rows) not in large:
                    packet.add(_insert(f"{self._schema}.{table}", rows), [value for row in rows for value in row])
                hit(_SENT[table])
            hit("before-commit")
            done = packet.add("COMMIT")
            for [(size, _)] in [rows for table, rows in self._waiting if table == "head"]:
                packet.add(TELL.format(schema=self._schema), (str(size),))
            try:
                self._send(packet)
            except psycopg.Error:
                if packet.told(done) != COMMITTED:  # else it is recorded, and followers look by themselves
                    raise
        if session.warned or packet.told(done) != COMMITTED:  # a standby was no longer waited for, say
            raise session.interrupted("the server did not say that all is as it should be")
        hit("after-commit")

    def _begun(self) -> Packet:
        """What goes first where nothing was sent yet: the lock, and that the head is still the one believed in."""
        packet = Packet(self._session.begun())
        if self._believed is not None:
            for statement in (_WRITE, _LOCK):
                packet.add(self._numbered(statement))
            packet.add(_STILL.format(schema=self._schema), self._believed)
        return packet

    def _send(self, packet: Packet) -> None:
        try:
            packet.send()
        except psycopg.errors.InvalidTextRepresentation:
            if self._believed is None:
                raise
            raise Overtaken from None  # as `_STILL` has it

    def _copy(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        types = [column.split()[1] for column in TABLES[table]]
        with self._session.cursor().copy(f"COPY {self._schema}.{table} FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def pour(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Fill a table of a new store inside `writing`: the other end of `rows`."""
        with self._session.faults("writer"):
            self._copy(table, rows)

    def merge(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """The same, but rows whose key stands there already stay as they are."""
        with self._session.faults("writer"):
            columns = ", ".join(f"%b::{column.split()[1]}[]" for column in TABLES[table])
            self._session.cursor().execute(
                f"INSERT INTO {self._schema}.{table} SELECT * FROM unnest({columns}) ON CONFLICT DO NOTHING",
                [list(column) for column in zip(*rows, strict=True)] or [[]] * len(TABLES[table]),
            )

    def settle(self) -> None:
        """Write something that means nothing: with it, what came before it is on the standbys too."""
        self._session.run("SELECT pg_logical_emit_message(true, 'bo', '')")

    def shred(self, keys: Iterable[bytes]) -> int:
        """Delete key rows, inside `writing`; how many there were."""
        with self._session.faults("owner"):
            cursor = self._session.cursor()
            cursor.executemany(f"DELETE FROM {self._schema}.wrapped WHERE key_id = %b", [(key,) for key in keys])
        hit("shred-rows-deleted")
        return max(cursor.rowcount, 0)

    def tail(self, size: int) -> Iterator[tuple[Any, ...]]:
        """What `cut` removes: table and values of every row."""
        for table, where in _TAIL.items():
            for row in self._each(
                f"SELECT * FROM {{schema}}.{table} WHERE {where.format(size=size, schema=self._schema)}"
            ):
                yield (table, *row)

    def cut(self, size: int, slots: Iterable[tuple[Any, ...]] = ()) -> None:
        """Remove every leaf and head from `size` on, the keys of streams that begin there, and some slots.

        For `bo repair`, inside `writing`.
        """
        self._changed()
        for table in ("wrapped", "leaf", "head"):
            where = _TAIL[table].format(size=size, schema=self._schema)
            with self._session.unhurried():
                self._session.run(f"DELETE FROM {self._schema}.{table} WHERE {where}", role="owner")
        with self._session.faults("owner"):
            self._session.cursor().executemany(_CUT_SLOT.format(schema=self._schema), list(slots))

    def vacuum(self) -> None:
        """Write the key rows anew: what deleted ones left in the pages is gone. Only their owner may."""
        if self._read(_MAY_CLEAR)[0][0]:
            with self._session.unhurried():
                self._session.run(
                    f"VACUUM (FULL) {self._schema}.wrapped", f"VACUUM {self._schema}.wrapped", role="owner"
                )

    def checkpoint(self) -> bool:
        """Whether no old state is left; False while somebody reads one in which deleted keys stand.

        Who may not clear the pages leaves them to the owner, and to the server's own vacuum.
        """
        dead = "SELECT pg_stat_get_dead_tuples('{schema}.wrapped'::regclass)"
        return not self._read(_MAY_CLEAR)[0][0] or self._read(dead)[0][0] == 0


def _insert(table: str, rows: Sequence[Sequence[object]]) -> str:
    """The statement that inserts so many rows of so many columns."""
    width = len(rows[0])
    values = (", ".join(f"${at}" for at in range(start, start + width)) for start in range(1, len(rows) * width, width))
    return f"INSERT INTO {table} VALUES ({'), ('.join(values)})"
