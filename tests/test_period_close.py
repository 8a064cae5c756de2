"""Closes with what they seal: the checklist, the package and its alarm, reopening, the end of a year."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import given, settings

from aggregates.money import Money, eur
from aggregates.posting import differences as off_balance
from aggregates.year_end import closing_entries
from projections import closes, periods
from projections.core import open_views
from tests.businesses import Act, Business, acts
from tests.desks import Company, Desk
from tests.ledgers import Office, issue

DAY = "2026-01-15"
FEBRUARY = "2026-02-10T12:00:00Z"
MARCH = "2026-03-10T12:00:00Z"
JANUARY = "2027-01-10T12:00:00Z"


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A journal entry in January, which is closed."""
    made = Company(tmp_path)
    made.alice("journal", "add", "--on", DAY, "--line", "6200;900;;Rent", "--line", "@bank;;900")
    made.alice("period", "close", "2026-01", BO_NOW=FEBRUARY)
    return made


def test_a_rule_that_posts_otherwise_alarms_when_the_views_are_built_again(company: Company) -> None:
    from aggregates import posting

    whole = posting.entries

    def cheaper(event: object, facts: posting.Facts) -> list[posting.Entry]:
        found = whole(event, facts)  # type: ignore[arg-type]  # what the fold gives
        return [each._replace(postings=tuple(posting.turned(each.postings))) for each in found]

    alice = company.alice
    with patch.object(posting, "entries", cheaper):
        alice("view", "rebuild", "Books", code=20, BO_NOW=FEBRUARY)
    assert "the books of 2026-01-01 to 2026-01-31 are not what was sealed when they were closed" in alice.said
    alice("period", "verify", code=20, BO_NOW=FEBRUARY)
    assert "2026-01-01 to 2026-01-31: 1200 credit is 0.00 EUR, sealed was 900.00 EUR" in alice.said
    assert "are not what was sealed" in " ".join(alice("doctor", code=20, BO_NOW=FEBRUARY).split())
    alice("period", "verify", "--full", BO_NOW=FEBRUARY)  # the log itself says what was sealed
    alice("view", "rebuild", "Books", BO_NOW=FEBRUARY)
    alice("period", "verify", BO_NOW=FEBRUARY)


def test_who_reads_from_now_on_alone_raises_no_alarm(company: Company) -> None:
    desk = company.enrol("carol")
    company.grant("carol", "accountant", "--history", "from-now")
    company.alice("journal", "add", "--on", "2026-02-01", "--line", "6200;9;;Rent", "--line", "@bank;;9")
    company.alice("period", "close", "2026-02", BO_NOW="2026-03-01T12:00:00Z")
    assert {row["result"] for row in desk.json("period", "verify", BO_NOW="2026-03-01T12:00:00Z")} == {"unread"}
    desk("view", "rebuild")
    assert desk.said == ""


def test_a_package_that_was_changed_is_no_package(company: Company) -> None:
    [blob] = [path for path in (company.directory / "blobs").rglob("*") if path.is_file()]
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    assert company.alice("period", "verify", code=20, BO_NOW=FEBRUARY)
    assert "was changed" in company.alice.said
    company.alice("period", "seal", "2026-01", code=20, BO_NOW=FEBRUARY)


def test_what_other_currencies_are_worth_is_sealed(tmp_path: Path) -> None:
    company = Company(tmp_path)
    alice = company.alice
    alice("rate", "add", "USD", "1.2", "--on", DAY)
    alice("journal", "add", "--on", DAY, "--line", "6200;90 USD;;Rent", "--line", "@bank;;90 USD")
    alice("period", "close", "2026-01", BO_NOW=FEBRUARY)
    assert json.loads(company.written("period", "seal", "2026-01", BO_NOW=FEBRUARY))["worth"] == [
        {"account": "1200", "currency": "USD", "debit": 0, "credit": 7500},
        {"account": "6200", "currency": "USD", "debit": 7500, "credit": 0},
    ]


# Reopening


@pytest.fixture
def bob(company: Company) -> Desk:
    desk = company.enrol("bob")
    company.grant("bob", "accountant", "--history", "all")
    return desk


def test_a_reopened_period_is_marked_and_closed_with_a_package_that_names_the_old(company: Company, bob: Desk) -> None:
    alice = company.alice
    rent = ("journal", "add", "--on", DAY, "--line", "6200;1;;More rent", "--line", "@bank;;1")
    old = alice.json("period", "verify", BO_NOW=FEBRUARY)[0]["package"]
    alice("period", "reopen", "2026-01", "--until", "2026-02-20", "--reason", "late statement", BO_NOW=FEBRUARY)
    alice(*rent, code=3, BO_NOW=FEBRUARY)
    alice("period", "reopen", "2026-01", code=3, BO_NOW=FEBRUARY)
    assert "another person has to agree" in alice.said
    bob("period", "reopen", "2026-01", BO_NOW=FEBRUARY)
    alice(*rent, BO_NOW=FEBRUARY)
    [row] = [row for row in alice.json("period", "list", BO_NOW=FEBRUARY) if row["period"] == "2026-01"]
    assert (row["state"], row["until"]) == ("reopened", "2026-02-20")
    assert [row["result"] for row in alice.json("period", "verify", BO_NOW=FEBRUARY)] == ["reopened"]
    marked = [row["what"] for row in alice.json("audit", "trail", BO_NOW=FEBRUARY) if row["mark"] == "reopened"]
    assert marked == ["entry.posted"]
    alice(*rent, code=3, BO_NOW="2026-02-21T12:00:00Z")
    assert "the first open date is 2026-02-01" in alice.said
    alice("period", "close", "2026-01", BO_NOW=FEBRUARY)
    alice(*rent, code=3, BO_NOW=FEBRUARY)
    assert json.loads(company.written("period", "seal", "2026-01", BO_NOW=FEBRUARY))["replaces"] == [old]
    assert [row["result"] for row in alice.json("period", "verify", BO_NOW=FEBRUARY)] == ["agrees"]
    assert bob.json("period", "verify", "--full", BO_NOW=FEBRUARY) == alice.json("period", "verify", BO_NOW=FEBRUARY)


def test_a_bill_waits_for_its_approval_before_its_period_closes(company: Company, bob: Desk) -> None:
    alice = company.alice
    alice("record", "add", "vendor", "V-1", "--set", "name=Paper")
    alice("bill", "add", "V-1", "--ref", "1", "--on", "2026-02-05", "--line", "Paper;1;50;19", BO_NOW=MARCH)
    alice("period", "close", "2026-02", code=3, BO_NOW=MARCH)
    assert "bills: BILL-2026-0001, 2026-02-05, 59.50 EUR: a bill that is not approved" in alice.said
    bob("bill", "approve", "BILL-2026-0001", BO_NOW=MARCH)
    alice("period", "close", "2026-02", BO_NOW=MARCH)


# Years


def test_closing_entries_balance_in_each_currency_and_empty_every_account() -> None:
    balances = [("4100", eur(-100)), ("6200", eur(30)), ("6200", Money(7, "USD")), ("6300", eur(0))]
    found = list(closing_entries(balances, "3200"))
    assert [[(each.account, each.amount) for each in lines] for lines in found] == [
        [("4100", eur(100)), ("6200", eur(-30)), ("3200", eur(-70))],
        [("6200", Money(-7, "USD")), ("3200", Money(7, "USD"))],
    ]
    assert not any(off_balance(lines) for lines in found)


def test_a_year_end_leaves_the_statements_as_they_were_and_is_done_once(tmp_path: Path) -> None:
    alice = Company(tmp_path).alice
    alice("journal", "add", "--on", "2026-05-01", "--line", "6200;900;;Rent", "--line", "@bank;;900", "--yes")
    alice("journal", "add", "--on", "2026-06-01", "--line", "@bank;1500;;Work", "--line", "4100;;1500", "--yes")
    income = ("report", "income-statement", "--period", "2026")
    sheet = ("report", "balance-sheet", "--as-of", "2026-12-31")
    before, owned = alice.json(*income, BO_NOW=JANUARY), sums(alice.json(*sheet, BO_NOW=JANUARY))
    alice("period", "close", "2026", code=3, BO_NOW=JANUARY)
    assert "year-end: 4100 Sales, 2026-12-31, -1500.00 EUR" in alice.said
    alice("period", "close", "2026", "--soft", BO_NOW=JANUARY)
    alice("journal", "add", "--on", "2026-07-01", "--line", "6200;1;;x", "--line", "@bank;;1", code=3, BO_NOW=JANUARY)
    assert alice.first("period", "year-end", "2026", BO_NOW=JANUARY) == "JE-2026-0003"
    assert alice.first("period", "year-end", "2026", BO_NOW=JANUARY) == "JE-2026-0003"
    assert len(alice.json("journal", "list", BO_NOW=JANUARY)) == 3
    assert alice.json(*income, BO_NOW=JANUARY) == before
    assert sums(alice.json(*sheet, BO_NOW=JANUARY)) == owned
    alice("journal", "reverse", "JE-2026-0003", "--reason", "x", code=3, BO_NOW=JANUARY)
    assert "JE-2026-0003 closes the year: reopen 2026" in alice.said
    alice(
        "journal",
        "add",
        "--adjusting",
        "--on",
        "2026-12-31",
        "--line",
        "6200;1;;x",
        "--line",
        "@bank;;1",
        BO_NOW=JANUARY,
    )
    assert alice.first("period", "year-end", "2026", BO_NOW=JANUARY) == "JE-2026-0005", "only what has changed"
    alice("period", "close", "2026", BO_NOW=JANUARY)


def sums(rows: list[dict[str, str]]) -> dict[str, Money]:
    """What each section of a balance sheet comes to."""
    found: dict[str, Money] = {}
    for row in rows:
        found[row["section"]] = found.get(row["section"], eur(0)) + eur(row["amount"])
    return found


def test_a_fiscal_year_begins_when_it_was_said(tmp_path: Path) -> None:
    alice = Company(tmp_path).alice
    alice("journal", "add", "--on", "2025-05-02", "--line", "6200;900;;Rent", "--line", "@bank;;900")
    alice("period", "year-start", "4")
    rows = alice.json("period", "list")
    assert (rows[0]["period"], rows[0]["first"], rows[0]["last"]) == ("2025/26", "2025-04-01", "2026-03-31")
    assert alice.json("report", "income-statement")[0]["account"] == "6200"
    assert periods.year_of(date(2026, 3, 31), 4) == date(2025, 4, 1)


def test_what_can_be_locked_is_what_events_are_of() -> None:
    from aggregates.period import AREAS as LOCKED
    from bo.commands.books.period import AREAS

    assert set(AREAS) == set(LOCKED.values())


# Whatever happens


@settings(max_examples=8, deadline=None)
@given(acts, acts)
def test_whatever_is_done_after_a_close_changes_none_of_its_figures(before: list[Act], later: list[Act]) -> None:
    from bo import checks, closing
    from bo.dates import Period

    with TemporaryDirectory() as folder:
        office = Office(Path(folder))
        ledger, business = office.ledger, Business(office.ledger, "C-1")
        for act in before:
            business.do(act)
        period = Period(date(2025, 11, 1), date(2025, 12, 31))
        found = checks.open_items(open_views(ledger), checks.Asked(*period, date.max, False))
        assert not [each for each in found if each.check == "parties"]
        ledger.commit(lambda tx: closing.close(ledger, tx, period, False, checks.acceptable(), "random"))
        views = open_views(ledger)
        [close] = closes.standing_closes(views)
        assert not closes.differences(views, close)
        for act in later:
            business.do(act)
        assert not closes.differences(open_views(ledger), close)
        assert not closes.differences(open_views(ledger, date.max, only=("Books", "Periods")), close)
        office.close()


# Cost


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    made.issue_invoices(3)
    yield made
    made.close()


@pytest.mark.parametrize("later", [500, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_package_verifies_after_many_later_events_reading_those_of_its_period_alone(busy: Office, later: int) -> None:
    """Steps are counted, not seconds: later events may not add any."""
    from bo import closing
    from bo.dates import Period

    ledger = busy.ledger
    ledger.clock = lambda: 1_770_724_800_000  # 2026-02-10
    january = Period(date(2026, 1, 1), date(2026, 1, 31))
    ledger.commit(lambda tx: closing.close(ledger, tx, january, False, (), ""))

    def steps() -> int:
        views, count = open_views(ledger), 0

        def step() -> None:
            nonlocal count
            count += 1

        views._db.set_progress_handler(step, 10)
        [close] = closes.standing_closes(views)
        assert closes.differences(views, close) == []
        views._db.set_progress_handler(None, 0)
        return count

    before = steps()
    with patch("tests.ledgers.DAY", date(2026, 2, 5)):
        for _ in range(later // 500):
            ledger.commit(lambda tx: [issue(tx) for _ in range(500)] and None)
    assert steps() <= before * 1.2
