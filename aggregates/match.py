"""What lines of bank statements were found to be: payments or accounts, confirmed by somebody, and taken back."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar, Self, assert_never

import msgspec

from aggregates.bank import Line
from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.match_rules import BUILT_IN, Rule, checked
from aggregates.money import ZERO, Money
from aggregates.posting import Posting, differences, turned
from aggregates.text import clean, shown


class Freed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a payment settled before it was returned."""

    document: str
    amount: Money


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a part of a line is for: a payment, made by the match or recorded before, or an account."""

    to: str
    """`payment/PAY-2026-0001`, the payment of an invoice as `invoice/KEY/NUMBER.1`, or `account/6500`; what an entry or
    another line posted to the account of this bank as `entry/JE-2026-0001/1200` or `match/L-7K3FQ/1200`."""
    amount: Money
    made: bool = False
    about: str = ""
    """What a payment that was made settles, for people: INV-2026-0001."""
    party: str = ""
    returns: str = ""
    """The payment that this one gives back, whose documents are open again."""
    freed: tuple[Freed, ...] = ()


class Confirmed(Event, tag="match.confirmed"):
    """Somebody confirmed what a line is; `rule` and `version` say which rule suggested it, if one did."""

    match: int
    bank: str
    on: date
    amount: Money
    targets: tuple[Target, ...]
    postings: tuple[Posting, ...]
    rule: str = ""
    version: int = 0
    text: str = ""
    booked: date | None = None


class Undone(Event, tag="match.undone"):
    """The match is taken back, with what it posted."""

    match: int
    bank: str
    on: date
    amount: Money
    targets: tuple[Target, ...]
    postings: tuple[Posting, ...]
    reason: str


class Linked(Event, tag="match.linked"):
    """A line is what the bank says of this payment, or of a part of it."""

    line: str
    amount: Money
    whole: Money
    """All of the payment, as the bank sees it: money out is negative."""


class Unlinked(Event, tag="match.unlinked"):
    line: str
    amount: Money


class Ruled(Event, tag="match.ruled"):
    """All matching rules in their order, as they are from here on."""

    version: int
    rules: tuple[Rule, ...]


class Match(State[Confirmed | Undone]):
    """A stream `match/LINE`: what one line was found to be, and found not to be."""

    kind: ClassVar[str] = "match"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Confirmed,)

    last: int = 0
    matched: Confirmed | None = None

    def confirm(
        self,
        bank: str,
        of: Line,
        account: str,
        targets: tuple[Target, ...],
        to_accounts: Sequence[Posting] = (),
        rule: str = "",
        version: int = 0,
        booked: date | None = None,
    ) -> Confirmed:
        """Say what the whole line is. What goes to accounts is posted against the account of the bank."""
        require(self.matched is None, f"{of.id} is matched already: `bo bank undo {of.id}` first")
        require(booked is None or booked >= of.on, f"{of.id} is dated {of.on}: it cannot be booked before, on {booked}")
        told = sum((each.amount for each in targets), ZERO)
        require(told == of.amount, f"{of.id} is {of.amount}, its targets come to {told}: say where the rest goes")
        moved = -sum((each.amount for each in to_accounts), ZERO)
        postings = (Posting(account, moved, text=of.text[:200]), *to_accounts) if to_accounts else ()
        return Confirmed(
            self.last + 1, bank, of.on, of.amount, targets, tuple(postings), rule, version, of.text[:200], booked
        )

    def undo(self, id: str, on: date | None, reason: str) -> Undone:
        made = self.matched
        require(made, f"{id} is not matched: there is nothing to undo")
        assert made is not None
        since = made.booked or made.on
        on = on or since
        require(on >= since, f"{id} was matched on {since}: that cannot be undone on {on}")
        require(reason.strip(), "undoing a match needs a reason")
        return Undone(made.match, made.bank, on, made.amount, made.targets, turned(made.postings), clean(reason))

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        """A line is one thing at a time, whole, and what it posts balances."""
        if not isinstance(event, Confirmed):
            return ""
        if self.matched is not None:
            return "a bank line was matched twice"
        sums = Counter[str]()
        for each in event.targets:
            sums[each.amount.currency] += each.amount.minor
        sums[event.amount.currency] -= event.amount.minor
        return "a bank line was matched in part" if any(sums.values()) or differences(event.postings) else ""

    def before(self, event: Any) -> dict[str, Any]:
        return {}

    def evolve(self, event: Confirmed | Undone) -> Self:
        match event:
            case Confirmed():
                return replace(self, last=event.match, matched=event)
            case Undone():
                return replace(self, matched=None)
            case _:
                assert_never(event)


class Link(State[Linked | Unlinked]):
    """A stream `matchlink/payment/PAY-2026-0001`: which lines are that payment, so that none is counted twice."""

    kind: ClassVar[str] = "matchlink"
    compartment: ClassVar[int] = FINANCE
    rechecked: ClassVar[tuple[type[Event], ...]] = (Linked,)

    lines: dict[str, Money] = msgspec.field(default_factory=dict)

    @property
    def linked(self) -> Money:
        return sum(self.lines.values(), ZERO)

    def link(self, name: str, whole: Money, by: str, amount: Money) -> Linked:
        require(by not in self.lines, f"{name} is linked to {by} already")
        left = whole - self.linked
        fits = (amount.minor > 0) == (whole.minor > 0) and abs(amount) <= abs(left)
        require(fits and amount, f"{left} of {name} is not on a statement yet, and the line says {amount}")
        return Linked(by, amount, whole)

    def unlink(self, by: str) -> Unlinked:
        require(by in self.lines, f"the payment is not linked to {by}")
        return Unlinked(by, self.lines[by])

    def contradiction(self, event: Event, together: tuple[Event, ...] | None) -> str:
        """No payment is on statements with more than it moved."""
        if not isinstance(event, Linked):
            return ""
        linked = [event.amount, *self.lines.values()]
        ways = {(each.currency, each.minor > 0) for each in (*linked, event.whole)}
        over = abs(sum(each.minor for each in linked)) > abs(event.whole.minor)
        return (
            "a payment was found on bank statements twice" if over or len(ways) > 1 or event.line in self.lines else ""
        )

    def before(self, event: Any) -> dict[str, Any]:
        return {}

    def evolve(self, event: Linked | Unlinked) -> Self:
        match event:
            case Linked():
                return replace(self, lines={**self.lines, event.line: event.amount})
            case Unlinked():
                return replace(self, lines={by: amount for by, amount in self.lines.items() if by != event.line})
            case _:
                assert_never(event)


class Rules(State[Ruled]):
    """The one stream `matchrules/rules`."""

    kind: ClassVar[str] = "matchrules"
    compartment: ClassVar[int] = FINANCE
    last_is_all: ClassVar[bool] = True

    version: int = 0
    rules: tuple[Rule, ...] = BUILT_IN

    def add(self, rule: Rule, place: int = 0) -> Ruled:
        """A new rule at a place counted from 1, or behind all others."""
        require(all(each.name != rule.name for each in self.rules), f"there is a rule {shown(rule.name)} already")
        at = place - 1 if place else len(self.rules)
        require(0 <= at <= len(self.rules), f"there are {len(self.rules)} rules: place {place} is none of theirs")
        return Ruled(self.version + 1, (*self.rules[:at], checked(rule), *self.rules[at:]))

    def drop(self, name: str) -> Ruled:
        rest = tuple(each for each in self.rules if each.name != name)
        known = ", ".join(each.name for each in self.rules)
        require(len(rest) < len(self.rules), f"there is no rule {shown(name)}: there are {known}")
        return Ruled(self.version + 1, rest)

    def evolve(self, event: Ruled) -> Self:
        return type(self)(event.version, event.rules)
