"""What `--from` and `--edit` tell of an invoice or bill: one JSON object with its lines, reference and currency."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from aggregates.bill_lines import bill_line_of
from aggregates.core import Refused, replace
from aggregates.crediting import Claim
from aggregates.lines import Line, of_texts
from aggregates.money import exact
from bo.errors import BadInput
from projections import dimensions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bo.inputs import Source
    from projections.core import Views

T = TypeVar("T")
LINE = ("description", "quantity", "price", "tax")
DRAFT = ("lines", "ref", "currency")
CLAIM = ("line", "quantity", "net")
_HOW = """\
# {title}. The tax of a line is a rate, or Z, E, AE, K, G or O for a category without one.
# Lines that begin with # are left out. Closed unchanged, or emptied, it records nothing.
"""


class Draft(NamedTuple):
    """What was said of a draft: no lines, "" and None where nothing was."""

    lines: list[Line]
    currency: str = ""
    ref: str | None = None


def drafted(source: Source | None, typed: Draft) -> Draft:
    """What a file says of a draft; the currency and the reference that were typed go before it."""
    said = read(source, *DRAFT)
    ref = said.get("ref") if typed.ref is None else typed.ref
    return Draft(lines(source, said, typed.lines), (typed.currency or said.get("currency", "")).upper(), ref)


def edited(title: str, given: Draft, take: Callable[[Draft], T]) -> T | None:
    """What `take` makes of a draft as the user's editor left it, None when it was left as it was."""
    from bo import editing

    nothing = Draft([])
    return editing.corrected(_form(title, given), "draft.json", lambda written: take(drafted(written, nothing)))


def _form(title: str, given: Draft) -> str:
    """The object of a draft, a line in a line."""
    shown = [_written(each) for each in given.lines] or [dict.fromkeys(LINE, "")]
    rows = ",\n".join(f"    {json.dumps(each, ensure_ascii=False)}" for each in shown)
    ref, currency = (json.dumps(text or "", ensure_ascii=False) for text in (given.ref, given.currency))
    return f'{_HOW.format(title=title)}{{\n  "lines": [\n{rows}\n  ],\n  "ref": {ref},\n  "currency": {currency}\n}}\n'


def _written(line: Line) -> dict[str, Any]:
    tax = f"{line.rate:f}" if line.category == "S" else line.category
    told = dict(zip(LINE, (line.description, f"{line.quantity:f}", f"{line.price:f}", tax), strict=True))
    return {**told, "dimensions": list(line.dimensions)} if line.dimensions else told


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


def bill_lines(source: Source | None, said: dict[str, Any], typed: Sequence[Line]) -> list[Line]:
    """The lines of a bill: each may name its account."""
    return _either(source, said, typed, _bill_line)


def bearing(views: Views, lines: Sequence[Line], tags: Sequence[str] = ()) -> list[Line]:
    """The lines with the dimensions that all of them bear besides their own. Raises NotFound for an unknown one."""
    if tags and not lines:
        raise click.UsageError("--dimension is for the lines that are given with it")
    found = [replace(each, dimensions=tuple(dict.fromkeys((*tags, *each.dimensions)))) for each in lines]
    dimensions.require_known(views, tuple(dict.fromkeys(tag for each in found for tag in each.dimensions)))
    return found


def claims(source: Source | None, said: dict[str, Any], typed: Sequence[Claim]) -> list[Claim]:
    """What to credit: `{"line": 2, "quantity": 1}`, or a line as it was drafted."""
    return _either(source, said, typed, _claim)


def _either(source: Source | None, said: dict[str, Any], typed: Sequence[T], make: Callable[..., T]) -> list[T]:
    given = said.get("lines", [])
    if given and typed:
        raise click.UsageError("the lines stand in the file or in --line, not in both")
    return [make(source, f"line {place}", each) for place, each in enumerate(given, 1)] or list(typed)


def _line(source: Source, what: str, value: object) -> Line:
    return _made(source, what, _object(source, value, what, (*LINE, "dimensions")), of_texts)


def _bill_line(source: Source, what: str, value: object) -> Line:
    named = _object(source, value, what, (*LINE, "account", "dimensions"))
    return _made(source, what, {"account": "", **named}, bill_line_of)


def _made(source: Source, what: str, found: dict[str, Any], make: Callable[..., Line]) -> Line:
    """A line from its parts, which `make` takes by their order in LINE."""
    missing = [name for name in LINE if name not in found]
    if missing:
        raise BadInput(f"{source.told}: {what} lacks {' and '.join(missing)}")
    names = [*LINE, *(name for name in found if name not in (*LINE, "dimensions"))]
    tags = found.get("dimensions", [])
    if not isinstance(tags, list) or not all(isinstance(each, str) for each in tags):
        raise BadInput(f"{source.told}: the dimensions of {what} are a list such as [“cost-centre=NORTH”]")
    try:
        line = make(*(_text(source, f"the {name} of {what}", found[name]) for name in names))
        return replace(line, dimensions=tuple(tags))
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
