"""Kinds of record: the fields each has, as data that can grow."""

from functools import cache
from typing import ClassVar, Self

from aggregates.core import DIRECTORY, FINANCE, PEOPLE, SALES, Event, State, replace, require
from aggregates.fields import NAME, Field, definition
from aggregates.text import shown

PARTY = "name:text! email:email phone:phone street:text city:text postcode:text country:country vat_id:vat iban:iban"
BUILT_IN = {
    "customer": (SALES, f"{PARTY} currency:currency terms:integer"),
    "vendor": (SALES, f"{PARTY} currency:currency terms:integer"),
    "product": (SALES, "name:text! unit:text price:money tax:decimal"),
    "employee": (PEOPLE, "name:text! email:email phone:phone manager:reference(employee) hired:date"),
    "asset": (FINANCE, "name:text! serial:text"),
}
"""What every ledger knows before anything is defined: the compartment, and the fields as `--field` takes them."""

BOUNDS = {("customer", "terms"): (0, 3650), ("vendor", "terms"): (0, 3650)}
"""Whole numbers that lie between two, where they are entered."""

NOUNS = """
    access account approval audit backup bank batch bill billref blob bo book budget command commit commodity
    compartment config device dimension doc document dunned dunning dunningstop entry entrylimit entrytemplate epoch
    export fixedasset grant import invoice journal key kind ledger line mapping once payment period person policy
    posting quote rate record recurring report restore retention revaluation role series stock store tax taxreturn view
"""
TAKEN = frozenset(NOUNS.split())
"""Words that name something else in a ledger, so no kind of record."""

AS_TEXT = frozenset(("choice", "email", "phone", "country", "currency", "iban", "vat", "decimal", "date", "reference"))
"""Types whose kept values are texts too, so a field of one can become a text."""


class Defined(Event, tag="kind.defined"):
    name: str
    compartment: int
    fields: tuple[Field, ...]  # all of them, so the event reads alone


class Kind(State[Defined]):
    kind: ClassVar[str] = "kind"
    compartment: ClassVar[int] = DIRECTORY
    last_is_all: ClassVar[bool] = True

    name: str = ""
    home: int = 0  # the compartment its records live in, for ever
    fields: tuple[Field, ...] = ()

    @property
    def open(self) -> tuple[Field, ...]:
        """The fields that can be filled in."""
        return tuple(field for field in self.fields if not field.hidden)

    def field(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)

    def define(
        self, name: str, fields: tuple[Field, ...], home: int = 0, without: tuple[str, ...] = ()
    ) -> tuple[Defined, ...]:
        """Add or widen `fields` and hide those named in `without`; no event when nothing changes."""
        require(NAME.fullmatch(name), f"{shown(name)} is not a name for a kind: small letters, digits and _")
        require(name not in TAKEN, f"{name} means something else here: call the kind otherwise")
        old = known(name, self) if self.fields or name in BUILT_IN else Kind(name=name, home=home or SALES)
        require(home in (0, old.home), f"{name} records live in another compartment, and a kind never moves")
        names = [field.name for field in fields]
        require(len(set(names)) == len(names), "a field is given twice")
        for hidden in without:
            require(old.field(hidden) and hidden not in names, f"{name} has no field {shown(hidden)} to take away")
        merged = {field.name: replace(field, hidden=field.hidden or field.name in without) for field in old.fields}
        for field in fields:
            merged[field.name] = _widened(merged[field.name], field) if field.name in merged else field
        after = tuple(merged.values())
        require(any(not field.hidden for field in after), f"{name} needs a field, such as --field name:text!")
        require(len(after) <= 200, f"{name} would have more than 200 fields")
        return () if self.fields == after else (Defined(name, old.home, after),)

    def evolve(self, event: Defined) -> Self:
        return replace(self, name=event.name, home=event.compartment, fields=event.fields)


def known(name: str, stored: Kind) -> Kind:
    """The kind called `name`: as the ledger has defined it, else built in."""
    found = stored if stored.fields else built_in().get(name)
    require(found, f"there is no kind {shown(name)}: bo record define {name or 'KIND'} --field name:text!")
    return found or stored


@cache
def built_in() -> dict[str, Kind]:
    return {
        name: Kind(name=name, home=home, fields=tuple(map(definition, words.split())))
        for name, (home, words) in BUILT_IN.items()
    }


def _widened(old: Field, new: Field) -> Field:
    """`old` as `new` says, when every value already kept still fits."""
    require(old.many == new.many, f"{old} cannot become {new}: records hold the other form")
    if old.type != new.type:
        require(new.type == "text" and old.type in AS_TEXT, f"{old} cannot become {new}: kept values would not fit")
    elif old.type == "choice":
        gone = [choice for choice in old.choices if choice not in new.choices]
        require(not gone, f"{old.name} keeps its choices, and {new} lacks {', '.join(gone)}")
    elif old.type == "reference":
        require(new.kind in ("", old.kind), f"{old} cannot become {new}: kept references lead elsewhere")
    require(old.required or not new.required, f"{old.name} may be empty in records that exist: it cannot be required")
    return new
