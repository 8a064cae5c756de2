"""Journal entries that persons wrote: their texts, what they reverse, and those that wait for an approval."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.bills import PERSON
from projections.bookkeys import LINES_OF, PARTS
from projections.core import Minor, Projection, on
from projections.entries import CREDIT, DEBIT, PARTY
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregates.entry import Declined, Posted, Proposed, Reversed, Withdrawn
    from aggregates.entrylimit import Changed
    from projections.core import Views
    from store.recorded import Recorded


class Journals(Projection):
    """What is posted has its lines in Books; the others have them here."""

    version = 2
    tables = """
        CREATE TABLE journal_entry(number TEXT PRIMARY KEY, position INTEGER, on_date TEXT, kind TEXT, text TEXT,
            reverses TEXT, reverse_on TEXT, reversed_by TEXT, documents TEXT, state TEXT, proposed_by TEXT,
            decided_by TEXT, why TEXT) WITHOUT ROWID;
        CREATE INDEX journal_entry_proposed ON journal_entry(on_date) WHERE state = 'proposed';
        CREATE TABLE proposed_line(number TEXT, id INTEGER, account TEXT, party TEXT, currency TEXT, minor INTEGER,
            tax TEXT, dimensions TEXT, text TEXT, PRIMARY KEY(number, id)) WITHOUT ROWID;
        CREATE TABLE journal_limit(state TEXT, currency TEXT, minor INTEGER, by TEXT);
    """

    @on("entry.posted")
    def posted(self, event: Posted, recorded: Recorded, views: Views) -> None:
        by = ""
        if event.approved_by:
            by = views.value("SELECT proposed_by FROM journal_entry WHERE number = ?", event.number) or ""
            views.run("DELETE FROM journal_entry WHERE number = ?", event.number)
            views.run("DELETE FROM proposed_line WHERE number = ?", event.number)
        _add(event, recorded, views, "posted", by, event.approved_by)

    @on("entry.proposed")
    def proposed(self, event: Proposed, recorded: Recorded, views: Views) -> None:
        _add(event, recorded, views, "proposed", event.by, "")
        for line, each in enumerate(event.lines):
            views.add(
                "proposed_line", event.number, line, each.account, each.party, each.amount.currency, each.amount.minor,
                each.tax, " ".join(each.dimensions), each.text,
            )  # fmt: skip

    @on("entry.declined")
    def declined(self, event: Declined, recorded: Recorded, views: Views) -> None:
        _decided(event, recorded, views, "declined")

    @on("entry.withdrawn")
    def withdrawn(self, event: Withdrawn, recorded: Recorded, views: Views) -> None:
        _decided(event, recorded, views, "withdrawn")

    @on("entry.reversed")
    def reversed_(self, event: Reversed, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE journal_entry SET reversed_by = ? WHERE number = ?", event.entry, recorded.key)

    @on("entrylimit.changed")
    def limited(self, event: Changed, recorded: Recorded, views: Views) -> None:
        views.run("DELETE FROM journal_limit")
        for each in event.amounts:
            views.add("journal_limit", "in force", each.currency, each.minor, "")
        for each in event.proposed or ():
            views.add("journal_limit", "proposed", each.currency, each.minor, event.by)
        if event.proposed == ():
            views.add("journal_limit", "proposed", None, None, event.by)

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        views.run("DELETE FROM journal_entry WHERE 'entry/' || number = ?", recorded.key)
        views.run("DELETE FROM proposed_line WHERE 'entry/' || number = ?", recorded.key)


def _add(event: Posted | Proposed, recorded: Recorded, views: Views, state: str, by: str, approved_by: str) -> None:
    views.add(
        "journal_entry", event.number, recorded.position, event.on.isoformat(), event.kind, event.text,
        event.reverses, event.reverse_on and event.reverse_on.isoformat(), "", " ".join(event.documents), state, by,
        approved_by, "",
    )  # fmt: skip


def _decided(event: Declined | Withdrawn, recorded: Recorded, views: Views, state: str) -> None:
    views.run(
        "UPDATE journal_entry SET state = ?, decided_by = ?, why = ? WHERE number = ?",
        state, event.by, event.reason, recorded.key,
    )  # fmt: skip


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
    state: str
    """Posted; or proposed, declined or withdrawn, and then in no account."""


def listed(views: Views, as_of: date | None = None, limit: int | None = None) -> list[Listed]:
    """The newest first; one row for each currency of an entry."""
    return views.all(
        Listed,
        f"""SELECT number, on_date AS "on", kind, text, currency, SUM(max(minor, 0)) AS amount, reverses, reverse_on,
            reversed_by, state FROM (
                SELECT j.*, p.currency, p.minor FROM journal_entry j JOIN entry e ON e.id = j.position * {PARTS}
                    JOIN posting p ON {LINES_OF}
                UNION ALL SELECT j.*, p.currency, p.minor FROM journal_entry j JOIN proposed_line p USING (number))
            WHERE ?1 IS NULL OR on_date <= ?1
            GROUP BY number, currency ORDER BY position DESC, currency LIMIT ?2""",  # noqa: S608
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
    state: str
    proposed_by: str
    decided_by: str
    """Who approved or refused the proposal of it."""
    why: str


class Entry(Head):
    lines: list[EntryLine]
    digest: str = ""
    """While it waits, what an approval of it is bound to."""


def shown(views: Views, number: str) -> Entry:
    """One entry with its lines."""
    found = views.one(
        Head,
        f"""SELECT number, position, on_date AS "on", kind, text, reverses, reverse_on, reversed_by, documents, state,
            {PERSON.format("proposed_by")} AS proposed_by, {PERSON.format("decided_by")} AS decided_by, why
            FROM journal_entry WHERE number = ?""",  # noqa: S608
        number,
    )
    if found is None:  # a reference that leads here has an entry, unless this reader cannot see its beginning
        raise NotFound(f"what {number} says was recorded before your access begins")
    if found.state == "posted":
        tables, one, key = f"entry e JOIN posting p ON {LINES_OF}", "e.id", str(found.position * PARTS)
    else:
        tables, one, key = "proposed_line p", "p.number", number
    lines = views.all(
        EntryLine,
        f"""SELECT account, coalesce(a.name, '') AS name, {PARTY} AS party, p.tax, dimensions, p.text, p.currency,
            {DEBIT}, {CREDIT} FROM {tables} LEFT JOIN account a ON a.number = account
            WHERE {one} = ? ORDER BY p.id""",  # noqa: S608
        key,
    )
    return Entry(**msgspec.structs.asdict(found), lines=lines)


def waiting(views: Views, kind: str = "", reverses: str = "", on: date | None = None) -> Iterator[str]:
    """The numbers of entries that wait for an approval: of a kind, for a day, or to take back another."""
    rows = views.rows(
        """SELECT number FROM journal_entry WHERE state = 'proposed' AND ?1 IN ('', kind) AND ?2 IN ('', reverses)
            AND (?3 IS NULL OR on_date = ?3) ORDER BY position""",
        kind, reverses, on,
    )  # fmt: skip
    for (number,) in rows:
        yield number


class Limit(msgspec.Struct):
    state: str
    """In force, or proposed: another person has to agree."""
    currency: str | None
    amount: Minor | None
    """From which on an entry needs another person's approval; none where it is proposed that none does."""
    proposed_by: str


def limits(views: Views) -> list[Limit]:
    return views.all(
        Limit,
        f"""SELECT state, currency, minor AS amount, {PERSON.format("by")} AS proposed_by FROM journal_limit
            ORDER BY state, currency""",  # noqa: S608
    )
