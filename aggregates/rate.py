"""Exchange rates as they are published: how many units of a currency one unit of another comes to, day by day."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, NamedTuple, Self

import msgspec

from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.en16931 import plain
from aggregates.money import digits_of, proportion


class Quote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From this day on, until a newer one."""

    on: date
    rate: Decimal


class Quoted(Event, tag="rate.quoted"):
    """One `base` comes to so many `currency`. Days that were quoted before are corrected."""

    base: str
    currency: str
    quotes: tuple[Quote, ...]


class Rates(State[Quoted]):
    """A stream `rate/EURUSD-2026`: a pair and a year, so that none grows without end."""

    kind: ClassVar[str] = "rate"
    compartment: ClassVar[int] = FINANCE

    rates: dict[date, Decimal] = msgspec.field(default_factory=dict)

    def quote(self, base: str, currency: str, quotes: Sequence[Quote]) -> tuple[Quoted, ...]:
        """Take over what is new or differs; no event when all of it is known."""
        for code in (base, currency):
            digits_of(code)
        require(base != currency, f"one {base} is one {base}: there is no rate for it")
        for each in quotes:
            fits = 0 < each.rate < 10**12 and each.rate == round(each.rate, 12)
            require(fits, f"a rate lies between 0 and 1000000000000 and has at most 12 decimals, not {each.rate:f}")
        new = tuple(Quote(each.on, plain(each.rate)) for each in quotes if self.rates.get(each.on) != each.rate)
        return (Quoted(base, currency, new),) if new else ()

    def evolve(self, event: Quoted) -> Self:
        return replace(self, rates={**self.rates, **{each.on: each.rate for each in event.quotes}})


def stream_of(base: str, currency: str, on: date) -> str:
    return f"{base}{currency}-{on.year:04}"


class Known(NamedTuple):
    """The newest rate of a pair on a day, and since when it is."""

    rate: Fraction
    since: str


Lookup = Callable[[str, str], Known | None]
"""By base and currency."""


def value_of(currency: str, own: str, bases: Sequence[str], known: Lookup) -> Known | None:
    """What one unit of `currency` is worth in `own`: as quoted, or across one of `bases` in which both are quoted.

    Of several ways the one that rests on the newest rates; the more direct one where they are of the same day.
    """
    found: list[Known] = []
    if direct := known(own, currency):
        found.append(Known(1 / direct.rate, direct.since))
    if inverse := known(currency, own):
        found.append(inverse)
    found += (
        Known(other.rate / one.rate, min(one.since, other.since))
        for base in bases
        if base not in (currency, own) and (one := known(base, currency)) and (other := known(base, own))
    )
    return max(found, key=lambda each: each.since, default=None)


def worth(minor: int, currency: str, own: str, rate: Fraction) -> int:
    """An amount in minor units of `own`."""
    digits = digits_of(own) - digits_of(currency)
    exact = rate * Fraction(10) ** digits
    return proportion(minor, exact.numerator, exact.denominator)


def values_of(
    minors: Sequence[int], value: Callable[[int], int], fixed: int | None = None, known: Mapping[int, int] | None = None
) -> list[int]:
    """What each line of an entry in one currency is worth.

    The lines sum to zero, and so do their values: what rounding leaves over goes to the largest line that is neither
    fixed nor `known` to be worth so much, by its number; to the fixed one where there is no other.
    """
    certain = known or {}
    values = [certain[at] if at in certain else value(minor) for at, minor in enumerate(minors)]
    open_ = [at for at in range(len(minors)) if at not in certain]
    free = [at for at in open_ if at != fixed] or open_ or range(len(minors))
    values[max(free, key=lambda at: (abs(minors[at]), at))] -= sum(values)
    return values


class Item(NamedTuple):
    """What is open of an invoice, bill, credit or payment: debit is positive. Without a rate its base is unknown."""

    minor: int
    base: int | None

    def carried(self, left: int) -> int:
        """What the part `left` of it stands in the books at, in the ledger's own currency."""
        return proportion(left, self.base or 0, self.minor) if self.minor else 0
