"""Bills of vendors: added, approved by another person, then paid, credited or voided."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any, ClassVar, Self, assert_never

import msgspec

from aggregates import text
from aggregates.bill_lines import charged_by
from aggregates.core import APPROVE, FINANCE, Event, State, replace, require
from aggregates.crediting import Claim, after, credit_note, gone, miscounted
from aggregates.credits import (
    Allocation,
    Credits,
    changed,
    held,
    leaving,
    require_meant,
    settled,
    settling,
    standing,
    unsettled,
)
from aggregates.discounting import Deducted, Part, lessened
from aggregates.en16931 import Tax
from aggregates.legal import Party, due_date
from aggregates.lines import Line
from aggregates.money import ZERO, Money
from aggregates.relief import Discount, in_time
from aggregates.series import misnumbered


class Charged(Event, tag=False):
    """What a vendor's paper comes to: its lines, each perhaps with an account, taxes and totals."""

    ref: str
    """What the vendor calls it."""
    on: date
    currency: str
    lines: tuple[Line, ...]
    taxes: tuple[Tax, ...]
    net: Money
    tax: Money
    total: Money
    by: str
    """The person who entered it."""


class Added(Charged, tag="bill.added"):
    """A total below zero is a credit note that corrects none of the bills here: the vendor owes it to us."""

    number: str
    vendor: str
    due: date
    seller: Party
    booked: date | None = None
    text: str = ""
    discount: Discount | None = None


class Edited(Charged, tag="bill.edited"):
    """The bill as it is now; `was` is what its entry in the books so far comes from."""

    due: date
    text: str
    was: tuple[Line, ...]
    was_taxes: tuple[Tax, ...]
    discount: Discount | None = None


class Approved(Event, tag="bill.approved"):
    """Somebody else saw the content of this digest, and it may be paid."""

    right = APPROVE

    digest: str
    on: date
    by: str


class Credited(Charged, tag="bill.credited"):
    """The vendor's credit note: credit with him, until an allocation says what it settles."""

    number: str
    bill: str
    reason: str
    booked: date | None = None
    discounted: tuple[Tax, ...] = ()
    """What goes back of a discount that we took: the lines are at full price, taxes and totals less this."""
    discounted_parts: tuple[Part, ...] = ()
    """Of that, what is for lines with dimensions."""


class Voided(Event, tag="bill.voided"):
    """It should never have been entered. The number stays occupied, the vendor's is free again."""

    amount: Money
    on: date
    reason: str
    lines: tuple[Line, ...]
    taxes: tuple[Tax, ...]


class Allocated(Allocation, tag="bill.allocated"):
    """Credit from `source`, a payment or a credit note, settles a part of this bill."""


class Unallocated(Allocation, tag="bill.unallocated"):
    """One whole allocation is taken back: its amount is owing again, and credit again."""


class Given(Event, tag="bill.given"):
    """Credit held here goes to another bill of the same vendor, or back to or out with a payment."""

    source: str
    amount: Money
    on: date
    vendor: str
    origin: str
    to: str


class Received(Event, tag="bill.received"):
    """Credit held at the bill or payment `origin` came here."""

    source: str
    amount: Money
    on: date
    origin: str


class Discounted(Deducted, tag="bill.discounted"):
    """Deducted by us, who paid early: less was bought for. A tax that we owe ourselves is no part of the amount."""


class Tolerated(Event, tag="bill.tolerated"):
    """A small difference that nobody asks for."""

    amount: Money
    on: date
    reason: str


class Reinstated(Event, tag="bill.reinstated"):
    """A discount or difference is taken back, whole: its amount is owing again."""

    amount: Money
    on: date
    reason: str
    was: Discounted | Tolerated


class Scheduled(Event, tag="bill.scheduled"):
    """It stands in a batch of payments, so in no other; without a batch it is free again."""

    batch: str


class Disputed(Event, tag="bill.disputed"):
    """We contest it with its vendor: no batch pays it."""

    on: date
    reason: str


class Resolved(Event, tag="bill.resolved"):
    on: date
    reason: str


Settling = Allocated | Unallocated | Given | Received
Forgone = Discounted | Tolerated
Events = (
    Added | Edited | Approved | Credited | Voided | Settling | Forgone | Reinstated | Scheduled | Disputed | Resolved
)


class Bill(State[Events]):
    """Its stream has the name of the number we gave it."""

    kind: ClassVar[str] = "bill"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Added, Approved, Credited)

    number: str = ""
    vendor: str = ""
    ref: str = ""
    on: date = date.min
    booked: date | None = None
    due: date = date.min
    currency: str = ""
    lines: tuple[Line, ...] = ()
    taxes: tuple[Tax, ...] = ()
    total: Money = ZERO
    seller: Party = Party("")
    text: str = ""
    added_by: str = ""
    edited_by: str = ""
    approved_by: str = ""
    """"" again after any change."""
    owing: Money = ZERO
    discount: Discount | None = None
    forgone: tuple[Forgone, ...] = ()
    """Discounts and differences that stand."""
    voided: bool = False
    rest: tuple[Line, ...] = ()
    """What remains to be credited of each line."""
    batch: str = ""
    disputed: Disputed | None = None
    credits: Credits = msgspec.field(default_factory=dict)
    allocations: dict[int, Allocated] = msgspec.field(default_factory=dict)
    last_allocation: int = 0

    @property
    def posted(self) -> date:
        """Its accounting date: from then on it is open."""
        return self.booked or self.on

    @property
    def credit_left(self) -> Money:
        """Our credit with the vendor that is held here."""
        return held(self.credits)

    @property
    def credited(self) -> Money:
        """What all credit notes come to."""
        return gone(self.lines, self.rest).total

    @property
    def digest(self) -> str:
        """What an approval is bound to: whom it is to be paid to, and all that it says."""
        seen = (
            self.number, self.vendor, self.ref, self.on, self.booked, self.due, self.currency, self.lines, self.total,
            self.seller, self.text, *([self.discount] if self.discount else []),
        )  # fmt: skip
        return sha256(msgspec.msgpack.encode(seen)).hexdigest()

    # Entering

    def add(
        self,
        number: str,
        vendor: str,
        ref: str,
        on: date,
        lines: Sequence[Line],
        currency: str,
        seller: Party,
        by: str,
        due: date | None = None,
        terms: int = 30,
        booked: date | None = None,
        note: str = "",
        total: Decimal | Money | None = None,
        discount: Discount | None = None,
    ) -> Added:
        """`total` is what the paper says it comes to."""
        require(not self.number, f"there is a bill {number} already")
        require(booked is None or booked >= on, f"a bill of {on} cannot be booked before that, on {booked}")
        charged = charged_by(lines, currency, text.line(ref, 200), total)
        require(charged["ref"], "a bill has the number that its vendor gave it")
        due = due_date(on, due, terms, "bill")
        _require_offered(number or charged["ref"], charged["total"], due, discount)
        return Added(
            number=number, vendor=vendor, on=on, due=due, seller=seller, by=by, booked=booked, text=text.clean(note),
            discount=discount, **charged,
        )  # fmt: skip

    def edit(self, by: str, **changes: Any) -> tuple[Edited, ...]:
        """Change `ref`, `due`, `lines`, `text` or `discount` while nothing is settled; an approval ends with it."""
        self._require_there("changed")
        self._require_untouched("void it, or have it credited")
        require(not self.batch, f"{self.number} stands in {self.batch}: cancel that first")
        now = {name: getattr(self, name) for name in ("ref", "due", "lines", "text", "discount")}
        new = {**now, **changes}
        charged = charged_by(new["lines"], self.currency, text.line(new["ref"], 200), None)
        due = due_date(self.on, new["due"], 0, "bill")
        _require_offered(self.number, charged["total"], due, new["discount"])
        edited = Edited(
            on=self.posted, due=due, text=text.clean(new["text"]), by=by, was=self.lines, was_taxes=self.taxes,
            discount=new["discount"], **charged,
        )  # fmt: skip
        return (edited,) if any(getattr(edited, name) != old for name, old in now.items()) else ()

    def approve(self, seen: str, on: date, by: str) -> Approved:
        """`seen` is the digest of what its approver looked at, or the beginning of it."""
        self._require_there("approved")
        require(not self.approved_by, f"{self.number} is approved already")
        require(by != self.added_by, f"you entered {self.number}: another person has to approve it")
        require(by != self.edited_by, f"you changed {self.number} last: another person has to approve it")
        same = len(seen) >= 8 and self.digest.startswith(seen)
        require(same, f"{self.number} is not what you saw: look at it again with `bo bill show {self.number}`")
        return Approved(self.digest, on, by)

    def credit(
        self, number: str, ref: str, on: date, reason: str, by: str, claims: Sequence[Claim] = (),
        booked: date | None = None,
    ) -> tuple[Credited, *tuple[Allocated, ...]]:  # fmt: skip
        """Enter a credit note over `claims`, or all that remains. What is more than owing stays as credit."""
        self._require_there("credited")
        require(self.total > ZERO, f"{self.number} is a credit note itself")
        require(reason.strip(), "a credit note needs a reason")
        require(on >= self.on, f"{self.number} is dated {self.on}: a credit note of {on} would precede it")
        day = max(booked or on, self.posted)
        fields = credit_note(self.number, self.lines, self.rest, claims, self.forgone)
        since = max((each.on for each in self.forgone if isinstance(each, Discounted)), default=day)
        early = f"{self.number} was discounted on {since}: book the credit note then or later, or give the net it says"
        require(day >= since or not fields["discounted"], early)
        note = Credited(
            number=number, bill=self.number, ref=text.line(ref, 200), on=on, currency=self.currency, by=by,
            reason=text.clean(reason), booked=None if day == on else day, **fields,
        )  # fmt: skip
        if not self.owing:
            return (note,)
        return note, Allocated(self.last_allocation + 1, number, min(note.total, self.owing), day)

    def void(self, on: date, reason: str) -> Voided:
        self._require_there("voided")
        require(reason.strip(), "a void needs a reason")
        require(on >= self.posted, f"{self.number} is dated {self.posted}: it cannot be voided on {on}")
        require(not self.batch, f"{self.number} stands in {self.batch}: cancel that first")
        self._require_untouched("enter the vendor's credit note")
        return Voided(self.total, on, text.clean(reason), self.lines, self.taxes)

    def schedule(self, batch: str, approval_needed: bool) -> Scheduled:
        """Put it into a batch of payments; "" takes it out."""
        self._require_there("paid")
        if batch:
            self.require_payable(approval_needed)
            ended = f"`bo bill undispute {self.number}` ends that"
            why = text.shown(self.disputed.reason) if self.disputed else ""
            require(not self.disputed, f"{self.number} is in dispute, {why}: {ended}")
        return Scheduled(batch)

    def dispute(self, on: date, reason: str) -> Disputed:
        self._require_there("disputed")
        require(not self.disputed, f"{self.number} is in dispute already")
        require(self.owing, f"{self.number} is settled: nothing is owing")
        require(not self.batch, f"{self.number} stands in {self.batch}: cancel that first")
        require(reason.strip(), "a dispute needs a reason")
        return Disputed(on, text.clean(reason))

    def resolve(self, on: date, reason: str) -> Resolved:
        self._require_there("changed")
        require(self.disputed, f"{self.number} is not in dispute")
        since = self.disputed.on if self.disputed else on
        require(on >= since, f"the dispute began on {since}: it cannot end on {on}")
        require(reason.strip(), "the end of a dispute needs a reason")
        return Resolved(on, text.clean(reason))

    # Settling

    def require_payable(self, approval_needed: bool) -> None:
        """Money goes out only for what is owing and, where two persons can approve, approved."""
        self._require_there("paid")
        require(self.owing, f"{self.number} is settled: nothing is owing")
        how = f"`bo payment batch confirm {self.batch}` records that it was paid"
        require(not self.batch, f"{self.number} is to be paid with {self.batch}: {how}")
        how = f"has to look at it and `bo bill approve {self.number}`"
        require(self.approved_by or not approval_needed, f"{self.number} is not approved: another person {how}")

    def allocate(self, on: date, amount: Decimal | Money | None = None, source: str = "") -> tuple[Allocated, ...]:
        """Settle this bill with credit held here, the oldest first, or of one source; all that fits at most."""
        self._require_there("settled")
        return tuple(
            Allocated(self.last_allocation + place, source, part, max(on, since, self.posted))
            for place, (source, part, since) in enumerate(settling(self, amount, source), 1)
        )

    def unallocate(self, allocation: int, on: date) -> Unallocated:
        """Take back one allocation, whole."""
        self._require_there("changed")
        made = standing(self, allocation, on)
        return Unallocated(allocation, made.source, made.amount, on)

    def give(self, amount: Decimal | Money, on: date, to: str, source: str = "") -> tuple[Given, ...]:
        """Credit held here, of one source or any, for the bill or payment `to`: the same commit records both."""
        self._require_there("refunded")
        parts = leaving(self, amount, to, source)
        return tuple(Given(source, part, max(on, since), self.vendor, self.number, to) for source, part, since in parts)

    def receive(self, *given: Given) -> tuple[Received, ...]:
        """Take what a payment or another bill gave; `allocate` then settles with it."""
        self._require_there("settled")
        for each in given:
            whose = f"{each.origin} is of {each.vendor or 'nobody'}, {self.number} of {self.vendor}"
            require(each.vendor == self.vendor, whose)
            require_meant(self, each)
        return tuple(Received(each.source, each.amount, each.on, each.origin) for each in given)

    # What is recorded has happened

    def before(self, event: Events) -> dict[str, Any]:
        """Old values of what was edited. What else happens is not a change of a field of the same name."""
        return super().before(event) if isinstance(event, Edited) else {}

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        match event:
            case Added():
                return f"{event.number} was added twice" if self.number else misnumbered(event.number, together)
            case Approved():
                if not self.number:
                    return "a bill was approved before it was entered"
                if event.by in (self.added_by, self.edited_by):
                    return f"{self.number} was approved by who entered it"
                if self.voided or event.digest != self.digest:
                    return f"{self.number} is not what was approved"
            case Credited():
                return self._overcredited(event) or misnumbered(event.number, together)
        return ""

    def evolve(self, event: Events) -> Self:
        match event:
            case Added():
                return replace(
                    self, number=event.number, vendor=event.vendor, on=event.on, booked=event.booked,
                    currency=event.currency, seller=event.seller, added_by=event.by,
                    **_entered(event, event.number, event.booked or event.on),
                )  # fmt: skip
            case Edited():
                entered = _entered(event, self.number, self.posted)
                return replace(self, edited_by=event.by, approved_by="", **entered)
            case Approved():
                return replace(self, approved_by=event.by)
            case Credited():
                credits = changed(self.credits, event.number, event.total, event.booked or event.on)
                forgone = self.forgone
                if event.discounted:
                    forgone = lessened(forgone, event.discounted, event.discounted_parts)
                return replace(self, credits=credits, rest=after(self.rest, event.lines), forgone=forgone)
            case Voided():
                return replace(self, owing=ZERO, credits={}, voided=True)
            case Allocated():
                return replace(self, **settled(self, event))
            case Unallocated():
                return replace(self, **unsettled(self, event))
            case Given():
                return replace(self, credits=changed(self.credits, event.source, -event.amount, event.on))
            case Received():
                return replace(self, credits=changed(self.credits, event.source, event.amount, event.on))
            case Discounted() | Tolerated():
                return replace(self, owing=self.owing - event.amount, forgone=(*self.forgone, event))
            case Reinstated():
                return replace(self, owing=self.owing + event.amount, forgone=self.forgone[:-1])
            case Scheduled():
                return replace(self, batch=event.batch)
            case Disputed():
                return replace(self, disputed=event)
            case Resolved():
                return replace(self, disputed=None)
            case _:
                assert_never(event)

    def _require_there(self, verb: str) -> None:
        require(self.number, "there is no such bill")
        require(not self.voided, f"{self.number} was voided: it cannot be {verb}")

    def _require_untouched(self, instead: str) -> None:
        whole = self.owing - self.credit_left == self.total and not self.allocations and self.rest == self.lines
        require(whole, f"{self.number} was settled or credited in part: {instead}")

    def _overcredited(self, event: Credited) -> str:
        """Why this credit note takes more than remains, "" when it does not."""
        if not self.number or self.voided or event.bill != self.number:
            return f"{event.number} credits {event.bill}, which does not stand here"
        return miscounted(event.number, self.lines, self.rest, event.lines, event.total, event.discounted, self.forgone)


def _entered(event: Added | Edited, number: str, posted: date) -> dict[str, Any]:
    """What a bill is once it was entered or changed: nothing of it is settled. One below zero is credit."""
    owed = event.total > ZERO
    return {
        "ref": event.ref, "due": event.due, "lines": event.lines, "rest": event.lines, "taxes": event.taxes,
        "total": event.total, "text": event.text, "discount": event.discount,
        "owing": event.total if owed else Money(0, event.currency),
        "credits": {} if owed else changed({}, number, -event.total, posted),
    }  # fmt: skip


def _require_offered(number: str, total: Money, due: date, discount: Discount | None) -> None:
    require(discount is None or total > ZERO, f"{number} is a credit note: nobody pays it early")
    in_time(number, due, discount)
