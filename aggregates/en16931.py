"""Tax arithmetic of EN 16931: the net of a line, tax per category on the sum of lines, and totals."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from aggregates.money import EXACT, Money, rounded, shown

CATEGORIES = {
    "S": "Standard rate",
    "Z": "Zero rate",
    "E": "Exempt from tax",
    "AE": "Reverse charge: the recipient owes the tax",
    "K": "Intra-community supply",
    "G": "Export outside the EU",
    "O": "Not subject to tax",
}
"""The tax category codes (BT-151), and what a document says about each."""

HUNDRED = Decimal(100)


class Taxed(Protocol):
    """A line, or an allowance or charge on the whole document."""

    @property
    def net(self) -> Money: ...
    @property
    def category(self) -> str: ...
    @property
    def rate(self) -> Decimal: ...


class Tax(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The tax of one category at one rate (BG-23)."""

    category: str
    rate: Decimal
    basis: Money
    amount: Money


class Totals(msgspec.Struct, frozen=True):
    lines: Money
    allowances: Money
    charges: Money
    net: Money
    taxes: tuple[Tax, ...]
    tax: Money
    total: Money


def line_net(quantity: Decimal, price: Decimal, discount: Decimal, currency: str) -> Money:
    """Quantity times price less `discount` percent, rounded once (BT-131)."""
    gross = EXACT.multiply(quantity, price)
    return rounded(EXACT.multiply(gross, HUNDRED - discount).scaleb(-2, EXACT), currency)


def tax_on(basis: Money, rate: Decimal) -> Money:
    """BR-CO-17: the basis of a category times its rate, rounded once."""
    return rounded(EXACT.multiply(basis.amount, rate).scaleb(-2, EXACT), basis.currency)


def totals(
    lines: Sequence[Taxed], currency: str, allowances: Sequence[Taxed] = (), charges: Sequence[Taxed] = ()
) -> Totals:
    """What a document with these lines comes to. The order they stand in changes nothing."""
    bases: dict[tuple[str, Decimal], Money] = {}
    for sign, parts in ((1, lines), (-1, allowances), (1, charges)):
        for part in parts:
            key = (part.category, plain(part.rate))
            basis = bases.get(key, Money(0, currency))
            bases[key] = basis + part.net if sign > 0 else basis - part.net
    taxes = tuple(Tax(*key, basis, tax_on(basis, key[1])) for key, basis in sorted(bases.items(), key=lambda b: b[0]))
    of_lines, less, more = (added((part.net for part in parts), currency) for parts in (lines, allowances, charges))
    net = of_lines - less + more  # BR-CO-10 to 13
    tax = added((each.amount for each in taxes), currency)  # BR-CO-14
    return Totals(of_lines, less, more, net, taxes, tax, net + tax)  # BR-CO-15


def difference(now: Sequence[Tax], before: Sequence[Tax]) -> tuple[Tax, ...]:
    """By how much each tax has grown: both have the same categories and rates."""
    pairs = zip(now, before, strict=True)
    grown = (Tax(each.category, each.rate, each.basis - was.basis, each.amount - was.amount) for each, was in pairs)
    return tuple(each for each in grown if each.basis or each.amount)


def added(amounts: Iterable[Money], currency: str) -> Money:
    return sum(amounts, Money(0, currency))


def plain(number: Decimal) -> Decimal:
    """The same number written one way: 19 for 19.00, 20 for 2E+1, 0 for -0."""
    if not number:
        return Decimal(0)
    short = number.normalize(EXACT)
    return Decimal(format(short, "f"))


def untaxable(category: str, rate: Decimal) -> str:
    """What is wrong with this rate in this category, "" when nothing is."""
    if category not in CATEGORIES:
        return f"{shown(category)} is not a tax category: choose one of {', '.join(CATEGORIES)}"
    if not 0 <= rate < HUNDRED:
        return f"a tax rate lies between 0 and 100 percent, not at {rate}"
    if category == "S" and not rate:
        return "tax category S has a rate above zero: a rate of zero is category Z, E, AE, K, G or O"
    if category != "S" and rate:
        return f"tax category {category} has a rate of zero, not {rate}"
    return ""
