"""Recurring work: a template of an invoice, a bill or a journal entry, and which of its occurrences were made."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import ClassVar, Literal, Self, assert_never

import msgspec

from aggregates import text
from aggregates.bill_lines import bill_lines
from aggregates.core import FINANCE, Event, Refused, State, replace, require
from aggregates.en16931 import totals
from aggregates.legal import draft
from aggregates.lines import Line
from aggregates.posting import Posting
from aggregates.relief import Discount, Terms

Makes = Literal["invoice", "draft", "bill", "entry"]
Unit = Literal["day", "week", "month", "year"]
DAYS = {"day": 1, "week": 7}
MONTHS = {"month": 1, "year": 12}
MOST = 366
"""Nothing recurs more rarely than after so many units."""


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every `count` units."""

    count: int
    unit: Unit

    def after(self, anchor: date, times: int) -> date:
        """The anchor and `times` intervals, counted from the anchor each time: 31 January, 28 February, 31 March."""
        units = self.count * times
        if self.unit in DAYS:
            return anchor + timedelta(units * DAYS[self.unit])
        months = anchor.year * 12 + anchor.month - 1 + units * MONTHS[self.unit]
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(anchor.day, monthrange(year, month)[1]))

    def __str__(self) -> str:
        return self.unit if self.count == 1 else f"{self.count} {self.unit}s"


class Added(Event, tag="recurring.added"):
    """A journal entry has `postings`, the others `lines` and a party: the reference of a customer or vendor."""

    makes: Makes
    every: Interval
    start: date
    until: date | None
    text: str
    party: str = ""
    currency: str = ""
    lines: tuple[Line, ...] = ()
    postings: tuple[Posting, ...] = ()
    discount: Terms | None = None
    """For paying each of them early."""


class Made(Event, tag="recurring.made"):
    """The occurrence `ordinal`, counted from 1, became the document `made`."""

    ordinal: int
    on: date
    made: str


class Skipped(Event, tag="recurring.skipped"):
    ordinal: int
    on: date
    reason: str


class Ended(Event, tag="recurring.ended"):
    """Nothing recurs after `until`."""

    until: date
    reason: str


Events = Added | Made | Skipped | Ended


class Recurring(State[Events]):
    """A stream `recurring/RENT`. An occurrence is settled once: made, or skipped for a reason."""

    kind: ClassVar[str] = "recurring"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Added, Made, Skipped)

    makes: Makes | Literal[""] = ""
    every: Interval = Interval(1, "month")
    start: date = date.max
    until: date | None = None
    ended: bool = False
    text: str = ""
    party: str = ""
    currency: str = ""
    lines: tuple[Line, ...] = ()
    postings: tuple[Posting, ...] = ()
    discount: Terms | None = None
    through: int = 0
    """All occurrences up to this one are settled."""
    beyond: frozenset[int] = frozenset()
    """And these, after some that are not."""
    last: date = date.min

    def add(
        self,
        makes: Makes,
        every: Interval,
        start: date,
        until: date | None,
        said: str,
        party: str = "",
        currency: str = "",
        lines: tuple[Line, ...] = (),
        postings: tuple[Posting, ...] = (),
        discount: Terms | None = None,
    ) -> Added:
        require(not self.makes, "there is a recurring template with this reference already")
        require(1 <= every.count <= MOST, f"an interval is 1 to {MOST} units long, not {every.count}")
        require(until is None or until >= start, f"it starts on {start}: it cannot end on {until}")
        said = text.line(said)
        if makes == "entry":
            require(said, "an entry says what it is for: give it a text")
        elif makes == "bill":
            lines = bill_lines(lines, currency)
            below = discount and totals(lines, currency).total.minor <= 0
            require(not below, "a bill that comes to less than zero is a credit note: nobody pays it early")
        else:
            drafted = draft(party, lines, currency, said, 0)
            lines, total = drafted["lines"], drafted["total"]
            require(total.minor > 0, f"the total of an invoice is more than zero, not {total}")
        return Added(makes, every, start, until, said, party, currency, lines, postings, discount)

    def make(self, ordinal: int, made: str) -> Made:
        self._require_open(ordinal)
        return Made(ordinal, self.day(ordinal), made)

    def skip(self, ordinal: int, reason: str) -> Skipped:
        require(self.makes, "there is no such recurring template")
        self._require_open(ordinal)
        require(reason.strip(), "skipping an occurrence needs a reason")
        return Skipped(ordinal, self.day(ordinal), text.clean(reason))

    def end(self, until: date, reason: str) -> Ended:
        require(self.makes, "there is no such recurring template")
        require(not self.ended, f"it has ended: its last day is {self.until}")
        require(reason.strip(), "ending it needs a reason")
        require(until >= self.last, f"its occurrence of {self.last} is settled: it cannot end on {until}")
        earlier = self.until is None or until <= self.until
        require(earlier, f"it ends on {self.until} already, before {until}")
        return Ended(until, text.clean(reason))

    def day(self, ordinal: int) -> date:
        """The day of an occurrence."""
        return self.every.after(self.start, ordinal - 1)

    def offered(self, on: date) -> Discount | None:
        """What may be deducted for early payment of a document of a day."""
        return self.discount.offered(on) if self.discount else None

    def settled(self, ordinal: int) -> bool:
        return ordinal <= self.through or ordinal in self.beyond

    def due(self, until: date) -> Iterator[tuple[int, date]]:
        """The occurrences up to a day that are not settled."""
        last = until if self.until is None else min(until, self.until)
        ordinal = self.through + 1
        while (day := self.day(ordinal)) <= last:
            if ordinal not in self.beyond:
                yield ordinal, day
            ordinal += 1

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        match event:
            case Added():
                within = 1 <= event.every.count <= MOST
                return "a recurring template was added twice or recurs never" if self.makes or not within else ""
            case Made() | Skipped():
                if not self.makes:
                    return "an occurrence is of no template"
                if event.ordinal < 1 or self.settled(event.ordinal):
                    return f"occurrence {event.ordinal} is settled already"
                if self.until and event.on > self.until:
                    return f"occurrence {event.ordinal} would be after the end"
                try:
                    right = event.on == self.day(event.ordinal)
                except (ValueError, OverflowError):  # beyond the calendar: no verb makes it
                    right = False
                return "" if right else f"occurrence {event.ordinal} is not on {event.on}"
        return ""

    def evolve(self, event: Events) -> Self:
        match event:
            case Added():
                return replace(
                    self, makes=event.makes, every=event.every, start=event.start, until=event.until, text=event.text,
                    party=event.party, currency=event.currency, lines=event.lines, postings=event.postings,
                    discount=event.discount,
                )  # fmt: skip
            case Made() | Skipped():
                through, beyond = self.through, self.beyond | {event.ordinal}
                while through + 1 in beyond:
                    through += 1
                beyond = frozenset(each for each in beyond if each > through)
                return replace(self, through=through, beyond=beyond, last=max(self.last, event.on))
            case Ended():
                return replace(self, until=event.until, ended=True)
            case _:
                assert_never(event)

    def _require_open(self, ordinal: int) -> None:
        require(ordinal >= 1, f"occurrences are counted from 1, not from {ordinal}")
        require(not self.settled(ordinal), f"occurrence {ordinal} was made or skipped already")
        try:
            day = self.day(ordinal)
        except (ValueError, OverflowError):
            raise Refused(f"occurrence {ordinal} lies beyond the calendar") from None
        require(self.until is None or day <= self.until, f"it ends on {self.until}, before {day}")


def filled(said: str, on: date) -> str:
    """A text of a template for one occurrence: {month} is 2026-03, {date} 2026-03-31."""
    return said.replace("{month}", f"{on:%Y-%m}").replace("{date}", on.isoformat())
