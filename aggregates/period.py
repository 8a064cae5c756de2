"""Periods of the books: closed month by month, and opened again only by two persons, for a reason and a time."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, Self

import msgspec

from aggregates import text
from aggregates.core import APPROVE, FINANCE, Event, State, replace, require
from aggregates.posting import accounting_dates, bears_tax

AREAS = {"invoice": "sales", "bill": "purchases", "tax": "tax", "stock": "stock", "payroll": "payroll"}
"""What a lock can be put on, by the first word of the events it stops."""
PAPERS = ("sales", "purchases")
"""Areas whose papers bear tax: a lock on tax stops them too."""
ADJUSTING = ("adjusting", "closing")
"""Kinds of journal entries that a soft-closed period still takes."""
REOPENS = ("proposed", "reopened")


class Reopening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A closed stretch, from `first` to `last`, that takes entries again up to the end of `until` (UTC)."""

    first: date
    last: date
    until: date
    reason: str
    by: str
    second: str = ""
    """Who agreed; until somebody has, nothing is open."""

    @property
    def digest(self) -> str:
        """What an agreement can be bound to: all that was proposed."""
        seen = (self.first, self.last, self.until, self.reason, self.by)
        return sha256(msgspec.msgpack.encode(seen)).hexdigest()


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How far the books are closed: through which day, None for not at all."""

    soft: date | None = None
    closed: date | None = None
    archived: date | None = None
    locks: dict[str, date] = {}
    reopening: Reopening | None = None
    year_start: int = 1
    """The month in which the fiscal year begins."""
    valued: date | None = None
    """Through which day entries keep what they are worth. The first closes left open what had no rate yet."""
    taxed: date | None = None
    """What bears tax is stopped through this day, whatever its area: as every new lock on tax says."""


class Changed(Event, tag="period.changed"):
    """Every event of the stream tells where it all stands after it, so that the last one is enough."""

    what: str
    """`soft-closed`, `closed`, `archived`, `locked`, `proposed`, `reopened` or `year-start`."""
    through: date
    standing: Standing
    by: str
    reason: str = ""
    area: str = ""
    package: str = ""
    """SHA-256 of the sealed package that a close writes."""
    blob: str = ""
    """That of the file in which it is stored, encrypted."""

    @property
    def right(self) -> str:
        """Both who proposes a reopening and who agrees to it."""
        return APPROVE if self.what in REOPENS else ""


class Periods(State[Changed]):
    """The one stream `period/books`, and the gate of everything that is booked."""

    kind: ClassVar[str] = "period"
    compartment: ClassVar[int] = FINANCE
    gate: ClassVar[str] = "books"
    last_is_all: ClassVar[bool] = True
    rechecked: ClassVar[tuple[type[Event], ...]] = (Changed,)

    standing: Standing = Standing()

    def soft_close(self, through: date, by: str) -> Changed:
        """What comes now for a day up to `through` is an adjusting or closing entry, or is refused."""
        now = self.standing
        latest = max(filter(None, (now.soft, now.closed)), default=None)
        require(latest is None or through > latest, f"the books are closed through {latest} already")
        return self._changed("soft-closed", through, by, soft=through)

    def close(self, through: date, by: str, package: str = "", blob: str = "", reason: str = "") -> Changed:
        """Nothing is recorded for a day up to `through` any more; an open reopening ends with it."""
        now = self.standing
        again = now.reopening is not None and now.reopening.second and now.closed == through
        require(
            again or now.closed is None or through > now.closed, f"the books are closed through {now.closed} already"
        )
        soft = None if now.soft is None or now.soft <= through else now.soft
        return self._changed(
            "closed", through, by, text.clean(reason), package=package, blob=blob,
            closed=through, soft=soft, reopening=None, valued=through,
        )  # fmt: skip

    def begin_years(self, month: int, by: str) -> Changed:
        """The fiscal year begins with this month; once something is closed that stands."""
        require(
            self.standing.closed is None, f"the books are closed through {self.standing.closed}: years stay as they are"
        )
        require(1 <= month <= 12, f"a year begins with a month from 1 to 12, not {month}")
        return self._changed("year-start", date.min, by, year_start=month)

    def archive(self, through: date, by: str) -> Changed:
        """What is archived is never opened again."""
        now = self.standing
        require(now.closed is not None and through <= now.closed, f"{through} is not closed: close it first")
        require(
            now.archived is None or through > now.archived, f"the books are archived through {now.archived} already"
        )
        again = now.reopening
        open_ = again is not None and again.second and again.first <= through
        require(not open_, f"{again and again.first} is open again: close it first")
        return self._changed("archived", through, by, archived=through)

    def lock(self, area: str, through: date, by: str) -> Changed:
        """Stop one area, such as sales, before the rest."""
        require(area in AREAS.values(), f"{text.shown(area)} cannot be locked; there are {', '.join(AREAS.values())}")
        before = self.standing.locks.get(area)
        require(before is None or through > before, f"{area} is locked through {before} already")
        locks = {**self.standing.locks, area: through}
        taxed = through if area == "tax" else self.standing.taxed
        return self._changed("locked", through, by, area=area, locks=locks, taxed=taxed)

    def reopen(
        self, first: date, last: date, until: date, reason: str, by: str, today: date, seen: str = ""
    ) -> Changed:
        """Propose to open a closed stretch, or agree to what another person proposed for the same days.

        `seen` is the digest of the proposal that its second person looked at, or the beginning of it.
        """
        now = self.standing
        require(now.closed is not None and last <= now.closed, f"{last} is not closed: nothing has to be opened")
        require(
            now.archived is None or first > now.archived, f"the books are archived through {now.archived}, for good"
        )
        require(first <= last, f"a period ends after it begins, not on {last} after {first}")
        require(until >= today, f"a reopening ends in the future, not on {until}")
        asked = now.reopening
        if asked is None or asked.second or (asked.first, asked.last) != (first, last):
            require(reason.strip(), "a reopening needs a reason")
            proposed = Reopening(first, last, until, text.clean(reason), by)
            return self._changed("proposed", last, by, reason=proposed.reason, reopening=proposed)
        require(asked.by != by, "you proposed this yourself: another person has to agree")
        same = not seen or (len(seen) >= 8 and asked.digest.startswith(seen))
        require(same, "the proposal is not what you saw: look at it again with `bo period reopening`")
        agreed = replace(asked, second=by)
        return self._changed("reopened", last, by, reason=asked.reason, reopening=agreed)

    def first_open(self) -> date | None:
        """The first day that takes entries, None when every day does."""
        closed = self.standing.closed
        return None if closed is None else closed + timedelta(1)

    def open_day(self, day: date, area: str, at: int) -> date:
        """The day for which something dated `day` that comes now, at a time (ms UTC), can be recorded."""
        now = self.standing
        shut = None if self._reopened(day, at) else now.closed
        ends = shut, now.soft, now.locks.get(area), now.taxed if area in PAPERS else None
        latest = max((end for end in ends if end and day <= end), default=None)
        return day if latest is None else latest + timedelta(1)

    def worth_day(self, day: date, at: int) -> date:
        """The day on which it counts what an entry of `day` is worth, where its rate comes at a time (ms UTC)."""
        now = self.standing
        stays = now.valued is not None and day <= now.valued and not self._reopened(day, at)
        return self.first_open() or day if stays else day

    def refusal(self, event: Event, at: int) -> str:
        """Closed refuses whatever is booked in it, by whatever path."""
        if self.standing == NOTHING:
            return ""
        return next(filter(None, (self._refusal(event, day, at) for day in accounting_dates(event))), "")

    def _refusal(self, event: Event, day: date, at: int) -> str:
        now, area = self.standing, AREAS.get(_module(event), "")
        locked = now.locks.get(area)
        if now.taxed is not None and day <= now.taxed and (locked is None or locked < now.taxed) and bears_tax(event):
            area, locked = "tax", now.taxed
        if now.closed is not None and day <= now.closed:
            if self._reopened(day, at):
                return ""
            return f"{day} lies in a closed period: the first open date is {self.first_open()}"
        if locked is not None and day <= locked:
            return f"{area} is locked through {locked}: the first open date is {locked + timedelta(1)}"
        if now.soft is not None and day <= now.soft and getattr(event, "kind", "") not in ADJUSTING:
            return (
                f"{day} lies in a soft-closed period, which takes adjusting entries alone: "
                f"the first open date is {now.soft + timedelta(1)}"
            )
        return ""

    def _reopened(self, day: date, at: int) -> bool:
        open_ = self.standing.reopening
        if open_ is None or not open_.second or not open_.first <= day <= open_.last:
            return False
        return datetime.fromtimestamp(at / 1000, UTC).date() <= open_.until

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        """A close goes forward, and what is reopened was proposed by another person."""
        if not isinstance(event, Changed):
            return ""
        before, after = self.standing, event.standing
        if any(
            was and (not now or now < was)
            for was, now in ((before.closed, after.closed), (before.archived, after.archived))
        ):
            return "a closed period was opened without a reopening"
        if before.taxed and (not after.taxed or after.taxed < before.taxed):
            return "a lock was taken back"
        if any(after.locks.get(area, date.min) < through for area, through in before.locks.items()):
            return "a lock was taken back"
        if before.closed is not None and after.year_start != before.year_start:
            return "the fiscal year was moved after a close"
        if before.valued is not None and (after.valued is None or after.valued < before.valued):
            return "what closed entries are worth was left open again"
        opened = after.reopening
        if opened == before.reopening or opened is None:
            return ""
        if event.what not in REOPENS:
            return "a reopening is called something else"
        if opened.second:
            agreed = before.reopening == replace(opened, second="") and opened.second == event.by != opened.by
            return "" if agreed else "a period was reopened without another person's proposal"
        return "" if opened.by == event.by else "a reopening was proposed in another person's name"

    def evolve(self, event: Changed) -> Self:
        return replace(self, standing=event.standing)

    def _changed(
        self,
        what: str,
        through: date,
        by: str,
        reason: str = "",
        area: str = "",
        package: str = "",
        blob: str = "",
        **changes: Any,
    ) -> Changed:
        return Changed(what, through, replace(self.standing, **changes), by, reason, area, package, blob)


NOTHING = Standing()


def _module(event: Event) -> str:
    return str(type(event).__struct_config__.tag).partition(".")[0]
