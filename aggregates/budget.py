"""Budgets: what an account is meant to come to, month by month."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import ClassVar, Self

import msgspec

from aggregates.chart import Definition
from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.money import Money
from aggregates.spread import evenly, month_end

LONGEST = 120
LAST_YEAR = 9000


class Planned(Event, tag="budget.planned"):
    """One amount for each month from that of `first` on, in the direction of the account: what one expects is positive.

    Zero takes a budget back. Dimensions are written as on a posting, `cost-centre=NORTH`.
    """

    first: date
    amounts: tuple[Money, ...]
    dimensions: tuple[str, ...] = ()


class Budget(State[Planned]):
    """A stream `budget/<number of the account>`."""

    kind: ClassVar[str] = "budget"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Planned,)

    planned: Mapping[tuple[tuple[str, ...], date], Money] = msgspec.field(default_factory=dict)

    def plan(
        self, account: Definition, first: date, last: date, amount: Money, dimensions: tuple[str, ...] = ()
    ) -> tuple[Planned, ...]:
        """Spread an amount over whole months to the last cent; no event when it is planned so already."""
        whole = first.day == 1 and last == month_end(last, 0) and first <= last
        require(whole, f"a budget is for whole months, not for {first} to {last}")
        count = (last.year - first.year) * 12 + last.month - first.month + 1
        require(count <= LONGEST, f"a budget is for {LONGEST} months at most, not for {count}")
        name = f"{account.number} {account.name}"
        fits = account.currency in ("", amount.currency)
        require(fits, f"{name} is in {account.currency}, not {amount.currency}")
        amounts = tuple(Money(minor, amount.currency) for minor in evenly(amount.minor, count))
        event = Planned(first, amounts, tuple(sorted(set(dimensions))))
        known = all(self.planned.get(place) == each for place, each in _places(event))
        return () if known else (event,)

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        if not isinstance(event, Planned):
            return ""
        right = event.first.day == 1 and event.first.year <= LAST_YEAR and 1 <= len(event.amounts) <= LONGEST
        return "" if right else f"a budget from {event.first} on is for no months that can be"

    def evolve(self, event: Planned) -> Self:
        return replace(self, planned={**self.planned, **dict(_places(event))})


def _places(event: Planned) -> Iterator[tuple[tuple[tuple[str, ...], date], Money]]:
    for at, amount in enumerate(event.amounts):
        yield (event.dimensions, month_end(event.first, at)), amount
