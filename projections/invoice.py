"""One invoice or credit note, whole."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.core import Minor
from projections.disputes import reason
from projections.invoices import CUSTOMER, PARTY, STATUS, source
from projections.papers import Movement, Tax, whole
from store.errors import NotFound

if TYPE_CHECKING:
    from projections.core import Views


class Buyer(msgspec.Struct):
    """As the document says it."""

    name: str = ""
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    vat_id: str = ""


class Line(msgspec.Struct, array_like=True):
    description: str
    quantity: str
    price: str
    category: str
    rate: str
    net: Minor
    discount: str
    unit: str
    of: int
    dimensions: str = ""


class Invoice(msgspec.Struct):
    number: str | None
    draft: str | None
    status: str
    customer: str
    party: str
    on: date | None
    due: date | None
    currency: str
    net: Minor
    tax: Minor
    total: Minor
    owing: Minor
    credit: Minor
    credited: Minor
    written_off: Minor
    ref: str
    discount: str | None
    """In percent, for who pays until a day."""
    discount_until: date | None
    disputed: str
    """Why, if it is in dispute."""
    buyer: Buyer
    lines: list[Line]
    taxes: list[Tax]
    movements: list[Movement] = []


def shown(views: Views, key: str, as_of: date | None = None) -> Invoice:
    """One invoice, whole. Raises NotFound for a day on which it was not issued."""
    found = whole(
        views,
        Invoice,
        f"""SELECT number, NULLIF(key, number) AS draft, {STATUS} AS status, {CUSTOMER} AS customer,
            {PARTY} AS party, on_date AS "on",
            due, currency, net, tax, total, owing, credit, credited, written_off, ref, discount, discount_until,
            {reason("'invoice/' || key")} AS disputed, buyer, lines, taxes
            FROM {source(as_of, " AND i.key = ?2")} WHERE key = ?2 AND (?1 IS NULL OR on_date <= ?1)""",  # noqa: S608
        as_of, key,
    )  # fmt: skip
    if found is None:
        raise NotFound(f"{key} was not issued by {as_of}" if as_of else f"you cannot see how {key} began")
    found.movements = movements(views, key, as_of)
    return found


def movements(views: Views, key: str, as_of: date | None = None) -> list[Movement]:
    """What was paid, credited and settled on an invoice, in the order it was recorded."""
    return views.all(
        Movement,
        """SELECT on_date AS "on", what, NULLIF(allocation, 0) AS allocation, source, amount, owing, credit, ref
            FROM movement WHERE key = ?2 AND (?1 IS NULL OR on_date <= ?1) ORDER BY position""",
        as_of, key,
    )  # fmt: skip


class CreditNote(msgspec.Struct):
    number: str
    invoice: str
    customer: str
    party: str
    on: date
    currency: str
    net: Minor
    tax: Minor
    total: Minor
    reason: str
    lines: list[Line]
    taxes: list[Tax]
    discounted: list[Tax]
    """What of a discount that was taken goes with the lines: taxes and totals are less by it."""


def credit_note(views: Views, number: str) -> CreditNote:
    """Raises NotFound when its invoice is from before this device was given access."""
    found = whole(
        views,
        CreditNote,
        f"""SELECT c.number, i.number AS invoice, {CUSTOMER} AS customer, party, c.on_date AS "on", currency, c.net,
            c.tax, c.total, reason, c.lines, c.discounted, c.taxes FROM credit_note c JOIN invoice i USING (key)
            WHERE c.number = ?""",  # noqa: S608
        number,
    )  # fmt: skip
    if found is None:
        raise NotFound(f"you cannot see the invoice that {number} corrects")
    return found
