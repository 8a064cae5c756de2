"""Statements as CSV: each bank has its own columns, so they are found by their names or told by a mapping."""

from __future__ import annotations

import io
import re
from datetime import date
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from aggregates.core import Refused, require
from aggregates.fields import Field
from aggregates.money import Money, parted
from aggregates.text import shown
from bo import mapping
from bo.bank.statement import Balance, Line, Statement, account, reference, said
from bo.sheets import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
)
NAMES = {
    "on": "date bookingdate posted posteddate transactiondate buchungstag buchungsdatum datum boekdatum dateoperation",
    "amount": "amount betrag bedrag montant umsatz transactionamount betrageur amounteur",
    "in": "credit paidin moneyin haben deposit deposits credits",
    "out": "debit paidout moneyout soll withdrawal withdrawals debits",
    "balance": "balance saldo solde runningbalance saldonachbuchung",
    "value_on": "valuedate valutadatum wertstellung valuta datevaleur",
    "currency": "currency waehrung währung munt devise",
    "counterpart": "counterpart name payee counterparty counterpartyname beguenstigterzahlungspflichtiger nameofpayee "
    "empfänger empfaenger auftraggeberempfänger zahlungsempfänger naamtegenpartij",
    "iban": "iban counterpartyiban kontonummeriban kontonummer accountnumber tegenrekening",
    "text": "text description details memo verwendungszweck purpose omschrijving libelle narrative "
    "remittanceinformation",
    "reference": "reference bankreference transactionid id referenz fitid",
    "end_to_end": "endtoend endtoendid endtoendreference kundenreferenz customerreference",
    "kind": "type buchungstext transactiontype bookingtext",
    "sign": "afbij debitcredit creditdebit dc sollhaben creditdebitindicator debitcreditindicator direction",
}
"""What banks call the columns, without blanks and marks and in small letters."""
_DATES = ((r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*", ""), (r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}", "%d.%m.%Y"),
          (r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2}", "%d.%m.%y"), (r"[0-9]{8}", "%Y%m%d"))  # fmt: skip
"""Forms of which there is but one reading; a day between slashes is named in a mapping."""
_IN = ("c", "cr", "credit", "crdt", "h", "haben", "bij", "in", "+")
_OUT = ("d", "dr", "debit", "dbit", "s", "soll", "af", "out", "-")
SAMPLE = 200


def read(
    data: bytes,
    findings: Findings,
    given: mapping.Mapping | None = None,
    currency: str = "",
    folder: Path | None = None,
) -> list[Statement]:
    """The one statement of a table. What cannot be read of it is found and left out. Raises Refused."""
    chosen = given or mapping.Mapping()
    sheet = Sheet(findings.file, lambda: io.BytesIO(data), chosen.encoding, chosen.delimiter, chosen.header)
    if given is None:
        chosen = automatic(sheet)
        has = ", ".join(filter(None, sheet.header))
        known = f"{findings.file} is neither camt, MT940 nor OFX, and a table of unknown columns: {shown(has)}"
        require(chosen.columns, f"{known}; say in a mapping what they are")
    require(
        chosen.fields & {"amount", "in", "out"},
        f"no column of {findings.file} is the amount: it has {', '.join(filter(None, sheet.header))};"
        " say in a mapping which it is",
    )
    lines: list[Line] = []
    balances: list[Money | None] = []
    for at, texts in mapping.apply(chosen, sheet, FIELDS, folder):
        try:
            lines.append(_line(at, texts, currency))
            balance = texts.get("balance", "")
            balances.append(_money(balance, texts, currency) if balance else None)
        except Refused as no:
            sheet.findings.add(at, "", texts.get("amount", "") or texts.get("on", ""), str(no))
            del lines[len(balances) :]
    findings.include(sheet.findings)
    used = sorted({line.amount.currency for line in lines})
    lines, opening, closing, fault = _ends(lines, balances)
    days = sorted(line.on for line in lines)
    return [
        Statement(
            format="CSV",
            account="",
            currency=used[0] if used else currency,
            opening=opening,
            closing=closing,
            first=days[0] if days else None,
            last=days[-1] if days else None,
            lines=tuple(lines),
            fault=fault,
            at=sheet.header_line,
        )
    ]


def automatic(sheet: Sheet) -> mapping.Mapping:
    """Columns by what banks call them, and the form of dates and amounts where there is but one reading."""
    plain = {re.sub(r"[\W_]+", "", name.casefold()): name for name in reversed(sheet.header) if name}
    columns = {
        field: plain[name]
        for field, names in NAMES.items()
        if (name := next((name for name in names.split() if name in plain), ""))
    }
    if "amount" in columns:
        columns = {field: name for field, name in columns.items() if field not in ("in", "out")}
    rows = [cells for _, cells in islice(sheet.rows(), SAMPLE)]
    amounts = _sample(sheet, rows, [columns[name] for name in ("amount", "in", "out") if name in columns])
    commas = sum(bool(re.search(r",[0-9]{1,2}\D*$", text)) for text in amounts)
    points = sum(bool(re.search(r"\.[0-9]{1,2}\D*$", text)) for text in amounts)
    return mapping.Mapping(
        columns=columns,
        dates=_form(_sample(sheet, rows, [columns["on"]]) if "on" in columns else []),
        decimals="," if commas and not points else "." if points and not commas else "",
    )


def _sample(sheet: Sheet, rows: Sequence[Sequence[str]], names: Sequence[str]) -> list[str]:
    places = [sheet.header.index(name) for name in names]
    return [row[place].strip() for row in rows for place in places if row[place].strip()]


def _form(texts: Sequence[str]) -> str:
    return next((form for shape, form in _DATES if texts and all(re.fullmatch(shape, text) for text in texts)), "")


def _line(at: int, texts: dict[str, str], currency: str) -> Line:
    value_on = texts.get("value_on", "")
    return Line(
        on=_day(texts.get("on", "")),
        amount=_amount(texts, currency),
        value_on=_day(value_on) if value_on else None,
        counterpart=said(texts.get("counterpart", "")),
        iban=account(texts.get("iban", "")),
        text=said(texts.get("text", "")),
        reference=reference(texts.get("reference", "")),
        end_to_end=reference(texts.get("end_to_end", "")),
        kind=said(texts.get("kind", "")),
        at=at,
    )


def _amount(texts: dict[str, str], currency: str) -> Money:
    """One column with a sign, in it or beside it; or columns of money in and money out, where a sign says nothing."""
    whole, sign = texts.get("amount", ""), texts.get("sign", "").strip().casefold()
    if whole:
        amount = _money(whole, texts, currency)
        require(sign in ("", *_IN, *_OUT), f"{shown(sign)} says neither money in nor money out")
        return -abs(amount) if sign in _OUT else abs(amount) if sign in _IN else amount
    parts = [abs(_money(texts[name], texts, currency)) if texts.get(name) else None for name in ("in", "out")]
    came, went = parts
    require(came or went, "there is no amount")
    require(not (came and went), "it is money in and money out at once")
    return came if came else -went if went else Money(0, currency)


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
