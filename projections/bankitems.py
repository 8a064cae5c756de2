"""What a line of a bank statement could be: open documents, and payments that no statement has shown yet."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.core import Minor

if TYPE_CHECKING:
    from projections.core import Views


class Item(msgspec.Struct):
    """`minor` as the bank would move it: what customers owe comes in, what we owe goes out."""

    target: str
    number: str
    party: str
    name: str
    ref: str
    currency: str
    minor: int
    on: date
    due: date
    account: str = ""
    """What a payment went through; "" for a document."""
    whole: int = 0
    """All that a payment moved, of which `minor` is on no statement yet."""
    less: int = 0
    """What a document asks for of who pays until the day `until`, its discount deducted."""
    until: date | None = None

    def asks(self, day: date) -> int:
        """What is to be paid on a day."""
        return self.less if self.until and day <= self.until else self.minor


class Open(msgspec.Struct):
    """A line that nobody has matched."""

    id: str
    bank: str
    account: str
    on: date
    currency: str
    minor: int
    counterpart: str
    iban: str
    texts: str
    held: bool
    kept: int
    """What was kept back of the amount before it came: a payment within the line that goes the other way."""


class Suggestion(msgspec.Struct):
    line: str
    on: date
    currency: str
    amount: Minor
    counterpart: str
    rule: str
    targets: str
    sure: bool
    """Whether `--confirm` would go by it."""
    why: str


LINKED = """(SELECT t.target, SUM(t.minor) AS minor FROM bank_target t JOIN bank_line l
    ON l.id = t.line AND l.match = t.match GROUP BY t.target)"""
_OFF = "(((total - credited) * CAST(round(discount * 100) AS INTEGER) + 5000) / 10000 - allowed)"
_LESS = f"iif({_OFF} BETWEEN 1 AND owing - 1, owing - {_OFF}, owing)"
"""What is owing less the discount, rounded half up; without one, all of it."""
FIRST = "SELECT MIN(first) FROM bank_statement WHERE bank = ?"
_POSTED = """FROM bank b JOIN posting p ON p.account = b.account AND p.currency = b.currency
    JOIN entry e ON e.id = p.entry LEFT JOIN bank_line own
    ON own.id = iif(e.source LIKE 'match/%', substr(e.source, 7), '') AND own.bank = b.ref"""
_TARGET = "iif(e.source LIKE 'payment/%' OR e.source LIKE 'invoice/%', e.source, e.source || '/' || b.account)"
_NUMBER = "iif(e.number = '', substr(e.source, instr(e.source, '/') + 1), e.number)"
POSTED = f"""SELECT {_TARGET} AS target, {_NUMBER}, MIN(p.on_date), MAX(iif(p.text = '', e.text, p.text)), SUM(p.minor),
    MAX(e.kind = 'opening') {_POSTED} WHERE b.ref = ? AND own.id IS NULL AND p.on_date <= ? GROUP BY 1"""
"""What the books say moved on the account of a bank up to a day, what its own lines posted left out."""
_ENTRIES = f"""SELECT {_TARGET} AS target, {_NUMBER} AS number, '' AS party, '' AS name, MAX(e.text) AS ref, p.currency,
        SUM(p.minor) - coalesce(k.minor, 0) AS minor, MIN(p.on_date) AS "on", MIN(p.on_date) AS due, b.account,
        SUM(p.minor) AS whole {_POSTED} LEFT JOIN {LINKED} k ON k.target = {_TARGET}
        WHERE own.id IS NULL AND e.kind != 'opening' AND e.source NOT LIKE 'payment/%' AND e.source NOT LIKE 'invoice/%'
        AND (e.source LIKE 'match/%' OR p.on_date >= (SELECT MIN(first) FROM bank_statement WHERE bank = b.ref))
        GROUP BY 1"""  # noqa: S608
"""Entries by hand, and what a line of another account of ours posted to this one."""
PAYMENTS = f"""SELECT 'payment/' || p.number AS target, p.number, p.party, '' AS name, p.ref, p.currency,
        iif(p.direction = 'in', p.amount, -p.amount) - coalesce(k.minor, 0) AS minor, p.on_date AS "on",
        p.posted AS due,
        iif(p.bank = '@bank', (SELECT account FROM account_role WHERE role = 'bank'), p.bank) AS account,
        iif(p.direction = 'in', p.amount, -p.amount) AS whole
        FROM payment p LEFT JOIN {LINKED} k ON k.target = 'payment/' || p.number WHERE NOT p.voided
    UNION ALL SELECT 'invoice/' || m.key || '/' || m.source, m.source, 'customer/' || i.customer, i.party, m.ref,
        i.currency, m.amount - coalesce(k.minor, 0), m.on_date, m.on_date,
        (SELECT account FROM account_role WHERE role = 'bank'), m.amount
        FROM movement m JOIN invoice i ON i.key = m.key
        LEFT JOIN {LINKED} k ON k.target = 'invoice/' || m.key || '/' || m.source WHERE m.what = 'paid'
    UNION ALL {_ENTRIES}"""  # noqa: S608


def documents(views: Views) -> list[Item]:
    """What is owing to us and by us, the longest overdue first."""
    return views.all(
        Item,
        f"""SELECT 'invoice/' || key AS target, number, 'customer/' || customer AS party, party AS name, ref, currency,
            owing AS minor, on_date AS "on", due, {_LESS} AS less, discount_until AS until
            FROM invoice WHERE owing > 0
        UNION ALL SELECT 'bill/' || number, number, 'vendor/' || vendor, party, ref, currency, -owing, on_date, due,
            -{_LESS}, discount_until FROM bill WHERE owing > 0 ORDER BY due, number""",  # noqa: S608
    )


def payments(views: Views) -> list[Item]:
    """Payments that are on no statement yet, or not with all they moved."""
    return views.all(Item, f"SELECT * FROM ({PAYMENTS}) WHERE minor != 0 ORDER BY due, number")  # noqa: S608


def batches(views: Views) -> list[Item]:
    """Batches that went to a bank: each line that is not confirmed, and all that is on no statement as one sum."""
    return views.all(
        Item,
        f"""WITH open AS (SELECT b.number, b.on_date, b.account, b.currency, l.line, l.vendor, l.name, l.amount,
                l.status, b.number || '-' || l.line AS sent FROM batch b JOIN batch_line l ON l.batch = b.number
            LEFT JOIN {LINKED} k ON k.target = 'payment/' || l.payment
            WHERE l.status = 'exported' OR l.status = 'paid' AND k.target IS NULL)
        SELECT 'batch/' || number || '/' || line AS target, sent AS number, 'vendor/' || vendor AS party, name,
            sent AS ref, currency, -amount AS minor, on_date AS "on", on_date AS due, account
            FROM open WHERE status = 'exported'
        UNION ALL SELECT 'batch/' || number, number, '', '', number, currency, -SUM(amount), on_date, on_date, account
            FROM open GROUP BY number HAVING COUNT(*) > 1""",  # noqa: S608
    )


def returnable(views: Views) -> list[Item]:
    """Payments that statements showed, as what they would be if they came back."""
    return views.all(
        Item,
        f"""SELECT 'payment/' || p.number AS target, p.number, p.party, '' AS name, p.ref, p.currency,
            iif(p.direction = 'in', -p.amount, p.amount) AS minor, p.on_date AS "on", p.posted AS due,
            iif(p.bank = '@bank', (SELECT account FROM account_role WHERE role = 'bank'), p.bank) AS account
            FROM payment p JOIN {LINKED} k ON k.target = 'payment/' || p.number WHERE NOT p.voided AND p.party != ''""",  # noqa: S608
    )


def payment_of_invoice(views: Views, number: str) -> Item | None:
    """A payment that `bo invoice pay` recorded."""
    return views.one(Item, f"SELECT * FROM ({PAYMENTS}) WHERE number = ? AND target LIKE 'invoice/%'", number)  # noqa: S608


def ibans(views: Views) -> dict[str, str]:
    """The party whose account each IBAN is: `vendor/V-1`."""
    rows = views.rows(
        "SELECT json_extract(fields, '$.iban'), kind || '/' || ref FROM record"
        " WHERE kind IN ('customer', 'vendor') AND json_extract(fields, '$.iban') IS NOT NULL"
    )
    return {str(iban): str(party) for iban, party in rows}


def own_accounts(views: Views) -> dict[str, tuple[str, str]]:
    """The account of the books and the currency behind each IBAN or number of ours."""
    rows = views.rows("SELECT iban || number, account, currency FROM bank WHERE iban || number != ''")
    return {str(number): (str(account), str(currency)) for number, account, currency in rows}


def charges(views: Views) -> str:
    """The account for what is kept back."""
    return str(views.value("SELECT account FROM account_role WHERE role = 'bank-charges'") or "")


def open_lines(views: Views, bank: str = "", line: str = "") -> list[Open]:
    """Lines without a match, the oldest first; `texts` is all that the bank says of them."""
    return views.all(
        Open,
        """SELECT l.id, l.bank, b.account, l.on_date AS "on", l.currency, l.minor, l.counterpart, l.iban,
            l.end_to_end || char(10) || l.text || char(10) || coalesce((SELECT group_concat(end_to_end || char(10) ||
            reference || char(10) || text || char(10) || counterpart, char(10)) FROM bank_part WHERE line = l.id), '')
            AS texts, l.held, coalesce((SELECT SUM(minor) FROM bank_part WHERE line = l.id AND currency = l.currency
            AND minor * l.minor < 0), 0) AS kept FROM bank_line l JOIN bank b ON b.ref = l.bank
            WHERE l.match = 0 AND ?1 IN ('', l.bank) AND ?2 IN ('', l.id) ORDER BY l.on_date, l.place""",
        bank, line,
    )  # fmt: skip
