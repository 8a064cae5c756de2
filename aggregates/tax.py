"""Tax codes: which box of the return a tax belongs in, and its rates over time; returns as they were filed."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import ClassVar, Literal, Self

import msgspec

from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.en16931 import CATEGORIES, plain, untaxable
from aggregates.money import Money
from aggregates.posting import tax_code
from aggregates.text import line, shown

Direction = Literal["output", "input"]
Basis = Literal["accrual", "cash"]
DIRECTIONS: tuple[Direction, ...] = ("output", "input")
OWED = ("AE", "K")
"""Reverse charge: who is charged owes the tax himself."""
CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,15}")
BOX = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._-]{0,31}")


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    since: date
    rate: Decimal


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code as it is now: a box that is "" takes nothing, `owed_box` the tax that reverse charge makes us owe."""

    code: str
    name: str
    direction: Direction
    category: str
    rates: tuple[Rate, ...]
    base_box: str
    tax_box: str
    owed_box: str = ""

    def names(self) -> dict[str, date]:
        """What postings call it at one time or another, as S19, and since when the last time."""
        return {tax_code(self.category, each.rate): each.since for each in self.rates}


class Defined(Event, tag="tax.defined"):
    """The whole code as it is now."""

    code: Definition


class Code(State[Defined]):
    """A stream `tax/STANDARD`. What no code names goes to a box of its own, called after category and rate."""

    kind: ClassVar[str] = "tax"
    compartment: ClassVar[int] = FINANCE

    code: Definition | None = None

    def define(self, new: Definition) -> tuple[Defined, ...]:
        """Add a code or change it; no event when it is so already."""
        require(CODE.fullmatch(new.code), f"{shown(new.code)} is no tax code: 1 to 16 letters, digits, . _ or -")
        require(new.direction in DIRECTIONS, f"a tax is output or input, not {shown(new.direction)}")
        require(new.category in CATEGORIES, f"{shown(new.category)} is no category: {', '.join(CATEGORIES)}")
        require(line(new.name), f"tax code {new.code} needs a name")
        require(new.rates, f"tax code {new.code} needs a rate")
        for each in new.rates:
            owed = new.category in OWED
            fault = "" if owed and 0 <= each.rate <= 100 else untaxable(new.category, each.rate)
            require(not fault, fault)
        for box in filter(None, (new.base_box, new.tax_box, new.owed_box)):
            require(BOX.fullmatch(box), f"{shown(box)} is no box: 1 to 32 letters, digits, blanks, . _ or -")
        owes = new.direction == "input" and new.category in OWED
        require(owes or not new.owed_box, "only reverse charge on what is bought is owed: categories AE and K, input")
        by_day = {each.since: Rate(each.since, plain(each.rate)) for each in new.rates}
        tidy = replace(new, name=line(new.name), rates=tuple(by_day[day] for day in sorted(by_day)))
        return () if tidy == self.code else (Defined(tidy),)

    def evolve(self, event: Defined) -> Self:
        return replace(self, code=event.code)


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a box comes to; `part` is base, tax or owed."""

    box: str
    part: str
    direction: Direction
    amount: Money


class Filed(Event, tag="tax.filed"):
    """The return of `first` to `last` as it was sent in, from what was recorded up to `position`."""

    first: date
    last: date
    on: date
    position: int
    amounts: tuple[Amount, ...]
    basis: Basis = "accrual"


class Returns(State[Filed]):
    """The one stream `taxreturn/all`: one return follows on the other, so that nothing is left out or told twice."""

    kind: ClassVar[str] = "taxreturn"
    compartment: ClassVar[int] = FINANCE
    last_is_all: ClassVar[bool] = True
    rechecked: ClassVar[tuple[type[Event], ...]] = (Filed,)

    last: date | None = None
    basis: Basis = "accrual"

    def file(
        self, first: date, last: date, on: date, position: int, amounts: Sequence[Amount], basis: Basis = "accrual"
    ) -> Filed:
        follows = None if self.last is None else self.last + timedelta(1)
        require(
            self.last is None or first > self.last, f"the return up to {self.last} is filed: the next is from {follows}"
        )
        require(
            follows in (None, first), f"the return up to {self.last} is the last one filed: the next is from {follows}"
        )
        require(on > last, f"the period ends on {last}: its return can be filed from the day after")
        told = f"returns are filed on {self.basis} basis: on {basis} basis something would be told twice, or never"
        require(self.last is None or basis == self.basis, told)
        return Filed(first, last, on, position, tuple(amounts), basis)

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        if not isinstance(event, Filed) or self.last is None or event.first == self.last + timedelta(1):
            return ""
        return f"the return from {event.first} does not follow on that up to {self.last}"

    def evolve(self, event: Filed) -> Self:
        return replace(self, last=event.last, basis=event.basis)
