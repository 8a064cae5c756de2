"""Lines of a document, and how they are written on the command line."""

import re
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from aggregates.core import replace, require
from aggregates.en16931 import CATEGORIES, HUNDRED, line_net, plain, untaxable
from aggregates.money import ZERO, Money, exact
from aggregates.text import line as one_line
from aggregates.text import shown

NONE = Decimal(0)
FORM = "DESCRIPTION;QUANTITY;UNIT PRICE;TAX%[;NAME=VALUE…]"
DIMENSION = re.compile(r"[a-z][a-z0-9-]{1,30}=[0-9A-Za-z][0-9A-Za-z._-]{0,30}")


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, omit_defaults=True):
    """What is sold. `net` is worked out when the line enters a document."""

    description: str
    quantity: Decimal
    price: Decimal
    category: str
    rate: Decimal
    net: Money = ZERO
    discount: Decimal = NONE
    unit: str = ""
    of: int = 0
    """On a credit note: which line of the invoice this takes back, from 1."""
    account: str = ""
    """Where it is posted, if not where its kind of document is."""
    owed: Decimal = NONE
    """Reverse charge (categories AE and K): the rate at which the recipient owes the tax."""
    dimensions: tuple[str, ...] = ()
    """What its posting bears, as `cost-centre=NORTH`."""


def line(text: str) -> Line:
    """Parse `DESCRIPTION;QUANTITY;UNIT PRICE;TAX%`, split from the right, and dimensions after it.

    TAX% is a rate ("19", "19%", "7.5%"; 0 is category Z) or a category without one: Z, E, AE, K, G, O.
    """
    sold, dimensions = parted(text)
    parts = [part.strip() for part in sold.rsplit(";", 3)]
    require(len(parts) == 4, f"a line is “{FORM}”, not {shown(text)}")
    require(parts[0], f"the line {shown(text)} begins without a description")
    return replace(of_texts(*parts), dimensions=dimensions)


def parted(text: str) -> tuple[str, tuple[str, ...]]:
    """A line without the dimensions it ends with, and these."""
    found: tuple[str, ...] = ()
    while (rest := text.rpartition(";"))[1] and DIMENSION.fullmatch(rest[2].strip()):
        text, found = rest[0], (rest[2].strip(), *found)
    return text, found


def of_texts(description: str, quantity: str, price: str, tax: str) -> Line:
    """A line from its parts as they are written."""
    category, rate = tax.upper(), NONE
    if category not in CATEGORIES or category == "S":
        rate = plain(exact(tax.removesuffix("%")))
        category = "S" if rate else "Z"
    return Line(description, plain(exact(quantity)), exact(price), category, rate)


def priced(lines: Sequence[Line], currency: str) -> tuple[Line, ...]:
    """The lines of a document, each checked and with its net."""
    require(lines, "a document has at least one line")
    for place, each in enumerate(lines, 1):
        fault = _fault(each)
        require(not fault, f"line {place}: {fault}")
    codes = {each.category for each in lines}
    require(
        codes == {"O"} or "O" not in codes, "lines not subject to tax (O) stand alone: give them their own document"
    )
    return tuple(
        replace(
            each,
            description=one_line(each.description),
            quantity=plain(each.quantity),
            rate=plain(each.rate),
            net=line_net(each.quantity, each.price, each.discount, currency),
            of=0,
        )
        for each in lines
    )


def _fault(given: Line) -> str:
    if not given.description.strip() or len(given.description) > 1000:
        return f"a description has 1 to 1,000 characters, not {len(given.description.strip())}"
    for what, value, whole, decimals in (
        ("quantity", given.quantity, 9, 6),
        ("unit price", given.price, 12, 6),
        ("discount", given.discount, 3, 4),
        ("tax rate", given.rate, 3, 4),
    ):
        if not value.is_finite() or abs(value) >= 10**whole:
            return f"a {what} is less than {10**whole}, not {value}"
        if round(value, decimals) != value:
            return f"a {what} has at most {decimals} decimals, not {value}"
    if not given.quantity:
        return "the quantity is not zero"
    if given.price < 0:
        return f"a unit price is not negative ({given.price}): give a negative quantity to take something off"
    if not NONE <= given.discount <= HUNDRED:
        return f"a discount lies between 0 and 100 percent, not at {given.discount}"
    wrong = next((each for each in given.dimensions if not DIMENSION.fullmatch(each)), "")
    if wrong:
        return f"a dimension is written cost-centre=NORTH, not {shown(wrong)}"
    return untaxable(given.category, given.rate)
