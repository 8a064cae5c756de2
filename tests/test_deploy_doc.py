"""What docs/deploy.md tells an administrator to run does what it says, on a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from store.errors import RolledBack
from tests.ledgers import Office, connection, issue, numbers
from tests.servers import Pair, Server
from tests.transcripts import ROOT

psycopg = pytest.importorskip("psycopg")
TEXT = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def setting(name: str, backup: Path) -> str:
    """The value of a parameter as the document gives it, with its folder in place of /backup."""
    [value] = re.findall(rf"^    {name} = '?(.*?)'?$", TEXT, re.MULTILINE)
    return str(value).replace("/backup", str(backup))


def statements() -> list[str]:
    [block] = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
    return [each.strip() for each in block.split(";") if each.strip()]


def until(holds: Callable[[], object]) -> None:
    for _ in range(300):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")


# watching


def test_the_queries_of_the_watch_show_what_they_say(postgres_pair: Pair, tmp_path: Path) -> None:
    pair = postgres_pair
    office = Office(tmp_path, pair.url(schema="acme"))
    pair.primary.sql("CREATE ROLE watch LOGIN IN ROLE pg_monitor")
    other = office.another()
    other.pull()
    with psycopg.connect(pair.primary.url(user="watch"), autocommit=True) as watch:
        with office.ledger.store.writing():
            waiting = Thread(target=lambda: other.commit(issue))
            waiting.start()
            until(lambda: watch.execute(statements()[0]).fetchall())
            locks = watch.execute(statements()[0]).fetchall()
            holder = connection(office.ledger).db.info.backend_pid
            assert [(user, behind) for _, user, _, behind in locks] == [("postgres", [holder])]
            [oldest, *_] = watch.execute(statements()[3]).fetchall()
            assert oldest[1] == "postgres"
        waiting.join()
        [(_, state, behind, _)] = watch.execute(statements()[1]).fetchall()
        assert (state, behind >= 0) == ("sync", True)
        [(ledger, size)] = watch.execute(statements()[2]).fetchall()
        assert (ledger, size.endswith("kB")) == ("acme", True)
        pair.primary.sql("SELECT pg_create_physical_replication_slot('away', true)")
        [(name, active, _)] = watch.execute(statements()[4]).fetchall()
        assert (name, active) == ("away", False)
        assert watch.execute("SELECT last_failed_time FROM pg_stat_archiver").fetchall() == [(None,)]
    office.close()


# backups


@pytest.fixture
def archived() -> Iterator[tuple[Server, Path]]:
    """A server that archives as the document says, and the folder it calls /backup."""
    folder = Path(subprocess.check_output(["mktemp", "-d", "/tmp/bo-backup.XXXXXX"], text=True).strip())
    for name in ("wal", "base"):
        (folder / name).mkdir()
    for path in (folder, *folder.iterdir()):
        path.chmod(0o777)
    server = Server(settings={"archive_mode": "on", "archive_command": setting("archive_command", folder)})
    yield server, folder
    server.close()
    shutil.rmtree(folder)


def test_a_base_backup_restores_to_a_moment(archived: tuple[Server, Path], tmp_path: Path) -> None:
    server, folder = archived
    office = Office(tmp_path, server.url(schema="acme"))
    office.issue_invoices(1)
    [command] = re.findall(r"^    (pg_basebackup .*)$", TEXT, re.MULTILINE)
    night = folder / "base" / "night"
    here = command.replace("-h db1.example.org -U replicator", f"-h {server.socket} -U postgres")
    server.run("sh", "-c", f'export PATH="{server.bin}:$PATH"; night={night}; {here}')
    office.issue_invoices(1)
    [(moment,)] = server.sql("SELECT clock_timestamp()::text")
    kept = office.fresh()
    kept.pull()
    kept.close()
    office.issue_invoices(1)
    server.sql("SELECT pg_switch_wal()")
    server.stop()
    shutil.rmtree(server.data)
    server.run("cp", "-a", str(night), str(server.data))
    server.run("touch", str(server.data / "recovery.signal"))
    server.settings |= {
        "restore_command": setting("restore_command", folder),
        "recovery_target_time": moment,
        "recovery_target_action": setting("recovery_target_action", folder),
    }
    server.start()
    assert numbers(office.fresh()) == ["INV-2026-0001", "INV-2026-0002"]
    with pytest.raises(RolledBack):
        office.reopen().pull()
    until(lambda: server.sql("SELECT pg_is_in_recovery()") == [(False,)])
    assert office.fresh().commit(issue) == "INV-2026-0003"
    office.close()


def test_a_file_that_was_archived_before_stops_nothing_and_is_never_replaced(archived: tuple[Server, Path]) -> None:
    server, folder = archived
    [(name,)] = server.sql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
    server.sql("CREATE TABLE t(x int)")
    server.sql("SELECT pg_switch_wal()")
    until(lambda: (folder / "wal" / name).exists())

    def again() -> bool:
        command = server.settings["archive_command"].replace("%p", f"pg_wal/{name}").replace("%f", name)
        done = subprocess.run(["sh", "-c", command], cwd=server.data, check=False)
        return done.returncode == 0

    (server.data / "pg_wal" / name).write_bytes((folder / "wal" / name).read_bytes())
    assert again()  # the server was killed before it knew
    (server.data / "pg_wal" / name).write_bytes(b"of another server")
    assert not again()
