"""Credit notes on what was paid with an early payment discount: only what was charged is credited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.crediting import Claim, claim
from aggregates.invoice import Credited, Discounted, Invoice
from aggregates.invoice_losses import reinstate, round_off
from aggregates.legal import Party
from aggregates.lines import Line, line
from aggregates.money import ZERO, Money, eur
from aggregates.posting import Facts, entries, kept
from aggregates.relief import Discount

DAY = date(2026, 1, 31)
LATER = DAY + timedelta(10)
TWO_PERCENT = Discount(Decimal(2), LATER)
LINES = (line("Consulting;10;80.00;19"), line("Book;10;20.00;7"))


class Paid:
    """An invoice that was paid in time, less its discount; everything it posts."""

    def __init__(self, lines: Sequence[Line] = LINES, terms: Discount = TWO_PERCENT) -> None:
        drafted = Invoice().draft("C-1", lines, "EUR")
        issued = Invoice.after(drafted).issue("INV-2026-0001", DAY, Party("Ada"), Party("Acme"), discount=terms)
        self.facts = Facts("D-1", "EUR", kept(issued), lambda: ())
        self.state, self.balance, self.borne = Invoice.after(drafted), Counter[str](), Counter[tuple[str, ...]]()
        self.record(issued)
        self.due = issued.total - terms.of(issued.total)
        if self.due:
            self.record(*self.state.pay(self.due, LATER))
            self.record(*round_off(self.state, LATER, LATER, ZERO))

    def record(self, *events: Any) -> None:
        for event in events:
            assert not self.state.contradiction(event, None)
            self.state = self.state.evolve(event)
            for entry in entries(event, self.facts):
                for posting in entry.postings:
                    self.balance[posting.account] += posting.amount.minor
                    self.borne[posting.account, *posting.dimensions] += posting.amount.minor

    def credit(self, *claims: Claim, on: date = LATER) -> Credited:
        note, *settled = self.state.credit("CN-2026-0001", on, "came back", claims)
        self.record(note, *settled)
        return note


def test_all_that_is_credited_is_what_was_paid() -> None:
    paid = Paid()
    note = paid.credit()
    assert (note.net, note.tax, note.total) == (eur(980), eur("162.68"), eur("1142.68"))
    assert {tax.rate: (tax.basis, tax.amount) for tax in note.taxes} == {
        Decimal(19): (eur(784), eur("148.96")), Decimal(7): (eur(196), eur("13.72")),
    }  # fmt: skip
    assert +paid.balance == Counter({"@bank": 114268})
    assert -paid.balance == Counter({"@receivable": 114268})  # what is to be refunded
    assert paid.state.forgone == ()


def test_of_a_line_that_comes_back_its_share_of_the_discount_goes_with_it() -> None:
    paid = Paid()
    note = paid.credit(claim("2;1"))
    assert (note.lines[0].net, note.net, note.tax, note.total) == (eur(20), eur("19.60"), eur("1.37"), eur("20.97"))
    assert [(each.basis, each.amount) for each in note.discounted] == [(eur("0.40"), eur("0.03"))]
    assert paid.state.written_off == eur("22.89")
    assert paid.credit().total == eur("1142.68") - note.total


def test_a_net_that_is_given_is_credited_as_it_is() -> None:
    paid = Paid()
    assert paid.credit(claim("1;10;784")).total == eur("932.96")
    assert paid.credit().total == eur("209.72")
    assert not paid.balance["@discount"]
    assert not paid.balance["@sales"]


def test_no_more_is_credited_than_was_charged() -> None:
    with pytest.raises(
        Refused, match=r"784.00 EUR net can still be credited in tax category S at 19 %, not 800.00 EUR"
    ):
        Paid().credit(claim("1;10;800"))


def test_a_credit_note_of_a_day_before_the_discount_is_refused() -> None:
    with pytest.raises(Refused, match="INV-2026-0001 was discounted on 2026-02-10: a credit note of 2026-02-01"):
        Paid().credit(on=DAY + timedelta(1))


def test_what_is_left_of_a_discount_can_be_taken_back() -> None:
    paid = Paid()
    paid.credit(claim("1"))
    back = reinstate(paid.state, LATER, "the payment bounced")
    assert back.amount == eur("4.28")
    paid.record(back)
    assert paid.balance["@discount"] == 0
    assert paid.state.owing == eur("4.28")


def test_who_writes_a_credit_note_with_more_of_the_discount_is_found() -> None:
    paid = Paid()
    note, *_ = paid.state.credit("CN-2026-0001", LATER, "came back", [claim("2;1")])
    [share] = note.discounted
    more = msgspec.structs.replace(share, basis=eur("4.01"))
    total = note.total - eur("3.61")
    wrong = msgspec.structs.replace(note, discounted=(more,), total=total)
    assert "more of a discount goes back than was taken" in paid.state.contradiction(wrong, None)
    assert "comes to" in paid.state.contradiction(msgspec.structs.replace(note, discounted=()), None)
    assert "more of a discount" in paid.state.contradiction(
        msgspec.structs.replace(note, discounted=(share, share)), None
    )


def test_a_discount_bears_the_dimensions_of_what_it_is_on() -> None:
    north, south = "cost-centre=NORTH", "cost-centre=SOUTH"
    lines = f"Work;1;100;19;{north}", f"Book;1;50;7;{south};project=P", "Rest;2;50;19", f"More;1;50;19;{north}"
    paid = Paid([line(each) for each in lines])
    assert paid.borne["@discount", north] == 300
    assert paid.borne["@discount", south, "project=P"] == 100
    assert paid.borne["@discount",] == 200
    paid.credit(claim("4"))
    assert paid.borne["@discount", north] == 200
    paid.record(reinstate(paid.state, LATER, "it came late"))
    assert not any(paid.borne[place] for place in paid.borne if place[0] == "@discount")


def test_a_discount_of_before_there_were_parts_goes_back_as_it_was_posted() -> None:
    paid = Paid([line("Work;2;50;19;cost-centre=NORTH")])
    [old] = paid.state.forgone
    assert isinstance(old, Discounted)
    paid.state = msgspec.structs.replace(paid.state, forgone=(msgspec.structs.replace(old, parts=()),))
    note = paid.credit(claim("1;1"))
    assert note.discounted
    assert not note.discounted_parts


_LINES = st.lists(
    st.tuples(
        st.integers(1, 9), st.integers(1, 99_999),
        st.sampled_from(["19", "7", "0", "G", "19;project=P", "19;project=Q", "7;project=P"]),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
_CLAIMS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), max_size=6)


@given(_LINES, _CLAIMS, st.integers(1, 99))
def test_notes_over_all_leave_nothing_of_the_sale_its_tax_and_its_discount(
    lines: list[tuple[int, int, str]], claims: list[tuple[int, int]], percent: int
) -> None:
    sold = [line(f"Thing {n};{many};{Decimal(minor).scaleb(-2)};{tax}") for n, (many, minor, tax) in enumerate(lines)]
    paid = Paid(sold, Discount(Decimal(percent), LATER))
    if not any(isinstance(each, Discounted) for each in paid.state.forgone):
        return
    credited = Money(0, "EUR")
    for place, quantity in claims:
        try:
            credited += paid.credit(Claim(place, Decimal(quantity))).total
        except Refused:
            continue
    if credited < paid.due:
        credited += paid.credit().total
    if any(each.quantity for each in paid.state.rest):
        return  # a cent or two, of which all was discounted: no note comes to nothing
    assert credited == paid.due
    assert +paid.balance == Counter({"@bank": paid.due.minor})
    assert -paid.balance == Counter({"@receivable": paid.due.minor})
    assert not any(minor for (_, *dimensions), minor in paid.borne.items() if dimensions)
