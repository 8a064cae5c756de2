"""Tax codes: which box of the return a tax belongs in, and its rates over time; returns as they were filed."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import ClassVar, Literal, Self, assert_never

import msgspec

from aggregates.core import FINANCE, Event, Refused, State, replace, require
from aggregates.en16931 import CATEGORIES, plain, untaxable
from aggregates.money import Money
from aggregates.posting import Posting, differences, tax_code, turned
from aggregates.text import clean, line, shown

Direction = Literal["output", "input"]
Basis = Literal["accrual", "cash"]
Rounding = Literal["none", "nearest", "down"]
DIRECTIONS: tuple[Direction, ...] = ("output", "input")
OWED = ("AE", "K")
"""Reverse charge: who is charged owes the tax himself."""
CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,15}")
BOX = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._-]{0,31}")
STANDARD = re.compile(r"[0-9A-Za-z]{1,2}")


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
    standard: str = ""
    """What the tax administration's own list calls it, as audit files say it."""

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
        fits = not new.standard or STANDARD.fullmatch(new.standard)
        require(fits, f"{shown(new.standard)} is no standard code of a tax administration: 1 or 2 letters or digits")
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
    number: str = ""
    rounding: Rounding = "none"
    """To whole units of the currency: what the boxes say; `cleared` is to the cent."""
    cleared: tuple[Posting, ...] = ()
    """What filing posts: the taxes that the boxes report, from their accounts to the one they are settled on."""
    booked: date | None = None


class Withdrawn(Event, tag="tax.withdrawn"):
    """The last return that stands is taken back, to be filed again; `cleared` takes back what it posted."""

    number: str
    on: date
    reason: str
    cleared: tuple[Posting, ...] = ()
    booked: date | None = None


Events = Filed | Withdrawn


class Returns(State[Events]):
    """The one stream `taxreturn/all`: one return follows on the other, so that nothing is left out or told twice."""

    kind: ClassVar[str] = "taxreturn"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Filed, Withdrawn)

    standing: tuple[Filed, ...] = ()
    numbers: tuple[str, ...] = ()
    """All that were ever given."""

    @property
    def last(self) -> date | None:
        return self.standing[-1].last if self.standing else None

    @property
    def basis(self) -> Basis:
        return self.standing[-1].basis if self.standing else "accrual"

    @property
    def rounding(self) -> Rounding:
        return self.standing[-1].rounding if self.standing else "none"

    def file(
        self,
        first: date,
        last: date,
        on: date,
        position: int,
        amounts: Sequence[Amount],
        basis: Basis = "accrual",
        rounding: Rounding = "none",
        cleared: Sequence[Posting] = (),
        booked: date | None = None,
    ) -> Filed:
        """Without `booked`, what it clears is booked on the last day of its period."""
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
        day = booked or last
        require(day >= last, f"the period ends on {last}: its taxes cannot be cleared before, on {day}")
        number = self._number(last)
        return Filed(first, last, on, position, tuple(amounts), basis, number, rounding, tuple(cleared), day)

    def withdraw(self, number: str, on: date, reason: str, booked: date | None = None) -> Withdrawn:
        """Take back the last return. Without `booked`, on the day it was booked."""
        made = next((each for each in self.standing if each.number == number), None)
        if made is None:
            raise Refused(f"no return {shown(number)} stands: `bo tax returns` lists them")
        later = self.standing[-1].number
        require(made is self.standing[-1], f"{later} follows on {number}: only the last return can be taken back")
        require(reason.strip(), "to take back a return needs a reason")
        return Withdrawn(number, on, clean(reason), turned(made.cleared), booked or made.booked)

    def _number(self, last: date) -> str:
        """TAX-2026-03-31, and TAX-2026-03-31.2 when it is filed again."""
        name = f"TAX-{last}"
        again = sum(each == name or each.startswith(f"{name}.") for each in self.numbers)
        return f"{name}.{again + 1}" if again else name

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        match event:
            case Withdrawn():
                if not self.standing or self.standing[-1].number != event.number:
                    return f"{event.number} was taken back, and is not the last return"
                if event.cleared != turned(self.standing[-1].cleared):
                    return f"{event.number} was taken back, but not what it had posted"
            case Filed():
                if self.last is not None and event.first != self.last + timedelta(1):
                    return f"the return from {event.first} does not follow on that up to {self.last}"
                if differences(event.cleared):
                    return f"what the return from {event.first} posts does not balance"
        return ""

    def evolve(self, event: Events) -> Self:
        match event:
            case Filed():
                number = event.number or f"TAX-{event.last}"  # those that were filed before they had numbers
                filed = replace(event, number=number)
                return replace(self, standing=(*self.standing, filed), numbers=(*self.numbers, number))
            case Withdrawn():
                return replace(self, standing=self.standing[:-1])
            case _:
                assert_never(event)
