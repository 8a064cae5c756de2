"""What a journal of plain-text accounting says, before it is worked out what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

LONGEST_LINE = 4000
LONGEST_NUMBER = 64
PARTY = re.compile(r"(customer|vendor)/([^,]*[^\s,])")
"""How our own exports say with whom a line is."""

Virtual = Literal["", "(", "["]


class Amount(NamedTuple):
    number: Decimal
    currency: str


@dataclass
class Leg:
    """A line of an entry. `units` is None where it takes what the others leave; `weight` is what it balances by.

    `asserted` is what stands on the account behind it, and on those `below` it; a line that says that and no units
    moves what is missing. What is `virtual` counts where balances are asserted and nowhere else: in brackets such lines
    balance among themselves, in parentheses they need not.
    """

    line: int
    account: str
    units: Amount | None
    weight: Amount | None = None
    text: str = ""
    asserted: Amount | None = None
    below: bool = False
    virtual: Virtual = ""
    party: str = ""


@dataclass
class Written:
    """An entry as somebody wrote it."""

    line: int
    on: date
    text: str
    legs: list[Leg]
    tags: tuple[str, ...] = ()


class Assertion(NamedTuple):
    """What stands on an account, and on those below it, when the day begins."""

    line: int
    on: date
    account: str
    amount: Amount
    tolerance: Decimal


class Pad(NamedTuple):
    """The next assertion of the account is made true on this day, from another account."""

    line: int
    on: date
    account: str
    source: str


@dataclass
class Journal:
    """One file. `types` says what each account is, `numbers` and `names` what its number and name are to be."""

    types: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    commodities: dict[str, str] = field(default_factory=dict)
    entries: list[Written] = field(default_factory=list)
    assertions: list[Assertion] = field(default_factory=list)
    pads: list[Pad] = field(default_factory=list)
    left: dict[str, list[int]] = field(default_factory=dict)
    """What is not taken over, and on which lines."""
    at: int = 0
    """The line that is being read."""
    rounds: bool = False
    """What an entry leaves out is rounded as its other amounts are written."""
    lots_round: bool = False
    """An entry may be off by what half a unit of a lot's last decimal cost."""

    def leave(self, what: str) -> None:
        self.left.setdefault(what, []).append(self.at)
