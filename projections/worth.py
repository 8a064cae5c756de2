"""What postings in other currencies are worth in the ledger's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from projections.assetworth import AT_ACQUISITION, DISPOSED, AssetWorth
from projections.assetworth import TABLES as ASSETS
from projections.bookkeys import LINES
from projections.gains import REALISED, Gains, Place, tally
from projections.gains import TABLES as GAINS
from projections.givenback import DOCUMENTS, GIVES_BACK, NOTES, Line, ended, owed, stood
from projections.quotes import TABLE as QUOTES
from projections.quotes import Quotes
from projections.settling import TABLES as SETTLING
from projections.settling import Settling

if TYPE_CHECKING:
    from aggregates.period import Changed
    from aggregates.rate import Quoted
    from projections.core import Views
    from projections.givenback import Stood
    from store.recorded import Recorded

TABLES = f"""
    CREATE TABLE waiting(entry INTEGER, currency TEXT, on_date TEXT, item TEXT, before INTEGER, after INTEGER,
        PRIMARY KEY(entry, currency)) WITHOUT ROWID;
    CREATE TABLE late(posting INTEGER PRIMARY KEY, base INTEGER);
    {QUOTES}{GAINS}{SETTLING}{ASSETS}
"""
"""`waiting` are entries whose currency has no rate yet. `late` is what postings of closed periods turned out to be
worth: there they stay worth nothing, and a difference of a later day makes up for it."""

CREDITS = {*NOTES, "invoice.paid", "payment.recorded"}
AT_COST = {
    "invoice.voided", "bill.voided", "invoice.written_off", "invoice.discounted", "invoice.reinstated",
    "bill.discounted", "bill.tolerated", "bill.reinstated", "payment.voided",
}  # fmt: skip
"""What ends an item without money takes off what it stood in the books at: no rate has a part in it."""


class Wait(NamedTuple):
    entry: int
    currency: str
    day: str
    item: str
    before: int
    after: int


class Worth:
    """Kept up by the books while the log is folded. What has no rate yet is worth None until one arrives."""

    def __init__(self, role: Callable[[str, Views], str], own: Callable[[Views], str]) -> None:
        self._role, self._own = role, own
        self._quotes = Quotes()
        self._gains = Gains(role)
        self._items = Settling(self._gains)
        self._assets = AssetWorth(role, own, self._gains)

    def handlers(self) -> list[tuple[str, Callable[[Any, Recorded, Views], None]]]:
        return [
            ("rate.quoted", self.quoted),
            ("period.changed", self.closed),
            *self._gains.handlers(),
            *self._items.handlers(),
            *self._assets.handlers(),
        ]

    # Entries

    def posted(
        self, entry: int, tag: str, event: Any, recorded: Recorded, day: str, lines: Sequence[Line], views: Views
    ) -> list[int | None]:
        """What each line of a new entry is worth."""
        own, place = self._own(views), Place(recorded.position, day, recorded.stream)
        values: list[int | None] = [line.minor if line.currency == own else None for line in lines]
        for currency in sorted({line.currency for line in lines} - {own}):
            at = [number for number, line in enumerate(lines) if line.currency == currency]
            here = [lines[number] for number in at]
            control = next((line for line in here if line.party), None)
            item, before, after = "", 0, 0
            if control and tag in AT_COST:
                item = recorded.key if tag == "payment.voided" else recorded.stream
                before, after = self._items.reduce(item, control.minor, views)
            elif control and tag in DOCUMENTS | CREDITS:
                item = recorded.stream if tag in DOCUMENTS else getattr(event, "payment", "") or event.number
                self._items.open(item, recorded.stream, *control[:4], views)
            wait = Wait(entry, currency, day, item, before, after)
            known = self._values(here, tag, wait, views)
            if known is None:
                views.add("waiting", *wait)
                self._items.opened(item, views)
                continue
            for number, value in zip(at, known, strict=True):
                values[number] = value
                tally(day, lines[number].account, currency, value, views)
            self._carry(place, tag, wait, here, known, views)
            self._items.opened(item, views)
        self._exchanged(place, tag, lines, values, views)
        return values

    def _values(self, lines: Sequence[Line], tag: str, wait: Wait, views: Views) -> list[int] | None:
        """What each line is worth; None while that is not known.

        What ends the line of an earlier entry gives back all that is left of it.
        """
        from aggregates.rate import values_of

        minors = [line.minor for line in lines]
        if tag in AT_ACQUISITION:
            return self._assets.values(tag, wait.entry, lines, self._day_worth(wait, views), views)
        control = next((number for number, line in enumerate(lines) if line.party), None)
        discount = self._role(NOTES[tag], views) if tag in NOTES else ""
        before = stood(views, wait.entry, tag, wait.currency, lines, discount)
        if before is None:
            return None
        value = self._measure(tag, wait, owed(before), None if control is None else minors[control], views)
        return None if value is None else values_of(minors, value, control, ended(before, lines, value))

    def _measure(
        self, tag: str, wait: Wait, stands: Stood, settled: int | None, views: Views
    ) -> Callable[[int], int] | None:  # fmt: skip
        """How an amount is valued: as its item or document stood in the books, else at the day's rate."""
        from aggregates.money import proportion

        if tag in AT_COST and wait.item and settled:
            cost = self._cost(wait, views)
            return None if cost is None else lambda minor: proportion(minor, cost, settled)
        if tag in NOTES and stands.minor:
            return lambda minor: proportion(minor, stands.base, stands.minor)
        return self._day_worth(wait, views)

    def _day_worth(self, wait: Wait, views: Views) -> Callable[[int], int] | None:
        """How an amount is valued at the day's rate."""
        from aggregates.rate import worth

        own = self._own(views)
        rate = self._quotes.rate(wait.currency, own, wait.day, views)
        return None if rate is None else lambda minor: worth(minor, wait.currency, own, rate)

    def _cost(self, wait: Wait, views: Views) -> int | None:
        """By how much more an item stands in the books after an entry."""
        item = self._items.item(wait.item, views)
        return None if item is None else item.carried(wait.after) - item.carried(wait.before)

    def _carry(
        self, place: Place, tag: str, wait: Wait, lines: Sequence[Line], values: Sequence[int], views: Views
    ) -> None:  # fmt: skip
        """An item stands in the books at what it was worth when it was opened.

        What is owing again after a write-off may be a cent more or less of that than what was written off.
        """
        if tag == DISPOSED and (worth := self._day_worth(wait, views)):
            self._assets.sold(place, wait.entry, lines, values, worth, views)
        if not wait.item:
            return
        line, value = next(each for each in zip(lines, values, strict=True) if each[0].party)
        if tag not in AT_COST:
            self._items.value(wait.item, value, views)
        elif more := (self._cost(wait, views) or 0) - value:
            self._gains.gain(place, "settlement", wait.currency, {(line.account, line.party): more}, REALISED, views)

    def _exchanged(
        self, place: Place, tag: str, lines: Sequence[Line], values: Sequence[int | None], views: Views
    ) -> None:  # fmt: skip
        """What an entry of several currencies leaves on the exchange account is gained or lost then and there."""
        exchange = self._role("exchange", views)
        if None in values:
            return
        left = sum(value or 0 for line, value in zip(lines, values, strict=True) if line.account == exchange)
        other = next((line.currency for line in lines if line.currency != self._own(views)), "")
        if left:
            self._gains.gain(place, "conversion", other, {(exchange, ""): -left}, REALISED, views, tag in GIVES_BACK)

    # Rates

    def closed(self, event: Changed, recorded: Recorded, views: Views) -> None:
        """What a rate that comes late may still value depends on it."""
        said = msgspec.json.encode(event.standing).decode()
        views.run("INSERT OR REPLACE INTO book VALUES('standing', ?)", said)

    def quoted(self, event: Quoted, recorded: Recorded, views: Views) -> None:
        self._quotes.learn(event, views)
        self._fill(recorded.at, views)

    def _fill(self, at: int, views: Views) -> None:
        """Value what has a rate now, in the order of the log; then what was settled with it."""
        days = list(views.rows("SELECT DISTINCT currency, on_date FROM waiting"))
        own = self._own(views)
        if not any(self._quotes.rate(currency, own, day, views) for currency, day in days):
            return
        day_of = _counts(at, views)
        waiting = [Wait(*row) for row in views.rows("SELECT * FROM waiting ORDER BY entry, currency")]
        for entry, waits in groupby(waiting, key=lambda each: each.entry):
            self._late(entry, list(waits), day_of, views)
        self._items.realise_late(day_of, views)

    def _late(self, entry: int, waits: Sequence[Wait], day_of: Callable[[str], str], views: Views) -> None:
        """Value an entry that was posted before there was a rate.

        One of a closed period stays worth nothing there. All of it counts on the first open day, once all is known.
        """

        [(tag, position, source, day)] = views.rows(
            "SELECT event, position, source, on_date FROM entry WHERE id = ?", entry
        )
        ids, lines, values = [], list[Line](), list[int | None]()
        for id, worth, *line in views.rows(
            """SELECT id, base, account, party, currency, minor, tax, dimensions FROM posting WHERE id >= ?1 * ?2
            AND id < (?1 + 1) * ?2 ORDER BY id""",
            entry, LINES,
        ):  # fmt: skip
            ids.append(id)
            values.append(worth)
            lines.append(Line(*line))
        place = Place(position, day_of(day), source)
        known = [(wait, self._values(_in(wait, lines), tag, wait, views)) for wait in waits]
        if place.day != day and any(found is None for _, found in known):
            return
        for wait, found in known:
            if found is None:
                continue
            at = [each for each, line in enumerate(lines) if line.currency == wait.currency]
            changes = Counter[tuple[str, str]]()
            for each, value in zip(at, found, strict=True):
                account, party, currency, *_ = lines[each]
                values[each] = value
                changes[account, party] += value
                if place.day == day:
                    views.run("UPDATE posting SET base = ? WHERE id = ?", value, ids[each])
                    tally(day, account, currency, value, views)
                else:
                    views.run("UPDATE posting SET base = 0 WHERE id = ?", ids[each])
                    views.add("late", ids[each], value)
            if place.day != day:
                self._gains.change(place, "late", wait.currency, changes, views)
            self._carry(place, tag, wait, _in(wait, lines), found, views)
            views.run("DELETE FROM waiting WHERE entry = ? AND currency = ?", entry, wait.currency)
        self._exchanged(place, tag, lines, values, views)

    def erased(self, stream: str, views: Views) -> None:
        """What an erased stream had posted is worth nothing any more."""

        of_it = "entry IN (SELECT id FROM entry WHERE source = ?1)"
        for day, account, currency, base in list(
            views.rows(
                f"SELECT on_date, account, currency, base FROM posting WHERE {of_it} AND currency != ?2 AND base != 0",  # noqa: S608
                stream, self._own(views),
            )
        ):  # fmt: skip
            tally(day, account, currency, base, views, -1)
        self._gains.erased(stream, views)
        self._items.erased(stream, views)
        self._assets.erased(stream, views)
        for table in ("month_worth", "day_worth"):
            views.run(f"DELETE FROM {table} WHERE debit = 0 AND credit = 0")  # noqa: S608
        views.run(f"DELETE FROM waiting WHERE {of_it}", stream)  # noqa: S608
        views.run("DELETE FROM late WHERE posting / ? IN (SELECT id FROM entry WHERE source = ?)", LINES, stream)


def _in(wait: Wait, lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.currency == wait.currency]


def _counts(at: int, views: Views) -> Callable[[str], str]:
    """For what is booked on a day: the day on which its worth counts, if it gets known at a time (ms UTC)."""
    from aggregates.period import Periods, Standing

    said = views.value("SELECT value FROM book WHERE name = 'standing'")
    books = Periods(msgspec.json.decode(said, type=Standing)) if said else Periods()
    return lambda day: books.worth_day(date.fromisoformat(day), at).isoformat()
