"""Mappings: how the columns of somebody else's file become fields, as data that can be kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as Named
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from aggregates.core import Refused, require
from aggregates.fields import E164
from aggregates.text import shown
from bo.sheets import Sheet, open_sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregates.fields import Field

LONGEST = 1024 * 1024
SYNONYMS = {
    "ref": "reference id no number code key",
    "name": "companyname company fullname customername suppliername vendorname productname",
    "email": "emailaddress mail",
    "phone": "telephone phonenumber tel",
    "street": "address addressline1 streetaddress line1",
    "postcode": "postalcode zip zipcode plz",
    "city": "town place",
    "vat_id": "vat vatnumber vatno vatregno vatregistration taxid ustid ustidnr",
    "currency": "currencycode",
    "terms": "paymentterms termsdays",
    "price": "unitprice salesprice listprice",
    "unit": "uom unitofmeasure quantityperunit",
    "tax": "taxrate vatrate taxpercent",
    "hired": "hiredate startdate",
    "manager": "reportsto",
    "serial": "serialnumber serialno",
}
_PLACE = re.compile(r"\{([^{}]+)\}")
_MIDNIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]00:00(:00(\.0+)?)?Z?")
SYMBOLS = {"€": "EUR", "£": "GBP", "$": ""}
"""What they tell of the currency: there are many dollars."""
_SYMBOL = re.compile(r"([+-]?)\s*([€£$])\s*([^€£$]*)|([^€£$]*?)\s*([€£$])")
_AMOUNT = re.compile(r"([A-Za-z]{3}\s*)?([^A-Za-z]*?)(\s*[A-Za-z]{3})?")


class Join(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A further file beside the first: its row whose `key` is the cell of column `on`."""

    file: str
    on: str
    key: str
    columns: dict[str, str] = {}


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A field is its column's cell; where that is empty its template, then its constant. `values` translates last."""

    columns: dict[str, str] = {}
    templates: dict[str, str] = {}
    constants: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    dates: str = ""
    decimals: Literal["", ".", ","] = ""  # when named, thousands may be separated; else only 1234.56 is read
    debris: Literal["", "round"] = ""  # what binary arithmetic left behind an amount, 0.30000000000000004, is taken off
    join: Join | tuple[Join, ...] | None = None
    lines: Mapping | None = None
    skip_blank_rows: bool = True
    skip_without: tuple[str, ...] = ()
    strip: bool = True
    encoding: str = ""
    delimiter: str = ""
    header: int = 0

    @property
    def joins(self) -> tuple[Join, ...]:
        return (self.join,) if isinstance(self.join, Join) else self.join or ()

    @property
    def fields(self) -> set[str]:
        joined = (name for join in self.joins for name in join.columns)
        return {*self.columns, *self.templates, *self.constants, *joined}


def load(data: bytes) -> Mapping:
    """Read a mapping from JSON; unknown and doubled names are refused."""
    require(len(data) <= LONGEST, f"the mapping is longer than {LONGEST} bytes")
    try:
        return msgspec.convert(json.loads(data, object_pairs_hook=_single), Mapping)
    except RecursionError:
        raise Refused("the mapping is nested too deeply") from None
    except (ValueError, msgspec.ValidationError) as error:
        raise Refused(f"the mapping cannot be read: {error}") from None


def dump(mapping: Mapping) -> bytes:
    return msgspec.json.encode(mapping)


def automatic(sheet: Sheet, fields: Sequence[Field], kind: str = "") -> Mapping:
    """Columns matched to fields by name, else by what such a field is often called. The rest gets a warning."""
    plain = {_plain(name): name for name in reversed(sheet.header) if name}
    columns: dict[str, str] = {}
    for likely in (_plain, _kept_names, lambda name: _often(name, kind)):
        for field in fields:
            free = (plain[word] for word in likely(field.name).split() if word in plain)
            column = next((name for name in free if name not in columns.values()), None)
            if column and field.name not in columns:
                columns[field.name] = column
    templates = {}
    if {"firstname", "lastname"} <= plain.keys() and any(field.name == "name" for field in fields):
        templates["name"] = f"{{{plain['firstname']}}} {{{plain['lastname']}}}"
    used = {*columns.values(), *_PLACE.findall(templates.get("name", ""))}
    for name in sheet.header:
        if name and name not in used and not name.endswith(E164):  # what an export adds beside a phone number
            sheet.findings.add(sheet.header_line, name, "", f"column {shown(name)} is not used", "warning")
    return Mapping(columns=columns, templates=templates)


def apply(
    mapping: Mapping, sheet: Sheet, fields: Sequence[Field], folder: Path | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """The line and the texts by field of each row that reads; the others are in `sheet.findings`.

    `folder` is where joined files are. A mapping that does not fit the file is refused at once.
    """
    types = {field.name: field.type for field in fields}
    for name in sorted(mapping.fields | set(mapping.values)):
        require(name in types, f"the mapping gives {shown(name)}, which is not a field; there are {', '.join(types)}")
    missing = [field.name for field in fields if field.required and field.name not in mapping.fields]
    require(not missing, f"no column of {sheet.file} gives {' or '.join(missing)}: say which in a mapping")
    joined = [_Joined(join, mapping, folder, sheet) for join in mapping.joins]
    known = {*sheet.header, *(name for each in joined for name in each.names)}
    _require_columns(mapping, joined, known, sheet)
    return _applied(mapping, sheet, types, joined)


def _applied(
    mapping: Mapping, sheet: Sheet, types: dict[str, str], joined: list[_Joined]
) -> Iterator[tuple[int, dict[str, str]]]:
    columns = dict(mapping.columns)
    for each in joined:
        columns |= {field: f"{each.stem}.{column}" for field, column in each.join.columns.items()}
    names = sorted(mapping.fields, key=list(types).index)
    for line, cells in sheet.rows():
        if mapping.strip:
            cells = [cell.strip() for cell in cells]
        if mapping.skip_blank_rows and not any(cells):
            continue
        row = dict(zip(sheet.header, cells, strict=True))
        fits = True
        for each in joined:
            fits = each.extend(row, line, sheet) and fits
        if mapping.skip_without and not any(row[name].strip() for name in mapping.skip_without):
            continue
        texts: dict[str, str] = {}
        for name in names:
            text = row[columns[name]] if name in columns else ""
            if not text and name in mapping.templates:
                text = _filled(mapping.templates[name], row)
            text = text or mapping.constants.get(name, "")
            text = mapping.values.get(name, {}).get(text, text)
            try:
                texts[name] = _written(text, types[name], mapping) if text else ""
            except Refused as no:
                sheet.findings.add(line, columns.get(name, name), text, f"{name}: {no}")
                fits = False
        if fits:
            yield line, texts


class _Joined:
    """A joined file in memory, by key. Its columns are `Track.Name`, and `Name` where the first file has none."""

    def __init__(self, join: Join, mapping: Mapping, folder: Path | None, sheet: Sheet) -> None:
        require(join.file and Path(join.file).name == join.file, f"{shown(join.file)} is not the name of a file beside")
        self.join = join
        self.stem = Path(join.file).stem
        other = open_sheet((folder or Path()) / join.file, mapping.encoding, mapping.delimiter)
        require(join.key in other.header, f"{join.file} has no column {shown(join.key)}: it has {_list(other.header)}")
        at = other.header.index(join.key)
        self.names: dict[str, int] = {}
        for index, name in enumerate(other.header):
            self.names[f"{self.stem}.{name}"] = index
            if name not in sheet.header:
                self.names[name] = index
        self.rows: dict[str, list[str]] = {}
        for line, cells in other.rows():
            key = cells[at].strip()
            if key in self.rows:
                other.findings.add(line, join.key, key, "an earlier row has the same key")
            self.rows[key] = [cell.strip() for cell in cells] if mapping.strip else cells
        sheet.findings.include(other.findings)
        self.none = [""] * len(other.header)

    def extend(self, row: dict[str, str], line: int, sheet: Sheet) -> bool:
        key = row[self.join.on].strip()
        cells = self.rows.get(key) if key else self.none
        if cells is None:
            sheet.findings.add(line, self.join.on, key, f"{self.join.file} has no row whose {self.join.key} is this")
        row.update({name: (cells or self.none)[index] for name, index in self.names.items()})
        return cells is not None


def _require_columns(mapping: Mapping, joined: list[_Joined], known: set[str], sheet: Sheet) -> None:
    wanted = {*mapping.columns.values(), *mapping.skip_without}
    wanted |= {name for template in mapping.templates.values() for name in _PLACE.findall(template)}
    for each in joined:
        wanted |= {f"{each.stem}.{column}" for column in each.join.columns.values()}
        require(each.join.on in sheet.header, f"{sheet.file} has no column {shown(each.join.on)} to join on")
    lost = sorted(wanted - known)
    require(
        not lost, f"the mapping wants column {shown(lost[0] if lost else '')}: {sheet.file} has {_list(sheet.header)}"
    )


def _filled(template: str, row: dict[str, str]) -> str:
    """The template with its columns put in; nothing when all of them are empty."""
    places = [row[name] for name in _PLACE.findall(template)]
    if places and not any(places):
        return ""
    text = _PLACE.sub(lambda place: row[place[1]], template)
    return text if all(places) else " ".join(text.split())


def _written(text: str, type: str, mapping: Mapping) -> str:
    """Dates and numbers as bo writes them; what is neither stays, for the field to judge."""
    if type == "date":
        if mapping.dates:
            return _day(text, mapping.dates)
        midnight = _MIDNIGHT.fullmatch(text)
        return midnight[1] if midnight else text
    if type == "money" and (symbol := _SYMBOL.fullmatch(text)):
        sign, before, number, other, behind = (part or "" for part in symbol.groups())
        text = f"{SYMBOLS[before or behind]} {sign}{number}{other}".strip()
    if type in ("money", "decimal", "integer") and (match := _AMOUNT.fullmatch(text)):
        return f"{match[1] or ''}{_number(match[2], mapping.decimals)}{match[3] or ''}"
    return text


@lru_cache(maxsize=4096)
def _day(text: str, format: str) -> str:
    try:
        return datetime.strptime(text, format).date().isoformat()
    except ValueError:
        raise Refused(f"{shown(text)} is not written as {format}") from None


def _number(text: str, decimals: str) -> str:
    """A number without its thousands separators, where they stand at thousands, and with a decimal point."""
    if not decimals:
        return text
    other = "." if decimals == "," else ","
    grouped = re.fullmatch(rf"([+-]?[0-9]{{1,3}}(?:[{other}'’ \u00a0\u202f][0-9]{{3}})+)([{decimals}][0-9]*)?", text)
    if grouped:
        text = re.sub(r"[^0-9+-]", "", grouped[1]) + (grouped[2] or "")
    require(other not in text, f"{shown(text)} is no number whose decimals follow a “{decimals}”")
    return text.replace(decimals, ".")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _kept_names(name: str) -> str:
    return SYNONYMS.get(name, "")


def _often(name: str, kind: str) -> str:
    words = {"": (), "vendor": ("vendor", "supplier"), "customer": ("customer", "client")}.get(kind, (kind,))
    ends = ("id", "no", "number", "ref", "code")
    return " ".join(word + end for word in words for end in ends) if name == "ref" else ""


def _list(names: Sequence[str]) -> str:
    return ", ".join(name for name in names if name)


def _single(pairs: list[tuple[str, Any]]) -> Named[str, Any]:
    found = dict(pairs)
    require(len(found) == len(pairs), "the mapping gives the same name twice")
    return found
