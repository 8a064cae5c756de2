"""What we owe vendors: unpaid bills, their age, and the balance with each vendor."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections import disputes, owed
from projections.bills import PERSON, VENDOR, source
from projections.core import Minor

if TYPE_CHECKING:
    from projections.core import Views

NEAR = 30
"""So many days apart two bills over the same amount may be one."""


class Unpaid(msgspec.Struct):
    number: str
    ref: str
    vendor: str
    party: str
    on: date
    due: date
    late: int
    """Days since it was due."""
    currency: str
    total: Minor
    owing: Minor
    discount_until: date | None
    """The last day on which less may be paid."""
    approved: str
    batch: str
    disputed: str
    """Why, if it is in dispute."""


def unpaid(
    views: Views, today: date, as_of: date | None = None, limit: int | None = None, due: date | None = None
) -> list[Unpaid]:
    """What we owe, or owed at the end of a day, the longest overdue first.

    Of it what is `due` by a day, or until then may be paid less a discount.
    """
    return views.all(
        Unpaid,
        f"""SELECT number, ref, {VENDOR} AS vendor, party, on_date AS "on", due,
            MAX(0, CAST(julianday(?2) - julianday(due) AS INTEGER)) AS late, currency, total, owing,
            iif(discount_until >= ?2, discount_until, NULL) AS discount_until,
            {PERSON.format("approved_by")} AS approved, batch, {disputes.reason("'bill/' || number")} AS disputed
            FROM {source(as_of)}
            WHERE owing > 0 AND (?1 IS NULL OR posted <= ?1)
                AND (?4 IS NULL OR due <= ?4 OR discount_until BETWEEN ?2 AND ?4)
            ORDER BY due, id LIMIT ?3""",  # noqa: S608
        as_of, as_of or today, -1 if limit is None else limit, due,
    )  # fmt: skip


class Age(msgspec.Struct):
    vendor: str
    party: str
    currency: str
    current: Minor
    days_1_30: Minor
    days_31_60: Minor
    days_61_90: Minor
    over_90: Minor
    owing: Minor
    disputed: Minor
    """Of what is owing."""
    credit: Minor
    """Payments and credit notes that settle nothing yet, less what was paid back."""
    journal: Minor
    """What we owe by journal entries, beside all documents."""
    balance: Minor
    """What the account of payables says of the vendor."""


def aging(views: Views, today: date, as_of: date | None = None) -> list[Age]:
    """What we owe each vendor in each currency, by how long it has been due."""
    return views.all(Age, owed.ages("payable", as_of), as_of, *owed.limits(as_of or today))


class Balance(msgspec.Struct):
    vendor: str
    currency: str
    owing: Minor
    credit: Minor
    """Held at bills: credit notes and payments that settle nothing yet."""
    paid: Minor
    """Payments to the vendor that settle nothing yet, less those from him."""
    journal: Minor
    """What we owe by journal entries, beside all documents."""
    balance: Minor
    """What the account of payables says of the vendor."""


def balances(views: Views, vendor: str = "", as_of: date | None = None) -> list[Balance]:
    """Open items of each vendor in each currency: what is owing, less credit, less what was paid in advance."""
    return views.all(
        Balance,
        f"SELECT vendor, currency, owing, credit, paid, journal, balance FROM ({owed.balances('payable', as_of)})",  # noqa: S608
        as_of, vendor,
    )  # fmt: skip


class _Key(msgspec.Struct):
    number: str


def held_by(views: Views, vendor: str, currency: str) -> list[str]:
    """The bills of a vendor at which credit is held, the oldest first."""
    rows = views.all(
        _Key,
        "SELECT number FROM bill WHERE vendor = ? AND currency = ? AND credit > 0 ORDER BY posted, id",
        vendor, currency,
    )  # fmt: skip
    return [row.number for row in rows]


def holding(views: Views, source: str) -> list[str]:
    """The bills at which credit of a payment or credit note is held."""
    rows = views.all(
        _Key,
        "SELECT number FROM bill_movement WHERE source = ? GROUP BY number HAVING SUM(credit) > 0 ORDER BY number",
        source,
    )
    return [row.number for row in rows]


class Numbered(msgspec.Struct):
    number: str
    ref: str


def numbered(views: Views, vendor: str) -> list[Numbered]:
    """What a vendor's papers are called, by him and by us, without those that were voided."""
    return views.all(
        Numbered,
        """SELECT number, ref FROM bill WHERE vendor = ?1 AND NOT voided UNION ALL
            SELECT c.number, c.ref FROM vendor_credit c JOIN bill b ON b.number = c.bill
            WHERE b.vendor = ?1 AND c.ref != '' ORDER BY 1""",
        vendor,
    )


class Alike(msgspec.Struct):
    number: str
    on: date
    ref: str


def alike(views: Views, vendor: str, currency: str, total: int, on: date) -> list[Alike]:
    """Bills of a vendor over an amount, of nearly a day."""
    return views.all(
        Alike,
        """SELECT number, on_date AS "on", ref FROM bill WHERE vendor = ? AND currency = ? AND total = ? AND NOT voided
            AND abs(julianday(on_date) - julianday(?)) <= ? ORDER BY id DESC LIMIT 3""",
        vendor, currency, total, on, NEAR,
    )  # fmt: skip
