"""The books in the ledger's own currency, as audit files want them: balances, parties, totals, entries.

Differences of rates are entries of their own there: they change what accounts are worth, and no foreign amount.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from projections.bookkeys import PARTS
from projections.entries import PARTY
from projections.taxed import DIRECTION, NAMED, PART

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views

BALANCES = "SUM(iif(p.on_date < ?1, p.base, 0)) AS opening, SUM(p.base) AS closing"
WORTH = """(SELECT on_date, account, party, base FROM posting
    UNION ALL SELECT on_date, account, party, base FROM difference) p"""
NUMBER = "coalesce((SELECT number FROM entry WHERE source = p.source ORDER BY id LIMIT 1), '')"
"""SQL: the document, or payment, that a difference arose from."""


class Balance(msgspec.Struct):
    """What stood on an account before the first day and after the last, of one party or of all."""

    account: str
    party: str
    opening: int
    closing: int


class Totals(msgspec.Struct):
    entries: int
    debit: int
    credit: int


class Line(msgspec.Struct):
    account: str
    party: str
    tax: str
    dimensions: str
    text: str
    currency: str
    minor: int
    base: int
    direction: str
    """Of the tax it bears: output or input."""
    part: str
    """Whether it is what is taxed (base), the tax, or a tax we owe in the vendor's stead (owed)."""


class Entry(msgspec.Struct):
    """`id` is its position, with its part or what kind of difference it is; `recorded` the time in milliseconds.

    Of a document, what tax there is on its lines is a line of the entry.
    """

    id: str
    on: str
    number: str
    text: str
    recorded: int
    document: bool
    lines: list[Line]


def unrated(views: Views, last: date) -> str:
    """The number of an entry with an amount that has no value in the ledger's currency, "" when there is none."""
    return str(
        views.value(
            """SELECT coalesce(nullif(e.number, ''), e.source) FROM posting p JOIN entry e ON e.id = p.entry
            WHERE p.base IS NULL AND p.on_date <= ? ORDER BY p.id LIMIT 1""",
            last,
        )
        or ""
    )


def balances(views: Views, first: date, last: date) -> list[Balance]:
    """Of every account that was ever posted to, by its number."""
    return views.all(
        Balance,
        f"SELECT p.account, '' AS party, {BALANCES} FROM {WORTH} WHERE p.on_date <= ?2 GROUP BY p.account ORDER BY 1",  # noqa: S608
        first, last,
    )  # fmt: skip


def of_parties(views: Views, first: date, last: date, kind: str) -> list[Balance]:
    """Of every customer, or vendor, on each account, by reference."""
    return views.all(
        Balance,
        f"""SELECT p.account, {PARTY} AS party, {BALANCES} FROM {WORTH} WHERE p.on_date <= ?2 AND p.party LIKE ?3
            GROUP BY 2, p.account ORDER BY 2, 1""",  # noqa: S608
        first, last, f"{kind}/%",
    )  # fmt: skip


def labels(views: Views, kind: str) -> dict[str, str]:
    """The names of customers or vendors by reference."""
    rows = views.rows("SELECT ref, max(label) FROM reference WHERE kind = ? GROUP BY ref", kind)
    return {str(ref): str(label) for ref, label in rows}


def totals(views: Views, first: date, last: date) -> Totals:
    found = views.one(
        Totals,
        """SELECT COUNT(DISTINCT entry) AS entries, coalesce(SUM(max(base, 0)), 0) AS debit,
            coalesce(SUM(max(-base, 0)), 0) AS credit FROM
            (SELECT entry, base FROM posting WHERE on_date BETWEEN ?1 AND ?2
            UNION ALL SELECT position || kind || on_date, base FROM difference WHERE on_date BETWEEN ?1 AND ?2)""",
        first, last,
    )  # fmt: skip
    return found or Totals(0, 0, 0)


def taxes(views: Views, first: date, last: date) -> list[tuple[str, str, date]]:
    """Every tax that lines between two days bear: its direction, its name, and each such day."""
    rows = views.rows(
        f"""SELECT DISTINCT {DIRECTION}, p.tax, p.on_date FROM posting p JOIN entry e ON e.id = p.entry {NAMED}
            WHERE p.tax != '' AND p.on_date BETWEEN ? AND ? ORDER BY 1, 2, 3""",  # noqa: S608
        first, last,
    )  # fmt: skip
    return [(direction, tax, date.fromisoformat(day)) for direction, tax, day in rows]


def entries(views: Views, first: date, last: date) -> Iterator[Entry]:
    """Every entry between two days, in the order of dates and then of the log; one is in memory at a time."""
    commits = list(views.rows("SELECT position, at FROM committed ORDER BY position"))
    rows = views.rows(
        f"""SELECT e.position, e.id % {PARTS} AS part, '' AS kind, e.on_date, e.number, e.text, p.id,
            p.account, {PARTY}, p.tax, p.dimensions, p.text, p.currency, p.minor, p.base, {DIRECTION}, {PART},
            e.event LIKE 'invoice.%' OR e.event LIKE 'bill.%'
            FROM posting p JOIN entry e ON e.id = p.entry {NAMED} WHERE p.on_date BETWEEN ?1 AND ?2
        UNION ALL SELECT p.position, {PARTS}, p.kind, p.on_date, {NUMBER}, 'Exchange difference: ' || p.kind, p.id,
            p.account, {PARTY}, '', '', '', p.currency, 0, p.base, '', '', 0
            FROM difference p WHERE p.on_date BETWEEN ?1 AND ?2
        ORDER BY 4, 1, 2, 3, 7""",  # noqa: S608
        first, last,
    )  # fmt: skip
    for (position, part, kind, on), group in groupby(rows, key=lambda row: row[:4]):
        commit, found = commits[bisect_left(commits, (position,))], list(group)
        id = f"{position}.{kind}.{on}" if kind else f"{position}.{part}" if part else str(position)
        numbers = {row[4] for row in found}  # of one revaluation many
        number = numbers.pop() if len(numbers) == 1 else ""
        yield Entry(id, on, number, found[0][5], commit[1], bool(found[0][-1]), [Line(*row[7:-1]) for row in found])


def used(views: Views, first: date, last: date) -> list[str]:
    """The accounts that entries between two days are on."""
    rows = views.rows(f"SELECT DISTINCT account FROM {WORTH} WHERE on_date BETWEEN ? AND ? ORDER BY 1", first, last)  # noqa: S608
    return [str(number) for (number,) in rows]
