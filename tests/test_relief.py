"""What of an invoice will not be paid: whose loss it is, and what of its tax goes with it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.en16931 import Tax, added
from aggregates.invoice import Discounted, Invoice, WrittenOff
from aggregates.invoice_losses import reinstate, round_off, write_off
from aggregates.legal import Party
from aggregates.lines import line
from aggregates.money import ZERO, Money, eur
from aggregates.posting import Facts, entries, kept
from aggregates.relief import Discount, Terms, offered, taxes_of, terms

DAY = date(2026, 1, 31)
LATER = DAY + timedelta(10)
DRAFTED = Invoice().draft("C-1", (line("Consulting;10;80.00;19"), line("Book;10;20.00;7")), "EUR")
ISSUED = Invoice.after(DRAFTED).issue(
    "INV-2026-0001", DAY, Party("Ada"), Party("Acme"), discount=Discount(Decimal(2), LATER)
)
OPEN = Invoice.after(DRAFTED, ISSUED)  # 952.00 at 19 %, 214.00 at 7 %: 1166.00


def paid(amount: str, on: date = LATER, state: Invoice = OPEN) -> Invoice:
    for event in state.pay(eur(amount), on):
        state = state.evolve(event)
    return state


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("2/10", Discount(Decimal(2), LATER)),
        ("2.5 % / 10", Discount(Decimal("2.5"), LATER)),
        ("3/0", Discount(Decimal(3), DAY)),
    ],
)
def test_terms_are_percent_and_days(text: str, terms: Discount) -> None:
    assert offered(text, DAY) == terms


@given(st.integers(1, 9999), st.integers(0, 999), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_terms_that_are_kept_offer_the_same_for_each_day(hundredths: int, days: int, on: date) -> None:
    told = Terms(Decimal(hundredths).scaleb(-2), days)
    assert terms(str(told)) == told
    assert offered(str(told), on) == told.offered(on) == Discount(told.percent, on + timedelta(days))


@pytest.mark.parametrize(
    "text", ["", "2", "2/", "/10", "-2/10", "100/10", "0/10", "2.555/10", "2/1000", "2..5/10", "a/b"]
)
def test_what_is_no_terms_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        offered(text, DAY)


def test_a_discount_ends_before_the_day_it_is_due() -> None:
    with pytest.raises(Refused, match="a discount ends by then"):
        Invoice.after(DRAFTED).issue(
            "INV-2026-0001", DAY, Party("Ada"), Party("Acme"), LATER, Discount(Decimal(2), LATER + timedelta(1))
        )


def test_who_pays_in_time_may_deduct_it_with_its_tax() -> None:
    [event] = round_off(paid("1142.68"), LATER, LATER, ZERO)
    assert isinstance(event, Discounted)
    assert event.amount == eur("23.32")
    assert {tax.rate: (tax.basis, tax.amount) for tax in event.taxes} == {
        Decimal(7): (eur(4), eur("0.28")), Decimal(19): (eur(16), eur("3.04")),
    }  # fmt: skip
    state = paid("1142.68").evolve(event)
    assert not state.owing
    assert state.written_off == eur("23.32")


@pytest.mark.parametrize(("amount", "on"), [("1142.67", LATER), ("1142.68", LATER + timedelta(1))])
def test_who_pays_less_or_later_owes_it(amount: str, on: date) -> None:
    assert round_off(paid(amount, on), on, on, ZERO) == ()


def test_a_discount_is_taken_once() -> None:
    state = paid("1150")
    state = state.evolve(round_off(state, LATER, LATER, ZERO)[0])
    state = state.evolve(state.unallocate(1, LATER))
    assert state.owing == eur(1150)
    again = state.evolve(*state.allocate(LATER, eur(1140)))
    assert round_off(again, LATER, LATER, ZERO) == ()  # 10.00 are missing, 7.32 may be deducted


def test_a_difference_that_is_tolerated_is_no_bad_debt() -> None:
    late = LATER + timedelta(1)
    [event] = round_off(paid("1165.97", late), late, late, eur("0.05"))
    assert event == WrittenOff(eur("0.03"), late, "a difference within 0.05 EUR", small=True)
    assert round_off(paid("1165.94", late), late, late, eur("0.05")) == ()
    assert round_off(paid("1166", late), late, late, eur("0.05")) == ()


def test_what_was_given_up_comes_back_last_first_and_posts_the_opposite() -> None:
    facts = Facts("D-1", "EUR", kept(ISSUED), lambda: ())
    state = OPEN.evolve(write_off(OPEN, LATER, "insolvent", eur(100), relief=True))
    state = state.evolve(write_off(state, LATER, "insolvent", eur(50)))
    first, second = state.forgone
    back = reinstate(state, LATER, "he paid")
    assert (back.was, back.amount) == (second, eur(50))
    state = state.evolve(back)
    assert (state.owing, state.forgone) == (eur(1066), (first,))
    back = reinstate(state, LATER, "all of it")
    [there], [again] = entries(first, facts), entries(back, facts)
    assert [-each.amount for each in again.postings] == [each.amount for each in there.postings]
    assert [each.account for each in again.postings] == [each.account for each in there.postings]
    with pytest.raises(Refused, match="nothing of INV-2026-0001 is written off"):
        reinstate(state.evolve(back), LATER, "again")


def test_relief_for_all_takes_back_all_of_the_tax() -> None:
    event = write_off(OPEN, LATER, "insolvent", relief=True)
    assert event.taxes == tuple(ISSUED.taxes)


@given(
    st.lists(st.tuples(st.integers(-500, 9_999), st.sampled_from([0, 7, 19])), min_size=1, max_size=4),
    st.lists(st.integers(1, 400), min_size=1, max_size=6),
)
def test_parts_take_the_tax_along_and_together_all_of_it(lines: list[tuple[int, int]], weights: list[int]) -> None:
    taxes = [Tax("S", Decimal(rate), Money(basis, "EUR"), Money(basis * rate // 100, "EUR")) for basis, rate in lines]
    whole = added((each.basis + each.amount for each in taxes), "EUR")
    if whole <= ZERO:
        return
    done, found = Money(0, "EUR"), list[Tax]()
    for place in range(1, len(weights) + 1):
        part = Money(whole.minor * sum(weights[:place]) // sum(weights), "EUR") - done
        taken = taxes_of(taxes, done, part)
        assert added((each.basis + each.amount for each in taken), "EUR") == part
        found += taken
        done += part
    for rate in {each.rate for each in taxes}:
        for name in ("basis", "amount"):
            assert added((getattr(each, name) for each in found if each.rate == rate), "EUR") == added(
                (getattr(each, name) for each in taxes if each.rate == rate), "EUR"
            )
