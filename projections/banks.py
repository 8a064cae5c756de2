"""Bank accounts, their statements, and every line with what it was found to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.core import Projection, on

if TYPE_CHECKING:
    from aggregates.bank import Booked, Changed, Closed, Detailed, Imported, Opened, Released
    from aggregates.match import Confirmed, Ruled, Undone
    from aggregates.match_rules import Rule as Ruling
    from aggregates.money import Money
    from projections.core import Views
    from store.recorded import Recorded


class Banks(Projection):
    """A line's `match` is the number of the match that stands, 0 while it is open; `held` ones are matched by hand."""

    version = 2
    tables = """
        CREATE TABLE bank(ref TEXT PRIMARY KEY ON CONFLICT REPLACE, name TEXT, iban TEXT, number TEXT, currency TEXT,
            account TEXT, closed TEXT) WITHOUT ROWID;
        CREATE TABLE bank_statement(id INTEGER PRIMARY KEY, ref TEXT, bank TEXT, number TEXT, format TEXT, file TEXT,
            document TEXT, first TEXT, last TEXT, currency TEXT, opening INTEGER, closing INTEGER, lines INTEGER,
            new INTEGER, unsound TEXT);
        CREATE INDEX bank_statement_last ON bank_statement(bank, last);
        CREATE INDEX bank_statement_file ON bank_statement(file);
        CREATE TABLE bank_line(id TEXT PRIMARY KEY ON CONFLICT IGNORE, place INTEGER, bank TEXT, statement TEXT,
            on_date TEXT, value_on TEXT, currency TEXT, minor INTEGER, counterpart TEXT, iban TEXT, text TEXT,
            reference TEXT, end_to_end TEXT, kind TEXT, held INTEGER, match INTEGER) WITHOUT ROWID;
        CREATE INDEX bank_line_day ON bank_line(on_date, place);
        CREATE INDEX bank_line_open ON bank_line(bank, on_date) WHERE match = 0;
        CREATE TABLE bank_part(line TEXT, number INTEGER, currency TEXT, minor INTEGER, counterpart TEXT, iban TEXT,
            text TEXT, reference TEXT, end_to_end TEXT, PRIMARY KEY(line, number) ON CONFLICT REPLACE) WITHOUT ROWID;
        CREATE TABLE bank_match(line TEXT, number INTEGER, on_date TEXT, undone TEXT, rule TEXT, version INTEGER,
            PRIMARY KEY(line, number) ON CONFLICT REPLACE) WITHOUT ROWID;
        CREATE TABLE bank_target(line TEXT, match INTEGER, place INTEGER, target TEXT, minor INTEGER, about TEXT,
            party TEXT, PRIMARY KEY(line, match, place) ON CONFLICT REPLACE) WITHOUT ROWID;
        CREATE INDEX bank_target_party ON bank_target(party) WHERE party != '';
        CREATE INDEX bank_target_of ON bank_target(target);
        CREATE TABLE bank_rule(place INTEGER PRIMARY KEY, name TEXT, says TEXT, by TEXT, days INTEGER, text TEXT,
            account TEXT, direction TEXT, bank TEXT, sure INTEGER, version INTEGER);
    """

    @on("control.genesis")
    def founded(self, event: object, recorded: Recorded, views: Views) -> None:
        """The built-in rules are in force without any event."""
        from aggregates.match_rules import BUILT_IN

        for place, rule in enumerate(BUILT_IN, 1):
            views.add("bank_rule", *_rule(place, rule, 0))

    @on("bank.opened")
    def opened(self, event: Opened, recorded: Recorded, views: Views) -> None:
        views.add("bank", recorded.key, event.name, event.iban, event.number, event.currency, event.account, None)

    @on("bank.changed")
    def changed(self, event: Changed, recorded: Recorded, views: Views) -> None:
        views.run(
            "UPDATE bank SET name = ?, iban = ?, number = ?, account = ? WHERE ref = ?",
            event.name, event.iban, event.number, event.account, recorded.key,
        )  # fmt: skip

    @on("bank.closed")
    def closed(self, event: Closed, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE bank SET closed = ? WHERE ref = ?", event.on, recorded.key)

    @on("bank.reopened")
    def reopened(self, event: object, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE bank SET closed = NULL WHERE ref = ?", recorded.key)

    @on("bank.imported")
    def imported(self, event: Imported, recorded: Recorded, views: Views) -> None:
        opening, closing = event.opening, event.closing
        ends = [each for each in (closing, opening) if each is not None]
        views.add(
            "bank_statement", recorded.position, recorded.key, event.bank, event.number, event.format, event.file,
            event.document, event.first, event.last, ends[0].currency if ends else "",
            _minor(opening), _minor(closing), event.lines, event.new,
            event.unsound,
        )  # fmt: skip

    @on("bank.booked")
    def booked(self, event: Booked, recorded: Recorded, views: Views) -> None:
        bank = recorded.key.partition("/")[0]
        for place, each in enumerate(event.lines):
            views.add(
                "bank_line", each.id, recorded.position * 1000 + place, bank, event.statement, each.on, each.value_on,
                each.amount.currency, each.amount.minor, each.counterpart, each.iban, each.text, each.reference,
                each.end_to_end, each.kind, event.held, 0,
            )  # fmt: skip

    @on("bank.detailed")
    def detailed(self, event: Detailed, recorded: Recorded, views: Views) -> None:
        first = views.value("SELECT COUNT(*) FROM bank_part WHERE line = ?", event.line)
        for number, each in enumerate(event.parts, first + 1):
            amount = each.amount
            views.add(
                "bank_part", event.line, number, amount.currency if amount is not None else "", _minor(amount),
                each.counterpart, each.iban, each.text, each.reference, each.end_to_end,
            )  # fmt: skip

    @on("bank.released")
    def released(self, event: Released, recorded: Recorded, views: Views) -> None:
        for line in event.lines:
            views.run("UPDATE bank_line SET held = 0 WHERE id = ?", line)

    @on("match.confirmed")
    def confirmed(self, event: Confirmed, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE bank_line SET match = ? WHERE id = ?", event.match, recorded.key)
        views.add(
            "bank_match", recorded.key, event.match, event.booked or event.on, None, event.rule, event.version
        )  # fmt: skip
        for place, each in enumerate(event.targets):
            views.add(
                "bank_target", recorded.key, event.match, place, each.to, each.amount.minor, each.about, each.party
            )

    @on("match.undone")
    def undone(self, event: Undone, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE bank_line SET match = 0 WHERE id = ?", recorded.key)
        views.run("UPDATE bank_match SET undone = ? WHERE line = ? AND number = ?", event.on, recorded.key, event.match)

    @on("match.ruled")
    def ruled(self, event: Ruled, recorded: Recorded, views: Views) -> None:
        views.run("DELETE FROM bank_rule")
        for place, rule in enumerate(event.rules, 1):
            views.add("bank_rule", *_rule(place, rule, event.version))

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        """What a bank wrote in a month that is erased goes, and what it wrote of a party that is."""
        kind, _, ref = recorded.key.partition("/")
        if kind == "bankline":
            bank, _, month = ref.rpartition("/")
            of = "bank = ? AND substr(on_date, 1, 7) = ?"
            for table in ("bank_part", "bank_target", "bank_match"):
                views.run(f"DELETE FROM {table} WHERE line IN (SELECT id FROM bank_line WHERE {of})", bank, month)  # noqa: S608
            views.run(f"DELETE FROM bank_line WHERE {of}", bank, month)  # noqa: S608
        elif kind in ("customer", "vendor"):
            of = "IN (SELECT line FROM bank_target WHERE party = ?)"
            views.run(f"DELETE FROM bank_part WHERE line {of}", recorded.key)  # noqa: S608
            views.run(
                f"""UPDATE bank_line SET counterpart = '[erased]', iban = '', text = '[erased]', reference = '',
                end_to_end = '' WHERE id {of}""",  # noqa: S608
                recorded.key,
            )
        elif kind == "match":
            for table in ("bank_target", "bank_match"):
                views.run(f"DELETE FROM {table} WHERE line = ?", ref)  # noqa: S608
            views.run("UPDATE bank_line SET match = 0 WHERE id = ?", ref)
        elif kind == "statement":
            views.run("DELETE FROM bank_statement WHERE ref = ?", ref)
        elif kind == "bank":
            views.run("DELETE FROM bank WHERE ref = ?", ref)


def _minor(amount: Money | None) -> int | None:
    """Zero is an amount, too."""
    return None if amount is None else amount.minor


def _rule(place: int, rule: Ruling, version: int) -> tuple[object, ...]:
    return (
        place, rule.name, rule.says, rule.by, rule.days, rule.text, rule.account, rule.direction, rule.bank, rule.sure,
        version,
    )  # fmt: skip
