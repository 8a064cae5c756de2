"""What postings in other currencies are worth in the ledger's own, and the differences that settling them makes."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from projections.quotes import Quotes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from aggregates.bill import Allocated as BillAllocated
    from aggregates.bill import Unallocated as BillUnallocated
    from aggregates.invoice import Allocated, Unallocated
    from aggregates.payment import Allocated as PaymentAllocated
    from aggregates.payment import Unallocated as PaymentUnallocated
    from aggregates.rate import Item, Quoted
    from aggregates.revaluation import Made
    from projections.core import Views
    from store.recorded import Recorded

TABLES = """
    CREATE TABLE month_worth(month TEXT, account TEXT, currency TEXT, debit INTEGER, credit INTEGER,
        PRIMARY KEY(month, account, currency)) WITHOUT ROWID;
    CREATE TABLE day_worth(day TEXT, account TEXT, currency TEXT, debit INTEGER, credit INTEGER,
        PRIMARY KEY(day, account, currency)) WITHOUT ROWID;
    CREATE TABLE waiting(entry INTEGER, currency TEXT, on_date TEXT, item TEXT, before INTEGER, after INTEGER,
        PRIMARY KEY(entry, currency)) WITHOUT ROWID;
    CREATE TABLE open_item(key TEXT PRIMARY KEY, source TEXT, account TEXT, party TEXT, currency TEXT, minor INTEGER,
        base INTEGER, remaining INTEGER) WITHOUT ROWID;
    CREATE TABLE settlement(id INTEGER PRIMARY KEY, allocation TEXT, position INTEGER, on_date TEXT, source TEXT,
        one TEXT, one_before INTEGER, one_after INTEGER, other TEXT, other_before INTEGER, other_after INTEGER,
        back INTEGER, done INTEGER);
    CREATE INDEX settlement_allocation ON settlement(allocation);
    CREATE INDEX settlement_waiting ON settlement(id) WHERE NOT done;
    CREATE TABLE difference(id INTEGER PRIMARY KEY, position INTEGER, on_date TEXT, kind TEXT, source TEXT,
        account TEXT, party TEXT, currency TEXT, base INTEGER);
    CREATE INDEX difference_day ON difference(on_date);
    CREATE INDEX difference_source ON difference(source);
"""
"""`waiting` are entries whose currency has no rate yet. An item is debit
positive; a settlement moves two of them, from what remained before to what remains after. A difference changes what
an account is worth, and no amount."""

DOCUMENTS = {"invoice.issued", "invoice.imported", "bill.added", "bill.edited"}
CREDITS = {"invoice.paid", "invoice.credited", "bill.credited", "payment.recorded"}
AT_COST = {"invoice.voided", "bill.voided", "invoice.written_off", "payment.voided"}
"""What ends an item without money takes off what it stood in the books at: no rate has a part in it."""
REALISED, UNREALISED = ("fx-gain", "fx-loss"), ("fx-unrealised-gain", "fx-unrealised-loss")


class Line(NamedTuple):
    account: str
    party: str
    currency: str
    minor: int


class Place(NamedTuple):
    """Where and when a difference arises."""

    position: int
    day: str
    source: str


class Worth:
    """Kept up by the books while the log is folded. What has no rate yet is worth None until one arrives."""

    def __init__(self, role: Callable[[str, Views], str], own: Callable[[Views], str]) -> None:
        self._role, self._own = role, own
        self._quotes = Quotes()

    def handlers(self) -> list[tuple[str, Callable[[Any, Recorded, Views], None]]]:
        return [
            ("rate.quoted", self.quoted),
            ("revaluation.made", self.revalued),
            *((f"{kind}.allocated", self.allocated) for kind in ("invoice", "bill")),
            ("payment.allocated", self.paid),
            *((f"{kind}.unallocated", self.unallocated) for kind in ("invoice", "bill", "payment")),
        ]

    # Entries

    def posted(
        self, entry: int, tag: str, event: Any, recorded: Recorded, day: str, lines: Sequence[Line], views: Views
    ) -> list[int | None]:
        """What each line of a new entry is worth."""
        own = self._own(views)
        values: list[int | None] = [line.minor if line.currency == own else None for line in lines]
        for currency in sorted({line.currency for line in lines} - {own}):
            at = [place for place, line in enumerate(lines) if line.currency == currency]
            here = [lines[place] for place in at]
            control = next((place for place, line in enumerate(here) if line.party), None)
            item, before, after = "", 0, 0
            if control is not None and tag in AT_COST:
                item = recorded.key if tag == "payment.voided" else recorded.stream
                before, after = self._reduce(item, here[control].minor, views)
            elif control is not None and tag in DOCUMENTS | CREDITS:
                item = recorded.stream if tag in DOCUMENTS else getattr(event, "payment", "") or event.number
                self._open(item, recorded.stream, here[control], views)
            known = self._values(here, currency, day, item if tag in AT_COST else "", before, after, views)
            if known is None:
                views.add("waiting", entry, currency, day, item, before, after)
                continue
            self._valued(day, here, known, item if tag not in AT_COST else "", views)
            for place, value in zip(at, known, strict=True):
                values[place] = value
        self._exchanged(Place(recorded.position, day, recorded.stream), lines, values, views)
        return values

    def _values(
        self, lines: Sequence[Line], currency: str, day: str, cost_of: str, before: int, after: int, views: Views
    ) -> list[int] | None:
        """At what an item stood in the books, else at the day's rate; None while that is not known."""
        from aggregates.money import proportion
        from aggregates.rate import values_of, worth

        minors = [line.minor for line in lines]
        control = next((place for place, line in enumerate(lines) if line.party), None)
        if cost_of and control is not None:
            item = self._item(cost_of, views)
            if item is None or item.base is None:
                return None
            cost = item.carried(after) - item.carried(before)
            return values_of(minors, lambda minor: proportion(minor, cost, minors[control]), control)
        own = self._own(views)
        rate = self._quotes.rate(currency, own, day, views)
        return None if rate is None else values_of(minors, lambda minor: worth(minor, currency, own, rate), control)

    def _valued(self, day: str, lines: Sequence[Line], values: Sequence[int], item: str, views: Views) -> None:
        for line, value in zip(lines, values, strict=True):
            _tally(day, line.account, line.currency, value, views)
        if item:
            control = next(value for line, value in zip(lines, values, strict=True) if line.party)
            views.run("UPDATE open_item SET base = coalesce(base, 0) + ? WHERE key = ?", control, item)

    def _exchanged(self, place: Place, lines: Sequence[Line], values: Sequence[int | None], views: Views) -> None:
        """What an entry of several currencies leaves on the exchange account is gained or lost then and there."""
        exchange = self._role("exchange", views)
        if None in values:
            return
        left = sum(value or 0 for line, value in zip(lines, values, strict=True) if line.account == exchange)
        other = next((line.currency for line in lines if line.currency != self._own(views)), "")
        if left:
            self._differ(place, "conversion", other, {(exchange, ""): -left}, REALISED, views)

    # Open items

    def _open(self, key: str, source: str, line: Line, views: Views) -> None:
        """An item is there, or is changed before anything settles it."""
        account, party, currency, minor = line
        views.run(
            """INSERT INTO open_item VALUES(?, ?, ?, ?, ?, ?, NULL, ?) ON CONFLICT DO UPDATE SET
            minor = minor + excluded.minor, remaining = remaining + excluded.minor""",
            key, source, account, party, currency, minor, minor,
        )  # fmt: skip

    def _reduce(self, key: str, by: int, views: Views) -> tuple[int, int]:
        """What remained of an item before and what remains after."""
        before = views.value("SELECT remaining FROM open_item WHERE key = ?", key) or 0
        views.run("UPDATE open_item SET remaining = remaining + ? WHERE key = ?", by, key)
        return before, before + by

    def _item(self, key: str, views: Views) -> Item | None:
        from aggregates.rate import Item

        row = next(views.rows("SELECT minor, base FROM open_item WHERE key = ?", key), None)
        return Item(*row) if row else None

    def allocated(self, event: Allocated | BillAllocated, recorded: Recorded, views: Views) -> None:
        self._settle(event.allocation, event.amount.minor, recorded.stream, event.source, event.on, recorded, views)

    def paid(self, event: PaymentAllocated, recorded: Recorded, views: Views) -> None:
        """Credit that is paid back. What a payment settles is told by its document; of two payments one tells it."""
        other = event.source or event.to.removeprefix("payment/")
        if event.source or (event.to.startswith("payment/") and recorded.key < other):
            self._settle(event.allocation, event.amount.minor, recorded.key, other, event.on, recorded, views)

    def _settle(
        self, allocation: int, minor: int, one: str, other: str, on: object, recorded: Recorded, views: Views
    ) -> None:
        keys = one, f"bill/{other}" if other.startswith("BILL-") else other  # a bill below zero is credit itself
        signs = [views.value("SELECT sign(minor) FROM open_item WHERE key = ?", key) for key in keys]
        if not all(signs):  # in the ledger's own currency, or begun before this reader's access
            return
        moves = [(key, *self._reduce(key, -sign * minor, views)) for key, sign in zip(keys, signs, strict=True)]
        self._moved(f"{recorded.stream}#{allocation}", Place(recorded.position, str(on), recorded.stream), moves, False,
                    views)  # fmt: skip

    def unallocated(
        self, event: Unallocated | BillUnallocated | PaymentUnallocated, recorded: Recorded, views: Views
    ) -> None:
        name = f"{recorded.stream}#{event.allocation}"
        made = next(
            views.rows(
                """SELECT one, one_before - one_after, other, other_before - other_after FROM settlement
                WHERE allocation = ? AND NOT back""",
                name,
            ),
            None,
        )
        if made:
            moves = [(key, *self._reduce(key, by, views)) for key, by in (made[:2], made[2:])]
            self._moved(name, Place(recorded.position, str(event.on), recorded.stream), moves, True, views)

    def _moved(
        self, allocation: str, place: Place, moves: Sequence[tuple[str, int, int]], back: bool, views: Views
    ) -> None:
        done = self._realise(place, moves, back, views)
        one, other = moves
        views.add("settlement", None, allocation, *place, *one, *other, back, done)

    def _realise(self, place: Place, moves: Iterable[tuple[str, int, int]], back: bool, views: Views) -> bool:
        """What both sides of a settlement were worth, one less the other, is gained or lost; whether it is known."""
        from aggregates.rate import Item

        changes: dict[tuple[str, str], int] = {}
        currency = ""
        for key, before, after in moves:
            [row] = views.rows("SELECT account, party, currency, minor, base FROM open_item WHERE key = ?", key)
            account, party, currency, minor, base = row
            if base is None:
                return False
            item, known = Item(minor, base), changes.get((account, party), 0)
            changes[account, party] = known + item.carried(after) - item.carried(before)
        self._differ(place, "settlement", currency, changes, REALISED, views, back)
        return True

    def _differ(
        self, place: Place, kind: str, currency: str, changes: dict[tuple[str, str], int], roles: tuple[str, str],
        views: Views, back: bool = False,
    ) -> None:  # fmt: skip
        """Accounts are worth so much more, against gain or loss; `back` takes an earlier one back."""
        total = sum(changes.values())
        result = self._role(roles[0] if (total > 0) != back else roles[1], views)
        for (account, party), value in (*changes.items(), ((result, ""), -total)):
            if value:
                views.add("difference", None, place.position, place.day, kind, place.source, account, party, currency,
                          value)  # fmt: skip
                _tally(place.day, account, currency, value, views)

    # Rates

    def quoted(self, event: Quoted, recorded: Recorded, views: Views) -> None:
        self._quotes.learn(event, views)
        self._fill(views)

    def _fill(self, views: Views) -> None:
        """Value what has a rate now, in the order of the log; then what was settled with it."""
        days = list(views.rows("SELECT DISTINCT currency, on_date FROM waiting"))
        own = self._own(views)
        if not any(self._quotes.rate(currency, own, day, views) for currency, day in days):
            return
        for entry, currency, day, item, before, after in list(views.rows("SELECT * FROM waiting ORDER BY entry")):
            self._late(entry, currency, day, item, before, after, views)
        columns = "id, position, on_date, source, one, one_before, one_after, other, other_before, other_after, back"
        for id, *place, one, b1, a1, other, b2, a2, back in list(
            views.rows(f"SELECT {columns} FROM settlement WHERE NOT done ORDER BY id")  # noqa: S608
        ):
            if self._realise(Place(*place), ((one, b1, a1), (other, b2, a2)), bool(back), views):
                views.run("UPDATE settlement SET done = 1 WHERE id = ?", id)

    def _late(
        self, entry: int, currency: str, day: str, item: str, before: int, after: int, views: Views
    ) -> None:  # fmt: skip
        """Value an entry that was posted before there was a rate."""
        from projections.books import LINES

        [(tag, position, source)] = views.rows("SELECT event, position, source FROM entry WHERE id = ?", entry)
        rows = list(
            views.rows(
                """SELECT id, account, party, currency, minor, base FROM posting WHERE id >= ?1 * ?2
                AND id < (?1 + 1) * ?2 ORDER BY id""",
                entry, LINES,
            )
        )  # fmt: skip
        at = [place for place, row in enumerate(rows) if row[3] == currency]
        lines = [Line(*rows[place][1:5]) for place in at]
        cost_of = item if tag in AT_COST else ""
        known = self._values(lines, currency, day, cost_of, before, after, views)
        if known is None:
            return
        self._valued(day, lines, known, "" if cost_of else item, views)
        values = [row[5] for row in rows]
        for place, value in zip(at, known, strict=True):
            values[place] = value
            views.run("UPDATE posting SET base = ? WHERE id = ?", value, rows[place][0])
        views.run("DELETE FROM waiting WHERE entry = ? AND currency = ?", entry, currency)
        self._exchanged(Place(position, day, source), [Line(*row[1:5]) for row in rows], values, views)

    # Revaluation

    def revalued(self, event: Made, recorded: Recorded, views: Views) -> None:
        for (currency, final), found in groupby(event.differences, key=lambda each: (each.currency, each.final)):
            changes = {(each.account, each.party): each.amount.minor for each in found}
            kind, roles = ("held", REALISED) if final else ("unrealised", UNREALISED)
            place = Place(recorded.position, event.on.isoformat(), recorded.stream)
            self._differ(place, kind, currency, changes, roles, views)
            if not final:
                opposite = {at: -value for at, value in changes.items()}
                later = place._replace(day=event.reverse_on.isoformat())
                self._differ(later, "reversal", currency, opposite, roles, views, back=True)

    def erased(self, stream: str, views: Views) -> None:
        """What an erased stream had posted is worth nothing any more."""
        own = self._own(views)
        for sql in (
            "SELECT on_date, account, currency, base FROM difference WHERE source = ?1 AND ?2 != ''",
            """SELECT p.on_date, account, currency, base FROM posting p JOIN entry e ON e.id = p.entry
            WHERE e.source = ?1 AND currency != ?2 AND base IS NOT NULL""",
        ):
            for day, account, currency, base in list(views.rows(sql, stream, own)):
                _tally(day, account, currency, base, views, -1)
        for table in ("month_worth", "day_worth"):
            views.run(f"DELETE FROM {table} WHERE debit = 0 AND credit = 0")  # noqa: S608
        views.run("DELETE FROM waiting WHERE entry IN (SELECT id FROM entry WHERE source = ?)", stream)
        for table in ("difference", "settlement", "open_item"):
            views.run(f"DELETE FROM {table} WHERE source = ?", stream)  # noqa: S608


def _tally(day: str, account: str, currency: str, value: int, views: Views, sign: int = 1) -> None:
    debit, credit = (sign * value, 0) if value > 0 else (0, -sign * value)
    views.tally("month_worth(month, account, currency, debit, credit)", (day[:7], account, currency), debit, credit)
    views.tally("day_worth(day, account, currency, debit, credit)", (day, account, currency), debit, credit)
