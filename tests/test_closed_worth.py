"""Rates that come when a period is closed: it stays worth what it was, and what it lacked counts later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.core import replace
from aggregates.period import Periods
from bo import checks, closing, rating
from bo.dates import Period
from projections import balances, closes, rates
from projections.core import Views, open_views
from store.transaction import Transaction
from tests.businesses import FIRST, Act
from tests.desks import Company, Desk
from tests.ledgers import Office
from tests.traders import Trader, trades

DAY = "2026-01-15"
FEBRUARY = "2026-02-10T12:00:00Z"
MARCH = "2026-03-10T12:00:00Z"
DOLLARS = ("journal", "add", "--on", DAY, "--line", "6200;90 USD;;Rent", "--line", "@bank;;90 USD")


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


def close(alice: Desk, period: str = "2026-01", now: str = FEBRUARY) -> None:
    alice("period", "close", period, "--accept", "rates", "--accept", "suspense", "--reason", "late", BO_NOW=now)


def worth(alice: Desk, period: str, now: str = MARCH) -> dict[str, str]:
    """What each account turned over in the ledger's own currency, less what it turned back."""
    rows = alice.json("report", "trial-balance", "--period", period, "--base", BO_NOW=now)
    found = {row["account"]: Decimal(row["debit_turnover"]) - Decimal(row["credit_turnover"]) for row in rows}
    return {account: f"{net}" for account, net in found.items() if net and account}


def agrees(alice: Desk, now: str = MARCH) -> bool:
    """Whether every closed period is what was sealed, in these views and folded again."""
    return all(
        row["result"] == "agrees"
        for full in ((), ("--full",))
        for row in alice.json("period", "verify", *full, BO_NOW=now)
    )


def test_what_had_no_rate_at_its_close_counts_on_the_first_open_day_with_a_link(company: Company) -> None:
    alice = company.alice
    alice(*DOLLARS)
    alice("period", "close", "2026-01", code=3, BO_NOW=FEBRUARY)
    assert "rates: USD, 2026-01-15: 1 entry has no rate" in alice.said
    close(alice)
    before = alice("report", "trial-balance", "--period", "2026-01", "--base", BO_NOW=MARCH)
    alice("rate", "add", "USD", "1.2", "--on", DAY, BO_NOW=FEBRUARY)
    assert "what has none gets it on 2026-02-01" in alice.said
    assert alice("report", "trial-balance", "--period", "2026-01", "--base", BO_NOW=MARCH) == before
    assert worth(alice, "2026-02") == {"1200": "-75.00", "6200": "75.00"}
    assert agrees(alice)
    late = alice.json("rate", "differences", "--period", "2026-02", BO_NOW=MARCH)
    assert {(row["kind"], row["source"]) for row in late} == {("late", "entry/JE-2026-0001")}
    explained = alice.json("book", "explain", str(late[0]["position"]), BO_NOW=MARCH)
    assert {(row["on"], row["event"]) for row in explained} == {(DAY, "entry.posted")}


def test_a_corrected_rate_of_a_closed_day_changes_what_is_revalued_later_alone(company: Company) -> None:
    alice = company.alice
    alice("rate", "add", "USD", "1.2", "--on", DAY)
    alice(*DOLLARS)
    alice("rate", "revalue", "--on", "2026-01-31")
    close(alice)
    before = alice("report", "trial-balance", "--period", "2026-01", "--base", BO_NOW=MARCH)
    alice("rate", "add", "USD", "1.5", "--on", DAY, "--reason", "mistyped", BO_NOW=FEBRUARY)
    assert alice("report", "trial-balance", "--period", "2026-01", "--base", BO_NOW=MARCH) == before
    assert worth(alice, "2026-02") == {}
    alice("rate", "revalue", "--on", "2026-02-28", BO_NOW=MARCH)
    assert worth(alice, "2026-02") == {"1200": "15.00", "4600": "-15.00"}
    assert agrees(alice)


def test_what_was_settled_before_the_close_is_gained_after_it(company: Company) -> None:
    alice = company.alice
    alice("record", "add", "customer", "C-1", "--set", "name=Ada")
    draft = alice("invoice", "draft", "C-1", "--line", "Work;1;100;0", "--currency", "USD").split()[-1]
    alice("invoice", "issue", draft, "--on", DAY)
    alice("payment", "record", "C-1", "100", "--for", "INV-2026-0001", "--on", "2026-01-20")
    close(alice)
    alice("rate", "add", "USD", "1.00", "--on", "2026-01-20", BO_NOW=FEBRUARY)
    assert worth(alice, "2026-02") == {"1200": "100.00", "1300": "-100.00"}
    alice("rate", "add", "USD", "1.25", "--on", DAY, BO_NOW=FEBRUARY)
    assert worth(alice, "2026-01") == {}
    assert worth(alice, "2026-02") == {"1200": "100.00", "4100": "-80.00", "4600": "-20.00"}
    assert agrees(alice)


def test_of_an_entry_in_three_currencies_all_counts_once_all_is_known(company: Company) -> None:
    """100 USD and 80 GBP are changed for 170 EUR: at 1.25 and 0.80 they are 180, and 10 are lost."""
    alice = company.alice
    lines = (
        "@exchange;100 USD;",
        "@bank;;100 USD",
        "@exchange;80 GBP;",
        "@bank;;80 GBP",
        "@exchange;;170",
        "1100;170;",
    )
    alice("journal", "add", "--on", DAY, "--text", "changed", *(word for line in lines for word in ("--line", line)))
    close(alice)
    alice("rate", "add", "USD", "1.25", "--on", DAY, BO_NOW=FEBRUARY)
    assert worth(alice, "2026-02") == {}
    alice("rate", "add", "GBP", "0.80", "--on", DAY, BO_NOW=FEBRUARY)
    assert worth(alice, "2026-02") == {"1200": "-180.00", "3900": "170.00", "6900": "10.00"}
    assert agrees(alice)


def test_a_tax_return_has_what_is_taxed_in_full_though_its_rate_came_late(company: Company) -> None:
    alice = company.alice
    alice("record", "add", "customer", "C-1", "--set", "name=Ada")
    draft = alice("invoice", "draft", "C-1", "--line", "Work;1;100;20", "--currency", "USD").split()[-1]
    alice("invoice", "issue", draft, "--on", DAY)
    close(alice)
    alice("tax", "file", "--period", "2026-01", code=3, BO_NOW=MARCH)
    assert "cannot be stated in EUR" in alice.said
    alice("rate", "add", "USD", "1.25", "--on", DAY, BO_NOW=FEBRUARY)
    boxes = {row["part"]: row["amount"] for row in alice.json("tax", "return", "--period", "2026-01", BO_NOW=MARCH)}
    assert (boxes["base"], boxes["tax"]) == ("80.00", "16.00")


def test_while_it_is_open_again_a_rate_values_a_closed_period_and_the_next_package_says_so(company: Company) -> None:
    alice = company.alice
    bob = company.enrol("bob")
    company.grant("bob", "accountant", "--history", "all")
    alice(*DOLLARS)
    close(alice)
    for desk in (alice, bob):
        desk("period", "reopen", "2026-01", "--until", "2026-02-20", "--reason", "a rate", BO_NOW=FEBRUARY)
    alice("rate", "add", "USD", "1.2", "--on", DAY, BO_NOW=FEBRUARY)
    assert "closed" not in alice.said
    assert worth(alice, "2026-01") == {"1200": "-75.00", "6200": "75.00"}
    alice("period", "close", "2026-01", BO_NOW=FEBRUARY)
    assert agrees(alice)


def test_what_a_reopened_day_is_revalued_by_is_not_taken_back_in_a_closed_one(company: Company) -> None:
    alice = company.alice
    bob = company.enrol("bob")
    company.grant("bob", "accountant", "--history", "all")
    alice("rate", "add", "USD", "1.25", "--on", DAY)
    alice("rate", "add", "USD", "1.00", "--on", "2026-01-31")
    alice("record", "add", "customer", "C-1", "--set", "name=Ada")
    draft = alice("invoice", "draft", "C-1", "--line", "Work;1;100;0", "--currency", "USD").split()[-1]
    alice("invoice", "issue", draft, "--on", DAY)
    close(alice, "2026-02", MARCH)
    for desk in (alice, bob):
        desk("period", "reopen", "2026-01", "--until", "2026-03-20", "--reason", "forgotten", BO_NOW=MARCH)
    alice("rate", "revalue", "--on", "2026-01-31", code=3, BO_NOW=MARCH)
    assert "it is taken back on 2026-02-01, which lies in a closed period: reopen that too" in alice.said


# What was closed by an earlier program


def test_a_close_that_left_open_what_had_no_rate_still_does(tmp_path: Path) -> None:
    office = Office(tmp_path)
    ledger, trader = office.ledger, Trader(office.ledger, "C-1")
    trader.do(Act("post", 0, 9_000, 5, "USD", "rent"))

    def closed(tx: Transaction) -> None:
        event = Periods().close(FIRST + timedelta(29), tx.person)
        tx.append(Periods, Periods.gate, replace(event, standing=replace(event.standing, valued=None)))

    ledger.commit(closed)
    rating.add(ledger, "USD", Decimal("1.25"), "", FIRST)
    found = {
        row.account: row.closing for row in balances.moved(open_views(ledger), FIRST, FIRST + timedelta(29), "EUR")
    }
    assert found == {"1200": -7_200, "6200": 7_200}
    office.close()


def test_a_close_keeps_what_entries_are_worth_for_good() -> None:
    day = date(2026, 1, 31)
    state = Periods().evolve(Periods().close(day, "alice"))
    assert state.worth_day(day, 0) == date(2026, 2, 1)
    assert state.worth_day(date(2026, 2, 1), 0) == date(2026, 2, 1)
    again = state.lock("sales", day, "alice")
    assert state.contradiction(again, ()) == ""
    open_ = replace(again, standing=replace(again.standing, valued=None))
    assert state.contradiction(open_, ()) == "what closed entries are worth was left open again"


# Alarms


def _posted_elsewhere() -> Any:
    """A second set of rules, in force since before the close, that sells to another account."""
    from aggregates import posting

    whole = posting.entries

    def moved(event: Any, facts: posting.Facts) -> list[posting.Entry]:
        return [
            each._replace(
                rule=each.rule._replace(number=2),
                postings=tuple(replace(line, account=line.account.replace("6200", "6300")) for line in each.postings),
            )
            for each in whole(event, facts)
        ]

    return patch.object(posting, "entries", moved)


def _valued_otherwise() -> Any:
    from aggregates import rate

    def cheaper(minor: int, currency: str, own: str, known: Fraction) -> int:
        return minor // 2

    return patch.object(rate, "worth", cheaper)


def _filled_in() -> Any:
    """As if a close left open what has no rate."""
    return patch.object(Periods, "worth_day", lambda self, day, at: day)


CHANGED: dict[str, tuple[Callable[[], Any], str]] = {
    "posts elsewhere": (_posted_elsewhere, "6200 debit is 0.00 EUR, sealed was 50.00 EUR"),
    "values otherwise": (_valued_otherwise, "1200 credit in USD is 45.00 EUR, sealed was 75.00 EUR"),
    "fills in late": (_filled_in, "6300 debit in GBP is 100.00 EUR, sealed was 0.00 EUR"),
}


@pytest.mark.parametrize(("rules", "told"), CHANGED.values(), ids=CHANGED)
def test_rules_that_would_change_a_closed_period_raise_an_alarm(
    company: Company, rules: Callable[[], Any], told: str
) -> None:
    alice = company.alice
    alice("rate", "add", "USD", "1.2", "--on", DAY)
    alice(*DOLLARS)
    alice("journal", "add", "--on", DAY, "--line", "6200;50;;Rent", "--line", "@bank;;50")
    alice("journal", "add", "--on", DAY, "--line", "6300;80 GBP;;Trip", "--line", "@bank;;80 GBP")
    close(alice)
    alice("rate", "add", "GBP", "0.8", "--on", DAY, BO_NOW=FEBRUARY)
    assert agrees(alice)
    with rules():
        alice("period", "verify", "--full", code=20, BO_NOW=FEBRUARY)
        assert told in alice.said
        alice("view", "verify", code=20, BO_NOW=FEBRUARY)
        assert "the books of 2026-01-01 to 2026-01-31 are not what was sealed" in alice.said
        alice("view", "rebuild", code=20, BO_NOW=FEBRUARY)
        assert "the books of 2026-01-01 to 2026-01-31 are not what was sealed" in alice.said
    alice("period", "verify", code=20, BO_NOW=FEBRUARY)
    alice("doctor", code=20, BO_NOW=FEBRUARY)
    alice("view", "rebuild", BO_NOW=FEBRUARY)
    assert agrees(alice)


# Whatever happens


@settings(max_examples=8, deadline=None)
@given(trades, trades, st.lists(st.tuples(st.sampled_from(["USD", "JPY"]), st.integers(0, 90)), min_size=1, max_size=5))
def test_whatever_rate_comes_late_a_closed_period_keeps_its_worth_and_nothing_is_lost(
    before: list[Act], later: list[Act], quoted: list[tuple[str, int]]
) -> None:
    """Two ledgers of one history, one closed before the last rates come: at the end they are worth the same."""
    period, close_ = Period(FIRST, date(2025, 12, 31)), date(2025, 12, 31)
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        offices = Office(Path(one)), Office(Path(other))
        shut, open_ = (Trader(office.ledger, "C-1") for office in offices)
        for act in before:
            if act.kind != "revalue":
                assert shut.do(act) == open_.do(act)
        ledger = shut.ledger
        ledger.commit(lambda tx: closing.close(ledger, tx, period, False, checks.acceptable(), "random"))
        sealed = worths(open_views(ledger), close_)
        for act in later:
            if act.kind not in ("rate", "revalue", "unallocate") and shut.do(act):
                assert open_.do(act)
        for number, (currency, days) in enumerate([*quoted, ("USD", 0), ("JPY", 0)]):
            for office in offices:
                rating.add(office.ledger, currency, Decimal(120 + number).scaleb(-2), "", FIRST + timedelta(days))
            views = open_views(ledger)
            assert worths(views, close_) == sealed
            assert not any(closes.differences(views, each) for each in closes.standing_closes(views))
        assert not rates.lacking(open_views(ledger))
        assert worths(open_views(ledger), date.max) == worths(open_views(open_.ledger), date.max)
        for office in offices:
            office.close()


def worths(views: Views, day: date) -> dict[str, int]:
    rows = balances.trial_balance(views, FIRST, day, own="EUR")
    return {row.account: row.debit - row.credit for row in rows if row.debit != row.credit}
