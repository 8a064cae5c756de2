"""What the record commands print: one record, its history, lists of a kind or of all, and what a search finds."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from projections.core import Rows
from projections.directory import compartments, person_name
from projections.records import COLUMNS, Standing, kind_of, kinds, standing
from projections.recordtext import folded, written
from projections.references import ERASED, label
from store.errors import NotFound

if TYPE_CHECKING:
    from projections.core import Views
    from projections.recordtext import Field, Kind
    from projections.references import Found

E164 = "_e164"


class Card(msgspec.Struct):
    """A record in a list of several kinds."""

    kind: str
    ref: str
    name: str
    status: str


class Hit(msgspec.Struct):
    kind: str
    ref: str
    name: str
    status: str
    found: str
    """The field that holds what was looked for."""


class KindField(msgspec.Struct):
    kind: str
    field: str
    type: str
    required: bool
    compartment: str


class Link(msgspec.Struct):
    field: str
    to: str
    name: str


class Change(msgspec.Struct):
    position: int
    at: str
    person: str
    what: str
    field: str
    before: str | None
    after: str | None
    reason: str
    command: str


class Erased(msgspec.Struct):
    id: int
    at: int
    person: str
    command: str
    reason: str


def fields(views: Views, kind: str | None = None) -> Rows:
    """The fields of every kind, or of one, with the types `bo record define` takes."""
    places = {each.number: each.name for each in compartments(views)}
    found = [each for each in kinds(views) if kind in (None, each.name)]
    return Rows(
        KindField,
        [
            KindField(each.name, field.name, field.spelled, field.required, places.get(each.compartment, ""))
            for each in found
            for field in each.fields
            if not field.hidden
        ],
    )


def shown(views: Views, found: Found) -> msgspec.Struct:
    """All that a record says, field by field, and what it leads to; of an erased one that it was."""
    if found.erased:
        return _shape(("kind", "ref", "status"))(found.kind, found.ref, "erased")
    stands = standing(views, found.kind, found.ref, found.compartment)
    if stands is None:
        raise NotFound(f"there is no {found.kind} {found.ref}")
    kind, values = kind_of(views, found.kind), msgspec.json.decode(stands.fields)
    names = [field.name for field in kind.fields if not field.hidden or field.name in values] if kind else []
    names = [name for each in names for name in (each, each + E164) if name == each or name in values]
    names += [name for name in values if name not in names]
    leads = any(field.type == "reference" for field in kind.fields) if kind else False
    links = [
        Link(field.name, part, label(views, part))
        for field in (kind.fields if kind else ())
        if field.type == "reference"
        for part in _parts(values.get(field.name))
    ]
    status = stands.status if stands.whole else f"{stands.status}, seen in part"
    shape = _shape(
        ("kind", "ref", "status", *(["merged"] if stands.merged else []), *names, *(["links"] if leads else []))
    )
    merged = [stands.merged] if stands.merged else []
    row = [_plain(values.get(name), views) for name in names]
    return shape(found.kind, found.ref, status, *merged, *row, *([links] if leads else []))


def history(views: Views, found: Found) -> list[Change]:
    """Every change of every field, the oldest first."""
    if found.erased:
        gone = views.one(
            Erased,
            "SELECT id, at, person, command, reason FROM record_erased WHERE kind = ? AND ref = ? AND compartment = ?",
            found.kind, found.ref, found.compartment,
        )  # fmt: skip
        return [_change(views, gone, "erased", "", None, ERASED)] if gone else []
    stands = standing(views, found.kind, found.ref, found.compartment)
    if stands is None:
        return []
    changes = views.all(
        _Changed,
        """SELECT id, at, person, command, reason, what, before, after FROM record_change
        WHERE kind = ? AND ref = ? AND compartment = ? ORDER BY id""",
        found.kind, found.ref, found.compartment,
    )  # fmt: skip
    listed: list[Change] = []
    if stands.whole:
        first = msgspec.json.decode(stands.fields)
        for each in reversed(changes):  # what it said at first follows from what was changed since
            if each.what == "changed":
                first |= msgspec.json.decode(each.before)
        made = views.one(Erased, "SELECT id, at, person, command, reason FROM record WHERE id = ?", stands.id)
        kind = kind_of(views, found.kind)
        order = [field.name for field in kind.fields] if kind else []
        known = sorted((name for name in first if first[name] is not None), key=lambda n: _place(order, n))
        if made:
            listed += [_change(views, made, "added", name, None, first[name]) for name in known]
    for each in changes:
        before, after = msgspec.json.decode(each.before), msgspec.json.decode(each.after)
        listed += [
            _change(views, each, each.what, name, before.get(name), after.get(name))
            for name in dict.fromkeys((*after, *before)) or ("",)
        ]
    return listed


def listed(views: Views, kind: Kind, closed: bool = False, limit: int | None = None) -> Rows:
    """The records of a kind with their fields, those archived or merged only if `closed`."""
    fields = [field for field in kind.fields if not field.hidden]
    shape = _shape(("ref", "status", *(field.name for field in fields)))
    rows = Rows(shape)
    for stands in _standing(views, kind.name, kind.compartment, closed, limit):
        values = msgspec.json.decode(stands.fields)
        rows.append(shape(stands.ref, stands.status, *(_flat(values.get(each.name), views) for each in fields)))
    return rows


def exported(views: Views, kind: Kind) -> Rows:
    """The records of a kind as an import takes them again."""
    fields = [name for field in kind.fields if not field.hidden for name in _columns(field)]
    shape = _shape(("ref", *fields))
    rows = Rows(shape)
    for stands in _standing(views, kind.name, kind.compartment, False, None):
        values = msgspec.json.decode(stands.fields)
        rows.append(shape(stands.ref, *(_flat(values.get(name), views) for name in fields)))
    return rows


def cards(views: Views, closed: bool = False, limit: int | None = None) -> list[tuple[int, Card]]:
    """The records of all kinds, each with its compartment."""
    found = views.all(
        Standing,
        f"SELECT {COLUMNS} FROM record WHERE (? OR archived = 0 AND merged = '')"  # noqa: S608
        " ORDER BY kind, ref, compartment LIMIT ?",
        closed, -1 if limit is None else limit,
    )  # fmt: skip
    return [(each.compartment, Card(each.kind, each.ref, each.name, each.status)) for each in found]


def hits(views: Views, text: str, limit: int | None = None) -> list[tuple[int, Hit]]:
    """Records that hold words beginning with those of `text`, else `text` anywhere; each with its compartment."""
    wanted = folded(text).strip()
    tokens = re.findall(r"[^\W_]+", wanted)
    most = -1 if limit is None else limit
    found: list[Standing] = []
    if tokens:
        columns = ", ".join(f"record.{name}" for name in Standing.__struct_fields__)
        found = views.all(
            Standing,
            f"SELECT {columns} FROM record_text JOIN record ON record.id = record_text.rowid"  # noqa: S608
            " WHERE record_text MATCH ? ORDER BY kind, ref LIMIT ?",
            " ".join(f'"{token}"*' for token in tokens), most,
        )  # fmt: skip
    if not found and wanted:
        found = views.all(
            Standing,
            f"SELECT {COLUMNS} FROM record WHERE instr(text, ?) ORDER BY kind, ref LIMIT ?",  # noqa: S608
            wanted, most,
        )  # fmt: skip
    return [
        (each.compartment, Hit(each.kind, each.ref, each.name, each.status, _holding(each, wanted, tokens, views)))
        for each in found
    ]


class _Changed(msgspec.Struct):
    id: int
    at: int
    person: str
    command: str
    reason: str
    what: str
    before: str
    after: str


@cache
def _shape(names: tuple[str, ...]) -> type[msgspec.Struct]:
    return msgspec.defstruct("Record", [(name, object) for name in names])


def _standing(views: Views, kind: str, compartment: int, closed: bool, limit: int | None) -> list[Standing]:
    return views.all(
        Standing,
        f"SELECT {COLUMNS} FROM record WHERE kind = ? AND compartment = ?"  # noqa: S608
        " AND (? OR archived = 0 AND merged = '') ORDER BY ref LIMIT ?",
        kind, compartment, closed, -1 if limit is None else limit,
    )  # fmt: skip


def _change(views: Views, made: Erased | _Changed, what: str, field: str, before: Any, after: Any) -> Change:
    return Change(
        made.id, _time(made.at), person_name(views, made.person), what, field,
        None if before is None else written(before, views), None if after is None else written(after, views),
        made.reason, made.command,
    )  # fmt: skip


def _time(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _holding(stands: Standing, wanted: str, tokens: list[str], views: Views) -> str:
    """The first field that holds all of it, else one word of it."""
    values: dict[str, Any] = {"ref": stands.ref, **msgspec.json.decode(stands.fields)}
    texts = {name: folded(written(value, views)) for name, value in values.items()}
    for sought in (wanted, *tokens):
        for name, text in texts.items():
            if sought in text:
                return name
    return ""


def _columns(field: Field) -> tuple[str, ...]:
    return (field.name, field.name + E164) if field.type == "phone" else (field.name,)


def _place(order: list[str], name: str) -> tuple[int, str]:
    plain = name.removesuffix(E164)
    return (order.index(plain) if plain in order else len(order), name)


def _parts(value: Any) -> list[str]:
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def _plain(value: Any, views: Views) -> Any:
    """A value as it is printed: an amount as text, a list as one."""
    if isinstance(value, list):
        return [_plain(part, views) for part in value]
    return written(value, views) if isinstance(value, dict) else value


def _flat(value: Any, views: Views) -> Any:
    return written(value, views) if isinstance(value, dict | list) else value
