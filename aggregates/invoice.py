"""Invoices: drafted, issued under a legal number or imported with their own, then paid, credited or written off."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Self, assert_never

import msgspec

from aggregates import text
from aggregates.core import FINANCE, Event, State, replace, require
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
from aggregates.legal import Document, Party, draft, due_date, fitted, legal
from aggregates.lines import Line
from aggregates.money import ZERO, Money
from aggregates.relief import Discount, given_up, in_time
from aggregates.series import OURS, misnumbered

DRAFT = re.compile(r"D-[0-9A-Z]+")


class Drafted(Event, tag="invoice.drafted"):
    customer: str
    currency: str
    lines: tuple[Line, ...]
    net: Money
    tax: Money
    total: Money
    ref: str
    terms: int
    """Days until it is due."""


class Edited(Drafted, tag="invoice.edited"):
    """The whole draft as it is now."""


class Discarded(Event, tag="invoice.discarded"):
    reason: str


class Issued(Document, tag="invoice.issued"):
    due: date
    ref: str
    discount: Discount | None = None


class Imported(Issued, tag="invoice.imported"):
    """Another system issued it, under the number it gave."""


class Paid(Event, tag="invoice.paid"):
    """Money came in: the customer's credit, until an allocation says what it settles."""

    payment: str
    amount: Money
    on: date
    ref: str


class Credited(Document, tag="invoice.credited"):
    """A credit note: the customer's credit, until an allocation says what it settles."""

    invoice: str
    reason: str
    discounted: tuple[Tax, ...] = ()
    """What goes back of a discount that was taken: the lines are at full price, taxes and totals less this."""
    discounted_parts: tuple[Part, ...] = ()
    """Of that, what is for lines with dimensions."""


class Allocated(Allocation, tag="invoice.allocated"):
    """Credit from `source`, a payment or a credit note, settles a part of this invoice."""


class Unallocated(Allocation, tag="invoice.unallocated"):
    """One whole allocation is taken back: its amount is owing again, and credit again."""


class Given(Event, tag="invoice.given"):
    """Credit held here goes to the invoice `to` of the same customer, or back to or out with the payment `to`."""

    source: str
    amount: Money
    on: date
    customer: str
    origin: str
    to: str


class Received(Event, tag="invoice.received"):
    """Credit held at the invoice or payment `origin` came here."""

    source: str
    amount: Money
    on: date
    origin: str


class Voided(Event, tag="invoice.voided"):
    """Nobody owes `amount` any more. The number stays occupied."""

    amount: Money
    on: date
    reason: str


class WrittenOff(Event, tag="invoice.written_off"):
    """A loss: `taxes` of it are the state's, which gives them back. What is `small` is a difference, no bad debt."""

    amount: Money
    on: date
    reason: str
    small: bool = False
    taxes: tuple[Tax, ...] = ()


class Discounted(Deducted, tag="invoice.discounted"):
    """Deducted by who paid early, so that less was sold for, and less tax is due."""


class Reinstated(Event, tag="invoice.reinstated"):
    """A write-off or discount is taken back, whole: its amount is owing again."""

    amount: Money
    on: date
    reason: str
    was: WrittenOff | Discounted


Drafts = Drafted | Edited | Discarded
Settling = Paid | Allocated | Unallocated | Given | Received
Forgone = WrittenOff | Discounted
Events = Drafts | Issued | Imported | Credited | Settling | Voided | Forgone | Reinstated


class Invoice(State[Events]):
    """A draft keeps its stream when it is issued; an imported invoice has the stream of its number."""

    kind: ClassVar[str] = "invoice"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Issued, Imported, Credited)

    customer: str = ""
    currency: str = ""
    lines: tuple[Line, ...] = ()
    ref: str = ""
    terms: int = 30
    discarded: bool = False
    number: str = ""
    on: date = date.min
    buyer: Party = Party("")
    seller: Party = Party("")
    total: Money = ZERO
    owing: Money = ZERO
    discount: Discount | None = None
    forgone: tuple[Forgone, ...] = ()
    """What was written off and discounted, and stands."""
    voided: bool = False
    rest: tuple[Line, ...] = ()
    """What remains to be credited of each line."""
    payments: int = 0
    credits: Credits = msgspec.field(default_factory=dict)
    allocations: dict[int, Allocated] = msgspec.field(default_factory=dict)
    last_allocation: int = 0

    @property
    def credit_left(self) -> Money:
        """The customer's credit that is held here."""
        return held(self.credits)

    @property
    def credited(self) -> Money:
        """What all credit notes come to."""
        return gone(self.lines, self.rest).total

    @property
    def written_off(self) -> Money:
        """What will not be paid, for whatever reason."""
        return given_up(self)

    # Drafts

    def draft(self, customer: str, lines: Sequence[Line], currency: str, ref: str = "", terms: int = 30) -> Drafted:
        require(not self.customer, "there is a draft with this reference already")
        return Drafted(**_more_than_nothing(draft(customer, lines, currency, ref, terms)))

    def edit(self, **changes: Any) -> tuple[Edited, ...]:
        """Change `customer`, `lines`, `currency`, `ref` or `terms`; no event when the draft says so already."""
        self._require_draft()
        now = {name: getattr(self, name) for name in ("customer", "lines", "currency", "ref", "terms")}
        new = _more_than_nothing(draft(**{**now, **changes}))
        return (Edited(**new),) if any(new[name] != old for name, old in now.items()) else ()

    def discard(self, reason: str = "") -> Discarded:
        self._require_draft()
        return Discarded(text.clean(reason))

    def issue(
        self, number: str, on: date, buyer: Party, seller: Party, due: date | None = None,
        discount: Discount | None = None,
    ) -> Issued:  # fmt: skip
        """Without `due`, the draft's terms say when it is due."""
        self._require_draft()
        liable = {each.category for each in self.lines} & {"AE", "K"}
        require(
            buyer.vat_id or not liable, f"tax category {min(liable, default='')} needs the VAT id of {self.customer}"
        )
        document = legal(number, on, self.customer, buyer, seller, self.lines, self.currency)
        due = due_date(on, due, self.terms)
        in_time(number, due, discount)
        return Issued(due=due, ref=self.ref, discount=discount, **document)

    def import_(
        self,
        number: str,
        on: date,
        customer: str,
        buyer: Party,
        seller: Party,
        lines: Sequence[Line],
        currency: str,
        due: date | None = None,
        ref: str = "",
        terms: int = 30,
        total: Decimal | Money | None = None,
        discount: Discount | None = None,
    ) -> Imported:
        """Take over an issued invoice; `total` is what its source says it comes to."""
        require(not self.customer, f"{number} is here already")
        number = text.reference(number)
        ours = OURS.fullmatch(number) or DRAFT.fullmatch(number)
        require(not ours, f"{number} looks like a number of our own: import it under another")
        drafted = draft(customer, lines, currency, ref, terms)
        document = legal(number, on, customer, buyer, seller, drafted["lines"], currency)
        comes_to = document["total"]
        require(comes_to >= ZERO, f"{number} comes to {comes_to}: a credit note is not an invoice")
        stated = comes_to if total is None else fitted(total, currency, number)
        require(stated == comes_to, f"the lines of {number} come to {comes_to}, not {stated}")
        due = due_date(on, due, terms)
        in_time(number, due, discount)
        return Imported(due=due, ref=drafted["ref"], discount=discount, **document)

    # Settling

    def pay(self, amount: Decimal | Money, on: date, ref: str = "") -> tuple[Paid, *tuple[Allocated, ...]]:
        """What is more than owing stays as credit. A payment can be dated before its invoice."""
        self.require_issued("paid")
        amount = fitted(amount, self.currency, self.number)
        require(amount > ZERO, f"a payment is more than zero, not {amount}")
        paid = Paid(f"{self.number}.{self.payments + 1}", amount, on, text.line(ref))
        if not self.owing:
            return (paid,)
        return paid, self._allocation(paid.payment, min(amount, self.owing), on)

    def credit(
        self, number: str, on: date, reason: str, claims: Sequence[Claim] = ()
    ) -> tuple[Credited, *tuple[Allocated, ...]]:
        """A credit note over `claims`, or all that remains. What is more than owing stays as credit."""
        self.require_issued("credited")
        require(reason.strip(), "a credit note needs a reason")
        require(on >= self.on, f"{self.number} is dated {self.on}: a credit note of {on} would precede it")
        fields = credit_note(self.number, self.lines, self.rest, claims, self.forgone)
        since = max((each.on for each in self.forgone if isinstance(each, Discounted)), default=on)
        early = f"{self.number} was discounted on {since}: a credit note of {on} would give back what was not taken yet"
        require(on >= since or not fields["discounted"], early)
        note = Credited(
            number=number, on=on, customer=self.customer, buyer=self.buyer, seller=self.seller, currency=self.currency,
            rendering=1, invoice=self.number, reason=text.clean(reason), **fields,
        )  # fmt: skip
        if not self.owing:
            return (note,)
        return note, self._allocation(number, min(note.total, self.owing), on)

    def allocate(self, on: date, amount: Decimal | Money | None = None, source: str = "") -> tuple[Allocated, ...]:
        """Settle this invoice with credit held here, the oldest first, or of one source; all that fits at most."""
        self.require_issued("settled")
        return tuple(
            self._allocation(source, part, max(on, since), place)
            for place, (source, part, since) in enumerate(settling(self, amount, source), 1)
        )

    def unallocate(self, allocation: int, on: date) -> Unallocated:
        """Take back one allocation, whole."""
        self.require_issued("changed")
        made = standing(self, allocation, on)
        return Unallocated(allocation, made.source, made.amount, on)

    def give(self, amount: Decimal | Money, on: date, to: str, source: str = "") -> tuple[Given, ...]:
        """Credit held here, of one source or any, for the invoice or payment `to`: the same commit records both."""
        require(self.number, "a draft holds no credit")
        parts = leaving(self, amount, to, source)
        return tuple(
            Given(source, part, max(on, since), self.customer, self.number, to) for source, part, since in parts
        )

    def receive(self, *given: Given) -> tuple[Received, ...]:
        """Take what another invoice gave; `allocate` then settles with it."""
        self.require_issued("settled")
        for each in given:
            whose = f"{each.origin} is of {each.customer or 'nobody'}, {self.number} of {self.customer}"
            require(each.customer == self.customer, whose)
            require_meant(self, each)
        return tuple(Received(each.source, each.amount, each.on, each.origin) for each in given)

    def void(self, on: date, reason: str) -> Voided:
        """Only what was never delivered: what reached the customer is corrected by a credit note."""
        self.require_issued("voided")
        require(reason.strip(), "a void needs a reason")
        require(on >= self.on, f"{self.number} is dated {self.on}: it cannot be voided on {on}")
        untouched = not self.allocations and self.owing == self.total and not self.credited
        require(untouched, f"{self.number} was settled or credited in part: correct it with a credit note")
        return Voided(self.owing, on, text.clean(reason))

    # What is recorded has happened

    def before(self, event: Events) -> dict[str, Any]:
        """Old values of a draft. What follows is not a change of a field, though fields bear the same name."""
        return super().before(event) if isinstance(event, Edited) else {}

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        match event:
            case Imported():
                ours = OURS.fullmatch(event.number) or DRAFT.fullmatch(event.number)
                if self.customer or ours:
                    return f"{event.number} is not a number an imported invoice can have here"
            case Issued():
                if self.number or self.discarded or not self.customer:
                    return f"{event.number} was issued without a draft"
                return misnumbered(event.number, together)
            case Credited():
                return self._overcredited(event) or misnumbered(event.number, together)
        return ""

    def evolve(self, event: Events) -> Self:
        match event:
            case Drafted():
                return replace(
                    self, customer=event.customer, currency=event.currency, lines=event.lines, ref=event.ref,
                    terms=event.terms,
                )  # fmt: skip
            case Discarded():
                return replace(self, discarded=True)
            case Issued():
                return replace(
                    self, customer=event.customer, currency=event.currency, lines=event.lines, ref=event.ref,
                    number=event.number, on=event.on, buyer=event.buyer, seller=event.seller, total=event.total,
                    owing=event.total, rest=event.lines, discount=event.discount,
                )  # fmt: skip
            case Paid():
                credits = changed(self.credits, event.payment, event.amount, event.on)
                return replace(self, credits=credits, payments=self.payments + 1)
            case Credited():
                credits = changed(self.credits, event.number, event.total, event.on)
                forgone = self.forgone
                if event.discounted:
                    forgone = lessened(forgone, event.discounted, event.discounted_parts)
                return replace(self, credits=credits, rest=after(self.rest, event.lines), forgone=forgone)
            case Allocated():
                return replace(self, **settled(self, event))
            case Unallocated():
                return replace(self, **unsettled(self, event))
            case Given():
                return replace(self, credits=changed(self.credits, event.source, -event.amount, event.on))
            case Received():
                return replace(self, credits=changed(self.credits, event.source, event.amount, event.on))
            case Voided():
                return replace(self, owing=ZERO, voided=True)
            case WrittenOff() | Discounted():
                return replace(self, owing=self.owing - event.amount, forgone=(*self.forgone, event))
            case Reinstated():
                return replace(self, owing=self.owing + event.amount, forgone=self.forgone[:-1])
            case _:
                assert_never(event)

    def _require_draft(self) -> None:
        require(self.customer, "there is no such draft")
        require(not self.number, f"this draft was issued as {self.number}")
        require(not self.discarded, "this draft was discarded")

    def require_issued(self, verb: str) -> None:
        """Refuse what is done to an invoice that was issued and stands."""
        require(self.customer, "there is no such invoice")
        require(self.number, f"a draft cannot be {verb}: issue it first")
        require(not self.voided, f"{self.number} was voided: it cannot be {verb}")

    def _allocation(self, source: str, amount: Money, on: date, place: int = 1) -> Allocated:
        """Of the later of two dates: the credit's and the invoice's."""
        return Allocated(self.last_allocation + place, source, amount, max(on, self.on))

    def _overcredited(self, event: Credited) -> str:
        """Why this credit note takes more than remains, "" when it does not."""
        if not self.number or self.voided or event.invoice != self.number:
            return f"{event.number} credits {event.invoice}, which is not issued here"
        return miscounted(event.number, self.lines, self.rest, event.lines, event.total, event.discounted, self.forgone)


def _more_than_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    require(fields["total"] > ZERO, f"the total of an invoice is more than zero, not {fields['total']}")
    return fields
