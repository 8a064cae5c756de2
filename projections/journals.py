"""Journal entries that persons wrote: their texts, what they reverse and what reversed them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.books import LINES_OF, PARTS
from projections.core import Minor, Projection, on
from projections.entries import CREDIT, DEBIT, PARTY
from store.errors import NotFound

if TYPE_CHECKING:
    from aggregates.entry import Posted, Reversed
    from projections.core import Views
    from store.recorded import Recorded


class Journals(Projection):
    version = 1
    tables = """
        CREATE TABLE journal_entry(number TEXT PRIMARY KEY, position INTEGER, on_date TEXT, kind TEXT, text TEXT,
            reverses TEXT, reverse_on TEXT, reversed_by TEXT, documents TEXT) WITHOUT ROWID;
    """

    @on("entry.posted")
    def posted(self, event: Posted, recorded: Recorded, views: Views) -> None:
        views.add(
            "journal_entry", event.number, recorded.position, event.on.isoformat(), event.kind, event.text,
            event.reverses, event.reverse_on and event.reverse_on.isoformat(), "", " ".join(event.documents),
        )  # fmt: skip

    @on("entry.reversed")
    def reversed_(self, event: Reversed, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE journal_entry SET reversed_by = ? WHERE number = ?", event.entry, recorded.key)

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        views.run("DELETE FROM journal_entry WHERE 'entry/' || number = ?", recorded.key)


class Listed(msgspec.Struct):
    number: str
    on: date
    kind: str
    text: str
    currency: str
    amount: Minor
    """What its debits come to."""
    reverses: str
    reverse_on: date | None
    reversed_by: str


def listed(views: Views, as_of: date | None = None, limit: int | None = None) -> list[Listed]:
    """The newest first; one row for each currency of an entry."""
    return views.all(
        Listed,
        f"""SELECT j.number, j.on_date AS "on", j.kind, j.text, currency, SUM(max(minor, 0)) AS amount, reverses,
            reverse_on, reversed_by
            FROM journal_entry j JOIN entry e ON e.id = j.position * {PARTS} JOIN posting p ON {LINES_OF}
            WHERE ?1 IS NULL OR j.on_date <= ?1
            GROUP BY j.number, currency ORDER BY j.position DESC, currency LIMIT ?2""",  # noqa: S608
        as_of, -1 if limit is None else limit,
    )  # fmt: skip


class EntryLine(msgspec.Struct):
    account: str
    name: str
    party: str
    tax: str
    dimensions: str
    text: str
    currency: str
    debit: Minor
    credit: Minor


class Head(msgspec.Struct):
    number: str
    position: int
    on: date
    kind: str
    text: str
    reverses: str
    reverse_on: date | None
    reversed_by: str
    documents: str


class Entry(Head):
    lines: list[EntryLine]


def shown(views: Views, number: str) -> Entry:
    """One entry with its lines."""
    found = views.one(
        Head,
        """SELECT number, position, on_date AS "on", kind, text, reverses, reverse_on, reversed_by, documents
            FROM journal_entry WHERE number = ?""",
        number,
    )
    if found is None:  # a reference that leads here has an entry, unless this reader cannot see its beginning
        raise NotFound(f"what {number} says was recorded before your access begins")
    lines = views.all(
        EntryLine,
        f"""SELECT account, coalesce(a.name, '') AS name, {PARTY} AS party, p.tax, dimensions, p.text, p.currency,
            {DEBIT}, {CREDIT} FROM entry e JOIN posting p ON {LINES_OF} LEFT JOIN account a ON a.number = account
            WHERE e.id = ? ORDER BY p.id""",  # noqa: S608
        found.position * PARTS,
    )
    return Entry(**msgspec.structs.asdict(found), lines=lines)
