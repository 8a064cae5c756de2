"""The books: every entry that a rule made of an event, its postings, and what each account turned over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from projections.bookkeys import BY_HAND, LINES, PARTS
from projections.core import Projection, on
from projections.givenback import Line
from projections.worth import TABLES as WORTH
from projections.worth import Worth

if TYPE_CHECKING:
    from aggregates.account import Assigned, Closed, Defined, Reopened
    from aggregates.directory import LedgerNamed
    from aggregates.posting import Entry, Facts, Posting
    from projections.core import Views
    from store.recorded import Recorded

REMEMBERED = 100_000
"""So many streams' facts are kept in memory while the log is folded."""
_MONTHS = "month_turnover(month, account, currency, debit, credit)"
_DAYS = "day_turnover(day, account, currency, debit, credit)"
_TAGGED_MONTHS = "month_tagged(month, account, currency, dimensions, debit, credit)"
_TAGGED_DAYS = "day_tagged(day, account, currency, dimensions, debit, credit)"
_encode = msgspec.json.Encoder().encode


class Books(Projection):
    """Rules are pure and stand in aggregates/posting_*.py; raise `version` when one is added for old events.

    A trial balance reads one row for each account and month, and the days of a month that is not over. What lines
    with dimensions turned over is kept a second time by those: who has none pays nothing for it.
    """

    version = 6
    tables = f"""
        CREATE TABLE book(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
        CREATE TABLE account(number TEXT PRIMARY KEY, name TEXT, type TEXT, parent TEXT, currency TEXT, control TEXT,
            tax TEXT, closed INTEGER) WITHOUT ROWID;
        CREATE TABLE account_role(role TEXT PRIMARY KEY, account TEXT) WITHOUT ROWID;
        CREATE TABLE fact(stream TEXT PRIMARY KEY ON CONFLICT REPLACE, facts TEXT) WITHOUT ROWID;
        CREATE TABLE entry(id INTEGER PRIMARY KEY, position INTEGER, on_date TEXT, number TEXT, event TEXT,
            rules INTEGER, rule TEXT, kind TEXT, text TEXT, source TEXT);
        CREATE INDEX entry_source ON entry(source);
        CREATE INDEX entry_by_hand ON entry(id) WHERE {BY_HAND.format("event")};
        CREATE INDEX entry_closing ON entry(on_date) WHERE kind = 'closing';
        CREATE TABLE posting(id INTEGER PRIMARY KEY, entry INTEGER, on_date TEXT, account TEXT, party TEXT,
            currency TEXT, minor INTEGER, base INTEGER, tax TEXT, dimensions TEXT, text TEXT);
        CREATE INDEX posting_account ON posting(account, on_date);
        CREATE TABLE month_turnover(month TEXT, account TEXT, currency TEXT, debit INTEGER, credit INTEGER,
            PRIMARY KEY(month, account, currency)) WITHOUT ROWID;
        CREATE TABLE day_turnover(day TEXT, account TEXT, currency TEXT, debit INTEGER, credit INTEGER,
            PRIMARY KEY(day, account, currency)) WITHOUT ROWID;
        CREATE INDEX posting_tagged ON posting(on_date) WHERE dimensions != '';
        CREATE TABLE month_tagged(month TEXT, account TEXT, currency TEXT, dimensions TEXT, debit INTEGER,
            credit INTEGER, PRIMARY KEY(month, account, currency, dimensions)) WITHOUT ROWID;
        CREATE TABLE day_tagged(day TEXT, account TEXT, currency TEXT, dimensions TEXT, debit INTEGER,
            credit INTEGER, PRIMARY KEY(day, account, currency, dimensions)) WITHOUT ROWID;
        CREATE TABLE erased_party(party TEXT PRIMARY KEY) WITHOUT ROWID;
        {WORTH}
    """

    def __init__(self) -> None:
        self._base = ""
        self._roles: dict[str, str] = {}
        self._facts: dict[str, dict[str, str]] = {}
        self._kept: Callable[[Any], dict[str, str]]
        self._entries: Callable[[Any, Facts], list[Entry]]
        self._Known: type[Facts]
        self._worth = Worth(self._account, lambda views: self._base or self._currency(views))

    def handlers(self) -> list[tuple[str, Callable[[Any, Recorded, Views], None]]]:
        """Besides its own, one for every event that a rule posts: asked for only when something new is folded."""
        from aggregates import posting

        self._kept, self._entries, self._Known = posting.kept, posting.entries, posting.Facts
        tags = {rule.tag for rule in posting.rules()} | posting.keepers()
        posted = ((tag, self.happened) for tag in sorted(tags))
        return [*super().handlers(), *posted, *self._worth.handlers()]

    # The chart

    @on("control.genesis")
    def founded(self, event: object, recorded: Recorded, views: Views) -> None:
        """The built-in chart is in force without any event."""
        from aggregates.chart import built_in

        for account, role in built_in():
            views.add("account", *msgspec.structs.astuple(account), False)
            if role:
                views.add("account_role", role, account.number)

    @on("directory.ledger_named")
    def named(self, event: LedgerNamed, recorded: Recorded, views: Views) -> None:
        views.run("INSERT OR REPLACE INTO book VALUES('currency', ?)", event.currency)
        self._base = event.currency

    @on("account.defined")
    def defined(self, event: Defined, recorded: Recorded, views: Views) -> None:
        views.run(
            """INSERT INTO account VALUES(?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET name = excluded.name,
            type = excluded.type, parent = excluded.parent, currency = excluded.currency, control = excluded.control,
            tax = excluded.tax""",
            event.number, event.name, event.category, event.parent, event.currency, event.control, event.tax,
        )  # fmt: skip

    @on("account.assigned")
    def assigned(self, event: Assigned, recorded: Recorded, views: Views) -> None:
        views.run("INSERT OR REPLACE INTO account_role VALUES(?, ?)", event.role, recorded.key)
        self._roles.clear()

    @on("account.closed")
    def closed(self, event: Closed, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE account SET closed = 1 WHERE number = ?", recorded.key)

    @on("account.reopened")
    def reopened(self, event: Reopened, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE account SET closed = 0 WHERE number = ?", recorded.key)

    # Entries

    def happened(self, event: Any, recorded: Recorded, views: Views) -> None:
        """Post what the rules make of an event."""
        facts = self._kept(event)
        if facts:
            self._keep(recorded.stream, facts, views)
        stream = recorded.stream
        known = self._Known(
            recorded.key,
            self._base or self._currency(views),
            facts or self._recall(stream, views),
            lambda: _posted(stream, views),
        )
        for part, entry in enumerate(self._entries(event, known)):
            self._post(recorded.position * PARTS + part, event, recorded, entry, known, views)

    def _post(self, id: int, event: Any, recorded: Recorded, entry: Entry, facts: Facts, views: Views) -> None:
        rule, day = entry.rule, entry.on.isoformat()
        views.add(
            "entry", id, recorded.position, day, getattr(event, "number", facts.number), rule.tag, rule.number,
            rule.name, str(getattr(event, "kind", "")), str(getattr(event, "text", "")), recorded.stream,
        )  # fmt: skip
        base = facts.base
        worth = None
        if base and any(each.amount.currency != base for each in entry.postings):
            lines = [
                Line(
                    self._number(each.account, views),
                    each.party,
                    each.amount.currency,
                    each.amount.minor,
                    each.tax,
                    " ".join(each.dimensions),
                )
                for each in entry.postings
            ]
            worth = self._worth.posted(id, rule.tag, event, recorded, day, lines, views)
        for line, each in enumerate(entry.postings):
            account, amount = self._number(each.account, views), each.amount
            minor, currency, tags = amount.minor, amount.currency, " ".join(each.dimensions)
            views.add(
                "posting", id * LINES + line, id, day, account, each.party, currency, minor,
                worth[line] if worth else minor if currency == base else None, each.tax, tags, each.text,
            )  # fmt: skip
            debit, credit = (minor, 0) if minor > 0 else (0, -minor)
            _turn_over(day, account, currency, tags, debit, credit, views)

    def _keep(self, stream: str, facts: dict[str, str], views: Views) -> None:
        if len(self._facts) >= REMEMBERED:
            self._facts.clear()
        self._facts[stream] = facts
        views.add("fact", stream, _encode(facts).decode())

    def _recall(self, stream: str, views: Views) -> dict[str, str]:
        """What earlier events of the stream left; nothing where this reader cannot see its beginning."""
        known = self._facts.get(stream)
        if known is None:
            text = views.value("SELECT facts FROM fact WHERE stream = ?", stream)
            known = self._facts[stream] = msgspec.json.decode(text) if text else {}
        return known

    def _number(self, account: str, views: Views) -> str:
        return self._account(account[1:], views) if account[:1] == "@" else account

    def _account(self, role: str, views: Views) -> str:
        if not self._roles:
            self._roles = {role: number for role, number in views.rows("SELECT role, account FROM account_role")}  # noqa: C416
        return self._roles.get(role, f"@{role}")

    def _currency(self, views: Views) -> str:
        self._base = str(views.value("SELECT value FROM book WHERE name = 'currency'") or "")
        return self._base

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        """A party's reference is shown no more. What an erased stream had posted goes, as in a rebuild without it."""
        stream = recorded.key
        self._facts.pop(stream, None)
        self._worth.erased(stream, views)
        views.run("INSERT OR IGNORE INTO erased_party VALUES(?)", stream)
        views.run("DELETE FROM fact WHERE stream = ?", stream)
        gone = "FROM posting WHERE entry IN (SELECT id FROM entry WHERE source = ?)"
        columns = "on_date, account, currency, dimensions, minor"
        for day, account, currency, tags, minor in list(views.rows(f"SELECT {columns} {gone}", stream)):
            debit, credit = (-minor, 0) if minor > 0 else (0, minor)
            _turn_over(day, account, currency, tags, debit, credit, views)
        for table in ("month_turnover", "day_turnover", "month_tagged", "day_tagged"):
            views.run(f"DELETE FROM {table} WHERE debit = 0 AND credit = 0")  # noqa: S608
        views.run(f"DELETE {gone}", stream)
        views.run("DELETE FROM entry WHERE source = ?", stream)


def _turn_over(
    day: str, account: str, currency: str, tags: str, debit: int, credit: int, views: Views
) -> None:  # fmt: skip
    views.tally(_MONTHS, (day[:7], account, currency), debit, credit)
    views.tally(_DAYS, (day, account, currency), debit, credit)
    if tags:
        views.tally(_TAGGED_MONTHS, (day[:7], account, currency, tags), debit, credit)
        views.tally(_TAGGED_DAYS, (day, account, currency, tags), debit, credit)


def _posted(stream: str, views: Views) -> Sequence[Posting]:
    """The postings of a stream's first entry."""
    from aggregates.money import Money
    from aggregates.posting import Posting

    first = views.value("SELECT MIN(id) FROM entry WHERE source = ?", stream)
    return [
        Posting(account, Money(minor, currency), party, tax, text, tuple(dimensions.split()))
        for account, minor, currency, party, tax, text, dimensions in views.rows(
            "SELECT account, minor, currency, party, tax, text, dimensions FROM posting WHERE id >= ? AND id < ?"
            " ORDER BY id",
            (first or 0) * LINES, ((first or 0) + 1) * LINES,
        )
    ]  # fmt: skip
