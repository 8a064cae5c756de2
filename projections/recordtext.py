"""What a record says as text: to show, to search, and to tell whether two are alike."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views

ALIKE = {"email": "e-mail", "iban": "IBAN", "vat": "VAT id", "name": "name"}
"""Two records of a kind with the same of these may be the same."""

_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_BREAKS = re.compile(r"[\W_]+")


class Field(msgspec.Struct, omit_defaults=True):
    """A field of a kind, as its definition has it."""

    name: str
    type: str = "text"
    required: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()
    kind: str = ""
    hidden: bool = False

    @property
    def spelled(self) -> str:
        """The type as a definition takes it."""
        detail = "|".join(self.choices) or self.kind
        word = f"{self.type}({detail})" if detail else self.type
        return f"list({word})" if self.many else word


class Kind(msgspec.Struct):
    name: str
    compartment: int
    fields: tuple[Field, ...]


def title(kind: Kind | None, values: Any) -> str:
    """What a record is called: its name, else the first field that says something."""
    named = values.get("name")
    if isinstance(named, str):
        return named
    order = [field.name for field in kind.fields] if kind else list(values)
    return next((written(values[name]) for name in order if values.get(name) is not None), "")


def alike(kind: Kind | None, values: Any) -> Iterator[tuple[str, str]]:
    """What another record would share that is this one again: (what, value)."""
    for field in kind.fields if kind else ():
        value = values.get(field.name)
        if value is None or field.hidden:
            continue
        for part in value if isinstance(value, tuple | list) else (value,):
            if field.type in ALIKE:
                yield field.type, str(part).casefold()
            elif field.name == "name" and (plain := _BREAKS.sub("", folded(str(part)))):
                yield "name", plain


def words(ref: str, values: Any, views: Views | None = None) -> str:
    """All that a record says, folded, as it is searched."""
    return folded("\n".join((ref, *(written(value, views) for value in values.values() if value is not None))))


def folded(text: str) -> str:
    """Without case and accents."""
    if text.isascii():
        return text.lower()
    return _MARKS.sub("", unicodedata.normalize("NFKD", text)).casefold()


def written(value: Any, views: Views | None = None) -> str:
    """A value as text; several with semicolons between them. `views` tell how many decimals an amount has."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "; ".join(written(part, views) for part in value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        digits = views.digits(value["currency"]) if views else 0
        text = str(abs(value["minor"])).rjust(digits + 1, "0")
        whole, part = (text[:-digits], f".{text[-digits:]}") if digits else (text, "")
        return f"{'-' if value['minor'] < 0 else ''}{whole}{part} {value['currency']}"
    return str(value)
