from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.dunning import BasisSet, Counted, Dunned, LevelSet, Policy, Reminded, balances
from aggregates.money import ZERO, Money, eur
from projections.core import open_views
from tests.ledgers import Office
from tests.test_recurring import run, start

if TYPE_CHECKING:
    from pathlib import Path

ONE = eur(1)
DUE, ON = date(2025, 12, 1), date(2026, 1, 31)
FIRST = LevelSet(1, 14, ZERO, Decimal(5))
SECOND = LevelSet(2, 30, eur(5), Decimal(9), over_basis=True)
POLICY = Policy.after(FIRST, SECOND, BasisSet(Decimal("1.27"), date(2026, 1, 1)))


def reminded(level: int = 1, on: date = ON, interest: Money = ONE) -> Reminded:
    return Reminded("INV-2026-0001", level, on, eur(100), eur(0), interest, DUE)


# Levels


def test_the_first_level_that_is_set_ends_the_built_in_ones() -> None:
    assert sorted(Policy().levels) == [1, 2, 3]
    assert sorted(Policy.after(FIRST).levels) == [1]
    with pytest.raises(Refused, match="set level 1 first"):
        Policy().set_level(2, 30, eur(0), Decimal(0), False)


def test_setting_what_is_set_changes_nothing() -> None:
    assert POLICY.set_level(2, 30, eur(5), Decimal(9), True) == ()
    assert POLICY.set_basis(Decimal("1.27"), date(2026, 1, 1)) == ()


def test_levels_come_one_by_one_and_as_far_apart_as_they_are_set() -> None:
    assert POLICY.due(Dunned(), 13, ON) is None
    assert POLICY.due(Dunned(), 300, ON) == FIRST
    once = Dunned.after(reminded())
    assert POLICY.due(once, 300, ON + timedelta(15)) is None
    assert POLICY.due(once, 300, ON + timedelta(16)) == SECOND
    assert POLICY.due(once.evolve(reminded(2)), 300, ON + timedelta(99)) is None


# Interest


def test_interest_is_on_what_was_owing_each_day_at_the_rate_of_that_day() -> None:
    owed = balances(119000, [(date(2025, 12, 31), -19000)], DUE, ON)
    assert owed == {DUE: 119000, date(2025, 12, 31): 100000}
    assert POLICY.interest(FIRST, owed, ON, "EUR") == eur("9.14")  # (1190 * 30 + 1000 * 31) * 5 % / 365
    # (1190 * 30 + 1000 * 1) * 9 % / 365, and from January on 1000 * 30 * 10.27 % / 365
    assert POLICY.interest(SECOND, owed, ON, "EUR") == eur("17.49")


@given(
    st.integers(0, 10**10),
    st.decimals(0, 100, places=4),
    st.integers(1, 4000),
    st.lists(st.integers(1, 3999), max_size=4, unique=True),
)
def test_interest_is_rounded_once_however_its_days_are_cut(
    owing: int, rate: Decimal, days: int, cuts: list[int]
) -> None:
    end = DUE + timedelta(days)
    owed = {DUE: owing} | {DUE + timedelta(cut): owing for cut in cuts if cut < days}
    found = Policy().interest(LevelSet(1, 1, ZERO, rate), owed, end, "EUR")
    exact = Fraction(rate) * owing * days / 36500
    assert found.minor == floor(exact + Fraction(1, 2))


def test_a_basis_rate_below_zero_never_makes_interest_negative() -> None:
    policy = Policy.after(BasisSet(Decimal(-5), DUE))
    assert policy.interest(LevelSet(1, 1, ZERO, Decimal(3), over_basis=True), {DUE: 10000}, ON, "EUR") == eur(0)


# What replay rejects


def test_replay_rejects_a_level_that_was_had_or_left_out_and_one_in_dispute() -> None:
    once = Dunned.after(reminded())
    assert once.contradiction(reminded(2), ()) == ""
    assert once.contradiction(reminded(1), ()) != ""
    assert once.contradiction(reminded(3), ()) != ""
    disputed = once.evolve(once.dispute(ON, "torn"))
    assert disputed.contradiction(reminded(2), ()) != ""
    assert disputed.evolve(disputed.resolve(ON, "mended")).contradiction(reminded(2), ()) == ""


def test_replay_rejects_a_rate_that_is_no_number() -> None:
    for event in (BasisSet(Decimal("NaN"), DUE), LevelSet(1, 1, ZERO, Decimal("Infinity"))):
        assert Policy().contradiction(event, ()) != ""
    assert Policy().contradiction(FIRST, ()) == ""


def test_interest_goes_on_where_it_was_charged_last() -> None:
    free = Dunned.after(reminded(interest=eur(0)))
    assert (free.charged_to, Dunned.after(reminded()).charged_to) == (None, ON)


# Runs


def test_two_crons_remind_once_and_what_they_charge_is_owing_and_in_the_books(tmp_path: Path) -> None:
    office = Office(tmp_path)
    run(office, "record", "add", "customer", "C-1", "--set", "name=Ada")
    office.issue_invoices(2)  # of 31 January, 95.20 each, due on 2 March
    run(office, "dunning", "level", "1", "--after", "10", "--fee", "5", "--rate", "10")
    for clock in ("2026-03-29T01:59:59+01:00", "2026-03-29T03:00:00+02:00"):
        both = [start(office, "dunning", "run", now=clock) for _ in range(2)]
        for each in both:
            _, err = each.communicate(timeout=120)
            assert each.returncode == 0, err
    views = open_views(office.reopen())
    assert list(views.rows("SELECT invoice, level, fee, interest FROM reminder ORDER BY invoice")) == [
        ("INV-2026-0001", 1, 500, 70),
        ("INV-2026-0002", 1, 500, 70),
    ]
    charged = "SELECT account, SUM(minor) FROM posting WHERE account IN ('4500', '4510') GROUP BY account"
    assert list(views.rows(charged)) == [("4500", -1000), ("4510", -140)]
    receivable = views.value("SELECT SUM(minor) FROM posting WHERE account = '1300' AND party = 'customer/C-1'")
    assert receivable == views.value("SELECT SUM(owing) FROM invoice") == 2 * 9520 + 1140
    run(office, "dunning", "run", now="2027-01-01T12:00:00Z")
    views = open_views(office.reopen())
    assert views.value("SELECT COUNT(*) FROM reminder") == 2  # of charges nobody is reminded
    office.close()


@pytest.mark.parametrize(
    ("counted", "days", "year"), [("actual/365", 61, 365), ("actual/360", 61, 360), ("30/360", 59, 360)]
)
def test_interest_is_the_closed_form_of_how_its_days_are_counted(counted: Counted, days: int, year: int) -> None:
    """From 1 December to 31 January: 61 days, of which 30/360 counts 29 and 30."""
    level = LevelSet(1, 14, ZERO, Decimal("9.12"), counted=counted)
    exact = Fraction(119_000) * Fraction("9.12") / 100 * days / year
    assert Policy.after(level).interest(level, {DUE: 119_000}, ON, "EUR").minor == floor(exact + Fraction(1, 2))


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 400), st.integers(1, 399))
def test_parts_of_a_time_come_to_the_whole_of_it(first: date, days: int, part: int) -> None:
    level, last = LevelSet(1, 14, ZERO, Decimal(36), counted="30/360"), first + timedelta(days)
    middle = min(first + timedelta(part), last)
    policy, owed = Policy.after(level), {first: 10_000_000}
    parts = policy.interest(level, owed, middle, "EUR"), policy.interest(level, {middle: 10_000_000}, last, "EUR")
    assert parts[0] + parts[1] == policy.interest(level, owed, last, "EUR")
