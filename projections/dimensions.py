"""Dimensions, such as cost centre and project, and their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from projections.core import Projection, on
from store.errors import NotFound

if TYPE_CHECKING:
    from aggregates.dimension import Added
    from projections.core import Views
    from store.recorded import Recorded


class Dimensions(Projection):
    version = 1
    tables = (
        "CREATE TABLE dimension(dimension TEXT, value TEXT, name TEXT, PRIMARY KEY(dimension, value)) WITHOUT ROWID"
    )

    @on("dimension.added")
    def added(self, event: Added, recorded: Recorded, views: Views) -> None:
        views.run("INSERT OR REPLACE INTO dimension VALUES(?, ?, ?)", event.dimension, event.value, event.name)


class Value(msgspec.Struct):
    dimension: str
    value: str
    name: str


def listed(views: Views) -> list[Value]:
    return views.all(Value, "SELECT dimension, value, name FROM dimension ORDER BY dimension, value")


def require_dimension(views: Views, dimension: str) -> str:
    """Raises NotFound for one that nobody has added a value of."""
    known = dict.fromkeys(row.dimension for row in listed(views))
    if dimension not in known:
        there = ", ".join(known) or "none yet"
        raise NotFound(f"there is no dimension {dimension}: there is {there}; bo dimension add {dimension} VALUE")
    return dimension


def require_known(views: Views, given: tuple[str, ...]) -> tuple[str, ...]:
    """Dimensions as they are written on a posting, `cost-centre=NORTH`. Raises NotFound for one nobody has added."""
    for each in given:
        dimension, _, value = each.partition("=")
        if not views.value("SELECT 1 FROM dimension WHERE dimension = ? AND value = ?", dimension, value):
            near = ", ".join(f"{row.dimension}={row.value}" for row in listed(views)[:10]) or "none yet"
            raise NotFound(f"there is no {each}: there is {near}; bo dimension add {dimension} {value or 'VALUE'}")
    return given
