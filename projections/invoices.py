"""Invoices and credit notes, every movement on them, and how each stands."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from projections.core import Minor, Projection, on
from projections.disputes import reason
from projections.papers import as_json, taxes_of

if TYPE_CHECKING:
    from aggregates.invoice import (
        Allocated,
        Credited,
        Discarded,
        Discounted,
        Drafted,
        Edited,
        Given,
        Issued,
        Paid,
        Received,
        Reinstated,
        Unallocated,
        Voided,
        WrittenOff,
    )
    from projections.core import Views
    from store.recorded import Recorded


class Invoices(Projection):
    """`key` is the reference of the stream: the draft's, or an imported invoice's own number.

    The index of what is owing has all that an aging asks, customer by customer: no row is fetched, and none is sorted.
    """

    version = 6
    tables = """
        CREATE TABLE invoice(id INTEGER PRIMARY KEY, key TEXT, number TEXT, state TEXT, customer TEXT, erased INTEGER,
            party TEXT, on_date TEXT, due TEXT, currency TEXT, net INTEGER, tax INTEGER, total INTEGER, owing INTEGER,
            credit INTEGER, credited INTEGER, written_off INTEGER, allowed INTEGER, ref TEXT, buyer TEXT,
            lines TEXT, taxes TEXT, discount TEXT, discount_until TEXT);
        CREATE INDEX invoice_key ON invoice(key);
        CREATE INDEX invoice_customer ON invoice(customer, currency, erased, number);
        CREATE INDEX invoice_unpaid ON invoice(due, id) WHERE owing > 0;
        CREATE INDEX invoice_owing ON invoice(customer, currency, erased, due, owing, credit, party, on_date, key)
            WHERE owing > 0;
        CREATE INDEX invoice_credit ON invoice(customer, currency, erased) WHERE credit > 0;
        CREATE TABLE movement(key TEXT, position INTEGER, on_date TEXT, what TEXT, allocation INTEGER,
            source TEXT, amount INTEGER, owing INTEGER, credit INTEGER, ref TEXT, PRIMARY KEY(key, position))
            WITHOUT ROWID;
        CREATE TABLE credit_note(id INTEGER PRIMARY KEY, number TEXT, key TEXT, on_date TEXT, net INTEGER, tax INTEGER,
            total INTEGER, reason TEXT, lines TEXT, taxes TEXT, discounted TEXT);
        CREATE INDEX credit_note_number ON credit_note(number);
        CREATE INDEX credit_note_key ON credit_note(key);
    """

    @on("invoice.drafted")
    def drafted(self, event: Drafted, recorded: Recorded, views: Views) -> None:
        views.add(
            "invoice", recorded.position, recorded.key, None, "draft", event.customer, 0, "", None, None,
            event.currency, event.net.minor, event.tax.minor, event.total.minor, 0, 0, 0, 0, 0, event.ref, "{}",
            lines_of(event), "[]", None, None,
        )  # fmt: skip

    @on("invoice.edited")
    def edited(self, event: Edited, recorded: Recorded, views: Views) -> None:
        views.run(
            "UPDATE invoice SET customer = ?, currency = ?, net = ?, tax = ?, total = ?, ref = ?, lines = ?"
            " WHERE key = ?",
            event.customer, event.currency, event.net.minor, event.tax.minor, event.total.minor, event.ref,
            lines_of(event), recorded.key,
        )  # fmt: skip

    @on("invoice.discarded")
    def discarded(self, event: Discarded, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE invoice SET state = 'discarded' WHERE key = ?", recorded.key)

    @on("invoice.issued")
    def issued(self, event: Issued, recorded: Recorded, views: Views) -> None:
        """The event says all: who was given access after the draft has the invoice nevertheless."""
        views.run("DELETE FROM invoice WHERE key = ?", recorded.key)
        self.imported(event, recorded, views)

    @on("invoice.imported")
    def imported(self, event: Issued, recorded: Recorded, views: Views) -> None:
        total = event.total.minor
        views.add(
            "invoice", recorded.position, recorded.key, event.number, "issued", event.customer, 0, event.buyer.name,
            event.on.isoformat(), event.due.isoformat(), event.currency, event.net.minor, event.tax.minor, total,
            total, 0, 0, 0, 0, event.ref, as_json(event.buyer), lines_of(event), taxes_of(event.taxes),
            event.discount and str(event.discount.percent), event.discount and event.discount.until.isoformat(),
        )  # fmt: skip

    @on("invoice.paid")
    def paid(self, event: Paid, recorded: Recorded, views: Views) -> None:
        _move(views, recorded, event, "paid", credit=1, source=event.payment, ref=event.ref)

    @on("invoice.allocated")
    def allocated(self, event: Allocated, recorded: Recorded, views: Views) -> None:
        _move(views, recorded, event, "allocated", -1, -1, event.source, event.allocation)

    @on("invoice.unallocated")
    def unallocated(self, event: Unallocated, recorded: Recorded, views: Views) -> None:
        _move(views, recorded, event, "unallocated", 1, 1, event.source, event.allocation)

    @on("invoice.given")
    def given(self, event: Given, recorded: Recorded, views: Views) -> None:
        _move(views, recorded, event, "given", credit=-1, source=event.source, ref=event.to)

    @on("invoice.received")
    def received(self, event: Received, recorded: Recorded, views: Views) -> None:
        _move(views, recorded, event, "received", credit=1, source=event.source, ref=event.origin)

    @on("invoice.credited")
    def credited(self, event: Credited, recorded: Recorded, views: Views) -> None:
        total = event.total.minor
        views.run(
            "UPDATE invoice SET credit = credit + ?, credited = credited + ? WHERE key = ?", total, total, recorded.key
        )
        _note_movement(views, recorded, event.on, "credited", 0, event.number, total, 0, total, "")
        views.add(
            "credit_note", recorded.position, event.number, recorded.key, event.on.isoformat(), event.net.minor,
            event.tax.minor, total, event.reason, lines_of(event), taxes_of(event.taxes),
            taxes_of(event.discounted),
        )  # fmt: skip

    @on("invoice.voided")
    def voided(self, event: Voided, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE invoice SET state = 'void' WHERE key = ?", recorded.key)
        _move(views, recorded, event, "voided", -1, ref=event.reason)

    @on("invoice.written_off")
    def written_off(self, event: WrittenOff, recorded: Recorded, views: Views) -> None:
        """A difference that is tolerated is no bad debt: what it is missing from counts as paid."""
        _forgo(views, recorded.key, "allowed" if event.small else "written_off", event.amount.minor)
        _move(views, recorded, event, "difference" if event.small else "written off", -1, ref=event.reason)

    @on("invoice.discounted")
    def discounted(self, event: Discounted, recorded: Recorded, views: Views) -> None:
        _forgo(views, recorded.key, "allowed", event.amount.minor)
        _move(views, recorded, event, "discounted", -1, ref=event.reason)

    @on("invoice.reinstated")
    def reinstated(self, event: Reinstated, recorded: Recorded, views: Views) -> None:
        lost = not getattr(event.was, "small", True)
        _forgo(views, recorded.key, "written_off" if lost else "allowed", -event.amount.minor)
        _move(views, recorded, event, "write-off undone" if lost else "reinstated", 1, ref=event.reason)

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        """What was issued to an erased customer stays as the law wants it; the way to the record ends."""
        kind, _, ref = recorded.key.partition("/")
        if kind == "customer":
            views.run("UPDATE invoice SET erased = 1 WHERE customer = ?", ref)
        elif kind == "invoice":
            for table in ("invoice", "movement", "credit_note"):
                views.run(f"DELETE FROM {table} WHERE key = ?", ref)  # noqa: S608


def _move(
    views: Views, recorded: Recorded, event: Any, what: str, owing: int = 0, credit: int = 0, source: str = "",
    allocation: int = 0, ref: str = "",
) -> None:  # fmt: skip
    """Change what is owing and what credit is held by the event's amount, more or less of it."""
    minor = event.amount.minor
    views.run(
        "UPDATE invoice SET owing = owing + ?, credit = credit + ? WHERE key = ?",
        owing * minor, credit * minor, recorded.key,
    )  # fmt: skip
    _note_movement(views, recorded, event.on, what, allocation, source, minor, owing * minor, credit * minor, ref)


def _forgo(views: Views, key: str, what: str, minor: int) -> None:
    views.run(f"UPDATE invoice SET {what} = {what} + ? WHERE key = ?", minor, key)  # noqa: S608  # one of two columns


def _note_movement(views: Views, recorded: Recorded, day: date, what: str, *more: Any) -> None:
    views.add("movement", recorded.key, recorded.position, day.isoformat(), what, *more)


def lines_of(event: Any) -> str:
    return as_json([
        (each.description, each.quantity, each.price, each.category, each.rate, each.net.minor, each.discount,
         each.unit, each.of, *([" ".join(each.dimensions)] if each.dimensions else []))
        for each in event.lines
    ])  # fmt: skip


# Queries. `?1` is the day asked about in all of them, NULL for the state after the newest event.

WAS = """(SELECT i.id, i.key, i.number, iif(SUM(m.what = 'voided'), 'void', 'issued') AS state, i.customer, i.erased,
    i.party, i.on_date, i.due, i.currency, i.net, i.tax, i.total,
    iif(i.on_date <= ?1, i.total, 0) + COALESCE(SUM(m.owing), 0) AS owing, COALESCE(SUM(m.credit), 0) AS credit,
    SUM(iif(m.what = 'credited', m.amount, 0)) AS credited,
    SUM(CASE m.what WHEN 'written off' THEN m.amount WHEN 'write-off undone' THEN -m.amount ELSE 0 END) AS written_off,
    SUM(CASE m.what WHEN 'discounted' THEN m.amount WHEN 'difference' THEN m.amount WHEN 'reinstated' THEN -m.amount
        ELSE 0 END) AS allowed,
    i.ref, i.buyer, i.lines, i.taxes, i.discount, i.discount_until
    FROM invoice i LEFT JOIN movement m ON m.key = i.key AND m.on_date <= ?1
    WHERE i.number IS NOT NULL{} GROUP BY i.id)"""
STATUS = """CASE WHEN state != 'issued' THEN state WHEN owing > 0 THEN iif(owing < total, 'partial', 'open')
    WHEN credited > 0 AND credited >= total - allowed THEN 'credited'
    WHEN written_off > 0 THEN 'written-off' ELSE 'paid' END"""
"""`allowed` are discounts and tolerated differences that stand: nobody pays them, and nobody credits them."""
PARTY = """iif(number IS NULL,
    COALESCE((SELECT label FROM reference WHERE kind = 'customer' AND ref = customer LIMIT 1), ''), party)"""
"""As the document names it; a draft as the record does."""
CUSTOMER = "iif(erased, '[erased]', customer)"


def source(as_of: date | None, condition: str = "") -> str:
    """The invoices as they are, or as they were at the end of a day."""
    return "invoice" if as_of is None else WAS.format(condition)


class Listed(msgspec.Struct):
    number: str | None
    draft: str | None
    status: str
    customer: str
    party: str
    on: date | None
    due: date | None
    currency: str
    total: Minor
    owing: Minor
    disputed: str
    """Why, if it is in dispute."""


def listed(
    views: Views, status: str = "", customer: str = "", as_of: date | None = None, limit: int | None = None
) -> list[Listed]:
    """The newest first. What has no date yet, a draft, is not there on any day of the past."""
    return views.all(
        Listed,
        f"""SELECT number, NULLIF(key, number) AS draft, {STATUS} AS status, {CUSTOMER} AS customer,
            {PARTY} AS party, on_date AS "on",
            due, currency, total, owing, {reason("'invoice/' || key")} AS disputed
            FROM {source(as_of)} WHERE (?1 IS NULL OR on_date <= ?1)
            AND (?2 = '' OR {STATUS} = ?2) AND (?3 = '' OR customer = ?3) ORDER BY id DESC LIMIT ?4""",  # noqa: S608
        as_of, status, customer, -1 if limit is None else limit,
    )  # fmt: skip


class Known(msgspec.Struct):
    customer: str
    on: str
    due: str
    currency: str
    total: int
    lines: str
    discount: str | None
    discount_until: str | None


def known(views: Views, key: str) -> Known | None:
    """What is known of an issued invoice, to compare it with one to import."""
    return views.one(
        Known,
        """SELECT customer, on_date AS "on", due, currency, total, lines, discount, discount_until FROM invoice
            WHERE key = ? AND number IS NOT NULL""",
        key,
    )
