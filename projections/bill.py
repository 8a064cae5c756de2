"""One bill or vendor's credit note, whole."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.bills import PERSON, STATUS, VENDOR, source
from projections.core import Minor
from projections.disputes import reason
from projections.papers import Movement, Tax, whole
from store.errors import NotFound

if TYPE_CHECKING:
    from projections.core import Views


class Seller(msgspec.Struct):
    """As the bill was entered with it: whom it is paid to."""

    name: str = ""
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    vat_id: str = ""
    iban: str = ""


class Line(msgspec.Struct, array_like=True):
    description: str
    quantity: str
    price: str
    category: str
    rate: str
    """Under reverse charge, what we owe ourselves."""
    net: Minor
    account: str
    of: int
    dimensions: str = ""


class Bill(msgspec.Struct):
    number: str
    ref: str
    status: str
    vendor: str
    party: str
    on: date
    posted: date
    due: date
    currency: str
    net: Minor
    tax: Minor
    total: Minor
    owing: Minor
    credit: Minor
    credited: Minor
    discount: str | None
    """In percent, for paying until a day."""
    discount_until: date | None
    text: str
    batch: str
    entered_by: str
    changed_by: str
    approved_by: str
    disputed: str
    """Why, if it is in dispute."""
    seller: Seller
    lines: list[Line]
    taxes: list[Tax]
    movements: list[Movement] = []
    digest: str = ""
    """What an approval of it as it stands is bound to."""


def shown(views: Views, number: str, as_of: date | None = None) -> Bill:
    """One bill, whole. Raises NotFound for a day before it was posted."""
    found = whole(
        views,
        Bill,
        f"""SELECT number, ref, {STATUS} AS status, {VENDOR} AS vendor, party, on_date AS "on", posted, due, currency,
            net, tax, total, owing, credit, credited, discount, discount_until, text, batch,
            {PERSON.format("added_by")} AS entered_by,
            {PERSON.format("edited_by")} AS changed_by, {PERSON.format("approved_by")} AS approved_by,
            {reason("'bill/' || number")} AS disputed, seller, lines, taxes FROM {source(as_of, " AND b.number = ?2")}
            WHERE number = ?2 AND (?1 IS NULL OR posted <= ?1)""",  # noqa: S608
        as_of, number,
    )  # fmt: skip
    if found is None:
        raise NotFound(f"{number} was not posted by {as_of}" if as_of else f"you cannot see how {number} began")
    found.movements = movements(views, number, as_of)
    return found


def movements(views: Views, number: str, as_of: date | None = None) -> list[Movement]:
    """What was credited, settled and given back on a bill, in the order it was recorded."""
    return views.all(
        Movement,
        """SELECT on_date AS "on", what, NULLIF(allocation, 0) AS allocation, source, amount, owing, credit, ref
            FROM bill_movement WHERE number = ?2 AND (?1 IS NULL OR on_date <= ?1) ORDER BY position""",
        as_of, number,
    )  # fmt: skip


class VendorCredit(msgspec.Struct):
    number: str
    ref: str
    bill: str
    vendor: str
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


def vendor_credit(views: Views, number: str) -> VendorCredit:
    """Raises NotFound when its bill is from before this device was given access."""
    found = whole(
        views,
        VendorCredit,
        f"""SELECT c.number, c.ref, c.bill, {VENDOR} AS vendor, party, c.on_date AS "on", currency, c.net, c.tax,
            c.total, reason, c.lines, c.discounted, c.taxes FROM vendor_credit c JOIN bill b ON b.number = c.bill
            WHERE c.number = ?""",  # noqa: S608
        number,
    )  # fmt: skip
    if found is None:
        raise NotFound(f"you cannot see the bill that {number} corrects")
    return found
