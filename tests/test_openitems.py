"""Open items and statements of account: whatever happens, they come to the control accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregates.chart import Chart
from aggregates.entry import Entry
from aggregates.erasure import Erasure
from aggregates.money import Money, eur
from aggregates.posting import Posting
from bo import books, journaling
from projections import balances, bills, dunnings, invoices, openitems, payables, receivables
from projections.core import Views, open_views
from store.ledger import Ledger
from store.shredding import Target, shred
from store.transaction import Transaction
from tests.businesses import FIRST, Act, Business
from tests.ledgers import DAY, Office
from tests.test_payment import STEPS, Firm

LAST = DAY + timedelta(400)
PARTIES = {"1300": ("receivable", "customer/C-1"), "2100": ("payable", "vendor/V-1")}
BY_HAND = st.tuples(
    st.sampled_from(sorted(PARTIES)),
    st.integers(-5000, 5000).filter(bool),
    st.sampled_from(["EUR", "USD"]),
    st.integers(0, 60),
    st.sampled_from([None, 7]),
)


def post(ledger: Ledger, account: str, amount: Money, day: date, back: date | None = None) -> str:
    """What a party owes, or is owed, and no document says."""
    lines = Posting(account, amount, PARTIES[account][1], text="by hand"), Posting("3800", -amount)

    def work(tx: Transaction) -> str:
        number = books.number(tx, "JE", day)
        tx.change(Entry, number, Entry.post, number, day, "by hand", lines, Chart.default(), (), "normal", back)
        return number

    return ledger.commit(work)


def controlled(views: Views, account: str, day: date) -> Counter[tuple[str, str]]:
    """What a control account says of each party in each currency, as postings have it."""
    rows = views.rows(
        "SELECT party, currency, SUM(minor) FROM posting WHERE account = ? AND on_date <= ? GROUP BY 1, 2",
        account, day,
    )  # fmt: skip
    return Counter({(party, currency): minor for party, currency, minor in rows if minor})


def opened(views: Views, account: str, day: date) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for item in openitems.open_items(views, PARTIES[account][0], day):
        assert item.open
        found[item.party, item.currency] += item.open if account == "1300" else -item.open
    return Counter({place: minor for place, minor in found.items() if minor})


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=5, max_size=20), st.lists(BY_HAND, max_size=4))
def test_open_items_and_statements_are_the_control_accounts_on_every_day(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, int, int, int, date]],
    by_hand: list[tuple[str, int, str, int, int | None]],
) -> None:
    firm = Firm(tmp_path_factory.mktemp("firm"))
    for step in steps:
        firm.act(*step)
        for account in PARTIES:  # at every position, on the newest day there is
            _told_alike(open_views(firm.ledger), account, LAST, controlled(open_views(firm.ledger), account, LAST))
    for account, minor, currency, days, back in by_hand:
        day = DAY + timedelta(days)
        post(firm.ledger, account, Money(minor, currency), day, day + timedelta(back) if back else None)
    views = open_views(firm.ledger)
    days_of_entries = [date.fromisoformat(day) for (day,) in views.rows("SELECT DISTINCT on_date FROM posting")]
    for account in PARTIES:
        for day in (DAY - timedelta(1), *days_of_entries, LAST):
            expected = controlled(views, account, day)
            assert opened(views, account, day) == expected
            _told_alike(views, account, day, expected)
            _tied(views, account, day, expected)
            for party in {party for party, _ in expected}:
                _stated(views, account, party, day, expected)
    firm.office.close()


def _told_alike(views: Views, account: str, day: date, expected: Counter[tuple[str, str]]) -> None:
    """Balances, aging, what is unpaid, lists of documents and dunning say the same as the control account."""
    control, party = PARTIES[account]
    kind, sign = party.partition("/")[0], 1 if control == "receivable" else -1
    view: Any = receivables if control == "receivable" else payables
    documents: Any = invoices if control == "receivable" else bills
    kind_of = "invoice" if control == "receivable" else "bill"
    items = openitems.open_items(views, control, day)
    sums, aged = view.balances(views, as_of=day), view.aging(views, day, day)
    assert day != LAST or view.balances(views) == sums
    for one in {item.party.partition("/")[2] for item in items}:
        here = [item for item in items if item.party == f"{kind}/{one}"]
        assert openitems.open_items(views, control, day, one) == here
        assert openitems.open_items(views, control, day, one, totals=True, limit=1) == here[:1]
    for rows in (sums, aged):
        found = Counter({(f"{kind}/{getattr(row, kind)}", row.currency): sign * row.balance for row in rows})
        assert Counter({place: minor for place, minor in found.items() if minor}) == expected
    for row in aged:
        assert row.current + row.days_1_30 + row.days_31_60 + row.days_61_90 + row.over_90 == row.owing
    unpaid = view.unpaid(views, day, day)
    owing = {row.number: row.owing for row in unpaid}
    assert owing == {item.document: item.open for item in items if item.what == kind_of}
    assert owing == {row.number: row.owing for row in documents.listed(views, as_of=day) if row.owing}
    assert sum(owing.values()) == sum(row.owing for row in aged) == sum(row.owing for row in sums)
    assert sum(row.owing for row in unpaid if row.disputed) == sum(row.disputed for row in aged)
    assert sum(row.journal for row in aged) == sum(item.open for item in items if item.what == "entry")
    for item in items:
        if item.what == "entry":
            back = views.value("SELECT reversed_by FROM journal_entry WHERE number = ?", item.document)
            assert not back or views.value("SELECT on_date FROM journal_entry WHERE number = ?", back) > day.isoformat()
    if control == "receivable":
        late = {row.number: row.owing for row in dunnings.listed(views, day, day)}
        assert late == {row.number: row.owing for row in unpaid if row.due < day}


def _tied(views: Views, account: str, day: date, expected: Counter[tuple[str, str]]) -> None:
    """Their sum is the balance that the trial balance has."""
    for row in balances.trial_balance(views, day, day):
        if row.account == account:
            assert row.debit - row.credit == sum(
                at for (_, currency), at in expected.items() if currency == row.currency
            )


def _stated(views: Views, account: str, party: str, day: date, expected: Counter[tuple[str, str]]) -> None:
    """A statement goes from the balance of the day before its first to that of its last."""
    first, sign = day - timedelta(20), 1 if account == "1300" else -1
    before = controlled(views, account, first - timedelta(1))
    rows = openitems.statement(views, party, first, day)
    for currency in {row.currency for row in rows}:
        here = [row for row in rows if row.currency == currency]
        assert (here[0].what, here[0].balance) == ("opening balance", sign * before[party, currency])
        assert (here[-1].what, here[-1].balance) == ("closing balance", sign * expected[party, currency])
        assert here[0].balance + sum(row.charged - row.settled for row in here) == here[-1].balance


@pytest.fixture
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    made = Firm(tmp_path_factory.mktemp("one"))
    yield made
    made.office.close()


def test_what_is_credited_or_paid_in_advance_is_an_item_below_zero(firm: Firm) -> None:
    firm.act("bill", 0, 0, 5000, DAY)
    firm.act("pay", 0, 1, 8000, DAY)
    firm.act("credit", 0, 0, 1000, DAY)
    items = openitems.open_items(open_views(firm.ledger), "payable", DAY)
    assert [(item.what, item.total, item.open) for item in items] == [
        ("credit note", -1190, -1190),
        ("payment", -8000, -8000),
        ("bill", 5950, 5950),
    ]


def test_a_payment_that_was_allocated_and_released_is_still_one_payment(office: Office) -> None:
    business = Business(office.ledger, "C-1")
    for act in (Act("issue", 1, 1000, 0, "EUR", ""), Act("pay", 0, 700, 9, "EUR", "")):
        assert business.do(act)
    number = open_views(office.ledger).value("SELECT source FROM movement WHERE what = 'paid'")
    assert business.do(Act("unallocate", 0, 1, 10, "EUR", ""))
    credit, invoice = openitems.open_items(open_views(office.ledger), "receivable", FIRST + timedelta(300))
    assert (credit.document, credit.total, credit.open) == (number, -700, -700)
    assert invoice.total == invoice.open


def test_an_accrual_that_took_itself_back_is_open_no_more(firm: Firm) -> None:
    number = post(firm.ledger, "1300", eur(25), DAY, DAY + timedelta(7))
    views = open_views(firm.ledger)
    [item] = openitems.open_items(views, "receivable", DAY + timedelta(6))
    assert (item.document, item.open, item.party) == (number, 2500, "customer/C-1")
    assert openitems.open_items(views, "receivable", DAY + timedelta(7)) == []


def test_an_entry_and_its_reversal_are_one_item_that_is_closed(firm: Firm) -> None:
    first = post(firm.ledger, "1300", eur(25), DAY)
    back = firm.ledger.commit(lambda tx: journaling.reverse(firm.ledger, tx, first, DAY + timedelta(5)))[0]
    views = open_views(firm.ledger)
    assert [item.document for item in openitems.open_items(views, "receivable", DAY + timedelta(4))] == [first]
    assert openitems.open_items(views, "receivable", DAY + timedelta(5)) == []
    assert receivables.aging(views, DAY) == []
    again = firm.ledger.commit(lambda tx: journaling.reverse(firm.ledger, tx, back, DAY + timedelta(9)))[0]
    [item] = openitems.open_items(open_views(firm.ledger), "receivable", DAY + timedelta(9))
    assert (item.document, item.open) == (again, 2500)


def test_of_one_party_there_is_no_item_of_another(firm: Firm) -> None:
    firm.act("bill", 0, 0, 5000, DAY)
    firm.act("bill", 1, 0, 7000, DAY)
    views = open_views(firm.ledger)
    assert [item.party for item in openitems.open_items(views, "payable", DAY, "V-2")] == ["vendor/V-2"]
    assert [item.open for item in openitems.open_items(views, "payable", DAY, totals=True)] == [5950, 8330, 14280]


def test_an_erased_vendor_is_named_no_more_and_his_items_stay(firm: Firm) -> None:
    firm.act("bill", 0, 0, 5000, DAY)
    firm.act("pay", 0, 1, 8000, DAY)
    post(firm.ledger, "2100", eur(-25), DAY)
    target = Target(3, "vendor/V-1")

    def erase(tx: Transaction) -> None:
        shred(tx, firm.ledger, [target])
        tx.change(Erasure, target.name, Erasure.erase, target.name, compartment=target.compartment)

    firm.ledger.commit(erase)
    views = open_views(firm.ledger)
    items = openitems.open_items(views, "payable", DAY)
    assert [item.party for item in items] == ["[erased]"] * 3
    assert sum(item.open for item in items) == -controlled(views, "2100", DAY)["vendor/V-1", "EUR"] == 450
