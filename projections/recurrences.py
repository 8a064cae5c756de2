"""Recurring templates, and what became of each of their occurrences."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.core import Projection, on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregates.recurring import Added, Ended, Made, Skipped
    from projections.core import Views
    from store.recorded import Recorded

SKIPPED = "skipped"


class Recurrences(Projection):
    version = 2
    tables = """
        CREATE TABLE recurring(ref TEXT PRIMARY KEY, makes TEXT, party TEXT, text TEXT, count INTEGER, unit TEXT,
            start TEXT, until TEXT, currency TEXT, discount TEXT) WITHOUT ROWID;
        CREATE TABLE recurring_line(ref TEXT, line INTEGER, said TEXT, PRIMARY KEY(ref, line)) WITHOUT ROWID;
        CREATE TABLE occurrence(ref TEXT, ordinal INTEGER, on_date TEXT, made TEXT, reason TEXT,
            PRIMARY KEY(ref, ordinal)) WITHOUT ROWID;
    """

    @on("recurring.added")
    def added(self, event: Added, recorded: Recorded, views: Views) -> None:
        ref = recorded.key
        views.add(
            "recurring", ref, event.makes, event.party, event.text, event.every.count, event.every.unit,
            event.start.isoformat(), event.until and event.until.isoformat(), event.currency,
            str(event.discount or ""),
        )  # fmt: skip
        for line, said in enumerate(_said(event), 1):
            views.add("recurring_line", ref, line, said)

    @on("recurring.made")
    def made(self, event: Made, recorded: Recorded, views: Views) -> None:
        views.add("occurrence", recorded.key, event.ordinal, event.on.isoformat(), event.made, "")

    @on("recurring.skipped")
    def skipped(self, event: Skipped, recorded: Recorded, views: Views) -> None:
        views.add("occurrence", recorded.key, event.ordinal, event.on.isoformat(), SKIPPED, event.reason)

    @on("recurring.ended")
    def ended(self, event: Ended, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE recurring SET until = ? WHERE ref = ?", event.until.isoformat(), recorded.key)

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        for table in ("recurring", "recurring_line", "occurrence"):
            views.run(f"DELETE FROM {table} WHERE 'recurring/' || ref = ?", recorded.key)  # noqa: S608
        views.run(
            "UPDATE recurring SET party = '[erased]' WHERE iif(makes = 'bill', 'vendor/', 'customer/') || party = ?",
            recorded.key,
        )


def _said(event: Added) -> Iterator[str]:
    """Each line as it is written on the command line."""
    for each in event.lines:
        tax = f"{each.category}{each.owed}" if each.owed else str(each.rate) if each.rate else each.category
        account = f";{each.account}" if each.account else ""
        tags = "".join(f";{tag}" for tag in each.dimensions)
        yield f"{each.description};{each.quantity};{each.price};{tax}{account}{tags}"
    for posting in event.postings:
        account = f"{posting.account} {posting.party}".rstrip()
        sides = f"{posting.amount};" if posting.amount.minor > 0 else f";{-posting.amount}"
        yield f"{account};{sides};{posting.text}".rstrip(";") if posting.text else f"{account};{sides}"


class Template(msgspec.Struct):
    ref: str
    makes: str
    party: str
    text: str
    count: int
    unit: str
    start: date
    until: date | None
    currency: str
    discount: str
    """Such as 2/10."""


class Occurrence(msgspec.Struct):
    ordinal: int
    on: date
    made: str
    reason: str


def templates(views: Views, ref: str = "") -> list[Template]:
    """Every template, or one."""
    return views.all(
        Template,
        "SELECT ref, makes, party, text, count, unit, start, until, currency, discount FROM recurring"
        " WHERE ?1 IN ('', ref) ORDER BY ref",
        ref,
    )


def settled(views: Views, ref: str) -> list[Occurrence]:
    """The occurrences of a template that were made or skipped."""
    return views.all(
        Occurrence,
        'SELECT ordinal, on_date AS "on", made, reason FROM occurrence WHERE ref = ? ORDER BY ordinal',
        ref,
    )


def lines(views: Views, ref: str) -> list[str]:
    found = views.rows("SELECT said FROM recurring_line WHERE ref = ? ORDER BY line", ref)
    return [said for (said,) in found]
