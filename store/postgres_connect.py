"""Connecting to a PostgreSQL server, and whether one that cannot be reached may be there in a moment."""

from __future__ import annotations

import errno
import os
import re
from itertools import count
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import BytesBinaryDumper

if TYPE_CHECKING:
    from psycopg.abc import PQGen

    from store.place import Server

RV = TypeVar("RV")

SOON = (
    os.strerror(errno.ECONNREFUSED),
    os.strerror(errno.ECONNRESET),
    "server closed the connection unexpectedly",
    "the database system is ",  # starting up, shutting down, in recovery, not yet accepting connections
    "too many clients already",
    "too many connections for ",
    "remaining connection slots are reserved",
    "session is read-only",  # of several servers none takes writes yet: a standby is about to
)
"""What restarts and rushes say. libpq hands out no SQLSTATE for a connection that was not made, so words have to do;
where a server says them in another language, `PGconn.ping` still tells one that is starting up."""
SILENCE, LONG = 60.0, 3_600.0
"""Seconds without an answer: twice what a lock is waited for, and what may be asked of large tables."""
SILENT = "connection timeout expired"
_SOCKET = re.compile(r'"(/[^"]*)/\.s\.PGSQL\.\d+"')


class Connection(psycopg.Connection[Any]):
    """One on which a server may be silent for a while only: a network that is up knows nothing of one that hangs."""

    silence = SILENCE

    def __init__(self, *how: Any, **more: Any) -> None:
        super().__init__(*how, **more)
        self.prepared: dict[str, bytes] = {}
        """The names of the statements that a `Packet` has prepared on it, by their text."""
        self.names = count()

    def wait(self, gen: PQGen[RV], *how: Any, **more: Any) -> RV:
        """As psycopg does. Raises OperationalError, and is closed, when nothing came for too long."""
        return super().wait(self._heard(gen), *how, **more)

    def _heard(self, gen: PQGen[RV]) -> PQGen[RV]:
        since = monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    since = monotonic()
                elif monotonic() - since > self.silence:
                    self.close()
                    raise psycopg.OperationalError(f"the server has not answered for {self.silence:.0f} seconds")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # what the generator returned


def parameters(server: Server) -> dict[str, Any]:
    """What psycopg is to be told for a connection as all of ours are."""
    return {"autocommit": True, "cursor_factory": psycopg.Cursor, **server.connection}


def connect(server: Server) -> Connection:
    """A connection. Raises psycopg.Error."""
    return Connection.connect("", **parameters(server))


def adapt(db: psycopg.Connection[Any]) -> None:
    """Settle how values are sent."""
    db.adapters.register_dumper(int, Int8BinaryDumper)  # else the type of a parameter depends on its size
    db.adapters.register_dumper(bytes, BytesBinaryDumper)


def seconds(server: Server) -> float:
    """How long a first connection is tried: as long as one may take, which the URL can set."""
    said = server.connection["connect_timeout"]
    return float(said) if said.isdigit() else 0.0


def passing(server: Server, problem: psycopg.Error) -> bool:
    """Whether it is worth trying again: a server that restarts or is full is, a wrong name or password is not.

    One that was silent for the whole of the connection's time was waited for already, unless another host spoke.
    """
    said = [line for line in str(problem).split("\n") if line.startswith("- host")] or [str(problem)]
    soon = [line for line in said if _is_soon(line)]
    if soon:
        return all(line in soon or SILENT in line for line in said)
    refused = problem.pgconn is not None and (problem.pgconn.needs_password or problem.pgconn.used_password)
    return not refused and SILENT not in str(problem) and _is_starting(server)


def _is_soon(line: str) -> bool:
    if any(words in line for words in SOON):
        return True
    sockets = _SOCKET.findall(line)  # a server that restarts takes away its socket, but not the folder
    return os.strerror(errno.ENOENT) in line and any(Path(folder).is_dir() for folder in sockets)


def _is_starting(server: Server) -> bool:
    return PGconn.ping(make_conninfo(**server.connection).encode()) == Ping.REJECT
