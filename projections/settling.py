"""Open items in other currencies: what each stands in the books at, and what settling it gains or loses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from projections.gains import REALISED, Changes, Gains, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from aggregates.bill import Allocated as BillAllocated
    from aggregates.bill import Unallocated as BillUnallocated
    from aggregates.invoice import Allocated, Unallocated
    from aggregates.payment import Allocated as PaymentAllocated
    from aggregates.payment import Unallocated as PaymentUnallocated
    from aggregates.rate import Item
    from projections.core import Views
    from store.recorded import Recorded

TABLES = """
    CREATE TABLE open_item(key TEXT PRIMARY KEY, source TEXT, account TEXT, party TEXT, currency TEXT, minor INTEGER,
        base INTEGER, remaining INTEGER) WITHOUT ROWID;
    CREATE TABLE settlement(id INTEGER PRIMARY KEY, allocation TEXT, position INTEGER, on_date TEXT, source TEXT,
        one TEXT, one_before INTEGER, one_after INTEGER, other TEXT, other_before INTEGER, other_after INTEGER,
        back INTEGER, done INTEGER);
    CREATE INDEX settlement_allocation ON settlement(allocation);
    CREATE INDEX settlement_waiting ON settlement(id) WHERE NOT done;
    CREATE TABLE early_settlement(allocation TEXT, minor INTEGER, position INTEGER, on_date TEXT, source TEXT,
        one TEXT, other TEXT);
"""
"""An item is debit positive, its base unknown until there is a rate. A settlement moves two of them, from what remained
before to what remains after. An early one stands before one of its items: a commit has its events stream by stream."""

Move = tuple[str, int, int]
"""An item, what remained of it before and what remains after."""


class Settling:
    """Kept up by the books while the log is folded."""

    def __init__(self, gains: Gains) -> None:
        self._gains = gains

    def handlers(self) -> list[tuple[str, Callable[[Any, Recorded, Views], None]]]:
        return [
            *((f"{kind}.allocated", self.allocated) for kind in ("invoice", "bill")),
            ("payment.allocated", self.paid),
            *((f"{kind}.unallocated", self.unallocated) for kind in ("invoice", "bill", "payment")),
        ]

    def open(
        self, key: str, source: str, account: str, party: str, currency: str, minor: int, views: Views
    ) -> None:  # fmt: skip
        """An item is there, or is changed before anything settles it."""
        views.run(
            """INSERT INTO open_item VALUES(?, ?, ?, ?, ?, ?, NULL, ?) ON CONFLICT DO UPDATE SET
            minor = minor + excluded.minor, remaining = remaining + excluded.minor""",
            key, source, account, party, currency, minor, minor,
        )  # fmt: skip

    def reduce(self, key: str, by: int, views: Views) -> tuple[int, int]:
        """What remained of an item before and what remains after."""
        before = views.value("SELECT remaining FROM open_item WHERE key = ?", key) or 0
        views.run("UPDATE open_item SET remaining = remaining + ? WHERE key = ?", by, key)
        return before, before + by

    def value(self, key: str, base: int, views: Views) -> None:
        """So much more stands in the books for it."""
        views.run("UPDATE open_item SET base = coalesce(base, 0) + ? WHERE key = ?", base, key)

    def item(self, key: str, views: Views) -> Item | None:
        """None where it is not known what it stands in the books at."""
        from aggregates.rate import Item

        row = next(views.rows("SELECT minor, base FROM open_item WHERE key = ?", key), None)
        return Item(*row) if row and row[1] is not None else None

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
        place = Place(recorded.position, str(on), recorded.stream)
        self._between(f"{recorded.stream}#{allocation}", minor, place, *keys, views)

    def _between(self, allocation: str, minor: int, place: Place, one: str, other: str, views: Views) -> None:
        signs = [views.value("SELECT sign(minor) FROM open_item WHERE key = ?", key) for key in (one, other)]
        if all(signs):
            found = zip((one, other), signs, strict=True)
            moves = [(key, *self.reduce(key, -sign * minor, views)) for key, sign in found]
            self._moved(allocation, place, moves, False, views)
        elif any(signs):  # else in the ledger's own currency
            views.add("early_settlement", allocation, minor, *place, one, other)

    def opened(self, key: str, views: Views) -> None:
        """An item is there, with its value if that is known: what settled it earlier in its commit does so now."""
        early = list(views.rows("SELECT * FROM early_settlement WHERE ? IN (one, other)", key))
        views.run("DELETE FROM early_settlement WHERE ? IN (one, other)", key)
        for allocation, minor, position, day, source, one, other in early:
            self._between(allocation, minor, Place(position, day, source), one, other, views)

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
            moves = [(key, *self.reduce(key, by, views)) for key, by in (made[:2], made[2:])]
            self._moved(name, Place(recorded.position, str(event.on), recorded.stream), moves, True, views)

    def _moved(self, allocation: str, place: Place, moves: Sequence[Move], back: bool, views: Views) -> None:
        done = self._realise(place, moves, back, views)
        one, other = moves
        views.add("settlement", None, allocation, *place, *one, *other, back, done)

    def _realise(self, place: Place, moves: Iterable[Move], back: bool, views: Views) -> bool:
        """What both sides of a settlement were worth, one less the other, is gained or lost; whether it is known."""
        changes: Changes = {}
        currency = ""
        for key, before, after in moves:
            item = self.item(key, views)
            if item is None:
                return False
            [(account, party, currency)] = views.rows(
                "SELECT account, party, currency FROM open_item WHERE key = ?", key
            )
            known = changes.get((account, party), 0)
            changes[account, party] = known + item.carried(after) - item.carried(before)
        self._gains.gain(place, "settlement", currency, changes, REALISED, views, back)
        return True

    def realise_late(self, day_of: Callable[[str], str], views: Views) -> None:
        """What was settled before its items had a rate, in the order of the log; `day_of` says when it counts."""
        columns = "id, position, on_date, source, one, one_before, one_after, other, other_before, other_after, back"
        for id, position, day, source, one, b1, a1, other, b2, a2, back in list(
            views.rows(f"SELECT {columns} FROM settlement WHERE NOT done ORDER BY id")  # noqa: S608
        ):
            place = Place(position, day_of(day), source)
            if self._realise(place, ((one, b1, a1), (other, b2, a2)), bool(back), views):
                views.run("UPDATE settlement SET done = 1 WHERE id = ?", id)

    def erased(self, stream: str, views: Views) -> None:
        for table in ("settlement", "early_settlement", "open_item"):
            views.run(f"DELETE FROM {table} WHERE source = ?", stream)  # noqa: S608
