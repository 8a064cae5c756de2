"""Batches of payments, and how each of their lines stands."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.bills import PERSON
from projections.core import Minor, Projection, on
from store.errors import NotFound

if TYPE_CHECKING:
    from aggregates.batch import Approved, Cancelled, Confirmed, Exported, Failed, Proposed
    from projections.core import Views
    from store.recorded import Recorded


class Batches(Projection):
    version = 1
    tables = """
        CREATE TABLE batch(id INTEGER PRIMARY KEY, number TEXT, on_date TEXT, bank TEXT, account TEXT, currency TEXT,
            total INTEGER, proposed_by TEXT, approved_by TEXT, exported TEXT, form TEXT, cancelled INTEGER);
        CREATE UNIQUE INDEX batch_number ON batch(number);
        CREATE TABLE batch_line(batch TEXT, line INTEGER, bill TEXT, vendor TEXT, name TEXT, iban TEXT, amount INTEGER,
            status TEXT, payment TEXT, reason TEXT, PRIMARY KEY(batch, line)) WITHOUT ROWID;
    """

    @on("batch.proposed")
    def proposed(self, event: Proposed, recorded: Recorded, views: Views) -> None:
        total = sum(each.amount.minor for each in event.lines)
        views.add(
            "batch", recorded.position, event.number, event.on.isoformat(), event.bank, event.account, "EUR", total,
            event.by, "", "", "", 0,
        )  # fmt: skip
        for place, each in enumerate(event.lines, 1):
            views.add(
                "batch_line", event.number, place, each.bill, each.vendor, each.name, each.iban, each.amount.minor,
                "proposed", "", "",
            )  # fmt: skip

    @on("batch.approved")
    def approved(self, event: Approved, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE batch SET approved_by = ? WHERE number = ?", event.by, recorded.key)

    @on("batch.exported")
    def exported(self, event: Exported, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE batch SET exported = ?, form = ? WHERE number = ?", event.sha256, event.form, recorded.key)
        views.run("UPDATE batch_line SET status = 'exported' WHERE batch = ?", recorded.key)

    @on("batch.confirmed")
    def confirmed(self, event: Confirmed, recorded: Recorded, views: Views) -> None:
        views.run(
            "UPDATE batch_line SET status = 'paid', payment = ? WHERE batch = ? AND line = ?",
            event.payment, recorded.key, event.line,
        )  # fmt: skip

    @on("batch.failed")
    def failed(self, event: Failed, recorded: Recorded, views: Views) -> None:
        views.run(
            "UPDATE batch_line SET status = 'failed', reason = ? WHERE batch = ? AND line = ?",
            event.reason, recorded.key, event.line,
        )  # fmt: skip

    @on("batch.cancelled")
    def cancelled(self, event: Cancelled, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE batch SET cancelled = 1 WHERE number = ?", recorded.key)
        views.run("UPDATE batch_line SET status = 'cancelled', reason = ? WHERE batch = ?", event.reason, recorded.key)

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        """Whom it paid stays as the law wants it, but for the account, and the way to the record."""
        kind, _, ref = recorded.key.partition("/")
        if kind == "vendor":
            views.run("UPDATE batch_line SET vendor = '[erased]', iban = '' WHERE vendor = ?", ref)
        elif kind == "batch":
            views.run("DELETE FROM batch WHERE number = ?", ref)
            views.run("DELETE FROM batch_line WHERE batch = ?", ref)


STATUS = """CASE WHEN cancelled THEN 'cancelled' WHEN exported != '' THEN
    iif(EXISTS(SELECT 1 FROM batch_line l WHERE l.batch = number AND l.status = 'exported'), 'exported', 'done')
    WHEN approved_by != '' THEN 'approved' ELSE 'proposed' END"""


class Listed(msgspec.Struct):
    number: str
    status: str
    on: date
    bank: str
    payments: int
    currency: str
    total: Minor
    paid: Minor
    proposed: str
    approved: str


_COLUMNS = f"""number, {STATUS} AS status, on_date AS "on", bank,
    (SELECT COUNT(*) FROM batch_line l WHERE l.batch = number) AS payments, currency, total,
    (SELECT COALESCE(SUM(amount), 0) FROM batch_line l WHERE l.batch = number AND l.status = 'paid') AS paid,
    {PERSON.format("proposed_by")} AS proposed, {PERSON.format("approved_by")} AS approved"""  # noqa: S608


def listed(views: Views, limit: int | None = None) -> list[Listed]:
    """The newest first."""
    return views.all(
        Listed,
        f"SELECT {_COLUMNS} FROM batch ORDER BY id DESC LIMIT ?",  # noqa: S608
        -1 if limit is None else limit,
    )


class Line(msgspec.Struct):
    line: int
    bill: str
    vendor: str
    name: str
    iban: str
    amount: Minor
    status: str
    payment: str
    reason: str


class Batch(Listed):
    lines: list[Line]
    digest: str = ""
    """What an approval of it is bound to."""


def shown(views: Views, number: str) -> Batch:
    """One batch, whole."""
    row = views.one(Listed, f"SELECT {_COLUMNS} FROM batch WHERE number = ?", number)  # noqa: S608
    if row is None:
        raise NotFound(f"you cannot see how {number} began")
    lines = views.all(
        Line,
        """SELECT line, bill, vendor, name, iban, amount, status, payment, reason FROM batch_line
            WHERE batch = ? ORDER BY line""",
        number,
    )
    return Batch(**msgspec.structs.asdict(row), lines=lines)
