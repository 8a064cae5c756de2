"""A copy is the ledger: every row, the same verdicts on each store, and killed at any point it goes on."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aggregates.core import Refused
from aggregates.invoice import Invoice
from bo.session import Session
from projections.core import open_views
from store import audit, moving
from store import device as devices
from store.audit import Report
from store.backend import Backend
from store.errors import RolledBack, StoreError
from store.home import Home
from store.leaf import EVENT
from store.place import Place, open_store, place_of
from store.siderows import DOCUMENT, KEY, REJECTED, UNAUTHORISED
from tests.ledgers import Office, draft, erase, forge, key_row, sealed
from tests.servers import Server
from tests.transcripts import ROOT

pytest.importorskip("psycopg")


def grown(office: Office) -> Office:
    """Invoices, documents, a shred, a commit that is unauthorised and one that is rejected."""
    ledger = office.ledger
    office.issue_invoices(3)
    for reference in ("D-GONE", "D-STAYS"):
        blob = ledger.seal(Invoice, reference, [b"a contract about ", reference.encode()])
        ledger.commit(lambda tx: (tx.attach(Invoice, reference, [blob]), draft(tx, reference)))  # noqa: B023  # at once
    stream = ledger.keyring.stream_id(Invoice.compartment, "invoice/D-GONE") or b""
    [gone] = ledger.store.stream(EVENT, Invoice.compartment, stream)
    erase(ledger, "D-GONE")
    ledger.pull()
    verifier = ledger.verifier
    forge(ledger, gone._replace(idx=verifier.size, version=gone.version + gone.events, ordinal=verifier.ordinal))
    ledger.pull()
    leaf, row = sealed(ledger, b"no payload", "D-BAD")
    forge(ledger, leaf, wrapped=[row])
    office.issue_invoices(1)
    return office


@pytest.fixture
def places(tmp_path: Path, postgres_url: str) -> dict[str, Place]:
    return {"folder": tmp_path / "copy", "server": place_of(postgres_url)}


def copied(source: Place, target: Place) -> Report:
    with closing(open_store(source, read_only=True)) as here:
        ledger = moving._ledger(here)
        with closing(moving.begin(target, ledger)) as there:
            moving.append(here, there, lambda _: None)
            return moving.verify(here, there, ledger, lambda _: None)


def everything(store: Backend) -> list[Any]:
    rows = [sorted(map(tuple, store.rows(table))) for table in ("leaf", "head", "wrapped", "slot")]
    return [*rows, sorted((each.name, b"".join(store.blobs.read(each.blob or b""))) for each in store.blobs.listed())]


def contents(place: Place) -> list[Any]:
    with closing(open_store(place, read_only=True)) as store:
        return everything(store)


def told(office: Office, place: Place) -> list[Any]:
    """What alice finds there who knows nothing yet: her verdicts, her views, a full audit."""
    (home := office.folder / f"home-{os.urandom(4).hex()}" / "devices").mkdir(parents=True)
    shutil.copy2(office.home / "devices" / "alice.json", home)
    at = Home({"BO_HOME": str(home.parent)})
    ledger = Session(place, at, devices.unlock(devices.read(at.device_file("alice")), lambda: ""))
    with closing(ledger):
        views = open_views(ledger)
        verdicts = ledger.client.db.execute("SELECT * FROM verdict ORDER BY first").fetchall()
        found = audit.verify(ledger.store, device=ledger.device)
        return [
            verdicts, list(views.rows("SELECT * FROM trail ORDER BY rowid")),
            list(views.rows("SELECT * FROM invoice ORDER BY 1")), found,
        ]  # fmt: skip


@pytest.mark.parametrize("way", [("folder",), ("server",), ("server", "folder")], ids="-".join)
def test_every_row_and_every_verdict_is_the_same(
    office: Office, places: dict[str, Place], way: tuple[str, ...]
) -> None:
    source: Place = grown(office).directory
    for kind in way:
        report = copied(source, places[kind])
        source = places[kind]
        assert (report.of(KEY, DOCUMENT), len(report.of(UNAUTHORISED))) == ([], 1)
        assert (report.shredded, report.documents) == (1, 1)
    assert contents(source) == contents(office.directory)
    here, there = told(office, office.directory), told(office, source)
    assert here == there
    assert len(there[3].of(UNAUTHORISED)) == len(there[3].of(REJECTED)) == 1


def test_between_two_servers(office: Office, postgres_server: Server) -> None:
    with postgres_server.schema() as one, postgres_server.schema() as two:
        copied(grown(office).directory, place_of(one))
        copied(place_of(one), place_of(two))
        assert contents(place_of(two)) == contents(office.directory)


def test_it_goes_on_where_connections_broke_off(
    office: Office, postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "LEAVES", 8)
    broken: list[int] = []

    def step(_: int) -> None:
        if len(broken) < 3:
            broken.append(postgres_server.kill_backends())

    with postgres_server.schema() as one, postgres_server.schema() as two:
        copied(grown(office).directory, place_of(one))
        with (
            closing(open_store(place_of(one))) as here,
            closing(moving.begin(place_of(two), office.ledger.id)) as there,
        ):
            moving.append(here, there, step)
        assert all(broken)
        assert contents(place_of(two)) == contents(office.directory)


def test_others_go_on_working_meanwhile(office: Office, places: dict[str, Place]) -> None:
    process = office.start("issue", "20")
    assert process.stdout is not None
    process.stdout.readline()
    for target in places.values():
        assert copied(office.directory, target).findings == []
    process.communicate()
    for target in places.values():
        assert copied(office.directory, target).findings == []
        assert contents(target) == contents(office.directory)


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_again_it_brings_what_is_new(
    office: Office, places: dict[str, Place], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "LEAVES", 5)
    target = places[kind]
    for _ in range(3):
        office.issue_invoices(2)
        assert copied(office.directory, target).findings == []
        assert contents(target) == contents(office.directory)
    with closing(open_store(office.directory)) as here, closing(open_store(target)) as there:
        assert moving.append(here, there, lambda _: pytest.fail("copied again")) == moving.standing(here, there)


def test_what_is_erased_between_two_runs_is_erased_there(office: Office, places: dict[str, Place]) -> None:
    ledger = office.ledger
    blob = ledger.seal(Invoice, "D-GONE", [b"a contract"])
    ledger.commit(lambda tx: (tx.attach(Invoice, "D-GONE", [blob]), draft(tx, "D-GONE")))
    row = key_row(ledger, "D-GONE")
    for target in places.values():
        copied(office.directory, target)
    assert b"".join(places_bytes(places["folder"])).count(row) == 1
    erase(ledger, "D-GONE")
    ledger.pull()
    for target in places.values():
        assert copied(office.directory, target).of(KEY, DOCUMENT) == []
        assert contents(target) == contents(office.directory)
        assert contents(target)[4] == []
    assert b"".join(places_bytes(places["folder"])).count(row) == 0


def places_bytes(place: Place) -> Iterator[bytes]:
    assert isinstance(place, Path)
    yield from (path.read_bytes() for path in place.rglob("*") if path.is_file())


def test_what_a_source_has_not_yet_deleted_is_not_brought_back(office: Office, places: dict[str, Place]) -> None:
    """The shred stands in the log, and the process that was to delete the row was killed."""
    ledger = office.ledger
    ledger.commit(lambda tx: draft(tx, "D-GONE"))
    row = key_row(ledger, "D-GONE")
    office.close()
    assert office.run("erase", "D-GONE", BO_FAILPOINT="shred-recorded").returncode == -9
    for target in places.values():
        assert copied(office.directory, target).of(KEY) == []
        assert row not in [wrapped for _, wrapped in contents(target)[2]]


def test_other_ledgers_forks_and_newer_ones_are_refused(
    office: Office, places: dict[str, Place], tmp_path: Path
) -> None:
    office.issue_invoices(1)
    other = Office(tmp_path / "other")
    other.close()
    yesterday = tmp_path / "yesterday"
    copied(office.directory, yesterday)
    office.issue_invoices(1)
    for target in places.values():
        copied(office.directory, target)
        before = contents(target)
        with pytest.raises(Refused, match="another ledger stands at"):
            copied(other.directory, target)
        with pytest.raises(Refused, match="work went on there"):
            copied(yesterday, target)
        assert contents(target) == before
    office.close()
    shutil.rmtree(office.directory)
    shutil.rmtree(office.home / "pins")
    shutil.rmtree(office.home / "views")
    shutil.copytree(yesterday, office.directory)
    office.reopen()
    office.issue_invoices(2)
    for target in places.values():
        with pytest.raises(RolledBack, match="forked"):
            copied(office.directory, target)


def test_a_key_row_that_was_changed_there_is_found(office: Office, places: dict[str, Place]) -> None:
    """Without a device nobody could tell from the log alone."""
    office.issue_invoices(1)
    target = places["folder"]
    copied(office.directory, target)
    assert isinstance(target, Path)
    with closing(sqlite3.connect(target / "ledger.db")) as db:
        db.execute("UPDATE wrapped SET wrapped = zeroblob(48) WHERE key_id = (SELECT min(key_id) FROM wrapped)")
        db.commit()
    [found] = copied(office.directory, target).of(KEY)
    assert "is not the one that" in found.what


def test_a_tampered_source_makes_no_sound_copy(office: Office, places: dict[str, Place]) -> None:
    office.issue_invoices(2)
    office.close()
    with closing(sqlite3.connect(office.directory / "ledger.db")) as db:
        db.execute("UPDATE leaf SET body = zeroblob(length(body)) WHERE kind = 1 AND idx > 25")
        db.commit()
    for target in places.values():
        with pytest.raises(StoreError):
            copied(office.directory, target)


KILLED = """
import os, signal, sys
from store import failpoints, moving, postgres, sqlite, blobs, blobfolder, blobtable
left = int(sys.argv[1])
def once(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
def before(module, name):
    real = getattr(module, name)
    def first(*words, **more):
        once()
        result = real(*words, **more)
        once()
        return result
    setattr(module, name, first)
for store in (sqlite.SQLiteStore, postgres.PostgresStore):
    for name in ("pour", "merge", "commit"):
        before(store, name)
before(blobs, "copy")
for name in ("new_folder", "destroy", "_write"):
    before(moving, name)
moving.LEAVES = 8
from bo.cli import run
run(sys.argv[2:])
"""


def killed_at(step: int, office: Office, *words: str) -> subprocess.CompletedProcess[str]:
    """A command that is killed at the so-manieth step of what it writes, if it has so many."""
    return subprocess.run(
        [sys.executable, "-P", "-c", KILLED, str(step), *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "BO_HOME": str(office.home)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_killed_anywhere_it_goes_on(office: Office, places: dict[str, Place], kind: str) -> None:
    """At each step in turn; what stands there is always a beginning of the source that verifies."""
    grown(office).close()
    target, killed = places[kind], 0
    words = ["copy", str(office.directory), str(target)]
    steps = (1, 2, 4, 6, 7, 9, 11, 13, 15, 17, 20, 24, 300)
    for step in steps:
        done = killed_at(step, office, *words)
        killed += done.returncode == -9
        try:
            store = open_store(target, read_only=True)
        except StoreError:
            assert step <= 4, done.stderr  # it was not there yet
            continue
        with closing(store), closing(open_store(office.directory)) as source:
            size = moving.standing(source, store)
            assert sorted(store.rows("leaf")) == sorted(source.rows("leaf"))[:size]
            if size:
                report = audit.verify(store)
                assert report.of(KEY, DOCUMENT) == [], step
    assert killed > len(steps) / 2
    assert contents(target) == contents(office.directory)


def test_a_device_works_at_the_new_place(
    bo: Callable[..., subprocess.CompletedProcess[str]], postgres_url: str
) -> None:
    def ok(*words: str) -> str:
        done = bo(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    ok("init", "books", "--name", "Acme", "--owner", "alice", "--no-passphrase")
    ok("-L", "books", "record", "add", "customer", "C-1", "--set", "name=Ada")
    url = str(place_of(postgres_url))
    assert ok("copy", "books", url) == f"{url}\n"
    ok("-L", url, "record", "add", "customer", "C-2", "--set", "name=Eve")
    assert bo("-L", "books", "status").returncode == 21  # this machine knows that work went on elsewhere
    assert bo("copy", "books", "third").returncode == 21
    ok("copy", url, "back")
    assert "Eve" in ok("-L", "back", "record", "list")
