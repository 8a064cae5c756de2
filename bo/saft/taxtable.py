"""The tax codes that an audit file tells of."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from aggregates.core import Refused, replace
from aggregates.money import exact
from aggregates.tax import Definition, Rate
from bo.saft.taxes import BOUGHT, UNMAPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregates.tax import Direction
    from bo.bank.xml import Node

SOLD = ("3", "5", "6", "7")
"""What standard codes of taxes on what is sold begin with."""
CATEGORIES = {"5": "Z", "51": "AE", "52": "G", "6": "E", "7": "O"}
"""The categories of EN 16931 of standard codes without a rate."""
REVERSED = ("8", "9")
"""Standard codes of what is bought and whose tax the buyer owes begin so."""
UNTREATED = "0"
_FOLLOWS = re.compile(rf"(AE|S|Z|E|K|G|O)[0-9.]*(?:{BOUGHT})?")
"""A code that follows from category and rate, and needs no definition."""


class TaxTable:
    """Codes with their rates. Those of a file of ours that nobody defined stay undefined."""

    def __init__(self) -> None:
        self.ours = False
        self._codes: dict[str, tuple[int, Definition]] = {}

    def add(self, node: Node) -> None:
        """One rate of a code, of what day on it is in force."""
        code, standard = node.said("TaxCode"), node.said("StandardTaxCode")
        if self.ours and standard == UNMAPPED and _FOLLOWS.fullmatch(code):
            return
        rate = Rate(_day(node.said("EffectiveDate")), exact(node.said("TaxPercentage") or "0"))
        line, known = self._codes.get(code, (node.line, None))
        if known is None:
            known = _definition(code, node.said("Description") or code, standard, rate.rate)
        self._codes[code] = line, replace(known, rates=(*known.rates, rate))

    def name(self, code: str) -> str:
        """What a posting bears for the code of a line."""
        follows = self.ours and code not in self._codes and _FOLLOWS.fullmatch(code)
        return code.removesuffix(BOUGHT) if follows else code

    def definitions(self) -> Iterator[tuple[int, Definition]]:
        """Each code, and the line of the file where it begins."""
        yield from self._codes.values()


def _definition(code: str, name: str, standard: str, rate: Decimal) -> Definition:
    """Its boxes are called as the tax administration calls it: the Norwegian return goes by standard codes."""
    mapped = standard not in ("", UNMAPPED)
    box = "" if standard == UNTREATED else standard if mapped else code
    direction: Direction = "output" if mapped and standard.startswith(SOLD) else "input"
    category = "AE" if standard.startswith(REVERSED) else "S" if rate else CATEGORIES.get(standard, "Z")
    owed = f"{box} owed" if category == "AE" and direction == "input" else ""
    tax = f"{box} tax" if box else ""
    return Definition(code, name, direction, category, (), box, tax, owed, standard if mapped else "")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10]) if text else date.min
    except ValueError:
        raise Refused(f"{text!r} is no date") from None
