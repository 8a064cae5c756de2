"""Crashes: killed anywhere or without room to write, a commit is whole or absent and what was told is kept."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aggregates.invoice import Invoice
from bo.errors import code_of
from projections.core import open_views
from store import failpoints
from store.client import Client
from store.errors import StoreError, Unavailable
from store.leaf import leaf_hash
from store.ledger import Ledger
from tests.ledgers import Office, contiguous, database, draft, issue, numbers, opened
from tests.transcripts import ROOT

SEED = 20260131
KILLED = -9


def sound(office: Office) -> list[str]:
    """The numbers in the ledger, after a client that knows nothing has verified it from leaf 0."""
    fresh = office.fresh()
    found = seen(fresh)
    fresh.close()
    return found


def seen(client: Ledger) -> list[str]:
    """The same, after a client has verified what is new to it."""
    found = numbers(client)
    assert found == contiguous(len(found))
    assert client.client.db.execute("SELECT * FROM verdict").fetchall() == []
    assert not client.client.get("sweep")
    return found


# at every step

COMMITTING = failpoints.NAMES[: failpoints.NAMES.index("blob-written")]
DURABLE = failpoints.NAMES.index("after-commit")


def test_every_failpoint_in_the_code_has_its_name_here() -> None:
    """And every name has a test below: `COMMITTING`, the document's and the two of a shred."""
    used = {
        name
        for path in (ROOT / "store").glob("*.py")
        for name in re.findall(r"""(?:hit\(|failpoint=)"([a-z-]+)\"""", path.read_text())
    }
    assert used == set(failpoints.NAMES)
    assert {*COMMITTING, "blob-written", "shred-recorded", "shred-rows-deleted"} == set(failpoints.NAMES)


@pytest.mark.parametrize("name", COMMITTING)
def test_a_commit_that_was_killed_is_whole_or_absent(office: Office, name: str) -> None:
    office.issue_invoices(2)
    office.close()
    killed = office.run("issue", "1", BO_FAILPOINT=name)
    assert killed.returncode == KILLED, f"{name} was never reached"  # nothing else sends this signal
    assert killed.stdout == ""
    expected = 3 if failpoints.NAMES.index(name) >= DURABLE else 2
    assert len(sound(office)) == expected
    done = office.run("issue", "1")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"INV-2026-{expected + 1:04}\n", "")
    _same_views(office)


def _same_views(office: Office) -> None:
    """The views that went through the crash are those of a client that never saw it."""
    crashed, fresh = office.another(), office.fresh()
    for ledger in (crashed, fresh):
        open_views(ledger)
    assert tables(crashed.client) == tables(fresh.client)


def tables(client: Client) -> dict[str, list[Any]]:
    names = [name for (name,) in client.db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    ours = [
        name for name in names if name not in ("state", "projection") and not name.startswith(("sqlite_", "leaf_hash"))
    ]
    return {
        name: sorted(client.db.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
        for name in ours
        if not re.search(r"_(config|content|data|docsize|idx)$", name)  # of a text index: how it is cut up depends
    }


@pytest.mark.parametrize("name", ["begun", "head-inserted", "pin-begun", "views-before-commit"])
def test_a_killed_process_locks_out_nobody(office: Office, name: str) -> None:
    """Another process that is waiting meanwhile goes on at once."""
    office.close()
    jobs = [office.start("issue", "1", BO_FAILPOINT=name), office.start("issue", "3")]
    (_, _), (out, err) = (job.communicate(timeout=60) for job in jobs)
    assert jobs[0].returncode == KILLED
    assert (jobs[1].returncode, err, len(out.split())) == (0, "", 3)
    assert set(out.split()) <= set(sound(office))


def test_a_document_whose_commit_never_came_is_no_part_of_the_ledger(office: Office) -> None:
    office.close()
    killed = office.run("file", "D-1", BO_FAILPOINT="blob-written")
    assert killed.returncode == KILLED
    assert sound(office) == []
    assert office.run("file", "D-1").stdout == "D-1\n"
    assert office.run("issue", "1").stdout == "INV-2026-0001\n"


def test_a_crash_in_the_middle_of_a_split_checkpoint_or_open_loses_nothing(office: Office) -> None:
    """Killed again and again at the same point, by a process that starts on what the last one left."""
    office.close()
    for name in ("after-commit", "pin-begun"):
        before = len(sound(office))
        for _ in range(4):
            assert office.run("issue", "1", BO_FAILPOINT=name).returncode == KILLED
        after = len(sound(office))  # who starts on an unfinished pull may die there, with nothing of his own written
        assert after - before in ((4,) if name == "after-commit" else (1, 2, 3))
        assert office.run("issue", "1").stdout == f"INV-2026-{after + 1:04}\n"


# at random


def _killed_at_random(office: Office, rounds: int) -> list[int]:
    """Two writers of invoices and of drafts that they erase, killed after a while; how many commits each round left."""
    chance, left, witness = random.Random(SEED), [0], office.fresh()
    office.close()
    told: set[str] = set()
    for number in range(rounds):
        jobs = [office.start("busy"), office.start("busy")]
        assert all(job.stdout and job.stdout.readline() for job in jobs)
        time.sleep(chance.random() * 0.15)
        for job in jobs:
            job.kill()
        for job in jobs:
            out, err = job.communicate(timeout=60)
            assert (job.returncode, err) == (KILLED, "")
            told.update(line for line in out.splitlines() if line.startswith("INV-"))
        found = seen(witness) if number % 10 else sound(office)
        assert told <= set(found)
        left.append(len(found))
    witness.close()
    assert sound(office) == found
    assert office.run("issue", "1").stdout == f"INV-2026-{left[-1] + 1:04}\n"
    assert sorted(left) == left
    assert left[-1] > rounds  # they did write
    _same_views(office)
    return left


def test_killed_at_random_12_times(office: Office) -> None:
    _killed_at_random(office, 12)


@pytest.mark.long
def test_killed_at_random_200_times(office: Office) -> None:
    left = _killed_at_random(office, 200)
    print(f"{left[-1]} invoices after 200 rounds of two writers")


# no room


def _no_room(office: Office, sizes: list[int]) -> set[int]:
    office.issue_invoices(3)
    office.close()
    codes = set()
    for largest in sizes:
        done = office.run("issue", "40", largest=largest)
        codes.add(done.returncode)
        assert done.returncode in (0, 6), done.stderr
        if done.returncode == 6:
            last = done.stderr.splitlines()[-1]
            assert re.match(rf"bo: {re.escape(str(office.folder))}\S+: ", last), done.stderr
        found = sound(office)
        assert set(done.stdout.split()) <= set(found)
        assert office.run("issue", "1").stdout == f"INV-2026-{len(found) + 1:04}\n"
    _same_views(office)
    return codes


def test_without_room_the_file_is_named_and_nothing_is_lost(office: Office) -> None:
    assert 6 in _no_room(office, [512, 40_000, 150_000, 300_000, 700_000])


@pytest.mark.long
def test_without_room_at_many_sizes(office: Office) -> None:
    sizes = [round(600 * 1.35**step) for step in range(28)]
    assert _no_room(office, [*sizes, 64 << 20]) == {0, 6}


def test_without_room_for_the_first_commit(office: Office, tmp_path: Path) -> None:
    """`bo init` in a folder that is full says so; nothing there is taken for a ledger."""
    for largest in (100, 3_000, 20_000, 60_000):
        home, place = tmp_path / f"home-{largest}", tmp_path / f"place-{largest}"
        command = (
            f'ulimit -f {max(1, largest // 1024)}; exec "$0" -P -m bo init "$1" --name A --owner a --no-passphrase'
        )
        done = subprocess.run(
            ["bash", "-c", command, sys.executable, str(place)],
            env={
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
                "BO_HOME": str(home),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 6, (largest, done.stderr)
        assert "Traceback" not in done.stderr
        assert "bug" not in done.stderr


# damaged files


def copied(office: Office, name: str) -> Path:
    """The folder with ledger and home as they stand, while SQLite has them open: another process copies it."""
    target = office.folder.parent / f"{office.folder.name}-{name}"
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", str(office.folder), str(target)], check=True)
    return target


class Judge:
    """Opens damaged copies of a ledger and says what comes of them."""

    def __init__(self, office: Office) -> None:
        self.office, self.whole = office, office.ledger.verifier.frontier.root()
        self.invoices = len(numbers(office.ledger))
        self.codes: dict[int, int] = {}

    def warm(self, folder: Path) -> int:
        """With the views that were there."""
        return self._judge(folder)

    def cold(self, folder: Path) -> int:
        """Verifying from leaf 0; the pin is there."""
        shutil.rmtree(folder / "home" / "views")
        return self._judge(folder)

    def _judge(self, folder: Path) -> int:
        """0 when all of the log is there and opens, else the exit code of what was raised."""
        code, ledger = 0, None
        try:
            ledger = opened(folder)
            ledger.pull()
            leaves = [leaf for raw in ledger.store.commits(0) for leaf in raw.leaves]
            kept = [leaf_hash(ledger.id, leaf) for leaf in leaves]
            assert ledger.verifier.frontier.root() == self.whole
            if all(ledger.verifier.streams.hash_of(at) == found for at, found in enumerate(kept)):
                assert len(kept) == ledger.verifier.size
                unchecked = ledger.client.db.execute("SELECT COUNT(*) FROM verdict").fetchone()[0]
                assert unchecked or len(numbers(ledger)) == self.invoices
        except (StoreError, OSError) as problem:  # anything else is a bug, and fails the test
            code = code_of(problem)
        finally:
            if ledger is not None:
                ledger.close()
        assert code in (0, 6, 20, 21, 22)
        self.codes[code] = self.codes.get(code, 0) + 1
        return code


@pytest.fixture
def judge(office: Office) -> Iterator[Judge]:
    """Twenty invoices in the file and ten more in the write-ahead log."""
    office.issue_invoices(20)
    database(office.ledger).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    office.issue_invoices(10)
    yield Judge(office)
    for folder in office.folder.parent.glob(f"{office.folder.name}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def test_the_copy_itself_is_whole(judge: Judge) -> None:
    for name in ("ledger.db", "ledger.db-wal"):
        assert (copied(judge.office, "whole") / "ledger" / name).stat().st_size > 20_000
    assert judge.warm(copied(judge.office, "whole")) == 0
    assert judge.cold(copied(judge.office, "whole")) == 0


def test_a_cut_ledger_is_never_a_shorter_log(judge: Judge) -> None:
    source = copied(judge.office, "source")
    size = (source / "ledger" / "ledger.db").stat().st_size
    cuts = [0, 1, 15, 16, 99, 100, 511, 4095, 4096, 4097, *range(8192, size, size // 12), size - 4096, size - 1]
    for at in cuts:
        for look in (judge.warm, judge.cold):
            folder = copied(judge.office, "cut")
            with (folder / "ledger" / "ledger.db").open("r+b") as file:
                file.truncate(at)
            (folder / "ledger" / "ledger.db-wal").unlink()
            (folder / "ledger" / "ledger.db-shm").unlink(missing_ok=True)
            assert look(folder) != 0, at
    assert judge.codes.keys() >= {20, 21}


def test_a_cut_write_ahead_log_is_never_a_shorter_log(judge: Judge) -> None:
    size = (copied(judge.office, "source") / "ledger" / "ledger.db-wal").stat().st_size
    for at in [0, 1, 31, 32, 33, *range(56, size, size // 12), size - 4096, size - 1]:
        for look in (judge.warm, judge.cold):
            folder = copied(judge.office, "cut")
            with (folder / "ledger" / "ledger.db-wal").open("r+b") as file:
                file.truncate(at)
            (folder / "ledger" / "ledger.db-shm").unlink(missing_ok=True)
            assert look(folder) in (20, 21), at
    folder = copied(judge.office, "cut")
    (folder / "ledger" / "ledger.db-wal").unlink()
    assert judge.warm(folder) == 21


def test_half_old_pages_are_noticed(judge: Judge) -> None:
    """Pages of this ledger as it was ten invoices ago, one by one and from the front on."""
    database(judge.office.ledger).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    old = (copied(judge.office, "old") / "ledger" / "ledger.db").read_bytes()
    judge.office.issue_invoices(10)
    database(judge.office.ledger).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    judge.whole, judge.invoices = judge.office.ledger.verifier.frontier.root(), 40
    new = (copied(judge.office, "new") / "ledger" / "ledger.db").read_bytes()
    pages = [slice(at, at + 4096) for at in range(0, len(old), 4096)]
    mixed = [new[: page.start] + old[page] + new[page.stop :] for page in pages if old[page] != new[page]]
    mixed += [old[: page.stop] + new[page.stop :] for page in pages[:: len(pages) // 8]]
    assert len(mixed) > 10
    for raw in mixed:
        folder = copied(judge.office, "mixed")
        (folder / "ledger" / "ledger.db").write_bytes(raw)
        judge.cold(folder)
    assert sum(judge.codes.values()) == len(mixed)
    assert judge.codes.get(0, 0) <= len(mixed) // 2, judge.codes  # an index page is not read; the leaves are
    whole_old = copied(judge.office, "mixed")
    (whole_old / "ledger" / "ledger.db").write_bytes(old)
    assert judge.cold(whole_old) == 21


def test_flipped_bits_in_the_file_are_noticed(judge: Judge) -> None:
    database(judge.office.ledger).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = (copied(judge.office, "source") / "ledger" / "ledger.db").read_bytes()
    chance = random.Random(SEED)
    for _ in range(40):
        changed = bytearray(raw)
        changed[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        folder = copied(judge.office, "flipped")
        (folder / "ledger" / "ledger.db").write_bytes(changed)
        judge.cold(folder)  # where it is 0, all of the log is there and says what it said
    assert judge.codes.get(20, 0) > 10, judge.codes


def test_a_foreign_write_ahead_log_is_noticed(judge: Judge, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Office(tmp_path_factory.mktemp("other"))
    database(other.ledger).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.issue_invoices(30)
    foreign = (copied(other, "whole") / "ledger" / "ledger.db-wal").read_bytes()
    for look in (judge.warm, judge.cold):
        folder = copied(judge.office, "foreign")
        (folder / "ledger" / "ledger.db-wal").write_bytes(foreign)
        (folder / "ledger" / "ledger.db-shm").unlink(missing_ok=True)
        assert look(folder) in (6, 20, 21)
    other.close()


def test_a_stale_write_ahead_log_is_noticed(judge: Judge) -> None:
    """The write-ahead log of before the last checkpoint, put beside the newer file."""
    stale = (copied(judge.office, "stale") / "ledger" / "ledger.db-wal").read_bytes()
    database(judge.office.ledger).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    judge.office.issue_invoices(10)
    database(judge.office.ledger).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    judge.whole, judge.invoices = judge.office.ledger.verifier.frontier.root(), 40
    for look in (judge.warm, judge.cold):
        folder = copied(judge.office, "newer")
        (folder / "ledger" / "ledger.db-wal").write_bytes(stale)
        (folder / "ledger" / "ledger.db-shm").unlink(missing_ok=True)
        assert look(folder) in (6, 20, 21)


def test_yesterdays_copy_of_the_whole_folder_is_a_rollback(judge: Judge) -> None:
    yesterday = copied(judge.office, "yesterday")
    judge.office.issue_invoices(1)
    folder = copied(judge.office, "today")
    shutil.rmtree(folder / "ledger")
    shutil.copytree(yesterday / "ledger", folder / "ledger")
    assert judge.warm(folder) == 21
    assert judge.cold(folder) == 21


# the client's own database


def _again(office: Office) -> None:
    """The next command works, and the views are those of a client that was never damaged."""
    before = len(sound(office))
    done = office.run("issue", "1")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"INV-2026-{before + 1:04}\n", "")
    _same_views(office)
    office.close()


def _client_file(office: Office) -> Path:
    path = office.ledger.client.path
    office.ledger.client.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    office.close()
    return path


def test_a_corrupted_client_database_is_built_again(office: Office) -> None:
    office.issue_invoices(5)
    path = _client_file(office)
    whole = path.read_bytes()
    told = 0
    for at in [0, 20, 2_000, *range(4_100, len(whole), len(whole) // 12), len(whole) - 1]:
        raw = bytearray(whole)
        raw[at] ^= 1
        path.write_bytes(raw)
        ledger = office.another()
        views = open_views(ledger)
        try:
            with ledger.client.watched():
                tables(ledger.client)
        except Unavailable as problem:
            told += "run it again" in str(problem)
        else:
            assert views.value("SELECT COUNT(*) FROM invoice WHERE number != ''") == 5
        assert ledger.commit(lambda tx: tx.exists(Invoice, "D-1")) is False
        ledger.close()
        assert office.run("draft", f"D-{at}").returncode == 0
    assert told > 1
    _same_views(office)


def test_a_cut_or_strange_client_database_is_built_again(office: Office) -> None:
    office.issue_invoices(5)
    path = _client_file(office)
    whole = path.read_bytes()
    for raw in (
        b"",
        b"x",
        whole[:100],
        whole[:4096],
        whole[: len(whole) // 2],
        whole[:-1],
        whole + b"more",
        bytes(8192),
    ):
        path.write_bytes(raw)
        _again(office)


def test_a_plaintext_database_in_its_place_is_thrown_away(office: Office) -> None:
    office.issue_invoices(2)
    path = _client_file(office)
    path.unlink()
    with sqlite3.connect(path) as plain:
        plain.executescript("CREATE TABLE state(name TEXT, value BLOB); CREATE TABLE invoice(number TEXT);")
        plain.execute("INSERT INTO invoice VALUES('INV-9999-0001')")
    plain.close()
    _again(office)
    assert not path.read_bytes().startswith(b"SQLite format 3")


def test_a_database_under_another_key_is_thrown_away(office: Office) -> None:
    office.issue_invoices(2)
    path = _client_file(office)
    path.unlink()
    Client(path, "ab" * 48).close()
    _again(office)


def test_an_old_client_database_catches_up(office: Office) -> None:
    office.issue_invoices(2)
    path = _client_file(office)
    old = path.read_bytes()
    assert office.run("issue", "3").returncode == 0
    path.write_bytes(old)
    _again(office)


def test_a_deleted_client_database_is_built_again(office: Office) -> None:
    office.issue_invoices(2)
    _client_file(office).unlink()
    _again(office)
    shutil.rmtree(office.home / "views")
    _again(office)


def test_what_cannot_be_a_database_is_told(office: Office) -> None:
    path = _client_file(office)
    path.unlink()
    path.mkdir()
    done = office.run("issue", "1")
    assert done.returncode == 6
    assert str(path) in done.stderr
    path.rmdir()
    _again(office)


def test_no_damage_to_the_client_reaches_the_log(office: Office) -> None:
    """A pin without views, views without a pin, neither: the ledger is as it was."""
    office.issue_invoices(3)
    head = office.ledger.store.newest()
    office.close()
    for folders in (("views",), ("pins",), ("views", "pins"), ("views", "pins", "places")):
        for name in folders:
            shutil.rmtree(office.home / name, ignore_errors=True)
        ledger = office.another()
        ledger.pull()
        assert ledger.store.newest() == head
        office.close()
    assert office.run("draft", "D-1").returncode == 0


def test_the_figures_are_those_of_what_was_told(office: Office) -> None:
    """The last invoice told before a crash is the last one there, also for a reader that stays open."""
    reader = office.another()
    for number in range(1, 4):
        assert office.ledger.commit(issue) == f"INV-2026-{number:04}"
        office.ledger.commit(draft)
        assert numbers(reader) == contiguous(number)
