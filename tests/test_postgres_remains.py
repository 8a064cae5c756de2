"""What a PostgreSQL superuser with the whole disk finds of what users write: nothing in any form."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from store.leaf import CONTROL
from tests.servers import Server
from tests.test_remains import CODES, ELSEWHERE, MARK, SCRIPT, TAGS, forms, texts, traces
from tests.transcripts import home

pytest.importorskip("psycopg")
SECRETS = (MARK, "77777.77", "DE89370400440532013000", "alice", "INV-2026", "invoice/D", *TAGS)
CURIOUS = {
    "shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all", "log_statement": "all",
    "log_parameter_max_length": "-1", "log_parameter_max_length_on_error": "-1", "log_connections": "on",
    "log_min_duration_statement": "0", "log_error_verbosity": "verbose", "track_activity_query_size": "100kB",
    "wal_level": "logical",
}  # fmt: skip
"""Everything a curious administrator can turn on."""
USED = """
bo record erase E-1 --reason "asked by Bob" --yes
bo audit verify --full
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose administrator is curious, after people have done all kinds of things on it."""
    server = Server(settings=CURIOUS)
    server.sql("CREATE EXTENSION pg_stat_statements")
    url, folder = server.url(schema="books"), tmp_path_factory.mktemp("people")
    script = SCRIPT.replace("bo init books", f"bo init '{url}'").replace("cd books", f"export BO_LEDGER='{url}'")
    environment = home(folder)
    (folder / "mine").mkdir()
    done = subprocess.run(
        ["bash", "-c", script + USED], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"Ada {MARK}" in done.stdout
    assert f"Title {MARK}" in done.stdout
    yield server
    server.close()


def views(server: Server) -> str:
    """All that statistics and catalogues say, as text."""
    found = "SELECT format('%I.%I', schemaname, viewname) FROM pg_views WHERE schemaname IN ('pg_catalog', 'public')"
    with server.connect() as connection:
        names = [name for (name,) in connection.execute(found)]
        return "\n".join(str(row) for name in names for row in connection.execute(f"SELECT v::text FROM {name} v"))


def readable(text: str, secret: str) -> list[bytes]:
    low = text.lower().encode()
    return [form for form in forms(secret) if form in low]


def test_logs_and_statistics_say_nothing(written: Server) -> None:
    said, logged = views(written), written.log.read_text()
    assert "INSERT INTO" in said
    assert "INSERT INTO" in logged
    for secret in SECRETS:
        assert readable(said + logged, secret) == [], secret


def test_every_column_is_a_number_or_bytes_and_control_acts_say_codes(written: Server) -> None:
    tables = written.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'books'")
    assert {table for (table,) in tables} >= {"leaf", "head", "wrapped", "slot"}
    for (table,) in tables:
        rows = written.sql(f"SELECT * FROM books.{table}")
        assert {type(value) for row in rows for value in row} <= {int, bytes}, table
        dump = "".join(_plain(value) for row in rows for value in row)
        assert not any(readable(dump, secret) for secret in SECRETS), table
    bodies = [body for (body,) in written.sql("SELECT body FROM books.leaf WHERE kind = %s", CONTROL)]
    assert len(bodies) > 10
    for body in bodies:
        for text in texts(json.loads(body)):
            assert text in CODES or re.fullmatch(r"([0-9a-f]{2})+", text), text


def _plain(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def test_the_disk_holds_nothing_readable(written: Server) -> None:
    """While it runs: tables, write-ahead log, temporary files; and when all that was in memory is written."""
    assert traces([MARK], written.folder, *ELSEWHERE) == {}
    written.stop("fast")
    assert traces(SECRETS, written.folder) == {}


def test_the_search_would_find_what_is_written_openly(written: Server) -> None:
    """In the log and in the statistics as the statement of a careless program, on the disk as its row."""
    if not written.answers():
        written.start()
    written.sql("CREATE TABLE careless AS SELECT 'open text zq8'::text AS what")
    assert readable(views(written), "open text zq8")
    [found] = traces(["open text zq8"], written.folder).values()
    assert {Path(path).relative_to(written.folder).parts[0] for path in found} == {"data", "log"}
