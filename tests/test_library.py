"""The ledger under the `eventsourcing` library: its own recorder cases, and what an application sees."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    NotSupportedError,
    StoredEvent,
    Tracking,
)
from eventsourcing.tests import persistence as theirs

import aggregates
from aggregates.core import SALES
from aggregates.directory import Entry, PersonNamed
from aggregates.invoice import Invoice
from aggregates.legal import Party
from aggregates.lines import line
from aggregates.series import Series
from store import payload
from store.ledger import Ledger
from store.library import Happened, LedgerApplication, LedgerMapper, LedgerRecorder, originator
from store.place import Place, place_of
from tests.ledgers import NoViews, founded
from tests.servers import Server
from tests.transcripts import ROOT

DAY = date(2026, 1, 31)
DRAFT = "4/invoice/D-1"
SERIES = "4/series/INV-2026"
DRAFTED = Invoice().draft("C-1", [line("Consulting;10;8.00;19")], "EUR")
ISSUED = Invoice.after(DRAFTED).issue("INV-2026-0001", DAY, Party("Ada"), Party("Acme"))
TAKEN = Series().take("INV", 2026, DAY)
MODULES = str(Path(__file__).parent / "modules")
"""Its `foreign.py` holds an event with any topic and bytes, for the library's cases alone."""


def forget() -> None:
    for known in (
        payload.event_types,
        payload.states,
        payload.rechecked_states,
        payload._decoder,
        payload._event_decoder,
    ):
        known.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def _foreign_events() -> Iterator[None]:
    aggregates.__path__.append(MODULES)
    forget()
    yield
    aggregates.__path__.remove(MODULES)
    sys.modules.pop("aggregates.foreign", None)
    forget()


@pytest.fixture(params=["in a folder", "on a server"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    url = request.getfixturevalue("postgres_url") if request.param == "on a server" else ""
    made = founded(tmp_path, place_of(url) if url else None)
    yield made
    made.close()


class Adapted(ApplicationRecorder):
    """The library's cases as they are: versions from 0, and any topic with any bytes."""

    def __init__(self, recorder: LedgerRecorder) -> None:
        self.recorder = recorder

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        return self.recorder.insert_events([_ours(each) for each in stored_events], **kwargs)

    def select_events(
        self,
        originator_id: Any,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        gt, lte = (None if each is None else each + 1 for each in (gt, lte))
        found = self.recorder.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)
        return [_theirs(each) for each in found]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        found = self.recorder.select_notifications(
            start, 10**6 if topics else limit, stop, inclusive_of_start=inclusive_of_start
        )
        return [each for each in map(_theirs, found) if not topics or each.topic in topics][:limit]

    def max_notification_id(self) -> int | None:
        return self.recorder.max_notification_id()

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Any:
        subscription = self.recorder.subscribe(gt)
        subscription._recorder = self  # type: ignore[assignment]  # so that what it yields is theirs
        subscription._topics = topics
        return subscription


def _ours(stored: StoredEvent) -> StoredEvent:
    foreign = sys.modules["aggregates.foreign"].Stored(stored.topic, stored.state.hex())
    return replace(
        stored,
        originator_version=stored.originator_version + 1,
        topic="foreign.stored",
        state=payload.encode_event(foreign),
    )


def _theirs(stored: Any) -> Any:
    foreign: Any = payload.decode_event(stored.state)
    return replace(
        stored,
        originator_version=stored.originator_version - 1,
        topic=foreign.topic,
        state=bytes.fromhex(foreign.state),
    )


class Case:
    """A fresh ledger for each test of the library."""

    INITIAL_VERSION = 0
    addCleanup: Callable[..., None]  # noqa: N815  # the library's cases are unittest's

    def new_originator_id(self) -> str:
        return f"{SALES}/foreign/{uuid4()}"

    def place(self) -> Place | None:
        """Where it is kept, if not in a folder of its own."""
        return None

    def create_recorder(self) -> Any:
        payload.event_types()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        recorder = LedgerRecorder(founded(Path(folder.name), self.place()))
        self.addCleanup(recorder.close)  # the library's cases leave threads behind that still read
        return Adapted(recorder)


class TestAggregateRecorder(Case, theirs.AggregateRecorderTestCase):
    """`insert_events` of an application recorder answers with ids, so the cases that want None are told so."""

    def create_recorder(self) -> Any:
        recorder = super().create_recorder()
        insert = recorder.insert_events

        def without_ids(stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
            insert(stored_events, **kwargs)

        recorder.insert_events = without_ids
        return recorder


class TestApplicationRecorder(Case, theirs.ApplicationRecorderTestCase[Any]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleaving(Case, theirs.NonInterleavingNotificationIDsBaseCase):
    """All events of one commit of one stream stand together."""


class OnServer:
    """The same cases on a server."""

    addCleanup: Callable[..., None]  # noqa: N815

    @pytest.fixture(autouse=True)
    def _server(self, postgres_server: Server) -> None:
        self.server = postgres_server

    def place(self) -> Place | None:
        schema = ExitStack()
        self.addCleanup(schema.close)
        return place_of(schema.enter_context(self.server.schema()))


class TestAggregateRecorderOnServer(OnServer, TestAggregateRecorder): ...


class TestApplicationRecorderOnServer(OnServer, TestApplicationRecorder): ...


class TestNonInterleavingOnServer(OnServer, TestNonInterleaving): ...


def drafted_and_issued() -> list[Happened]:
    return [Happened(DRAFT, 1, DRAFTED), Happened(SERIES, 1, TAKEN), Happened(DRAFT, 2, ISSUED)]


def test_an_application_saves_events_and_gets_aggregates(ledger: Ledger) -> None:
    with LedgerApplication(ledger) as application:
        recorded = application.save(*drafted_and_issued())
        assert [each.notification.id for each in recorded] == [1, 3, 2]  # a stream's events stand together
        assert application.get(Invoice, "D-1") == Invoice.after(DRAFTED, ISSUED) == ledger.load(Invoice, "D-1")
        assert application.get(Series, "INV-2026").last == 1
        assert [(each.id, each.topic, each.originator_id) for each in application.notification_log.select(1, 10)] == [
            (1, "invoice.drafted", DRAFT),
            (2, "invoice.issued", DRAFT),
            (3, "series.taken", SERIES),
        ]
        with pytest.raises(AggregateNotFoundError, match="4/invoice/D-2"):
            application.get(Invoice, "D-2")


def test_what_the_library_wrote_another_client_verifies_and_reads(ledger: Ledger) -> None:
    LedgerApplication(ledger).save(*drafted_and_issued())
    again = Ledger(ledger.at, ledger.home, ledger.device, NoViews())
    ledger.client.path.unlink()
    assert [each.state for each in LedgerRecorder(again).select_notifications(None, 9)] == [
        payload.encode_event(each) for each in (DRAFTED, ISSUED, TAKEN)
    ]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([Happened(DRAFT, 2, DRAFTED)], "goes on with version 1, not 2"),
        ([Happened(DRAFT, 0, DRAFTED)], "goes on with version 1, not 0"),
        ([Happened(DRAFT, 1, DRAFTED), Happened(DRAFT, 1, DRAFTED)], "goes on with version 2, not 1"),
        ([Happened(DRAFT, 1, DRAFTED), Happened(DRAFT, 3, ISSUED)], "goes on with version 2, not 3"),
        ([Happened("invoice/D-1", 1, DRAFTED)], "invoice/D-1 is no stream"),
        ([Happened("4/invoice", 1, DRAFTED)], "4/invoice is no stream"),
        ([Happened("99/invoice/D-1", 1, DRAFTED)], "you hold no key of compartment 99"),
        ([Happened("3/invoice/D-1", 1, DRAFTED)], "invoice/D-1 lives in compartment 4, not in 3"),
        ([Happened(DRAFT, 1, DRAFTED), Happened(DRAFT, 2, ISSUED)], "was not taken from its series"),
        ([Happened(DRAFT, 1, TAKEN)], "a series.taken does not belong into invoice/D-1"),
    ],
)
def test_what_a_replay_would_not_accept_is_an_integrity_error(ledger: Ledger, events: list[Happened], why: str) -> None:
    with pytest.raises(IntegrityError, match=why):
        LedgerApplication(ledger).save(*events)
    assert LedgerRecorder(ledger).max_notification_id() is None


def test_stored_events_are_checked_before_they_are_sealed(ledger: Ledger) -> None:
    recorder, stored = LedgerRecorder(ledger), LedgerMapper().to_stored_event(Happened(DRAFT, 1, DRAFTED))
    with pytest.raises(IntegrityError, match="the content is not an event"):
        recorder.insert_events([replace(stored, state=b"os:system")])
    with pytest.raises(IntegrityError, match=r"an? invoice.drafted is stored as os:system"):
        recorder.insert_events([replace(stored, topic="os:system")])
    unknown = msgspec.msgpack.encode({"type": "os.system", "command": "true"})
    with pytest.raises(IntegrityError, match="the content is not an event"):
        recorder.insert_events([replace(stored, state=unknown)])


def test_no_topic_is_ever_resolved() -> None:
    mapper = LedgerMapper()
    stored = mapper.to_stored_event(Happened(DRAFT, 1, DRAFTED))
    assert mapper.to_domain_event(replace(stored, topic="os:system")) == Happened(DRAFT, 1, DRAFTED)


def test_events_of_one_stream_can_be_cut_and_turned(ledger: Ledger) -> None:
    names = [PersonNamed("0" * 32, name) for name in "abcde"]
    entry = originator(Entry.compartment, "directory/x")
    recorder, mapper = LedgerRecorder(ledger), LedgerMapper()
    for start in (1, 3):  # two leaves of two events, then one of one
        recorder.insert_events([mapper.to_stored_event(Happened(entry, n, names[n - 1])) for n in (start, start + 1)])
    recorder.insert_events([mapper.to_stored_event(Happened(entry, 5, names[4]))])

    def found(**how: Any) -> str:
        return "".join(mapper.to_domain_event(each).event.name for each in recorder.select_events(entry, **how))

    assert found() == "abcde"
    assert found(gt=1, lte=4) == "bcd"
    assert found(desc=True, limit=2) == "ed"
    assert found(lte=3, desc=True, limit=1) == "c"
    assert found(gt=5) == found(limit=0) == ""
    positions = [each.id for each in recorder.select_notifications(2, 2)]
    assert positions == [2, 3]
    assert [each.id for each in recorder.select_notifications(2, 9, inclusive_of_start=False, stop=4)] == [3, 4]
    assert recorder.select_notifications(None, 9, topics=["invoice.issued"]) == []


def test_a_ledger_keeps_no_state_outside_its_log(ledger: Ledger) -> None:
    application = LedgerApplication(ledger)
    assert application.snapshots is None
    for refused in (
        lambda: application.factory.aggregate_recorder("snapshots"),
        application.factory.process_recorder,
        application.factory.tracking_recorder,
        lambda: application.recorder.insert_events([], tracking=Tracking("other", 1)),
    ):
        with pytest.raises(NotSupportedError):
            refused()


def test_a_stopped_subscription_ends(ledger: Ledger) -> None:
    LedgerApplication(ledger).save(*drafted_and_issued())
    with LedgerRecorder(ledger).subscribe(gt=1, topics=("series.taken",)) as subscription:
        assert next(subscription).id == 3
        subscription.stop()
        assert list(subscription) == []


PLANTED = """
from pathlib import Path
Path(r"{mark}").touch()
class Planted:
    pass
"""
RUN = """
import sys
from pathlib import Path
from tests.ledgers import NoViews, founded
from tests.test_library import Happened, DRAFT, DRAFTED, Invoice
from store.library import LedgerApplication
with LedgerApplication(founded(Path(sys.argv[1]))) as application:
    application.save(Happened(DRAFT, 1, DRAFTED))
    assert application.get(Invoice, "D-1").customer == "C-1"
    assert application.snapshots is None and application.repository.cache is None
"""


def test_the_environment_chooses_no_code(tmp_path: Path) -> None:
    mark = tmp_path / "planted-code-ran"
    (tmp_path / "planted.py").write_text(PLANTED.format(mark=mark))
    names = (
        "PERSISTENCE_MODULE", "INFRASTRUCTURE_FACTORY", "FACTORY_TOPIC", "MAPPER_TOPIC", "CIPHER_TOPIC",
        "TRANSCODER_TOPIC", "COMPRESSOR_TOPIC", "APPLICATION_RECORDER_TOPIC", "PROCESS_RECORDER_TOPIC",
    )  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
        **{f"{prefix}{name}": "planted:Planted" for name in names for prefix in ("", "LEDGERAPPLICATION_")},
        "CIPHER_KEY": "x",
        "IS_SNAPSHOTTING_ENABLED": "y",
        "AGGREGATE_CACHE_MAXSIZE": "10",
    }
    subprocess.run([sys.executable, "-c", RUN, str(tmp_path)], env=environment, check=True)
    assert not mark.exists()
    subprocess.run([sys.executable, "-c", "import planted"], env=environment, check=True)
    assert mark.exists()  # it would have been found
