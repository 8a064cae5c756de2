"""Dimensions of postings, such as cost centre and project, and the values each may have."""

import re
from typing import ClassVar, Self

import msgspec

from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.text import line, shown

NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
VALUE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,30}")


class Added(Event, tag="dimension.added"):
    """The value may be written on postings from here on, as `cost-centre=NORTH`."""

    dimension: str
    value: str
    name: str


class Dimension(State[Added]):
    """A stream `dimension/cost-centre`."""

    kind: ClassVar[str] = "dimension"
    compartment: ClassVar[int] = FINANCE

    values: dict[str, str] = msgspec.field(default_factory=dict)

    def add(self, dimension: str, value: str, name: str) -> tuple[Added, ...]:
        """Add a value or name it anew; no event when it is called that already."""
        require(NAME.fullmatch(dimension), f"{shown(dimension)} is no dimension: small letters, digits and hyphens")
        require(VALUE.fullmatch(value), f"{shown(value)} is no value of a dimension: letters, digits, . _ or -")
        name = line(name)
        return () if self.values.get(value) == name else (Added(dimension, value, name),)

    def evolve(self, event: Added) -> Self:
        return replace(self, values={**self.values, event.value: event.name})
