"""The PostgreSQL store: what only a server can do to a ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aggregates.core import Refused
from bo.errors import code_of
from bo.session import Session
from store import copying, found, libpq, writing
from store import place as places
from store.audit import verify
from store.errors import Interrupted, NoLedger, RolledBack, Tampered, Unavailable
from store.leaf import COMMIT
from store.patience import Patience
from store.place import create_store, open_store, place_of
from store.postgres_schema import TABLES
from store.sqlite import SQLiteStore
from tests.ledgers import Office, connection, contiguous, draft, erase, issue, key_row, numbers
from tests.servers import Server
from tests.test_budget import RULES, imported, packages

pytest.importorskip("psycopg")
from store import postgres
from store.postgres_packet import Packet


@pytest.fixture
def office(tmp_path: Path, postgres_url: str) -> Iterator[Office]:
    made = Office(tmp_path, postgres_url)
    yield made
    made.close()


@pytest.fixture
def sql(postgres_server: Server, office: Office) -> Callable[[str], list[tuple[Any, ...]]]:
    """What a superuser does in the schema of the office's ledger, which he calls `S`."""
    schema = server_of(office).schema

    def run(statement: str) -> list[tuple[Any, ...]]:
        return postgres_server.sql(statement.replace("S.", f"{schema}.").replace("SCHEMA S", f"SCHEMA {schema}"))

    return run


def server_of(office: Office) -> places.Server:
    assert isinstance(office.ledger.at, places.Server)
    return office.ledger.at


# the schema

PLANTED = {
    "trigger": "CREATE FUNCTION public.evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
    " CREATE TRIGGER evil BEFORE INSERT ON S.leaf FOR EACH ROW EXECUTE FUNCTION public.evil()",
    "view": "CREATE VIEW S.evil AS SELECT 1",
    "materialised view": "CREATE MATERIALIZED VIEW S.evil AS SELECT 1 AS one",
    "rule": "CREATE RULE evil AS ON INSERT TO S.head DO INSTEAD NOTHING",
    "index": "CREATE INDEX evil ON S.leaf(ordinal)",
    "table": "CREATE TABLE S.evil(x int)",
    "sequence": "CREATE SEQUENCE S.evil",
    "function": "CREATE FUNCTION S.octet_length(bytea) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "type": "CREATE TYPE S.evil AS (x int)",
    "domain": "CREATE DOMAIN S.evil AS bytea",
    "operator": "CREATE OPERATOR S.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = byteane)",
    "column": "ALTER TABLE S.slot ADD COLUMN evil bigint",
    "other type": "ALTER TABLE S.slot ALTER epoch TYPE int",
    "nullable column": "ALTER TABLE S.leaf ALTER body DROP NOT NULL",
    "default": "ALTER TABLE S.head ALTER note SET DEFAULT ''",
    "dropped column of ours": "ALTER TABLE S.head DROP note",
    "check": "ALTER TABLE S.head ADD CONSTRAINT evil CHECK (size < 100)",
    "foreign key": "CREATE TABLE public.evil(size bigint REFERENCES S.head)",
    "policy": "CREATE POLICY evil ON S.leaf USING (idx < 5)",
    "row security": "ALTER TABLE S.leaf ENABLE ROW LEVEL SECURITY",
    "child": "CREATE TABLE public.evil() INHERITS (S.leaf)",
    "unlogged table": "ALTER TABLE S.head SET UNLOGGED",
    "packed column": "ALTER TABLE S.leaf ALTER body SET STORAGE EXTENDED",
    "missing index": "DROP INDEX S.leaf_stream",
    "other index": "DROP INDEX S.leaf_stream; CREATE INDEX leaf_stream ON S.leaf(kind, compartment, stream, version)",
    "missing key": "ALTER TABLE S.wrapped DROP CONSTRAINT wrapped_pkey",
    "other layout": "COMMENT ON SCHEMA S IS 'bo ledger, layout 2'",
}


@pytest.mark.parametrize("statement", PLANTED.values(), ids=PLANTED)
def test_what_was_planted_into_the_schema_is_refused(
    statement: str, office: Office, sql: Callable[[str], Any], postgres_server: Server
) -> None:
    place = server_of(office)
    open_store(place).close()
    try:
        sql(statement)
        with pytest.raises(Tampered, match="is not what `bo init` makes there") as refused:
            open_store(place)
        assert code_of(refused.value) == 20
    finally:
        postgres_server.sql("DROP TABLE IF EXISTS public.evil; DROP FUNCTION IF EXISTS public.evil CASCADE")


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("function", r"foreign function \w+\.octet_length\(bytea\)$"),
        ("domain", r"foreign type \w+\.evil$"),
        ("row security", "row security of leaf$"),
    ],
)
def test_what_was_planted_is_named_so_that_it_can_be_removed(
    kind: str, named: str, office: Office, sql: Callable[[str], Any]
) -> None:
    sql(PLANTED[kind])
    with pytest.raises(Tampered, match=named):
        open_store(server_of(office))


def test_a_column_that_was_added_and_dropped_again_is_no_hindrance(office: Office, sql: Callable[[str], Any]) -> None:
    """What is left of it nobody can remove from the table, and nothing comes of it: else the ledger would be lost."""
    office.issue_invoices(1)
    for table in TABLES:
        sql(f"ALTER TABLE S.{table} ADD x bigint DEFAULT 1; ALTER TABLE S.{table} DROP x")
    office.reopen()
    office.issue_invoices(1)
    office.ledger.commit(lambda tx: [issue(tx) for _ in range(50)])  # so many rows come by COPY
    assert len(numbers(office.fresh())) == 52
    assert verify(office.ledger.store, device=office.ledger.device).findings == []


def test_a_search_path_of_the_role_decides_nothing(office: Office, postgres_server: Server) -> None:
    postgres_server.sql("CREATE SCHEMA evil; CREATE FUNCTION evil.octet_length(bytea) RETURNS int"
                        " LANGUAGE sql AS 'SELECT 99999999'")  # fmt: skip
    try:
        postgres_server.sql("ALTER ROLE postgres SET search_path = evil, pg_catalog")
        office.issue_invoices(1)
        assert numbers(office.fresh()) == ["INV-2026-0001"]
    finally:
        postgres_server.sql("ALTER ROLE postgres RESET search_path; DROP SCHEMA evil CASCADE")


def test_a_database_without_an_encoding_is_refused(postgres_server: Server) -> None:
    postgres_server.sql("CREATE DATABASE plain ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(Unavailable, match="make one with UTF8"):
        create_store(place_of(postgres_server.url("plain", schema="acme")))


# where there is a ledger, and where not


def test_where_there_is_no_ledger_one_can_be_made(postgres_server: Server, postgres_url: str) -> None:
    place = place_of(postgres_url)
    with pytest.raises(NoLedger, match="make one with"):
        open_store(place)
    found.require_free(place)
    found.create(place, bytes(16))
    with pytest.raises(Refused, match=r"never finished: remove the schema \w+ first"):
        found.require_free(place)
    assert found.withdraw(place)
    found.require_free(place)


def test_a_schema_of_somebody_else_is_left_alone(postgres_server: Server, postgres_url: str) -> None:
    place = place_of(postgres_url)
    assert isinstance(place, places.Server)
    postgres_server.sql(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.theirs(x int)")
    with pytest.raises(Refused, match="something else"):
        found.require_free(place)
    with pytest.raises(Unavailable, match="not empty"):
        found.create(place, bytes(16))
    assert postgres_server.sql(f"SELECT count(*) FROM {place.schema}.theirs") == [(0,)]


def test_only_one_of_two_can_begin(postgres_url: str) -> None:
    place, failed = place_of(postgres_url), []

    def begin() -> None:
        try:
            found.create(place, bytes(16))
        except Refused as refusal:
            failed.append(refusal)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failed) == 3
    open_store(place).close()


def test_several_ledgers_share_a_database(office: Office, tmp_path: Path, postgres_server: Server) -> None:
    with postgres_server.schema() as url:
        (tmp_path / "other").mkdir()
        other = Office(tmp_path / "other", url)
        assert office.issue_invoices(2) == other.issue_invoices(2)
        with office.ledger.store.writing():  # their locks are two
            assert other.issue_invoices(1) == ["INV-2026-0003"]
        other.close()


# writers


def test_writers_queue_and_number_without_gaps(office: Office) -> None:
    jobs = [office.start("issue", "12") for _ in range(4)]
    told = [line for job in jobs for line in job.communicate(timeout=120)[0].split()]
    assert sorted(told) == numbers(office.fresh()) == contiguous(48)


def test_who_waits_too_long_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = places._FIXED["options"].replace("lock_timeout=30s", "lock_timeout=100ms")
    monkeypatch.setitem(places._FIXED, "options", quick)
    other = office.another()
    with office.ledger.store.writing(), pytest.raises(Unavailable, match="another writer holds the ledger") as told:
        other.commit(issue)
    assert code_of(told.value) == 6
    assert "nothing was recorded" in str(told.value)
    assert other.commit(issue) == "INV-2026-0001"


@pytest.mark.parametrize("unrivalled", [True, False])
def test_a_commit_waits_for_the_standby_that_the_server_waits_for(
    unrivalled: bool, office: Office, postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Asking(Packet):
        """Asks for the setting just before COMMIT."""

        place = -1

        def add(self, sql: str, values: Sequence[int | bytes | str] = ()) -> int:
            if sql == "COMMIT":
                self.place = super().add("SELECT current_setting('synchronous_commit')")
            return super().add(sql, values)

        def send(self) -> None:
            super().send()
            if self.place >= 0:
                asked.append(self.rows(self.place)[0][0].decode())

    monkeypatch.setattr(postgres, "Packet", Asking)
    for given, kept in (("off", "on"), ("local", "on"), ("remote_write", "on"), ("remote_apply", "remote_apply")):
        postgres_server.sql(f"ALTER ROLE postgres SET synchronous_commit = {given}")
        try:
            ledger = office.reopen()
            ledger.unrivalled = unrivalled
            ledger.commit(issue)
        finally:
            postgres_server.sql("ALTER ROLE postgres RESET synchronous_commit")
        assert asked.pop() == kept


# servers that go away


@pytest.fixture
def server_goes(office: Office, postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Ends the connection of the office when it comes to a failpoint for the first time."""

    def when(name: str) -> list[str]:
        happened: list[str] = []

        def hit(at: str) -> None:
            if at == name and not happened:
                happened.append(at)
                pid = connection(office.ledger).db.info.backend_pid
                postgres_server.sql("SELECT pg_terminate_backend(%s, 5000)", pid)

        for module in ("store.postgres", "store.writing"):
            monkeypatch.setattr(f"{module}.hit", hit)
        return happened

    return when


@pytest.mark.parametrize("name", ["begun", "head-read", "signed", "leaves-inserted", "before-commit", "after-commit"])
def test_a_connection_that_ends_is_made_again_and_nothing_is_done_twice(
    name: str, office: Office, server_goes: Callable[[str], list[str]]
) -> None:
    happened = server_goes(name)
    office.ledger.unrivalled = name != "begun"  # who decides first begins with COMMIT
    assert office.issue_invoices(2) == ["INV-2026-0001", "INV-2026-0002"]
    assert happened
    assert numbers(office.fresh()) == ["INV-2026-0001", "INV-2026-0002"]
    assert not verify(office.ledger.store).findings


def lost_answer(office: Office, monkeypatch: pytest.MonkeyPatch, *, recorded: bool, times: int = 1) -> list[bool]:
    """COMMIT gets no answer, once or more: it was carried out, or not."""
    kind, lost = type(office.ledger.store), list[bool]()
    commit = kind.commit

    def broken(store: Any) -> None:
        if len(lost) >= times:
            return commit(store)
        lost.append(recorded)
        if recorded:
            commit(store)
        raise store._session.interrupted("the connection was lost")

    monkeypatch.setattr(kind, "commit", broken)
    return lost


@pytest.mark.parametrize("recorded", [True, False])
def test_a_commit_without_an_answer_is_looked_up(
    recorded: bool, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.issue_invoices(1)
    tries: list[int] = []

    def work(tx: Any) -> str:
        tries.append(1)
        return issue(tx)

    lost = lost_answer(office, monkeypatch, recorded=recorded)
    assert office.ledger.commit(work) == "INV-2026-0002"
    assert lost
    assert len(tries) == (1 if recorded else 2)
    assert office.issue_invoices(1) == ["INV-2026-0003"]
    assert numbers(office.fresh()) == [f"INV-2026-000{number}" for number in (1, 2, 3)]


def test_an_import_without_an_answer_is_not_doubled(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    lost_answer(office, monkeypatch, recorded=True)
    office.ledger.commit(lambda tx: [draft(tx, f"D-{number:X}") for number in range(100)])
    leaves = [leaf for raw in office.ledger.store.commits(0) for leaf in raw.leaves]
    assert len([leaf for leaf in leaves if leaf.kind == COMMIT]) == 2
    assert len(leaves) > 100


def test_when_patience_ends_the_user_is_told_what_is_known(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "Patience", lambda: Patience(0.2))
    lost_answer(office, monkeypatch, recorded=False, times=10_000)
    with pytest.raises(Unavailable, match="whether it was recorded is not known"):
        office.ledger.commit(issue)
    monkeypatch.undo()
    monkeypatch.setattr(writing, "Patience", lambda: Patience(0.2))
    with monkeypatch.context() as broken:
        broken.setattr(type(office.ledger.store), "insert", _interrupted)
        with pytest.raises(Unavailable, match="nothing was recorded"):
            office.ledger.commit(issue)
    assert office.issue_invoices(1) == ["INV-2026-0001"]


def _interrupted(*words: object) -> None:
    raise Interrupted("the server became a standby")


def test_reading_goes_on_where_it_was_cut(office: Office, postgres_server: Server, monkeypatch: Any) -> None:
    monkeypatch.setattr("store.postgres_reading.FETCHED", 5)
    office.issue_invoices(10)
    store = office.ledger.store
    whole = list(store.commits(0))
    read = []
    for number, raw in enumerate(store.commits(0)):
        read.append(raw)
        if number in (2, 6):
            pid = connection(office.ledger).db.info.backend_pid
            postgres_server.sql("SELECT pg_terminate_backend(%s, 5000)", pid)
    assert read == whole


def test_one_moment_that_is_cut_is_not_two(office: Office, postgres_server: Server) -> None:
    store = office.ledger.store
    with store.snapshot():
        store.newest()
        pid = connection(office.ledger).db.info.backend_pid
        postgres_server.sql("SELECT pg_terminate_backend(%s, 5000)", pid)
        with pytest.raises(Interrupted):
            store.newest()


# rows that were changed

CHANGED = {
    "a leaf gone": "DELETE FROM S.leaf WHERE idx = 3",
    "the last leaf gone": "DELETE FROM S.leaf WHERE idx = (SELECT max(idx) FROM S.leaf)",
    "a body": "UPDATE S.leaf SET body = set_byte(body, 40, 1 - get_byte(body, 40) % 2) WHERE idx = 20",
    "a huge body": "UPDATE S.leaf SET body = decode(repeat('00', 1000000), 'hex') WHERE idx = 20",
    "a huge number": "UPDATE S.leaf SET ordinal = 9223372036854775807 WHERE idx = 20",
    "a negative index": "UPDATE S.leaf SET idx = -1 WHERE idx = 20",
    "a head gone": "DELETE FROM S.head",
    "a head too many": "INSERT INTO S.head SELECT size - 1, note FROM S.head",
    "a head beyond": "INSERT INTO S.head SELECT size + 1, note FROM S.head",
    "a note": "UPDATE S.head SET note = note || '\\x0a'",
    "a huge note": "UPDATE S.head SET note = decode(repeat('41', 1000000), 'hex')",
}  # fmt: skip


@pytest.mark.parametrize("statement", CHANGED.values(), ids=CHANGED)
def test_a_changed_row_is_noticed(statement: str, office: Office, sql: Callable[[str], Any]) -> None:
    office.close()
    sql(statement)
    for ledger in (office.another(), office.fresh()):
        with pytest.raises((Tampered, RolledBack)) as noticed:
            _look(ledger)
        assert code_of(noticed.value) in (20, 21)


def _look(ledger: Session) -> None:
    ledger.pull()
    verify(ledger.store)


def test_shredding_leaves_no_copy_in_the_table(office: Office, sql: Callable[[str], Any]) -> None:
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    row = key_row(office.ledger, "D-1")
    erase(office.ledger, "D-1")
    assert not sql(f"SELECT 1 FROM S.wrapped WHERE wrapped = '\\x{row.hex()}'")
    [(file,)] = sql("SELECT pg_relation_filepath('S.wrapped')")
    sql("CHECKPOINT")
    [(data,)] = sql(f"SELECT pg_read_binary_file('{file}')")
    assert bytes(data).find(row) < 0
    assert not office.ledger.client.get("sweep")


# reading what is current


def test_a_warm_read_asks_the_server_without_psycopg(office: Office) -> None:
    office.issue_invoices(1)
    imported(office, "invoice", "list", "--json")
    found = packages(imported(office, "invoice", "list", "--json"))
    assert not found & (RULES | {"psycopg", "psycopg_binary"})
    office.fresh().commit(issue)
    assert "psycopg" in packages(imported(office, "invoice", "list", "--json"))  # something was new


def test_the_light_way_sees_what_the_other_one_sees(office: Office, sql: Callable[[str], Any]) -> None:
    at = server_of(office)
    assert libpq.newest(at) == office.ledger.store.newest()
    assert libpq.newest(at._replace(schema="nowhere")) is None
    assert libpq.newest(at._replace(parameters=(("host", "/nowhere"),))) is None
    sql("UPDATE S.head SET note = decode(repeat('41', 1000000), 'hex')")
    assert libpq.newest(at) is None
    sql("DELETE FROM S.head")
    assert libpq.newest(at) is None
    with pytest.raises(RolledBack):
        office.reopen().pull()


# copies


def test_the_same_log_says_the_same_on_both_stores(office: Office, tmp_path: Path) -> None:
    office.issue_invoices(3)
    folder = SQLiteStore.create(tmp_path / "copy")
    copying.copy(office.ledger.store, folder)
    assert verify(folder) == verify(office.ledger.store)
    assert list(folder.commits(0)) == list(office.ledger.store.commits(0))
    folder.close()
