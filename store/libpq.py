"""One question to a server through the C library alone: a read of current views needs nothing more of psycopg."""

from __future__ import annotations

import ctypes
import select
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from store.place import Server

QUESTION = """SELECT size, CASE WHEN octet_length(note) <= 4096 THEN note END
    FROM {schema}.head ORDER BY size DESC LIMIT 1"""
SILENCE = 5.0
"""Seconds; who has to wait for longer asks in the other way, which can tell why."""
CONNECTED, TUPLES, BINARY = 0, 2, 1


def newest(server: Server) -> tuple[int, bytes] | None:
    """Size and note of the newest head; None when it cannot be had in this way, for whatever reason."""
    pq = _library()
    if pq is None:
        return None
    said = server.connection
    names, values = ((ctypes.c_char_p * (len(said) + 1))(*_encoded(each)) for each in (said, said.values()))
    connection = pq.PQconnectdbParams(names, values, 0)
    try:
        if pq.PQstatus(connection) != CONNECTED:
            return None
        question = QUESTION.format(schema=server.schema).encode()
        pq.PQsendQueryParams(connection, question, 0, None, None, None, None, BINARY)
        if not _answered(pq, connection):
            return None
        result = pq.PQgetResult(connection)
        try:
            if pq.PQresultStatus(result) != TUPLES or pq.PQntuples(result) != 1 or pq.PQgetisnull(result, 0, 1):
                return None
            size, note = (
                ctypes.string_at(pq.PQgetvalue(result, 0, at), pq.PQgetlength(result, 0, at)) for at in (0, 1)
            )
            return int.from_bytes(size, "big", signed=True), note
        finally:
            pq.PQclear(result)
    finally:
        pq.PQfinish(connection)


def _answered(pq: ctypes.CDLL, connection: int) -> bool:
    """Whether an answer came in time: a server may hang, and the network not know of it."""
    waiting = select.poll()
    waiting.register(pq.PQsocket(connection), select.POLLIN)
    while pq.PQisBusy(connection):
        if not waiting.poll(SILENCE * 1000) or not pq.PQconsumeInput(connection):
            return False
    return True


def _encoded(texts: Iterable[str]) -> list[bytes | None]:
    return [*(text.encode() for text in texts), None]


def _library() -> ctypes.CDLL | None:
    """The library that psycopg would use: the one in its wheel, else the system's."""
    for name in (*_bundled(), "libpq.so.5", "libpq.5.dylib"):
        try:
            pq = ctypes.CDLL(name)
        except OSError:
            continue
        pointer, whole = ctypes.c_void_p, ctypes.c_int
        for function, result, arguments in (
            ("PQconnectdbParams", pointer, [ctypes.POINTER(ctypes.c_char_p)] * 2 + [whole]),
            ("PQstatus", whole, [pointer]),
            ("PQfinish", None, [pointer]),
            ("PQsocket", whole, [pointer]),
            ("PQsendQueryParams", whole, [pointer, ctypes.c_char_p, whole, *[pointer] * 4, whole]),
            ("PQconsumeInput", whole, [pointer]),
            ("PQisBusy", whole, [pointer]),
            ("PQgetResult", pointer, [pointer]),
            ("PQresultStatus", whole, [pointer]),
            ("PQntuples", whole, [pointer]),
            ("PQgetisnull", whole, [pointer, whole, whole]),
            ("PQgetvalue", pointer, [pointer, whole, whole]),
            ("PQgetlength", whole, [pointer, whole, whole]),
            ("PQclear", None, [pointer]),
        ):
            made = getattr(pq, function)
            made.restype, made.argtypes = result, arguments
        return pq
    return None


def _bundled() -> Iterator[str]:
    wheel = find_spec("psycopg_binary")
    for folder in wheel.submodule_search_locations or () if wheel else ():
        yield from map(str, Path(folder).parent.glob("psycopg_binary.libs/libpq-*.so*"))
