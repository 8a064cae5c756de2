"""Dunning: levels with their fees and interest, which reminders an invoice had, and what is not to be reminded of."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import ClassVar, Literal, Self, assert_never

import msgspec

from aggregates import text
from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.money import ZERO, Money
from aggregates.spread import portion

HIGHEST = Decimal(100)
LATEST = 3650
NONE = Decimal(0)
Counted = Literal["actual/365", "actual/360", "30/360"]
YEARS: dict[Counted, int] = {"actual/365": 365, "actual/360": 360, "30/360": 360}
"""How the days of interest are counted, and how many a year has."""
_FINE = 10_000
"""Rates have four decimals at most."""


class LevelSet(Event, tag="dunning.level_set"):
    """A reminder from so many days overdue on; `rate` percent a year, above the basis rate where `over_basis`."""

    level: int
    after: int
    fee: Money
    rate: Decimal
    over_basis: bool = False
    counted: Counted = "actual/365"


class BasisSet(Event, tag="dunning.basis_set"):
    """The basis rate from a day on, as a central bank publishes it."""

    rate: Decimal
    on: date


class Reminded(Event, tag="dunning.reminded"):
    """`charged` is the invoice over fee and interest, "" where there are none; interest runs from `since` to `on`."""

    invoice: str
    level: int
    on: date
    owing: Money
    fee: Money
    interest: Money
    since: date
    charged: str = ""


class Disputed(Event, tag="dunning.disputed"):
    on: date
    reason: str


class Resolved(Event, tag="dunning.resolved"):
    on: date
    reason: str


class Stopped(Event, tag="dunning.stopped"):
    on: date
    reason: str


class Allowed(Event, tag="dunning.allowed"):
    on: date
    reason: str


DEFAULT = {level: LevelSet(level, after, ZERO, NONE) for level, after in ((1, 7), (2, 21), (3, 35))}
"""In force until somebody sets a level: friendly letters, which cost nothing."""


class Policy(State[LevelSet | BasisSet]):
    """The one stream `dunning/levels`."""

    kind: ClassVar[str] = "dunning"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (LevelSet, BasisSet)

    levels: Mapping[int, LevelSet] = msgspec.field(default_factory=lambda: DEFAULT)
    bases: Mapping[date, Decimal] = msgspec.field(default_factory=dict)

    def set_level(
        self, level: int, after: int, fee: Money, rate: Decimal, over_basis: bool, counted: Counted = "actual/365"
    ) -> tuple[LevelSet, ...]:
        known = {} if self.levels is DEFAULT else self.levels
        require(1 <= level <= 9, f"levels are 1 to 9, not {level}")
        require(
            level == 1 or level - 1 in known, f"set level {level - 1} first: the built-in levels end with the first set"
        )
        require(1 <= after <= LATEST, f"a reminder comes 1 to {LATEST} days after the due date, not {after}")
        earlier, later = known.get(level - 1), known.get(level + 1)
        require(
            earlier is None or after > earlier.after,
            f"level {level - 1} comes after {earlier and earlier.after} days: level {level} comes later",
        )
        require(
            later is None or after < later.after,
            f"level {level + 1} comes after {later and later.after} days: level {level} comes before",
        )
        require(fee >= ZERO, f"a fee is zero or more, not {fee}")
        _require_rate(rate)
        event = LevelSet(level, after, fee, rate, over_basis, counted)
        return () if known.get(level) == event else (event,)

    def set_basis(self, rate: Decimal, on: date) -> tuple[BasisSet, ...]:
        require(-HIGHEST < rate < HIGHEST and round(rate, 4) == rate, f"a basis rate has 4 decimals, not {rate}")
        return () if self.bases.get(on) == rate else (BasisSet(rate, on),)

    def due(self, dunned: "Dunned", late: int, on: date) -> LevelSet | None:
        """The next reminder of an invoice once its day has come: as long after the last as their levels are apart."""
        level = self.levels.get(dunned.level + 1)
        if level is None or late < level.after:
            return None
        before = self.levels.get(dunned.level)
        if before and dunned.last and (on - dunned.last).days < level.after - before.after:
            return None
        return level

    def interest(self, level: LevelSet, balances: Mapping[date, int], until: date, currency: str) -> Money:
        """On what was owing from the end of each day named until that of the next; rounded once."""
        days = sorted({*balances, *(day for day in self.bases if min(balances) < day < until), until})
        total, owing = NONE, 0
        for day, following in pairwise(days):
            owing = balances.get(day, owing)
            total += owing * max(NONE, self._rate(level, day)) * _days(level.counted, day, following)
        return Money(portion(int(total * _FINE), 1, 100 * YEARS[level.counted] * _FINE), currency)

    def _rate(self, level: LevelSet, day: date) -> Decimal:
        begun = [since for since in self.bases if since <= day]
        return level.rate + (self.bases[max(begun)] if level.over_basis and begun else NONE)

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        if isinstance(event, LevelSet | BasisSet) and not event.rate.is_finite():
            return f"{event.rate} is no rate"
        return ""

    def evolve(self, event: LevelSet | BasisSet) -> Self:
        match event:
            case LevelSet():
                known = {} if self.levels is DEFAULT else self.levels
                return replace(self, levels={**known, event.level: event})
            case BasisSet():
                return replace(self, bases={**self.bases, event.on: event.rate})
            case _:
                assert_never(event)


class Dunned(State[Reminded | Disputed | Resolved]):
    """A stream `dunned/<key of the invoice>`."""

    kind: ClassVar[str] = "dunned"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Reminded,)

    level: int = 0
    last: date | None = None
    charged_to: date | None = None
    """Interest is charged up to the end of this day."""
    disputed: date | None = None
    """Since when it is in dispute."""

    def remind(
        self, invoice: str, level: int, on: date, owing: Money, fee: Money, interest: Money, since: date, charged: str
    ) -> Reminded:
        reminded = Reminded(invoice, level, on, owing, fee, interest, since, charged)
        wrong = self.contradiction(reminded, None)
        require(not wrong, wrong)
        return reminded

    def dispute(self, on: date, reason: str) -> Disputed:
        require(not self.disputed, "it is in dispute already")
        require(reason.strip(), "a dispute needs a reason")
        return Disputed(on, text.clean(reason))

    def resolve(self, on: date, reason: str) -> Resolved:
        require(self.disputed, "it is not in dispute")
        require(self.disputed and on >= self.disputed, f"the dispute began on {self.disputed}: it cannot end on {on}")
        require(reason.strip(), "the end of a dispute needs a reason")
        return Resolved(on, text.clean(reason))

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        if not isinstance(event, Reminded):
            return ""
        if self.disputed:
            return f"{event.invoice} is in dispute: nobody is reminded of it"
        return "" if event.level == self.level + 1 else f"{event.invoice} had its reminder of level {event.level}"

    def evolve(self, event: Reminded | Disputed | Resolved) -> Self:
        match event:
            case Reminded():
                charged_to = event.on if event.interest else self.charged_to
                return replace(self, level=event.level, last=event.on, charged_to=charged_to)
            case Disputed():
                return replace(self, disputed=event.on)
            case Resolved():
                return replace(self, disputed=None)
            case _:
                assert_never(event)


class DunningStop(State[Stopped | Allowed]):
    """A stream `dunningstop/<customer>`: whoever is stopped is reminded of nothing."""

    kind: ClassVar[str] = "dunningstop"
    compartment: ClassVar[int] = FINANCE

    stopped: bool = False

    def stop(self, on: date, reason: str) -> Stopped:
        require(not self.stopped, "this customer is not reminded already")
        require(reason.strip(), "a stop needs a reason")
        return Stopped(on, text.clean(reason))

    def allow(self, on: date, reason: str) -> Allowed:
        require(self.stopped, "this customer is reminded as all are")
        require(reason.strip(), "the end of a stop needs a reason")
        return Allowed(on, text.clean(reason))

    def evolve(self, event: Stopped | Allowed) -> Self:
        return replace(self, stopped=isinstance(event, Stopped))


def _days(counted: Counted, first: date, last: date) -> int:
    """From the end of one day to that of another; under 30/360 every month has 30, and a 31st is a 30th."""
    if counted != "30/360":
        return (last - first).days
    at, until = (each.year * 360 + each.month * 30 + min(each.day, 30) for each in (first, last))
    return until - at


def _require_rate(rate: Decimal) -> None:
    require(NONE <= rate <= HIGHEST, f"interest is 0 to 100 percent a year, not {rate}")
    require(round(rate, 4) == rate, f"a rate has at most 4 decimals, not {rate}")


def balances(total: int, movements: Iterable[tuple[date, int]], since: date, until: date) -> dict[date, int]:
    """What was owing at the end of the day `since`, and of each day up to `until` on which that changed."""
    found, owing = {since: total}, total
    for day, by in sorted(movements):
        if day < until:
            owing += by
            found[max(day, since)] = owing
    return found
