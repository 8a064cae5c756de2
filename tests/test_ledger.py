"""The ledger: a commit is whole or absent, done once, in one order, whoever writes beside it."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aggregates.core import Refused
from aggregates.invoice import Invoice
from aggregates.lines import Line
from aggregates.series import Series
from bo.errors import code_of
from projections.core import open_views
from store import payload
from store.control import PersonAdd
from store.errors import NeedsNewer
from store.follow import restore
from store.leaf import CONTROL, EVENT, JOURNAL, NO_HASH, NO_STREAM, Leaf
from store.transaction import Transaction, random_id
from tests.ledgers import LINES, Office, change, contiguous, draft, forge, issue, key_row, numbers, sealed


@pytest.fixture
def office(either: Office) -> Office:
    return either


def size(office: Office) -> int:
    newest = office.ledger.store.newest()
    assert newest is not None
    return newest[0]


def kinds(office: Office, start: int) -> list[int]:
    return [leaf.kind for raw in office.ledger.store.commits(start) for leaf in raw.leaves]


# all or nothing


def test_a_commit_is_one_share_a_stream_and_one_head(office: Office) -> None:
    start = size(office)
    office.issue_invoices(1)
    [raw] = office.ledger.store.commits(start)
    assert [(leaf.kind, leaf.events) for leaf in raw.leaves[:-1]] == [(EVENT, 2), (EVENT, 1)]
    said = office.ledger.keyring.read(raw.leaves[0], raw.wrapped[0])
    assert said is not None
    assert office.ledger.load(Invoice, said.stream.partition("/")[2]).number == "INV-2026-0001"


def test_a_failing_work_leaves_nothing(office: Office) -> None:
    start = size(office)
    rows = {table: _rows(office, table) for table in ("leaf", "wrapped", "slot", "head")}

    def work(tx: Transaction) -> None:
        issue(tx)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        office.ledger.commit(work)
    assert {table: _rows(office, table) for table in rows} == rows
    assert size(office) == start
    assert office.issue_invoices(1) == ["INV-2026-0001"]


def _rows(office: Office, table: str) -> int:
    return sum(1 for _ in office.ledger.store.rows(table))


def test_a_refused_verb_leaves_a_journal_entry_and_nothing_else(office: Office) -> None:
    start, position = size(office), office.ledger.verifier.ordinal
    office.ledger.command = "invoice issue"

    def work(tx: Transaction) -> None:
        draft(tx, "D-1")
        tx.change(Series, "INV-2026", Series.open, 0, "why")

    with pytest.raises(Refused, match="a series starts at 1"):
        office.ledger.commit(work)
    assert kinds(office, start) == [JOURNAL, 3]
    [raw] = office.ledger.store.commits(start)
    entry = office.ledger.keyring.read(raw.leaves[0], raw.wrapped[0])
    assert entry is not None
    assert entry.stream == f"journal/{office.ledger.device.id.hex()}"
    [denied] = entry.events
    assert (denied.command, denied.why) == ("invoice issue", "a series starts at 1 or higher, not at 0")
    assert office.ledger.verifier.ordinal == position  # a journal entry is no event
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    assert office.ledger.load(Invoice, "D-1").customer == "C-1"


def test_a_work_that_changes_nothing_records_nothing(office: Office) -> None:
    start = size(office)
    assert office.ledger.commit(lambda tx: tx.exists(Invoice, "D-1")) is False
    assert size(office) == start


def test_a_dry_run_writes_nothing(office: Office) -> None:
    office.issue_invoices(1)
    ledger = office.ledger
    before = office.found(b"SQLite format 3"), size(office), _rows(office, "wrapped")
    ledger.dry_run, ledger.key, ledger.request = True, "again", b"x"
    assert ledger.commit(issue) == "INV-2026-0002"
    assert [planned.stream.partition("/")[0] for planned in ledger.planned] == ["invoice", "invoice", "series", "once"]
    with pytest.raises(Refused):
        ledger.commit(lambda tx: tx.change(Series, "X", Series.open, 0, ""))
    assert (office.found(b"SQLite format 3"), size(office), _rows(office, "wrapped")) == before
    ledger.dry_run = False
    assert ledger.commit(issue) == "INV-2026-0002"


# once


def test_the_same_key_is_done_once(office: Office) -> None:
    ledger = office.ledger
    ledger.key, ledger.request = "order-7", b"an invoice for Ada"
    first = ledger.commit(issue)
    start = size(office)
    assert ledger.commit(issue) == first
    assert office.reopen().verifier.sequence
    ledger = office.ledger
    ledger.key, ledger.request = "order-7", b"an invoice for Ada"
    assert ledger.commit(issue) == first
    assert size(office) == start
    ledger.request = b"an invoice for Bob"
    with pytest.raises(Refused, match="used for another request"):
        ledger.commit(issue)
    assert numbers(ledger) == [first]
    ledger.key = "order-8"
    assert ledger.commit(issue) == "INV-2026-0002"


def test_a_refused_request_does_not_use_up_its_key(office: Office) -> None:
    ledger = office.ledger
    ledger.key, ledger.request = "order-7", b"x"
    with pytest.raises(Refused):
        ledger.commit(lambda tx: tx.change(Series, "INV-2026", Series.open, 0, "x"))
    assert ledger.commit(issue) == "INV-2026-0001"


def test_processes_with_the_same_key_make_one_invoice(office: Office) -> None:
    jobs = [office.start("once", "order-7") for _ in range(4)]
    printed = [job.communicate(timeout=60) for job in jobs]
    assert printed == [("INV-2026-0001\n", "")] * 4
    assert numbers(office.ledger) == ["INV-2026-0001"]


# beside one another


def _race(office: Office, writers: int, each: int) -> None:
    jobs = [office.start("issue", str(each)) for _ in range(writers)]
    printed = [job.communicate(timeout=900) for job in jobs]
    assert [(job.returncode, err) for job, (_, err) in zip(jobs, printed, strict=True)] == [(0, "")] * writers
    told = [out.split() for out, _ in printed]
    assert all(own == sorted(own) for own in told)
    assert sorted(number for own in told for number in own) == contiguous(writers * each)
    assert numbers(office.ledger) == contiguous(writers * each)
    fresh = office.fresh()
    assert numbers(fresh) == contiguous(writers * each)
    assert fresh.client.excluded() == []
    assert fresh.verifier.note == office.ledger.verifier.note


def test_two_writers_lose_nothing_and_double_nothing(office: Office) -> None:
    _race(office, 2, 40)


@pytest.mark.long
def test_two_writers_with_500_commits_each(office: Office) -> None:
    _race(office, 2, 500)


@pytest.mark.long
def test_eight_writers_with_100_commits_each(office: Office) -> None:
    _race(office, 8, 100)


def test_writers_on_machines_that_never_saw_the_ledger(office: Office) -> None:
    """Each with a home of its own, so that all verify from leaf 0 while the others write."""
    office.issue_invoices(3)
    sessions = [office.fresh() for _ in range(3)]
    for _ in range(3):
        for session in sessions:
            session.commit(issue)
    assert numbers(office.ledger) == contiguous(12)
    assert {tuple(numbers(session)) for session in sessions} == {tuple(contiguous(12))}


def test_first_processes_of_a_new_home_at_once(office: Office) -> None:
    """All of them want to make the client database and the first pin."""
    for path in (office.home / "views", office.home / "pins", office.home / "places"):
        assert path.is_dir()
    office.close()
    for _ in range(2):
        for path in (office.home / "views", office.home / "pins"):
            for file in sorted(path.rglob("*"), reverse=True):
                file.unlink() if file.is_file() else file.rmdir()
        jobs = [office.start("issue", "2") for _ in range(4)]
        printed = [job.communicate(timeout=60) for job in jobs]
        assert [(job.returncode, err) for job, (_, err) in zip(jobs, printed, strict=True)] == [(0, "")] * 4
    office.reopen()
    assert numbers(office.ledger) == contiguous(16)


def test_threads_with_their_own_ledgers(office: Office) -> None:
    sessions, problems = [office.another() for _ in range(4)], list[BaseException]()

    def work(session: Any) -> None:
        try:
            for _ in range(10):
                session.commit(issue)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert numbers(office.ledger) == contiguous(40)


def test_two_importers_at_once(office: Office) -> None:
    jobs = [office.start("import", name, "150") for name in ("D-A", "D-B")]
    assert [(job.communicate(timeout=120)[1], job.returncode) for job in jobs] == [("", 0)] * 2
    views = open_views(office.ledger)
    assert views.value("SELECT COUNT(*) FROM invoice") == 300
    names = {office.ledger.load(Invoice, f"{name}-{n:X}").customer for name in ("D-A", "D-B") for n in range(150)}
    assert names == {"C-1"}


def test_the_same_import_twice_at_once_is_recorded_once(office: Office) -> None:
    jobs = [office.start("import", "D-A", "50") for _ in range(2)]
    printed = [(job.communicate(timeout=120)[1], job.returncode) for job in jobs]
    assert sorted(code for _, code in printed) == [0, 3]
    assert "bo: there is a draft with this reference already\n" in [err for err, _ in printed]
    assert open_views(office.ledger).value("SELECT COUNT(*) FROM invoice") == 50


def test_a_reader_sees_whole_commits_while_others_write(office: Office) -> None:
    writer = office.start("issue", "40")
    seen = [0]
    while writer.poll() is None:
        views = open_views(office.ledger)
        count, last = views.value("SELECT COUNT(*) FROM invoice"), views.value("SELECT MAX(number) FROM invoice")
        assert count >= seen[-1]
        seen.append(int(last[-4:]) if last else 0)
    assert writer.communicate()[1] == ""
    assert numbers(office.ledger) == contiguous(40)


# what is too long


def _long(text: str, lines: int = 8) -> tuple[Line, ...]:
    return tuple(Line(text, Decimal(1), Decimal(1), "S", Decimal(19)) for _ in range(lines))


def test_a_large_share_is_split_between_events(office: Office) -> None:
    """300 versions of a draft in one commit: more than a leaf holds, so several leaves, each whole events."""
    start = size(office)

    def work(tx: Transaction) -> None:
        draft(tx, "D-1")
        for at in range(300):
            tx.change(Invoice, "D-1", Invoice.edit, lines=_long(f"{at} " + "x" * 200), terms=at)

    office.ledger.commit(work)
    [raw] = office.ledger.store.commits(start)
    shares = raw.leaves[:-1]
    assert len(shares) > 5
    assert {leaf.stream for leaf in shares} == {shares[0].stream}
    assert sum(leaf.events for leaf in shares) == 301
    version = 1
    for leaf in shares:
        assert leaf.version == version
        version += leaf.events
    for ledger in (office.ledger, office.fresh()):
        state = ledger.load(Invoice, "D-1")
        assert (state.terms, state.lines[0].description) == (299, "299 " + "x" * 200)
    office.ledger.commit(lambda tx: tx.change(Invoice, "D-1", Invoice.edit, terms=30))
    assert office.ledger.load(Invoice, "D-1").terms == 30


def test_an_event_that_is_too_long_is_refused_with_a_sentence(office: Office) -> None:
    start = size(office)
    with pytest.raises(Refused, match=r"what is to be recorded in invoice/D-1 is too long for one entry"):
        office.ledger.commit(lambda tx: draft(tx, "D-1", lines=_long("x" * 1000, 100)))
    assert kinds(office, start) == [JOURNAL, 3]
    assert not office.ledger.commit(lambda tx: tx.exists(Invoice, "D-1"))
    assert office.issue_invoices(1) == ["INV-2026-0001"]


# what is newer, and what is wrong, in a log that was properly signed


def _act(office: Office, body: bytes) -> Leaf:
    verifier = office.ledger.verifier
    return Leaf(
        verifier.size, CONTROL, 0, 0, NO_STREAM, verifier.controls + 1, 1, verifier.ordinal, NO_HASH, NO_HASH, b"", body
    )


def _plain(event: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(event))


DRAFTED = _plain(Invoice().draft("C-1", LINES, "EUR"))


def _said(reference: str, *events: Any) -> bytes:
    said = {"stream": f"invoice/{reference}", "at": 0, "command": "x", "events": list(events)}
    return msgspec.msgpack.encode(said)


def test_an_act_of_a_newer_program_stops_everything(office: Office) -> None:
    office.issue_invoices(1)
    before = open_views(office.ledger).value("SELECT COUNT(*) FROM invoice")
    forge(office.ledger, _act(office, b'{"planet":"mars","type":"teleport"}'))
    start = size(office)
    for ledger in (office.ledger, office.fresh()):
        with pytest.raises(NeedsNewer, match="an act of type teleport"):
            ledger.pull()
        with pytest.raises(NeedsNewer):
            ledger.commit(issue)
    done = office.run("issue", "1")
    assert (done.returncode, done.stdout) == (9, "")
    assert size(office) == start
    assert office.ledger.client.db.execute("SELECT COUNT(*) FROM invoice").fetchone()[0] == before


@pytest.mark.parametrize(
    "event",
    [{"type": "invoice.teleported"}, {**DRAFTED, "colour": "red"}, {**DRAFTED, "lines": [{"weight": 5}]}],
    ids=["type", "field", "field of a part"],
)
def test_an_event_of_a_newer_program_stops_everything(office: Office, event: dict[str, Any]) -> None:
    office.issue_invoices(1)
    leaf, row = sealed(office.ledger, _said("D-1", event), "D-1")
    forge(office.ledger, leaf, wrapped=[row])
    for ledger in (office.ledger, office.fresh()):
        with pytest.raises(NeedsNewer) as stop:
            ledger.pull()
        assert code_of(stop.value) == 9
    assert office.run("issue", "1").returncode == 9


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"no payload at all", 1),
        (_said("D-1", {"type": "os:system"}), 1),
        (_said("D-2", DRAFTED), 1),
        (_said("D-1", DRAFTED), 2),
        (_said("D-1"), 1),
        (_said("D-1", DRAFTED) + b"\0", 1),
    ],
    ids=["bytes", "import string", "name of another stream", "fewer events", "no events", "trailing byte"],
)
def test_wrong_content_is_rejected_and_the_ledger_goes_on(office: Office, raw: bytes, events: int) -> None:
    office.issue_invoices(1)
    leaf, row = sealed(office.ledger, raw, "D-1", events)
    forge(office.ledger, leaf, wrapped=[row])
    assert office.issue_invoices(1) == ["INV-2026-0002"]
    for ledger in (office.ledger, office.fresh()):
        ledger.pull()
        assert [row[4] for row in ledger.client.db.execute("SELECT * FROM verdict")] == ["rejected"]
        assert open_views(ledger).value("SELECT COUNT(*) FROM invoice") == 2
        assert not ledger.commit(lambda tx: bool(tx.state(Invoice, "D-1").customer))


def test_a_stream_goes_on_after_its_rejected_leaf(office: Office) -> None:
    """Nobody can block a stream: versions follow on over what was rejected."""
    leaf, row = sealed(office.ledger, b"nonsense", "D-1", 7)
    forge(office.ledger, leaf, wrapped=[row])
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    [first, second] = office.ledger.store.stream(EVENT, leaf.compartment, leaf.stream)
    assert (first.version, second.version) == (1, 8)
    for ledger in (office.ledger, office.fresh()):
        assert ledger.load(Invoice, "D-1").customer == "C-1"
        assert open_views(ledger).value("SELECT COUNT(*) FROM invoice") == 1


# what stands on disk


def test_nobody_else_can_read_the_files(office: Office) -> None:
    office.issue_invoices(2)
    office.run("file", "D-1")
    for folder in (office.directory, office.home):  # that of a server is not there
        for path in folder.rglob("*"):
            if path.is_file():
                assert path.stat().st_mode & 0o077 == 0, path


def test_a_key_row_stands_once_a_stream(office: Office) -> None:
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    row = key_row(office.ledger, "D-1")
    before = _rows(office, "wrapped")
    for terms in (10, 20):
        change(office.ledger, Invoice, "D-1", Invoice.edit, terms=terms)
    assert _rows(office, "wrapped") == before
    assert key_row(office.ledger, "D-1") == row


def test_what_a_leaf_says_names_its_stream_command_time_and_reason(office: Office) -> None:
    ledger = office.ledger
    ledger.command, ledger.reason = "invoice edit", "a typing error"
    ledger.clock = lambda: 1_769_860_800_123
    start = size(office)
    ledger.commit(lambda tx: draft(tx, "D-1"))
    ledger.commit(lambda tx: tx.change(Invoice, "D-1", Invoice.edit, terms=10))
    last = [leaf for raw in ledger.store.commits(start) for leaf in raw.leaves if leaf.kind == EVENT][-1]
    said = ledger.keyring.read(last, ledger.store.wrapped(last.key_id))
    assert said is not None
    assert (said.stream, said.at, said.command) == ("invoice/D-1", 1_769_860_800_123, "invoice edit")
    assert (said.reason, said.before) == ("a typing error", [{"terms": 30}])
    assert json.loads(msgspec.json.encode(said.events))[0]["terms"] == 10
    assert payload.tag_of(said.events[0]) == "invoice.edited"


def test_a_client_keeps_what_its_verifier_knows_and_its_people_only_when_they_change(office: Office) -> None:
    ledger, kept = office.ledger, list[bytes | None]()

    def hire(tx: Transaction) -> None:
        tx.act(PersonAdd(random_id(), False))

    ledger.clock = partial(next, count(ledger.clock(), 60_000))
    for work in (issue, hire, issue, hire, issue):
        ledger.commit(work)
        kept.append(ledger.client.get("people"))
        one, again = ledger.verifier, restore(ledger.client, ledger.id)
        assert again.people == one.people
        for each in ("size", "note", "ordinal", "controls", "sequence"):
            assert getattr(again, each) == getattr(one, each)
        assert again.frontier.root() == one.frontier.root()
    assert [after == before for before, after in pairwise(kept)] == [False, True, False, True]


def test_a_folder_that_is_no_ledger_is_told(tmp_path: Path) -> None:
    office = Office(tmp_path)
    for content in (b"", b"hello", b"SQLite format 3\0" + bytes(4080)):
        (office.directory / "ledger.db").write_bytes(content)
        done = office.run("issue", "1")
        assert done.returncode in (6, 20, 21), done.stderr
        assert "Traceback" not in done.stderr
