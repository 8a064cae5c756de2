"""Numbering series: legal numbers without gaps, in the order of their dates."""

import re
from datetime import date
from typing import ClassVar, Self, assert_never

from aggregates.core import FINANCE, Event, State, replace, require

OURS = re.compile(r"(INV|CN|BILL|BCN|PAY|BATCH|JE)-[0-9]{4}-[0-9]+")
"""Numbers only our own series give: what comes from elsewhere never looks like this."""


class Opened(Event, tag="series.opened"):
    """Take-over from another system: the next number is `start`."""

    start: int
    reason: str


class Taken(Event, tag="series.taken"):
    last: int
    number: str
    on: date


Events = Opened | Taken


class Series(State[Events]):
    """One per kind of document and year: `INV-2026` gives INV-2026-0001, INV-2026-0002 …"""

    kind: ClassVar[str] = "series"
    compartment: ClassVar[int] = FINANCE
    last_is_all: ClassVar[bool] = True
    rechecked: ClassVar[tuple[type[Event], ...]] = (Opened, Taken)

    last: int = 0
    number: str = ""
    on: date | None = None
    start: int = 0

    def open(self, start: int, reason: str) -> Opened:
        require(not self.number, f"this series has begun: its last number is {self.number}")
        require(not self.start, f"this series was opened already, at {self.start}")
        require(start > 0, f"a series starts at 1 or higher, not at {start}")
        require(reason.strip(), "opening a series needs a reason")
        return Opened(start, reason)

    def take(self, prefix: str, year: int, on: date) -> Taken:
        """The next number for a document dated `on`: of the series INV-2026 with `take("INV", 2026, on)`."""
        if self.on:
            late = f"the last one, {self.number}, is dated {self.on}: an earlier date is refused"
            require(on >= self.on, late)
        last = self.last + 1
        return Taken(last, f"{prefix}-{year:04}-{last:04}", on)

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        if isinstance(event, Opened):
            return "a series is opened once, before its first number" if self.start or self.number else ""
        if not isinstance(event, Taken):
            return ""
        if event.last != self.last + 1:
            return f"{event.number} is number {event.last} of its series, after {self.last}"
        name = event.number.removesuffix(f"-{event.last:04}")
        if not OURS.fullmatch(event.number) or name == event.number:
            return f"{event.number} is not how number {event.last} of a series is written"
        if self.number and name != self.number.removesuffix(f"-{self.last:04}"):
            return f"{event.number} is of another series than {self.number}"
        if self.on and event.on < self.on:
            return f"{event.number} is dated {event.on}, before {self.number} of {self.on}"
        if together is not None and users(together).get(event.number) != 1:
            return f"{event.number} was taken without one document that bears it"
        return ""

    def evolve(self, event: Events) -> Self:
        match event:
            case Opened():
                return replace(self, last=event.start - 1, start=event.start)
            case Taken():
                return replace(self, last=event.last, number=event.number, on=event.on)
            case _:
                assert_never(event)


def misnumbered(number: str, together: tuple[Event, ...] | None) -> str:
    """Why a document cannot bear `number`, "" when its series gave it in the same commit to it alone."""
    if together is None:
        return ""
    bearers = users(together)
    if number not in bearers:
        return f"{number} was not taken from its series in the same commit"
    return "" if bearers[number] == 1 else f"{number} stands on more than one document"


_counted: tuple[tuple[Event, ...], dict[str, int]] = ((), {})


def users(together: tuple[Event, ...]) -> dict[str, int]:
    """How many documents of a commit bear each of the numbers taken in it.

    Counted once for a commit: a thousand invoices in one must not cost a thousand squared.
    """
    global _counted
    commit, counts = _counted
    if commit is not together:
        counts = {event.number: 0 for event in together if isinstance(event, Taken)}
        for event in together:
            number = getattr(event, "number", None)
            if number in counts and not isinstance(event, Taken):
                counts[number] += 1
        _counted = (together, counts)
    return counts
