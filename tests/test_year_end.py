"""The end of a year in several currencies: statements before and after, against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from aggregates.money import Money, eur
from aggregates.year_end import Carried, Left, YearEnd
from bo import years
from projections import accounts, balances, rates, statements
from projections.core import Views, open_views
from tests.businesses import FIRST, Act
from tests.desks import Company, Desk
from tests.ledgers import Office
from tests.traders import Trader, trades

JANUARY, MARCH = "2026-01-10T12:00:00Z", "2026-03-10T12:00:00Z"
LAST = date(2025, 12, 31)
QUOTED = {
    "USD": {"2025-11-01": "1.25", "2025-12-01": "2.00", "2025-12-31": "1.00", "2026-02-01": "1.60"},
    "GBP": {"2025-11-01": "0.80", "2025-12-01": "0.50", "2025-12-31": "0.40", "2026-02-01": "0.64"},
}
_names = count()


def value(currency: str, day: str) -> Fraction:
    """What one unit is worth in euros, by the table above and nothing else."""
    return 1 / Fraction(QUOTED[currency][max(each for each in QUOTED[currency] if each <= day)])


def gained(currency: str, amount: int, since: str, until: str) -> Fraction:
    return amount * (value(currency, until) - value(currency, since))


# An invoice of 1000 USD of 10 November, 400 paid on 10 December, the rest on 10 February. A bill of 500 GBP of
# 15 November, 200 paid on 12 December, the rest on 12 February. 300 EUR of sales, paid. All is exact to the cent.
SALES = 1000 * value("USD", "2025-11-10") + 300
PURCHASES = 500 * value("GBP", "2025-11-15")
REALISED = gained("USD", 400, "2025-11-10", "2025-12-10") - gained("GBP", 200, "2025-11-15", "2025-12-12")
UNREALISED = gained("USD", 600, "2025-11-10", "2025-12-31") - gained("GBP", 300, "2025-11-15", "2025-12-31")
HELD = gained("USD", 400, "2025-12-10", "2025-12-31") - gained("GBP", 200, "2025-12-12", "2025-12-31")
RESULT = SALES - PURCHASES + REALISED + UNREALISED + HELD
SETTLED = gained("USD", 600, "2025-11-10", "2026-02-10") - gained("GBP", 300, "2025-11-15", "2026-02-12")
HELD_LATER = gained("USD", 400, "2025-12-31", "2026-02-28") - gained("GBP", 200, "2025-12-31", "2026-02-28")
RESULT_LATER = SETTLED - UNREALISED + HELD_LATER
CASH = 300 + 400 * value("USD", "2025-12-31") - 200 * value("GBP", "2025-12-31")
CASH_LATER = 300 + 1000 * value("USD", "2026-02-28") - 500 * value("GBP", "2026-02-28")


def test_the_figures_by_hand_count_nothing_twice() -> None:
    assert RESULT + RESULT_LATER == CASH_LATER


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Trade in three currencies up to the end of the year, revalued; the year is over and not closed."""
    alice = Company(tmp_path_factory.mktemp("years")).alice
    for currency, days in QUOTED.items():
        for day, rate in days.items():
            alice("rate", "add", currency, rate, "--on", day, "--yes", BO_NOW=MARCH)
    alice("account", "add", "1210", "Dollars", "--parent", "1000", "--currency", "USD")
    alice("account", "add", "1220", "Pounds", "--parent", "1000", "--currency", "GBP")
    for account, currency in (("1210", "USD"), ("1220", "GBP")):
        alice("bank", "add", currency, "--name", currency, "--account", account, "--currency", currency)
    alice("record", "add", "customer", "C-1", "--set", "name=Ada")
    alice("record", "add", "vendor", "V-1", "--set", "name=Engines")
    for price, currency, day in (("1000", "USD", "2025-11-10"), ("300", "EUR", "2025-11-20")):
        draft = alice("invoice", "draft", "C-1", "--line", f"Work;1;{price};0", "--currency", currency).split()[-1]
        alice("invoice", "issue", draft, "--on", day)
    bill = ("--ref", "1", "--on", "2025-11-15", "--currency", "GBP", "--line", "Gears;1;500;0")
    alice("bill", "add", "V-1", *bill)
    alice("payment", "record", "C-1", "300", "--for", "INV-2025-0002", "--on", "2025-12-05")
    alice("payment", "record", "C-1", "400", "--for", "INV-2025-0001", "--on", "2025-12-10", "--bank", "1210")
    alice("payment", "record", "V-1", "200", "--for", "BILL-2026-0001", "--on", "2025-12-12", "--bank", "1220")
    alice("rate", "revalue", "--on", "2025-12-31")
    return alice


def report(alice: Desk, name: str, *words: str, base: bool = True) -> Any:
    return alice.json("report", name, *words, *(["--base"] if base else []), BO_NOW=MARCH)


def line(rows: Any, name: str, column: str = "amount") -> Fraction:
    [row] = [row for row in rows if row["name"] == name]
    return Fraction(row[column])


def of(rows: Any, section: str, column: str = "amount") -> Fraction:
    return sum((Fraction(row[column]) for row in rows if row["section"] == section), Fraction(0))


def test_statements_agree_before_and_after_the_year_end_and_with_figures_by_hand(alice: Desk) -> None:
    income = "income-statement", "--period", "2025"
    sheet = "balance-sheet", "--as-of", "2025-12-31"
    own, each = report(alice, *income), report(alice, *income, base=False)
    assert line(own, "Result") == RESULT
    assert line(own, "Sales") == SALES
    assert line(own, "Purchases") == PURCHASES
    before = report(alice, *sheet)
    assert line(before, "Result of the year") == RESULT
    position = max(row["position"] for row in alice.json("audit", "trail", BO_NOW=MARCH))

    alice("period", "close", "2025", "--soft", BO_NOW=JANUARY)
    alice("period", "year-end", "2025", BO_NOW=JANUARY)
    assert alice.said.count("to retained earnings") == 3
    assert f"what they are worth in EUR goes with it: {difference()} EUR in differences of rates" in alice.said
    alice("period", "year-end", "2025", BO_NOW=JANUARY)
    assert "carried over already" in alice.said
    alice("period", "close", "2025", "--accept", "bills", "--reason", "x", BO_NOW=JANUARY)

    assert report(alice, *income) == own
    assert report(alice, *income, base=False) == each
    after = report(alice, *sheet)
    assert line(after, "Retained earnings") == RESULT
    assert not [row for row in after if row["name"].startswith("Result")]
    for section in ("asset", "liability", "equity"):
        assert of(after, section) == of(before, section)
    then = report(alice, *sheet, "--known-at", str(position))
    assert then == before
    for currency in ("EUR", "USD", "GBP"):
        rows = [row for row in report(alice, *sheet, base=False) if row["currency"] == currency]
        assert of(rows, "asset") == of(rows, "liability") + of(rows, "equity")
        assert not [row for row in rows if row["name"].startswith("Result")]


def difference() -> str:
    """What goes to retained earnings beside the closing entries, which the rate of the last day values."""
    at_the_end = 1000 * value("USD", "2025-12-31") + 300 - 500 * value("GBP", "2025-12-31")
    return f"{float(RESULT - at_the_end):.2f}"


def test_the_next_year_takes_back_what_was_unrealised_and_counts_nothing_twice(alice: Desk) -> None:
    alice("payment", "record", "C-1", "600", "--for", "INV-2025-0001", "--on", "2026-02-10", "--bank", "1210",
          BO_NOW=MARCH)  # fmt: skip
    alice("payment", "record", "V-1", "300", "--for", "BILL-2026-0001", "--on", "2026-02-12", "--bank", "1220",
          BO_NOW=MARCH)  # fmt: skip
    alice("rate", "revalue", "--on", "2026-02-28", BO_NOW=MARCH)
    income = report(alice, "income-statement", "--period", "2026", "--compare", "2025")
    assert (line(income, "Result"), line(income, "Result", "compared")) == (RESULT_LATER, RESULT)
    sheet = report(alice, "balance-sheet", "--as-of", "2026-02-28", "--compare", "2025")
    assert line(sheet, "Retained earnings") == line(sheet, "Retained earnings", "compared") == RESULT
    assert line(sheet, "Result of the year") == RESULT_LATER
    assert of(sheet, "asset") == of(sheet, "liability") + of(sheet, "equity") == CASH_LATER
    flow = report(alice, "cash-flow", "--period", "2026", "--compare", "2025")
    assert line(flow, "Cash at the beginning") == line(flow, "Cash at the end", "compared") == CASH
    assert line(flow, "Cash at the end") == CASH_LATER
    assert line(flow, "Cash at the beginning", "compared") == 0
    assert line(flow, "Exchange differences on cash", "compared") == HELD
    opening = {row["account"]: row["opening"] for row in report(alice, "trial-balance", "--period", "2026")}
    assert not {account for account, amount in opening.items() if account[:1] in ("4", "5", "6") and Fraction(amount)}
    assert -Fraction(opening["3200"]) == RESULT
    assert {row["result"] for row in alice.json("period", "verify", "--full", BO_NOW=MARCH)} == {"agrees"}


def test_what_is_not_worth_anything_yet_is_carried_when_it_is(tmp_path: Path) -> None:
    alice = Company(tmp_path).alice
    alice("journal", "add", "--on", "2025-12-01", "--line", "6200;90 USD;;Rent", "--line", "@bank;;90 USD")
    alice("period", "year-end", "2025")
    assert "cannot be stated in EUR: bo rate add USD RATE --on 2025-12-01, then run this again" in alice.said
    alice("rate", "add", "USD", "1.00", "--on", "2025-12-31")
    alice("rate", "add", "USD", "1.50", "--on", "2025-12-01")
    alice("period", "close", "2025", code=3)
    assert "year-end: 6200 Rent, 2025-12-31, -30.00 EUR: it is still worth that in USD" in alice.said
    assert alice.first("period", "year-end", "2025") == "JE-2025-0002"
    assert "30.00 EUR in differences of rates" in alice.said
    alice("period", "close", "2025")
    [retained] = [row for row in report(alice, "trial-balance", "--as-of", "2026-01-01") if row["account"] == "3200"]
    assert retained["opening"] == "60.00"


def test_of_a_year_that_was_closed_without_it_the_next_carries_what_is_left(tmp_path: Path) -> None:
    alice = Company(tmp_path).alice
    alice("rate", "add", "USD", "1.50", "--on", "2025-12-01")
    alice("rate", "add", "USD", "1.00", "--on", "2025-12-31")
    alice("journal", "add", "--on", "2025-12-01", "--line", "6200;90 USD;;Rent", "--line", "@bank;;90 USD")
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(YearEnd, "carry", lambda *given: ())
        alice("period", "year-end", "2025")
    alice("period", "close", "2025", "--accept", "year-end", "--reason", "an earlier program")
    alice("period", "year-end", "2025")
    assert "carried over already" in alice.said
    later = "2027-01-10T12:00:00Z"
    alice("period", "year-end", "2026", BO_NOW=later)
    assert "30.00 EUR in differences of rates" in alice.said
    rows = alice.json("report", "trial-balance", "--as-of", "2027-01-01", "--base", BO_NOW=later)
    assert {row["account"]: row["opening"] for row in rows if row["account"] in ("3200", "6200")} == {"3200": "60.00"}


def test_what_is_left_is_carried_once() -> None:
    left = [Left("6200", "USD", eur(3)), Left("6900", "USD", Money(0, "EUR"))]
    assert YearEnd().carry(LAST, "3200", left) == (Carried(LAST, "3200", (left[0],)),)
    assert YearEnd().carry(LAST, "3200", left[1:]) == ()


# Whatever happens


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("ends"))
    yield made
    made.close()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trades)
def test_a_year_end_leaves_no_worth_on_income_and_expense_and_no_statement_changed(
    shared: Office, done: list[Act]
) -> None:
    ledger, trader = shared.ledger, Trader(shared.ledger, f"Y-{next(_names)}")
    for act in (*done, Act("rate", 0, 700, 0, "USD", ""), Act("rate", 0, 800, 0, "JPY", "")):
        trader.do(act)
    assert not rates.lacking(open_views(ledger))
    before = _statements(open_views(ledger))
    for _ in range(2):
        ledger.commit(lambda tx: years.end(ledger, tx, 2025))
        views = open_views(ledger)
        assert _statements(views) == before
        earned = {each.number for each in accounts.known(views).values() if each.type in ("income", "expense")}
        for own in ("", "EUR"):
            rows = balances.moved(views, FIRST, LAST, own)
            assert not [row for row in rows if row.account in earned and row.closing]
            assert not sum(row.closing for row in rows)


def _statements(views: Views) -> list[Any]:
    """Income of 2025 and the sums of the balance sheet at its end, in each currency and in one."""
    found: list[Any] = []
    for own in ("", "EUR"):
        found += statements.income_statement(views, FIRST, LAST, own=own)
        sums: dict[tuple[str, str], int] = {}
        for row in statements.balance_sheet(views, FIRST, LAST, own=own):
            key = row.section, row.currency
            sums[key] = sums.get(key, 0) + row.amount
        found.append({key: amount for key, amount in sums.items() if amount})
    return found
