"""A new client that begins with a backup from a disk: all is verified as ever, and the server is asked for the rest."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bo.session import Session
from projections.core import open_views
from store import backup
from store import device as devices
from store.errors import RolledBack, Tampered
from store.home import Home
from store.place import Place, place_of
from store.postgres import PostgresStore
from tests.ledgers import Office, draft, issue, numbers

pytest.importorskip("psycopg")


@pytest.fixture
def office(tmp_path: Path, postgres_url: str) -> Iterator[Office]:
    made = Office(tmp_path, postgres_url)
    made.issue_invoices(5)
    yield made
    made.close()


@pytest.fixture
def disk(office: Office) -> Path:
    """The ledger as it was, on a disk, and two commits more on the server."""
    target = office.folder / "disk"
    backup.backup(office.ledger.store, office.ledger.id, target)
    office.issue_invoices(2)
    return target


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From which leaves on servers are asked for commits."""
    starts: list[int] = []
    commits = PostgresStore.commits

    def noted(store: PostgresStore, start: int, **how: Any) -> Any:
        starts.append(start)
        return commits(store, start, **how)

    monkeypatch.setattr(PostgresStore, "commits", noted)
    return starts


def opened(office: Office, place: Place) -> Session:
    """Alice on a new machine, which knows nothing but her device."""
    home = office.folder / "new"
    (home / "devices").mkdir(parents=True, exist_ok=True)
    shutil.copy2(office.home / "devices" / "alice.json", home / "devices")
    at = Home({"BO_HOME": str(home)})
    return Session(place, at, devices.unlock(devices.read(at.device_file("alice")), lambda: ""))


def server(office: Office) -> Place:
    return place_of((office.folder / "url").read_text())


def test_only_the_rest_comes_from_the_server(office: Office, disk: Path, asked: list[int]) -> None:
    with closing(opened(office, disk)) as ledger:
        assert len(numbers(ledger)) == 5
        size = ledger.verifier.size
    assert asked == []
    with closing(opened(office, server(office))) as ledger:
        ledger.pull()
        assert asked == [size]
        assert numbers(ledger) == [f"INV-2026-000{number}" for number in range(1, 8)]
        trail = "SELECT * FROM trail ORDER BY rowid"
        assert list(open_views(ledger).rows(trail)) == list(open_views(office.fresh()).rows(trail))
        assert ledger.commit(issue) == "INV-2026-0008"


def test_a_disk_that_was_changed_is_refused_and_does_no_harm(office: Office, disk: Path) -> None:
    with closing(sqlite3.connect(disk / "ledger.db")) as db:
        db.execute("UPDATE leaf SET body = zeroblob(length(body)) WHERE idx = 25")
        db.commit()
    with closing(opened(office, disk)) as ledger, pytest.raises(Tampered):
        ledger.pull()
    with closing(opened(office, server(office))) as ledger:
        assert len(numbers(ledger)) == 7


def test_a_disk_on_which_work_went_on_is_a_fork(office: Office, disk: Path) -> None:
    with closing(opened(office, disk)) as ledger:
        ledger.commit(lambda tx: draft(tx, "D-FORK"))
    with closing(opened(office, server(office))) as ledger, pytest.raises(RolledBack):
        ledger.pull()
