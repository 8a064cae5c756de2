"""Tax codes: in which box of a return a posting belongs, and at what rate."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from projections.taxed import Posted, Seen, posted

if TYPE_CHECKING:
    from projections.core import Views


class Code(msgspec.Struct):
    """`built_in` are those that follow from what was posted, without being defined."""

    code: str
    name: str
    direction: str
    category: str
    rate: str
    since: date | None
    base_box: str
    tax_box: str
    owed_box: str
    standard: str = ""
    built_in: bool = False


class Codes:
    """In which box a posting belongs: that of the code that bears its rate, else one called after its rate."""

    def __init__(self, views: Views) -> None:
        self._by_name: dict[tuple[str, str], list[tuple[date, Code]]] = {}
        for code in _defined(views, date.max):
            named = views.rows("SELECT name, since FROM tax_rate WHERE code = ?", code.code)
            for name, since in (*named, (code.code, "0001-01-01")):
                known = self._by_name.setdefault((code.direction, name), [])
                known.append((date.fromisoformat(since), code))

    def box(self, each: Posted) -> tuple[str, str]:
        """The box, "" for none, and what it is called."""
        code = self.of(each.direction, each.tax, each.on)
        return {"base": code.base_box, "tax": code.tax_box, "owed": code.owed_box}[each.part], code.name

    def of(self, direction: str, tax: str, day: date) -> Code:
        known = self._by_name.get((direction, tax), [])
        begun = [pair for pair in known if pair[0] <= day] or known
        return max(begun, key=lambda pair: pair[0])[1] if begun else _built_in(direction, tax)


def listed(views: Views, today: date) -> list[Code]:
    """The codes that are defined, with the rate in force; then those of what was posted without one."""
    codes, always = Codes(views), Seen(date.min, date.max)
    used = {(each.direction, each.tax): each.on for each in posted(views, always)}
    found = {key: codes.of(*key, day) for key, day in sorted(used.items())}
    return [*_defined(views, today), *(code for code in found.values() if code.built_in)]


def _defined(views: Views, day: date) -> list[Code]:
    return views.all(
        Code,
        """SELECT c.code, c.name, direction, category, rate, nullif(since, '0001-01-01') AS since,
            base_box, tax_box, owed_box, standard
            FROM tax_code c JOIN tax_rate r ON r.code = c.code AND r.since = coalesce(
                (SELECT MAX(since) FROM tax_rate WHERE code = c.code AND since <= ?),
                (SELECT MIN(since) FROM tax_rate WHERE code = c.code)) ORDER BY c.code""",
        day,
    )


def rates(views: Views) -> dict[str, list[tuple[date, Decimal]]]:
    """The rates of each code that is defined, and since when."""
    found: dict[str, list[tuple[date, Decimal]]] = {}
    for code, since, rate in views.rows("SELECT code, since, rate FROM tax_rate ORDER BY code, since"):
        found.setdefault(code, []).append((date.fromisoformat(since), Decimal(rate)))
    return found


def _built_in(direction: str, tax: str) -> Code:
    """A category of EN 16931 at a rate is a code without being defined, with boxes of its own."""
    category = tax.rstrip("0123456789.")
    base, of_tax = ("sales", "output") if direction == "output" else ("purchases", "input")
    owed = f"{tax} owed" if direction == "input" and category in ("AE", "K") else ""
    boxes = f"{tax} {base}", f"{tax} {of_tax}", owed
    return Code(tax, f"{tax} on {base}", direction, category, tax[len(category) :] or "0", None, *boxes, built_in=True)
