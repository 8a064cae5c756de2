"""Records: customers, products, employees and whatever kinds a ledger defines."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, assert_never

from aggregates import countries
from aggregates.core import Event, Refused, State, replace, require
from aggregates.fields import E164, Field, Problem, Value, doubt, e164, parse
from aggregates.kind import BOUNDS, Kind
from aggregates.money import MOST
from aggregates.text import reference, shown

Values = Mapping[str, Value | None]
"""Checked values by field; None empties the field."""


class Added(Event, tag="record.added"):
    kind: str
    ref: str
    fields: dict[str, Value]


class Changed(Event, tag="record.changed"):
    fields: dict[str, Value | None]  # only what differs from before


class Archived(Event, tag="record.archived"):
    pass


class Restored(Event, tag="record.restored"):
    pass


class Merged(Event, tag="record.merged"):
    into: str  # kind/reference of the record that stands for this one


class Unmerged(Event, tag="record.unmerged"):
    pass


Events = Added | Changed | Archived | Restored | Merged | Unmerged


class Record(State[Events]):
    """Its stream is `customer/C-1` and its compartment the kind's, so both come with each command."""

    kind: ClassVar[str] = ""
    compartment: ClassVar[int] = 0

    of: str = ""  # the kind
    ref: str = ""
    fields: Mapping[str, Value] = {}
    archived: bool = False
    into: str = ""

    @property
    def name(self) -> str:
        return f"{self.of}/{self.ref}"

    def add(self, kind: Kind, ref: str, values: Values) -> Added:
        require(not self.ref, f"{self.ref} exists already: use bo record set to change it")
        kept = {name: value for name, value in values.items() if value is not None}
        _require_known(kind, kept)
        missing = [field.name for field in kind.open if field.required and kept.get(field.name, ()) == ()]
        require(not missing, f"a {kind.name} needs {' and '.join(missing)}")
        return Added(kind.name, reference(ref), kept)

    def set(self, kind: Kind, values: Values) -> tuple[Changed, ...]:
        """Nothing when every value is already so."""
        self._require_open()
        changed = {name: value for name, value in values.items() if value != self.fields.get(name)}
        _require_known(kind, changed)
        for field in kind.open:
            require(
                not field.required or changed.get(field.name, True) not in (None, ()),
                f"{field.name} cannot be empty: a {kind.name} needs it",
            )
        return (Changed(changed),) if changed else ()

    def archive(self) -> tuple[Archived, ...]:
        """Nothing when it is archived already."""
        if self.archived:
            return ()
        self._require_open()
        return (Archived(),)

    def restore(self) -> tuple[Restored, ...]:
        """Nothing when it is not archived."""
        self._require_there()
        return (Restored(),) if self.archived else ()

    def merge(self, target: "Record") -> Merged:
        """`target` stands for this record from now on; `unmerge` takes it back."""
        self._require_open()
        require(target.ref, "there is no such record to merge into")
        require(target.name != self.name, f"{self.ref} cannot be merged into itself")
        require(target.of == self.of, f"{self.ref} is a {self.of} and {target.ref} a {target.of}: only alike can merge")
        target._require_open()
        return Merged(target.name)

    def unmerge(self) -> Unmerged:
        self._require_there()
        require(self.into, f"{self.ref} is not merged into another record")
        return Unmerged()

    def evolve(self, event: Events) -> Self:
        match event:
            case Added():
                return replace(self, of=event.kind, ref=event.ref, fields=event.fields)
            case Changed():
                fields = {**self.fields, **event.fields}
                return replace(self, fields={name: value for name, value in fields.items() if value is not None})
            case Archived() | Restored():
                return replace(self, archived=isinstance(event, Archived))
            case Merged():
                return replace(self, into=event.into)
            case Unmerged():
                return replace(self, into="")
            case _:
                assert_never(event)

    def before(self, event: Events) -> dict[str, Any]:
        """The old values of exactly the fields that change, None for one that was empty."""
        match event:
            case Changed():
                return {name: self.fields.get(name) for name in event.fields}
            case Unmerged():
                return {"into": self.into}
            case _:
                return {}

    def _require_there(self) -> None:
        require(self.ref, "there is no such record")

    def _require_open(self) -> None:
        self._require_there()
        require(not self.archived, f"{self.ref} is archived: restore it first")
        require(not self.into, f"{self.ref} is merged into {self.into}: change that one, or unmerge it first")


def check(
    kind: Kind, raw: Mapping[str, str | Sequence[str]], region: str = "", currency: str = "", new: bool = True
) -> tuple[dict[str, Value | None], list[Problem]]:
    """What the user wrote as values to keep, and everything wrong or odd about it.

    An empty text empties the field. A number without a country is read in the record's own
    country when it is given, else in `region`; so with `currency` for amounts without one.
    """
    values: dict[str, Value | None] = {}
    problems: list[Problem] = []
    region = _own(raw, "country", countries.code) or region
    currency = _own(raw, "currency", str.upper) or currency
    for name, given in raw.items():
        field = kind.field(name)
        if field is None or field.hidden:
            if name.endswith(E164):
                continue  # an export lists it; it follows from the number as written
            has = ", ".join(each.name for each in kind.open)
            problems.append(Problem(name, "", f"a {kind.name} has no field {shown(name)}; it has {has}"))
            continue
        try:
            values |= _read(field, given, region, currency)
        except Refused as no:
            problems.append(Problem(name, _plain(given), f"{name}: {no}"))
            continue
        value = values[name]
        low, high = BOUNDS.get((kind.name, name), (-MOST, MOST))
        if isinstance(value, int) and not low <= value <= high:
            problems.append(Problem(name, _plain(given), f"{name}: {value} is not from {low} to {high}"))
        if value is None and field.required and not new:
            problems.append(Problem(name, "", f"{name} cannot be empty: a {kind.name} needs it"))
        if value is not None and (odd := doubt(field, value, region)):
            problems.append(Problem(name, _plain(given), f"{name}: {odd}", "warning"))
    if new:
        wrong = {problem.field for problem in problems}
        missing = [each.name for each in kind.open if each.required and values.get(each.name) is None]
        problems += [Problem(name, "", f"a {kind.name} needs {name}") for name in missing if name not in wrong]
        values = {name: value for name, value in values.items() if value is not None}
    return values, problems


def checked(problems: list[Problem]) -> list[Problem]:
    """The warnings; refused when there are errors."""
    errors = [problem.rule for problem in problems if problem.level == "error"]
    require(not errors, "; ".join(errors))
    return problems


def references(kind: Kind, values: Values) -> Iterator[tuple[str, str]]:
    """Each field that leads to another record, with the stream it names, which has to exist."""
    for field in kind.open:
        value = values.get(field.name)
        if field.type == "reference" and value is not None:
            parts = value if isinstance(value, tuple) else (value,)
            yield from ((field.name, str(part)) for part in parts)


def _read(field: Field, given: str | Sequence[str], region: str, currency: str) -> dict[str, Value | None]:
    """The value of one field, and a phone number's international form beside it."""
    empty = not _plain(given).strip()
    value = None if empty else parse(field, given, region, currency)
    value = None if value in ("", ()) else value
    if field.type != "phone":
        return {field.name: value}
    parts = value if isinstance(value, tuple) else (value,)
    found = tuple(e164(str(part), region) for part in parts if part is not None)
    return {field.name: value, field.name + E164: (found if field.many else found[0] or None) if found else None}


def _own(raw: Mapping[str, str | Sequence[str]], name: str, read: Any) -> str:
    given = raw.get(name, "")
    return str(read(given.strip())) if isinstance(given, str) else ""


def _plain(given: str | Sequence[str]) -> str:
    return given if isinstance(given, str) else ";".join(given)


def _require_known(kind: Kind, values: Values) -> None:
    names = {field.name for field in kind.open}
    names |= {field.name + E164 for field in kind.open if field.type == "phone"}
    for name in values:
        require(name in names, f"a {kind.name} has no field {shown(name)}")
