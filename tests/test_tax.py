"""Tax codes and returns: every posting in one box of one return, whenever it came."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from itertools import count

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aggregates import invoice_losses
from aggregates.bill import Bill
from aggregates.core import Event, Refused
from aggregates.invoice import Invoice
from aggregates.money import Money, eur
from aggregates.posting import Facts, Posting, accounting_dates, credit, debit, entries, turned
from aggregates.tax import Amount, Basis, Code, Definition, Filed, Rate, Returns, Rounding
from bo import paying, rating, taxing
from bo.dates import Period
from projections import balances, taxcodes, taxes
from projections.core import Views, open_views
from projections.taxed import Seen, posted
from store.ledger import Ledger
from store.transaction import Transaction
from tests.businesses import FIRST, Act, Business, acts
from tests.ledgers import DAY, Office, change

_names = count()
STANDARD = Definition("STD", "Standard", "output", "S", (Rate(date.min, Decimal(19)),), "81", "81 tax")


# The rules


def test_rates_stand_in_the_order_of_their_days_and_a_day_has_one() -> None:
    later, first = Rate(DAY, Decimal("16.0")), Rate(date.min, Decimal(19))
    [event] = Code().define(Definition("STD", "Standard", "output", "S", (later, first, later), "81", "82"))
    assert event.code.rates == (first, Rate(DAY, Decimal(16)))
    assert Code.after(event).define(event.code) == ()
    assert event.code.names() == {"S19": date.min, "S16": DAY}


AMOUNTS = (Amount("81", "base", "output", eur(100)),)


def test_returns_follow_on_each_other() -> None:
    first = Returns().file(date(2026, 1, 1), DAY, DAY + timedelta(1), 7, AMOUNTS)
    filed = Returns.after(first)
    with pytest.raises(Refused, match="is filed: the next is from 2026-02-01"):
        filed.file(date(2026, 1, 31), DAY, date(2026, 3, 1), 9, AMOUNTS)
    with pytest.raises(Refused, match="is the last one filed: the next is from 2026-02-01"):
        filed.file(date(2026, 2, 2), date(2026, 2, 28), date(2026, 3, 1), 9, AMOUNTS)
    with pytest.raises(Refused, match="can be filed from the day after"):
        filed.file(date(2026, 2, 1), date(2026, 2, 28), date(2026, 2, 28), 9, AMOUNTS)
    assert filed.file(date(2026, 2, 1), date(2026, 2, 28), date(2026, 3, 1), 9, AMOUNTS).last == date(2026, 2, 28)


def test_a_return_that_leaves_a_gap_is_rejected_at_replay() -> None:
    first = Filed(date(2026, 1, 1), DAY, DAY, 7, AMOUNTS)
    assert not Returns().contradiction(first, None)
    again = Filed(date(2026, 1, 1), DAY, DAY, 9, AMOUNTS)
    assert "does not follow" in Returns.after(first).contradiction(again, None)


def test_the_last_return_is_taken_back_and_filed_again_under_another_number() -> None:
    lines = debit("2200", eur(100)), credit("@tax-settlement", eur(100))
    first = Returns().file(date(2026, 1, 1), DAY, DAY + timedelta(1), 7, AMOUNTS, cleared=lines)
    assert (first.number, first.booked) == ("TAX-2026-01-31", DAY)
    assert posted_by(first) == lines
    filed = Returns.after(first)
    with pytest.raises(Refused, match="needs a reason"):
        filed.withdraw(first.number, DAY, " ")
    with pytest.raises(Refused, match="no return “TAX-2026-02-28” stands"):
        filed.withdraw("TAX-2026-02-28", DAY, "wrong")
    back = filed.withdraw(first.number, DAY, "wrong")
    assert posted_by(back) == turned(lines)
    again = filed.evolve(back).file(date(2025, 1, 1), DAY, DAY + timedelta(1), 9, (), "cash", "down")
    assert again.number == "TAX-2026-01-31.2", "as the first return it begins where it likes"
    assert posted_by(again) == (), "what has no tax posts nothing"
    after = filed.evolve(back).evolve(again)
    assert (after.last, after.basis, after.rounding) == (DAY, "cash", "down")
    assert after.contradiction(back, None) == "TAX-2026-01-31 was taken back, and is not the last return"
    less = filed.contradiction(msgspec.structs.replace(back, cleared=()), None)
    assert less == "TAX-2026-01-31 was taken back, but not what it had posted"
    torn = msgspec.structs.replace(first, cleared=lines[:1])
    assert "does not balance" in Returns().contradiction(torn, None)


def test_a_return_filed_before_returns_posted_posts_nothing_and_closes_no_period() -> None:
    old = Filed(date(2026, 1, 1), DAY, DAY, 7, AMOUNTS)
    assert posted_by(old) == ()
    assert accounting_dates(old) == ()
    assert Returns.after(old).withdraw("TAX-2026-01-31", DAY, "wrong").cleared == ()


def posted_by(event: Event) -> tuple[Posting, ...]:
    return tuple(each for entry in entries(event, Facts("all", "EUR", {}, tuple)) for each in entry.postings)


@pytest.mark.parametrize(
    ("minor", "rounding", "told"),
    [(149, "none", 149), (149, "nearest", 100), (150, "nearest", 200), (-150, "nearest", -200), (-149, "nearest", -100),
     (199, "down", 100), (-199, "down", -100), (0, "down", 0)],
)  # fmt: skip
def test_boxes_in_whole_units(minor: int, rounding: str, told: int) -> None:
    assert taxes.in_units(minor, 100, rounding) == told


# The books


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("taxes"))
    for currency, rate in (("USD", "1.25"), ("JPY", "160")):
        rating.add(made.ledger, currency, Decimal(rate), "", FIRST)
    yield made
    made.close()


def of_tax(found: list[taxes.Box], direction: str) -> int:
    owed = {"output": ("tax", "owed"), "input": ("tax",)}[direction]
    return sum(row.amount for row in found if row.part in owed and (row.direction == direction or row.part == "owed"))


def turned_over(views: Views, account: str, first: date, last: date) -> int:
    rows = balances.trial_balance(views, first, last, own="EUR")
    return sum(row.debit_turnover - row.credit_turnover for row in rows if row.account == account)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts, st.integers(0, 100), st.integers(0, 100))
def test_the_boxes_of_any_days_are_what_the_tax_accounts_turned_over(
    shared: Office, done: list[Act], start: int, length: int
) -> None:
    business = Business(shared.ledger, f"C-{next(_names)}")
    for act in done:
        business.do(act)
    views = open_views(shared.ledger)
    first = FIRST + timedelta(start)
    last = first + timedelta(length)
    found = taxes.boxes(views, Seen(first, last))
    assert of_tax(found, "output") == -turned_over(views, "2200", first, last)
    assert of_tax(found, "input") == turned_over(views, "1400", first, last)
    assert taxes.to_pay(found) == of_tax(found, "output") - of_tax(found, "input")
    by_code = taxes.by_code(views, first, last)
    assert sum(row.tax for row in by_code if row.direction == "output") == of_tax(found, "output")


def _file(
    ledger: Ledger, period: Period, basis: Basis = "accrual", rounding: Rounding = "none"
) -> list[str]:  # fmt: skip
    return ledger.commit(lambda tx: taxing.file(ledger, tx, period, basis, rounding))


def standing(views: Views, account: str) -> int:
    """What is on an account in the ledger's currency, debit positive."""
    rows = balances.trial_balance(views, date.min, date.max, own="EUR")
    return sum(row.debit - row.credit for row in rows if row.account == account)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts, st.sampled_from(["accrual", "cash"]), st.sampled_from(["none", "nearest", "down"]), st.booleans())
def test_filing_clears_what_the_boxes_report_and_taking_it_back_undoes_it(
    tmp_path_factory: pytest.TempPathFactory, done: list[Act], basis: Basis, rounding: Rounding, again: bool
) -> None:
    """After each return the tax accounts hold what no return has reported yet, and no cent more."""
    office = Office(tmp_path_factory.mktemp("cleared"))
    for currency in ("USD", "JPY"):
        rating.add(office.ledger, currency, Decimal("1.25"), "", FIRST)
    business = Business(office.ledger, "C-1")
    for act in done:
        business.do(act)
    due = exact = 0
    for month in MONTHS:
        before = open_views(office.ledger)
        exact += taxes.to_pay(taxes.boxes(before, taxes.seen(before, *month, basis, "none")))
        _file(office.ledger, month, basis, rounding)
        views = open_views(office.ledger)
        number = taxes.returns(views)[0].number
        if again:
            held = {account: standing(views, account) for account in TAXES}
            office.ledger.commit(partial(taxing.withdraw, number=number, on=DAY, reason="wrong"))
            _file(office.ledger, month, basis, rounding)
            views = open_views(office.ledger)
            assert held == {account: standing(views, account) for account in TAXES}
        due += taxes.returns(views)[0].to_pay
        assert standing(views, "2300") == -due
        assert standing(views, "6990") == due - exact
        everything = taxes.to_pay(taxes.boxes(views, Seen(date.min, date.max)))
        assert standing(views, "2200") + standing(views, "1400") == exact - everything
        if rounding == "none":
            assert due == exact
    office.close()


TAXES = ("2200", "1400", "2300", "6990")
MONTHS = [Period(date(2025, 11, 1), date(2025, 11, 30)), Period(date(2025, 12, 1), date(2025, 12, 31))]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts, acts, acts)
def test_whatever_comes_when_it_is_in_one_return(
    tmp_path_factory: pytest.TempPathFactory, one: list[Act], two: list[Act], three: list[Act]
) -> None:
    office = Office(tmp_path_factory.mktemp("late"))
    for currency in ("USD", "JPY"):
        rating.add(office.ledger, currency, Decimal("1.25"), "", FIRST)
    business = Business(office.ledger, "C-1")
    sealed = []
    for done, month in zip((one, two), MONTHS, strict=True):
        for act in done:
            business.do(act)
        _file(office.ledger, month)
        sealed.append(taxes.boxes(open_views(office.ledger), taxes.seen(open_views(office.ledger), *month)))
    for act in three:
        business.do(act)
    views = open_views(office.ledger)
    assert [taxes.boxes(views, taxes.seen(views, *month)) for month in MONTHS] == sealed
    rest = Period(date(2026, 1, 1), date(2026, 12, 31))
    found: list[int] = []
    for period in (*MONTHS, rest):
        about = taxes.seen(views, *period)
        told = {row.box: int(row.amount) for row in taxes.boxes(views, about)}
        for box, amount in told.items():
            behind = taxes.drilled(views, about, box)
            assert sum(row.amount for row in behind) == amount
            assert all((row.corrects != "") == (row.on < period.first) for row in behind)
        found += [row.position for row in posted(views, about)]
    everything = [row.position for row in posted(views, Seen(date.min, date.max))]
    assert sorted(found) == sorted(everything)
    office.close()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(prices=[(237, "EUR")], done=[Act("pay", 0, 1463, 0, "EUR", "less a discount")])
@example(prices=[(237, "USD")], done=[Act("pay", 0, 1463, 0, "USD", ""), Act("reinstate", 0, 1, 0, "USD", "too late")])
@example(prices=[(739, "EUR")], done=[Act("pay", 0, 3350, 0, "EUR", "")])
@example(prices=[(333, "EUR")], done=[Act("write-off", 2, 100, 9, "EUR", ""), Act("pay", 0, 777, 0, "EUR", "")])
@given(
    prices=st.lists(st.tuples(st.integers(1, 30_000), st.sampled_from(["EUR", "EUR", "USD"])), min_size=1, max_size=3),
    done=acts,
)
def test_when_all_is_paid_both_bases_have_told_the_same(
    shared: Office, prices: list[tuple[int, str]], done: list[Act]
) -> None:
    """Whatever happened before: what is owing then is paid, and what is credit is paid back.

    No loss without relief stands by then: it would be taxed, and never paid.
    """
    business, before = Business(shared.ledger, f"C-{next(_names)}"), open_views(shared.ledger)
    always = Seen(date.min, date.max)
    start = [taxes.boxes(before, always._replace(cash=cash)) for cash in (False, True)]
    for minor, currency in prices:
        business.do(Act("issue", 1, minor, 3, currency, ""))
    for act in done:
        if act.kind != "write-off" or act.at == 2:
            business.do(act)
    for key in business.keys:
        shared.ledger.commit(partial(_square, key=key))
    for key in business.bills:
        shared.ledger.commit(partial(_pay, key=key))
    views = open_views(shared.ledger)
    grown = [
        _less(taxes.boxes(views, always._replace(cash=cash)), earlier)
        for cash, earlier in zip((False, True), start, strict=True)
    ]
    assert grown[0] == grown[1]


def _square(tx: Transaction, key: str) -> None:
    """Ask for small differences after all, pay what is owing, and pay back what is credit."""
    day = FIRST + timedelta(300)
    state = tx.state(Invoice, key)
    while not all(each.taxes for each in state.forgone):
        tx.change(Invoice, key, invoice_losses.reinstate, day, "asked for after all")
        state = tx.state(Invoice, key)
    if state.owing and state.credit_left:
        tx.change(Invoice, key, Invoice.allocate, day)
    state = tx.state(Invoice, key)
    if state.owing:
        tx.change(Invoice, key, Invoice.pay, state.owing, day)
    elif state.credit_left:
        paying.refund(tx, f"invoice/{key}", None, day, "@bank", "")


def _pay(tx: Transaction, key: str) -> None:
    """Pay what is owing on a bill."""
    bill = tx.state(Bill, key)
    if bill.owing:
        paid = paying.record(tx, f"vendor/{bill.vendor}", "out", bill.owing, FIRST + timedelta(300))
        paying.settle(tx, paid.number, f"bill/{key}", None, FIRST + timedelta(300))


def _less(found: list[taxes.Box], earlier: list[taxes.Box]) -> dict[tuple[str, str], int]:
    sums = {(row.box, row.part): int(row.amount) for row in found}
    for row in earlier:
        sums[row.box, row.part] = sums.get((row.box, row.part), 0) - row.amount
    return {box: amount for box, amount in sums.items() if amount}


@pytest.mark.parametrize("minor", [1, 2, 33, 9_999])
@pytest.mark.parametrize("at", [0, 2, 3])
def test_a_discount_takes_the_same_off_on_both_bases(office: Office, minor: int, at: int) -> None:
    """Taken, taken back and paid later, or too late for: once all is paid no cent is told on one basis only."""
    business = Business(office.ledger, "C-1")
    assert business.do(Act("purchase", at, minor, 3, "EUR", "not granted"))
    office.ledger.commit(lambda tx: _pay(tx, business.bills[0]))
    views, always = open_views(office.ledger), Seen(date.min, date.max)
    accrual, cash = (taxes.boxes(views, always._replace(cash=cash)) for cash in (False, True))
    assert accrual == cash != []


def test_on_cash_basis_a_part_that_is_paid_is_taxed_and_the_parts_are_the_whole(office: Office) -> None:
    """95.20 with 15.20 of tax, paid in three parts."""
    office.issue_invoices(1)
    key = next(share for share in open_views(office.ledger).rows("SELECT key FROM invoice"))[0]
    told = []
    for place, minor in enumerate((1, 4_760, 4_759), 1):
        day = DAY + timedelta(place)
        amount = Money(minor, "EUR")
        change(office.ledger, Invoice, key, Invoice.pay, amount, day)
        found = taxes.boxes(open_views(office.ledger), Seen(day, day, cash=True))
        told.append({row.part: int(row.amount) for row in found})
    assert told == [{"base": 1}, {"base": 4_000, "tax": 760}, {"base": 3_999, "tax": 760}]
    assert not taxes.boxes(open_views(office.ledger), Seen(DAY, DAY, cash=True))


def test_on_cash_basis_credit_that_is_paid_back_takes_its_tax_back(office: Office) -> None:
    """Paid, then credited as a whole: with the money the tax goes back, and comes again when that is undone."""
    business = Business(office.ledger, "C-1")
    business.do(Act("issue", 1, 1_000, 0, "EUR", ""))
    key, always = business.keys[0], Seen(date.min, date.max, cash=True)

    def told() -> int:
        return taxes.to_pay(taxes.boxes(open_views(office.ledger), always))

    owing = office.ledger.commit(lambda tx: tx.state(Invoice, key).owing)
    office.ledger.commit(lambda tx: tx.change(Invoice, key, Invoice.pay, owing, DAY))
    whole = told()
    business.do(Act("credit", 0, 1, 95, "EUR", ""))
    assert told() == whole > 0
    back = office.ledger.commit(lambda tx: paying.refund(tx, f"invoice/{key}", None, DAY, "@bank", ""))[0]
    assert told() == taxes.to_pay(taxes.boxes(open_views(office.ledger), Seen(date.min, date.max))) < whole
    office.ledger.commit(lambda tx: paying.unsettle(tx, back, 1, DAY + timedelta(20)))
    assert told() == whole


def test_a_code_takes_what_bears_one_of_its_rates_and_the_newer_where_two_do(office: Office) -> None:
    office.issue_invoices(1)
    other = Definition("NEW", "New", "output", "S", (Rate(DAY, Decimal(19)),), "N", "N tax")
    for each in (STANDARD, other):
        change(office.ledger, Code, each.code, Code.define, each)
    codes = taxcodes.Codes(open_views(office.ledger))
    assert codes.of("output", "S19", DAY).code == "NEW"
    assert codes.of("output", "S19", DAY - timedelta(1)).code == "STD"
    assert codes.of("output", "STD", DAY).code == "STD"
    assert codes.of("input", "S19", DAY).built_in
