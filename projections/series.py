"""Numbering series: where each stands, and the documents that bear its numbers."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.core import Projection, on

if TYPE_CHECKING:
    from aggregates import batch, bill, entry, invoice, payment
    from aggregates.series import Opened, Taken
    from projections.core import Views
    from store.recorded import Recorded

    Numbered = (
        invoice.Issued
        | invoice.Credited
        | entry.Posted
        | entry.Proposed
        | bill.Added
        | bill.Credited
        | payment.Recorded
        | batch.Proposed
    )


class AllSeries(Projection):
    version = 2
    tables = """
        CREATE TABLE series(name TEXT PRIMARY KEY, start INTEGER, last INTEGER, number TEXT, on_date TEXT)
            WITHOUT ROWID;
        CREATE TABLE numbered(number TEXT, stream TEXT);
        CREATE INDEX numbered_number ON numbered(number);
    """

    @on("series.opened")
    def opened(self, event: Opened, recorded: Recorded, views: Views) -> None:
        views.run(
            "INSERT OR REPLACE INTO series VALUES(?, ?, ?, NULL, NULL)", recorded.key, event.start, event.start - 1
        )

    @on("series.taken")
    def taken(self, event: Taken, recorded: Recorded, views: Views) -> None:
        views.run(
            """INSERT INTO series VALUES(?1, 1, ?2, ?3, ?4)
            ON CONFLICT DO UPDATE SET last = ?2, number = ?3, on_date = ?4""",
            recorded.key, event.last, event.number, event.on,
        )  # fmt: skip

    @on(
        "invoice.issued",
        "invoice.credited",
        "entry.posted",
        "entry.proposed",
        "bill.added",
        "bill.credited",
        "payment.recorded",
        "batch.proposed",
    )
    def issued(self, event: Numbered, recorded: Recorded, views: Views) -> None:
        if getattr(event, "approved_by", ""):  # the proposal of it bears the number already
            views.run("DELETE FROM numbered WHERE number = ?", event.number)
        views.add("numbered", event.number, recorded.stream)


class Series(msgspec.Struct):
    series: str
    start: int
    taken: int
    last: str | None
    on: date | None


def listed(views: Views) -> list[Series]:
    """Each series, how many numbers it has given, and the last of them."""
    return views.all(
        Series,
        """SELECT name AS series, start, last - start + 1 AS taken, number AS last, on_date AS "on"
            FROM series ORDER BY name""",
    )


def bearers(views: Views, number: str) -> int:
    """How many documents bear a number."""
    return int(views.value("SELECT COUNT(*) FROM numbered WHERE number = ?", number))
