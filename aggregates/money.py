"""Money: exact minor units and a currency, the one way to read an amount and the one way to round it."""

import re
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact
from typing import Self

import msgspec

from aggregates.core import Refused, require
from aggregates.currencies import DIGITS
from aggregates.text import shown as shown

EXACT = Context(prec=200, traps=[Inexact])
"""Decimal arithmetic that fails rather than rounds."""

MOST = 10**15
"""No amount is larger, in minor units: it must fit a 64-bit column."""

_AMOUNT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_WITH_CURRENCY = re.compile(r"(?:([A-Za-z]{3})\s*)?([^A-Za-z\s]\S*?)(?:\s*([A-Za-z]{3}))?")


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Two currencies never mix: that is a mistake in the program, so a TypeError. `ZERO` goes with any."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Self:
        """`amount` exactly, refused when the currency has fewer decimals."""
        digits = digits_of(currency)
        minor = _within(amount).scaleb(digits, EXACT)
        if minor != minor.to_integral_value():
            decimals = -int(amount.normalize(EXACT).as_tuple().exponent)
            raise Refused(f"{amount:f} {currency} has {_count(decimals)}, {currency} has {digits or 'none'}")
        return cls(_fitting(int(minor)), currency)

    @classmethod
    def parse(cls, text: str, currency: str = "") -> Self:
        """`60.00 EUR`, `EUR 60.00`, or `60.00` when `currency` says which."""
        amount, named = parted(text)
        require(named or currency, f"{shown(text)} names no currency: write it as {shown(text)[1:-1]} EUR")
        return cls.of(amount, named or currency)

    @property
    def amount(self) -> Decimal:
        return Decimal(self.minor).scaleb(-DIGITS.get(self.currency, 2), EXACT) if self.currency else Decimal(0)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}".rstrip()

    def __add__(self, other: "Money") -> "Money":
        return Money(_fitting(self.minor + other.minor), self._shared(other))

    def __sub__(self, other: "Money") -> "Money":
        return Money(_fitting(self.minor - other.minor), self._shared(other))

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __abs__(self) -> "Money":
        return Money(abs(self.minor), self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Money) or self.minor != other.minor:
            return False
        return self.currency == other.currency or not (self.currency and other.currency)

    def __hash__(self) -> int:
        return hash(self.minor)

    def __lt__(self, other: "Money") -> bool:
        return self._over(other) < 0

    def __le__(self, other: "Money") -> bool:
        return self._over(other) <= 0

    def __gt__(self, other: "Money") -> bool:
        return self._over(other) > 0

    def __ge__(self, other: "Money") -> bool:
        return self._over(other) >= 0

    def _over(self, other: "Money") -> int:
        self._shared(other)
        return self.minor - other.minor

    def _shared(self, other: "Money") -> str:
        if self.currency and other.currency and self.currency != other.currency:
            raise TypeError(f"{self} and {other} are in different currencies")
        return self.currency or other.currency


ZERO = Money(0, "")


def eur(amount: int | str | Decimal) -> Money:
    return Money.of(Decimal(amount), "EUR")


def rounded(amount: Decimal, currency: str) -> Money:
    """The nearest amount the currency can express, halves away from zero. Nothing but this and `proportion` rounds."""
    minor = _within(amount).scaleb(digits_of(currency), EXACT)
    return Money(_fitting(int(minor.to_integral_value(ROUND_HALF_UP))), currency)


def proportion(minor: int, part: int, whole: int) -> int:
    """`minor` × `part` ÷ `whole` in minor units, halves away from zero: rates and shares are no decimals."""
    above, below = minor * part, abs(whole)
    nearest = (2 * abs(above) + below) // (2 * below)
    return nearest if (above < 0) == (whole < 0) else -nearest


def exact(text: str) -> Decimal:
    """A decimal number in plain digits: no exponent, no thousands separator, no other alphabet's digits."""
    plain = text.strip()
    require(len(plain) <= 64 and _AMOUNT.fullmatch(plain), f"{shown(text)} is not a number: write it as 1234.56")
    number = _within(Decimal(plain))
    return number if number else abs(number)


def parted(text: str) -> tuple[Decimal, str]:
    """An amount and the currency written beside it, "" when there is none."""
    match = _WITH_CURRENCY.fullmatch(text.strip()) if len(text) <= 80 else None
    if not match or (match[1] and match[3]):
        raise Refused(f"{shown(text)} is not an amount: write it as 1234.56 or 1234.56 EUR")
    currency = (match[1] or match[3] or "").upper()
    if currency:
        digits_of(currency)
    return exact(match[2]), currency


def digits_of(currency: str) -> int:
    """How many decimals amounts in `currency` have; refused when there is no such currency."""
    digits = DIGITS.get(currency)
    if digits is None:
        raise Refused(f"{shown(currency)} is not a currency of ISO 4217, such as EUR")
    return digits


def _within(amount: Decimal) -> Decimal:
    """Refuse what is no amount at all before any arithmetic meets it."""
    require(amount.is_finite(), f"{amount} is not an amount")
    require(not amount or amount.adjusted() <= 15, "an amount is at most 1000000000000000")
    require(len(amount.as_tuple().digits) <= 100 and amount.adjusted() > -100, "an amount has at most 100 digits")
    return amount


def _fitting(minor: int) -> int:
    if not -MOST <= minor <= MOST:
        raise Refused("an amount is at most 1000000000000000 in the currency's smallest unit")
    return minor


def _count(decimals: int) -> str:
    return "1 decimal" if decimals == 1 else f"{decimals} decimals"
