"""Taxes: returns by box with what stands behind each figure, and returns as they were filed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from projections.bookkeys import PARTS
from projections.core import Minor, Projection, Rows, on
from projections.taxcodes import Codes
from projections.taxed import Posted, Seen, posted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aggregates.tax import Defined, Filed, Withdrawn
    from projections.core import Views
    from store.recorded import Recorded


class Taxes(Projection):
    version = 2
    tables = """
        CREATE TABLE tax_code(code TEXT PRIMARY KEY, name TEXT, direction TEXT, category TEXT, base_box TEXT,
            tax_box TEXT, owed_box TEXT, standard TEXT) WITHOUT ROWID;
        CREATE TABLE tax_rate(code TEXT, since TEXT, rate TEXT, name TEXT, PRIMARY KEY(code, since)) WITHOUT ROWID;
        CREATE TABLE tax_return(number TEXT PRIMARY KEY, first TEXT, last TEXT, filed TEXT, position INTEGER,
            seen INTEGER, basis TEXT, rounding TEXT, booked TEXT, withdrawn TEXT) WITHOUT ROWID;
        CREATE TABLE tax_amount(number TEXT, place INTEGER, box TEXT, part TEXT, direction TEXT, currency TEXT,
            minor INTEGER, PRIMARY KEY(number, place)) WITHOUT ROWID;
    """

    @on("tax.defined")
    def defined(self, event: Defined, recorded: Recorded, views: Views) -> None:
        code = event.code
        views.run(
            "INSERT OR REPLACE INTO tax_code VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            code.code, code.name, code.direction, code.category, code.base_box, code.tax_box, code.owed_box,
            code.standard,
        )  # fmt: skip
        views.run("DELETE FROM tax_rate WHERE code = ?", code.code)
        by_day = {since: name for name, since in code.names().items()}
        for each in code.rates:
            name = by_day.get(each.since) or f"{code.category}{each.rate}"
            views.add("tax_rate", code.code, each.since.isoformat(), f"{each.rate:f}", name)

    @on("tax.filed")
    def filed(self, event: Filed, recorded: Recorded, views: Views) -> None:
        number = event.number or f"TAX-{event.last}"
        views.add(
            "tax_return", number, event.first.isoformat(), event.last.isoformat(), event.on.isoformat(),
            recorded.position, event.position, event.basis, event.rounding,
            event.booked.isoformat() if event.cleared and event.booked else None, None,
        )  # fmt: skip
        for place, each in enumerate(event.amounts):
            amount = each.amount
            views.add("tax_amount", number, place, each.box, each.part, each.direction, amount.currency, amount.minor)

    @on("tax.withdrawn")
    def withdrawn(self, event: Withdrawn, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE tax_return SET withdrawn = ? WHERE number = ?", event.on.isoformat(), event.number)


class Box(msgspec.Struct):
    """`part` is base, tax or owed; what is to pay is output tax and what is owed, less input tax."""

    box: str
    part: str
    direction: str
    says: str
    currency: str
    amount: Minor


class Behind(Posted, kw_only=True):
    """A posting in a box; if it came too late for its own return, which one it corrects.

    `original` is what a credit note, an edit, a void or a reversal changes.
    """

    corrects: str
    original: str


STANDING = "SELECT first, last, seen, basis, rounding, number FROM tax_return WHERE withdrawn IS NULL ORDER BY first"


def seen(views: Views, first: date, last: date, basis: str = "", rounding: str = "") -> Seen:
    """What belongs to a return: if it was filed, what was known then; if it is the next one, what came late too.

    On the basis, and rounded as, it is asked for, else as it was filed, or the last one was.
    """
    filed = list(views.rows(STANDING))
    before = [row for row in filed if row[1] < first.isoformat()]
    since = before[-1][2] if before and date.fromisoformat(before[-1][1]) + timedelta(1) == first else None
    itself = next((row for row in filed if row[:2] == (first.isoformat(), last.isoformat())), None)
    last_basis, last_rounding, number = (itself or (filed or [("", "", 0, "accrual", "none", "")])[-1])[3:]
    same = basis in ("", last_basis) and rounding in ("", last_rounding)
    return Seen(
        first, last, since, itself[2] if itself and same else None, (basis or last_basis) == "cash",
        rounding or last_rounding, number if itself and same else "",
    )  # fmt: skip


def boxes(views: Views, about: Seen) -> list[Box]:
    """What each box comes to."""
    if about.filed:
        return views.all(
            Box,
            """SELECT box, part, direction, 'as filed on ' || filed AS says, currency, minor AS amount
                FROM tax_amount JOIN tax_return USING (number) WHERE number = ? ORDER BY place""",
            about.filed,
        )
    sums: dict[tuple[str, str, str], Box] = {}
    for each, box, says in _placed(views, about):
        known = sums.setdefault(
            (box, each.part, each.direction), Box(box, each.part, each.direction, says, each.currency, Minor(0))
        )
        known.amount = Minor(known.amount + each.amount)
    order = sorted(sums, key=lambda key: (key[2] == "input", key[1] != "base", key[0]))
    found = [sums[key] for key in order]
    for row in found:
        row.amount = Minor(in_units(row.amount, 10 ** views.digits(row.currency), about.rounding))
    return found or Rows(Box)


def in_units(minor: int, unit: int, rounding: str) -> int:
    """Whole units: the nearest, a half away from zero, or without the decimals."""
    if rounding == "none":
        return minor
    whole = (abs(minor) + (unit // 2 if rounding == "nearest" else 0)) // unit * unit
    return whole if minor >= 0 else -whole


def taxes(views: Views, about: Seen) -> dict[str, int]:
    """What the taxes in the boxes come to on each account, debit positive, to the cent."""
    sums: dict[str, int] = {}
    for each, _, _ in _placed(views, about):
        if each.part != "base":
            sums[each.account] = sums.get(each.account, 0) + (-each.amount if owes(each) else each.amount)
    return sums


def owes(each: Posted | Box) -> bool:
    """Whether a tax is to pay, not to be paid back."""
    return (each.direction, each.part) != ("input", "tax")


def drilled(views: Views, about: Seen, box: str) -> list[Behind]:
    """What stands behind a box."""
    filed = list(views.rows(STANDING))
    found = []
    for each, place, _ in _placed(views, about):
        if place == box:
            dated, original = _paper(views, each)
            day = dated if dated < str(about.first) else ""
            corrects = next((f"{row[0]} to {row[1]}" for row in filed if row[0] <= day <= row[1]), "")
            found.append(Behind(**msgspec.structs.asdict(each), corrects=corrects, original=original))
    return found or Rows(Behind)


def _paper(views: Views, each: Posted) -> tuple[str, str]:
    """The day that stands on what was posted, though it was booked later, and what it changes."""
    rows = views.rows(
        """SELECT coalesce(iif(e.event = 'bill.added', b.on_date, c.on_date), e.on_date),
            coalesce(nullif(j.reverses, ''), iif(first.id < e.id, first.number, ''))
        FROM entry e JOIN entry first ON first.id = (SELECT MIN(id) FROM entry WHERE source = e.source)
        LEFT JOIN bill b ON e.event = 'bill.added' AND b.number = e.number
        LEFT JOIN vendor_credit c ON e.event = 'bill.credited' AND c.number = e.number
        LEFT JOIN journal_entry j ON e.event = 'entry.posted' AND j.number = e.number
        WHERE e.id >= ?1 * ?2 AND e.id < (?1 + 1) * ?2 AND e.on_date = ?3""",
        each.position, PARTS, each.on,
    )  # fmt: skip
    return next(((str(dated), str(original)) for dated, original in rows), (str(each.on), ""))


def _placed(views: Views, about: Seen) -> Iterator[tuple[Posted, str, str]]:
    """Each posting that belongs in a box, with the box and what it is called."""
    codes = Codes(views)
    for each in posted(views, about):
        box, says = codes.box(each)
        if box:
            yield each, box, says


class Turnover(msgspec.Struct):
    code: str
    name: str
    direction: str
    currency: str
    base: Minor
    tax: Minor


def by_code(views: Views, first: date, last: date) -> list[Turnover]:
    """What was sold and bought under each code between two days, and the tax on it. Tax that we owe is output tax."""
    codes, sums = Codes(views), dict[tuple[str, str], Turnover]()
    for each in posted(views, Seen(first, last)):
        direction = "output" if each.part == "owed" else each.direction
        code = codes.of(each.direction, each.tax, each.on)
        known = sums.setdefault(
            (direction, code.code), Turnover(code.code, code.name, direction, each.currency, Minor(0), Minor(0))
        )
        if each.part == "base":
            known.base = Minor(known.base + each.amount)
        else:
            known.tax = Minor(known.tax + each.amount)
    return [sums[key] for key in sorted(sums, reverse=True)] or Rows(Turnover)


class Return(msgspec.Struct):
    """`to_pay` is below zero where it is paid back, `booked` the day on which it was posted."""

    number: str
    first: date
    last: date
    filed: date
    position: int
    basis: str
    rounding: str
    booked: date | None
    withdrawn: date | None
    currency: str
    to_pay: Minor


def returns(views: Views, limit: int | None = None) -> list[Return]:
    """The newest first."""
    return views.all(
        Return,
        """SELECT number, first, last, filed, position, basis, rounding, booked, withdrawn,
            (SELECT value FROM book WHERE name = 'currency') AS currency,
            coalesce((SELECT SUM(CASE WHEN part = 'base' THEN 0 WHEN direction = 'input' AND part = 'tax' THEN -minor
                ELSE minor END) FROM tax_amount a WHERE a.number = r.number), 0) AS to_pay
            FROM tax_return r ORDER BY position DESC LIMIT ?""",
        -1 if limit is None else limit,
    )


def to_pay(found: Iterable[Box]) -> int:
    return sum(each.amount if owes(each) else -each.amount for each in found if each.part != "base")
