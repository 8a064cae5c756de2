"""Credit of a customer or with a vendor: what is left of each payment and credit note, and how it settles papers."""

from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from aggregates.core import Event, require
from aggregates.legal import fitted
from aggregates.money import ZERO, Money


class Credit(msgspec.Struct, frozen=True):
    """What is left of a payment or credit note, and from when on it can settle something."""

    left: Money
    on: date


class Allocation(Event, tag=False):
    """What an allocation says, made or taken back: how much of the credit from `source` settles a paper."""

    allocation: int
    source: str
    amount: Money
    on: date


Credits = dict[str, Credit]
"""By payment or credit note, in the order they came."""


def held(credits: Credits) -> Money:
    return sum((each.left for each in credits.values()), ZERO)


def drawn(credits: Credits, wanted: Money, only: str = "") -> list[tuple[str, Money, date]]:
    """From which sources to take `wanted`, and when each came: the oldest first, or `only` one of them."""
    if only:
        credits = {only: credits[only]} if only in credits else {}
    available = held(credits)
    require(available, "no credit is held here")
    require(wanted > ZERO, f"an allocation is more than zero, not {wanted}")
    require(wanted <= available, f"{available} of credit are held here, not {wanted}")
    parts = []
    for source, credit in credits.items():
        part = min(wanted, credit.left)
        if part:
            parts.append((source, part, credit.on))
            wanted -= part
    return parts


def changed(credits: Credits, source: str, by: Money, on: date) -> Credits:
    """More or less left of `source`; `on` says since when, if it is new."""
    before = credits.get(source)
    return {**credits, source: Credit(before.left + by, before.on) if before else Credit(by, on)}


class Paper(Protocol):
    """An invoice or a bill, as far as settling it goes."""

    @property
    def number(self) -> str: ...

    @property
    def currency(self) -> str: ...

    @property
    def owing(self) -> Money: ...

    @property
    def credits(self) -> Credits: ...

    @property
    def allocations(self) -> dict[int, Any]: ...


def settling(paper: Paper, amount: Decimal | Money | None, source: str) -> list[tuple[str, Money, date]]:
    """Which credit held at a paper settles it, of any or of one source: so much, or all that fits."""
    fits = min(paper.owing, held(paper.credits))
    wanted = fits if amount is None else fitted(amount, paper.currency, paper.number)
    require(paper.owing, f"{paper.number} is settled: nothing is owing")
    require(wanted <= paper.owing, f"{paper.owing} is owing on {paper.number}, not {wanted}")
    return drawn(paper.credits, wanted, source)


def leaving(paper: Paper, amount: Decimal | Money, to: str, source: str) -> list[tuple[str, Money, date]]:
    """Which credit held at a paper goes to another, or to a payment."""
    require(to != paper.number, f"the credit is at {to} already")
    return drawn(paper.credits, fitted(amount, paper.currency, paper.number), source)


def require_meant(paper: Paper, given: Any) -> None:
    """Refuse credit that was given to another paper, or is in another currency."""
    require(given.to == paper.number, f"the credit was given to {given.to}, not to {paper.number}")
    fits = given.amount.currency == paper.currency
    require(fits, f"{given.amount} cannot settle {paper.number}, which is in {paper.currency}")


def settled(paper: Paper, made: Allocation) -> dict[str, Any]:
    """The fields that the allocation `made` changes."""
    return {
        "owing": paper.owing - made.amount,
        "credits": changed(paper.credits, made.source, -made.amount, made.on),
        "allocations": {**paper.allocations, made.allocation: made},
        "last_allocation": made.allocation,
    }


def unsettled(paper: Paper, ended: Allocation) -> dict[str, Any]:
    """The fields that the end of an allocation changes back."""
    return {
        "owing": paper.owing + ended.amount,
        "credits": changed(paper.credits, ended.source, ended.amount, ended.on),
        "allocations": {number: made for number, made in paper.allocations.items() if number != ended.allocation},
    }


def standing(paper: Paper, allocation: int, on: date) -> Allocation:
    """The allocation that may be taken back on a day, whole."""
    known = ", ".join(map(str, paper.allocations)) or "none"
    require(allocation in paper.allocations, f"{paper.number} has no allocation {allocation}: it has {known}")
    made: Allocation = paper.allocations[allocation]
    require(on >= made.on, f"allocation {allocation} is dated {made.on}: it cannot end on {on}")
    return made
