"""What is voided, credited or taken back as a whole leaves no cent on any account, in the ledger's own currency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregates import invoice_losses
from aggregates.bill import Bill
from aggregates.crediting import Claim
from aggregates.invoice import Invoice
from aggregates.money import ZERO, Money
from aggregates.relief import payable
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
        shared.ledger.commit(partial(credit, trader=trader, kind=kind, claims=claimed, act=act))
    left = changed(shared, before)
    assert not left.keys() - set(EXCHANGE)
    assert max(map(abs, left.values()), default=0) <= len(parts)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 3), max_size=3), PRICES, CURRENCIES, RATES)
def test_what_was_paid_with_a_discount_and_is_credited_leaves_only_what_the_rate_made_of_the_money(
    shared: Office, lines: list[int], minor: int, currency: str, quoted: list[int]
) -> None:
    trader = trading(shared, currency, quoted)
    before, ledger = stands(shared), shared.ledger
    trader.do(Act("issue", 1, minor, 3, currency, ""))  # 9 % within 30 days
    key, day = trader.keys[1], FIRST + timedelta(20)
    invoice = ledger.load(Invoice, key)

    def pay(tx: Transaction) -> None:
        assert invoice.discount
        tx.change(Invoice, key, Invoice.pay, invoice.total - invoice.discount.of(invoice.total), day)
        tx.change(Invoice, key, invoice_losses.round_off, day, day, ZERO)

    ledger.commit(pay)
    claims = [[Claim(place)] for place in dict.fromkeys(lines) if len(set(lines)) < 3]
    for place, claimed in enumerate([*claims, []]):
        act = Act("", 0, minor, 110 + place, currency, "")
        ledger.commit(partial(credit, trader=trader, kind="issue", claims=claimed, act=act))
    ledger.commit(lambda tx: paying.refund(tx, f"invoice/{key}", None, LATE, "@bank", ""))
    assert not changed(shared, before).keys() - {*EXCHANGE, "1200"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 2), max_size=1), PRICES, CURRENCIES, RATES)
def test_a_bill_paid_with_a_discount_and_credited_leaves_only_what_the_rate_made_of_the_money(
    shared: Office, lines: list[int], minor: int, currency: str, quoted: list[int]
) -> None:
    trader = trading(shared, currency, quoted)
    before, ledger = stands(shared), shared.ledger
    trader.do(Act("buy", 1, minor, 3, currency, ""))  # 9 % within 30 days
    key, day = trader.bills[0], FIRST + timedelta(20)

    def pay(tx: Transaction) -> None:
        made = paying.record(tx, trader.parties["2100"], "out", payable(tx.state(Bill, key), day), day)
        paying.settle(tx, made.number, f"bill/{key}", None, day)

    ledger.commit(pay)
    if minor > 2:
        assert ledger.load(Bill, key).forgone
    for place, claimed in enumerate([*([Claim(each)] for each in lines), []]):
        act = Act("", 0, minor, 110 + place, currency, "")
        ledger.commit(partial(credit, trader=trader, kind="buy", claims=claimed, act=act))
    ledger.commit(lambda tx: paying.refund(tx, f"bill/{key}", None, LATE, "@bank", ""))
    assert not changed(shared, before).keys() - {*EXCHANGE, "1200"}


def credit(tx: Transaction, trader: Trader, kind: str, claims: list[Claim], act: Act) -> None:
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


KINDS = (
    "pay", "pay", "credit", "allocate", "unallocate", "write-off", "reinstate", "payment", "refund", "unsettle",
    "pay-bill", "credit-bill", "settle-bill", "unsettle-bill", "vendor-refund", "reinstate-bill",
)  # fmt: skip
ACTS = st.lists(
    st.builds(Act, st.sampled_from(KINDS), st.integers(0, 2), PRICES, st.integers(4, 120), CURRENCIES, st.just("x")),
    max_size=6,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS, PRICES, CURRENCIES, RATES)
def test_what_is_settled_is_worth_nothing_at_once(
    shared: Office, done: list[Act], minor: int, currency: str, quoted: list[int]
) -> None:
    """In parts, in euros, with a discount, as a loss, by a credit note that is paid back in part: not a cent stays."""
    trader = trading(shared, currency, quoted)
    trader.do(Act("issue", 1, minor, 4, currency, ""))
    trader.do(Act("buy", 1, minor, 4, currency, ""))
    for act in done:
        if trader.do(act):
            settled(shared, trader)
    day = LATE + timedelta(1)
    for key in trader.keys:
        shared.ledger.commit(partial(squared, document=f"invoice/{key}", day=day))
    for key in trader.bills:
        shared.ledger.commit(partial(squared, document=f"bill/{key}", day=day))
    settled(shared, trader)
    left = "SELECT COUNT(*) FROM open_item WHERE party = ? AND key NOT LIKE 'PAY-%' AND remaining != 0"
    assert all(not open_views(shared.ledger).value(left, party) for party in trader.parties.values())


def squared(tx: Transaction, document: str, day: date) -> None:
    """Settle what is owing with credit, then with money, and pay back what is credit."""
    noun, key = document.split("/")
    state: Invoice | Bill = tx.state(Invoice, key) if noun == "invoice" else tx.state(Bill, key)
    if state.owing and state.credit_left:
        if isinstance(state, Invoice):
            tx.change(Invoice, key, Invoice.allocate, day)
        else:
            tx.change(Bill, key, Bill.allocate, day)
        state = tx.state(type(state), key)
    if state.owing and state.owing.minor > 0:
        party = f"customer/{state.customer}" if isinstance(state, Invoice) else f"vendor/{state.vendor}"
        made = paying.record(tx, party, paying.outward(party), state.owing, day)
        paying.settle(tx, made.number, document, None, day)
    elif state.credit_left:
        paying.refund(tx, document, None, day, "@bank", "")


def settled(office: Office, trader: Trader) -> None:
    """Where nothing is open with a party in a currency, its control account is worth nothing."""
    views = open_views(office.ledger)
    for account, party in trader.parties.items():
        closed = views.rows(
            "SELECT currency FROM open_item WHERE party = ? GROUP BY 1 HAVING SUM(remaining != 0) = 0", party
        )
        for (currency,) in list(closed):
            worth = views.value(
                """SELECT SUM(base) FROM (SELECT account, party, currency, base FROM posting
                UNION ALL SELECT account, party, currency, base FROM difference)
                WHERE account = ? AND party = ? AND currency = ?""",
                account, party, currency,
            )  # fmt: skip
            assert not worth, (party, currency)


def test_what_a_commit_settles_before_its_payment_is_settled(office: Office) -> None:
    """A commit has its events stream by stream, and the document's may come first: a batch takes it out of itself."""
    trader = trading(office, "USD", [1_250, 1_000])
    key, day = trader.keys[0], FIRST + timedelta(110)

    def work(tx: Transaction) -> None:
        tx.change(Invoice, key, Invoice.pay, Money(1, "USD"), day)
        made = paying.record(tx, trader.parties["1300"], "in", tx.state(Invoice, key).owing, day)
        paying.settle(tx, made.number, f"invoice/{key}", None, day)

    office.ledger.commit(work)
    views = open_views(office.ledger)
    assert not views.value("SELECT COUNT(*) FROM open_item WHERE remaining != 0")
    assert not views.value("SELECT COUNT(*) FROM early_settlement")
    settled(office, trader)
