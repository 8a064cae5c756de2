"""What is voided, credited or taken back as a whole leaves no cent on any account, in the ledger's own currency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregates.bill import Bill
from aggregates.crediting import Claim
from aggregates.invoice import Invoice
from aggregates.money import Money
from bo import books, paying, purchasing, rating
from projections.core import open_views
from store.transaction import Transaction
from tests.businesses import FIRST, Act
from tests.ledgers import Office
from tests.traders import Trader

_names = count()
LATE = FIRST + timedelta(200)
EXCHANGE = ("4600", "6900")
"""Gains and losses of rates: a cent of rounding may lie between the two."""

PRICES = st.integers(1, 30_000)
CURRENCIES = st.sampled_from(["USD", "JPY"])
RATES = st.lists(st.integers(500, 1_499), min_size=2, max_size=2)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("givenback"))
    yield made
    made.close()


def trading(office: Office, currency: str, quoted: list[int]) -> Trader:
    """A new trader; the rate changes between the days on which things are and are taken back."""
    for day, thousandths in zip((FIRST, FIRST + timedelta(100)), quoted, strict=True):
        rating.add(office.ledger, currency, Decimal(thousandths).scaleb(-3), "", day)
    trader = Trader(office.ledger, f"G-{next(_names)}")
    assert trader.do(Act("issue", 0, 4_999, 3, currency, ""))  # it stays as it is
    return trader


def stands(office: Office) -> dict[str, int]:
    """What each account is worth."""
    rows = open_views(office.ledger).rows(
        """SELECT account, SUM(base) FROM (SELECT account, base FROM posting UNION ALL
        SELECT account, base FROM difference) GROUP BY account HAVING SUM(base) != 0"""
    )
    return dict(rows)


def changed(office: Office, before: dict[str, int]) -> dict[str, int]:
    now = stands(office)
    sums = {account: now.get(account, 0) - before.get(account, 0) for account in now.keys() | before.keys()}
    return {account: minor for account, minor in sums.items() if minor}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["invoice", "bill", "edited bill", "payment"]), st.integers(0, 3), PRICES, CURRENCIES, RATES)
def test_after_a_void_every_account_is_where_it_was(
    shared: Office, what: str, at: int, minor: int, currency: str, quoted: list[int]
) -> None:
    trader = trading(shared, currency, quoted)
    before, ledger = stands(shared), shared.ledger
    if what == "invoice":
        trader.do(Act("issue", at, minor, 3, currency, ""))
        ledger.commit(lambda tx: tx.change(Invoice, trader.keys[1], Invoice.void, LATE, "never sent"))
    elif what == "payment":
        amount, euros = Money(minor, currency), Money(minor, "EUR") if at == 1 else None
        party, day = trader.parties["1300"], FIRST + timedelta(3)
        made = ledger.commit(lambda tx: paying.record(tx, party, "in", amount, day, "@bank", "", at_bank=euros))
        ledger.commit(lambda tx: paying.void(tx, made.number, LATE, "never sent"))
    else:
        trader.do(Act("buy", at, minor, 3, currency, ""))
        if what == "edited bill":
            trader.do(Act("edit-bill", 0, minor + 7, 3, currency, ""))
        ledger.commit(lambda tx: tx.change(Bill, trader.bills[0], Bill.void, LATE, "not ours"))
    assert stands(shared) == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["issue", "buy"]), st.lists(st.integers(1, 2), max_size=3), PRICES, CURRENCIES, RATES)
def test_what_is_credited_in_whatever_parts_is_as_if_it_had_not_been(
    shared: Office, kind: str, parts: list[int], minor: int, currency: str, quoted: list[int]
) -> None:
    """Whatever the rate is by then: a credit note is worth what its document was."""
    trader = trading(shared, currency, quoted)
    before = stands(shared)
    trader.do(Act(kind, 2, minor, 3, currency, ""))
    claims = [[Claim(1, Decimal(part))] for part in parts if sum(parts) <= 2]
    for place, claimed in enumerate([*claims, []]):
        act = Act("", 0, minor, 110 + place, currency, "")
        shared.ledger.commit(lambda tx, claimed=claimed, act=act: credit(trader, tx, kind, claimed, act))  # type: ignore[misc]
    left = changed(shared, before)
    assert not left.keys() - set(EXCHANGE)
    assert max(map(abs, left.values()), default=0) <= len(parts)


def credit(trader: Trader, tx: Transaction, kind: str, claims: list[Claim], act: Act) -> None:
    day = FIRST + timedelta(act.days)
    if kind == "issue":
        number = books.number(tx, "CN", day)
        tx.change(Invoice, trader.keys[1], Invoice.credit, number, day, "came back", claims)
    else:
        purchasing.credit(tx, trader.bills[0], f"{next(_names)}", day, "sent back", claims, None)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 9_999), st.booleans(), PRICES, CURRENCIES, RATES)
def test_a_loss_that_is_taken_back_was_none(
    shared: Office, part: int, tax: bool, minor: int, currency: str, quoted: list[int]
) -> None:
    """Paid in part meanwhile, so that what is owing again was carried otherwise: neither loss nor tax keeps a cent."""
    trader = trading(shared, currency, quoted)
    before = stands(shared)
    if trader.do(Act("write-off", 2 if tax else 0, part, 50, currency, "")):
        trader.do(Act("pay", 0, minor // 2 + 1, 60, currency, ""))
        assert trader.do(Act("reinstate", 0, 0, 0, currency, "paid after all"))
    assert not changed(shared, before).keys() - {"1200", "1300", *EXCHANGE}


def test_what_is_credited_waits_for_the_rate_of_its_document(office: Office) -> None:
    """A rate of its own day is not enough: it is worth what the document was."""
    trader = Trader(office.ledger, "C-1")
    rating.add(office.ledger, "USD", Decimal(2), "", FIRST + timedelta(100))
    trader.do(Act("issue", 0, 999, 3, "USD", ""))
    trader.do(Act("credit", 0, 0, 110, "USD", ""))
    waiting = "SELECT COUNT(*) FROM waiting"
    assert open_views(office.ledger).value(waiting) == 2
    rating.add(office.ledger, "USD", Decimal("1.25"), "", FIRST)
    views = open_views(office.ledger)
    assert not views.value(waiting)
    [sold, returned] = views.rows("SELECT minor, base FROM posting WHERE account = '4100' AND tax = 'S19' ORDER BY id")
    assert Decimal(returned[0]) / returned[1] == pytest.approx(Decimal(sold[0]) / sold[1], Decimal("0.01"))
