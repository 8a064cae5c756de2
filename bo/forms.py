"""A record as a form to fill in with an editor: `name: value` lines, and what was written there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from aggregates.fields import E164
from bo import editing
from bo.errors import BadInput
from projections.recordtext import written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aggregates.fields import Field, Value
    from aggregates.kind import Kind
    from bo.inputs import Source

    Raw = dict[str, str | list[str]]

T = TypeVar("T")
_FIELD = re.compile(r"([^\s:]+)\s*:(.*)", re.DOTALL)
_HOW = """\
# {title}. Write each value after its name; further lines of a value begin with two spaces.
# {left}.
# Lines that begin with # are left out. Closed unchanged, or emptied, it records nothing.
"""


def edited(kind: Kind, ref: str, old: Mapping[str, Value], given: Raw, take: Callable[[Raw], T]) -> T | None:
    """What `take` makes of the fields that are other than in `old`; `given` stands in the form already.

    None when the user left the form as it was.
    """
    was = {name: _text(value) for name, value in old.items() if name in {field.name for field in kind.open}}
    before = filled(_fields(kind, was).split("\n"), kind)
    left = "A line that you take out changes nothing" if old else "What you leave empty stays empty"
    shown = _HOW.format(title=f"{kind.name} {ref}", left=left) + _fields(kind, {**was, **given})

    def attempt(source: Source) -> T:
        now = filled(source.text().split("\n"), kind)
        return take({name: text for name, text in now.items() if text != before.get(name)})

    return editing.corrected(shown, "record.txt", attempt)


def filled(lines: Sequence[str], kind: Kind) -> Raw:
    """The texts of a form. Several lines are several values where the field has many."""
    found: dict[str, list[str]] = {}
    name = ""
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        if not line.strip() or line[0] in " \t":
            if line.strip() and not name:
                raise BadInput(f"line {number} belongs to no field: begin it with NAME:")
            if name:
                found[name].append(line[2:] if line.startswith("  ") else line[1:])
            continue
        match = _FIELD.fullmatch(line)
        if not match:
            raise BadInput(f"line {number} is not NAME: VALUE; a further line of a value begins with two spaces")
        name = match[1]
        if name in found:
            raise BadInput(f"line {number} gives {name} again")
        found[name] = [match[2].strip()]
    return {name: _value(kind.field(name), "\n".join(parts).strip()) for name, parts in found.items()}


def _value(field: Field | None, text: str) -> str | list[str]:
    if field is not None and field.many and "\n" in text:
        return [line.strip() for line in text.split("\n") if line.strip()]
    return text


def _fields(kind: Kind, values: Mapping[str, str | list[str]]) -> str:
    """The fields of a kind, each below its type; what is no field of it comes last, to be refused."""
    lines = []
    for field in kind.open:
        kept = str(field).partition(":")[2].removesuffix("!")
        lines += ["", f"# {kept}{', must be filled in' if field.required else ''}", _line(field.name, values)]
    known = {field.name for field in kind.open}
    lines += ["", *(_line(name, values) for name in values if name not in known and not name.endswith(E164))]
    return "\n".join(lines).rstrip("\n") + "\n"


def _line(name: str, values: Mapping[str, str | list[str]]) -> str:
    text = values.get(name, "")
    first, *more = text.split("\n") if isinstance(text, str) else text if len(text) == 1 else ("", *text)
    return "\n".join((f"{name}: {first}".rstrip(), *(f"  {line}".rstrip() for line in more)))


def _text(value: Value) -> str | list[str]:
    return [written(part) for part in value] if isinstance(value, tuple) else written(value)
