"""Statements that go to a server in one packet: their answers, and what one that fails leaves behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.place import Server as Place
from store.place import place_of
from tests.servers import Server

psycopg = pytest.importorskip("psycopg")

from store.postgres_connect import Connection, adapt, connect  # noqa: E402  # as psycopg may be missing
from store.postgres_packet import Packet  # noqa: E402

INSERT = "INSERT INTO said VALUES ($1, $2)"


@pytest.fixture
def db(postgres_server: Server) -> Iterator[Connection]:
    place = place_of(postgres_server.url())
    assert isinstance(place, Place)
    found = connect(place)
    adapt(found)
    found.execute("CREATE TEMPORARY TABLE said(no bigint PRIMARY KEY, what bytea)")
    yield found
    found.close()


def said(db: Connection) -> list[tuple[object, ...]]:
    packet = Packet(db)
    place = packet.add("SELECT no, what FROM said ORDER BY no")
    packet.send()
    return packet.rows(place)


def test_every_answer_stands_at_its_place(db: Connection) -> None:
    packet = Packet(db)
    packet.add("BEGIN")
    one = packet.add(INSERT, (-(1 << 63), b"\0\xff"))
    two = packet.add(INSERT, ((1 << 63) - 1, b""))
    rows = packet.add("SELECT no, what, NULL::bytea FROM said ORDER BY no")
    name = packet.add("SELECT convert_to($1, 'UTF8')", ("é",))
    done = packet.add("COMMIT")
    packet.send()
    assert [packet.told(place) for place in (one, two, done)] == [b"INSERT 0 1", b"INSERT 0 1", b"COMMIT"]
    assert packet.rows(rows) == [(-(1 << 63), b"\0\xff", None), ((1 << 63) - 1, b"", None)]
    assert packet.rows(name) == [("é".encode(),)]


def test_after_a_statement_that_fails_none_is_tried_and_the_connection_goes_on(db: Connection) -> None:
    for _ in range(3):
        packet = Packet(db)
        begun, twice = packet.add("BEGIN"), [packet.add(INSERT, (1, b"a")) for _ in range(2)]
        done = packet.add("COMMIT")
        with pytest.raises(psycopg.errors.UniqueViolation, match="said_pkey"):
            packet.send()
        told = [packet.told(place) for place in (begun, *twice, done)]
        assert told == [b"BEGIN", b"INSERT 0 1", b"", b""]
        db.execute("ROLLBACK")
        db.prepared.clear()
        assert said(db) == []


def test_a_statement_that_cannot_be_prepared_is_an_error_each_time(db: Connection) -> None:
    for _ in range(2):
        packet = Packet(db)
        packet.add("SELECT 1::bigint")
        packet.add("SELECT missing FROM said")
        with pytest.raises(psycopg.errors.UndefinedColumn):
            packet.send()
    assert said(db) == []


def test_a_packet_larger_than_any_buffer_arrives(db: Connection) -> None:
    body, packet = bytes(range(256)) * 256, Packet(db)
    for number in range(500):  # 32 MiB, of which the server tells back as many
        packet.add(INSERT, (number, body))
        packet.add("SELECT what FROM said WHERE no = $1", (number,))
    packet.send()
    assert said(db) == [(number, body) for number in range(500)]


def test_a_connection_that_breaks_off_is_given_up(db: Connection) -> None:
    packet = Packet(db)
    packet.add("SELECT pg_terminate_backend(pg_backend_pid())")
    done = packet.add("COMMIT")
    with pytest.raises(psycopg.OperationalError):
        packet.send()
    assert (packet.told(done), db.closed) == (b"", True)
    with pytest.raises(psycopg.OperationalError):
        Packet(db).send()
