"""What `--from` tells of an invoice: one JSON object with its lines, reference and currency."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aggregates.core import Refused
from aggregates.crediting import Claim
from aggregates.lines import Line, of_texts
from aggregates.money import exact
from bo.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bo.inputs import Source

T = TypeVar("T")
LINE = ("description", "quantity", "price", "tax")
CLAIM = ("line", "quantity", "net")


def read(source: Source | None, *names: str) -> dict[str, Any]:
    """The object in a file: `lines` is a list of objects, the rest are texts. Nothing without a file."""
    if source is None:
        return {}
    said = _object(source, source.json(), "it", names)
    lines = said.get("lines", [])
    if not isinstance(lines, list):
        raise BadInput(f"{source.told}: lines is a list of objects")
    wrong = next((name for name, value in said.items() if name != "lines" and not isinstance(value, str)), "")
    if wrong:
        raise BadInput(f"{source.told}: {wrong} is a text, in quotes")
    return said


def lines(source: Source | None, said: dict[str, Any], typed: Sequence[Line]) -> list[Line]:
    """The lines of a file, or those that were typed; not both."""
    return _either(source, said, typed, _line)


def claims(source: Source | None, said: dict[str, Any], typed: Sequence[Claim]) -> list[Claim]:
    """What to credit: `{"line": 2, "quantity": 1}`, or a line as it was drafted."""
    return _either(source, said, typed, _claim)


def _either(source: Source | None, said: dict[str, Any], typed: Sequence[T], make: Callable[..., T]) -> list[T]:
    given = said.get("lines", [])
    if given and typed:
        raise click.UsageError("the lines stand in the file or in --line, not in both")
    return [make(source, f"line {place}", each) for place, each in enumerate(given, 1)] or list(typed)


def _line(source: Source, what: str, value: object) -> Line:
    found = _object(source, value, what, LINE)
    missing = [name for name in LINE if name not in found]
    if missing:
        raise BadInput(f"{source.told}: {what} lacks {' and '.join(missing)}")
    description, *numbers = (_text(source, f"the {name} of {what}", found[name]) for name in LINE)
    try:
        return of_texts(description, *numbers)
    except Refused as no:
        raise Refused(f"{what}: {no}") from None


def _claim(source: Source, what: str, value: object) -> Claim:
    if isinstance(value, dict) and "line" not in value:
        return Claim(like=_line(source, what, value))
    found = _object(source, value, what, CLAIM)
    place = found["line"]
    if not isinstance(place, int) or isinstance(place, bool):
        raise BadInput(f"{source.told}: {what} names a line of the invoice by its number, such as 2")
    amounts = {name: exact(_text(source, f"the {name} of {what}", found[name])) for name in CLAIM[1:] if name in found}
    return Claim(place, amounts.get("quantity"), amounts.get("net"))


def _object(source: Source, value: object, what: str, names: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(f"{source.told}: {what} is not one object with {', '.join(names)}")
    unknown = next((name for name in value if name not in names), None)
    if unknown is not None:
        raise BadInput(f"{source.told}: {what} has {unknown}, which means nothing here: it may have {', '.join(names)}")
    return value


def _text(source: Source, what: str, value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    raise BadInput(f"{source.told}: {what} is neither a text nor a number")
