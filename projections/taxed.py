"""What is taxed: postings that bear a tax when they are booked, or part by part as their documents are paid."""

from __future__ import annotations

from collections.abc import Container
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from projections.bookkeys import LINES_OF
from projections.core import Minor

if TYPE_CHECKING:
    from projections.core import Views


class Posted(msgspec.Struct):
    """A posting that bears a tax: the base of one, the tax, or the tax we owe in the vendor's stead."""

    on: date
    position: int
    number: str
    account: str
    name: str
    party: str
    tax: str
    direction: str
    part: str
    currency: str
    amount: Minor
    """In the ledger's own currency; of output tax credit is positive, of input tax debit."""


class Seen(NamedTuple):
    """Which days a return is about, and what was recorded after `since` up to `until` belongs to it though earlier.

    On `cash` basis a document is taxed as it is settled, save where reverse charge makes the buyer owe the tax.
    `filed` is the number of the return, where it stands as it was filed.
    """

    first: date
    last: date
    since: int | None = None
    until: int | None = None
    cash: bool = False
    rounding: str = "none"
    filed: str = ""

    def holds(self, day: str, position: int) -> bool:
        if self.until is not None and position > self.until:
            return False
        late = self.since is not None and position > self.since and day < str(self.first)
        return late or str(self.first) <= day <= str(self.last)


ISSUED = "('invoice.issued', 'invoice.imported', 'bill.added', 'bill.edited')"
CREDITED = "('invoice.credited', 'bill.credited')"
RELIEVED = "('invoice.discounted', 'bill.discounted', 'invoice.written_off', 'invoice.reinstated', 'bill.reinstated')"
GIVEN_UP = {"discounted": 1, "written off": 1, "reinstated": -1, "write-off undone": -1}
"""What ends the rest of a document without money, and what makes it owing again."""
DIRECTION = """CASE WHEN e.event LIKE 'invoice.%' THEN 'output' WHEN e.event LIKE 'bill.%' THEN 'input'
        WHEN r.role = 'output-tax' THEN 'output' WHEN r.role = 'input-tax' THEN 'input'
        WHEN a.type = 'income' THEN 'output' ELSE 'input' END"""
PART = """CASE WHEN r.role IS NULL THEN 'base'
        WHEN r.role = 'output-tax' AND e.event LIKE 'bill.%' THEN 'owed' ELSE 'tax' END"""
NAMED = """LEFT JOIN account a ON a.number = p.account
    LEFT JOIN account_role r ON r.account = p.account AND r.role IN ('output-tax', 'input-tax')"""
"""SQL: what a posting `p` of an entry `e` is to a tax that it bears."""
TAXED = f"""SELECT p.id, p.on_date, e.position, e.number, e.event, e.source, p.account, coalesce(a.name, '') AS name,
    iif(p.party IN (SELECT party FROM erased_party), '[erased]', p.party) AS party, p.tax,
    coalesce((SELECT late.base FROM late WHERE late.posting = p.id), p.base) AS base,
    (SELECT value FROM book WHERE name = 'currency') AS currency,
    (e.event LIKE 'invoice.%' OR e.event LIKE 'bill.%')
        AND NOT (p.tax LIKE 'AE%' OR p.tax LIKE 'K%') AS document,
    {DIRECTION} AS direction, {PART} AS part
    FROM posting p JOIN entry e ON e.id = p.entry AND {LINES_OF} {NAMED}
    WHERE p.tax != '' AND p.base IS NOT NULL"""  # noqa: S608
COLUMNS = """on_date AS "on", position, number, account, name, party, tax, direction, part, currency,
    iif(direction = 'input' AND part != 'owed', base, -base) AS amount"""


def posted(views: Views, seen: Seen) -> list[Posted]:
    """What a return is made of. What came late, for a day before it, follows what was recorded in time."""
    rows = views.all(
        Posted,
        f"""SELECT {COLUMNS} FROM ({TAXED} AND (?4 IS NULL OR e.position <= ?4)
            AND (p.on_date BETWEEN ?1 AND ?2 OR p.on_date < ?1 AND e.position > ?3))
            WHERE NOT (?5 AND document) ORDER BY on_date < ?1, on_date, id""",  # noqa: S608
        seen.first, seen.last, seen.since, seen.until, seen.cash,
    )  # fmt: skip
    if not seen.cash:
        return rows
    return sorted([*rows, *_settled(views, seen)], key=lambda each: (each.on < seen.first, each.on, each.position))


def _settled(views: Views, seen: Seen) -> list[Posted]:
    """The parts of documents that were settled: the parts of a posting come to the whole, to the cent.

    A discount or loss that takes its tax along settles its part too, and takes off again what it posted.
    """
    from aggregates.money import proportion

    totals, relieved = _totals(views), _relieved(views)
    found = [line for lines in relieved.values() for line in lines if seen.holds(str(line.on), line.position)]
    done: dict[str, int] = {}
    for position, day, settles, item in _settlements(views, relieved):
        if item not in totals:  # money has no tax
            continue
        before = done.get(item, 0)
        after = done[item] = before + settles
        if seen.holds(day, position):
            total, entry = totals[item]
            for line in _lines(views, item, entry):
                part = proportion(line.amount, after, total) - proportion(line.amount, before, total)
                line.on, line.position, line.amount = date.fromisoformat(day), position, Minor(part)
                if part:
                    found.append(line)
    return found


def _relieved(views: Views) -> dict[int, list[Posted]]:
    """By its position, what each discount, loss and undoing of one posted that bears a tax."""
    found: dict[int, list[Posted]] = {}
    sql = f"SELECT {COLUMNS} FROM ({TAXED} AND e.event IN {RELIEVED}) WHERE document ORDER BY id"  # noqa: S608
    for line in views.all(Posted, sql):
        found.setdefault(line.position, []).append(line)
    return found


def _settlements(views: Views, relieved: Container[int]) -> list[tuple[int, str, int, str]]:
    """How much of which document or credit note is settled more, or less again, in the order of the log."""
    moved = ("allocated", "unallocated", "given", "received", *GIVEN_UP)
    moves = views.rows(
        f"""SELECT position, on_date, 'invoice/' || key, what, source, amount, ref FROM movement WHERE what IN {moved}
        UNION ALL SELECT position, on_date, 'bill/' || number, what, source, amount, ref FROM bill_movement
            WHERE what IN {moved} ORDER BY position"""  # noqa: S608
    )
    found = []
    for position, day, document, what, source, amount, ref in moves:
        credit = f"bill/{source}" if source.startswith("BILL-") else source  # a bill below zero is credit itself
        sign = GIVEN_UP.get(what) or (1 if what in ("allocated", "given") else -1)
        if what in ("allocated", "unallocated"):
            found.append((position, day, sign * amount, document))
            found.append((position, day, sign * amount, credit))
        elif what in GIVEN_UP:
            if position in relieved:  # else no tax was posted of what nobody paid
                found.append((position, day, sign * amount, document))
        elif ref.startswith("PAY-") and ref != source:  # credit that is paid back, or no longer
            found.append((position, day, sign * amount, credit))
    return found


def _totals(views: Views) -> dict[str, tuple[int, int]]:
    """What each document and credit note comes to, in its own currency, and its first entry."""
    sql = f"""SELECT iif(e.event IN {CREDITED}, e.number, e.source) AS item, abs(SUM(p.minor)), MIN(e.id)
        FROM entry e JOIN posting p ON {LINES_OF}
        WHERE p.party != '' AND (e.event IN {ISSUED} OR e.event IN {CREDITED}) GROUP BY 1 HAVING SUM(p.minor) != 0"""  # noqa: S608
    return {item: (total, entry) for item, total, entry in views.rows(sql)}


def _lines(views: Views, item: str, entry: int) -> list[Posted]:
    """The postings of a document or credit note that bear a tax."""
    if "/" in item:
        sql = f"SELECT {COLUMNS} FROM ({TAXED} AND e.source = ?1 AND e.event IN {ISSUED}) WHERE document ORDER BY id"  # noqa: S608
        return views.all(Posted, sql, item)
    return views.all(Posted, f"SELECT {COLUMNS} FROM ({TAXED} AND e.id = ?1) WHERE document ORDER BY id", entry)  # noqa: S608
