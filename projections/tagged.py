"""Figures by dimension: which lines a report is about, and the same report once for each value."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from inspect import get_annotations
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from projections.core import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from projections.core import Views

Row = TypeVar("Row", bound=msgspec.Struct)


class Only(NamedTuple):
    """Lines whose dimensions are written in one of these ways; with `rest`, every line but those."""

    written: tuple[str, ...]
    rest: bool = False

    @property
    def values(self) -> tuple[str]:
        """What a query is given for `bears`."""
        return (msgspec.json.encode(self.written).decode(),)


def bears(place: str, only: Only | None = None, column: str = "dimensions") -> str:
    """SQL: a line is one of these; `place` is where the query has their `values`."""
    return f"{column} {'NOT ' if only and only.rest else ''}IN (SELECT value FROM json_each({place}))"  # noqa: S608


def bearing(views: Views, tags: Sequence[str]) -> Only | None:
    """The lines that bear all of these, such as cost-centre=NORTH; None for every line where there are none."""
    if not tags:
        return None
    return Only(tuple(each for each in _written(views) if set(tags) <= set(each.split())))


def split(views: Views, dimension: str, only: Only | None) -> list[tuple[str, Only]]:
    """Those lines by the value of a dimension, then those without: each line is in one part.

    A line with two values is in a part of those two.
    """
    parts: dict[str, list[str]] = defaultdict(list)
    for each in _written(views) if only is None else only.written:
        values = sorted(value for name, _, value in (tag.partition("=") for tag in each.split()) if name == dimension)
        parts[" ".join(values)].append(each)
    without = parts.pop("", [])
    found = [(value, Only(tuple(written))) for value, written in sorted(parts.items())]
    bearers = tuple(each for written in parts.values() for each in written)
    return [*found, ("", Only(bearers, rest=True) if only is None else Only(tuple(without)))]


def by_value(
    views: Views, dimension: str, only: Only | None, report: Callable[[Only], list[Row]]
) -> list[msgspec.Struct]:
    """The rows of a report on each part, with the value before them."""
    found: list[msgspec.Struct] = []
    empty: list[msgspec.Struct] = []
    for value, part in split(views, dimension, only):
        rows = report(part)
        found += [_valued(type(row))(value, *msgspec.structs.astuple(row)) for row in rows]
        if isinstance(rows, Rows):
            empty = Rows(_valued(rows.struct))
    return found or empty


def _written(views: Views) -> list[str]:
    """Every way in which dimensions stand on lines."""
    return [str(row[0]) for row in views.rows("SELECT DISTINCT dimensions FROM month_tagged ORDER BY 1")]


@cache
def _valued(shape: type[msgspec.Struct]) -> type[msgspec.Struct]:
    notes = {name: note for cls in reversed(shape.__mro__) for name, note in get_annotations(cls).items()}
    fields = [("value", "str"), *((name, notes[name]) for name in shape.__struct_fields__)]
    return msgspec.defstruct(shape.__name__, fields)
