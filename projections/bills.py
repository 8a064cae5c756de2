"""Bills and vendors' credit notes, every movement on them, and how each stands."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from projections.core import Minor, Projection, on
from projections.disputes import reason
from projections.papers import as_json, taxes_of

if TYPE_CHECKING:
    from aggregates.bill import (
        Added,
        Allocated,
        Approved,
        Credited,
        Discounted,
        Edited,
        Given,
        Received,
        Reinstated,
        Scheduled,
        Tolerated,
        Unallocated,
        Voided,
    )
    from projections.core import Views
    from store.recorded import Recorded


class Bills(Projection):
    """`posted` is the accounting date; a credit note that corrects no bill here is a bill below zero."""

    version = 6
    tables = """
        CREATE TABLE bill(id INTEGER PRIMARY KEY, number TEXT, vendor TEXT, erased INTEGER, party TEXT, ref TEXT,
            on_date TEXT, posted TEXT, due TEXT, currency TEXT, net INTEGER, tax INTEGER, total INTEGER,
            owing INTEGER, credit INTEGER, credited INTEGER, voided INTEGER, text TEXT, seller TEXT, lines TEXT,
            taxes TEXT, added_by TEXT, edited_by TEXT, approved_by TEXT, batch TEXT, allowed INTEGER, discount TEXT,
            discount_until TEXT);
        CREATE UNIQUE INDEX bill_number ON bill(number);
        CREATE INDEX bill_vendor ON bill(vendor, ref COLLATE NOCASE);
        CREATE INDEX bill_unpaid ON bill(due, id) WHERE owing > 0;
        CREATE INDEX bill_owing ON bill(vendor, currency, erased, due, owing, credit, party, posted, number)
            WHERE owing > 0;
        CREATE INDEX bill_known ON bill(vendor, currency, erased, voided);
        CREATE INDEX bill_credit ON bill(vendor, currency, erased) WHERE credit > 0;
        CREATE TABLE bill_movement(number TEXT, position INTEGER, on_date TEXT, what TEXT, allocation INTEGER,
            source TEXT, amount INTEGER, owing INTEGER, credit INTEGER, ref TEXT, PRIMARY KEY(number, position))
            WITHOUT ROWID;
        CREATE TABLE vendor_credit(id INTEGER PRIMARY KEY, number TEXT, bill TEXT, ref TEXT, on_date TEXT,
            net INTEGER, tax INTEGER, total INTEGER, reason TEXT, lines TEXT, taxes TEXT, discounted TEXT);
        CREATE INDEX vendor_credit_number ON vendor_credit(number);
        CREATE INDEX vendor_credit_bill ON vendor_credit(bill);
    """

    @on("bill.added")
    def added(self, event: Added, recorded: Recorded, views: Views) -> None:
        posted, total = (event.booked or event.on).isoformat(), event.total.minor
        owing, credit = max(total, 0), max(-total, 0)
        views.add(
            "bill", recorded.position, event.number, event.vendor, 0, event.seller.name, event.ref,
            event.on.isoformat(), posted, event.due.isoformat(), event.currency, event.net.minor, event.tax.minor,
            total, owing, credit, 0, 0, event.text, as_json(event.seller), lines_of(event), taxes_of(event.taxes),
            event.by, "", "", "", 0, *_terms(event),
        )  # fmt: skip
        views.add("bill_movement", event.number, recorded.position, posted, "added", 0, "", total, owing, credit, "")

    @on("bill.edited")
    def edited(self, event: Edited, recorded: Recorded, views: Views) -> None:
        """From the day it was posted, as its entry in the books is."""
        total = event.total.minor
        before = views.value("SELECT total FROM bill WHERE number = ?", recorded.key) or 0
        owing, credit = max(total, 0) - max(before, 0), max(-total, 0) - max(-before, 0)
        views.run(
            """UPDATE bill SET ref = ?, due = ?, net = ?, tax = ?, total = ?, owing = owing + ?, credit = credit + ?,
            text = ?, lines = ?, taxes = ?, edited_by = ?, approved_by = '', discount = ?, discount_until = ?
            WHERE number = ?""",
            event.ref, event.due.isoformat(), event.net.minor, event.tax.minor, total, owing, credit, event.text,
            lines_of(event), taxes_of(event.taxes), event.by, *_terms(event), recorded.key,
        )  # fmt: skip
        _note(views, recorded, event.on, "edited", 0, "", total - before, owing, credit, "")

    @on("bill.approved")
    def approved(self, event: Approved, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE bill SET approved_by = ? WHERE number = ?", event.by, recorded.key)

    @on("bill.scheduled")
    def scheduled(self, event: Scheduled, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE bill SET batch = ? WHERE number = ?", event.batch, recorded.key)

    @on("bill.allocated")
    def allocated(self, event: Allocated, recorded: Recorded, views: Views) -> None:
        _move(views, recorded, event, "allocated", -1, -1, event.source, event.allocation)

    @on("bill.unallocated")
    def unallocated(self, event: Unallocated, recorded: Recorded, views: Views) -> None:
        _move(views, recorded, event, "unallocated", 1, 1, event.source, event.allocation)

    @on("bill.given")
    def given(self, event: Given, recorded: Recorded, views: Views) -> None:
        _move(views, recorded, event, "given", credit=-1, source=event.source, ref=event.to)

    @on("bill.received")
    def received(self, event: Received, recorded: Recorded, views: Views) -> None:
        _move(views, recorded, event, "received", credit=1, source=event.source, ref=event.origin)

    @on("bill.credited")
    def credited(self, event: Credited, recorded: Recorded, views: Views) -> None:
        day, total = event.booked or event.on, event.total.minor
        views.run(
            "UPDATE bill SET credit = credit + ?, credited = credited + ? WHERE number = ?",
            total, total, recorded.key,
        )  # fmt: skip
        _note(views, recorded, day, "credited", 0, event.number, total, 0, total, "")
        views.add(
            "vendor_credit", recorded.position, event.number, recorded.key, event.ref, event.on.isoformat(),
            event.net.minor, event.tax.minor, total, event.reason, lines_of(event), taxes_of(event.taxes),
            taxes_of(event.discounted),
        )  # fmt: skip

    @on("bill.discounted")
    def discounted(self, event: Discounted, recorded: Recorded, views: Views) -> None:
        _allow(views, recorded, event, "discounted", 1)

    @on("bill.tolerated")
    def tolerated(self, event: Tolerated, recorded: Recorded, views: Views) -> None:
        _allow(views, recorded, event, "difference", 1)

    @on("bill.reinstated")
    def reinstated(self, event: Reinstated, recorded: Recorded, views: Views) -> None:
        _allow(views, recorded, event, "reinstated", -1)

    @on("bill.voided")
    def voided(self, event: Voided, recorded: Recorded, views: Views) -> None:
        owing, credit = max(event.amount.minor, 0), max(-event.amount.minor, 0)
        views.run("UPDATE bill SET voided = 1, owing = 0, credit = 0 WHERE number = ?", recorded.key)
        _note(views, recorded, event.on, "voided", 0, "", event.amount.minor, -owing, -credit, event.reason)

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        """What an erased vendor billed stays as the law wants it; the way to the record ends."""
        kind, _, ref = recorded.key.partition("/")
        if kind == "vendor":
            views.run("UPDATE bill SET erased = 1 WHERE vendor = ?", ref)
        elif kind == "bill":
            views.run("DELETE FROM bill WHERE number = ?", ref)
            views.run("DELETE FROM bill_movement WHERE number = ?", ref)
            views.run("DELETE FROM vendor_credit WHERE bill = ?", ref)


def _move(
    views: Views, recorded: Recorded, event: Any, what: str, owing: int = 0, credit: int = 0, source: str = "",
    allocation: int = 0, ref: str = "",
) -> None:  # fmt: skip
    """Change what is owing and what credit is held by the event's amount, more or less of it."""
    minor = event.amount.minor
    views.run(
        "UPDATE bill SET owing = owing + ?, credit = credit + ? WHERE number = ?",
        owing * minor, credit * minor, recorded.key,
    )  # fmt: skip
    _note(views, recorded, event.on, what, allocation, source, minor, owing * minor, credit * minor, ref)


def _allow(views: Views, recorded: Recorded, event: Any, what: str, sign: int) -> None:
    """Nobody asks for so much of it, or does so again."""
    views.run("UPDATE bill SET allowed = allowed + ? WHERE number = ?", sign * event.amount.minor, recorded.key)
    _move(views, recorded, event, what, -sign, ref=event.reason)


def _terms(event: Added | Edited) -> tuple[str | None, str | None]:
    terms = event.discount
    return (str(terms.percent), terms.until.isoformat()) if terms else (None, None)


def _note(views: Views, recorded: Recorded, day: date, what: str, *more: Any) -> None:
    views.add("bill_movement", recorded.key, recorded.position, day.isoformat(), what, *more)


def lines_of(event: Any) -> str:
    return as_json([
        (each.description, each.quantity, each.price, each.category, each.owed or each.rate, each.net.minor,
         each.account, each.of, *([" ".join(each.dimensions)] if each.dimensions else []))
        for each in event.lines
    ])  # fmt: skip


# Queries. `?1` is the day asked about in all of them, NULL for the state after the newest event.

WAS = """(SELECT b.id, b.number, b.vendor, b.erased, b.party, b.ref, b.on_date, b.posted, b.due, b.currency, b.net,
    b.tax, b.total, COALESCE(SUM(m.owing), 0) AS owing, COALESCE(SUM(m.credit), 0) AS credit,
    SUM(iif(m.what = 'credited', m.amount, 0)) AS credited, MAX(m.what = 'voided') AS voided, b.text, b.seller,
    b.lines, b.taxes, b.added_by, b.edited_by, b.approved_by, b.batch,
    SUM(CASE m.what WHEN 'discounted' THEN m.amount WHEN 'difference' THEN m.amount WHEN 'reinstated' THEN -m.amount
        ELSE 0 END) AS allowed, b.discount, b.discount_until
    FROM bill b JOIN bill_movement m ON m.number = b.number AND m.on_date <= ?1 WHERE 1{} GROUP BY b.id)"""
STATUS = """CASE WHEN voided THEN 'void' WHEN total < 0 THEN iif(credit > 0, 'credit', 'settled')
    WHEN owing > 0 THEN iif(owing < total, 'partial', 'open')
    WHEN credited > 0 AND credited >= total - allowed THEN 'credited' ELSE 'paid' END"""
"""`allowed` are discounts and tolerated differences that stand: nobody pays them, and nobody credits them."""
VENDOR = "iif(erased, '[erased]', vendor)"
PERSON = "COALESCE((SELECT name FROM person WHERE id = {0}), substr({0}, 1, 8))"
"""The name of a person's id, its beginning when the directory does not have it."""


def source(as_of: date | None, condition: str = "") -> str:
    """The bills as they are, or as they were at the end of a day by their accounting dates."""
    return "bill" if as_of is None else WAS.format(condition)


class Listed(msgspec.Struct):
    number: str
    ref: str
    status: str
    approved: str
    """By whom; empty when nobody has, or it was changed since."""
    vendor: str
    party: str
    on: date
    due: date
    currency: str
    total: Minor
    owing: Minor
    disputed: str
    """Why, if it is in dispute."""


def listed(
    views: Views, status: str = "", vendor: str = "", as_of: date | None = None, limit: int | None = None
) -> list[Listed]:
    """The newest first."""
    return views.all(
        Listed,
        f"""SELECT number, ref, {STATUS} AS status, {PERSON.format("approved_by")} AS approved, {VENDOR} AS vendor,
            party, on_date AS "on", due, currency, total, owing, {reason("'bill/' || number")} AS disputed
            FROM {source(as_of)}
            WHERE (?1 IS NULL OR posted <= ?1) AND (?2 = '' OR {STATUS} = ?2) AND (?3 = '' OR vendor = ?3)
            ORDER BY id DESC LIMIT ?4""",  # noqa: S608
        as_of, status, vendor, -1 if limit is None else limit,
    )  # fmt: skip


class Known(msgspec.Struct):
    number: str
    on: str
    due: str
    currency: str
    total: int
    owing: int
    lines: str
    discount: str | None
    discount_until: str | None


def known(views: Views, vendor: str, ref: str) -> Known | None:
    """The bill of a vendor that has a number of his, to compare it with one to import."""
    return views.one(
        Known,
        """SELECT number, on_date AS "on", due, currency, total, owing, lines, discount, discount_until FROM bill
            WHERE vendor = ? AND ref = ? COLLATE NOCASE AND NOT voided""",
        vendor, ref,
    )  # fmt: skip
