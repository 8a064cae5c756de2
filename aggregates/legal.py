"""What every legal document says: its parties, lines, tax and totals."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from aggregates import text
from aggregates.core import Event, require
from aggregates.en16931 import Tax, totals
from aggregates.lines import Line, priced
from aggregates.money import Money

LAST = date(9999, 12, 31)


class Party(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, omit_defaults=True):
    """Who buys or sells, as the document says it: kept whatever becomes of the customer's record."""

    name: str
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    vat_id: str = ""
    email: str = ""
    phone: str = ""
    iban: str = ""


class Document(Event, tag=False):
    """The whole of it: nothing else is needed to print it, and nothing in it ever changes."""

    number: str
    on: date
    customer: str
    buyer: Party
    seller: Party
    currency: str
    lines: tuple[Line, ...]
    taxes: tuple[Tax, ...]
    net: Money
    tax: Money
    total: Money
    rendering: int
    """The template that prints it: see bo/rendering.py."""


def draft(customer: str, lines: Sequence[Line], currency: str, ref: str, terms: int) -> dict[str, Any]:
    """The fields of a draft, checked and added up."""
    require(customer, "a document is for a customer")
    require(0 <= terms <= 3650, f"terms are 0 to 3650 days, not {terms}")
    each = priced(lines, currency)
    sums = totals(each, currency)
    return {
        "customer": customer, "currency": currency, "lines": each, "net": sums.net, "tax": sums.tax,
        "total": sums.total, "ref": text.line(ref), "terms": terms,
    }  # fmt: skip


def legal(
    number: str, on: date, customer: str, buyer: Party, seller: Party, lines: tuple[Line, ...], currency: str
) -> dict[str, Any]:
    """The fields of a `Document` of these lines."""
    require(buyer.name, f"{customer} has no name: a legal document names its buyer")
    require(seller.name, "the seller has no name: a legal document names its seller")
    sums = totals(lines, currency)
    return {
        "number": number, "on": on, "customer": customer, "buyer": buyer, "seller": seller, "currency": currency,
        "lines": lines, "taxes": sums.taxes, "net": sums.net, "tax": sums.tax, "total": sums.total, "rendering": 1,
    }  # fmt: skip


def due_date(on: date, due: date | None, terms: int, what: str = "invoice") -> date:
    if due is None:
        return on + min(timedelta(terms), LAST - on)
    require(due >= on, f"the {what} is dated {on}: it cannot be due on {due}")
    return due


def fitted(amount: Decimal | Money, currency: str, number: str) -> Money:
    """An amount as typed, in the currency of its document."""
    if isinstance(amount, Decimal):
        return Money.of(amount, currency)
    require(amount.currency == currency, f"{number} is in {currency}: {amount} is another currency")
    return amount
