"""Prints rows of structs: exact JSON and CSV here, drawn tables in `bo/tables.py`."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from inspect import get_annotations
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import astuple

from bo.errors import BadInput

FORMATS = ("table", "csv", "tsv", "json", "jsonl", "md", "html", "plain")

_HIDDEN = (
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_PLAIN = frozenset({str, int, bool, type(None)})
"""What JSON shows as it is: a listing is long, and most of it is this."""
_RUNS = tuple("=+-@\t\r\n＝＋－＠")
_NUMBER = r"[+-]?[0-9]+(\.[0-9]+)?"


class How(NamedTuple):
    format: str = "table"
    columns: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    limit: int | None = None
    envelope: tuple[int, str] | None = None
    """Position and head of the log, to stand around the rows."""


def _digits(currency: str) -> int:
    from projections.core import digits

    return int(digits(currency))


digits_of: Callable[[str], int] = _digits
"""How many decimals a currency has; the views know it."""


def rows(found: Sequence[msgspec.Struct], how: How) -> None:
    """Print a listing. An empty one keeps its header where the list says what `struct` it holds."""
    shape = type(found[0]) if found else getattr(found, "struct", None)
    names = _columns(shape, how) if shape else ()
    chosen = _sorted(found, how.sort) if found else list(found)
    whole = map(record, chosen[: how.limit])
    plain = ({name: of[name] for name in names} for of in whole) if how.columns else whole
    if how.format == "json":
        listed = list(plain)
        _json(listed if how.envelope is None else {**_around(how.envelope), "rows": listed})
    elif how.format == "jsonl":
        for row in plain:
            _json(row)
    elif how.format in ("csv", "tsv"):
        _separated(names, plain, how.format)
    elif names:
        from bo import tables

        tables.draw(list(plain), names, numeric(shape, chosen), how.format, asked=bool(how.columns), whole=False)


def one(found: msgspec.Struct, how: How) -> None:
    """Print one thing: an object, or its fields one under the other and its lists as tables below."""
    whole = record(found)
    if how.format in ("json", "jsonl"):
        _json(whole if how.envelope is None else {**_around(how.envelope), "row": whole})
        return
    flat = {name: value for name, value in whole.items() if not _nested(value)}
    if how.format in ("csv", "tsv"):
        _separated(tuple(flat), [flat], how.format)
        return
    from bo import tables

    tables.draw(
        [{"field": name, "value": value} for name, value in flat.items()], ("field", "value"), set(), how.format
    )
    for name, value in whole.items():
        if _nested(value):
            _below(name, value if isinstance(value, list) else [value], getattr(found, name), how.format)


def record(row: msgspec.Struct, currency: str = "") -> dict[str, Any]:
    """The fields as JSON shows them; amounts as exact decimals of the row's `currency`."""
    found = dict(zip(row.__struct_fields__, astuple(row), strict=True))
    currency = found.get("currency") or currency
    amounts, others = _kinds(type(row))
    if present := [name for name in amounts if found[name] is not None]:
        digits = digits_of(currency) if currency else 0
        for name in present:
            found[name] = _exact(found[name], digits)
    for name in others:
        if type(found[name]) not in _PLAIN:
            found[name] = _plain(found[name], currency)
    return found


def exact(minor: int, currency: str) -> str:
    """Minor units as a decimal: 1205 EUR is 12.05."""
    return _exact(minor, digits_of(currency) if currency else 0)


@lru_cache(1_000)
def _exact(minor: int, digits: int) -> str:
    """The same. Of the amounts in a listing many are alike, zero most of all."""
    if not digits:
        return str(minor)
    text = str(minor).zfill(digits + 1 + (minor < 0))
    return f"{text[:-digits]}.{text[-digits:]}"


@cache
def minors(shape: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that are annotated `Minor`, told by the annotations' text: nothing is imported to resolve them."""
    found = {name: str(note) for cls in reversed(shape.__mro__) for name, note in get_annotations(cls).items()}
    return frozenset(name for name, note in found.items() if re.search(r"\bMinor\b", note))


@cache
def _kinds(shape: type[msgspec.Struct]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields that are amounts, and the others."""
    amounts = minors(shape)
    fields = shape.__struct_fields__
    return tuple(name for name in fields if name in amounts), tuple(name for name in fields if name not in amounts)


def numeric(shape: type[msgspec.Struct] | None, found: Iterable[msgspec.Struct]) -> set[str]:
    """The columns to align at the right."""
    seen: dict[str, bool] = {}
    for row in found:
        for name in row.__struct_fields__:
            value = getattr(row, name)
            if value is not None:
                seen[name] = seen.get(name, True) and _is_number(value)
    return {name for name, is_number in seen.items() if is_number}


def clean(text: str) -> str:
    """Text that cannot move the cursor, hide or turn around: `\\x1b`, `\\u202e`, `\\n` are shown as such."""
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_HIDDEN, _escaped, text)


def say(text: str) -> None:
    """Print a line of free text as a result."""
    print(clean(text))


def cell(value: object) -> str:
    """A value of a record as one cell of a table or a CSV file."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return ", ".join(map(cell, value))
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return str(value)


def _columns(shape: type[msgspec.Struct], how: How) -> tuple[str, ...]:
    fields = shape.__struct_fields__
    for name in (*how.columns, *(word.removeprefix("-") for word in how.sort)):
        if name not in fields:
            raise BadInput(f"there is no column {name}: there are {', '.join(fields)}")
    return how.columns or fields


def _sorted(found: Sequence[msgspec.Struct], by: tuple[str, ...]) -> list[msgspec.Struct]:
    ordered = list(found)
    for word in reversed(by):
        name, falling = word.removeprefix("-"), word.startswith("-")
        ordered.sort(key=lambda row, n=name, f=falling: _rank(row, n, f), reverse=falling)  # type: ignore[misc]
    return ordered


def _rank(row: msgspec.Struct, name: str, falling: bool) -> tuple[bool, Any]:
    """What is missing comes last; amounts of different precision compare by value."""
    value = getattr(row, name)
    if value is not None and name in minors(type(row)):
        currency = getattr(row, "currency", None)
        value *= 10 ** (18 - (digits_of(currency) if currency else 0))
    return ((value is None) != falling, 0 if value is None else value)


def _plain(value: Any, currency: str) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, msgspec.Struct):
        return record(value, currency)
    if isinstance(value, list | tuple):
        return [_plain(item, currency) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, currency) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return format(value, "f") if type(value).__name__ == "Decimal" else msgspec.to_builtins(value)


def _is_number(value: object) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or type(value).__name__ == "Decimal"


def _nested(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _below(title: str, listed: list[dict[str, Any]], found: Any, format: str) -> None:
    from bo import tables

    items = found if isinstance(found, list | tuple) else [found]
    structs = [item for item in items if isinstance(item, msgspec.Struct)]
    names = tuple(dict.fromkeys(name for row in listed for name in row))
    print(f"\n{clean(title)}")
    tables.draw([{name: row.get(name) for name in names} for row in listed], names, numeric(None, structs), format)


def _around(at: tuple[int, str]) -> dict[str, object]:
    return {"position": at[0], "head": at[1]}


def _json(value: object) -> None:
    _as_utf8()
    print(msgspec.json.encode(value).decode())


def _as_utf8() -> None:
    """What programs read is UTF-8, whatever the locale says."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding != "utf-8":
        sys.stdout.reconfigure(encoding="utf-8")


def _separated(names: Sequence[str], listed: Iterable[dict[str, Any]], format: str) -> None:
    """RFC 4180 with plain newlines; in TSV, and on a terminal, what is hidden is escaped."""
    shown = clean if format == "tsv" or sys.stdout.isatty() else str
    between, quoted = ("\t", str) if format == "tsv" else (",", _quoted)
    _as_utf8()
    if names:
        print(between.join(names))
    for row in listed:
        print(between.join(quoted(_harmless(shown(cell(row[name])))) for name in names) or '""')


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search('[",\r\n]', text) else text


def _harmless(text: str) -> str:
    """A cell no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_RUNS) and not re.fullmatch(_NUMBER, text) else text


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _SHORT.get(match[0]) or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
