"""The PostgreSQL store: a schema of six tables, one advisory lock, and nothing trusted that comes out of them."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg

from store import postgres_schema
from store.backend import Raw, beyond
from store.errors import Interrupted, NoLedger, Tampered, Unavailable
from store.failpoints import hit
from store.leaf import COMMIT, LIMIT, Leaf
from store.patience import Patience
from store.postgres_listen import TELL
from store.postgres_schema import KEYS, TABLES
from store.postgres_session import DURABLE, FOUNDER, Session, lacking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from store.blobplace import BlobPlace
    from store.place import Server

NEWER = 0x626F2E31
"""The upper half of the lock's number, the schema's oid is the lower: "bo.1"."""
FETCHED = 500
"""Rows a cursor is asked for at a time: the largest leaves take 32 MiB then."""
AHEAD = 200
"""Leaves that come along with the lock; who is further behind asks for them by a cursor."""
MANY = 40
"""Rows from which on COPY is quicker than statements that are sent together."""


def _short(column: str, most: int) -> str:
    """A planted value may be huge: what is too long is not fetched, and NULL is then noticed."""
    return f"CASE WHEN octet_length({column}) <= {most} THEN {column} END"


_LEAF = ", ".join((
    "l.idx, l.kind, l.compartment, l.epoch", _short("l.stream", 16), "l.version, l.count, l.ordinal",
    _short("l.key_id", 32), _short("l.commitment", 32), _short("l.refs", 2048), _short("l.body", 65_535),
))  # fmt: skip
_NOTE, _WRAPPED, _SEALED = _short("note", 4096), _short("wrapped", 48), _short("sealed", 4096)
_SENT = {"leaf": "leaves-inserted", "wrapped": "keys-inserted", "slot": "slots-inserted", "head": "head-inserted"}
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_LOCK = (
    f"SELECT pg_advisory_xact_lock({NEWER}::bigint << 32 | oid::bigint) FROM pg_namespace WHERE nspname = '{{schema}}'"
)
_NEWEST = f"SELECT size, {_NOTE} FROM {{schema}}.head ORDER BY size DESC LIMIT 1"
_WITH_KEYS, _WITHOUT_KEYS = (
    f"SELECT {_LEAF}, {key}, {_short('h.note', 4096)}, h.size FROM {{schema}}.leaf l {join}"
    " LEFT JOIN {schema}.head h ON h.size = l.idx + 1 WHERE l.idx >= {start} ORDER BY l.idx"
    for key, join in ((_short("w.wrapped", 48), "LEFT JOIN {schema}.wrapped w ON w.key_id = l.key_id"), ("NULL", ""))
)
"""Leaves in their order, each with its wrapped key and, where a commit ends, the signed head."""
_INSERT = {
    table: f"INSERT INTO {{schema}}.{table} VALUES({', '.join(['%b'] * len(columns))})"
    for table, columns in TABLES.items()
}
ALIVE = "SELECT set_config('idle_in_transaction_session_timeout', '10min', true)"
"""A machine that fell asleep while it held the lock does not hold it for ever."""
_TAIL = {
    "leaf": "idx >= {size:d} OR idx < 0",
    "head": "size > {size:d} OR size <= 0",
    "wrapped": "key_id NOT IN (SELECT key_id FROM {schema}.leaf WHERE idx BETWEEN 0 AND {size:d} - 1)",
}
_CUT_SLOT = "DELETE FROM {schema}.slot WHERE compartment = %b AND epoch = %b AND device = %b"
_MAY_CLEAR = """SELECT pg_has_role(relowner, 'USAGE') OR CASE WHEN current_setting('server_version_num')::int >= 170000
    THEN has_table_privilege(oid, 'MAINTAIN') ELSE false END FROM pg_class WHERE oid = '{schema}.wrapped'::regclass"""
_STATE = """SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool,
    has_table_privilege('{schema}.leaf', 'INSERT')"""


class PostgresStore:
    """A schema of a database, over one connection."""

    def __init__(self, session: Session, *, writable: bool) -> None:
        self._session, self.name, self._schema = session, session.name, session.server.schema
        self.writable, self._may_write = writable, True
        self._newest: list[tuple[int, bytes]] | None = None
        """The newest head as it was read under the lock, while nothing was inserted."""
        self._ahead: tuple[int, list[tuple[Any, ...]]] | None = None
        """The leaves from an index to the end that were read with it."""
        self._streams: dict[tuple[int, int, bytes, int, bool], list[tuple[Leaf, bytes | None]]] = {}
        """What was asked under the lock, while nothing was changed: a commit asks for some of it twice."""
        self._waiting: list[tuple[str, Sequence[tuple[Any, ...]]]] = []
        """Rows of the commit that is being written; they are sent together with COMMIT."""
        self._cursors = count()

    @classmethod
    def create(cls, server: Server) -> PostgresStore:
        """Make the empty tables. The schema may exist. Raises FileExistsError for a ledger in it."""
        session, schema = Session(server), server.schema
        with session.faults(FOUNDER), session.db.transaction():
            cursor = session.cursor()
            cursor.execute(f"SELECT pg_advisory_xact_lock({NEWER << 32})")  # one begins at a time
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
        store.check_schema()
        [(standby, store._may_write)] = store._read(_STATE)
        store.writable = not read_only and not standby and store._may_write
        return store

    def check_schema(self) -> None:
        """The tables are exactly ours: nothing added, nothing changed, the layout known."""
        found = {row[0] for row in self._session.read(postgres_schema.FOUND.format(schema=self._schema))}
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

    def _read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._session.read(sql.format(schema=self._schema), values)

    # reading

    def newest(self) -> tuple[int, bytes] | None:
        """Size and note of the newest head."""
        rows = self._newest if self._newest is not None else self._read(_NEWEST)
        return (rows[0][0], rows[0][1]) if rows else None

    def head(self, size: int) -> bytes | None:
        """The note at a size."""
        if self._ahead and self._ahead[0] < size:
            return next((row[13] for row in self._ahead[1] if row[14] == size), None)
        return self._value(f"SELECT {_NOTE} FROM {{schema}}.head WHERE size = %b", size)

    def _value(self, sql: str, *values: object) -> bytes | None:
        rows = self._read(sql, *values)
        return rows[0][0] if rows else None

    def commits(self, start: int, *, keys: bool = True) -> Iterator[Raw]:
        """Whole commits from leaf `start`, in order, from one snapshot; without `keys` no wrapped key is looked up.

        A snapshot of its own that breaks off is taken anew, and goes on after the last commit that was given.
        Raises Tampered for leaves that no commit closes and heads that close nothing.
        """
        if self._ahead and self._ahead[0] <= start:
            yield from self._whole([row for row in self._ahead[1] if row[0] >= start], start)
            return
        patience = Patience() if not self._session.within else None
        while True:
            try:
                for raw in self._commits(start, keys):
                    yield raw
                    start = raw.leaves[-1].idx + 1
                return
            except Interrupted:
                if patience is None or not patience.wait():
                    raise

    def _commits(self, start: int, keys: bool) -> Iterator[Raw]:
        sql = (_WITH_KEYS if keys else _WITHOUT_KEYS).format(schema=self._schema, start=start)
        with self.snapshot():
            yield from self._whole(self._each(sql), start)

    def _whole(self, rows: Iterable[tuple[Any, ...]], size: int) -> Iterator[Raw]:
        """The commits that rows from leaf `size` to the end make up."""
        leaves: list[Leaf] = []
        wrapped: list[bytes | None] = []
        new = tuple.__new__
        for row in rows:
            leaves.append(new(Leaf, row[:12]))
            wrapped.append(row[12])
            if row[1] == COMMIT:
                size = row[14]
                if size is None:
                    raise Tampered("its signed head is missing", row[0])
                yield Raw(leaves, wrapped, row[13])
                leaves, wrapped = [], []
            elif row[14] is not None:
                raise Tampered("a signed head stands where no commit ends", row[0])
        if leaves:
            raise Tampered("the log ends in the middle of a commit", leaves[0].idx)
        newest = self.newest()
        if newest and newest[0] > size:
            raise Tampered("there is a signed head for leaves that are missing")

    def _each(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, a few hundred in memory at a time."""
        name = f"c{next(self._cursors)}"
        with self.snapshot(), self._session.faults():
            cursor = self._session.cursor()
            cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {sql.format(schema=self._schema)}")
            while rows := cursor.execute(f"FETCH {FETCHED} FROM {name}").fetchall():
                yield from rows
            cursor.execute(f"CLOSE {name}")

    def stream(
        self, kind: int, compartment: int, stream: bytes, last_only: bool = False, before: int = LIMIT
    ) -> list[Leaf]:
        """The leaves of a stream by version, or the last one; only those before a version."""
        return [leaf for leaf, _ in self.stream_with_keys(kind, compartment, stream, last_only, before)]

    def stream_with_keys(
        self, kind: int, compartment: int, stream: bytes, last_only: bool = False, before: int = LIMIT
    ) -> list[tuple[Leaf, bytes | None]]:
        """The same, each leaf with its wrapped key, None where there is no row of it."""
        asked = (kind, compartment, stream, before, last_only)
        if asked in self._streams:
            return self._streams[asked]
        order = "DESC LIMIT 1" if last_only else ""
        rows = self._read(
            f"SELECT {_LEAF}, {_short('w.wrapped', 48)} FROM {{schema}}.leaf l"
            " LEFT JOIN {schema}.wrapped w ON w.key_id = l.key_id"
            f" WHERE kind = %b AND compartment = %b AND stream = %b AND version < %b ORDER BY version {order}",
            *asked[:-1],
        )
        found = [(Leaf._make(row[:12]), row[12]) for row in rows]
        if self._newest is not None:
            self._streams[asked] = found
        return found

    def leaf(self, index: int) -> Leaf | None:
        rows = self._read(f"SELECT {_LEAF} FROM {{schema}}.leaf l WHERE idx = %b", index)
        return Leaf._make(rows[0]) if rows else None

    def referring(self, start: int) -> Iterator[Leaf]:
        """The leaves from `start` on that refer to documents."""
        where = f"WHERE idx >= {start:d} AND octet_length(refs) > 0"
        yield from map(Leaf._make, self._each(f"SELECT {_LEAF} FROM {{schema}}.leaf l {where} ORDER BY idx"))

    def end_of_commit(self, position: int) -> int:
        """The index after the commit that holds an event's position; 0 for position 0."""
        if position == 0:
            return 0
        sql = "SELECT MIN(size) FROM {schema}.head WHERE size >= %b"
        return int(self._read(sql, beyond(self, position))[0][0])

    def leaf_after(self, position: int) -> int:
        """An index from which on the events after `position` stand."""
        index = beyond(self, position + 1)
        rows = self._read("SELECT MAX(idx) FROM {schema}.leaf WHERE idx < %b AND kind = 1", index)
        return index if rows[0][0] is None else int(rows[0][0])

    def wrapped(self, key_id: bytes) -> bytes | None:
        return self._value(f"SELECT {_WRAPPED} FROM {{schema}}.wrapped WHERE key_id = %b", key_id)

    def slot(self, compartment: int, epoch: int, device: bytes) -> bytes | None:
        sql = f"SELECT {_SEALED} FROM {{schema}}.slot WHERE compartment = %b AND epoch = %b AND device = %b"
        return self._value(sql, compartment, epoch, device)

    def key_rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Every wrapped key in the order of their ids, for an audit."""
        columns = f"{_short('w.key_id', 32)}, {_WRAPPED}"
        yield from self._each(f"SELECT {columns} FROM {{schema}}.wrapped w ORDER BY w.key_id")

    def slots(self) -> Iterator[tuple[int, int, bytes, bytes]]:
        """Every slot, for an audit."""
        yield from self._each(f"SELECT compartment, epoch, {_short('device', 16)}, {_SEALED} FROM {{schema}}.slot")

    def rows(self, table: str) -> Iterator[tuple[Any, ...]]:
        """A whole table as it stands, for copies."""
        yield from self._each(f"SELECT * FROM {{schema}}.{table} ORDER BY {KEYS[table]}")

    def integrity(self) -> list[str]:
        """Nothing: the pages are the server's business, and an audit reads every row."""
        return []

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment. Inside `writing` and another snapshot it is theirs."""
        if self._session.within:
            yield
            return
        self._session.begin(_READ)
        try:
            yield
        finally:
            self._session.end()

    def counts(self) -> tuple[int, int]:
        """All rows of leaves and heads, also those that following the log would never meet."""
        sql = "SELECT (SELECT count(body) FROM {schema}.leaf), (SELECT count(note) FROM {schema}.head)"
        [(leaves, heads)] = self._read(sql)  # of columns in no index, so that the table is asked
        return leaves, heads

    def foreign(self) -> Iterator[str]:
        """Nothing: what does not belong into the schema was refused."""
        yield from ()

    def room(self) -> int:
        """The bytes that the ledger takes."""
        sql = """SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
            WHERE relnamespace = '{schema}'::regnamespace AND relkind = 'r'"""
        return int(self._read(sql)[0][0])

    # writing

    @contextmanager
    def writing(self, since: int | None = None) -> Iterator[None]:
        """Queue for the write lock and hold one transaction; the caller calls `commit`, else it is undone.

        The head is read after the lock, in the same round trip, by a statement that sees what others have committed;
        so are the leaves from `since` on, and the one before them, whose head the caller stands at.
        """
        if not self.writable:
            why = "" if self._may_write else f": {lacking('writer')}"
            raise Unavailable(f"{self.name} cannot be written here{why}")
        try:
            with self._session.faults():
                db = self._session.begun()
                with db.pipeline():
                    db.execute(_WRITE)
                    db.execute(_LOCK.format(schema=self._schema))
                    db.execute(DURABLE)
                    db.execute(ALIVE)
                    head = db.cursor(binary=True).execute(_NEWEST.format(schema=self._schema))
                    ahead = db.cursor(binary=True)
                    if since is not None:
                        sql = _WITH_KEYS.format(schema=self._schema, start="%b") + f" LIMIT {AHEAD}"
                        ahead.execute(sql, (since - 1,))
                self._newest = head.fetchall()
                if since is not None and ahead.rowcount < AHEAD:
                    self._ahead = since - 1, ahead.fetchall()
            hit("begun")
            yield
        finally:
            self._changed()
            self._waiting.clear()
            self._session.end()

    def _changed(self) -> None:
        """What was heard under the lock holds no longer."""
        self._newest = self._ahead = None
        self._streams.clear()

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
            large = [each for each in self._waiting if len(each[1]) > MANY]
            for table, rows in large:
                self._copy(table, rows)
            done = session.db.cursor()
            try:
                with session.db.pipeline():
                    for table, rows in self._waiting:
                        if rows and (table, rows) not in large:
                            session.cursor().executemany(_INSERT[table].format(schema=self._schema), rows)
                        hit(_SENT[table])
                    hit("before-commit")
                    done.execute("COMMIT")
                    for [(size, _)] in [rows for table, rows in self._waiting if table == "head"]:
                        session.db.execute(TELL.format(schema=self._schema, size=size))
            except psycopg.Error:
                if done.statusmessage != "COMMIT":  # else it is recorded, and followers look by themselves
                    raise
        if session.warned or done.statusmessage != "COMMIT":  # a standby was no longer waited for, say
            raise session.interrupted("the server did not say that all is as it should be")
        hit("after-commit")

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
            self._session.run(
                f"DELETE FROM {self._schema}.{table} WHERE {_TAIL[table].format(size=size, schema=self._schema)}",
                role="owner",
            )
        with self._session.faults("owner"):
            self._session.cursor().executemany(_CUT_SLOT.format(schema=self._schema), list(slots))

    def vacuum(self) -> None:
        """Write the key rows anew: what deleted ones left in the pages is gone. Only their owner may."""
        if self._read(_MAY_CLEAR)[0][0]:
            self._session.run(f"VACUUM (FULL) {self._schema}.wrapped", f"VACUUM {self._schema}.wrapped", role="owner")

    def checkpoint(self) -> bool:
        """Whether no old state is left; False while somebody reads one in which deleted keys stand.

        Who may not clear the pages leaves them to the owner, and to the server's own vacuum.
        """
        dead = "SELECT pg_stat_get_dead_tuples('{schema}.wrapped'::regclass)"
        return not self._read(_MAY_CLEAR)[0][0] or self._read(dead)[0][0] == 0
