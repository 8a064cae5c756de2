"""Three roles on a real server: a writer does all daily work and can change nothing, a reader only reads."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from aggregates.core import Refused
from store.postgres_grants import Roles, grants, roles_of
from store.postgres_schema import TABLES
from tests.servers import Server

psycopg = pytest.importorskip("psycopg")
ODD = Roles('the "owner"', "Büro's writer", "reader; DROP SCHEMA acme")


class Firm(NamedTuple):
    """A ledger in the schema acme, which alice founded; `as_` runs `bo` with the rights of a login role."""

    server: Server
    as_: Callable[..., subprocess.CompletedProcess[str]]

    def grant(self, *words: str) -> None:
        """Run what `bo store grants` prints, as an administrator does."""
        printed = self.as_("alice", "store", "grants", *words)
        assert printed.returncode == 0, printed.stderr
        self.server.sql(printed.stdout)

    def hire(self, name: str, role: str) -> None:
        self.server.sql(f'CREATE ROLE {name} LOGIN IN ROLE "{role}"')

    def rights(self) -> list[tuple[Any, ...]]:
        """Who may do what, as the server has it."""
        return self.server.sql(
            "SELECT 'schema', nspowner::regrole::text, nspacl::text FROM pg_namespace WHERE nspname = 'acme' UNION ALL"
            " SELECT relname, relowner::regrole::text, relacl::text FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'acme'::regnamespace UNION ALL SELECT rolname, '', '' FROM pg_roles ORDER BY 1"
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Roles are the whole server's: this one is for these tests alone."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def firm(server: Server, bo: Callable[..., subprocess.CompletedProcess[str]]) -> Iterator[Firm]:
    server.sql("CREATE ROLE alice LOGIN; GRANT CREATE ON DATABASE postgres TO alice")

    def as_(login: str, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return bo(*words, BO_LEDGER=server.url(user=login, schema="acme"), **more)

    made = bo("init", server.url(user="alice", schema="acme"), "--name", "Acme", "--owner", "alice", "--no-passphrase")
    assert made.returncode == 0, made.stderr
    yield Firm(server, as_)
    server.sql("DROP SCHEMA acme CASCADE")
    for (role,) in server.sql(r"SELECT quote_ident(rolname) FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'"):
        server.sql(f"DROP OWNED BY {role}")
        server.sql(f"DROP ROLE {role}")


DAILY = (
    ("record", "add", "customer", "C-1", "--set", "name=Ada"),
    ("record", "set", "C-1", "--set", "name=Ada Lovelace", "--reason", "asked"),
    ("invoice", "draft", "C-1", "--line", "Work;1;100;19"),
    ("invoice", "issue", "D-"),
    ("invoice", "pay", "INV-2026-0001", "19", "--on", "2026-01-31"),
    ("doc", "file", "contract.txt", "--title", "Contract", "--link", "C-1"),
    ("doc", "list"),
    ("invoice", "unpaid"),
    ("person", "add", "bob"),
    ("access", "grant", "bob", "clerk", "--reason", "hired"),
    ("audit", "trail"),
    ("audit", "verify", "--full"),
    ("doctor",),
    ("status",),
)


def test_a_writer_does_all_daily_work_and_changes_nothing(firm: Firm, tmp_path: Path) -> None:
    firm.grant()
    (tmp_path / "home" / "work" / "contract.txt").write_text("signed")
    for words in DAILY:  # alice, who founded it, goes on as a writer
        done = firm.as_("alice", *words)
        assert done.returncode == 0, (words, done.stderr)
        assert "permission" not in done.stderr
    with psycopg.connect(firm.server.url(user="alice"), autocommit=True) as alice:
        for table, columns in TABLES.items():
            column = columns[0].split()[0]
            for statement in (
                f"DELETE FROM acme.{table}", f"UPDATE acme.{table} SET {column} = {column}", f"TRUNCATE acme.{table}",
                f"DROP TABLE acme.{table}", f"ALTER TABLE acme.{table} ADD planted int",
                f"CREATE RULE planted AS ON INSERT TO acme.{table} DO INSTEAD NOTHING",
            ):  # fmt: skip
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    alice.execute(statement)
        for statement in (
            "CREATE TABLE acme.planted()",
            "DROP SCHEMA acme CASCADE",
            "COMMENT ON SCHEMA acme IS 'mine'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                alice.execute(statement)
    assert firm.as_("alice", "audit", "verify", "--full").returncode == 0


def test_what_a_writer_erases_the_owner_deletes(firm: Firm) -> None:
    firm.grant()
    firm.hire("keeper", "acme_owner")
    assert firm.as_("alice", "record", "add", "customer", "C-1", "--set", "name=Ada").returncode == 0
    erased = firm.as_("alice", "record", "erase", "C-1", "--reason", "asked", "--yes")
    assert erased.returncode == 0, erased.stderr
    assert "not yet deleted everywhere" in erased.stderr
    assert "role of an owner" in erased.stderr
    assert "Ada" not in firm.as_("alice", "record", "show", "C-1").stdout
    assert "not yet deleted" in firm.as_("alice", "status").stderr  # until it is done
    before = firm.server.sql("SELECT count(*) FROM acme.wrapped")[0][0]
    done = firm.as_("keeper", "status")
    assert (done.returncode, done.stderr) == (0, "")
    left = firm.server.sql("SELECT count(*) FROM acme.wrapped")[0][0]
    assert left == before - 1
    assert firm.as_("alice", "status").stderr == ""
    assert firm.as_("alice", "audit", "verify", "--full").returncode == 0


def test_a_reader_reads_and_does_not_write(firm: Firm) -> None:
    firm.grant()
    firm.hire("bob", "acme_reader")
    firm.hire("stranger", "pg_monitor")
    assert firm.as_("alice", "record", "add", "customer", "C-1", "--set", "name=Ada").returncode == 0
    for words in (("record", "show", "C-1"), ("record", "list"), ("audit", "verify", "--full"), ("status",)):
        read = firm.as_("bob", *words)
        assert read.returncode == 0, read.stderr
    wrote = firm.as_("bob", "record", "add", "customer", "C-2", "--set", "name=Eve")
    assert wrote.returncode == 6
    assert "this takes the role of a writer, see `bo store grants`" in wrote.stderr
    assert "nothing was recorded" in wrote.stderr
    assert firm.as_("alice", "record", "add", "employee", "E-1", "--set", "name=Eve").returncode == 0
    looked = firm.as_("bob", "record", "show", "E-1")
    assert (looked.returncode, looked.stdout) == (6, "")  # what is confidential is not read without a trace
    with psycopg.connect(firm.server.url(user="bob"), autocommit=True) as bob:
        for table in TABLES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                bob.execute(f"INSERT INTO acme.{table} SELECT * FROM acme.{table}")
    other = firm.as_("stranger", "status")
    assert other.returncode == 6
    assert "this takes the role of a reader" in other.stderr
    url = firm.server.url(user="stranger", schema="other")
    begun = firm.as_("stranger", "init", url, "--name", "Other", "--owner", "olga", "--no-passphrase")
    assert begun.returncode == 6
    assert "may CREATE in its database" in begun.stderr


def test_repairing_takes_the_owner(firm: Firm) -> None:
    firm.grant()
    firm.hire("keeper", "acme_owner")
    assert firm.as_("alice", "record", "add", "customer", "C-1", "--set", "name=Ada").returncode == 0
    firm.server.sql("UPDATE acme.head SET note = 'x' WHERE size = (SELECT max(size) FROM acme.head)")
    refused = firm.as_("alice", "repair", "--reason", "disk", "--yes")
    assert refused.returncode == 6, refused.stderr
    assert "role of an owner" in refused.stderr
    repaired = firm.as_("keeper", "repair", "--reason", "disk", "--yes")
    assert repaired.returncode == 0, repaired.stderr


def test_it_can_be_run_again_and_takes_away_what_others_had(firm: Firm) -> None:
    firm.grant()
    once = firm.rights()
    firm.server.sql("CREATE ROLE eve")
    firm.server.sql("GRANT ALL ON SCHEMA acme TO eve; GRANT DELETE ON acme.leaf TO eve, PUBLIC")
    firm.server.sql("GRANT UPDATE (body) ON acme.leaf TO acme_writer; GRANT TRUNCATE ON acme.blob TO acme_writer")
    firm.grant()
    assert [right for right in firm.rights() if right[0] != "eve"] == once
    attributes = "attrelid = 'acme.leaf'::regclass AND attacl <> '{}'"
    assert firm.server.sql(f"SELECT attname FROM pg_attribute WHERE {attributes}") == []


def test_names_are_quoted(firm: Firm) -> None:
    words = ("--owner", ODD.owner, "--writer", ODD.writer, "--reader", ODD.reader)
    firm.grant(*words)
    firm.grant(*words)
    assert set(ODD) <= {name for (name,) in firm.server.sql("SELECT rolname FROM pg_roles")}
    assert firm.as_("alice", "status").returncode == 0


def test_whoever_founded_it_may_stay_its_owner(firm: Firm) -> None:
    firm.grant("--owner", "alice")
    assert firm.as_("alice", "record", "add", "customer", "C-1", "--set", "name=Ada").returncode == 0
    assert firm.as_("alice", "record", "erase", "C-1", "--reason", "asked", "--yes").stderr == ""


def test_default_privileges_are_foreign(firm: Firm) -> None:
    firm.grant()
    firm.server.sql("ALTER DEFAULT PRIVILEGES FOR ROLE acme_owner IN SCHEMA acme GRANT ALL ON TABLES TO PUBLIC")
    assert firm.as_("alice", "status").returncode == 20


@pytest.mark.parametrize("name", ["a$b", "x" * 64, "ü" * 32, "pg_read_all_data", "PUBLIC", "a\nb", "none"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="name"):
        roles_of("acme", writer=name)


def test_the_three_are_different() -> None:
    with pytest.raises(Refused, match="three different roles"):
        roles_of("acme", writer="acme_reader")
    assert "acme_writer" in grants("acme", roles_of("acme"))
