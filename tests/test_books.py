"""The books folded from the log: balanced at every position, and the same as what customers owe."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings

from aggregates.account import Account
from aggregates.chart import Chart
from aggregates.entry import Entry, Posted
from aggregates.money import Money, eur
from aggregates.posting import Posting
from bo import books
from projections import accounts, balances, entries, receivables, statements
from projections.books import Books
from projections.core import Views, open_views
from store.recorded import Recorded
from store.transaction import Transaction
from tests.businesses import FIRST, Act, Business, acts
from tests.ledgers import DAY, Office, erase, issue

LAST = FIRST + timedelta(400)
_names = count()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("books"))
    yield made
    made.close()


def owed(views: Views, customer: str, day: date | None) -> dict[str, int]:
    """The balance of a customer by currency: open items less credit, and what journal entries say he owes."""
    rows = receivables.balances(views, customer, day)
    return {row.currency: int(row.balance) for row in rows if row.balance}


def control(views: Views, customer: str, day: date | None) -> dict[str, int]:
    """The receivable control account of one customer, by currency."""
    rows = views.rows(
        "SELECT currency, SUM(minor) FROM posting WHERE account = '1300' AND party = ? AND on_date <= ? GROUP BY 1",
        f"customer/{customer}", day or LAST,
    )  # fmt: skip
    return {currency: minor for currency, minor in rows if minor}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts)
def test_at_every_position_debits_equal_credits_and_open_items_the_control_account(
    shared: Office, done: list[Act]
) -> None:
    business = Business(shared.ledger, f"C-{next(_names)}")
    for act in done:
        if not business.do(act):
            continue
        views = open_views(shared.ledger)
        customer = business.customer
        newest = views.value("SELECT MAX(position) FROM entry")
        off = "SELECT p.entry FROM posting p JOIN entry e ON e.id = p.entry WHERE position = ? GROUP BY entry, currency"
        assert not list(views.rows(f"{off} HAVING SUM(minor) != 0", newest))
        assert owed(views, customer, None) == control(views, customer, None)
        for days in (0, 31, 75, 120, 200):
            day = FIRST + timedelta(days)
            assert owed(views, customer, day) == control(views, customer, day)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts)
def test_turnovers_are_the_sums_of_postings_on_any_day(shared: Office, done: list[Act]) -> None:
    business = Business(shared.ledger, f"C-{next(_names)}")
    for act in done:
        business.do(act)
    views = open_views(shared.ledger)
    for first, last in ((FIRST, FIRST), (FIRST + timedelta(17), FIRST + timedelta(80)), (FIRST + timedelta(61), LAST)):
        rows = {(row.account, row.currency): row for row in balances.trial_balance(views, first, last)}
        for account, currency, opening, debit, credit in views.rows(
            """SELECT account, currency, SUM(iif(on_date < ?1, minor, 0)),
            SUM(iif(on_date >= ?1, max(minor, 0), 0)), SUM(iif(on_date >= ?1, max(-minor, 0), 0))
            FROM posting WHERE on_date <= ?2 GROUP BY account, currency""",
            first, last,
        ):  # fmt: skip
            row = rows.pop((account, currency), None)
            if row is None:
                assert opening == debit == credit == 0
                continue
            assert (row.opening, row.debit_turnover, row.credit_turnover) == (opening, debit, credit)
            assert row.debit - row.credit == opening + debit - credit
        assert not rows
        for currency in {row.currency for row in balances.trial_balance(views, first, last)}:
            sheet = [row for row in statements.balance_sheet(views, first, last) if row.currency == currency]
            owned = sum(row.amount for row in sheet if row.section == "asset")
            assert owned == sum(row.amount for row in sheet if row.section in ("liability", "equity"))


def test_a_trial_balance_stands_beside_one_of_other_days(shared: Office) -> None:
    business = Business(shared.ledger, f"C-{next(_names)}")
    for kind, minor, days in (("issue", 300, 5), ("post", 700, 70), ("pay", 200, 80)):
        business.do(Act(kind, 0, minor, days, "USD", "x"))
    views, now, before = open_views(shared.ledger), (FIRST + timedelta(60), LAST), (FIRST, FIRST + timedelta(40))
    rows = balances.trial_balance(views, *now, against=before)
    fields = ("account", "name", "currency", "opening", "debit_turnover", "credit_turnover", "debit", "credit")
    shown = [tuple(getattr(row, name) for name in fields) for row in rows]
    assert {each for each in shown if any(each[3:])} == {
        tuple(getattr(row, name) for name in fields) for row in balances.trial_balance(views, *now)
    }
    assert shown == sorted(shown, key=lambda each: (each[0], each[2]))
    beside = [row for row in rows if isinstance(row, balances.Compared)]
    assert len(beside) == len(rows) > 3
    assert {
        (row.account, row.currency): (row.compared_debit, row.compared_credit)
        for row in beside if row.compared_debit or row.compared_credit
    } == {
        (row.account, row.currency): (row.debit, row.credit)
        for row in balances.trial_balance(views, *before) if row.debit or row.credit
    }  # fmt: skip
    for row in beside:
        assert row.change == row.debit - row.credit - (row.compared_debit - row.compared_credit)


def test_a_general_ledger_ends_at_the_balance_of_its_account(shared: Office) -> None:
    business = Business(shared.ledger, f"C-{next(_names)}")
    for kind, minor in (("issue", 100), ("pay", 50), ("owed", 70)):
        business.do(Act(kind, 0, minor, 10, "EUR", "x"))
    views = open_views(shared.ledger)
    ledger = [row for row in entries.general_ledger(views, FIRST, LAST, ("1300",)) if row.currency == "EUR"]
    [row] = [
        row for row in balances.trial_balance(views, FIRST, LAST) if (row.account, row.currency) == ("1300", "EUR")
    ]
    assert ledger[-1].balance == row.debit - row.credit
    alone = entries.general_ledger(views, FIRST, LAST, ("1300",), f"customer/{business.customer}")
    assert alone[-1].balance == owed(views, business.customer, None)["EUR"]


def test_what_is_posted_before_a_role_moves_stays_where_it_is(office: Office) -> None:
    office.issue_invoices(1)
    sales = Chart.default().accounts["4500"]

    office.ledger.commit(lambda tx: tx.change(Account, "4500", Account.assign, "sales", sales, Chart.default()))
    office.issue_invoices(1)
    views = open_views(office.ledger)
    assert {row.account: row.credit for row in balances.trial_balance(views, DAY, DAY)} == {
        "1300": 0, "2200": 3040, "4100": 8000, "4500": 8000,
    }  # fmt: skip
    before = sorted(views.rows("SELECT * FROM posting"))
    office.ledger.client.put("projections", b"an older program")
    views.run("UPDATE projection SET version = 0 WHERE name = 'Books'")
    assert sorted(open_views(office.ledger).rows("SELECT * FROM posting")) == before


def test_the_past_is_known_as_it_was(office: Office) -> None:
    office.issue_invoices(1)
    position = open_views(office.ledger).position
    office.issue_invoices(2)
    then = open_views(office.ledger, position, only=("Books",))
    assert [row.debit for row in balances.trial_balance(then, DAY, DAY)] == [9520, 0, 0]
    then.close()


def test_an_erased_stream_leaves_nothing_on_any_account(office: Office) -> None:
    office.issue_invoices(1)
    key = office.ledger.commit(_issued)
    erase(office.ledger, key)
    views = open_views(office.ledger)
    kept = {table: sorted(views.rows(f"SELECT * FROM {table}")) for table in TABLES}
    assert len(kept["entry"]) == 1
    cold = open_views(office.fresh())
    assert {table: sorted(cold.rows(f"SELECT * FROM {table}")) for table in TABLES} == kept


TABLES = ("entry", "posting", "month_turnover", "day_turnover", "fact")


def _issued(tx: Transaction) -> str:
    """An invoice; the reference of its draft."""
    issue(tx)
    [*_, last] = [share.name for share in tx.shares.values() if share.name.startswith("invoice/")]
    return str(last.partition("/")[2])


def test_what_no_verb_makes_stops_no_fold(office: Office) -> None:
    """A program with a fault, or a grudge, may record it: it is shown where it can be, and the rest goes on."""
    strange = (
        Posted("JE-2026-0001", DAY, "no account", (Posting("", eur(1)), Posting("@nobody", eur(-1)))),
        Posted("JE-2026-0002", DAY, "more than all money", (Posting("1200", Money(1 << 62, "EUR")),)),
    )
    for event in strange:
        _fold(office, event)
    office.issue_invoices(1)
    views = open_views(office.ledger)
    assert sum(row.debit - row.credit for row in balances.trial_balance(views, DAY, DAY)) == 0
    assert {row.account for row in balances.trial_balance(views, DAY, DAY)} == {"", "1300", "2200", "4100", "@nobody"}


def _fold(office: Office, event: Posted) -> None:
    projection = Books()
    handlers = dict(projection.handlers())
    views = open_views(office.ledger)
    recorded = Recorded(
        event, 1_000 + int(event.number[-1]), 0, 4, f"entry/{event.number}", 1, {}, 0, "", "", 0, "", "", ""
    )
    handlers["entry.posted"](event, recorded, views)
    views.flush()


def test_an_erased_customer_is_named_no_more(office: Office) -> None:
    office.issue_invoices(1)
    views = open_views(office.ledger)
    views.run("INSERT INTO erased_party VALUES('customer/C-1')")
    assert {row.party for row in entries.journal(views, DAY, DAY)} == {"", "[erased]"}


def test_a_number_of_an_entry_is_taken_in_the_order_of_recording(office: Office) -> None:
    lines = (Posting("6200", eur(1)), Posting("1200", eur(-1)))
    for day in (DAY, DAY - timedelta(20), DAY):
        office.ledger.commit(partial(_post, day=day, lines=lines))
    assert accounts.used(open_views(office.ledger)) == {"1200", "6200"}
    numbers = open_views(office.ledger).rows("SELECT number FROM entry ORDER BY position")
    assert [number for (number,) in numbers] == [f"JE-{DAY.year}-{n:04}" for n in (1, 2, 3)]


def _post(tx: Transaction, day: date, lines: tuple[Posting, ...]) -> None:
    number = books.number(tx, "JE", day)
    tx.change(Entry, number, Entry.post, number, day, "Rent", lines, Chart.default())
