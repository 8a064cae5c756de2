"""Journal entries that a person writes: balanced, numbered without gaps, corrected by their reversal."""

from datetime import date
from typing import ClassVar, Literal, Self, assert_never

from aggregates import text
from aggregates.chart import Chart
from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.posting import Posting, differences, turned
from aggregates.series import misnumbered

Kind = Literal["normal", "opening", "adjusting", "closing"]
KINDS: tuple[Kind, ...] = ("normal", "opening", "adjusting", "closing")


class Posted(Event, tag="entry.posted"):
    """`reverses` is the number of the entry this one takes back; an accrual takes itself back on `reverse_on`."""

    number: str
    on: date
    text: str
    lines: tuple[Posting, ...]
    documents: tuple[str, ...] = ()
    kind: Kind = "normal"
    reverses: str = ""
    reverse_on: date | None = None


class Reversed(Event, tag="entry.reversed"):
    """The entry `entry` takes this one back; this one stays as it is."""

    entry: str
    on: date


Events = Posted | Reversed


class Entry(State[Events]):
    """A stream `entry/JE-2026-0001`."""

    kind: ClassVar[str] = "entry"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Posted,)

    number: str = ""
    on: date = date.min
    text: str = ""
    lines: tuple[Posting, ...] = ()
    reverse_on: date | None = None
    reversed_by: str = ""
    closing: bool = False

    def post(
        self,
        number: str,
        on: date,
        said: str,
        lines: tuple[Posting, ...],
        chart: Chart,
        documents: tuple[str, ...] = (),
        kind: Kind = "normal",
        reverse_on: date | None = None,
    ) -> Posted:
        require(not self.number, f"{number} is posted already")
        checked = chart.posted(lines)
        require(text.line(said), "an entry says what it is for: give it a text")
        require(
            reverse_on is None or reverse_on > on, f"the entry is dated {on}: it cannot be reversed on {reverse_on}"
        )
        accrues = kind in ("normal", "adjusting")
        require(reverse_on is None or accrues, f"an entry of kind {kind} does not take itself back")
        return Posted(number, on, text.line(said), checked, documents, kind, reverse_on=reverse_on)

    def close_year(self, number: str, on: date, said: str, lines: tuple[Posting, ...]) -> Posted:
        """An entry that a rule makes at the end of a year: see aggregates/year_end.py."""
        require(not self.number, f"{number} is posted already")
        return Posted(number, on, said, lines, kind="closing")

    def reverse(self, number: str, on: date) -> tuple[Reversed, Posted]:
        """The note on this entry, and the entry that takes it back, for its own stream."""
        require(self.number, "there is no such entry")
        again = f"reopen {self.on.year} and run `bo period year-end` again"
        require(not self.closing, f"{self.number} closes the year: {again}, which posts what has changed")
        require(not self.reversed_by, f"{self.number} was reversed by {self.reversed_by}")
        require(self.reverse_on is None, f"{self.number} is an accrual: it takes itself back on {self.reverse_on}")
        require(on >= self.on, f"{self.number} is dated {self.on}: it cannot be reversed on {on}")
        said = f"Reversal of {self.number}: {self.text}"
        return Reversed(number, on), Posted(number, on, said[:1024], turned(self.lines), reverses=self.number)

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        if not isinstance(event, Posted):
            return ""
        if self.number:
            return f"{event.number} was posted already"
        if differences(event.lines):
            return f"{event.number} does not balance"
        return misnumbered(event.number, together)

    def evolve(self, event: Events) -> Self:
        match event:
            case Posted():
                return replace(
                    self, number=event.number, on=event.on, text=event.text, lines=event.lines,
                    reverse_on=event.reverse_on, closing=event.kind == "closing",
                )  # fmt: skip
            case Reversed():
                return replace(self, reversed_by=event.entry)
            case _:
                assert_never(event)
