"""Dimensions: every line is in one part of a report, and the parts come to the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregates.bill_lines import bill_line
from aggregates.core import Event, Refused
from aggregates.crediting import Claim
from aggregates.invoice import Invoice
from aggregates.legal import Party
from aggregates.lines import Line, line, priced
from aggregates.posting import Facts, entries
from bo import books, exporting, rating
from projections import balances, statements, tagged
from projections.core import Views, open_views
from projections.entries import general_ledger, journal, whole
from projections.tagged import Only
from store.transaction import Transaction
from tests.businesses import FIRST, Act, Business, acts
from tests.ledgers import DAY, Office, erase

_names = count()
LAST = FIRST + timedelta(400)
BOTH = "cost-centre=NORTH", "project=P-1"


# On a line


@pytest.mark.parametrize(
    ("text", "description", "account", "dimensions"),
    [
        ("Work;1;2;19", "Work", "", ()),
        ("Work;1;2;19;cost-centre=NORTH", "Work", "", BOTH[:1]),
        ("a=b; c=d;1;2;19; cost-centre=NORTH ;project=P-1", "a=b; c=d", "", BOTH),
        ("Work;1;2;19;6400;cost-centre=NORTH", "Work", "6400", BOTH[:1]),
    ],
)
def test_dimensions_end_a_line(text: str, description: str, account: str, dimensions: tuple[str, ...]) -> None:
    found = bill_line(text)
    assert (found.description, found.account, found.dimensions) == (description, account, dimensions)
    if not account:
        assert line(text) == found


def test_what_is_no_dimension_is_refused() -> None:
    wrong = Line("Work", Decimal(1), Decimal(2), "S", Decimal(19), dimensions=("NORTH",))
    with pytest.raises(Refused, match="line 1: a dimension is written cost-centre=NORTH, not “NORTH”"):
        priced([wrong], "EUR")


def posted(event: Event) -> Counter[tuple[str, ...]]:
    """What a document posts on accounts with dimensions, by these."""
    facts = Facts("D-1", "EUR", {"party": "customer/C-1"}, tuple)
    sums: Counter[tuple[str, ...]] = Counter()
    for entry in entries(event, facts):
        for each in entry.postings:
            if each.dimensions:
                sums[each.account, *each.dimensions] += each.amount.minor
    return sums


def test_a_credit_note_bears_the_dimensions_of_what_it_takes_back() -> None:
    lines = line("Work;2;10;19;cost-centre=NORTH"), line("More;1;10;19"), line("Work;1;5;19;cost-centre=NORTH")
    state = Invoice.after(Invoice().draft("C-1", lines, "EUR"))
    issued = state.issue("INV-2026-0001", DAY, Party("Ada"), Party("Acme"))
    assert posted(issued) == {("@sales", "cost-centre=NORTH"): -2500}
    note, *_ = state.evolve(issued).credit("CN-2026-0001", DAY, "came back", [Claim(1, Decimal(1)), Claim(2)])
    assert posted(note) == {("@sales", "cost-centre=NORTH"): 1000}


# In reports


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("dimensions"))
    for currency, rate in (("USD", "1.25"), ("JPY", "160")):
        rating.add(made.ledger, currency, Decimal(rate), "", FIRST)
    yield made
    made.close()


def trial_balance(views: Views, first: date, last: date, own: str, only: Only | None) -> Counter[tuple[str, ...]]:
    sums: Counter[tuple[str, ...]] = Counter()
    for row in balances.trial_balance(views, first, last, False, own, only):
        for name in ("opening", "debit_turnover", "credit_turnover"):
            sums[row.account, row.currency, name] += getattr(row, name)
        sums[row.account, row.currency, "closing"] += row.debit - row.credit
    return sums


def stated(rows: Sequence[statements.Line]) -> Counter[tuple[str, ...]]:
    sums: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        sums[row.section, row.account or row.name, row.currency] += row.amount
    return sums


def all_of(views: Views, first: date, last: date, own: str, only: Only | None) -> list[Counter[tuple[str, ...]]]:
    """Every figure of every report."""
    sheet = statements.balance_sheet(views, first, last, None, False, own, only)
    income = statements.income_statement(views, first, last, None, False, own, only)
    ledger: Counter[tuple[str, ...]] = Counter()
    for row in general_ledger(views, first, last, (), "", only, totals=True):
        ledger[row.account, row.currency] += (row.debit - row.credit) if row.position else row.balance
    lines: Counter[tuple[str, ...]] = Counter()
    for each in journal(views, first, last, None, only):
        lines[each.number, each.account, each.party, each.tax, each.currency] += each.debit - each.credit
    found = [trial_balance(views, first, last, own, only), stated(sheet), stated(income), ledger, lines]
    return [Counter({key: value for key, value in sums.items() if value}) for sums in found]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts, st.integers(0, 100), st.integers(0, 100), st.sampled_from(["", "EUR"]),
    st.sampled_from(["cost-centre", "project", "nothing"]), st.sampled_from([(), BOTH[:1], BOTH]),
)  # fmt: skip
def test_the_parts_of_every_report_come_to_the_whole(
    shared: Office, done: list[Act], start: int, length: int, own: str, by: str, tags: tuple[str, ...]
) -> None:
    business = Business(shared.ledger, f"C-{next(_names)}")
    for act in done:
        business.do(act)
    views = open_views(shared.ledger)
    first = FIRST + timedelta(start)
    last = first + timedelta(length)
    only = tagged.bearing(views, tags)
    whole = all_of(views, first, last, own, only)
    parts = [all_of(views, first, last, own, part) for _, part in tagged.split(views, by, only)]
    for place, figures in enumerate(whole):
        total: Counter[tuple[str, ...]] = Counter()
        for part in parts:
            total.update(part[place])
        assert {key: value for key, value in total.items() if value} == figures


def test_a_line_with_two_values_is_in_a_part_of_its_own_and_every_line_in_one(office: Office) -> None:
    lines = ("Work;1;1;19;tag=a;tag=b", "Work;1;2;19;tag=b", "Work;1;4;19;project=P", "Work;1;8;19")
    invoiced(office, *map(line, lines))
    views = open_views(office.ledger)

    def sold(only: Only | None) -> int:
        rows = balances.trial_balance(views, DAY, DAY, False, "", only)
        return sum(row.credit for row in rows if row.account == "4100")

    assert {value: sold(part) for value, part in tagged.split(views, "tag", None)} == {"a b": 100, "b": 200, "": 1200}
    assert sold(tagged.bearing(views, ("tag=a", "tag=b"))) == 100
    assert sold(tagged.bearing(views, ("tag=b",))) == 300
    assert sold(tagged.bearing(views, ("tag=c",))) == 0
    [entry] = whole(views, DAY, DAY)
    assert exporting.marks(entry, next(line for line in entry.lines if "tag=a" in line.dimensions))["tag"] == "a b"
    rows = tagged.by_value(views, "tag", None, lambda only: balances.trial_balance(views, DAY, DAY, only=only))
    assert [row.value for row in rows if row.account == "4100"] == ["a b", "b", ""]  # type: ignore[attr-defined]  # made as it runs


def test_an_erased_stream_leaves_nothing_under_its_dimensions(office: Office) -> None:
    key = invoiced(office, line("Work;1;1;19;tag=a"))
    tables = "month_tagged", "day_tagged"
    assert all(list(open_views(office.ledger).rows(f"SELECT * FROM {table}")) for table in tables)
    erase(office.ledger, key)
    for views in (open_views(office.ledger), open_views(office.fresh())):
        assert not any(list(views.rows(f"SELECT * FROM {table}")) for table in tables)


def invoiced(office: Office, *lines: Line) -> str:
    """The reference of an invoice of these lines."""
    key = "D-DIM"

    def work(tx: Transaction) -> None:
        tx.change(Invoice, key, Invoice.draft, "C-1", lines, "EUR")
        number = books.number(tx, "INV", DAY)
        tx.change(Invoice, key, Invoice.issue, number, DAY, Party("Ada"), Party("Acme"))

    office.ledger.commit(work)
    return key
