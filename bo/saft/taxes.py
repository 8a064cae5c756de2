"""Taxes in an audit file: the table of codes with their rates, and what each line says of its tax."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from aggregates.en16931 import tax_on
from aggregates.money import Money, proportion
from bo import exporting
from bo.saft.elements import around, element
from projections import auditfile
from projections.taxcodes import Codes, rates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bo.dates import Period
    from projections.auditfile import Entry, Line
    from projections.core import Views
    from projections.taxcodes import Code

UNMAPPED = "NA"
"""The standard code of what has none, as the schema wants it."""
BOUGHT = "-IN"
"""A code that nobody defined, as S19, is two: what is bought is told by this."""
ALWAYS = date.min


class Taxes:
    """The codes of a period. What nobody defined follows from its category and rate."""

    def __init__(self, views: Views, period: Period, version: str, base: str) -> None:
        self.version, self.base = version, base
        self.codes, self.rates = Codes(views), rates(views)
        used = (self.codes.of(*tax) for tax in auditfile.taxes(views, *period))
        self.used = {_name(code): code for code in used}

    def table(self) -> Iterator[str]:
        """Every code that a line of the period bears, with all its rates."""
        if not self.used:
            return
        yield "<TaxTable>\n"
        for name, code in sorted(self.used.items()):
            known = [(ALWAYS, Decimal(code.rate))] if code.built_in else self.rates[code.code]
            days = pairwise([*known, (date.max, Decimal(0))])
            details = (self._details(name, code, since, rate, until) for (since, rate), (until, _) in days)
            yield around(
                "TaxTableEntry", element("TaxType", "MVA"), element("Description", "Merverdiavgift"), *details
            ) + "\n"  # fmt: skip
        yield "</TaxTable>\n"

    def _details(self, name: str, code: Code, since: date, rate: Decimal, until: date) -> str:
        return around(
            "TaxCodeDetails",
            element("TaxCode", name),
            element("EffectiveDate", since) if since != ALWAYS else "",
            element("ExpirationDate", until - timedelta(1)) if until != date.max else "",
            element("Description", code.name), element("TaxPercentage", f"{rate:f}"), element("Country", "NO"),
            element("StandardTaxCode", code.standard or UNMAPPED), element("BaseRate", 100),
        )  # fmt: skip

    def of_lines(self, entry: Entry) -> dict[int, str]:
        """What the lines of an entry say of their taxes, by their places.

        A taxed line says its base and its part of the tax; a tax line says nothing of its own, unless it is alone.
        """
        found: dict[int, str] = {}
        places: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, line in enumerate(entry.lines):
            if line.tax:
                places[line.direction, line.tax].append(place)
        for (direction, tax), at in places.items():
            taxed = [place for place in at if entry.lines[place].part == "base"]
            taxes = [place for place in at if entry.lines[place].part == "tax"]
            day = date.fromisoformat(entry.on)
            code = self.codes.of(direction, tax, day)
            rate = self._rate(code, tax, day)
            bases = [entry.lines[place].base for place in taxed]
            if taxes or entry.document:
                amounts = _shared(sum(entry.lines[place].base for place in taxes), bases)
            else:  # it came from elsewhere, with accounts of tax that play no role here
                amounts = [tax_on(Money(base, self.base), rate).minor for base in bases]
            for place, base, amount in zip(taxed, bases, amounts, strict=True):
                found[place] = self._information(code, rate, entry.lines[place], base, amount)
            if not taxed:
                found |= {
                    place: self._information(code, rate, entry.lines[place], None, entry.lines[place].base)
                    for place in taxes
                }
        return found

    def _information(self, code: Code, rate: Decimal, line: Line, base: int | None, tax: int) -> str:
        """Amounts are on the side of their line; from 1.30 on a tax says its own."""
        sign = -1 if line.base < 0 else 1
        if self.version == "1.10":
            name, amount = "TaxAmount", sign * tax
        else:
            name, amount = "CreditTaxAmount" if (tax or line.base) < 0 else "DebitTaxAmount", abs(tax)
        return around(
            "TaxInformation",
            element("TaxType", "MVA"), element("TaxCode", _name(code)), element("TaxPercentage", f"{rate:f}"),
            element("Country", "NO"), "" if base is None else element("TaxBase", self._amount(sign * base)),
            around(name, element("Amount", self._amount(amount))),
        )  # fmt: skip

    def _rate(self, code: Code, tax: str, day: date) -> Decimal:
        """What the line's tax says by its name, as S19; of a line that names a code, the rate in force."""
        if code.built_in or tax != code.code:
            return Decimal(tax.removeprefix(code.category) or "0")
        known = self.rates[code.code]
        return next((rate for since, rate in reversed(known) if since <= day), known[0][1])

    def _amount(self, minor: int) -> str:
        return exporting.amount(minor, self.base)


def _shared(due: int, bases: Sequence[int]) -> list[int]:
    """A tax by what it is on, together all of it; where that comes to nothing, the last has it."""
    whole = sum(bases)
    if not whole:
        return [0] * (len(bases) - 1) + [due] * bool(bases)
    upto = [proportion(due, done, whole) for done in accumulate(bases, initial=0)]
    return [after - before for before, after in pairwise(upto)]


def _name(code: Code) -> str:
    return f"{code.code}{BOUGHT}" if code.built_in and code.direction == "input" else code.code
