"""Accounts of the chart: defined, given the roles that rules call them by, closed."""

import re
from collections.abc import Container, Sequence
from datetime import date
from typing import ClassVar, Self, assert_never

from aggregates.chart import CONTROLS, TYPES, Chart, Definition
from aggregates.core import FINANCE, Event, Refused, State, replace, require
from aggregates.money import Money, digits_of
from aggregates.posting import CLASSES, ROLES
from aggregates.text import line, shown

NUMBER = re.compile(r"[0-9A-Za-z]([0-9A-Za-z._-]{0,30}[0-9A-Za-z])?")


class Defined(Event, tag="account.defined"):
    """The whole account as it is now."""

    number: str
    name: str
    category: str
    parent: str
    currency: str
    control: str
    tax: str


class Assigned(Event, tag="account.assigned"):
    """From here on the account plays a role; another one that did plays it no more."""

    role: str


class Closed(Event, tag="account.closed"):
    on: date
    reason: str


class Reopened(Event, tag="account.reopened"):
    on: date
    reason: str


Events = Defined | Assigned | Closed | Reopened


class Account(State[Events]):
    """A stream `account/NUMBER`. One of the built-in chart has no event until somebody changes it."""

    kind: ClassVar[str] = "account"
    compartment: ClassVar[int] = FINANCE

    name: str = ""
    category: str = ""
    parent: str = ""
    currency: str = ""
    control: str = ""
    tax: str = ""
    closed: bool = False

    def define(self, new: Definition, chart: Chart, used: Container[str]) -> tuple[Defined, ...]:
        """Add an account or change it; no event when it is so already. `used` are those that have been posted to."""
        number = new.number
        require(NUMBER.fullmatch(number), f"{shown(number)} is no account number: 1 to 32 letters, digits, . _ or -")
        require(new.category in TYPES, f"{shown(new.category)} is no type of account: {', '.join(TYPES)}")
        if new.currency:
            digits_of(new.currency)
        require(
            new.control in ("", *CONTROLS), f"{shown(new.control)} is no kind of control account: receivable, payable"
        )
        require(line(new.name), f"account {number} needs a name")
        old = chart.accounts.get(number)
        if old and number in used:
            for field in ("category", "currency", "control"):
                was, now = getattr(old, field), getattr(new, field)
                what = {"category": "type"}.get(field, field)
                require(was == now, f"{number} {old.name} has been posted to: its {what} stays {was or 'open'}")
        self._require_place(new, chart, used)
        return () if old == new else (Defined(number, line(new.name), *_rest(new)),)

    def assign(self, role: str, account: Definition, chart: Chart) -> tuple[Assigned, ...]:
        """Let the account play a role; no event when it does."""
        require(role in ROLES, f"there is no role {shown(role)}: the roles are {', '.join(ROLES)}")
        if chart.roles.get(role) == account.number:
            return ()
        heading = role not in CLASSES and next(chart.below(account.number), "")
        require(not heading, f"{account.number} {account.name} is a heading: it plays no role")
        require(account.number not in chart.closed, f"{account.number} {account.name} is closed")
        if role in CONTROLS:
            require(
                account.control == role,
                f"{account.number} {account.name} is no control account: define it with --control {role}",
            )
        else:
            require(
                not account.control, f"{account.number} {account.name} is a control account: it plays no other role"
            )
        one = role not in CLASSES and account.currency
        require(not one, f"{account.number} {account.name} takes {account.currency} only: a role takes any")
        return (Assigned(role),)

    def close(self, on: date, reason: str, chart: Chart, number: str, balance: Sequence[Money]) -> Closed:
        name = f"{number} {chart.accounts[number].name}"
        require(number not in chart.closed, f"{name} is closed already")
        require(reason.strip(), "closing an account needs a reason")
        roles = [role for role, account in chart.roles.items() if account == number]
        require(not roles, f"{name} plays the role {', '.join(roles)}: assign it to another account first")
        below = next((each for each in chart.below(number) if each not in chart.closed), "")
        require(not below, f"{name} is the heading of {below}, which is open")
        require(not balance, f"{name} has a balance of {' and '.join(map(str, balance))}: clear it first")
        return Closed(on, reason.strip())

    def reopen(self, on: date, reason: str) -> Reopened:
        require(self.closed, "this account is not closed")
        require(reason.strip(), "reopening an account needs a reason")
        return Reopened(on, reason.strip())

    def _require_place(self, new: Definition, chart: Chart, used: Container[str]) -> None:
        """The heading it stands under is there, of the same type, above it, and posted to by nobody."""
        if not new.parent:
            return
        number, parent = new.number, chart.accounts.get(new.parent)
        if parent is None:
            raise Refused(f"there is no account {shown(new.parent)} to stand under")
        name = f"{parent.number} {parent.name}"
        loop = new.parent == number or new.parent in set(chart.below(number))
        require(not loop, f"{number} cannot stand under itself")
        require(
            parent.category == new.category,
            f"{number} is of type {new.category}, its heading {name} of type {parent.category}",
        )
        if not next(chart.below(parent.number), ""):
            played = (role for role, account in chart.roles.items() if account == parent.number)
            roles = ", ".join(role for role in played if role not in CLASSES)
            require(not roles, f"{name} plays the role {roles}: it cannot become a heading")
            require(parent.number not in used, f"{name} has been posted to: it cannot become a heading")

    def evolve(self, event: Events) -> Self:
        match event:
            case Defined():
                name, *rest = event.name, *_rest(event)
                fields = zip(("category", "parent", "currency", "control", "tax"), rest, strict=True)
                return replace(self, name=name, **dict(fields))
            case Assigned():
                return self
            case Closed():
                return replace(self, closed=True)
            case Reopened():
                return replace(self, closed=False)
            case _:
                assert_never(event)


def _rest(of: Definition | Defined) -> tuple[str, str, str, str, str]:
    return of.category, of.parent, of.currency, of.control, of.tax
