from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.crediting import Claim, claim
from aggregates.en16931 import CATEGORIES, Tax, Totals, difference, line_net, plain, tax_on, totals
from aggregates.lines import FORM, Line, line, priced
from aggregates.money import Money, eur

D = Decimal
RATES = [("S", D(19)), ("S", D("19.00")), ("S", D(7)), ("S", D("5.5")), ("Z", D(0)), ("E", D(0))]
QUANTITIES = st.decimals("-999", "999", places=3).filter(bool)
PRICES = st.decimals("0", "99999", places=4)
LINES = st.builds(
    lambda quantity, price, discount, kind: Line("x", quantity, price, kind[0], kind[1], discount=discount),
    QUANTITIES,
    PRICES,
    st.decimals("0", "100", places=1),
    st.sampled_from(RATES),
)


def sums(*texts: str, currency: str = "EUR") -> Totals:
    return totals(priced([line(text) for text in texts], currency), currency)


def test_tax_is_rounded_once_per_category_on_the_sum_of_lines() -> None:
    assert sums("a;1;0.05;10", "b;1;0.05;10", "c;1;0.05;10").tax == eur("0.02")  # a line each would give 0.03


def test_halves_are_rounded_away_from_zero() -> None:
    assert line_net(D(1), D("0.125"), D(0), "EUR") == eur("0.13")
    assert line_net(D(-1), D("0.125"), D(0), "EUR") == eur("-0.13")
    assert tax_on(eur("0.50"), D(5)) == eur("0.03")


def test_a_discount_is_taken_off_before_the_line_is_rounded() -> None:
    assert line_net(D(3), D("33.33"), D(10), "EUR") == eur("89.99")
    assert line_net(D(1), D("0.05"), D(50), "EUR") == eur("0.03")
    assert line_net(D(7), D("1.23"), D(100), "EUR") == eur(0)


def test_a_document_with_two_rates_and_an_exemption() -> None:
    result = sums("Consulting;10;80.00;19%", "Book;2;15.50;7%", "Course;1;100;E")
    assert result.taxes == (
        Tax("E", D(0), eur(100), eur(0)),
        Tax("S", D(7), eur(31), eur("2.17")),
        Tax("S", D(19), eur(800), eur(152)),
    )
    assert (result.net, result.tax, result.total) == (eur(931), eur("154.17"), eur("1085.17"))


def test_allowances_and_charges_change_the_basis_of_their_category() -> None:
    goods, less, freight = priced([line("Goods;1;100;19"), line("Bonus;1;10;19"), line("Freight;1;5;7")], "EUR")
    result = totals([goods], "EUR", allowances=[less], charges=[freight])
    assert (result.lines, result.allowances, result.charges, result.net) == (eur(100), eur(10), eur(5), eur(95))
    assert [tax.basis for tax in result.taxes] == [eur(5), eur(90)]
    assert result.total == eur("112.45")


def test_currencies_keep_their_own_decimals() -> None:
    assert sums("a;3;33.4;10", currency="JPY").total == Money(110, "JPY")
    assert sums("a;3;0.3335;10", currency="KWD").total == Money(1101, "KWD")


@given(st.lists(LINES, min_size=1, max_size=12), st.data())
def test_sums_agree_and_the_order_of_lines_changes_nothing(lines: list[Line], data: st.DataObject) -> None:
    each = priced(lines, "EUR")
    result = totals(each, "EUR")
    assert result.net == sum((part.net for part in each), eur(0)) == sum((tax.basis for tax in result.taxes), eur(0))
    assert result.tax == sum((tax.amount for tax in result.taxes), eur(0))
    assert result.total == result.net + result.tax
    assert len({(tax.category, tax.rate) for tax in result.taxes}) == len(result.taxes)
    for tax in result.taxes:
        assert abs(tax.amount.amount - tax.basis.amount * tax.rate / 100) <= D("0.005")
    shuffled = totals(data.draw(st.permutations(each)), "EUR")
    assert repr(shuffled) == repr(result)


@given(st.lists(LINES, min_size=1, max_size=8), st.lists(LINES, max_size=8))
def test_a_difference_and_what_is_left_make_the_whole(lines: list[Line], more: list[Line]) -> None:
    whole = totals(priced([*lines, *more], "EUR"), "EUR").taxes
    none = tuple(Tax(tax.category, tax.rate, eur(0), eur(0)) for tax in whole)
    assert difference(whole, none) == tuple(tax for tax in whole if tax.basis)
    assert difference(whole, whole) == ()


@given(st.decimals("-1e9", "1e9", places=6))
def test_plain_changes_the_writing_not_the_number(number: Decimal) -> None:
    assert plain(number) == number
    assert repr(plain(number)) == repr(plain(number * D("1.000")))
    assert "E" not in str(plain(number))


def test_a_line_is_split_from_the_right() -> None:
    assert line("Nuts; bolts; screws;2.50;10;19 %") == Line("Nuts; bolts; screws", D("2.5"), D(10), "S", D(19))
    assert line("Free;1;0;0") == Line("Free", D(1), D(0), "Z", D(0))
    assert line("Abroad;1;9.90;ae").category == "AE"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Nuts;2;10", f"a line is “{FORM}”, not “Nuts;2;10”"),
        (";2;10;19", "the line “;2;10;19” begins without a description"),
        ("Nuts;1,5;10;19", "“1,5” is not a number"),
        ("Nuts;two;10;19", "“two” is not a number"),
        ("Nuts;٢;10;19", "“٢” is not a number"),
        ("Nuts;2;;19", "“” is not a number"),
        ("Nuts;2;1e9;19", "“1e9” is not a number"),
        ("Nuts;2;NaN;19", "“NaN” is not a number"),
        ("Nuts;2;10;S", "“S” is not a number"),
        ("Nuts;0;10;19", "line 1: the quantity is not zero"),
        ("Nuts;-0;10;19", "line 1: the quantity is not zero"),
        ("Nuts;2;-10;19", "line 1: a unit price is not negative"),
        ("Nuts;2;10;100", "line 1: a tax rate lies between 0 and 100 percent, not at 100"),
        ("Nuts;2;10;-1", "line 1: a tax rate lies between 0 and 100 percent, not at -1"),
        ("Nuts;1000000000;10;19", "line 1: a quantity is less than 1000000000, not 1000000000"),
        ("Nuts;0.0000001;10;19", "line 1: a quantity has at most 6 decimals"),
        ("Nuts\x1b[2J;1;10;19", "holds the control character"),
        ("N" * 1001 + ";1;10;19", "line 1: a description has 1 to 1,000 characters, not 1001"),
    ],
)
def test_a_line_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        priced([line(text)], "EUR")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("category", "rate", "message"),
    [
        ("S", "0", "tax category S has a rate above zero"),
        ("AE", "19", "tax category AE has a rate of zero, not 19"),
        ("Q", "0", "“Q” is not a tax category: choose one of S, Z, E, AE, K, G, O"),
    ],
)
def test_a_rate_belongs_to_its_category(category: str, rate: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        priced([Line("x", D(1), D(1), category, D(rate))], "EUR")


@given(st.builds(Line, st.just("x"), *[st.decimals()] * 2, st.sampled_from(list(CATEGORIES)), st.decimals()))
def test_any_decimal_is_priced_or_refused(given_line: Line) -> None:
    try:
        (result,) = priced([given_line], "EUR")
    except Refused:
        return
    assert result.net.currency == "EUR"


def test_what_is_not_subject_to_tax_stands_alone() -> None:
    with pytest.raises(Refused, match="stand alone"):
        sums("a;1;1;O", "b;1;1;19")
    assert sums("a;1;1;O", "b;1;1;O").total == eur(2)


def test_an_amount_too_large_is_refused() -> None:
    with pytest.raises(Refused, match="an amount is at most"):
        sums("a;999999999;999999999999;0")


def test_what_to_credit_is_a_line_by_number_or_as_it_was_drafted() -> None:
    assert claim("2") == Claim(2)
    assert claim("2; 3.0") == Claim(2, D(3))
    assert claim("2;0;10.00") == Claim(2, D(0), D("10.00"))
    assert claim("Nuts;1;10;19") == Claim(like=line("Nuts;1;10;19"))
    with pytest.raises(Refused, match="a line to credit is"):
        claim("Nuts;1")


@given(st.text(max_size=30) | st.from_regex(r"[a-z]*;[-0-9.]*;[-0-9.]*;[-0-9.%A-Z]*", fullmatch=True))
def test_any_text_is_a_line_or_refused(text: str) -> None:
    for parse in (line, claim):
        with suppress(Refused):
            assert parse(text)
