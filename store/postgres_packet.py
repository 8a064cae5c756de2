"""Several statements in one packet to the server, and their answers in one: a commit is two such exchanges.

psycopg's own pipeline saves the round trips too, but sends every statement by itself and wakes the server for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import Error, OperationalError
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.waiting import Ready, Wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGresult

    from store.postgres_connect import Connection

INT8 = 20
"""The number of the type `bigint`."""
_FAILED = ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED
_AS_SENT = {int: lambda value: value.to_bytes(8, "big", signed=True), bytes: bytes, str: str.encode}
"""The statements settle the types of their parameters: bigint, bytea and text."""


class Packet:
    """Statements that go together, each prepared once on its connection. After one that fails none is tried."""

    def __init__(self, db: Connection) -> None:
        self._db, self._connection = db, db.pgconn
        self._messages: list[tuple[bytes, str, list[bytes] | None]] = []
        """A statement's name, and its text that is to be prepared or the values with which it is run."""
        self._answers: list[PGresult] = []
        self._new: dict[str, bytes] = {}
        """The names of the statements that are prepared with it."""

    def add(self, sql: str, values: Sequence[int | bytes | str] = ()) -> int:
        """Add a statement with its parameters, $1 and so on; the place of its answer."""
        name = self._db.prepared.get(sql) or self._new.get(sql)
        if name is None:
            name = self._new[sql] = b"bo_%d" % next(self._db.names)
            self._messages.append((name, sql, None))
        self._messages.append((name, sql, [_AS_SENT[type(value)](value) for value in values]))
        return len(self._messages) - 1

    def send(self) -> None:
        """Send all, wait for all. Raises psycopg.Error for the first that failed: what came before it was answered."""
        connection = self._connection
        connection.enter_pipeline_mode()
        try:
            for name, sql, values in self._messages:
                if values is None:
                    connection.send_prepare(name, sql.encode())
                else:
                    connection.send_query_prepared(name, values, [Format.BINARY] * len(values), Format.BINARY)
            connection.pipeline_sync()
            self._db.wait(self._exchange())
        finally:
            try:
                connection.exit_pipeline_mode()
            except Error:  # not everything was answered
                self._db.close()
        for (name, sql, values), answer in zip(self._messages, self._answers, strict=True):
            if values is None and answer.status == ExecStatus.COMMAND_OK:
                self._db.prepared[sql] = name
        for answer in self._answers:
            if answer.status in _FAILED:
                raise error_from_result(answer)

    def _exchange(self) -> PQGen[None]:
        """Write what is not sent yet, and read until the server has answered everything."""
        connection = self._connection
        while connection.flush():
            ready = yield Wait.RW
            if ready & Ready.R:
                connection.consume_input()
        while True:
            while connection.is_busy():
                if (yield Wait.R):
                    connection.consume_input()
            answer = connection.get_result()
            if answer is not None and answer.status == ExecStatus.PIPELINE_SYNC:
                return
            if answer is not None:
                self._answers.append(answer)
            elif connection.status == ConnStatus.BAD:
                lost = next((each for each in self._answers if each.status in _FAILED), None)
                raise error_from_result(lost) if lost else OperationalError("the connection is lost")

    def count(self, place: int) -> int:
        """How many rows a query answered."""
        return self._answers[place].ntuples

    def rows(self, place: int) -> list[tuple[Any, ...]]:
        """What a query answered."""
        answer = self._answers[place]
        get = answer.get_value
        columns = [(at, answer.ftype(at) == INT8) for at in range(answer.nfields)]
        return [tuple(_read(get(row, at), whole) for at, whole in columns) for row in range(answer.ntuples)]

    def told(self, place: int) -> bytes:
        """What a statement is said to have done, as in `COMMIT`; empty where no answer came."""
        return self._answers[place].command_status or b"" if place < len(self._answers) else b""


def _read(value: bytes | None, whole: bool) -> int | bytes | None:
    return int.from_bytes(value, "big", signed=True) if whole and value is not None else value
