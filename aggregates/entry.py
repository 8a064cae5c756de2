"""Journal entries: balanced, numbered without gaps, corrected by their reversal, approved over a limit."""

from datetime import date
from hashlib import sha256
from typing import Any, ClassVar, Self, assert_never

import msgspec

from aggregates import text
from aggregates.chart import Chart
from aggregates.core import APPROVE, FINANCE, Event, Refused, State, replace, require
from aggregates.posting import Posting, differences, turned
from aggregates.series import misnumbered
from aggregates.written import Kind, Limit, Written, reached


class Posted(Written, tag="entry.posted"):
    approved_by: str = ""
    """Who approved the proposal of it, "" where none was needed."""


class Proposed(Written, tag="entry.proposed", kw_only=True):
    """It reaches its limit, and posts nothing before another person approves it."""

    by: str

    @property
    def digest(self) -> str:
        """What an approval is bound to: all that it says."""
        seen = (
            self.number, self.on, self.text, self.lines, self.documents, self.kind, self.reverses, self.reverse_on,
        )  # fmt: skip
        return sha256(msgspec.msgpack.encode(seen)).hexdigest()

    def posted(self, approved_by: str) -> Posted:
        """What the approval of it posts."""
        said = {name: getattr(self, name) for name in Written.__struct_fields__}
        return Posted(**said, approved_by=approved_by)


class Approved(Event, tag="entry.approved"):
    """Another person saw the content of this digest; the same commit posts it."""

    right = APPROVE

    digest: str
    by: str


class Declined(Event, tag="entry.declined"):
    """Another person refused the proposal. The number stays occupied."""

    right = APPROVE

    reason: str
    by: str


class Withdrawn(Event, tag="entry.withdrawn"):
    """Who proposed it took it back. The number stays occupied."""

    reason: str
    by: str


class Reversed(Event, tag="entry.reversed"):
    """The entry `entry` takes this one back; this one stays as it is."""

    entry: str
    on: date


Events = Posted | Proposed | Approved | Declined | Withdrawn | Reversed


class Entry(State[Events]):
    """A stream `entry/JE-2026-0001`."""

    kind: ClassVar[str] = "entry"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Posted, Proposed, Approved, Declined, Withdrawn)

    number: str = ""
    on: date = date.min
    text: str = ""
    lines: tuple[Posting, ...] = ()
    """Empty until it is posted."""
    reverse_on: date | None = None
    reversed_by: str = ""
    closing: bool = False
    proposed: Proposed | None = None
    approved_by: str = ""
    ended: bool = False
    """The proposal was refused or withdrawn."""

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
        limit: Limit = (),
        by: str = "",
    ) -> Posted | Proposed:
        self._require_new(number)
        checked = chart.posted(lines)
        require(text.line(said), "an entry says what it is for: give it a text")
        require(
            reverse_on is None or reverse_on > on, f"the entry is dated {on}: it cannot be reversed on {reverse_on}"
        )
        accrues = kind in ("normal", "adjusting")
        require(reverse_on is None or accrues, f"an entry of kind {kind} does not take itself back")
        entry = Posted(number, on, text.line(said), checked, documents, kind, reverse_on=reverse_on, limit=limit)
        return _decided(entry, by)

    def close_year(
        self, number: str, on: date, said: str, lines: tuple[Posting, ...], limit: Limit = (), by: str = ""
    ) -> Posted | Proposed:
        """An entry that a rule makes at the end of a year: see aggregates/year_end.py."""
        self._require_new(number)
        return _decided(Posted(number, on, said, lines, kind="closing", limit=limit), by)

    def reverse(self, number: str, on: date, limit: Limit = (), by: str = "") -> Posted | Proposed:
        """The entry that takes this one back, for its own stream; once it is posted, `note` says so here."""
        self._require_reversible(on)
        said = f"Reversal of {self.number}: {self.text}"
        return _decided(Posted(number, on, said[:1024], turned(self.lines), reverses=self.number, limit=limit), by)

    def note(self, reversal: Posted) -> Reversed:
        """That another entry takes this one back."""
        self._require_reversible(reversal.on)
        return Reversed(reversal.number, reversal.on)

    # Over the limit

    def approve(self, seen: str, by: str) -> tuple[Approved, Posted]:
        """`seen` is the digest of what its approver looked at, or the beginning of it."""
        asked = self._require_open()
        require(by != asked.by, f"you proposed {self.number}: another person has to approve it")
        same = len(seen) >= 8 and asked.digest.startswith(seen)
        require(same, f"{self.number} is not what you saw: look at it again with `bo journal show {self.number}`")
        return Approved(asked.digest, by), asked.posted(by)

    def refuse(self, reason: str, by: str) -> Declined | Withdrawn:
        """Another person declines it, or who proposed it takes it back."""
        asked = self._require_open()
        require(reason.strip(), "to refuse an entry needs a reason")
        return (Withdrawn if by == asked.by else Declined)(text.clean(reason), by)

    # What is recorded has happened

    def before(self, event: Events) -> dict[str, Any]:
        """An entry is never changed: what is posted after a proposal has no old values."""
        return {}

    def contradiction(self, event: Events, together: tuple[Event, ...] | None) -> str:
        match event:
            case Posted():
                if self.lines or (self.number and self.proposed is None):
                    return f"{event.number} was posted already"
                if differences(event.lines):
                    return f"{event.number} does not balance"
                if self.proposed is not None:
                    asked = self.approved_by and self.proposed.posted(self.approved_by)
                    return "" if event == asked else f"{event.number} is not what was approved"
                if event.approved_by or reached(event.lines, event.limit):
                    return f"{event.number} reaches its limit, and no other person approved it"
                return misnumbered(event.number, together)
            case Proposed():
                if self.number:
                    return f"{event.number} was proposed twice"
                if differences(event.lines):
                    return f"{event.number} does not balance"
                return misnumbered(event.number, together)
            case Approved() | Declined() | Withdrawn():
                return self._undecidable(event, together)
        return ""

    def _undecidable(self, event: Approved | Declined | Withdrawn, together: tuple[Event, ...] | None) -> str:
        asked = self.proposed
        if asked is None or self.approved_by or self.ended:
            return "an entry was decided on that nobody proposes"
        if isinstance(event, Withdrawn):
            return "" if event.by == asked.by else f"{asked.number} was withdrawn by another person"
        if event.by == asked.by:
            return f"{asked.number} was decided on by who proposed it"
        if isinstance(event, Approved):
            if event.digest != asked.digest:
                return f"{asked.number} is not what was approved"
            if together is not None and asked.posted(event.by) not in together:
                return f"{asked.number} was approved and not posted with that"
        return ""

    def evolve(self, event: Events) -> Self:
        match event:
            case Posted():
                return replace(
                    self, number=event.number, on=event.on, text=event.text, lines=event.lines,
                    reverse_on=event.reverse_on, closing=event.kind == "closing",
                )  # fmt: skip
            case Proposed():
                return replace(self, number=event.number, proposed=event)
            case Approved():
                return replace(self, approved_by=event.by)
            case Declined() | Withdrawn():
                return replace(self, ended=True)
            case Reversed():
                return replace(self, reversed_by=event.entry)
            case _:
                assert_never(event)

    def _require_new(self, number: str) -> None:
        require(not self.number, f"{number} is posted already")

    def _require_open(self) -> Proposed:
        require(self.number, "there is no such entry")
        require(not self.ended, f"{self.number} was refused already")
        if self.proposed is None or self.approved_by:
            raise Refused(f"{self.number} is posted: there is nothing to decide")
        return self.proposed

    def _require_reversible(self, on: date) -> None:
        require(self.number, "there is no such entry")
        require(self.lines, f"{self.number} was never posted: there is nothing to take back")
        again = f"reopen {self.on.year} and run `bo period year-end` again"
        require(not self.closing, f"{self.number} closes the year: {again}, which posts what has changed")
        require(not self.reversed_by, f"{self.number} was reversed by {self.reversed_by}")
        require(self.reverse_on is None, f"{self.number} is an accrual: it takes itself back on {self.reverse_on}")
        require(on >= self.on, f"{self.number} is dated {self.on}: it cannot be reversed on {on}")


def _decided(entry: Posted, by: str) -> Posted | Proposed:
    """The entry; where it reaches its limit, only the proposal of it."""
    if not reached(entry.lines, entry.limit):
        return entry
    return Proposed(**{name: getattr(entry, name) for name in Written.__struct_fields__}, by=by)
