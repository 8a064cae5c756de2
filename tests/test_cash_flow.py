"""The cash flow statement: money at the beginning and every flow come to money at the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings

from aggregates.chart import Chart
from aggregates.entry import Entry
from aggregates.money import Money, eur
from aggregates.posting import Posting
from bo import books, rating
from projections import balances, cashflow
from projections.core import Views, open_views
from store.ledger import Ledger
from store.transaction import Transaction
from tests.businesses import FIRST, Act
from tests.ledgers import DAY, Office
from tests.test_rate import Trader, trades

_names = count()
MONEY = ("1100", "1200")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("flows"))
    yield made
    made.close()


def post(ledger: Ledger, day: date, *lines: tuple[str, Money]) -> None:
    def work(tx: Transaction) -> None:
        number, found = books.number(tx, "JE", day), tuple(Posting(*line) for line in lines)
        tx.change(Entry, number, Entry.post, number, day, "by hand", found, Chart.default(), (), "normal", None)

    ledger.commit(work)


def reconcile(views: Views, first: date, last: date, own: str) -> None:
    """The statement begins and ends with what the trial balance has, and its flows are all that lies between."""
    rows = cashflow.cash_flow(views, first, last, own=own)
    held = [row for row in balances.trial_balance(views, first, last, own=own) if row.account in MONEY]
    assert {row.currency for row in held} <= {row.currency for row in rows}
    for currency in {row.currency for row in rows}:
        here = [row for row in rows if row.currency == currency]
        opening, *flows, closing = here
        assert (opening.name, closing.name) == ("Cash at the beginning", "Cash at the end")
        assert opening.amount == sum(row.opening for row in held if row.currency == currency)
        assert closing.amount == sum(row.debit - row.credit for row in held if row.currency == currency)
        assert opening.amount + sum(row.amount for row in flows) == closing.amount


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trades)
def test_opening_and_flows_come_to_closing_whatever_happened(shared: Office, done: list[Act]) -> None:
    trader = Trader(shared.ledger, f"T-{next(_names)}")
    for act in done:
        trader.do(act)
    spans = ((FIRST, FIRST + timedelta(30)), (FIRST + timedelta(17), FIRST + timedelta(90)), (FIRST, date(2029, 1, 1)))
    views = open_views(shared.ledger)
    for own in ("", "EUR"):
        for span in spans:
            reconcile(views, *span, own)


def flows(views: Views, own: str = "") -> dict[tuple[str, str, str], int]:
    rows = cashflow.cash_flow(views, DAY, DAY + timedelta(30), own=own)
    return {(row.section, row.account, row.currency): row.amount for row in rows}


def test_each_flow_is_told_by_what_stands_against_it(office: Office) -> None:
    ledger = office.ledger
    post(ledger, DAY, ("1200", eur(900)), ("3800", eur(-900)))
    post(ledger, DAY, ("1200", eur(500)), ("2400", eur(-500)))
    post(ledger, DAY, ("1200", eur(100)), ("3100", eur(-100)))
    post(ledger, DAY, ("1200", eur(95)), ("6500", eur(5)), ("4100", eur(-100)))
    post(ledger, DAY, ("1800", eur(300)), ("1200", eur(-300)))
    post(ledger, DAY, ("1200", eur(200)), ("1890", eur(50)), ("1800", eur(-240)), ("4700", eur(-10)))
    post(ledger, DAY, ("1100", eur(40)), ("1200", eur(-40)))
    assert flows(open_views(ledger)) == {
        ("opening", "", "EUR"): 0,
        ("opening", "3800", "EUR"): 90000,
        ("operating", "4100", "EUR"): 10000,
        ("operating", "6500", "EUR"): -500,
        ("investing", "1800", "EUR"): -6000,
        ("investing", "1890", "EUR"): -5000,
        ("investing", "4700", "EUR"): 1000,
        ("financing", "2400", "EUR"): 50000,
        ("financing", "3100", "EUR"): 10000,
        ("closing", "", "EUR"): 149500,
    }


def test_what_cash_in_another_currency_gained_is_a_line_of_its_own(office: Office) -> None:
    ledger = office.ledger
    rating.add(ledger, "USD", Decimal("2"), "", DAY)
    rating.add(ledger, "USD", Decimal("1"), "", DAY + timedelta(10))
    post(ledger, DAY, ("1200", Money(10000, "USD")), ("4100", Money(-10000, "USD")))
    ledger.commit(lambda tx: rating.revalue(ledger, tx, DAY + timedelta(20), ()))
    views = open_views(ledger)
    assert flows(views, "EUR") == {
        ("opening", "", "EUR"): 0,
        ("operating", "4100", "EUR"): 5000,
        ("exchange", "", "EUR"): 5000,
        ("closing", "", "EUR"): 10000,
    }
    reconcile(views, DAY, DAY + timedelta(30), "EUR")
