"""Fixed assets: acquired, depreciated month by month, and disposed of. The record kind `asset` is an inventory card."""

from datetime import date
from decimal import Decimal
from typing import ClassVar, Literal, Self, assert_never

from aggregates import text
from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.money import ZERO, Money
from aggregates.spread import declining, evenly, month_end

Method = Literal["straight-line", "declining"]
LONGEST = 1200
LAST_YEAR = 9000
"""A longer life from here on would leave the calendar."""
HIGHEST = Decimal(100)
NONE = Decimal(0)


class Acquired(Event, tag="fixedasset.acquired"):
    """`life` in months, from that of `on`; `rate` percent a year. Its bill posted it where `against` is empty."""

    name: str
    on: date
    cost: Money
    residual: Money
    method: Method
    life: int
    rate: Decimal
    against: str
    bill: str = ""
    record: str = ""
    """The inventory card, such as asset/A-1."""


class Depreciated(Event, tag="fixedasset.depreciated"):
    """What it lost in the month that ends on `on`."""

    on: date
    amount: Money
    booked: date | None = None


class Disposed(Event, tag="fixedasset.disposed"):
    """It left for `proceeds`, which went to the account `to`; what it cost and had lost by then goes with it."""

    on: date
    proceeds: Money
    to: str
    cost: Money
    depreciated: Money
    reason: str


class Voided(Event, tag="fixedasset.voided"):
    """It should not have been entered so: what it posted, with what it had lost by then, is taken back."""

    on: date
    against: str
    cost: Money
    depreciated: Money
    reason: str


Events = Acquired | Depreciated | Disposed | Voided


class FixedAsset(State[Events]):
    """A stream `fixedasset/VAN-1`."""

    kind: ClassVar[str] = "fixedasset"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Acquired, Depreciated, Disposed, Voided)

    name: str = ""
    on: date = date.min
    cost: Money = ZERO
    residual: Money = ZERO
    method: Method = "straight-line"
    life: int = 0
    rate: Decimal = NONE
    months: int = 0
    """So many are depreciated."""
    depreciated: Money = ZERO
    disposed: date | None = None
    voided: date | None = None
    against: str = ""
    last: date = date.min
    """The last day it posted something."""

    def acquire(
        self,
        name: str,
        on: date,
        cost: Money,
        residual: Money,
        method: Method,
        life: int,
        rate: Decimal,
        against: str,
        bill: str = "",
        record: str = "",
    ) -> Acquired:
        require(not self.name, f"this reference was given to {self.name}")
        require(text.line(name), "an asset has a name")
        require(cost > ZERO, f"an asset costs more than zero, not {cost}")
        same = residual.currency == cost.currency
        require(same, f"it cost {cost}: what remains at last is in that currency, not {residual}")
        require(ZERO <= residual < cost, f"what remains at last lies between zero and {cost}, not at {residual}")
        require(1 <= life <= LONGEST, f"its life is 1 to {LONGEST} months, not {life}")
        if method == "declining":
            require(NONE < rate <= HIGHEST, f"a declining method takes 0 to 100 percent a year, not {rate}")
            require(round(rate, 4) == rate, f"a rate has at most 4 decimals, not {rate}")
        else:
            require(not rate, "the straight line needs no rate: its life says it")
        return Acquired(text.line(name), on, cost, residual, method, life, rate, against, bill, record)

    def depreciate(self, through: date, booked: date | None = None) -> tuple[Depreciated, ...]:
        """What it lost in each month up to the last that ends by a day; nothing when all that is recorded.

        Months that end before `booked` count in the books on that day: their own periods are closed.
        """
        require(self.name, "there is no such asset")
        if self.disposed or self.voided:
            return ()
        made = []
        for month, minor in enumerate(self.schedule()):
            end = month_end(self.on, month)
            if month < self.months or end > through:
                continue
            late = booked if booked and booked > end else None
            made.append(Depreciated(end, Money(minor, self.cost.currency), late))
        return tuple(made)

    def dispose(self, on: date, proceeds: Money, to: str, reason: str) -> Disposed:
        """Of the month in which it goes nothing is depreciated any more; all months before must be."""
        require(self.name, "there is no such asset")
        self._require_here()
        require(on >= self.on, f"{self.name} was acquired on {self.on}: it cannot go on {on}")
        last = month_end(self.on, self.months - 1)
        fits = not self.months or last <= month_end(on, 0)
        require(fits, f"{self.name} is depreciated through {last}: it cannot go on {on}")
        same = proceeds.currency == self.cost.currency
        require(same, f"{self.name} cost {self.cost}: give what it brought in that currency, not as {proceeds}")
        require(proceeds >= ZERO, f"it brought zero or more, not {proceeds}")
        require(reason.strip(), "a disposal needs a reason")
        return Disposed(on, proceeds, to, self.cost, self.depreciated, text.clean(reason))

    def void(self, on: date, reason: str) -> Voided:
        """Take back what it posted, such as to enter it anew with another life. What its bill posted stays."""
        require(self.name, "there is no such asset")
        self._require_here()
        require(on >= self.last, f"{self.name} has posted something on {self.last}: it cannot be voided on {on}")
        require(reason.strip(), "voiding an asset needs a reason")
        return Voided(on, self.against, self.cost, self.depreciated, text.clean(reason))

    def _require_here(self) -> None:
        require(not self.disposed, f"{self.name} was disposed of on {self.disposed}")
        require(not self.voided, f"{self.name} was voided on {self.voided}")

    def schedule(self) -> tuple[int, ...]:
        """What it loses in each month of its life, in minor units: together what it cost, less what remains."""
        cost, residual = self.cost.minor, self.residual.minor
        if self.method == "declining":
            return tuple(declining(cost, residual, self.life, self.rate, self.on))
        return tuple(evenly(cost - residual, self.life))

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        match event:
            case Acquired():
                lives = 1 <= event.life <= LONGEST and event.on.year <= LAST_YEAR
                loses = event.rate.is_finite() and NONE <= event.rate <= HIGHEST
                right = not self.name and lives and loses
                return "" if right else "an asset was acquired twice, or for no life that can be reckoned with"
            case Depreciated():
                if not self.name or self.disposed or self.voided or self.months >= self.life:
                    return "nothing is left to be depreciated"
                end, lost = month_end(self.on, self.months), self.schedule()[self.months]
                right = (event.on, event.amount) == (end, Money(lost, self.cost.currency))
                return "" if right else f"{event.amount} for {event.on} is not what follows in its schedule"
            case Disposed():
                if not self.name or self.disposed or self.voided:
                    return "an asset that is not here was disposed of"
                right = (event.cost, event.depreciated) == (self.cost, self.depreciated)
                return "" if right else "a disposal takes out other amounts than stand in the books"
            case Voided():
                if not self.name or self.disposed or self.voided:
                    return "an asset that is not here was voided"
                stood = (self.against, self.cost, self.depreciated)
                right = (event.against, event.cost, event.depreciated) == stood and event.on >= self.last
                return "" if right else "an asset is voided with other amounts than it posted, or before it did"
        return ""

    def evolve(self, event: Events) -> Self:
        match event:
            case Acquired():
                return replace(
                    self, name=event.name, on=event.on, cost=event.cost, residual=event.residual, method=event.method,
                    life=event.life, rate=event.rate, depreciated=Money(0, event.cost.currency), against=event.against,
                    last=event.on,
                )  # fmt: skip
            case Depreciated():
                lost, last = self.depreciated + event.amount, max(self.last, event.booked or event.on)
                return replace(self, months=self.months + 1, depreciated=lost, last=last)
            case Disposed():
                return replace(self, disposed=event.on)
            case Voided():
                return replace(self, voided=event.on)
            case _:
                assert_never(event)
