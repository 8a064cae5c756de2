from contextlib import suppress
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.currencies import DIGITS
from aggregates.money import MOST, ZERO, Money, eur, exact, parted, rounded

minors = st.integers(-(MOST // 4), MOST // 4)
currencies = st.sampled_from(sorted(DIGITS))


def test_an_amount_prints_with_the_decimals_of_its_currency() -> None:
    assert [str(Money(60, code)) for code in ("JPY", "EUR", "KWD", "CLF")] == [
        "60 JPY",
        "0.60 EUR",
        "0.060 KWD",
        "0.0060 CLF",
    ]
    assert str(-eur(60)) == "-60.00 EUR"
    assert str(ZERO) == "0"


@pytest.mark.parametrize(
    ("amount", "currency", "message"),
    [
        ("12.345", "EUR", "12.345 EUR has 3 decimals, EUR has 2"),
        ("0.5", "JPY", "0.5 JPY has 1 decimal, JPY has none"),
        ("1", "XXX", "“XXX” is not a currency"),
        ("1", "eur", "“eur” is not a currency"),
        ("NaN", "EUR", "NaN is not an amount"),
        ("-Infinity", "EUR", "-Infinity is not an amount"),
        ("1e400", "EUR", "at most 1000000000000000"),
        ("1e15", "EUR", "at most 1000000000000000"),
        ("1e-400", "EUR", "at most 100 digits"),
    ],
)
def test_what_the_currency_cannot_express_is_refused(amount: str, currency: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        Money.of(Decimal(amount), currency)


def test_trailing_zeros_are_not_decimals_too_many() -> None:
    assert Money.of(Decimal("12.3400"), "EUR") == Money(1234, "EUR")
    assert Money.of(Decimal("1E+2"), "JPY") == Money(100, "JPY")


def test_rounding_is_half_away_from_zero() -> None:
    halves = {"0.005": 1, "0.015": 2, "0.025": 3, "-0.005": -1, "0.0049999999999999999999": 0, "1.005": 101}
    assert {text: rounded(Decimal(text), "EUR").minor for text in halves} == halves
    assert rounded(Decimal("2.5"), "JPY") == Money(3, "JPY")


def test_two_currencies_do_not_mix() -> None:
    one, other = eur(1), Money(100, "USD")
    for act in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__, Money.__gt__, Money.__ge__):
        with pytest.raises(TypeError, match="different currencies"):
            act(one, other)
    assert one != other
    assert eur(0) != Money(0, "USD")


def test_zero_goes_with_any_currency() -> None:
    assert ZERO + eur(1) == eur(1) - ZERO == eur(1) == sum([eur("0.5"), eur("0.5")], ZERO)
    assert ZERO < eur(1) <= eur(1)
    assert Money(1, "USD") >= ZERO
    assert ZERO == eur(0) == ZERO
    assert hash(ZERO) == hash(eur(0))
    assert not eur(0)
    assert (ZERO + eur(1)).currency == "EUR"


@pytest.mark.parametrize("sign", [1, -1])
def test_what_fits_no_column_is_refused(sign: int) -> None:
    most = Money.of(Decimal(sign * 10**13), "EUR")
    assert most == Money(sign * 10**15, "EUR") == Money(sign * (10**15 - 1), "EUR") + Money(sign, "EUR")
    with pytest.raises(Refused, match="at most"):
        most + Money(sign, "EUR")
    with pytest.raises(Refused, match="at most"):
        Money.of(most.amount + sign * Decimal("0.01"), "EUR")


def test_digits_are_read_as_far_as_arithmetic_is_exact() -> None:
    assert rounded(Decimal("1e-99"), "EUR") == eur(0)
    assert rounded(Decimal("0." + "1" * 100), "EUR") == eur("0.11")
    for beyond in ("1e-100", "0." + "1" * 101):
        with pytest.raises(Refused, match="at most 100 digits"):
            rounded(Decimal(beyond), "EUR")
    assert exact("1".zfill(64)) == 1
    with pytest.raises(Refused, match="is not a number"):
        exact("1".zfill(65))


@given(minors, minors, currencies)
@example(1, 0, "EUR")
@example(0, 1, "EUR")
@example(1, 1, "EUR")
def test_arithmetic_is_that_of_whole_numbers(a: int, b: int, currency: str) -> None:
    one, other = Money(a, currency), Money(b, currency)
    assert (one + other).minor == a + b
    assert one - other == -(other - one)
    assert (one < other, one <= other, one > other, one >= other) == (a < b, a <= b, a > b, a >= b)
    assert one.amount + other.amount == (one + other).amount


@given(minors, currencies)
def test_what_is_printed_reads_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(str(money)) == Money.parse(str(money.amount), currency) == money
    assert Money.of(money.amount, currency) == rounded(money.amount, currency) == money
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(money), type=Money) == money


@given(st.decimals(allow_nan=True, allow_infinity=True), st.sampled_from(("EUR", "JPY", "CLF", "", "xx")))
def test_any_decimal_becomes_money_or_is_refused(amount: Decimal, currency: str) -> None:
    for make in (Money.of, rounded):
        try:
            money = make(amount, currency)
        except Refused:
            continue
        assert abs(money.amount - amount) * 2 <= Decimal(1).scaleb(-DIGITS[currency])


@given(st.text() | st.from_regex(r"[+-]?[0-9.,eE ]*(EUR)?"))
def test_any_text_is_an_amount_or_is_refused(text: str) -> None:
    for read in (exact, parted, Money.parse):
        with suppress(Refused):
            assert read(text) is not None


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "1e400", "1" + "0" * 30, "١٢", "1,5", "1 000", "", "-", ".", "0x1"]
)
def test_what_is_not_plain_digits_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        exact(text)


def test_minus_zero_is_zero() -> None:
    assert str(exact("-0.00")) == "0.00"


def test_the_currency_may_stand_on_either_side() -> None:
    assert Money.parse("EUR 60") == Money.parse("60.00eur") == Money.parse("60", "EUR") == eur(60)
    with pytest.raises(Refused, match="names no currency: write it as 60 EUR"):
        Money.parse("60")
    with pytest.raises(Refused):
        Money.parse("EUR 60 USD")


def test_the_currencies_are_complete() -> None:
    assert len(DIGITS) >= 165
    assert all(len(code) == 3 and code.isupper() for code in DIGITS)
    assert {code: DIGITS[code] for code in ("JPY", "EUR", "BHD", "CLF", "ISK", "TND", "UYW", "XOF", "HUF")} == {
        "JPY": 0,
        "EUR": 2,
        "BHD": 3,
        "CLF": 4,
        "ISK": 0,
        "TND": 3,
        "UYW": 4,
        "XOF": 0,
        "HUF": 2,
    }


def test_an_unknown_field_in_stored_money_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"minor":1,"currency":"EUR","x":1}', type=Money)
