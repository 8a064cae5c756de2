"""Early payment discounts and small differences on bills: what they post, and what of it goes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import count
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates import bill_discounts
from aggregates.bill import Added, Bill, Discounted, Given, Tolerated
from aggregates.bill_lines import bill_line
from aggregates.core import Refused
from aggregates.crediting import Claim, claim
from aggregates.legal import Party
from aggregates.lines import Line
from aggregates.money import ZERO, Money, eur
from aggregates.posting import Facts, entries, kept
from aggregates.relief import Discount, payable
from bo.bill_import import BillImport
from projections import payables
from projections.core import open_views
from tests.ledgers import Office

DAY = date(2026, 1, 31)
LATER = DAY + timedelta(10)
LINES = (bill_line("Advice;10;80.00;AE19"), bill_line("Book;10;20.00;7;6400"), bill_line("Paper;1;100.00;19"))
TERMS = Discount(Decimal(2), LATER)


def added(lines: tuple[Line, ...] = LINES, terms: Discount | None = TERMS, number: str = "BILL-2026-0001") -> Added:
    return Bill().add(number, "V-1", "4711", DAY, lines, "EUR", Party("Paper Ltd"), "bob", discount=terms)


class Bought:
    """A bill, and what its events post."""

    def __init__(self, event: Added) -> None:
        self.facts = Facts("BILL-2026-0001", "EUR", kept(event), lambda: ())
        self.state, self.balance = Bill(), Counter[tuple[str, str]]()
        self.borne = Counter[tuple[str, ...]]()
        self.record(event)

    def record(self, *events: Any) -> None:
        for event in events:
            self.state = self.state.evolve(event)
            for entry in entries(event, self.facts):
                assert not sum(each.amount.minor for each in entry.postings)
                for posting in entry.postings:
                    self.balance[posting.account, posting.tax] += posting.amount.minor
                    self.borne[posting.account, *posting.dimensions] += posting.amount.minor

    def pay(self, amount: Money, on: date = LATER, tolerance: Money = ZERO) -> tuple[Any, ...]:
        """What is not paid of it then."""
        given = Given("PAY-2026-0001", amount, on, "V-1", "PAY-2026-0001", self.state.number)
        self.record(*self.state.receive(given))
        self.record(*self.state.allocate(on, amount))
        forgone = bill_discounts.round_off(self.state, on, on, tolerance)
        self.record(*forgone)
        return forgone

    def credit(self, *claims: Claim) -> Money:
        note, *settled = self.state.credit("BCN-2026-0001", "G-1", LATER, "sent back", "bob", claims)
        assert not self.state.contradiction(note, None)
        self.record(note, *settled)
        return note.total


def test_what_is_to_be_paid_is_less_while_the_discount_lasts() -> None:
    bought = Bought(added())  # 800.00, 214.00 and 119.00: 1133.00
    assert payable(bought.state, LATER) == eur("1110.34")
    assert payable(bought.state, LATER + timedelta(1)) == eur(1133)
    assert payable(Bought(added(terms=None)).state, LATER) == eur(1133)
    assert payable(Bill(), LATER) == ZERO


def test_a_discount_takes_input_tax_along_and_the_tax_that_we_owe_ourselves() -> None:
    bought = Bought(added())
    [event] = bought.pay(eur("1110.34"))
    assert isinstance(event, Discounted)
    assert event.amount == eur("22.66")
    assert {(each.category, each.rate): (each.basis, each.amount) for each in event.taxes} == {
        ("AE", Decimal(19)): (eur(16), eur("3.04")), ("S", Decimal(7)): (eur(4), eur("0.28")),
        ("S", Decimal(19)): (eur(2), eur("0.38")),
    }  # fmt: skip
    assert bought.balance["@output-tax", "AE19"] == -14896
    assert bought.balance["@input-tax", "AE19"] == 14896
    assert not bought.state.owing


@pytest.mark.parametrize(("amount", "on"), [("1110.33", LATER), ("1110.34", LATER + timedelta(1))])
def test_who_pays_less_or_later_owes_it(amount: str, on: date) -> None:
    assert Bought(added()).pay(eur(amount), on) == ()


def test_a_small_difference_is_tolerated_where_no_discount_is_offered() -> None:
    bought = Bought(added(terms=None))
    assert bought.pay(eur("1132.97"), tolerance=eur("0.05")) == (
        Tolerated(eur("0.03"), LATER, "a difference within 0.05 EUR"),
    )
    assert bought.balance["@rounding", ""] == -3
    assert Bought(added(terms=None)).pay(eur("1132.94"), tolerance=eur("0.05")) == ()


def test_what_is_taken_back_posts_the_opposite_the_last_first() -> None:
    bought = Bought(added())
    before = Counter(bought.balance)
    bought.pay(eur("1110.34"))
    again = bill_discounts.reinstate(bought.state, LATER, "not granted")
    bought.record(again)
    assert bought.state.owing == again.amount == eur("22.66")
    assert +bought.balance == +before
    assert -bought.balance == -before
    with pytest.raises(Refused, match="nothing of BILL-2026-0001 is discounted"):
        bill_discounts.reinstate(bought.state, LATER, "again")
    with pytest.raises(Refused, match="there is no such bill"):
        bill_discounts.reinstate(Bill(), LATER, "again")


def test_a_discounted_bill_is_neither_changed_nor_voided() -> None:
    bought = Bought(added())
    bought.pay(eur("1110.34"))
    with pytest.raises(Refused, match="was settled or credited in part"):
        bought.state.edit("bob", discount=None)
    with pytest.raises(Refused, match="was settled or credited in part"):
        bought.state.void(LATER, "wrong")


def test_an_approval_sees_the_discount_and_is_the_same_as_ever_without_one() -> None:
    plain, other = Bill.after(added(terms=None)), Bill.after(added())
    seen = (
        plain.number, plain.vendor, plain.ref, plain.on, plain.booked, plain.due, plain.currency, plain.lines,
        plain.total, plain.seller, plain.text,
    )  # fmt: skip
    assert plain.digest == sha256(msgspec.msgpack.encode(seen)).hexdigest()
    assert plain.digest != other.digest


def test_an_edit_changes_the_terms_and_keeps_them() -> None:
    state = Bill.after(added())
    [edited] = state.edit("bob", text="urgent")
    assert state.evolve(edited).discount == TERMS
    [edited] = state.edit("bob", discount=None)
    assert state.evolve(edited).discount is None
    with pytest.raises(Refused, match="is a credit note: nobody pays it early"):
        state.edit("bob", lines=[bill_line("Paper;-1;100.00;19")])


_LINES = st.lists(
    st.tuples(
        st.integers(1, 9), st.integers(1, 99_999),
        st.sampled_from(["19", "7", "0", "G", "AE19", "K7", "19;project=P", "AE19;project=P", "AE19;project=Q"]),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
_CLAIMS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), max_size=6)


@given(_LINES, _CLAIMS, st.integers(1, 99), st.integers(0, 100))
def test_notes_over_all_leave_nothing_of_what_was_bought_its_tax_and_its_discount(
    bought_lines: list[tuple[int, int, str]], claims: list[tuple[int, int]], percent: int, first: int
) -> None:
    """Paid at once or in two parts, some of it sent back before the discount is taken, or none."""
    lines = tuple(
        bill_line(f"Thing {n};{many};{Decimal(minor).scaleb(-2)};{tax}")
        for n, (many, minor, tax) in enumerate(bought_lines)
    )
    bought = Bought(added(lines, Discount(Decimal(percent), LATER)))
    due = payable(bought.state, LATER)
    if due == bought.state.owing:
        return  # so little that the discount is nothing, or all of it
    part = Money(due.minor * first // 100, "EUR")
    for amount in (part, due - part):
        if amount:
            bought.pay(amount)
    assert not bought.state.owing
    credited = Money(0, "EUR")
    for place, quantity in claims:
        try:
            credited += bought.credit(Claim(place, Decimal(quantity)))
        except Refused:
            continue
    if credited < due:
        credited += bought.credit()
    if any(each.quantity for each in bought.state.rest):
        return  # a cent or two, of which all was discounted: no note comes to nothing
    assert credited == due
    left = {place: minor for place, minor in bought.balance.items() if minor}
    assert all(tax.startswith(("AE", "K")) and abs(minor) <= len(claims) for (_, tax), minor in left.items())
    for tax in {tax for _, tax in left}:  # what we owe ourselves is rounded note by note, and deducted at once
        assert left["@input-tax", tax] + left["@output-tax", tax] == 0
    assert not any(minor for (_, *dimensions), minor in bought.borne.items() if dimensions)


def test_a_discount_bears_the_dimensions_of_what_was_bought() -> None:
    lines = "Advice;1;300;AE19;project=P", "Paper;1;100;19;6400;project=P", "Ink;1;50;19"
    bought = Bought(added(tuple(bill_line(each) for each in lines)))
    bought.pay(payable(bought.state, LATER))
    assert bought.borne["@discount-received", "project=P"] == -800
    assert bought.borne["@discount-received",] == -100


def test_of_what_was_paid_for_its_share_of_the_discount_goes_back() -> None:
    bought = Bought(added())
    bought.pay(eur("1110.34"))
    assert bought.credit(claim("1;5")) == eur(392)
    assert bought.balance["@output-tax", "AE19"] == -7448
    assert bought.credit(claim("2;1;20")) == eur("21.40")  # the net that the note says


class Row(NamedTuple):
    """A bill of a file: its total, what was paid of it on which day after its own, and the days of its discount."""

    total: int
    paid: int
    after: int
    days: int


ROWS = st.builds(
    lambda total, share, after, days: Row(total, total * share // 100, after, days),
    st.integers(100, 99_999), st.sampled_from((1, 50, 97, 98, 99, 100)), st.integers(0, 20), st.integers(0, 30),
)  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = Office(tmp_path_factory.mktemp("office"))
    yield office
    office.close()


_places = count()


def test_what_a_file_says_otherwise_of_a_known_bill_is_told_and_not_taken_over(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    def take(head: str, row: str) -> tuple[list[str], str]:
        file = office.folder / "again.csv"
        file.write_text(f"vendor,ref,on,description,amount,tax,{head}\nV-AGAIN,1,{DAY},Paper,100,0,{row}\n")
        done = BillImport(office.ledger, str(file), None, "", add_vendors=True).run(accept_valid=False)
        return done, capsys.readouterr().err

    take("due,discount_terms", "2026-03-01,2/10")
    before = open_views(office.ledger).position
    for head, row, told in (
        ("due,discount_terms", "2026-03-01,2/10", ""),
        ("due", "", ""),
        ("due", "2026-03-02", "due 2026-03-01, not 2026-03-02"),
        ("terms", "10", "due 2026-03-01, not 2026-02-10"),
        ("discount_terms", "3/10", "discount 2 % until 2026-02-10, not 3 % until 2026-02-10"),
        ("account", "6400", "other lines"),
        ("paid", "2026-02-01", "100.00 EUR is owing, though the file says that it was paid on 2026-02-01"),
    ):
        done, err = take(head, row)
        assert done == ["0 bills", "1 was here already"]
        assert (told in err) if told else not err
        assert ("is here already, and stays as it is" in err) == bool(told)
    assert open_views(office.ledger).position == before


@settings(max_examples=8, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_what_a_file_says_was_paid_less_in_time_is_discounted_and_else_owing(office: Office, rows: list[Row]) -> None:
    vendor = f"V-{next(_places)}"
    head = "vendor,ref,on,description,amount,tax,paid,paid_amount,discount_terms"
    lines = (
        f"{vendor},{at},{DAY},Paper,{Money(row.total, 'EUR').amount},0,{DAY + timedelta(row.after)},"
        f"{Money(row.paid, 'EUR').amount},2/{row.days}"
        for at, row in enumerate(rows)
    )
    file = office.folder / f"{vendor}.csv"
    file.write_text("\n".join([head, *lines]))
    BillImport(office.ledger, str(file), None, "", add_vendors=True).run(accept_valid=False)
    found = {
        each.ref: int(each.owing) for each in payables.unpaid(open_views(office.ledger), LATER) if each.vendor == vendor
    }
    expected = {}
    for at, row in enumerate(rows):
        missing, most = row.total - row.paid, int(TERMS.of(Money(row.total, "EUR")).minor)
        if missing and not (row.after <= row.days and missing <= most):
            expected[f"{at}"] = missing
    assert found == expected
