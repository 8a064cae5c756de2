"""The recorder under several threads: they save and read at once, wait for one another and no longer, and go on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from aggregates.directory import Entry, PersonNamed
from bo.errors import code_of
from store.errors import Unavailable
from store.ledger import Ledger
from store.library import Happened, LedgerApplication, LedgerRecorder, originator
from store.place import place_of
from store.sharing import Shared
from tests.ledgers import founded
from tests.servers import Server

pytest.importorskip("psycopg")
THREADS, EACH = 8, 5


@pytest.fixture
def ledger(tmp_path: Path, postgres_url: str) -> Iterator[Ledger]:
    made = founded(tmp_path, place_of(postgres_url))
    yield made
    made.close()


def entry(name: str) -> str:
    return originator(Entry.compartment, f"directory/{name}")


def save(application: LedgerApplication, name: str, version: int) -> None:
    application.save(Happened(entry(name), version, PersonNamed("0" * 32, f"{name} {version}")))


def backends(server: Server) -> int:
    others = "backend_type = 'client backend' AND application_name = 'bo'"
    return int(server.sql(f"SELECT count(*) FROM pg_stat_activity WHERE {others}")[0][0])


@pytest.fixture(params=["in a folder", "on a server"])
def application(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LedgerApplication]:
    url = request.getfixturevalue("postgres_url") if request.param == "on a server" else ""
    with LedgerApplication(founded(tmp_path, place_of(url) if url else None)) as made:
        yield made


def test_threads_save_and_read_at_once(application: LedgerApplication) -> None:
    total, seen = THREADS * EACH, list[int]()

    def listen() -> None:
        with application.recorder.subscribe() as subscription:
            for notification in subscription:
                seen.append(notification.id)
                if len(seen) == total:
                    return

    def work(number: int) -> int:
        for version in range(1, EACH + 1):
            save(application, f"p{number}", version)
            mine = application.recorder.select_events(entry(f"p{number}"))
            assert [each.originator_version for each in mine] == list(range(1, version + 1))
            found = application.recorder.select_notifications(1, 1000)
            assert [each.id for each in found] == list(range(1, len(found) + 1))
            assert len(found) >= version
        return number

    listener = threading.Thread(target=listen)
    listener.start()
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(work, range(THREADS))) == list(range(THREADS))
    listener.join(30)
    assert seen == list(range(1, total + 1))
    assert application.recorder.max_notification_id() == total


def test_who_reads_does_not_wait_for_who_records(ledger: Ledger, postgres_server: Server) -> None:
    with LedgerApplication(ledger) as application:
        save(application, "a", 1)
        before = backends(postgres_server)
        assert application.recorder.max_notification_id() == 1
        assert backends(postgres_server) == before  # alone, the one connection is enough
        with ledger.store.writing(), busy(application), ThreadPoolExecutor(1) as other:
            assert other.submit(application.recorder.max_notification_id).result(30) == 1
            assert backends(postgres_server) == before + 1


def busy(application: LedgerApplication) -> ExitStack:
    """As while one thread records."""
    held = ExitStack()
    recorder = application.recorder
    assert isinstance(recorder, LedgerRecorder)
    held.enter_context(recorder._shared.alone())
    return held


def test_an_exhausted_pool_and_a_held_ledger_are_waited_for_and_told(ledger: Ledger) -> None:
    shared = Shared(ledger, readers=1, wait=0.5)

    def told(work: Callable[[], object]) -> str:
        with ThreadPoolExecutor(1) as other, pytest.raises(Unavailable) as refused:
            other.submit(work).result()
        assert code_of(refused.value) == 6
        return str(refused.value)

    def read() -> None:
        with shared.current():
            pass

    def write() -> None:
        with shared.alone():
            pass

    assert shared._readers is not None
    with shared.alone(), shared._readers.one():
        assert told(read) == f"{ledger.at}: all readers of this program (1) are busy, for 0 seconds"
        assert told(write) == f"other threads hold {ledger.at} for 0 seconds; nothing was recorded"
    with shared.alone(), ThreadPoolExecutor(1) as other:
        other.submit(read).result()
    shared.close()
    with shared.alone():
        assert told(read) == f"{ledger.at}: the ledger was closed"


def test_a_server_restarts_between_two_reads(tmp_path: Path, breakable_server: Server) -> None:
    made = founded(tmp_path, place_of(breakable_server.url(schema="acme")))
    with LedgerApplication(made) as application, ThreadPoolExecutor(1) as other:
        save(application, "a", 1)
        for version in (2, 3):
            with busy(application):
                assert len(other.submit(application.recorder.select_events, entry("a")).result()) == version - 1
            breakable_server.stop("immediate")
            breakable_server.start()
            with busy(application):
                assert len(other.submit(application.recorder.select_events, entry("a")).result()) == version - 1
            save(application, "a", version)
            breakable_server.kill_backends()


def test_a_server_that_stays_away_is_told_in_time(tmp_path: Path, breakable_server: Server) -> None:
    ledger = founded(tmp_path, place_of(breakable_server.url(schema="acme")))
    shared = Shared(ledger, readers=2, wait=1.0)
    assert shared._readers is not None
    with shared._readers.one():
        pass
    breakable_server.stop()
    with pytest.raises(Unavailable, match="the server gives no connection, for 1 seconds"), shared._readers.one():
        pass
    shared.close()


def test_without_the_pool_the_reason_is_told(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg_pool", None)
    monkeypatch.delitem(sys.modules, "store.readers", raising=False)
    with pytest.raises(Unavailable, match=r"install bo-ledger\[postgres\]"):
        LedgerApplication(ledger)
    with LedgerApplication(ledger, readers=0) as application:
        save(application, "a", 1)
