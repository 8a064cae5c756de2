"""Documents in two tables of a PostgreSQL ledger: pieces under the id of an upload, and the upload of each hash.

An upload is one transaction. It ends before the commit that refers to it begins, as the writing of a file does.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from store.blobplace import Lying, name_of
from store.errors import Interrupted, Tampered
from store.postgres_session import DURABLE, Session

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from store.place import Server

SIZE = 256 << 10
"""Bytes of a piece; the last one may be shorter."""
AT_ONCE = 4
"""Pieces that one query fetches."""
PAGE = 10_000
PUT = "COPY {schema}.blob_piece(upload, no, data) FROM STDIN (FORMAT BINARY)"
NAME = """INSERT INTO {schema}.blob(hash, upload, size, made)
    VALUES(%s, %s, %s, extract(epoch FROM clock_timestamp())::bigint)"""
# a planted piece may be huge: what is too long is not fetched
READ = """SELECT p.no, CASE WHEN octet_length(p.data) <= %s THEN p.data END
    FROM {schema}.blob_piece p JOIN {schema}.blob b ON b.upload = p.upload
    WHERE b.hash = %s AND p.no >= %s AND p.no < %s ORDER BY p.no"""
HAS = "SELECT 1 FROM {schema}.blob WHERE hash = %s"
LIST = "SELECT hash, size, made FROM {schema}.blob WHERE hash > %s ORDER BY hash LIMIT %s"
DELETE = """WITH gone AS (DELETE FROM {schema}.blob WHERE hash = ANY(%s) RETURNING upload),
    pieces AS (DELETE FROM {schema}.blob_piece p USING gone WHERE p.upload = gone.upload)
    SELECT COUNT(*) FROM gone"""


class Table:
    """One connection reads, and each upload under way has one to itself: it may read another document meanwhile."""

    def __init__(self, server: Server) -> None:
        self._server, self._reader = server, Session(server)
        self._spare: list[Session] = []

    @contextmanager
    def new(self) -> Iterator[_Upload]:
        session = self._spare.pop() if self._spare else Session(self._server)
        try:
            upload = _Upload(self, session)
            yield upload
        except BaseException:
            session.drop()
            raise
        if upload.published:
            self._spare.append(session)
        else:
            session.drop()  # and with it the transaction

    def read(self, blob: bytes) -> Iterator[bytes]:
        no = 0
        while pieces := self._ask(READ, SIZE, blob, no, no + AT_ONCE):
            for found, data in pieces:
                if found != no or data is None:
                    raise Tampered(f"the document file {blob.hex()} was changed")
                yield data
                no += 1
        if not no:
            raise Tampered(f"the document file {blob.hex()} is missing")

    def has(self, blob: bytes) -> bool:
        return bool(self._ask(HAS, blob))

    def delete(self, blobs: Collection[bytes]) -> None:
        if blobs:
            self._ask(DELETE, list(blobs), role="owner")

    def listed(self) -> Iterator[Lying]:
        last = b""
        while rows := self._ask(LIST, last, PAGE):
            for last, size, made in rows:  # the last is where the next page begins
                yield Lying(name_of(last), last if len(last) == 32 else None, size, made)

    def remove(self, name: str) -> None:
        self.delete([bytes.fromhex(name[3:])])

    def close(self) -> None:
        for session in (self._reader, *self._spare):
            session.drop()
        self._spare.clear()

    def _ask(self, sql: str, *values: object, role: str = "reader") -> list[tuple[Any, ...]]:
        return self._reader.read(sql.format(schema=self._server.schema), values, role)


class _Upload:
    def __init__(self, table: Table, session: Session) -> None:
        self._table, self._session, self._schema = table, session, session.server.schema
        self._id, self._held, self._no, self._size = os.urandom(16), bytearray(), 0, 0
        self._copying = ExitStack()
        self.published = False
        session.run("BEGIN", f"SELECT {DURABLE}")
        with session.faults("writer"):
            copy = session.db.cursor().copy(PUT.format(schema=self._schema))
            self._copy = self._copying.enter_context(copy)
            self._copy.set_types(("bytea", "int8", "bytea"))

    def write(self, data: bytes) -> None:
        self._held += data
        while len(self._held) >= SIZE:
            self._send(SIZE)

    def _send(self, size: int) -> None:
        with self._session.faults("writer"):
            self._copy.write_row((self._id, self._no, bytes(self._held[:size])))
        del self._held[:size]
        self._no += 1
        self._size += size

    def publish(self, blob: bytes) -> None:
        if self._held:
            self._send(len(self._held))
        with self._session.faults("writer"):
            self._copying.close()
            if self._table.has(blob):  # only then: who may write need not have the right to delete
                self._session.db.execute(DELETE.format(schema=self._schema), ([blob],))
            self._session.db.execute(NAME.format(schema=self._schema), (blob, self._id, self._size))
        try:
            with self._session.faults("writer"):
                self._session.db.execute("COMMIT")
        except Interrupted:  # in the one moment where nobody knows whether it stands
            if not self._table.has(blob):
                raise
        self.published = True
