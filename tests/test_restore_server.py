"""A backup brought back on a server: verified there, gone on with when it was killed, and without what was erased."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aggregates.invoice import Invoice
from store import audit, backup
from store.place import open_store, place_of
from store.siderows import DOCUMENT, KEY
from tests.ledgers import Office, draft, erase, key_row, numbers
from tests.servers import Server
from tests.test_copy import contents, grown, killed_at
from tests.test_proofs_cli import command

pytest.importorskip("psycopg")


def backed_up(office: Office) -> Path:
    target = office.folder / "backup"
    backup.backup(office.ledger.store, office.ledger.id, target)
    return target


def test_it_is_the_ledger_and_work_goes_on_there(office: Office, postgres_url: str) -> None:
    grown(office)
    made = backed_up(office)
    code, out, err = command(office, "restore", str(made), postgres_url)
    assert (code, out) == (10, f"{place_of(postgres_url)}\n"), err  # it has an unauthorised commit
    assert contents(place_of(postgres_url)) == contents(office.directory)
    assert command(office, "-L", postgres_url, "audit", "verify", "--full")[0] == 10
    code, _, err = command(office, "-L", postgres_url, "record", "add", "customer", "C-7", "--set", "name=Ada")
    assert code == 0, err
    code, _, err = command(office, "restore", str(made), postgres_url)
    assert (code, "work went on there" in err) == (3, True)


def test_what_was_erased_since_never_comes_there(office: Office, postgres_url: str, postgres_server: Server) -> None:
    ledger = office.ledger
    for reference in ("D-GONE", "D-STAYS"):
        blob = ledger.seal(Invoice, reference, [b"a contract about ", reference.encode()])
        ledger.commit(lambda tx: (tx.attach(Invoice, reference, [blob]), draft(tx, reference)))  # noqa: B023  # at once
    made, row = backed_up(office), key_row(ledger, "D-GONE")
    erase(ledger, "D-GONE")
    office.close()
    before = postgres_server.sql("SELECT pg_current_wal_lsn()")[0][0]
    code, _, err = command(office, "restore", str(made), postgres_url)
    assert code == 0, err
    assert "1 keys of what was erased since the backup were removed again" in err
    assert "run `bo audit accept-rollback --reason TEXT`" in err
    [_, _, keys, _, documents] = contents(place_of(postgres_url))
    assert row not in [wrapped for _, wrapped in keys]
    assert len(documents) == 1
    assert row not in written_since(postgres_server, before)
    assert command(office, "-L", postgres_url, "status")[0] == 21
    code, _, err = command(office, "-L", postgres_url, "audit", "accept-rollback", "--reason", "the disk died", "--yes")
    assert code == 0, err
    assert command(office, "-L", postgres_url, "record", "add", "customer", "C-9", "--set", "name=Ada")[0] == 0


def written_since(server: Server, lsn: str) -> bytes:
    """The server's log, which keeps what was deleted from tables."""
    server.sql("SELECT pg_switch_wal()")
    [(first,)] = server.sql("SELECT pg_walfile_name(%s::pg_lsn)", lsn)
    files = sorted(path for path in (server.data / "pg_wal").iterdir() if path.is_file() and path.name >= first)
    return b"".join(path.read_bytes() for path in files)


def test_killed_anywhere_it_goes_on(office: Office, postgres_url: str) -> None:
    grown(office)
    made = backed_up(office)
    office.close()
    killed = 0
    for step in (1, 2, 3, 5, 8, 10, 12, 14, 300):
        done = killed_at(step, office, "restore", str(made), postgres_url)
        killed += done.returncode == -9
    assert "RejectedExist: unauthorised commit" in done.stderr  # it came to its end
    assert killed > 3
    assert contents(place_of(postgres_url)) == contents(office.directory)
    with closing(open_store(place_of(postgres_url), read_only=True)) as store:
        assert audit.verify(store).of(KEY, DOCUMENT) == []


def test_where_something_stands_nothing_is_touched(
    office: Office, postgres_url: str, postgres_server: Server, tmp_path: Path
) -> None:
    office.issue_invoices(1)
    made = backed_up(office)
    with postgres_server.schema() as other, postgres_server.schema() as theirs:
        (tmp_path / "other").mkdir()
        Office(tmp_path / "other", other).close()
        before = contents(place_of(other))
        code, _, err = command(office, "restore", str(made), other)
        assert (code, "another ledger stands at" in err) == (3, True)
        assert contents(place_of(other)) == before
        schema = theirs.rpartition("schema=")[2]
        postgres_server.sql(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.theirs(x int)")
        code, _, err = command(office, "restore", str(made), theirs)
        assert (code, "is not what `bo init` makes there" in err) == (20, True), err
    assert command(office, "restore", str(made), postgres_url)[0] == 0
    assert numbers(office.fresh()) == ["INV-2026-0001"]


@pytest.mark.parametrize("harm", ["log", "document"])
def test_a_damaged_backup(office: Office, postgres_url: str, postgres_server: Server, harm: str) -> None:
    grown(office)
    made = backed_up(office)
    if harm == "log":
        with closing(sqlite3.connect(made / "ledger.db")) as db:
            db.execute("UPDATE leaf SET body = zeroblob(length(body)) WHERE idx = 25")
            db.commit()
    else:
        shutil.rmtree(made / "blobs")
        (made / "blobs").mkdir()
    code, _, _ = command(office, "restore", str(made), postgres_url)
    assert code == 20
    schema = postgres_url.rpartition("schema=")[2]
    [(there,)] = postgres_server.sql("SELECT count(*) FROM pg_namespace WHERE nspname = %s", schema)
    assert there == (harm == "document")  # what is there is restored, and what is missing is told
