"""Rates, what they make postings worth, and that no difference is counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.money import Money, proportion
from aggregates.rate import Item, Known, Quote, Rates, value_of, values_of, worth
from aggregates.revaluation import Difference, Made, Revaluation
from bo import rating
from projections import balances, rates
from projections.core import Views, open_views
from projections.quotes import pairs, rate_of
from tests.businesses import FIRST, Act
from tests.ledgers import DAY, Office, erase
from tests.test_recurring import run, start
from tests.traders import Trader, revaluation_day, trades

LAST = FIRST + timedelta(400)
_names = count()


# The rules


def test_what_is_known_is_not_recorded_again_and_what_differs_is() -> None:
    first, second = Quote(DAY, Decimal("1.1")), Quote(DAY + timedelta(1), Decimal("1.2"))
    state = Rates.after(*Rates().quote("EUR", "USD", [first, second]))
    assert state.quote("EUR", "USD", [first, second]) == ()
    [event] = state.quote("EUR", "USD", [first, Quote(second.on, Decimal("1.30"))])
    assert event.quotes == (Quote(second.on, Decimal("1.3")),)


@pytest.mark.parametrize("rate", ["0", "-1", "1000000000000", "0.0000000000001"])
def test_a_rate_is_a_number_within_reason(rate: str) -> None:
    with pytest.raises(Refused, match="a rate lies between 0 and"):
        Rates().quote("EUR", "USD", [Quote(DAY, Decimal(rate))])


def test_a_rate_is_of_two_currencies() -> None:
    with pytest.raises(Refused, match="one EUR is one EUR"):
        Rates().quote("EUR", "EUR", [Quote(DAY, Decimal(1))])
    with pytest.raises(Refused, match="is not a currency"):
        Rates().quote("EUR", "XXX", [Quote(DAY, Decimal(1))])


QUOTED = {
    ("EUR", "USD"): Known(Fraction(5, 4), "2026-01-30"),
    ("EUR", "GBP"): Known(Fraction(4, 5), "2026-01-31"),
    ("USD", "JPY"): Known(Fraction(160), "2026-01-29"),
}


@pytest.mark.parametrize(
    ("currency", "own", "rate"),
    [
        ("USD", "EUR", Fraction(4, 5)),
        ("EUR", "USD", Fraction(5, 4)),
        ("GBP", "USD", Fraction(25, 16)),
        ("USD", "GBP", Fraction(16, 25)),
        ("JPY", "USD", Fraction(1, 160)),
        ("JPY", "GBP", None),
        ("CHF", "EUR", None),
    ],
)
def test_a_rate_is_direct_or_turned_round_or_across_another(currency: str, own: str, rate: Fraction | None) -> None:
    found = value_of(currency, own, ["EUR", "USD"], lambda base, of: QUOTED.get((base, of)))
    assert (found and found.rate) == rate


def test_of_two_ways_the_newer_rates_count() -> None:
    more = {**QUOTED, ("USD", "GBP"): Known(Fraction(2), "2026-01-01")}
    found = value_of("GBP", "USD", ["EUR", "USD"], lambda base, of: more.get((base, of)))
    assert found == Known(Fraction(25, 16), "2026-01-30")


def test_amounts_are_worth_minor_units_of_the_other_currency() -> None:
    assert worth(10_000, "USD", "EUR", Fraction(10, 11)) == 9_091
    assert worth(10_000, "JPY", "EUR", Fraction(1, 160)) == 6_250
    assert worth(-100, "EUR", "JPY", Fraction(160)) == -160
    assert worth(1, "KWD", "EUR", Fraction(5)) == 1


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15), st.integers(1, 10**15))
def test_a_proportion_is_the_nearest_and_halves_go_away_from_zero(minor: int, part: int, whole: int) -> None:
    exact, near = Fraction(minor * part, whole), proportion(minor, part, whole)
    assert abs(near - exact) <= Fraction(1, 2)
    assert near == proportion(-minor, part, -whole)
    assert abs(near - exact) != Fraction(1, 2) or abs(near) > abs(exact)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8), st.integers(1, 10**6), st.integers(1, 10**6))
def test_what_sums_to_zero_is_worth_zero(minors: list[int], part: int, whole: int) -> None:
    lines = [*minors, -sum(minors)]
    values = values_of(lines, lambda minor: proportion(minor, part, whole), 0)
    assert sum(values) == 0
    assert values[0] == proportion(lines[0], part, whole)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.lists(st.integers(1, 10**5), max_size=6))
def test_parts_of_an_item_come_to_the_whole(minor: int, base: int, parts: list[int]) -> None:
    item, left, taken = Item(minor, base), minor, 0
    for part in (*parts, minor):
        after = max(0, left - part)
        taken += item.carried(left) - item.carried(after)
        left = after
    assert taken == base


def test_a_revaluation_goes_forward_and_nothing_is_no_event() -> None:
    found = (Difference("1300", "customer/C-1", "USD", Money(5, "EUR"), False),)
    assert Revaluation().make(DAY, found, DAY) == (Made(DAY, found, DAY + timedelta(1)),)
    assert Revaluation().make(DAY, (), None) == ()
    with pytest.raises(Refused, match="the books were revalued on"):
        Revaluation().make(DAY, found, DAY + timedelta(1))


# The books


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("rates"))
    yield made
    made.close()


EVERYTHING = """SELECT account, party, currency, on_date, minor, base, entry AS of FROM posting
    UNION ALL SELECT account, party, currency, on_date, 0, base, -position FROM difference"""


@settings(max_examples=15, deadline=None)
@given(trades)
def test_in_any_order_all_is_worth_nothing_and_what_is_owed_is_worth_its_open_items(done: list[Act]) -> None:
    with TemporaryDirectory() as folder:
        office = Office(Path(folder))
        trader = Trader(office.ledger, "C-1")
        for act in done:
            if trader.do(act):
                _hold(open_views(office.ledger), trader)
        for currency in ("USD", "JPY"):
            rating.add(office.ledger, currency, Decimal("1.25"), "", FIRST)
        views = open_views(office.ledger)
        assert not rates.lacking(views)
        _hold(views, trader)
        _revalued(office, trader)
        office.close()


def _hold(views: Views, trader: Trader) -> None:
    """Debits equal credits, in each currency and in one; control accounts are, and are worth, their open items."""
    assert not list(views.rows("SELECT entry FROM posting GROUP BY entry, currency HAVING SUM(minor) != 0"))
    assert not list(views.rows(f"SELECT of FROM ({EVERYTHING}) GROUP BY of, on_date HAVING SUM(base) != 0"))
    for account, party in trader.parties.items():
        items = _items(views, account, party)
        rows = views.rows(
            f"""SELECT currency, SUM(minor), SUM(base) FROM ({EVERYTHING})
            WHERE account = ? AND party = ? AND currency != 'EUR' GROUP BY 1""",
            account, party,
        )  # fmt: skip
        stands = {currency: (minor, base) for currency, minor, base in rows}
        waiting = {each.currency for each in rates.lacking(views)}
        for currency in items.keys() | stands.keys():
            (minor, base), (open_, worth_) = stands.get(currency, (0, 0)), items.get(currency, (0, 0))
            assert (currency, minor) == (currency, open_)
            if currency not in waiting:
                assert (currency, base) == (currency, worth_)


def _items(views: Views, account: str, party: str) -> dict[str, tuple[int, int]]:
    """What is open of documents and money, what it stands in the books at, and what was posted by hand."""
    found: dict[str, tuple[int, int]] = {}
    for currency, minor, base, left in (
        *views.rows("SELECT currency, minor, base, remaining FROM open_item WHERE party = ?", party),
        *views.rows(
            """SELECT p.currency, p.minor, p.base, p.minor FROM posting p JOIN entry e ON e.id = p.entry
            WHERE e.event = 'entry.posted' AND account = ? AND party = ? AND p.currency != 'EUR'""",
            account, party,
        ),
    ):  # fmt: skip
        before = found.get(currency, (0, 0))
        found[currency] = before[0] + left, before[1] + Item(minor, base).carried(left)
    return found


def _revalued(office: Office, trader: Trader) -> None:
    """Realised and unrealised are together what is owed now is worth, less what it was booked at: once.

    Twice is as good as once, and the day after all is worth what it was.
    """
    day = revaluation_day()
    before = [_gained(open_views(office.ledger), *place, day) for place in _places(trader)]
    for times in range(2):
        office.ledger.commit(lambda tx: rating.revalue(office.ledger, tx, day, ()))
        views = open_views(office.ledger)
        for account, party, currency in _places(trader):
            known = rate_of(views, currency, "EUR", str(day), pairs(views))
            assert known
            [(minor, booked)] = views.rows(
                """SELECT coalesce(SUM(minor), 0), coalesce(SUM(base), 0) FROM posting
                WHERE account = ? AND party = ? AND currency = ? AND on_date <= ?""",
                account, party, currency, day,
            )  # fmt: skip
            gained = worth(minor, currency, "EUR", known.rate) - booked
            assert _gained(views, account, party, currency, day) == gained, f"revalued {times + 1} times"
        after = [_gained(views, *place, day + timedelta(1)) for place in _places(trader)]
        assert after == before
        held = [row for row in balances.trial_balance(views, FIRST, day, own="EUR") if row.account == "3900"]
        assert not held or held[0].debit == held[0].credit == 0


def _places(trader: Trader) -> list[tuple[str, str, str]]:
    return [(*place, currency) for place in trader.parties.items() for currency in ("USD", "JPY")]


def _gained(views: Views, account: str, party: str, currency: str, day: date) -> int:
    """What an account gained with a party through differences, up to a day."""
    return int(
        views.value(
            """SELECT coalesce(SUM(base), 0) FROM difference
            WHERE account = ? AND party = ? AND currency = ? AND on_date <= ?""",
            account, party, currency, day,
        )
    )  # fmt: skip


def test_a_rebuild_makes_the_same_of_the_log(shared: Office) -> None:
    trader = Trader(shared.ledger, f"T-{next(_names)}")
    for kind, minor, days in (("issue", 5_000, 5), ("payment", 777, 20), ("rate", 300, 1), ("payment", 5_000, 40)):
        trader.do(Act(kind, 0, minor, days, "USD", "x"))
    views = open_views(shared.ledger)
    before = {table: sorted(views.rows(f"SELECT * FROM {table}")) for table in TABLES}
    cold = open_views(shared.fresh())
    assert {table: sorted(cold.rows(f"SELECT * FROM {table}")) for table in TABLES} == before


TABLES = ("posting", "difference", "month_worth", "day_worth", "open_item", "rate")


def test_two_parts_paid_at_two_rates_gain_and_lose_what_the_rates_say(office: Office) -> None:
    """100 USD at 1.25 are 80.00; 40 of them paid at 1.00 gain 8.00, 60 at 2.00 lose 18.00."""
    trader = Trader(office.ledger, "C-1")
    for days, rate in ((0, "1.25"), (10, "1.00"), (20, "2.00")):
        rating.add(office.ledger, "USD", Decimal(rate), "", FIRST + timedelta(days))
    trader.do(Act("issue", 0, 100, 0, "USD", ""))
    [owed] = open_views(office.ledger).rows("SELECT remaining, base FROM open_item")
    office.ledger.commit(lambda tx: trader._payment(tx, Act("", 0, 200, 10, "USD", "")))
    office.ledger.commit(lambda tx: trader._payment(tx, Act("", 0, owed[0] - 200, 20, "USD", "")))
    views = open_views(office.ledger)
    first, second = (views.value("SELECT base FROM difference WHERE account = ?", each) for each in ("4600", "6900"))
    assert owed[1] == proportion(owed[0], 4, 5)
    assert -first == 200 - (owed[1] - proportion(owed[0] - 200, owed[1], owed[0]))
    assert second == proportion(owed[0] - 200, owed[1], owed[0]) - proportion(owed[0] - 200, 1, 2)


def test_an_erased_stream_is_worth_nothing(office: Office) -> None:
    trader = Trader(office.ledger, "C-1")
    rating.add(office.ledger, "USD", Decimal("1.25"), "", FIRST)
    rating.add(office.ledger, "USD", Decimal("1.10"), "", FIRST + timedelta(9))
    for kind in ("issue", "pay", "issue"):
        trader.do(Act(kind, 0, 999, 5 + len(trader.keys) * 5, "USD", ""))
    erase(office.ledger, trader.keys[0])
    views = open_views(office.ledger)
    kept = {table: sorted(views.rows(f"SELECT * FROM {table}")) for table in TABLES}
    assert kept["posting"]
    assert not kept["difference"]
    cold = open_views(office.fresh())
    assert {table: sorted(cold.rows(f"SELECT * FROM {table}")) for table in TABLES} == kept


def test_what_no_rate_is_known_for_at_a_position_is_stated_later(office: Office) -> None:
    Trader(office.ledger, "C-1").do(Act("issue", 0, 999, 5, "USD", ""))
    position = open_views(office.ledger).position
    rating.add(office.ledger, "USD", Decimal("1.25"), "", FIRST)
    then, now = (open_views(office.ledger, known, only=("Books",)) for known in (position, None))
    assert [(each.currency, each.entries) for each in rates.lacking(then)] == [("USD", 1)]
    assert not rates.lacking(now)
    assert not balances.trial_balance(then, FIRST, LAST, own="EUR")
    assert sum(row.debit for row in balances.trial_balance(now, FIRST, date.max, own="EUR")) > 0
    then.close()


def test_two_crons_bring_rates_revalue_and_carry_a_year_over_once(tmp_path: Path) -> None:
    office = Office(tmp_path)
    for day, amount in (("2025-10-26", "110 USD"), ("2025-12-31", "55 USD")):
        words = ("--line", f"1200;{amount};;Sold", "--line", f"4100;;{amount}")
        run(office, "journal", "add", "--on", day, *words)
    rates_of = tmp_path / "rates.csv"
    rates_of.write_text("Date,USD\n2025-12-31,1.25\n2025-10-24,1.1\n")
    jobs = (
        ("rate", "import", str(rates_of)),
        ("rate", "revalue", "--on", "2025-12-31"),
        ("period", "year-end", "2025"),
        ("tax", "file", "--period", "2025-12", "--key", "2025-12"),
    )  # the year is over where the cron runs, though not yet in UTC
    for clock in ("2026-01-01T00:30:00+01:00", "2026-01-01T12:00:00+01:00"):
        for job in jobs:
            both = [start(office, *job, now=clock) for _ in range(2)]
            for each in both:
                _, err = each.communicate(timeout=120)
                assert each.returncode == 0, err
    views = open_views(office.reopen())
    assert views.value("SELECT COUNT(*) FROM rate") == 2
    assert list(views.rows("SELECT kind, account, base FROM difference ORDER BY kind, account")) == [
        ("held", "1200", -1200), ("held", "6900", 1200), ("year-end", "4100", 1200), ("year-end", "6900", -1200),
    ]  # fmt: skip
    assert list(views.rows("SELECT kind, on_date FROM entry WHERE kind = 'closing'")) == [("closing", "2025-12-31")]
    assert views.value("SELECT COUNT(*) FROM tax_return") == 1
    office.close()
