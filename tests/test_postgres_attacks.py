"""What the superuser of a server can do to those who use it: they are told, in time, and are never shown wrong data."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from store import libpq, writing
from store import place as places
from store import postgres_connect as connecting
from store.errors import Unavailable
from store.patience import Patience
from store.place import Server as Place
from store.place import open_store
from tests.ledgers import Office, issue, numbers
from tests.servers import Server
from tests.test_proofs_cli import command

pytest.importorskip("psycopg")


@pytest.fixture
def office(tmp_path: Path, postgres_url: str) -> Iterator[Office]:
    made = Office(tmp_path, postgres_url)
    made.issue_invoices(2)
    yield made
    made.close()


@pytest.fixture
def sql(postgres_server: Server, office: Office) -> Callable[[str], object]:
    """What a superuser does in the schema of the ledger, which he calls `S`."""
    return lambda statement: postgres_server.sql(statement.replace("S.", f"{schema(office)}."))


def schema(office: Office) -> str:
    assert isinstance(office.ledger.at, Place)
    return office.ledger.at.schema


def run(office: Office, *words: str) -> tuple[int, str, str]:
    return command(office, "-L", (office.folder / "url").read_text(), *words)


ADD = ("record", "add", "customer", "C-9", "--set", "name=Ada")
READ = ("invoice", "list", "--json")


# what is changed under those who know better


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE S.leaf SET body = (SELECT body FROM S.leaf WHERE idx = 20) WHERE idx = 25",
        "UPDATE S.leaf SET idx = CASE idx WHEN 25 THEN -1 ELSE 25 END WHERE idx IN (25, 26);"
        " UPDATE S.leaf SET idx = 26 WHERE idx = -1",
        "DELETE FROM S.leaf WHERE idx >= 30; DELETE FROM S.head WHERE size > 30",
        "TRUNCATE S.leaf, S.head",
        "TRUNCATE S.head",
        "UPDATE S.head SET note = (SELECT note FROM S.head ORDER BY size LIMIT 1)",
    ],
)
@pytest.mark.parametrize("words", [("audit", "verify"), ADD])
def test_rows_that_were_swapped_removed_or_rolled_back(
    statement: str, words: tuple[str, ...], office: Office, sql: Callable[[str], object]
) -> None:
    office.close()
    sql(statement)
    code, _, err = run(office, *words)
    if code == 0:  # he needed nothing of it, and an audit reads all
        assert words == ADD
        code, _, err = run(office, "audit", "verify")
    assert code in (20, 21), err


@pytest.mark.parametrize("table", ["wrapped", "slot"])
def test_key_rows_that_were_removed_or_swapped(table: str, office: Office, sql: Callable[[str], object]) -> None:
    office.close()
    column = {"wrapped": "wrapped", "slot": "sealed"}[table]
    sql(f"UPDATE S.{table} SET {column} = (SELECT {column} FROM S.{table} ORDER BY 1 LIMIT 1)")
    assert run(office, "audit", "verify", "--full")[0] == 22
    sql(f"TRUNCATE S.{table}")
    assert run(office, "audit", "verify")[0] == 22
    assert run(office, *READ)[0] == 0  # his views hold what he verified


def test_a_schema_that_was_renamed_or_replaced(office: Office, sql: Callable[[str], object], tmp_path: Path) -> None:
    name = schema(office)
    office.close()
    sql(f"ALTER SCHEMA {name} RENAME TO {name}x")
    try:
        code, _, err = run(office, *READ)
        assert (code, "is gone: restore a backup" in err) == (6, True)
        (tmp_path / "other").mkdir()
        Office(tmp_path / "other", (office.folder / "url").read_text()).close()
        for words in (READ, ADD, ("audit", "verify")):
            code, _, err = run(office, *words)
            assert code == 21, err
    finally:
        sql(f"DROP SCHEMA {name} CASCADE; ALTER SCHEMA {name}x RENAME TO {name}")
    assert run(office, *ADD)[0] == 0


# what is put in the way of names


def test_shadows_of_the_catalogue_are_not_looked_at(office: Office, sql: Callable[[str], object]) -> None:
    """In public, and for the role: all names are looked up in pg_catalog, whatever he sets."""
    office.close()
    sql(
        "CREATE TABLE public.pg_namespace(oid oid, nspname name); CREATE TABLE public.leaf(idx bigint);"
        " CREATE FUNCTION public.octet_length(bytea) RETURNS int LANGUAGE sql AS 'SELECT 99999999';"
        " CREATE FUNCTION public.pg_advisory_xact_lock(bigint) RETURNS void LANGUAGE sql AS ''"
    )
    sql("ALTER ROLE postgres SET search_path = public, pg_catalog; ALTER ROLE postgres SET row_security = on")
    sql("ALTER ROLE postgres SET lock_timeout = 0; ALTER ROLE postgres SET bytea_output = 'escape'")
    try:
        assert run(office, *ADD)[0] == 0
        assert run(office, "audit", "verify", "--full")[0] == 0
    finally:
        sql("ALTER ROLE postgres RESET ALL; DROP TABLE public.pg_namespace, public.leaf")
        sql("DROP FUNCTION public.octet_length(bytea), public.pg_advisory_xact_lock(bigint)")


def test_rows_hidden_from_a_role_while_it_is_connected(office: Office, postgres_server: Server) -> None:
    """The schema was looked at when it connected; the server refuses itself to leave rows out unsaid."""
    name = schema(office)
    postgres_server.sql(f"CREATE ROLE bob LOGIN; GRANT USAGE ON SCHEMA {name} TO bob")
    postgres_server.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO bob")
    at = office.ledger.at
    assert isinstance(at, Place)
    store = open_store(at._replace(parameters=(*at.parameters, ("user", "bob"))), read_only=True)
    try:
        whole = len(list(store.commits(0)))
        postgres_server.sql(f"CREATE POLICY evil ON {name}.leaf USING (idx < 20)")
        postgres_server.sql(f"ALTER TABLE {name}.leaf ENABLE ROW LEVEL SECURITY")
        assert whole == 3
        with pytest.raises(Unavailable, match="row-level security"):
            list(store.commits(0))
    finally:
        store.close()
        postgres_server.sql(f"ALTER TABLE {name}.leaf DISABLE ROW LEVEL SECURITY; DROP POLICY evil ON {name}.leaf")
        postgres_server.sql(f"REVOKE ALL ON SCHEMA {name} FROM bob; REVOKE ALL ON ALL TABLES IN SCHEMA {name} FROM bob")
        postgres_server.sql("DROP ROLE bob")


# who holds up, is silent, or hangs


@contextmanager
def held(server: Server, statement: str) -> Iterator[None]:
    with server.connect() as connection:
        connection.execute("BEGIN")
        connection.execute(statement)
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second for a lock, one for an answer."""
    quick = places._FIXED["options"].replace("lock_timeout=30s", "lock_timeout=500ms")
    monkeypatch.setitem(places._FIXED, "options", quick)
    monkeypatch.setattr(connecting.Connection, "silence", 1.0)
    monkeypatch.setattr(libpq, "SILENCE", 0.5)
    monkeypatch.setattr(writing, "Patience", lambda seconds=0.0: Patience(0.1))
    monkeypatch.setattr("store.postgres_session.Patience", lambda seconds=0.0: Patience(0.1))


@pytest.mark.usefixtures("impatient")
def test_locks_that_are_never_given_up(office: Office, postgres_server: Server) -> None:
    name = schema(office)
    office.close()
    lock = f"SELECT pg_advisory_xact_lock({0x626F2E31}::bigint << 32 | '{name}'::regnamespace::oid::bigint)"
    with held(postgres_server, lock):
        code, _, err = run(office, *ADD)
        assert (code, "another writer holds the ledger" in err, "nothing was recorded" in err) == (6, True, True)
        assert run(office, *READ)[0] == 0  # who reads waits for nobody
    for table in ("leaf", "head"):
        with held(postgres_server, f"LOCK TABLE {name}.{table} IN ACCESS EXCLUSIVE MODE"):
            assert run(office, *ADD)[0] == 6
            if table == "head":
                assert run(office, *READ)[0] == 6
    assert run(office, *ADD)[0] == 0


@pytest.mark.usefixtures("impatient")
def test_a_server_that_hangs_is_given_up(office: Office, breakable_server: Server, tmp_path: Path) -> None:
    """Stopped in the middle, as a machine out of memory is: the network does not tell, so the client must."""
    (tmp_path / "hung").mkdir()
    made = Office(tmp_path / "hung", breakable_server.url(schema="acme", connect_timeout="2"))
    made.issue_invoices(1)
    ledger, pids = made.ledger, [row[0] for row in breakable_server.sql("SELECT pid FROM pg_stat_activity")]
    began = time.monotonic()
    stopped = [pid for pid in [*pids, postmaster(breakable_server)] if _stop(pid, signal.SIGSTOP)]
    try:
        with pytest.raises(Unavailable, match=r"has not answered for 1 seconds|timeout expired"):
            ledger.commit(issue)
        code, _, err = run(made, *READ)
        assert (code, "timeout expired" in err) == (6, True), err
        assert time.monotonic() - began < 20
    finally:
        for pid in stopped:
            _stop(pid, signal.SIGCONT)
    assert ledger.commit(issue) == "INV-2026-0002"
    made.close()


def postmaster(server: Server) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def _stop(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.usefixtures("impatient")
def test_a_commit_that_waits_for_a_standby_for_ever_is_in_doubt(office: Office, postgres_server: Server) -> None:
    postgres_server.configure(synchronous_standby_names="nobody")
    try:
        code, _, err = run(office, *ADD)
        assert (code, "whether it was recorded is not known: look before you do it again" in err) == (6, True), err
    finally:
        postgres_server.configure(synchronous_standby_names="")
    assert run(office, "audit", "verify")[0] == 0
    assert numbers(office.fresh()) == ["INV-2026-0001", "INV-2026-0002"]


@pytest.mark.usefixtures("impatient")
def test_the_light_way_gives_up_too(office: Office, postgres_server: Server) -> None:
    """A row that never comes: somebody else's lock, without the limit that the server keeps."""
    at = office.ledger.at
    assert isinstance(at, Place)
    with pytest.MonkeyPatch.context() as unlimited:
        unlimited.setitem(
            places._FIXED, "options", places._FIXED["options"].replace("lock_timeout=500ms", "lock_timeout=0")
        )
        with held(postgres_server, f"LOCK TABLE {at.schema}.head IN ACCESS EXCLUSIVE MODE"):
            found: list[object] = []
            asking = Thread(target=lambda: found.append(libpq.newest(at)))
            asking.start()
            asking.join(10)
            assert found == [None]
