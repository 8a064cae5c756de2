"""MT940 and MT942 of SWIFT, as banks write them. The library cuts and reads the fields; what it guesses is checked.

It reads two-digit years as 20.., cuts off amounts that are too long, finds a currency in the digits of a balance
without one, files a remark on the whole statement under its last line, and moves 30 February; see `_checked`.
"""

from __future__ import annotations

import logging
import re
from datetime import date
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from aggregates.core import Refused, require
from aggregates.text import shown
from bo.bank.statement import Balance, Line, Statement, account, anybodys, money, numbers, reference, said
from bo.encodings import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bo.bank.statement import Ours
    from bo.findings import Findings

LOOKS = re.compile(rb"^:(?:20|25|60[FM]|61):", re.MULTILINE)
_TAG = re.compile(r":(?P<tag>[0-9]{2}[A-Z]?|NS):")
_BALANCE = re.compile(r"(?P<sign>[DC])(?P<day>[0-9]{6})(?P<currency>[A-Z]{3})(?P<amount>[0-9.,]{1,24})\s*")
_POINT = re.compile(r"\A([0-9]{6}(?:[0-9]{4}|\s{4})?R?[DC][A-Z]?[\n ]?[0-9]+)\.(?=[0-9]{0,3}[A-Z])")
"""Up to a decimal point, which some banks write for the comma: the library would end the amount there."""
_IBAN = re.compile("[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_KEY = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|SVWZ|ABWA|ABWE|IBAN|BIC|COAM|OAMT|PURP|MDAT|RREF|SQTP)[+:]\s*")
_SLASHED = re.compile(r"/(EREF|KREF|BENM|ORDP|NAME|REMI|IBAN|BIC|TRTP|MARF|CSID|PREF|RTRN|ISDT|UDTR|ID|ADDR)/")
_PIVOT = 70
"""Two digits from here on are a year of the last century: no bank wrote this format before 1970."""

Field = tuple[int, str, str]
"""Where a field stands, its tag and its text."""


def read(data: bytes, findings: Findings, ours: Ours = anybodys) -> list[Statement]:
    """Every statement of a file that is ours. What cannot be read of it is found and left out. Raises Refused."""
    text = decoded(data).replace("\r\n", "\n").replace("\r", "\n")
    blocks = list(_blocks(_fields(text), findings))
    require(blocks, "the file has no statement that says its account: that is no MT940")
    return [_statement(block, findings) for block in blocks if ours(_account(block), block[0][0])]


def _fields(text: str) -> Iterator[Field]:
    """The fields in their order; a line that begins no field goes on with the one before."""
    at, tag, lines = 0, "", list[str]()
    text = re.sub(r"^:\n(?=[0-9]{2}[A-Z]?:)", ":", text, flags=re.MULTILINE)
    for number, line in enumerate(text.split("\n"), 1):
        found = _TAG.match(line)
        if found or re.match(r"-(?:$|\}|XXX|\x03)", line):
            if tag:
                yield at, tag, "\n".join(lines)
            at, tag, lines = number, found["tag"] if found else "", [line[found.end() :]] if found else []
        elif tag:
            lines.append(line)
    if tag:
        yield at, tag, "\n".join(lines)


def _blocks(fields: Iterator[Field], findings: Findings) -> Iterator[list[Field]]:
    """The statements: each begins with field 20, and names its account."""
    block: list[Field] = []
    for field in fields:
        if field[1] == "20" and block:
            yield from _named(block, findings)
            block = []
        block.append(field)
    yield from _named(block, findings)


def _named(block: list[Field], findings: Findings) -> Iterator[list[Field]]:
    if any(tag.startswith("25") for _, tag, _ in block):
        yield block
    elif block:
        findings.add(block[0][0], f":{block[0][1]}:", block[0][2], "it belongs to no statement that names its account")


def _account(block: list[Field]) -> str:
    said_of = {tag: text for _, tag, text in reversed(block)}
    return account(said_of.get("25", said_of.get("25P", "")).split("\n")[0])


def _statement(block: list[Field], findings: Findings) -> Statement:
    said_of = {tag: text for _, tag, text in reversed(block)}
    faults: list[str] = []
    opening = _balance(block, "60", faults, findings)
    closing = _balance(block[::-1], "62", faults, findings)
    currency = next((each.amount.currency for each in (opening, closing) if each), "") or _named_currency(said_of)
    lines, info = _lines(block, currency, findings)
    days = sorted(line.on for line in lines)
    return Statement(
        format="MT940" if opening or closing or faults else "MT942",
        account=_account(block),
        currency=currency,
        number=said(said_of.get("28C", said_of.get("28", said_of.get("20", "")))),
        numbers=numbers(said_of.get("28C", said_of.get("28", ""))),
        opening=opening,
        closing=closing,
        first=opening.on if opening else next(iter(days), None),
        last=closing.on if closing else next(reversed(days), None),
        lines=tuple(lines),
        balances=tuple(each for each in (opening, closing) if each),
        fault=next(iter(faults), ""),
        info=info,
        at=block[0][0],
    )


def _balance(block: list[Field], kind: str, faults: list[str], findings: Findings) -> Balance | None:
    for at, tag, text in block:
        if tag[:2] == kind:
            written = text.split("\n")[0]
            try:
                return _one_balance("opening" if kind == "60" else "closing", written)
            except Refused as no:
                faults.append(f"its balance {shown(written)} cannot be read: {no}")
                findings.add(at, f":{tag}:", written, str(no), "warning")
                return None
    return None


def _one_balance(kind: str, text: str) -> Balance:
    found = _BALANCE.fullmatch(text)
    require(found, "a balance is written C or D, the day, the currency and the amount, like C260131EUR1234,56")
    assert found is not None
    amount = money(found["amount"], found["currency"])
    digits = found["day"]
    return Balance(kind, -amount if found["sign"] == "D" else amount, _date(digits[:2], digits[2:4], digits[4:]))


def _named_currency(said_of: dict[str, str]) -> str:
    """The currency of the floor limit, since an MT942 has no balances; else what a balance names in vain."""
    floor = re.match(r"[A-Z]{3}", said_of.get("34F", ""))
    if floor:
        return floor[0]
    balances = (_BALANCE.match(text) for tag, text in said_of.items() if tag[:2] in ("60", "62"))
    return next((found["currency"] for found in balances if found), "")


def _lines(block: list[Field], currency: str, findings: Findings) -> tuple[list[Line], str]:
    """The bookings, and what is said of the whole statement."""
    found: list[Line] = []
    remarks: list[str] = []
    pending: list[Field] = []
    for field in [*block, (0, "", "")]:
        if field[1] in ("86", "NS") and pending:
            pending.append(field)
            continue
        if pending:
            line = _line(pending, currency, findings)
            found += [line] if line else []
        pending = [field] if field[1] == "61" else []
        if field[1] == "86":  # behind the closing balance it is about the statement
            remarks.append(field[2])
    return found, said(*remarks)


def _line(fields: list[Field], currency: str, findings: Findings) -> Line | None:
    at, _, text = fields[0]
    try:
        require(currency, "the statement says no currency")
        plain = _POINT.sub(r"\1,", "\n".join(line.rstrip() for line in text.split("\n")), count=1)
        return _checked(at, _field_61(plain), [field[2] for field in fields[1:]], currency, findings)
    except (Refused, RuntimeError, ValueError, ArithmeticError) as problem:
        rule = str(problem) if isinstance(problem, Refused) else "it is not written as a field 61 is"
        findings.add(at, ":61:", text, rule)
        return None


def _field_61(text: str) -> dict[str, Any]:
    """The parts of a field 61. Some banks write more than the 16 characters that a customer's reference may have."""
    as_told, longer = _readers_61()
    try:
        return as_told(text)
    except RuntimeError:
        return longer(text)


@cache
def _readers_61() -> tuple[Callable[[str], dict[str, Any]], ...]:
    """The library's readers of a field 61; they log what they cannot read, which we tell ourselves."""
    logging.getLogger("mt940").addHandler(logging.NullHandler())
    from mt940.models import Transactions
    from mt940.tags import Statement as Field61
    from mt940.tags import StatementGLS

    return tuple(partial(form().parse, Transactions()) for form in (Field61, StatementGLS))


def _checked(at: int, parts: dict[str, Any], texts: list[str], currency: str, findings: Findings) -> Line:
    """What the parts of a field 61 and its fields 86 come to. Raises Refused where they would be guessed at."""
    written, behind = parts["amount"], parts["customer_reference"] or ""
    cut_off = not parts["id"] and re.match(r"[0-9.,]", behind)
    require(not cut_off, "its amount has more than 15 characters")
    mark = parts["status"].upper()
    amount = money(written, currency)
    value_on = _date(parts["year"], parts["month"], parts["day"], at, findings)
    month, day = (parts["entry_month"] or "").strip(), (parts["entry_day"] or "").strip()
    on = value_on
    if month and day:
        years = (value_on.year, value_on.year + 1, value_on.year - 1)
        on = min(
            (_date(f"{year:04}", month, day, at, findings) for year in years), key=lambda each: abs(each - value_on)
        )
    told = _told("\n".join(texts))
    customer = reference(behind)
    extra = said((parts["extra_details"] or "").replace("\n", " "))
    if len(customer) > 16 and _IBAN.fullmatch(customer):  # ASN and SNS: with whom, and his name below
        told, customer, extra = {"iban": customer, "name": extra} | told, "", ""
    return Line(
        on=on,
        amount=-amount if mark in ("D", "RC") else amount,
        value_on=value_on,
        counterpart=told.get("name", ""),
        iban=account(told.get("iban", "")),
        text=told.get("text", "") or said(customer, extra),
        reference=reference(parts["bank_reference"]),
        end_to_end=reference(told.get("EREF", "")) or customer,
        kind=parts["id"] or "",
        reversal=mark in ("RC", "RD"),
        at=at,
    )


def _told(text: str) -> dict[str, str]:
    """What field 86 says: `text`, `name`, `iban`, and references by their keys; in any of three common forms."""
    joined = text.replace("\n", "")
    if re.match(r"\s*[0-9]{3}\?[0-9]{2}", joined):
        return _numbered(joined)
    if _SLASHED.match(text.strip()):
        return _slashed(joined)
    return {"text": said(text.replace("\n", " "))}


def _numbered(text: str) -> dict[str, str]:
    """The German form, `166?00GUTSCHRIFT?20EREF+…?21…?32NAME`: a key may begin only where a subfield does."""
    parts = [(each[:2], each[2:]) for each in text.split("?")[1:]]
    found: dict[str, str] = {}
    key = "text"
    for number, part in parts:
        if number[:1] == "2" or number in ("60", "61", "62", "63"):
            begins = _KEY.match(part)
            plainly = re.match(r"MTLG:", part)
            if begins:
                key, part = begins[1], part[begins.end() :]
            elif plainly:
                key = "text"
            found[key] = found.get(key, "") + part
        elif number in ("32", "33"):
            found["name"] = found.get("name", "") + part
        elif number == "31":
            found["iban"] = part
        elif number == "00":
            found["posting"] = part
    purpose = said(found.get("SVWZ", ""), found.get("text", ""))
    return {
        **{key: said(value) for key, value in found.items()},
        "text": purpose or said(found.get("posting", "")),
        "iban": found.get("iban", "") or found.get("IBAN", ""),
    }


def _slashed(text: str) -> dict[str, str]:
    """The Dutch form, `/EREF/…/BENM//NAME/…/REMI/…`."""
    pieces = _SLASHED.split(text.strip())[1:]
    found = {key: said(value) for key, value in zip(pieces[::2], pieces[1::2], strict=True)}
    return {**found, "text": found.get("REMI", ""), "name": found.get("NAME", ""), "iban": found.get("IBAN", "")}


def _date(year: str, month: str, day: str, at: int = 0, findings: Findings | None = None) -> date:
    """A day of six digits. Some banks count 30 days in every February: then it is the last."""
    full = int(year) if len(year) == 4 else int(year) + (1900 if int(year) >= _PIVOT else 2000)
    try:
        return date(full, int(month), int(day))
    except ValueError:
        require(month == "02" and day in ("29", "30"), f"{shown(f'{year}{month}{day}')} is not a date")
    last = date(full, 3, 1).toordinal() - 1
    found = date.fromordinal(last)
    if findings is not None:
        findings.add(at, ":61:", f"{year}{month}{day}", f"there is no such day: read as {found}", "warning")
    return found
