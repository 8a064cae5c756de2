"""Budgets, and how far what was posted is from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from projections.core import Minor, Projection, on

if TYPE_CHECKING:
    from datetime import date

    from aggregates.budget import Planned
    from projections.core import Views
    from store.recorded import Recorded

CREDITS = "('income', 'liability', 'equity')"
"""Types of account whose amounts are credits; the others are debits."""


class Budgets(Projection):
    version = 1
    tables = """
        CREATE TABLE budget(account TEXT, dimensions TEXT, month TEXT, currency TEXT, minor INTEGER,
            PRIMARY KEY(account, dimensions, month)) WITHOUT ROWID;
    """

    @on("budget.planned")
    def planned(self, event: Planned, recorded: Recorded, views: Views) -> None:
        dimensions = " ".join(event.dimensions)
        at = event.first.year * 12 + event.first.month - 1
        for month, amount in enumerate(event.amounts, at):
            views.run(
                "INSERT OR REPLACE INTO budget VALUES(?, ?, ?, ?, ?)",
                recorded.key, dimensions, f"{month // 12:04}-{month % 12 + 1:02}", amount.currency, amount.minor,
            )  # fmt: skip
        views.run("DELETE FROM budget WHERE account = ? AND minor = 0", recorded.key)


class Budget(msgspec.Struct):
    account: str
    name: str
    dimensions: str
    month: str
    currency: str
    amount: Minor


class Compared(msgspec.Struct):
    """`variance` is what was posted less what was planned; `percent` how much of that it is."""

    account: str
    name: str
    type: str
    dimensions: str
    currency: str
    budget: Minor
    actual: Minor
    variance: Minor
    percent: int | None


class _Row(msgspec.Struct):
    account: str
    name: str
    type: str
    dimensions: str
    currency: str
    budget: int
    actual: int


def listed(views: Views, first: str = "", last: str = "9999-12") -> list[Budget]:
    """Every month of every budget, or those of some months."""
    return views.all(
        Budget,
        """SELECT account, coalesce(a.name, '') AS name, dimensions, month, b.currency, minor AS amount
            FROM budget b LEFT JOIN account a ON a.number = account WHERE month BETWEEN ? AND ?
            ORDER BY account, dimensions, month""",
        first,
        last,
    )


def compared(views: Views, first: date, last: date) -> list[Compared]:
    """Each budget of some whole months beside what was posted, and accounts of income and expenses without any.

    What closes the books of a year does not count.
    """
    rows = views.all(
        _Row,
        f"""WITH planned AS (SELECT account, dimensions, currency, SUM(minor) AS budget FROM budget
                WHERE month BETWEEN substr(?1, 1, 7) AND substr(?2, 1, 7) GROUP BY account, dimensions, currency),
            whole AS (SELECT account, currency, SUM(minor) AS minor FROM (
                SELECT account, currency, debit - credit AS minor FROM month_turnover
                WHERE month BETWEEN substr(?1, 1, 7) AND substr(?2, 1, 7)
                UNION ALL SELECT account, currency, -minor FROM entry e JOIN posting p ON p.entry = e.id
                WHERE e.kind = 'closing' AND e.on_date BETWEEN ?1 AND ?2) GROUP BY account, currency)
            SELECT account, coalesce(name, '') AS name, coalesce(type, '') AS type, dimensions, b.currency AS currency,
                budget, iif(type IN {CREDITS}, -minor, minor) AS actual FROM (
                SELECT account, dimensions, currency, budget, iif(dimensions = '',
                    coalesce((SELECT minor FROM whole w WHERE w.account = p.account AND w.currency = p.currency), 0),
                    0) AS minor FROM planned p
                UNION ALL SELECT account, '', currency, 0, minor FROM whole w WHERE minor != 0 AND NOT EXISTS
                    (SELECT 1 FROM planned p WHERE (p.account, p.currency) = (w.account, w.currency))
                    AND account IN (SELECT number FROM account WHERE type IN ('income', 'expense'))) b
            LEFT JOIN account ON number = account ORDER BY account, dimensions, b.currency""",  # noqa: S608
        first,
        last,
    )
    for row in rows:
        if row.dimensions:
            row.actual = _tagged(views, row, first, last)
    return [_compared(row) for row in rows]


def _tagged(views: Views, row: _Row, first: date, last: date) -> int:
    """What was posted with all dimensions of a budget."""
    tags = row.dimensions.split()
    bears = " ".join("AND instr(' ' || dimensions || ' ', ' ' || ? || ' ')" for _ in tags)
    minor = views.value(
        f"""SELECT coalesce(SUM(minor), 0) FROM posting p JOIN entry e ON e.id = p.entry
            WHERE account = ? AND currency = ? AND p.on_date BETWEEN ? AND ? AND e.kind != 'closing' {bears}""",  # noqa: S608
        row.account, row.currency, first, last, *tags,
    )  # fmt: skip
    return -int(minor) if row.type in CREDITS else int(minor)


def _compared(row: _Row) -> Compared:
    percent = (200 * row.actual + row.budget) // (2 * row.budget) if row.budget else None
    return Compared(
        row.account, row.name, row.type, row.dimensions, row.currency, Minor(row.budget), Minor(row.actual),
        Minor(row.actual - row.budget), percent,
    )  # fmt: skip
