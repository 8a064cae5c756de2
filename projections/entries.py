"""Entries of the books, line by line: the journal, the general ledger, and where each figure comes from."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from projections.balances import upto
from projections.bookkeys import LINES_OF
from projections.core import Minor
from projections.tagged import bears

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from projections.core import Views
    from projections.tagged import Only

PARTY = "iif(p.party IN (SELECT party FROM erased_party), '[erased]', p.party)"
SAID = "coalesce(nullif(p.text, ''), nullif(e.text, ''), e.number)"
DEBIT, CREDIT = "max(p.minor, 0) AS debit", "max(-p.minor, 0) AS credit"


class Moved(msgspec.Struct):
    """A line of the general ledger. `number` and `position` lead to the entry: `bo book explain NUMBER`."""

    account: str
    name: str
    on: date
    position: int | None
    number: str
    text: str
    party: str
    currency: str
    debit: Minor
    credit: Minor
    balance: Minor


def general_ledger(
    views: Views,
    first: date,
    last: date,
    accounts: Sequence[str] = (),
    party: str = "",
    only: Only | None = None,
    totals: bool = False,
) -> list[Moved]:
    """Every posting with the balance after it; with `totals`, what was brought forward stands before it."""
    chosen, values = _chosen(accounts, party, only)
    if party or only:
        before = f"SELECT p.account, p.currency, p.minor AS net FROM posting p WHERE p.on_date < ?1 AND {chosen}"  # noqa: S608
    else:
        before = f"SELECT account, currency, debit - credit AS net FROM ({upto('?1')}) p WHERE {chosen}"  # noqa: S608
    rows = views.all(
        Moved,
        f"""WITH opening AS (SELECT account, currency, SUM(net) AS net FROM ({before}) GROUP BY account, currency),
            line AS (SELECT p.account, p.on_date AS "on", p.id, e.position, e.number, {SAID} AS text,
                {PARTY} AS party, p.currency, p.minor
                FROM posting p JOIN entry e ON e.id = p.entry WHERE p.on_date BETWEEN ?1 AND ?2 AND {chosen}
                UNION ALL SELECT account, ?1, -1, NULL, '', 'brought forward', '', currency, net FROM opening
                WHERE net != 0)
            SELECT p.account, coalesce(a.name, '') AS name, "on", position, p.number, text, party, p.currency,
                iif(p.id < 0, 0, max(minor, 0)) AS debit, iif(p.id < 0, 0, max(-minor, 0)) AS credit,
                SUM(minor) OVER (PARTITION BY account, p.currency ORDER BY "on", p.id) AS balance
            FROM line p LEFT JOIN account a ON a.number = p.account ORDER BY p.account, p.currency, "on", p.id""",  # noqa: S608
        first, last, *values,
    )  # fmt: skip
    return rows if totals or not rows else [row for row in rows if row.position is not None]


class Line(msgspec.Struct):
    on: date
    position: int
    number: str
    text: str
    account: str
    name: str
    party: str
    tax: str
    dimensions: str
    currency: str
    debit: Minor
    credit: Minor


def journal(
    views: Views, first: date, last: date, limit: int | None = None, only: Only | None = None
) -> list[Line]:  # fmt: skip
    """Every entry between two days with its lines, or those lines only, in the order of dates."""
    chosen = f" AND {bears('?4', only, 'p.dimensions')}" if only else ""
    return views.all(
        Line,
        f"""SELECT e.on_date AS "on", e.position, e.number, {SAID} AS text, p.account, coalesce(a.name, '') AS name,
            {PARTY} AS party, p.tax, p.dimensions, p.currency, {DEBIT}, {CREDIT}
            FROM posting p JOIN entry e ON e.id = p.entry LEFT JOIN account a ON a.number = p.account
            WHERE p.on_date BETWEEN ?1 AND ?2{chosen} ORDER BY p.on_date, p.id LIMIT ?3""",  # noqa: S608
        first, last, -1 if limit is None else limit, *(only.values if only else ()),
    )  # fmt: skip


class Explained(msgspec.Struct):
    """One posting, the event it follows from, and the rule that made it."""

    on: date
    position: int
    event: str
    rules: int
    rule: str
    account: str
    name: str
    party: str
    tax: str
    currency: str
    debit: Minor
    credit: Minor


def explained(views: Views, stream: str = "", position: int = 0, number: str = "") -> list[Explained]:
    """What a document, or one event, has posted; of a credit note, only what it did itself."""
    return views.all(
        Explained,
        f"""SELECT e.on_date AS "on", e.position, e.event, e.rules, e.rule, p.account, coalesce(a.name, '') AS name,
            {PARTY} AS party, p.tax, p.currency, {DEBIT}, {CREDIT}
            FROM entry e JOIN posting p ON {LINES_OF} LEFT JOIN account a ON a.number = p.account
            WHERE (?1 != '' AND e.source = ?1 OR e.position = ?2) AND ?3 IN ('', e.number) ORDER BY p.id""",  # noqa: S608
        stream, position, number,
    )  # fmt: skip


class Piece(msgspec.Struct):
    """A line of an entry to export."""

    account: str
    party: str
    tax: str
    dimensions: str
    text: str
    currency: str
    minor: int


class Whole(msgspec.Struct):
    """An entry to export, with its lines."""

    id: int
    position: int
    on: str
    number: str
    event: str
    source: str
    text: str
    lines: list[Piece]


def whole(views: Views, first: date, last: date) -> Iterator[Whole]:
    """Every entry between two days, in the order of dates and then of the log; one is in memory at a time."""
    rows = views.rows(
        f"""SELECT e.id, e.position, e.on_date, e.number, e.event, e.source, e.text,
            p.account, {PARTY}, p.tax, p.dimensions, p.text, p.currency, p.minor
            FROM posting p JOIN entry e ON e.id = p.entry WHERE p.on_date BETWEEN ? AND ?
            ORDER BY p.on_date, p.id""",  # noqa: S608
        first, last,
    )  # fmt: skip
    for (id, position, day, number, event, source, text), group in groupby(rows, key=lambda row: row[:7]):
        yield Whole(id, position, day, number, event, source, text, [Piece(*row[7:]) for row in group])


def _chosen(accounts: Sequence[str], party: str, only: Only | None) -> tuple[str, list[str]]:
    """A condition on postings, with its values from ?3 on."""
    parts, values = ["1"], list(accounts)
    if accounts:
        parts.append(f"p.account IN ({', '.join(f'?{at}' for at in range(3, 3 + len(accounts)))})")
    if party:
        values.append(party)
        parts.append(f"p.party = ?{len(values) + 2}")
    if only:
        values += only.values
        parts.append(bears(f"?{len(values) + 2}", only, "p.dimensions"))
    return " AND ".join(parts), values
