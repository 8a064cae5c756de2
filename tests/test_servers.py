"""The servers that tests start do what tests of loss rely on, and leave nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import servers
from tests.cuts import AFTER, BEFORE, Wire
from tests.servers import Pair, Server
from tests.transcripts import ROOT

psycopg = pytest.importorskip("psycopg")


def test_what_was_committed_outlives_every_way_to_end(breakable_server: Server) -> None:
    server = breakable_server
    server.sql("CREATE TABLE t(n int)")
    for n, end in enumerate((server.stop, lambda: server.stop("immediate"), server.kill)):
        server.sql("INSERT INTO t VALUES(%s)", n)
        end()
        assert not server.answers()
        server.start()
    assert server.sql("SELECT n FROM t ORDER BY n") == [(0,), (1,), (2,)]


def test_a_killed_server_leaves_nothing_in_shared_memory(breakable_server: Server) -> None:
    segment = breakable_server.segment()
    assert segment in servers.segments()
    breakable_server.kill()
    assert segment not in servers.segments()
    breakable_server.start()
    assert breakable_server.sql("SHOW dynamic_shared_memory_type") == [("mmap",)]


def test_killed_backends_are_noticed(breakable_server: Server) -> None:
    with breakable_server.connect() as connection:
        assert breakable_server.kill_backends() == 1
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_a_promoted_standby_has_every_acknowledged_commit(postgres_pair: Pair) -> None:
    pair = postgres_pair
    pair.primary.sql("CREATE TABLE t(n int)")
    for n in range(3):  # each standby in its turn
        for k in range(20):
            pair.primary.sql("INSERT INTO t VALUES(%s)", 20 * n + k)
        pair.kill_primary()
        pair.promote()
        with psycopg.connect(pair.url()) as connection:  # finds the one that can be written
            assert connection.execute("SELECT count(*), pg_is_in_recovery() FROM t").fetchone() == (20 * n + 20, False)
        pair.renew()


def test_without_its_standby_nothing_is_acknowledged(postgres_pair: Pair) -> None:
    """Else the test before proves nothing."""
    pair = postgres_pair
    pair.primary.sql("CREATE TABLE t(n int)")
    pair.standby.kill()
    with ThreadPoolExecutor() as pool:
        acknowledged = pool.submit(pair.primary.sql, "INSERT INTO t VALUES(1)")
        time.sleep(0.3)
        assert not acknowledged.done()
        pair.standby.start()
        acknowledged.result(timeout=20)


@pytest.mark.parametrize(("at", "there"), [(BEFORE, 0), (AFTER, 1)])
def test_a_wire_is_cut_at_the_commit(breakable_server: Server, at: str, there: int) -> None:
    breakable_server.sql("CREATE TABLE t(n int)")
    with Wire(breakable_server) as wire:
        connection = psycopg.connect(wire.url(breakable_server.url()))
        connection.execute("INSERT INTO t VALUES(1)")
        wire.at = at
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        connection.close()
    assert wire.cuts == 1
    until = time.monotonic() + 5
    while breakable_server.sql("SELECT count(*) FROM t") != [(there,)] and time.monotonic() < until:
        time.sleep(0.01)
    assert breakable_server.sql("SELECT count(*) FROM t") == [(there,)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_server_ends_with_the_process_that_started_it(how: int) -> None:
    servers.required_binaries()
    program = (
        "from tests.servers import Server\ns = Server()\nprint(s.folder, s._process.pid, flush=True)\n"
        "import time; time.sleep(60)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-P", "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert starter.stdout is not None
    folder, pid = starter.stdout.readline().split()
    starter.send_signal(how)
    starter.wait()
    starter.stdout.close()
    until = time.monotonic() + 20
    while time.monotonic() < until and (Path(folder).exists() or _runs(int(pid))):
        time.sleep(0.05)
    assert not Path(folder).exists()
    assert not _runs(int(pid))


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_missing_servers_are_an_error_where_changes_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "binaries", lambda: None)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no PostgreSQL server is installed"):
        servers.required_binaries()
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception):
        servers.required_binaries()


def test_what_the_manual_asks_a_server_can_be_asked(postgres_server: Server) -> None:
    """The monitoring queries of docs/deploy.md."""
    [text] = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "deploy.md").read_text(), re.DOTALL)
    queries = [query for query in text.split(";") if query.strip()]
    assert len(queries) == 5
    for query in queries:
        postgres_server.sql(query)
