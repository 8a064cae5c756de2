"""The cash flow statement: money at the beginning and every flow come to money at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregates.account import Account
from aggregates.chart import Chart, Definition
from aggregates.entry import Entry
from aggregates.money import Money, eur
from aggregates.posting import Posting
from bo import books, paying, rating
from projections import accounts, balances, cashflow
from projections.core import Views, open_views
from store.ledger import Ledger
from store.transaction import Transaction
from tests.businesses import FIRST, Act
from tests.ledgers import DAY, Office
from tests.traders import Trader, trades

_names = count()
MONEY = ("1100", "1200")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("flows"))
    yield made
    made.close()


def post(ledger: Ledger, day: date, *lines: tuple[str, Money]) -> None:
    _post(ledger, day, tuple(Posting(*line) for line in lines))


def _post(ledger: Ledger, day: date, lines: tuple[Posting, ...]) -> None:
    def work(tx: Transaction) -> None:
        number, chart = books.number(tx, "JE", day), books.chart(open_views(ledger))
        tx.change(Entry, number, Entry.post, number, day, "by hand", lines, chart, (), "normal", None)

    ledger.commit(work)


def reconcile(views: Views, first: date, last: date, own: str, money: tuple[str, ...] = MONEY) -> None:
    """The statement begins and ends with what the trial balance has, and its flows are all that lies between."""
    rows = cashflow.cash_flow(views, first, last, own=own)
    held = [row for row in balances.trial_balance(views, first, last, own=own) if row.account in money]
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


AMOUNT = st.integers(1, 90_000)
FINANCED = {
    "loan": ("financing", (("1200", 1, 0), ("2410", -1, 0))),
    "repayment with interest": ("financing", (("2410", 1, 0), ("6510", 0, 1), ("1200", -1, -1))),
    "contribution": ("financing", (("1200", 1, 0), ("3100", -1, 0))),
    "dividend": ("financing", (("3200", 1, 0), ("1200", -1, 0))),
    "dividend declared": ("", (("3200", 1, 0), ("2450", -1, 0))),
    "declared dividend paid": ("financing", (("2450", 1, 0), ("1200", -1, 0))),
    "asset with input tax": ("investing", (("1800", 1, 0), ("1400", 0, 1), ("1200", -1, -1))),
    "depreciation": ("", (("6800", 1, 0), ("1890", -1, 0))),
    "asset sold": ("investing", (("1200", 1, 0), ("1890", 0, 1), ("1800", -1, -1))),
    "asset sold above its book value": ("investing", (("1200", 1, 1), ("1800", -1, 0), ("4700", 0, -1))),
    "to the till": ("", (("1100", 1, 0), ("1200", -1, 0))),
}
"""By kind: the section of the amount, and lines as factors of the amount and of another one. The other is operating
against money, if its account is; of a sale it is money, gain or depreciation."""


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(FINANCED)), AMOUNT, AMOUNT, st.sampled_from(["EUR", "USD"])), max_size=12)
)
def test_loans_equity_and_fixed_assets_are_where_they_belong(done: list[tuple[str, int, int, str]]) -> None:
    with TemporaryDirectory() as folder:
        office = Office(Path(folder))
        rating.add(office.ledger, "USD", Decimal("1.25"), "", DAY)
        for number, name in (("2410", "Bank loan"), ("2450", "Dividends payable")):
            _define(office.ledger, Definition(number, name, "liability", "2400" if number == "2410" else "2000"))
        expected: Counter[tuple[str, str]] = Counter()
        for kind, amount, other, currency in done:
            section, lines = FINANCED[kind]
            post(office.ledger, DAY, *((account, Money(a * amount + b * other, currency)) for account, a, b in lines))
            in_money = {account: a * amount for account, a, _ in lines}.get("1200", 0)
            expected[section, currency] += in_money if section else 0
            rest = sum(b * other for account, _, b in lines if account == "1200")
            expected["investing" if "sold" in kind else "operating", currency] += rest
        views = open_views(office.ledger)
        sums = Counter[tuple[str, str]]()
        for row in cashflow.cash_flow(views, DAY, DAY):
            if row.section in ("operating", "investing", "financing"):
                sums[row.section, row.currency] += row.amount
        assert {key: amount for key, amount in sums.items() if amount} == {
            key: amount for key, amount in expected.items() if amount
        }
        for own in ("", "EUR"):
            reconcile(views, DAY, DAY, own)
        office.close()


def _define(ledger: Ledger, account: Definition) -> None:
    ledger.commit(lambda tx: tx.change(Account, account.number, Account.define, account, Chart.default(), ()))


def test_the_direct_method_comes_to_what_the_indirect_one_does(office: Office) -> None:
    """IAS 7.20: the result, less what is no money and what is not operating, and what working capital took up."""
    ledger = office.ledger
    for account, against, amount in (
        ("1200", "3100", 500), ("1200", "2400", 800), ("1800", "1200", 600), ("1300", "4100", 1000),
        ("1200", "1300", 700), ("5100", "2100", 400), ("2100", "1200", 150), ("6800", "1890", 50),
        ("6510", "1200", 20), ("2400", "1200", 100), ("3200", "1200", 60), ("1300", "2200", 190), ("1400", "2100", 76),
    ):  # fmt: skip
        party = {"1300": "customer/C-1", "2100": "vendor/V-1"}
        lines = (
            Posting(account, eur(amount), party.get(account, "")),
            Posting(against, eur(-amount), party.get(against, "")),
        )
        _post(ledger, DAY, lines)
    views = open_views(ledger)
    moved = {row.account: row.closing for row in balances.moved(views, DAY, DAY)}
    types = {each.number: each.type for each in accounts.known(views).values()}
    result = -sum(amount for account, amount in moved.items() if types[account] in ("income", "expense"))
    working_capital = sum(moved[account] for account in ("1300", "1400", "2100", "2200"))
    rows = cashflow.cash_flow(views, DAY, DAY)
    operating = sum(row.amount for row in rows if row.section == "operating")
    assert operating == result + moved["6800"] - working_capital == 70000 - 15000 - 2000
    assert sum(row.amount for row in rows if row.section == "financing") == eur(500 + 800 - 100 - 60).minor
    assert sum(row.amount for row in rows if row.section == "investing") == eur(-600).minor


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


def test_an_asset_that_payments_went_through_is_money(office: Office) -> None:
    """Payments of a card's account, in dollars too; what moves it by hand is a flow, or a transfer, as of any bank."""
    ledger, money = office.ledger, (*MONEY, "1210")
    _define(ledger, Definition("1210", "Card payments", "asset", "1000"))
    _define(ledger, Definition("2450", "Due to the owner", "liability", "2000"))
    rating.add(ledger, "USD", Decimal("2"), "", DAY)
    rating.add(ledger, "USD", Decimal("1"), "", DAY + timedelta(5))
    post(ledger, DAY, ("1210", eur(5)), ("1200", eur(-5)))
    assert flows(open_views(ledger))["operating", "1210", "EUR"] == -500, "it is no money yet"
    for day, amount, bank in ((0, eur(90), "1210"), (6, Money(4000, "USD"), "1210"), (6, eur(7), "2450")):
        on = DAY + timedelta(day)
        ledger.commit(partial(paying.record, party="customer/C-1", direction="in", amount=amount, on=on, bank=bank))
    ledger.commit(lambda tx: paying.record(tx, "", "in", eur(3), DAY, "@suspense"))
    post(ledger, DAY, ("1200", eur(50)), ("1210", eur(-50)))
    post(ledger, DAY, ("6500", eur(1)), ("1210", eur(-1)))
    ledger.commit(lambda tx: rating.revalue(ledger, tx, DAY + timedelta(20), ()))
    views = open_views(ledger)
    assert flows(views) == {
        ("opening", "", "EUR"): 0,
        ("operating", "1300", "EUR"): 9000,
        ("operating", "6500", "EUR"): -100,
        ("closing", "", "EUR"): 8900,
        ("opening", "", "USD"): 0,
        ("operating", "1300", "USD"): 4000,
        ("closing", "", "USD"): 4000,
    }
    for own in ("", "EUR"):
        for first, last in ((DAY, DAY), (DAY + timedelta(1), DAY + timedelta(40)), (DAY, DAY + timedelta(40))):
            reconcile(views, first, last, own, money)


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
