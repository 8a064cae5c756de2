from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.budget import Budget, Planned
from aggregates.chart import Definition
from aggregates.core import Refused
from aggregates.money import Money, eur
from aggregates.spread import month_end
from projections import budgets, statements
from projections.core import open_views
from tests.ledgers import Office
from tests.test_recurring import run

if TYPE_CHECKING:
    from pathlib import Path

RENT = Definition("6200", "Rent", "expense")
YEAR = date(2026, 1, 1), date(2026, 12, 31)


@given(st.integers(-(10**12), 10**12), st.integers(0, 119))
def test_a_budget_is_spread_over_its_months_to_the_last_cent(minor: int, more: int) -> None:
    [planned] = Budget().plan(RENT, YEAR[0], month_end(YEAR[0], more), Money(minor, "EUR"))
    assert len(planned.amounts) == more + 1
    assert sum(each.minor for each in planned.amounts) == minor


def test_what_is_planned_already_is_no_event_and_what_is_new_replaces() -> None:
    state = Budget.after(*Budget().plan(RENT, *YEAR, eur(1200)))
    assert state.plan(RENT, date(2026, 2, 1), date(2026, 2, 28), eur(100)) == ()
    [lower] = state.plan(RENT, date(2026, 2, 1), date(2026, 2, 28), eur(50))
    assert state.evolve(lower).plan(RENT, *YEAR, eur(1200)) != ()
    assert state.plan(RENT, *YEAR, eur(1200), ("cost-centre=NORTH",)) != ()


def test_replay_rejects_a_budget_beyond_the_calendar() -> None:
    for first, count in ((date(9999, 12, 1), 1), (date(2026, 1, 2), 1), (date(2026, 1, 1), 0), (date(2026, 1, 1), 121)):
        assert Budget().contradiction(Planned(first, (eur(1),) * count), ()) != ""


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (date(2026, 1, 2), date(2026, 1, 31), "whole months"),
        (date(2026, 1, 1), date(2026, 1, 30), "whole months"),
        (date(2026, 1, 1), date(2036, 1, 31), "120 months at most, not for 121"),
    ],
)
def test_a_budget_is_for_whole_months(first: date, last: date, says: str) -> None:
    with pytest.raises(Refused, match=says):
        Budget().plan(RENT, first, last, eur(1))


def test_what_was_posted_is_what_the_income_statement_says_also_after_the_year_is_closed(tmp_path: Path) -> None:
    office = Office(tmp_path)
    run(office, "budget", "set", "6200", "1200", "--period", "2025")
    rent = ("--line", "6200;900;;Rent", "--line", "1200;;900")
    sold = ("--line", "1200;3000;;Sold", "--line", "4100;;3000")
    run(office, "journal", "add", "--on", "2025-03-31", *rent)
    run(office, "journal", "add", "--on", "2025-04-01", *sold)
    year, expected = (date(2025, 1, 1), date(2025, 12, 31)), [("4100", 0, 300000, None), ("6200", 120000, 90000, 75)]
    assert _rows(office, *year) == expected
    run(office, "period", "year-end", "2025")
    assert _rows(office, *year) == expected
    lines = statements.income_statement(open_views(office.ledger), *year)
    assert {each.account: each.amount for each in lines if each.account} == {"4100": 300000, "6200": 90000}
    office.close()


def _rows(office: Office, first: date, last: date) -> list[tuple[str, int, int, int | None]]:
    found = budgets.compared(open_views(office.reopen()), first, last)
    return [(each.account, each.budget, each.actual, each.percent) for each in found]
