"""Reading a ledger's schema in PostgreSQL: nothing that comes out of its tables is trusted."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any

from store.backend import LEAF, NOTE, SEALED, WRAPPED, Raw, beyond, short
from store.errors import Interrupted, Tampered
from store.leaf import COMMIT, LIMIT, Leaf
from store.patience import Patience
from store.postgres_packet import Packet
from store.postgres_schema import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from store.postgres_session import Session

AHEAD = 200
"""Leaves that come along with the newest head; who is further behind asks for them by a cursor."""
FETCHED, ASKED = 100, 4
"""Rows a cursor is asked for at a time, and how often ahead: with those on their way the largest leaves take 32 MiB."""


_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
NEWEST = f"SELECT size, {NOTE} FROM {{schema}}.head ORDER BY size DESC LIMIT 1"
WITH_KEYS, WITHOUT_KEYS = (
    f"SELECT {LEAF}, {key}, {short('h.note', 4096)}, h.size FROM {{schema}}.leaf l {join}"
    " LEFT JOIN {schema}.head h ON h.size = l.idx + 1 WHERE l.idx >= {start} ORDER BY l.idx"
    for key, join in ((short("w.wrapped", 48), "LEFT JOIN {schema}.wrapped w ON w.key_id = l.key_id"), ("NULL", ""))
)
"""Leaves in their order, each with its wrapped key and, where a commit ends, the signed head."""


class _Ahead:
    """The leaves from index `start` to the end that came along with the newest head, unpacked if they are asked for."""

    def __init__(self, start: int, packet: Packet, place: int) -> None:
        self.start, self._packet, self._place = start, packet, place

    @cached_property
    def rows(self) -> list[tuple[Any, ...]]:
        return self._packet.rows(self._place)


class PostgresReader:
    """What can be asked of a schema over one connection."""

    def __init__(self, session: Session) -> None:
        self._session, self.name, self._schema = session, session.name, session.server.schema
        self._newest: list[tuple[int, bytes]] | None = None
        """The newest head as it was heard, under the lock while nothing was inserted."""
        self._ahead: _Ahead | None = None
        self._streams: dict[tuple[int, int, bytes, int, bool], list[tuple[Leaf, bytes | None]]] = {}
        """What was asked under the lock, while nothing was changed: a commit asks for some of it twice."""
        self._cursors = count()

    def _read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._session.read(sql.format(schema=self._schema), values)

    def newest(self, *, now: bool = False) -> tuple[int, bytes] | None:
        """Size and note of the newest head; `now`: not as it was heard a moment ago, without the lock perhaps."""
        if now:
            self._changed()
        rows = self._newest if self._newest is not None else self._read(NEWEST)
        return (rows[0][0], rows[0][1]) if rows else None

    @contextmanager
    def hearing(self, since: int) -> Iterator[None]:
        """Inside, the newest head and what leads up to it from leaf `since` on stand as they were at the beginning."""
        if self._session.within or self._newest is not None:  # it came along with the lock
            yield
            return
        with self._session.faults():
            self._hear([], since)
        try:
            yield
        finally:
            self._changed()

    def _hear(self, statements: Iterable[str], since: int | None) -> None:
        """Run statements and read the newest head and what leads up to it, in one round trip."""
        packet = Packet(self._session.db)
        for statement in statements:
            packet.add(statement)
        head = packet.add(NEWEST.format(schema=self._schema))
        sql = WITH_KEYS.format(schema=self._schema, start="$1") + f" LIMIT {AHEAD}"
        ahead = packet.add(sql, (since - 1,)) if since is not None else None
        packet.send()
        self._newest = packet.rows(head)
        if since is not None and ahead is not None and packet.count(ahead) < AHEAD:
            self._ahead = _Ahead(since - 1, packet, ahead)

    def head(self, size: int) -> bytes | None:
        """The note at a size."""
        if self._ahead and self._ahead.start < size:
            return next((row[13] for row in self._ahead.rows if row[14] == size), None)
        return self._value(f"SELECT {NOTE} FROM {{schema}}.head WHERE size = %b", size)

    def _value(self, sql: str, *values: object) -> bytes | None:
        rows = self._read(sql, *values)
        return rows[0][0] if rows else None

    def commits(self, start: int, *, keys: bool = True) -> Iterator[Raw]:
        """Whole commits from leaf `start`, in order, from one snapshot; without `keys` no wrapped key is looked up.

        A snapshot of its own that breaks off is taken anew, and goes on after the last commit that was given.
        Raises Tampered for leaves that no commit closes and heads that close nothing.
        """
        if self._ahead and self._ahead.start <= start:
            yield from self._whole([row for row in self._ahead.rows if row[0] >= start], start)
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
        sql = (WITH_KEYS if keys else WITHOUT_KEYS).format(schema=self._schema, start=start)
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
        """The rows of a query, a few hundred in memory at a time; the next ones are under way meanwhile."""
        name = f"c{next(self._cursors)}"
        with self.snapshot(), self._session.faults(), self._session.db.pipeline():
            run = self._session.run
            run(f"DECLARE {name} NO SCROLL CURSOR FOR {sql.format(schema=self._schema)}")
            more = f"FETCH {FETCHED} FROM {name}"
            asked = deque(self._session.cursor().execute(more) for _ in range(ASKED))
            while rows := asked.popleft().fetchall():
                asked.append(self._session.cursor().execute(more))
                yield from rows
            run(f"CLOSE {name}")

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
            f"SELECT {LEAF}, {short('w.wrapped', 48)} FROM {{schema}}.leaf l"
            " LEFT JOIN {schema}.wrapped w ON w.key_id = l.key_id"
            f" WHERE kind = %b AND compartment = %b AND stream = %b AND version < %b ORDER BY version {order}",
            *asked[:-1],
        )
        found = [(Leaf._make(row[:12]), row[12]) for row in rows]
        if self._newest is not None:
            self._streams[asked] = found
        return found

    def leaf(self, index: int) -> Leaf | None:
        rows = self._read(f"SELECT {LEAF} FROM {{schema}}.leaf l WHERE idx = %b", index)
        return Leaf._make(rows[0]) if rows else None

    def referring(self, start: int) -> Iterator[Leaf]:
        """The leaves from `start` on that refer to documents."""
        where = f"WHERE idx >= {start:d} AND octet_length(refs) > 0"
        yield from map(Leaf._make, self._each(f"SELECT {LEAF} FROM {{schema}}.leaf l {where} ORDER BY idx"))

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
        return self._value(f"SELECT {WRAPPED} FROM {{schema}}.wrapped WHERE key_id = %b", key_id)

    def slots_of(self, device: bytes, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """A device's sealed slots at these compartments and epochs, as far as there are any."""
        asked = ", ".join(f"({compartment:d}, {epoch:d})" for compartment, epoch in places)
        where = f"device = %b AND (compartment, epoch) IN ({asked})"
        sql = f"SELECT compartment, epoch, {SEALED} FROM {{schema}}.slot WHERE {where}"
        return {(row[0], row[1]): row[2] for row in self._read(sql, device) if row[2] is not None}

    def key_rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Every wrapped key in the order of their ids, for an audit."""
        columns = f"{short('w.key_id', 32)}, {WRAPPED}"
        yield from self._each(f"SELECT {columns} FROM {{schema}}.wrapped w ORDER BY w.key_id")

    def slots(self) -> Iterator[tuple[int, int, bytes, bytes]]:
        """Every slot, for an audit."""
        yield from self._each(f"SELECT compartment, epoch, {short('device', 16)}, {SEALED} FROM {{schema}}.slot")

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
        with self._session.unhurried():
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

    def _changed(self) -> None:
        """What was heard under the lock holds no longer."""
        self._newest = self._ahead = None
        self._streams.clear()
