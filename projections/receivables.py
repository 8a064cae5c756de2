"""What customers owe: unpaid invoices, their age, and the balance of each customer."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections import disputes, owed
from projections.core import Minor
from projections.invoices import CUSTOMER, source

if TYPE_CHECKING:
    from projections.core import Views


class Unpaid(msgspec.Struct):
    number: str
    customer: str
    party: str
    on: date
    due: date
    late: int
    """Days since it was due."""
    currency: str
    total: Minor
    owing: Minor
    disputed: str
    """Why, if it is in dispute."""


def unpaid(views: Views, today: date, as_of: date | None = None, limit: int | None = None) -> list[Unpaid]:
    """What is owing, or was at the end of a day: the longest overdue first."""
    return views.all(
        Unpaid,
        f"""SELECT number, {CUSTOMER} AS customer, party, on_date AS "on", due,
            MAX(0, CAST(julianday(?2) - julianday(due) AS INTEGER)) AS late, currency, total, owing,
            {disputes.reason("'invoice/' || key")} AS disputed
            FROM {source(as_of)} WHERE owing > 0 AND (?1 IS NULL OR on_date <= ?1) ORDER BY due, id LIMIT ?3""",  # noqa: S608
        as_of, as_of or today, -1 if limit is None else limit,
    )  # fmt: skip


class Age(msgspec.Struct):
    customer: str
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
    """What the customer owes by journal entries, beside all documents."""
    balance: Minor
    """What the account of receivables says of the customer."""


def aging(views: Views, today: date, as_of: date | None = None) -> list[Age]:
    """What each customer owes in each currency, by how long it has been due."""
    return views.all(Age, owed.ages("receivable", as_of), as_of, *owed.limits(as_of or today))


class Balance(msgspec.Struct):
    customer: str
    party: str
    currency: str
    owing: Minor
    credit: Minor
    """Payments and credit notes that settle nothing yet, less what was paid back."""
    journal: Minor
    """What the customer owes by journal entries, beside all documents."""
    balance: Minor
    """What the account of receivables says of the customer."""


def balances(views: Views, customer: str = "", as_of: date | None = None) -> list[Balance]:
    """Open items less unallocated credit, of each customer in each currency."""
    return views.all(
        Balance,
        f"""SELECT customer, party, currency, owing, credit + paid AS credit, journal, balance
            FROM ({owed.balances("receivable", as_of)})""",  # noqa: S608
        as_of, customer,
    )  # fmt: skip


class Held(msgspec.Struct):
    key: str


def held_by(views: Views, customer: str, currency: str) -> list[str]:
    """The invoices of a customer at which credit is held, the oldest first."""
    rows = views.all(
        Held,
        "SELECT key FROM invoice WHERE customer = ? AND currency = ? AND credit > 0 ORDER BY on_date, id",
        customer, currency,
    )  # fmt: skip
    return [row.key for row in rows]


def holding(views: Views, source: str) -> list[str]:
    """The invoices at which credit of a payment or credit note is held, the one it came to first before the others."""
    rows = views.all(
        Held,
        "SELECT key FROM movement WHERE source = ? GROUP BY key HAVING SUM(credit) > 0 ORDER BY MIN(position), key",
        source,
    )
    return [row.key for row in rows]
