"""What every reader of bank files gives: statements, their lines, and what is odd about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Literal

import msgspec

from aggregates.core import Refused
from aggregates.currencies import DIGITS
from aggregates.money import Money, exact
from aggregates.text import shown
from bo.encodings import plain

LONGEST = 64 << 20
"""No file of a bank is larger, in bytes."""
TEXT = 1000
"""So many letters of a text are kept; the file itself is filed whole."""

Status = Literal["booked", "pending", "information", "future"]


class Balance(msgspec.Struct, frozen=True):
    """`kind` in words, such as `opening` or `closing-available`."""

    kind: str
    amount: Money
    on: date | None = None


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One payment within a booking; a batch has many. `reference` is the creditor's, from a slip or an invoice."""

    amount: Money | None = None
    counterpart: str = ""
    iban: str = ""
    text: str = ""
    reference: str = ""
    end_to_end: str = ""
    original: Money | None = None
    """In the currency it was ordered in, where that is another one."""
    charges: Money | None = None


class Line(msgspec.Struct, frozen=True):
    """A booking on the account: money in is positive. `reference` is the bank's own, `at` the line of the file."""

    on: date
    amount: Money
    value_on: date | None = None
    counterpart: str = ""
    iban: str = ""
    text: str = ""
    reference: str = ""
    end_to_end: str = ""
    kind: str = ""
    batch: str = ""
    status: Status = "booked"
    reversal: bool = False
    parts: tuple[Part, ...] = ()
    at: int = 0


class Statement(msgspec.Struct, frozen=True):
    """`account` is an IBAN, or a number as the bank writes it. `fault`: why its balances cannot be read."""

    format: str
    account: str
    currency: str
    number: str = ""
    numbers: tuple[int, ...] = ()
    """The number in a row that the bank counts, and that of a page; none where `number` is but a name."""
    opening: Balance | None = None
    closing: Balance | None = None
    first: date | None = None
    last: date | None = None
    lines: tuple[Line, ...] = ()
    balances: tuple[Balance, ...] = ()
    fault: str = ""
    info: str = ""
    at: int = 0

    @property
    def booked(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.status == "booked")

    def unsound(self) -> str:
        """Why its balances and lines do not agree, "" when they do or when there is nothing to compare."""
        if self.fault:
            return self.fault
        if self.opening is None or self.closing is None:
            return ""
        amounts = [self.opening.amount, self.closing.amount, *(line.amount for line in self.booked)]
        foreign = sorted({amount.currency for amount in amounts} - {self.currency})
        if foreign:
            return f"the statement is in {self.currency or 'no currency'}, and some of it in {', '.join(foreign)}"
        moved = sum((line.amount for line in self.booked), Money(0, self.currency))
        if self.opening.amount + moved == self.closing.amount:
            return ""
        return (
            f"it opens with {self.opening.amount} and moves {moved}, which is {self.opening.amount + moved},"
            f" and closes with {self.closing.amount}"
        )


Ours = Callable[[str, int], bool]
"""Whether a statement of this account, written from this line on, is to be read; a file may have others too."""


def anybodys(account: str, at: int) -> bool:
    """Of whatever account it is."""
    return True


NOTHING = {"NONREF", "NOREF", "KREF+", "EREF", "NOTPROVIDED", "NONE"}
"""What stands where a reference is required and there is none."""


def reference(text: str | None) -> str:
    """A reference, "" for one that says there is none."""
    plainly = said(text or "")
    return "" if plainly.upper().replace(" ", "") in NOTHING else plainly


def numbers(*texts: str) -> tuple[int, ...]:
    """What a bank counts, such as `5/1`; nothing where it is no number."""
    found = [part for text in texts for part in text.strip().split("/") if part.strip()]
    return tuple(map(int, found)) if all(re.fullmatch("[0-9]{1,18}", part) for part in found) else ()


def said(*texts: str) -> str:
    """What a bank wrote as one line of text without anything invisible."""
    joined = " ".join(" ".join(plain(text[: TEXT * 4]).split()) for text in texts if text)
    return joined.strip()[:TEXT]


def money(text: str, currency: str) -> Money:
    """An amount as banks write it, `1234.5` or `1234,50`, exactly. Raises Refused."""
    return Money.of(exact(text.strip().replace(",", ".", 1)), currency.strip().upper())


def day(text: str) -> date:
    """The day in `2026-01-31`, also with a time or a zone behind it: the bank's own day. Raises Refused."""
    return _day(text.strip(), text.strip()[:10])


def digits_day(text: str) -> date:
    """The day in `20260131`, also with a time or a zone behind it. Raises Refused."""
    digits = text.strip()[:8]
    return _day(text.strip(), f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if digits.isascii() else "")


def _day(text: str, iso: str) -> date:
    try:
        found = date.fromisoformat(iso) if len(iso) == 10 and iso.isascii() else None
    except ValueError:
        found = None
    if found is None or not 1900 <= found.year <= 2999:
        raise Refused(f"{shown(text)} is not a date")
    return found


def account(text: str) -> str:
    """An account without blanks and small letters, and without a currency written behind an IBAN."""
    plainly = "".join(said(text).split()).upper()
    if plainly[-3:] in DIGITS and plainly[:2].isalpha() and len(plainly) > 15:
        return plainly[:-3]
    return plainly
