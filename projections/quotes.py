"""Rates as they are quoted, and what one unit of a currency is worth by them on a day."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aggregates.rate import Known, Quoted
    from projections.core import Views

TABLE = """
    CREATE TABLE rate(currency TEXT, base TEXT, on_date TEXT, rate TEXT, PRIMARY KEY(currency, base, on_date)
        ON CONFLICT REPLACE) WITHOUT ROWID;
"""
"""One `base` is so many `currency`, from that day on."""


class Quotes:
    """The rates that are known while the log is folded; each is worked out once until new ones come."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Fraction | None] = {}
        self._pairs: set[tuple[str, str]] | None = None

    def learn(self, event: Quoted, views: Views) -> None:
        for each in event.quotes:
            views.add("rate", event.currency, event.base, each.on.isoformat(), f"{each.rate:f}")
        self._known.clear()
        self._pairs = None

    def rate(self, currency: str, own: str, day: str, views: Views) -> Fraction | None:
        """What one unit is worth on a day."""
        key = currency, day
        if key not in self._known:
            if self._pairs is None:
                self._pairs = pairs(views)
            found = rate_of(views, currency, own, day, self._pairs)
            self._known[key] = found and found.rate
        return self._known[key]


def pairs(views: Views) -> set[tuple[str, str]]:
    """What is quoted, as base and currency."""
    return {(base, currency) for base, currency in views.rows("SELECT DISTINCT base, currency FROM rate")}


def rate_of(views: Views, currency: str, own: str, day: str, quoted: set[tuple[str, str]]) -> Known | None:
    """What one unit of a currency is worth on a day, by the pairs that are quoted."""
    from aggregates.rate import Known, value_of

    def known(base: str, of: str) -> Known | None:
        if (base, of) not in quoted:
            return None
        row = next(
            views.rows(
                """SELECT rate, on_date FROM rate WHERE currency = ? AND base = ? AND on_date <= ?
                ORDER BY on_date DESC LIMIT 1""",
                of, base, day,
            ),
            None,
        )  # fmt: skip
        return Known(Fraction(row[0]), row[1]) if row else None

    return value_of(currency, own, sorted({base for base, _ in quoted}), known)
