"""Batches of payments: proposed, approved by another person, exported for the bank, confirmed line by line."""

from datetime import date
from hashlib import sha256
from typing import ClassVar, Self, assert_never

import msgspec

from aggregates import text
from aggregates.core import APPROVE, FINANCE, Event, State, replace, require
from aggregates.money import ZERO, Money
from aggregates.series import misnumbered


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one bill is paid with: whom, on which account, how much."""

    bill: str
    vendor: str
    name: str
    iban: str
    amount: Money
    ref: str
    """What the vendor reads on his statement: the number he gave the bill."""


class Proposed(Event, tag="batch.proposed"):
    number: str
    on: date
    """The day the bank is to carry it out."""
    bank: str
    name: str
    iban: str
    account: str
    """The account of the books that the money leaves."""
    lines: tuple[Item, ...]
    by: str


class Approved(Event, tag="batch.approved"):
    right = APPROVE

    digest: str
    by: str


class Exported(Event, tag="batch.exported"):
    """The file whose bytes stand beside this event."""

    form: str
    sha256: str
    lines: int
    total: Money


class Confirmed(Event, tag="batch.confirmed"):
    """The bank carried a line out."""

    line: int
    payment: str


class Failed(Event, tag="batch.failed"):
    """The bank did not carry a line out: its bill is free again."""

    line: int
    reason: str


class Cancelled(Event, tag="batch.cancelled"):
    reason: str


Events = Proposed | Approved | Exported | Confirmed | Failed | Cancelled


class Batch(State[Events]):
    kind: ClassVar[str] = "batch"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Proposed, Approved, Confirmed)

    number: str = ""
    on: date = date.min
    bank: str = ""
    name: str = ""
    iban: str = ""
    account: str = ""
    lines: tuple[Item, ...] = ()
    proposed_by: str = ""
    approved_by: str = ""
    exported: str = ""
    """The SHA-256 of the file."""
    cancelled: bool = False
    done: frozenset[int] = frozenset()
    """The lines that the bank carried out, or did not."""
    paid: dict[int, str] = msgspec.field(default_factory=dict)
    """The payments of those it carried out."""

    @property
    def total(self) -> Money:
        return sum((each.amount for each in self.lines), ZERO)

    @property
    def digest(self) -> str:
        """What an approval is bound to: every payment, and the account it leaves."""
        seen = (self.number, self.on, self.name, self.iban, self.account, self.lines)
        return sha256(msgspec.msgpack.encode(seen)).hexdigest()

    def propose(
        self, number: str, on: date, bank: str, name: str, iban: str, account: str, lines: tuple[Item, ...], by: str
    ) -> Proposed:
        require(not self.number, f"there is a batch {number} already")
        require(lines, "nothing is due that can be paid")
        require(iban, f"{bank or name} has no IBAN: payments leave an account that has one")
        for each in lines:
            require(each.iban, f"{each.vendor} has no IBAN: `bo record set vendor/{each.vendor} --set iban=…`")
            require(each.amount > ZERO, f"a payment is more than zero, not {each.amount}")
            in_euro = f"{each.bill} is in {each.amount.currency}: SEPA carries EUR only"
            require(each.amount.currency == "EUR", in_euro)
        return Proposed(number, on, bank, name, iban, account, lines, by)

    def approve(self, seen: str, by: str) -> Approved:
        """`seen` is the digest of what its approver looked at, or the beginning of it."""
        self._require_open("approved")
        require(not self.approved_by, f"{self.number} is approved already")
        require(by != self.proposed_by, f"you proposed {self.number}: another person has to approve it")
        same = len(seen) >= 8 and self.digest.startswith(seen)
        require(same, f"{self.number} is not what you saw: look again with `bo payment batch show {self.number}`")
        return Approved(self.digest, by)

    def export(self, form: str, digest: str, approval_needed: bool) -> Exported:
        self._require_open("exported")
        need = f"{self.number} is not approved: another person has to `bo payment batch approve {self.number}`"
        require(self.approved_by or not approval_needed, need)
        return Exported(form, digest, len(self.lines), self.total)

    def confirm(self, line: int, payment: str) -> Confirmed:
        self.require_pending(line)
        return Confirmed(line, payment)

    def fail(self, line: int, reason: str) -> Failed:
        self.require_pending(line)
        require(reason.strip(), "say why the bank did not pay it")
        return Failed(line, text.clean(reason))

    def cancel(self, reason: str) -> Cancelled:
        self._require_open("cancelled")
        require(reason.strip(), "to cancel a batch needs a reason")
        return Cancelled(text.clean(reason))

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        match event:
            case Proposed():
                return f"{event.number} was proposed twice" if self.number else misnumbered(event.number, together)
            case Approved():
                if not self.number:
                    return "a batch was approved before it was proposed"
                if event.by == self.proposed_by:
                    return f"{self.number} was approved by who proposed it"
                if event.digest != self.digest:
                    return f"{self.number} is not what was approved"
            case Confirmed():
                if event.line in self.done or not 0 < event.line <= len(self.lines):
                    return f"line {event.line} of {self.number} was confirmed twice, or is not there"
        return ""

    def evolve(self, event: Events) -> Self:
        match event:
            case Proposed():
                return replace(
                    self, number=event.number, on=event.on, bank=event.bank, name=event.name, iban=event.iban,
                    account=event.account, lines=event.lines, proposed_by=event.by,
                )  # fmt: skip
            case Approved():
                return replace(self, approved_by=event.by)
            case Exported():
                return replace(self, exported=event.sha256)
            case Confirmed():
                return replace(self, done=self.done | {event.line}, paid={**self.paid, event.line: event.payment})
            case Failed():
                return replace(self, done=self.done | {event.line})
            case Cancelled():
                return replace(self, cancelled=True)
            case _:
                assert_never(event)

    def _require_open(self, verb: str) -> None:
        require(self.number, "there is no such batch")
        require(not self.cancelled, f"{self.number} was cancelled: it cannot be {verb}")
        require(not self.exported, f"{self.number} was exported already: it cannot be {verb}")

    def require_pending(self, line: int) -> None:
        require(self.number, "there is no such batch")
        require(self.exported, f"{self.number} was not exported: the bank knows nothing of it")
        require(0 < line <= len(self.lines), f"the lines are 1 to {len(self.lines)}: there is no line {line}")
        require(line not in self.done, f"line {line} of {self.number} is done already")
