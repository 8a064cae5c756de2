"""What is open with each customer and vendor at the end of a day: as much as the control accounts say."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from projections import bills, invoices, payables, payments, receivables
from projections.controls import CONTROLLING, KINDS, LABEL, by_hand
from projections.core import Minor
from projections.disputes import reason

if TYPE_CHECKING:
    from projections.core import Views


class Item(msgspec.Struct):
    """`open` is below zero where it is credit: what was paid or credited and settles nothing yet."""

    party: str
    name: str
    what: str
    document: str
    on: date | None
    due: date | None
    late: int | None
    """Days since it was due."""
    currency: str
    total: Minor | None
    open: Minor


_LATER = "EXISTS(SELECT 1 FROM {0} x WHERE x.{1} = {2}.{1} AND x.on_date > ?1)"
_SALES = invoices.WAS.format(f"{{}} AND (i.owing != 0 OR i.on_date > ?1 OR {_LATER.format('movement', 'key', 'i')})")
"""Of the others nothing is owing then."""
_BILLS = bills.WAS.format(f"{{}} AND (b.owing != 0 OR {_LATER.format('bill_movement', 'number', 'b')})")

_DOCUMENTS = {
    "receivable": f"""SELECT {invoices.CUSTOMER} AS ref, customer AS of, party AS name, 'invoice' AS what,
        number AS document, on_date AS "on", due, currency, total, owing AS open FROM {_SALES} WHERE owing != 0""",  # noqa: S608
    "payable": f"""SELECT {bills.VENDOR} AS ref, vendor AS of, party AS name, 'bill' AS what, number AS document,
        on_date AS "on", due, currency, total, owing AS open FROM {_BILLS} WHERE owing != 0""",  # noqa: S608
}
_OF_ONE = {"receivable": " AND i.customer = ?2", "payable": " AND b.vendor = ?2"}
"""Of one party only its own documents are looked at, by an index."""
_CREDIT = """SELECT iif(d.erased, '[erased]', d.{party}) AS ref, d.{party} AS of, d.party AS name,
    iif(m.source = '' OR m.source LIKE 'BILL-%' OR m.source IN (SELECT number FROM {note}),
        'credit note', 'payment') AS what,
    coalesce(nullif(m.source, ''), d.number) AS document, MIN(m.on_date) AS "on", NULL AS due, d.currency,
    -SUM(iif(m.what IN ('paid', 'received', 'credited', 'added', 'edited'), m.credit, 0)) AS total,
    -SUM(m.credit) AS open
    FROM {table} d CROSS JOIN {movement} m ON m.{key} = d.{key}
    WHERE (d.credit != 0 OR {later}) AND m.credit != 0 AND m.on_date <= ?1
    GROUP BY m.{key}, m.source HAVING SUM(m.credit) != 0"""
"""What came of each payment and credit note to a document and settles nothing there yet.

CROSS JOIN keeps the order: of the few documents that may hold any, not of all movements.
"""
_CREDITS = {
    "receivable": _CREDIT.format(
        party="customer",
        movement="movement",
        table="invoice",
        note="credit_note",
        key="key",
        later=_LATER.format("movement", "key", "d"),
    ),
    "payable": _CREDIT.format(
        party="vendor",
        movement="bill_movement",
        table="bill",
        note="vendor_credit",
        key="number",
        later=_LATER.format("bill_movement", "number", "d"),
    ),
}


def _query(control: str, one: bool) -> str:
    documents = _DOCUMENTS[control].format(_OF_ONE[control] if one else "")
    kind = KINDS[control]
    after = len(kind) + 2
    incoming = "in" if control == "receivable" else "out"
    way = f"iif(direction = '{incoming}', -{{}}, {{}})"
    paid = f"""SELECT iif(erased, '[erased]', substr(party, {after})), substr(party, {after}),
        {LABEL.format(kind, f"substr(party, {after})")}, 'payment', number, posted, NULL, currency,
        {way.format("amount", "amount")}, {way.format("remaining", "remaining")} FROM {payments.WAS}
        WHERE party LIKE '{kind}/%' AND remaining != 0"""  # noqa: S608
    return f"""SELECT iif(ref = '' OR ref = '[erased]', ref, '{kind}/' || ref) AS party, name, what, document, "on",
        due, iif(due IS NULL, NULL, MAX(0, CAST(julianday(?1) - julianday(due) AS INTEGER))) AS late, currency, total,
        open FROM ({documents} UNION ALL SELECT * FROM ({_CREDITS[control]}) UNION ALL {paid}
        UNION ALL
        SELECT ref, of, name, 'entry', number, on_date, NULL, currency, open, open FROM ({by_hand(control)}))
        WHERE ?2 IN ('', of)
        ORDER BY party = '[erased]', of, currency, coalesce(due, "on"), document LIMIT ?3"""  # noqa: S608


def open_items(
    views: Views, control: str, day: date, ref: str = "", totals: bool = False, limit: int | None = None
) -> list[Item]:
    """Every item of a control account that was open at the end of a day, of all parties or of one.

    Their sum, for each party and currency, is what the control account says: of receivables as debit, of payables as
    credit. What was posted there by hand is an item of its own.
    """
    rows = views.all(Item, _query(control, bool(ref)), day, ref, -1 if limit is None else limit)
    whole = limit is None or len(rows) < limit
    return [*rows, *_sums(rows)] if totals and rows and whole else rows


def _sums(rows: list[Item]) -> list[Item]:
    """What is open in each currency."""
    return [
        Item("", "", "total", "", None, None, None, currency, None, Minor(sum(row.open for row in here)))
        for currency in sorted({row.currency for row in rows})
        if (here := [row for row in rows if row.currency == currency])
    ]  # fmt: skip


class Movement(msgspec.Struct):
    """`position` leads to the entry: `bo book explain POSITION`."""

    on: date
    position: int | None
    what: str
    document: str
    text: str
    due: date | None
    currency: str
    charged: Minor
    settled: Minor
    balance: Minor
    disputed: str
    """Why, if the document is in dispute."""


_WHAT = """CASE e.event WHEN 'invoice.issued' THEN 'invoice' WHEN 'invoice.imported' THEN 'invoice'
    WHEN 'invoice.credited' THEN 'credit note' WHEN 'invoice.paid' THEN 'payment' WHEN 'invoice.voided' THEN 'voided'
    WHEN 'invoice.written_off' THEN 'written off' WHEN 'invoice.discounted' THEN 'discount'
    WHEN 'invoice.reinstated' THEN 'reinstated' WHEN 'bill.added' THEN iif(charged < 0, 'credit note', 'bill')
    WHEN 'bill.discounted' THEN 'discount' WHEN 'bill.tolerated' THEN 'written off'
    WHEN 'bill.reinstated' THEN 'reinstated' WHEN 'bill.edited' THEN 'bill changed'
    WHEN 'bill.credited' THEN 'credit note' WHEN 'bill.voided' THEN 'voided'
    WHEN 'payment.recorded' THEN iif(charged < 0, 'payment', 'paid back') WHEN 'payment.voided' THEN 'payment voided'
    ELSE 'entry' END"""
_TEXT = """CASE e.event
    WHEN 'invoice.issued' THEN (SELECT ref FROM invoice WHERE key = substr(e.source, 9))
    WHEN 'invoice.paid' THEN (SELECT ref FROM movement m WHERE m.key = substr(e.source, 9) AND m.position = e.position)
    WHEN 'bill.added' THEN (SELECT ref FROM bill WHERE number = substr(e.source, 6))
    WHEN 'bill.credited' THEN (SELECT ref FROM vendor_credit WHERE id = e.position)
    WHEN 'payment.recorded' THEN (SELECT ref FROM payment WHERE number = substr(e.source, 9))
    WHEN 'entry.posted' THEN coalesce(nullif(p.text, ''), e.text) ELSE '' END"""
_DUE = """CASE e.event WHEN 'bill.added' THEN (SELECT due FROM bill WHERE number = substr(e.source, 6))
    WHEN 'invoice.issued' THEN (SELECT due FROM invoice WHERE key = substr(e.source, 9))
    WHEN 'invoice.imported' THEN (SELECT due FROM invoice WHERE key = substr(e.source, 9)) END"""


def statement(views: Views, party: str, first: date, last: date) -> list[Movement]:
    """A party's account between two days, in each currency: what stood, every movement, what stands.

    Of a customer, charged is debit; of a vendor, credit: the balance is what is owed, by the one or to the other.
    """
    kind = party.partition("/")[0]
    control = next(control for control, of in KINDS.items() if of == kind)
    sign = "" if control == "receivable" else "-"
    return views.all(
        Movement,
        f"""WITH line AS (SELECT p.*, {sign}p.minor AS charged FROM posting p
                WHERE p.account IN {CONTROLLING.format(control)} AND p.party = ?3 AND p.on_date <= ?2),
            told AS (SELECT 1 AS place, p.id, p.on_date AS "on", e.position, {_WHAT} AS what,
                iif(e.event IN ('entry.posted', 'match.confirmed', 'match.undone'), e.number,
                    coalesce(nullif(p.text, ''), e.number)) AS document,
                coalesce({_TEXT}, '') AS text, {_DUE} AS due, p.currency, charged,
                {reason("e.source", "?2")} AS disputed
                FROM line p JOIN entry e ON e.id = p.entry WHERE p.on_date >= ?1
                UNION ALL SELECT 0, 0, ?1, NULL, 'opening balance', '', '', NULL, currency,
                    SUM(iif(on_date < ?1, charged, 0)), '' FROM line GROUP BY currency
                UNION ALL SELECT 2, 0, ?2, NULL, 'closing balance', '', '', NULL, currency, 0, '' FROM line
                GROUP BY currency)
            SELECT "on", position, what, document, text, due, currency,
                iif(place = 1, max(charged, 0), 0) AS charged, iif(place = 1, max(-charged, 0), 0) AS settled,
                SUM(charged) OVER (PARTITION BY currency ORDER BY place, "on", id) AS balance,
                iif(due IS NULL, '', disputed) AS disputed
            FROM told ORDER BY currency, place, "on", id""",  # noqa: S608
        first, last, party,
    )  # fmt: skip


_AGED = {
    "current": "not due", "days_1_30": "1 to 30 days overdue", "days_31_60": "31 to 60 days overdue",
    "days_61_90": "61 to 90 days overdue", "over_90": "over 90 days overdue", "credit": "credit", "journal": "entries",
}  # fmt: skip


def aged(views: Views, kind: str, ref: str, day: date) -> list[Movement]:
    """What the balance of a party is made of at the end of a day; together it comes to that."""
    aging: list[Any] = receivables.aging(views, day, day) if kind == "customer" else payables.aging(views, day, day)
    return [
        Movement(day, None, said, "", "", None, age.currency, Minor(0), Minor(0), Minor(minor), "")
        for age in aging
        if getattr(age, kind) == ref
        for name, said in _AGED.items()
        if (minor := -age.credit if name == "credit" else getattr(age, name))
    ]
