"""Connecting to a PostgreSQL server, and whether one that cannot be reached may be there in a moment."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import BytesBinaryDumper

if TYPE_CHECKING:
    from store.place import Server

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
SILENT = "connection timeout expired"
_SOCKET = re.compile(r'"(/[^"]*)/\.s\.PGSQL\.\d+"')


def parameters(server: Server) -> dict[str, Any]:
    """What psycopg is to be told for a connection as all of ours are."""
    return {"autocommit": True, "cursor_factory": psycopg.Cursor, **server.connection}


def connect(server: Server) -> psycopg.Connection[Any]:
    """A connection. Raises psycopg.Error."""
    return psycopg.connect("", **parameters(server))


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
