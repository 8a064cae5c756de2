"""Payments: money in from customers or out to vendors, or back, and which documents it settles."""

from datetime import date
from decimal import Decimal
from typing import ClassVar, Literal, Self, assert_never

import msgspec

from aggregates import text
from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.legal import fitted
from aggregates.money import ZERO, Money
from aggregates.series import misnumbered

Direction = Literal["in", "out"]


class Recorded(Event, tag="payment.recorded"):
    """Money moved. Until an allocation says what it settles it is an advance, or credit."""

    number: str
    party: str
    """`customer/C-1` or `vendor/V-1`; "" while nobody knows whose it is."""
    direction: Direction
    amount: Money
    on: date
    bank: str
    """The account it went through: a number, or a role such as `@bank`."""
    ref: str
    booked: date | None = None
    at_bank: Money | None = None
    """What the bank moved, where its account is in another currency."""


class Allocated(Event, tag="payment.allocated"):
    """A part of the payment goes to a document, or comes from credit held there, or meets the opposite payment."""

    allocation: int
    to: str
    """`bill/KEY`, `invoice/KEY` or `payment/KEY`."""
    amount: Money
    on: date
    party: str
    there: int = 0
    """The number of the same allocation over there."""
    source: str = ""
    """Where it pays credit back: the payment or credit note the credit came from."""


class Unallocated(Event, tag="payment.unallocated"):
    """One whole allocation is taken back."""

    allocation: int
    to: str
    amount: Money
    on: date


class Voided(Event, tag="payment.voided"):
    """It never took place. The number stays occupied."""

    amount: Money
    on: date
    reason: str


Events = Recorded | Allocated | Unallocated | Voided


class Payment(State[Events]):
    kind: ClassVar[str] = "payment"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Recorded, Allocated)

    number: str = ""
    party: str = ""
    direction: Direction = "in"
    amount: Money = ZERO
    left: Money = ZERO
    on: date = date.min
    """Its accounting date."""
    bank: str = ""
    voided: bool = False
    allocations: dict[int, Allocated] = msgspec.field(default_factory=dict)
    last_allocation: int = 0

    @property
    def settles(self) -> bool:
        """Whether it settles what is owing; else it pays credit back."""
        return self.direction == ("out" if self.party.startswith("vendor/") else "in")

    def record(
        self,
        number: str,
        party: str,
        direction: Direction,
        amount: Money,
        on: date,
        bank: str = "@bank",
        ref: str = "",
        booked: date | None = None,
        at_bank: Money | None = None,
    ) -> Recorded:
        require(not self.number, f"{number} is recorded already")
        require(amount > ZERO, f"a payment is more than zero, not {amount}")
        require(at_bank is None or at_bank > ZERO, f"a bank moves more than zero, not {at_bank}")
        require(bank, "a payment goes through an account")
        late = f"a payment of {on} cannot be booked before that, on {booked}"
        require(booked is None or booked >= on, late)
        return Recorded(number, party, direction, amount, on, bank, text.line(ref), booked, at_bank)

    def allocate(self, to: str, amount: Decimal | Money, on: date, there: int = 0, source: str = "") -> Allocated:
        """Say where `amount` of it goes; the other side records the same in the same commit."""
        self._require_there("allocated")
        amount = fitted(amount, self.amount.currency, self.number)
        require(self.party, f"{self.number} is of nobody yet: void it, and record it with its party")
        require(amount > ZERO, f"an allocation is more than zero, not {amount}")
        require(amount <= self.left, f"{self.left} of {self.number} is left, not {amount}")
        return Allocated(self.last_allocation + 1, to, amount, max(on, self.on), self.party, there, source)

    def require_left(self) -> None:
        self._require_there("used")
        require(self.left, f"nothing of {self.number} is left")

    def unallocate(self, allocation: int, on: date) -> Unallocated:
        """Take back one allocation, whole."""
        made = self.made(allocation)
        require(on >= made.on, f"allocation {allocation} is dated {made.on}: it cannot end on {on}")
        return Unallocated(allocation, made.to, made.amount, on)

    def made(self, allocation: int) -> Allocated:
        self._require_there("changed")
        known = ", ".join(map(str, self.allocations)) or "none"
        require(allocation in self.allocations, f"{self.number} has no allocation {allocation}: it has {known}")
        return self.allocations[allocation]

    def void(self, on: date, reason: str) -> Voided:
        self._require_there("voided")
        require(reason.strip(), "a void needs a reason")
        require(on >= self.on, f"{self.number} is dated {self.on}: it cannot be voided on {on}")
        require(not self.allocations, f"{self.number} settles something: take back its allocations first")
        return Voided(self.amount, on, text.clean(reason))

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        match event:
            case Recorded():
                return f"{event.number} was recorded twice" if self.number else misnumbered(event.number, together)
            case Allocated():
                if event.party != self.party or event.amount.currency != self.amount.currency:
                    return f"{self.number} is allocated as if it were another payment"
                if not ZERO < event.amount <= self.left:
                    return f"{event.amount} of {self.number} is allocated, of which {self.left} is left"
        return ""

    def evolve(self, event: Events) -> Self:
        match event:
            case Recorded():
                return replace(
                    self, number=event.number, party=event.party, direction=event.direction, amount=event.amount,
                    left=event.amount, on=event.booked or event.on, bank=event.bank,
                )  # fmt: skip
            case Allocated():
                return replace(
                    self, left=self.left - event.amount, last_allocation=event.allocation,
                    allocations={**self.allocations, event.allocation: event},
                )  # fmt: skip
            case Unallocated():
                rest = {n: made for n, made in self.allocations.items() if n != event.allocation}
                return replace(self, left=self.left + event.amount, allocations=rest)
            case Voided():
                return replace(self, left=ZERO, voided=True)
            case _:
                assert_never(event)

    def _require_there(self, verb: str) -> None:
        require(self.number, "there is no such payment")
        require(not self.voided, f"{self.number} was voided: it cannot be {verb}")
