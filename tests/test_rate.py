"""Rates, what they make postings worth, and that no difference is counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.money import Money, proportion
from aggregates.rate import Item, Known, Quote, Rates, value_of, values_of, worth
from aggregates.revaluation import Difference, Made, Revaluation
from bo import paying, rating
from projections import balances, rates
from projections.core import Views, open_views
from projections.quotes import pairs, rate_of
from store.transaction import Transaction
from tests.businesses import FIRST, KINDS, TEXTS, Act, Business
from tests.ledgers import DAY, Office, erase

LAST = FIRST + timedelta(400)
_names, _days = count(), count()


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


class Trader(Business):
    """A business in other currencies, whose rates come when they come."""

    def do(self, act: Act) -> bool:
        if act.kind == "rate":
            rate = Decimal(500 + act.minor % 1_000).scaleb(-3)
            return rating.add(self.ledger, act.currency, rate, "", self._day(act))
        if act.kind == "revalue":
            day = FIRST + timedelta(150 + next(_days))
            try:
                self.ledger.commit(lambda tx: rating.revalue(self.ledger, tx, day, ()))
            except Refused:
                return False
            return True
        return super().do(act)

    def _payment(self, tx: Transaction, act: Act) -> None:
        """Into the bank, in euros at times, and to an invoice."""
        amount = Money(act.minor, act.currency)
        at_bank = Money(act.minor, "EUR") if act.at == 1 else None
        party, day = f"customer/{self.customer}", self._day(act)
        made = paying.record(tx, party, "in", amount, day, "@bank", act.text, at_bank=at_bank)
        paying.settle(tx, made.number, f"invoice/{self._invoice(act)}", None, day)

    def _refund(self, tx: Transaction, act: Act) -> None:
        paying.refund(tx, f"invoice/{self._invoice(act)}", None, self._day(act), "@bank", "")


trades = st.lists(
    st.builds(
        Act,
        st.sampled_from((*KINDS, "payment", "payment", "refund", "rate", "rate", "revalue")),
        st.integers(0, 3),
        st.integers(1, 30_000),
        st.integers(0, 120),
        st.sampled_from(["USD", "USD", "JPY"]),
        st.sampled_from(TEXTS),
    ),
    min_size=2,
    max_size=14,
).map(lambda found: [Act("issue", 2, 9_999, 3, "USD", "first"), *found])

EVERYTHING = """SELECT account, party, currency, on_date, minor, base, entry AS of FROM posting
    UNION ALL SELECT account, party, currency, on_date, 0, base, -position FROM difference"""


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trades)
def test_in_any_order_all_is_worth_nothing_and_what_is_owed_is_worth_its_open_items(
    shared: Office, done: list[Act]
) -> None:
    trader = Trader(shared.ledger, f"T-{next(_names)}")
    for act in done:
        if trader.do(act):
            _hold(open_views(shared.ledger), trader.customer)
    for currency in ("USD", "JPY"):
        rating.add(shared.ledger, currency, Decimal("1.25"), "", FIRST)
    views = open_views(shared.ledger)
    assert not rates.lacking(views)
    _hold(views, trader.customer)
    _revalued(shared, trader.customer)


def _hold(views: Views, customer: str) -> None:
    """Each entry and each difference sums to zero; the control account is worth what its open items stand at."""
    assert not list(views.rows(f"SELECT of FROM ({EVERYTHING}) GROUP BY of, on_date HAVING SUM(base) != 0"))
    party = f"customer/{customer}"
    items: dict[str, int] = {}
    for currency, minor, base, left in views.rows(
        "SELECT currency, minor, base, remaining FROM open_item WHERE party = ?", party
    ):
        if base is None:  # not before a rate comes
            return
        items[currency] = items.get(currency, 0) + Item(minor, base).carried(left)
    for currency, minor, base in views.rows(
        """SELECT p.currency, 0, SUM(p.base) FROM posting p JOIN entry e ON e.id = p.entry
        WHERE e.event = 'entry.posted' AND p.account = '1300' AND p.party = ? AND p.currency != 'EUR' GROUP BY 1""",
        party,
    ):
        if base is None:
            return
        items[currency] = items.get(currency, 0) + base + minor
    stands = views.rows(
        f"""SELECT currency, SUM(base) FROM ({EVERYTHING}) WHERE account = '1300' AND party = ? AND currency != 'EUR'
        GROUP BY 1""",
        party,
    )
    waiting = {each.currency for each in rates.lacking(views)}
    for currency, base in stands:
        if currency not in waiting:
            assert (currency, base) == (currency, items.get(currency, 0))


def _revalued(office: Office, customer: str) -> None:
    """Realised and unrealised are together what is owed now is worth, less what it was booked at: once."""
    day = FIRST + timedelta(150 + next(_days))
    for _ in range(2):
        office.ledger.commit(lambda tx: rating.revalue(office.ledger, tx, day, ()))
        views = open_views(office.ledger)
        for currency in ("USD", "JPY"):
            known = rate_of(views, currency, "EUR", str(day), pairs(views))
            assert known
            [(minor, booked)] = views.rows(
                """SELECT coalesce(SUM(minor), 0), coalesce(SUM(base), 0) FROM posting
                WHERE account = '1300' AND party = ? AND currency = ? AND on_date <= ?""",
                f"customer/{customer}", currency, day,
            )  # fmt: skip
            gained = views.value(
                """SELECT coalesce(SUM(base), 0) FROM difference
                WHERE account = '1300' AND party = ? AND currency = ? AND on_date <= ?""",
                f"customer/{customer}", currency, day,
            )  # fmt: skip
            assert gained == worth(minor, currency, "EUR", known.rate) - booked
        held = [row for row in balances.trial_balance(views, FIRST, day, own="EUR") if row.account == "3900"]
        assert not held or held[0].debit == held[0].credit == 0


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
