"""Revaluation: what is held and owed in other currencies, stated at the rates of a day."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import ClassVar, Self

import msgspec

from aggregates.core import FINANCE, Event, State, require
from aggregates.money import Money


class Difference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By how much an account is worth more, in the ledger's own currency, than it stood at.

    Money held is `final`: its difference stays. What is owed goes back to what it was the next day, until it is paid.
    """

    account: str
    party: str
    currency: str
    amount: Money
    final: bool


class Made(Event, tag="revaluation.made"):
    """No amount in any currency moves. What is not final is taken back on `reverse_on`."""

    on: date
    differences: tuple[Difference, ...]
    reverse_on: date


class Revaluation(State[Made]):
    """A stream `revaluation/2026-03-31`; made again, it records what has changed since."""

    kind: ClassVar[str] = "revaluation"
    compartment: ClassVar[int] = FINANCE

    def make(self, on: date, found: Sequence[Difference], newest: date | None) -> tuple[Made, ...]:
        """No event when everything stands at the day's rates already."""
        require(
            newest is None or on >= newest,
            f"the books were revalued on {newest}: a day before that would change what was found then",
        )
        return (Made(on, tuple(found), on + timedelta(1)),) if found else ()

    def evolve(self, event: Made) -> Self:
        return self
