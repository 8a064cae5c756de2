"""Statements as CSV: each bank has its own columns, so they are found by their names or told by a mapping."""

from __future__ import annotations

import io
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from aggregates.core import Refused, require
from aggregates.fields import Field
from aggregates.money import Money, parted
from aggregates.text import shown
from bo import mapping
from bo.bank import columns
from bo.bank.statement import Balance, Line, Part, Statement, account, anybodys, reference, said
from bo.sheets import Sheet

if TYPE_CHECKING:
    from pathlib import Path

    from bo.bank.statement import Ours
    from bo.findings import Findings

FIELDS = (
    Field("on", "date", required=True),
    Field("amount", "money"),
    Field("in", "money"),
    Field("out", "money"),
    Field("balance", "money"),
    Field("value_on", "date"),
    Field("currency"),
    Field("counterpart"),
    Field("iban"),
    Field("text"),
    Field("reference"),
    Field("end_to_end"),
    Field("kind"),
    Field("sign"),
    Field("from"),
    Field("to"),
    Field("fee", "money"),
    Field("gross", "money"),
    Field("document"),
    Field("status"),
    Field("account"),
)


def read(
    data: bytes,
    findings: Findings,
    given: mapping.Mapping | None = None,
    currency: str = "",
    folder: Path | None = None,
    ours: Ours = anybodys,
) -> list[Statement]:
    """A statement for each account of ours in a table. What cannot be read is found and left out. Raises Refused."""
    chosen = given or mapping.Mapping()
    sheet = Sheet(
        findings.file, lambda: io.BytesIO(data), chosen.encoding, chosen.delimiter, chosen.header, "warning",
        lambda cells: columns.is_head(cells, given),
    )  # fmt: skip
    if given is None:
        chosen = columns.automatic(sheet)
        has = ", ".join(filter(None, sheet.header))
        known = f"{findings.file} is neither camt, MT940 nor OFX, and a table of unknown columns: {shown(has)}"
        require(chosen.columns, f"{known}; say in a mapping what they are")
    require(
        chosen.fields & {"amount", "in", "out"},
        f"no column of {findings.file} is the amount: it has {', '.join(filter(None, sheet.header))};"
        " say in a mapping which it is",
    )
    doubled = sorted(name for name in chosen.columns.values() if sheet.header.count(name) > 1)
    require(not doubled, f"{findings.file} has two columns {doubled[0] if doubled else ''}: give one another name")
    tables: dict[str, _Table] = {}
    whole = columns.whose(sheet.above)
    for at, texts in mapping.apply(chosen, sheet, FIELDS, folder):
        status = texts.get("status", "")
        number = columns.own(texts.get("account", "")) or whole
        table = tables.get(number)
        if table is None:
            table = tables[number] = _Table(number, ours(number, at))
        if not table.ours:
            continue
        if columns.WAITS.fullmatch(status):
            sheet.findings.add(at, "status", status, "it is not booked: it comes again when it is", "warning")
            continue
        try:
            table.add(_line(at, texts, currency), _balance(texts, currency))
        except Refused as no:
            sheet.findings.add(at, "", texts.get("amount", "") or texts.get("on", ""), str(no))
    findings.include(sheet.findings)
    if not tables and ours(whole, sheet.header_line):
        tables[whole] = _Table(whole, True)
    return [each.statement(currency, sheet.header_line) for each in tables.values() if each.ours]


class _Table:
    """The rows of one account: those of a bank that exports several have them in one file."""

    def __init__(self, account: str, ours: bool) -> None:
        self.account, self.ours = account, ours
        self.lines: list[Line] = []
        self.balances: list[Money | None] = []

    def add(self, line: Line, balance: Money | None) -> None:
        self.lines.append(line)
        self.balances.append(balance)

    def statement(self, currency: str, at: int) -> Statement:
        used = sorted({line.amount.currency for line in self.lines})
        lines, opening, closing, fault = _ends(self.lines, self.balances)
        days = sorted(line.on for line in lines)
        return Statement(
            format="CSV",
            account=self.account,
            currency=used[0] if used else currency,
            opening=opening,
            closing=closing,
            first=days[0] if days else None,
            last=days[-1] if days else None,
            lines=tuple(lines),
            fault=fault,
            at=at,
        )


def _line(at: int, texts: dict[str, str], currency: str) -> Line:
    value_on, amount = texts.get("value_on", ""), _amount(texts, currency)
    gross = _money(texts["gross"], texts, currency) if texts.get("gross") else amount
    text, document = texts.get("text", ""), texts.get("document", "")
    return Line(
        on=_day(texts.get("on", "")),
        amount=amount,
        value_on=_day(value_on) if value_on else None,
        counterpart=said(texts.get("counterpart", "") or texts.get("to" if amount.minor < 0 else "from", "")),
        iban=account(texts.get("iban", "")),
        text=said(text, document if document not in text else ""),
        reference=reference(texts.get("reference", "")),
        end_to_end=reference(texts.get("end_to_end", "")),
        kind=said(texts.get("kind", "")),
        parts=(Part(amount=gross), Part(amount=amount - gross)) if gross != amount else (),
        at=at,
    )


def _amount(texts: dict[str, str], currency: str) -> Money:
    """One column with a sign, in it or beside it; or columns of money in and money out, where a sign says nothing."""
    whole, sign = texts.get("amount", ""), texts.get("sign", "").strip().casefold()
    if whole:
        amount = _money(whole, texts, currency)
        require(sign in ("", *columns.IN, *columns.OUT), f"{shown(sign)} says neither money in nor money out")
        amount = -abs(amount) if sign in columns.OUT else abs(amount) if sign in columns.IN else amount
        return amount - abs(_money(texts["fee"], texts, currency)) if texts.get("fee") else amount
    parts = [abs(_money(texts[name], texts, currency)) if texts.get(name) else None for name in ("in", "out")]
    came, went = parts
    require(came or went, "there is no amount")
    require(not (came and went), "it is money in and money out at once")
    return came if came else -went if went else Money(0, currency)


def _balance(texts: dict[str, str], currency: str) -> Money | None:
    balance = texts.get("balance", "")
    return _money(balance, texts, currency) if balance else None


def _money(text: str, texts: dict[str, str], currency: str) -> Money:
    amount, named = parted(text)
    code = named or texts.get("currency", "").strip().upper() or currency
    return Money.of(amount, code)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Refused(
            f"{shown(text)} is not a date as 2026-01-31: name its form in a mapping, such as %d/%m/%Y"
        ) from None


def _ends(lines: list[Line], balances: list[Money | None]) -> tuple[list[Line], Balance | None, Balance | None, str]:
    """The lines of a table that says a balance in each row, the oldest first, and the first and last balance."""
    known = [balance for balance in balances if balance is not None]
    if not lines or len(known) < len(lines):
        return lines, None, None, ""
    for rows in (list(zip(lines, known, strict=True)), list(zip(lines[::-1], known[::-1], strict=True))):
        if all(
            {before.currency, after.currency, line.amount.currency} == {after.currency}
            and before + line.amount == after
            for (_, before), (line, after) in pairwise(rows)
        ):
            (first, start), (last, end) = rows[0], rows[-1]
            same = start.currency == first.amount.currency
            opening = Balance("opening", start - first.amount, first.on) if same else None
            return [line for line, _ in rows], opening, Balance("closing", end, last.on), ""
    return lines, None, None, "the balance of a row is not that of the row before and its amount"
