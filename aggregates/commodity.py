"""Commodities: shares, hours and whatever else is counted on accounts besides the currencies of ISO 4217."""

import re
from typing import ClassVar, Self

from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.currencies import DIGITS
from aggregates.text import line, shown

CODE = re.compile(r"[A-Z]([A-Z0-9._-]{0,22}[A-Z0-9])?")
MOST = 8
"""Decimals, at most."""


class Defined(Event, tag="commodity.defined"):
    """From here on amounts of `code` have so many decimals, for ever: they are kept in the smallest unit."""

    code: str
    digits: int
    name: str


class Commodity(State[Defined]):
    """A stream `commodity/CODE`. Amounts of it are Money, and post like those of any currency."""

    kind: ClassVar[str] = "commodity"
    compartment: ClassVar[int] = FINANCE

    digits: int = -1
    name: str = ""

    def define(self, code: str, digits: int, name: str = "") -> tuple[Defined, ...]:
        """Define it, or name it anew; no event when it is so already."""
        require(CODE.fullmatch(code), f"{shown(code)} is no commodity: 1 to 24 capital letters, digits, . _ or -")
        require(code not in DIGITS, f"{code} is a currency of ISO 4217")
        require(0 <= digits <= MOST, f"a commodity has 0 to {MOST} decimals, not {digits}")
        fixed = f"{code} has {self.digits} decimals here, and keeps them: {digits} are too many"
        require(self.digits < 0 or digits <= self.digits, fixed)
        known = max(digits, self.digits)
        return () if (known, line(name)) == (self.digits, self.name) else (Defined(code, known, line(name)),)

    def evolve(self, event: Defined) -> Self:
        return replace(self, digits=event.digits, name=event.name)
