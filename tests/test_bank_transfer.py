"""Transfers between accounts of ours: what an exchange gains or loses is told as it is booked, and only that stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregates.account import Account
from aggregates.bank import Bank
from aggregates.chart import Chart, Definition
from aggregates.money import Money
from bo import rating
from bo.amounts import Amount
from bo.bank import transferring
from projections.core import open_views
from store.transaction import Transaction
from tests.ledgers import Office

FIRST = date(2025, 1, 1)
CURRENCIES = ("EUR", "USD", "JPY")
BANKS = {"EUR": "MAIN", "USD": "DOLLARS", "JPY": "YEN"}
_days = count()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("transfers"))

    def banks(tx: Transaction) -> None:
        for number, (currency, ref) in enumerate(BANKS.items(), 1210):
            account = Definition(f"{number}", ref, "asset", "1000", currency)
            tx.change(Account, account.number, Account.define, account, Chart.default(), ())
            tx.append(Bank, ref, Bank().open(ref, ref, "", ref, currency, account.number))

    made.ledger.commit(banks)
    yield made
    made.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.permutations(CURRENCIES), st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 500),
    st.lists(st.integers(1, 10**6), min_size=2, max_size=2), st.booleans(),
)  # fmt: skip
def test_an_exchange_leaves_nothing_but_its_gain_or_loss(
    shared: Office, order: list[str], out: int, into: int, fee: int, quoted: list[int], late: bool
) -> None:
    """Whichever currencies it is between; where there is no rate before, as soon as there is one."""
    day, (one, other) = FIRST + timedelta(next(_days)), order[:2]
    ledger = shared.ledger
    paid = Amount(Money(fee, one).amount) if fee else None
    amounts = [Amount(Money(minor, currency).amount) for minor, currency in ((out, one), (into, other))]

    def rates() -> None:
        for currency, thousandths in zip(("USD", "JPY"), quoted, strict=True):
            rating.add(ledger, currency, Decimal(thousandths).scaleb(-3), "", day)

    if not late:
        rates()
    number, *said = ledger.commit(
        lambda tx: transferring.transfer(ledger, tx, BANKS[one], BANKS[other], amounts[0], amounts[1], paid, day, "")
    )
    if late:
        rates()
    views = open_views(ledger)
    source = f"entry/{number}"
    rows = list(views.rows(
        "SELECT account, currency, minor, base FROM posting p JOIN entry e ON e.id = p.entry WHERE e.source = ?", source
    ))  # fmt: skip
    for currency in (one, other):
        assert sum(minor for _, code, minor, _ in rows if code == currency) == 0
    assert sum(base for *_, base in rows) == 0
    moved = {(account, currency): minor for account, currency, minor, _ in rows if account in ("1210", "1211", "1212")}
    assert sum(minor for (_, currency), minor in moved.items() if currency == other) == into
    gains = dict(views.rows("SELECT account, SUM(base) FROM difference WHERE source = ? GROUP BY account", source))
    exchanged = sum(base for account, *_, base in rows if account == "3900")
    assert gains.pop("3900", 0) == -exchanged
    [(account, result)] = gains.items() if gains else [("", 0)]
    assert account == ("" if not exchanged else "4600" if result < 0 else "6900")
    assert result == exchanged
    if not late:
        told = f"{Money(abs(result), 'EUR')} {'gained' if result < 0 else 'lost'} against the rates of the day"
        assert said[1:] == ([told] if result else [])
