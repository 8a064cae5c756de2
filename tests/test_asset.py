from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.core import Refused, replace
from aggregates.fixedasset import Acquired, Depreciated, Disposed, FixedAsset, Method, Voided
from aggregates.money import Money, eur
from aggregates.posting import Facts, differences, entries
from aggregates.spread import evenly, month_end, portion
from bo.assets import life
from projections.core import open_views
from tests.ledgers import Office
from tests.test_recurring import run, start

if TYPE_CHECKING:
    from pathlib import Path

BOUGHT = date(2026, 3, 10)
VAN = Acquired("Van", BOUGHT, eur(10000), eur(1), "straight-line", 36, Decimal(0), "@bank")


@st.composite
def assets(draw: st.DrawFn) -> FixedAsset:
    cost = draw(st.integers(1, 10**9))
    method: Method = draw(st.sampled_from(("straight-line", "declining")))
    rate = draw(st.decimals("0.0001", 100, places=4)) if method == "declining" else Decimal(0)
    residual = Money(draw(st.integers(0, cost - 1)), "EUR")
    on = draw(st.dates(date(2000, 1, 1), date(2040, 1, 1)))
    acquired = FixedAsset().acquire(
        "Thing", on, Money(cost, "EUR"), residual, method, draw(st.integers(1, 240)), rate, ""
    )
    return FixedAsset.after(acquired)


@given(assets())
def test_an_asset_loses_exactly_what_it_cost_less_what_remains(asset: FixedAsset) -> None:
    schedule = asset.schedule()
    assert len(schedule) == asset.life
    assert min(schedule) >= 0
    assert sum(schedule) + asset.residual.minor == asset.cost.minor


@given(assets(), st.lists(st.integers(0, 250), max_size=5))
def test_any_split_into_periods_and_any_repetition_depreciates_the_same(asset: FixedAsset, cuts: list[int]) -> None:
    last = month_end(asset.on, asset.life)
    at_once = FixedAsset.depreciate(asset, last)
    in_parts, state = list[Depreciated](), asset
    for through in [*(month_end(asset.on, cut) for cut in cuts), last, last]:
        lost = state.depreciate(through)
        for each in lost:
            assert state.contradiction(each, ()) == ""
            state = state.evolve(each)
        in_parts += lost
    assert tuple(in_parts) == at_once


@given(st.integers(-(10**12), 10**12), st.integers(1, 400))
def test_an_even_spread_sums_to_the_whole_and_differs_by_one_at_most(whole: int, parts: int) -> None:
    shares = list(evenly(whole, parts))
    assert sum(shares) == whole
    assert max(shares) - min(shares) <= 1


def test_halves_are_rounded_away_from_zero() -> None:
    assert [portion(5, 1, 2), portion(-5, 1, 2), portion(4, 1, 2)] == [3, -3, 2]


def test_a_declining_value_falls_by_its_rate_each_year_until_the_straight_line_is_more() -> None:
    mill = FixedAsset().acquire("Mill", date(2024, 7, 1), eur(5000), eur(0), "declining", 60, Decimal(30), "")
    schedule = FixedAsset.after(mill).schedule()
    years = [schedule[:6], schedule[6:18], schedule[18:30], schedule[30:42], schedule[42:54], schedule[54:]]
    assert [sum(year) for year in years] == [75000, 127500, 89250, 83300, 83300, 41650]
    assert all(abs(one - two) <= 1 for year in years for one, two in pairwise(year))


def test_nothing_is_depreciated_once_it_is_gone_and_nothing_goes_twice() -> None:
    state = FixedAsset.after(VAN)
    for each in state.depreciate(date(2026, 5, 31)):
        state = state.evolve(each)
    gone = state.dispose(date(2026, 6, 15), eur(9000), "1200", "sold")
    assert (gone.cost, gone.depreciated) == (eur(10000), eur("833.25"))
    state = state.evolve(gone)
    assert state.depreciate(date(2030, 1, 1)) == ()
    with pytest.raises(Refused, match="Van was disposed of on 2026-06-15"):
        state.dispose(date(2026, 6, 15), eur(9000), "1200", "sold")


def test_an_end_balances_with_gain_and_with_loss() -> None:
    facts = Facts("VAN", "EUR", {"name": "Van"}, tuple)
    for proceeds, role, result in ((eur(9500), "@disposal-gain", eur(-333)), (eur(0), "@disposal-loss", eur(9167))):
        event = Disposed(date(2026, 6, 15), proceeds, "1200", eur(10000), eur(833), "sold")
        [entry] = entries(event, facts)
        assert not differences(entry.postings)
        assert entry.postings[-1].account == role
        assert entry.postings[-1].amount == result


def test_what_was_voided_leaves_nothing_behind() -> None:
    facts = Facts("VAN", "EUR", {"name": "Van"}, tuple)
    state, left = FixedAsset.after(VAN), defaultdict[str, int](int)
    lost = state.depreciate(date(2026, 5, 31))
    for each in lost:
        state = state.evolve(each)
    with pytest.raises(Refused, match="Van has posted something on 2026-05-31"):
        state.void(date(2026, 5, 30), "its life is 8 years")
    gone = state.void(date(2026, 6, 1), "its life is 8 years")
    for event in (VAN, *lost, gone):
        [entry] = entries(event, facts)
        for posting in entry.postings:
            left[posting.account] += posting.amount.minor
    assert len(left) == 4
    assert not any(left.values())
    assert state.contradiction(gone, ()) == ""
    for wrong in (replace(gone, cost=eur(1)), replace(gone, against="1100"), replace(gone, on=date(2026, 5, 30))):
        assert state.contradiction(wrong, ()) != ""
    state = state.evolve(gone)
    assert state.depreciate(date(2030, 1, 1)) == ()
    assert state.contradiction(gone, ()) == "an asset that is not here was voided"
    assert state.contradiction(lost[0], ()) == "nothing is left to be depreciated"
    sold = Disposed(date(2026, 6, 15), eur(0), "1200", gone.cost, gone.depreciated, "sold")
    assert state.contradiction(sold, ()) == "an asset that is not here was disposed of"
    for again in (state.void, lambda on, why: state.dispose(on, eur(0), "1200", why)):
        with pytest.raises(Refused, match="Van was voided on 2026-06-01"):
            again(date(2026, 6, 15), "twice")
    assert isinstance(gone, Voided)


def test_replay_rejects_what_is_not_in_the_schedule_or_the_books() -> None:
    state = FixedAsset.after(VAN)
    first, second, *_ = state.depreciate(date(2026, 12, 31))
    assert state.contradiction(first, ()) == ""
    assert state.contradiction(second, ()) != ""
    assert state.contradiction(Depreciated(first.on, eur(1)), ()) != ""
    assert state.contradiction(VAN, ()) != ""
    assert state.contradiction(Disposed(BOUGHT, eur(0), "1200", eur(10000), eur(1), "x"), ()) != ""
    assert FixedAsset().contradiction(first, ()) == "nothing is left to be depreciated"


@pytest.mark.parametrize(
    "changed",
    [{"life": 0}, {"life": 1201}, {"on": date(9999, 1, 1)}, {"rate": Decimal("NaN")}, {"rate": Decimal(-1)}],
)
def test_replay_rejects_an_asset_that_cannot_be_reckoned_with(changed: dict[str, Any]) -> None:
    assert FixedAsset().contradiction(replace(VAN, **changed), ()) != ""


def test_two_crons_depreciate_each_month_once(tmp_path: Path) -> None:
    office = Office(tmp_path)
    words = ("--name", "Van", "--cost", "3600", "--life", "3y", "--on", "2026-01-15")
    run(office, "asset", "add", "VAN", *words)
    for clock in ("2026-03-31T23:59:59+02:00", "2026-04-01T00:00:00+02:00"):
        both = [start(office, "asset", "depreciate", now=clock) for _ in range(2)]
        for each in both:
            _, err = each.communicate(timeout=120)
            assert each.returncode == 0, err
    views = open_views(office.reopen())
    posted = "SELECT on_date, minor FROM posting WHERE account = '6800' ORDER BY on_date"
    assert list(views.rows(posted)) == [("2026-01-31", 10000), ("2026-02-28", 10000), ("2026-03-31", 10000)]
    office.close()


def test_months_that_are_closed_count_on_the_day_they_are_booked() -> None:
    lost = FixedAsset.after(VAN).depreciate(date(2026, 5, 31), booked=date(2026, 5, 2))
    assert [each.booked for each in lost] == [date(2026, 5, 2), date(2026, 5, 2), None]


@pytest.mark.parametrize(("said", "months"), [("5y", 60), ("60m", 60), ("5y6m", 66)])
def test_a_life_is_read_in_years_and_months(said: str, months: int) -> None:
    assert life(said) == months


@pytest.mark.parametrize("said", ["", "5", "y", "-5y", "6m5y"])
def test_a_life_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="is no life"):
        life(said)
