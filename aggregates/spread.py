"""Amounts spread over months to the last cent: evenly, or as an asset loses its value."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

_FINE = 10_000
"""Rates have four decimals at most."""


def portion(whole: int, part: int, of: int) -> int:
    """`whole` times `part / of` in minor units, halves away from zero."""
    size = (2 * abs(whole) * part + of) // (2 * of)
    return size if whole >= 0 else -size


def evenly(whole: int, parts: int) -> Iterator[int]:
    """As many parts as equal as can be, that sum to the whole."""
    before = 0
    for part in range(1, parts + 1):
        upto = portion(whole, part, parts)
        yield upto - before
        before = upto


def declining(cost: int, residual: int, life: int, rate: Decimal, first: date) -> Iterator[int]:
    """Month by month: a yearly percentage of what the asset is worth when the calendar year begins.

    From the year on in which the rest spread evenly over the rest of its life is more, that is taken.
    """
    book, left, months = cost, life, 13 - first.month
    while left:
        months = min(months, left)
        fixed = portion(book, int(rate * _FINE) * months, 1200 * _FINE)
        even = portion(book - residual, months, left)
        year = min(book - residual, max(fixed, even))
        yield from evenly(year, months)
        book, left, months = book - year, left - months, 12


def month_end(first: date, months: int) -> date:
    """The last day of the month that is so many months after that of `first`."""
    at = first.year * 12 + first.month - 1 + months
    year, month = at // 12, at % 12 + 1
    return date(year, month, monthrange(year, month)[1])
