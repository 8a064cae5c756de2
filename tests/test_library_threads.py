"""The recorder under several threads: they save and read at once, wait for one another and no longer, and go on."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from eventsourcing.persistence import IntegrityError

from aggregates.directory import Entry, PersonNamed
from bo.errors import code_of
from store.errors import Unavailable, Unrecorded
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


def recorder_of(application: LedgerApplication) -> LedgerRecorder:
    assert isinstance(application.recorder, LedgerRecorder)
    return application.recorder


@contextmanager
def gathered(application: LedgerApplication, count: int) -> Iterator[ThreadPoolExecutor]:
    """One thread has its turn and cannot record; in the end `count` others wait behind it, then it can."""
    recorder = recorder_of(application)
    with ThreadPoolExecutor(count + 2) as pool:
        with busy(application):
            first = pool.submit(save, application, "first", 1)
            while not recorder._together._busy:
                time.sleep(0.001)
            yield pool
            while len(recorder._together._waiting) < count:
                time.sleep(0.001)
        first.exception()


def commits(application: LedgerApplication) -> int:
    return recorder_of(application)._ledger.verifier.sequence


def test_what_comes_while_another_records_is_one_commit(application: LedgerApplication) -> None:
    before = commits(application)
    with gathered(application, THREADS) as pool:
        saved = [pool.submit(save, application, f"p{number}", 1) for number in range(THREADS)]
    for each in saved:
        each.result()
    assert commits(application) == before + 2
    found = application.recorder.select_notifications(1, 99)
    assert [each.id for each in found] == list(range(1, THREADS + 2))


def test_each_hears_the_positions_of_its_own_events(application: LedgerApplication) -> None:
    def both(name: str) -> list[tuple[int, object]]:
        events = [Happened(entry(f"{name}{which}"), 1, PersonNamed("0" * 32, name)) for which in "ab"]
        recorded = application.save(*events, Happened(entry(f"{name}a"), 2, PersonNamed("0" * 32, name)))
        return [(each.notification.id, each.notification.originator_id) for each in recorded]

    with gathered(application, 3) as pool:
        saved = [pool.submit(both, name) for name in "xyz"]
    told = [position for each in saved for position in each.result()]
    found = application.recorder.select_notifications(2, 99)
    assert sorted(told) == [(each.id, each.originator_id) for each in found]
    for each in saved:  # what one thread recorded stands together
        positions = sorted(position for position, _ in each.result())
        assert positions == list(range(positions[0], positions[0] + 3))


def test_who_is_refused_is_refused_alone(application: LedgerApplication) -> None:
    with gathered(application, 4) as pool:
        saved = [pool.submit(save, application, name, 1 + (name == "gap")) for name in ("a", "gap", "b", "a")]
    problems = [each.exception() for each in saved]
    assert [type(problem) for problem in problems] == [type(None), IntegrityError, type(None), IntegrityError]
    assert "goes on with version 1, not 2" in str(problems[1])
    assert "goes on with version 2, not 1" in str(problems[3])
    assert {each.originator_id for each in application.recorder.select_notifications(1, 99)} == {
        entry(name) for name in ("first", "a", "b")
    }


def test_what_fails_for_all_is_told_to_all(application: LedgerApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*how: object, **more: object) -> None:
        raise Unrecorded("the disk is full")

    with gathered(application, 3) as pool:
        saved = [pool.submit(save, application, name, 1) for name in "abc"]
        monkeypatch.setattr(Ledger, "commit", gone)
    monkeypatch.undo()
    assert [str(each.exception()) for each in saved] == ["the disk is full; nothing was recorded"] * 3
    save(application, "a", 1)


def test_who_waits_for_too_long_gives_up_and_nothing_of_it_is_recorded(ledger: Ledger) -> None:
    with LedgerApplication(ledger) as application:
        together = recorder_of(application)._together
        with gathered(application, 0) as pool:
            together._wait = 0.2
            late = pool.submit(save, application, "late", 1).exception()
            assert isinstance(late, Unavailable)
            assert str(late) == "other threads record for 0 seconds; nothing was recorded"
        assert application.recorder.select_events(entry("late")) == []
        assert len(application.recorder.select_events(entry("first"))) == 1


def test_of_who_is_interrupted_while_he_waits_nothing_is_recorded(
    application: LedgerApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*how: object) -> None:
        raise KeyboardInterrupt

    with gathered(application, 0):
        with monkeypatch.context() as patch:
            patch.setattr(recorder_of(application)._together._changed, "wait_for", interrupted)
            with pytest.raises(KeyboardInterrupt):
                save(application, "late", 1)
        assert recorder_of(application)._together._waiting == []
    assert application.recorder.select_events(entry("late")) == []


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
    held.enter_context(recorder_of(application)._shared.alone())
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
