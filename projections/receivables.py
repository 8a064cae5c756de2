"""What customers owe: unpaid invoices, their age, and the balance of each customer."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from projections import payments
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


def unpaid(views: Views, today: date, as_of: date | None = None, limit: int | None = None) -> list[Unpaid]:
    """What is owing, or was at the end of a day: the longest overdue first."""
    return views.all(
        Unpaid,
        f"""SELECT number, {CUSTOMER} AS customer, party, on_date AS "on", due,
            MAX(0, CAST(julianday(?2) - julianday(due) AS INTEGER)) AS late, currency, total, owing
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


def aging(views: Views, today: date, as_of: date | None = None) -> list[Age]:
    """What each customer owes in each currency, by how long it has been due."""
    day = as_of or today
    limits = [_before(day, days) for days in (0, 30, 60, 90)]
    return views.all(
        Age,
        f"""SELECT {CUSTOMER} AS customer, party, currency,
            SUM(iif(due >= ?2, owing, 0)) AS current,
            SUM(iif(due < ?2 AND due >= ?3, owing, 0)) AS days_1_30,
            SUM(iif(due < ?3 AND due >= ?4, owing, 0)) AS days_31_60,
            SUM(iif(due < ?4 AND due >= ?5, owing, 0)) AS days_61_90,
            SUM(iif(due < ?5, owing, 0)) AS over_90, SUM(owing) AS owing, MAX(id) AS newest
            FROM {source(as_of)} AS i WHERE i.owing > 0 AND (?1 IS NULL OR on_date <= ?1)
            GROUP BY i.customer, erased, currency ORDER BY 1, party, currency""",  # noqa: S608
        as_of, *limits,
    )  # fmt: skip


class Balance(msgspec.Struct):
    customer: str
    party: str
    currency: str
    owing: Minor
    credit: Minor
    """Payments and credit notes that settle nothing yet, less what was paid back."""
    balance: Minor


def balances(views: Views, customer: str = "", as_of: date | None = None) -> list[Balance]:
    """Open items less unallocated credit, of each customer in each currency."""
    return views.all(
        Balance,
        f"""SELECT {CUSTOMER} AS customer, party, currency, SUM(i.owing) AS owing, SUM(i.credit) AS credit,
            SUM(i.owing - i.credit) AS balance, MAX(id) AS newest FROM (
            SELECT id, customer, erased, party, currency, owing, credit FROM {source(as_of)}
            WHERE number IS NOT NULL AND (?1 IS NULL OR on_date <= ?1 OR credit != 0)
            UNION ALL SELECT 0, substr(party, 10), erased, COALESCE((SELECT label FROM reference
                WHERE kind = 'customer' AND ref = substr(party, 10) LIMIT 1), ''), currency, 0,
            iif(direction = 'in', remaining, -remaining) FROM {payments.source(as_of)}
            WHERE party LIKE 'customer/%' AND remaining != 0) AS i WHERE (?1 IS NULL OR 1) AND ?2 IN ('', i.customer)
            GROUP BY i.customer, erased, currency ORDER BY 1, party, currency""",  # noqa: S608
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


def _before(day: date, days: int) -> date:
    return day - timedelta(min(days, (day - date.min).days))
