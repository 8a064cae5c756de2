"""More readers of one ledger on PostgreSQL, for programs of several threads: their connections come from a pool.

One thread at a time commits, as one writer at a time holds the ledger on the server. Those who read need not wait
for it: each reader is what another process of the same client would be, with its own connection to the same views.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from threading import Condition
from typing import TYPE_CHECKING

from store.errors import Unavailable
from store.ledger import Ledger
from store.postgres import PostgresStore
from store.postgres_connect import Connection, adapt, parameters
from store.postgres_session import Session

try:
    from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout
except ModuleNotFoundError:
    raise Unavailable("readers on PostgreSQL need psycopg-pool: install bo-ledger[postgres]") from None

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.place import Server


class Pooled(Session):
    """Works on a connection that was lent to it; for one that broke off it asks for another."""

    def __init__(self, readers: Readers, server: Server) -> None:
        super().__init__(server)
        self._readers = readers

    def lend(self, connection: Connection) -> None:
        self._db = connection

    def give_back(self) -> None:
        if self._db is not None:
            connection, self._db = self._db, None
            self._readers.put(connection)

    def drop(self) -> None:
        super().drop()
        self.give_back()

    def _connect(self) -> Connection:
        self.lend(self._readers.connection())
        assert self._db is not None
        return self._db


class Reader(Ledger):
    """The same client once more, over a lent connection. The schema is looked at when it begins, as by any process."""

    def __init__(self, ledger: Ledger, session: Pooled, *, standby: bool) -> None:
        super().__init__(ledger.at, ledger.home, ledger.device, ledger._views)
        self.session, self._standby = session, standby

    @cached_property
    def store(self) -> PostgresStore:
        store = PostgresStore(self.session, writable=False)
        store.check_schema()
        store.standby = self._standby
        return store


class Readers:
    """At most `size` at a time; who comes later waits for `wait` seconds. A connection is tried before it is used."""

    def __init__(self, ledger: Ledger, server: Server, size: int, wait: float) -> None:
        self._ledger, self._server, self._size, self._wait = ledger, server, size, wait
        self._standby = ledger.store.standby
        self._idle: list[Reader] = []
        self._lent, self._free = 0, Condition()
        self._pool = ConnectionPool(
            connection_class=Connection, kwargs=parameters(self._server), min_size=0, max_size=size, timeout=wait,
            open=True, configure=adapt, check=ConnectionPool.check_connection, name=f"bo {self._server.schema}",
        )  # fmt: skip

    @contextmanager
    def one(self) -> Iterator[Reader]:
        """A reader for oneself. Raises Unavailable when none is free in time."""
        connection = self.connection()
        with self._free:
            reader = self._idle.pop() if self._idle else self._new()
            self._lent += 1
        try:
            reader.session.lend(connection)
            yield reader
        finally:
            reader.session.give_back()
            with self._free:
                self._lent -= 1
                self._idle.append(reader)
                self._free.notify()

    def _new(self) -> Reader:
        return Reader(self._ledger, Pooled(self, self._server), standby=self._standby)

    def connection(self) -> Connection:
        try:
            return self._pool.getconn()
        except PoolTimeout:
            why = "the server gives no connection"
            if self._lent >= self._size:
                why = f"all readers of this program ({self._size}) are busy"
            raise Unavailable(f"{self._server}: {why}, for {self._wait:.0f} seconds") from None
        except PoolClosed:
            raise Unavailable(f"{self._server}: the ledger was closed") from None

    def put(self, connection: Connection) -> None:
        self._pool.putconn(connection)

    def close(self) -> None:
        """When those that are at work have ended."""
        self._pool.close()
        with self._free:
            self._free.wait_for(lambda: not self._lent)
        for reader in self._idle:
            reader.close()
