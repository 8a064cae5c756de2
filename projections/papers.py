"""What the views of invoices and of bills have in common: taxes, movements, and parts kept as JSON."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeVar

import msgspec

from projections.core import Minor

Part = TypeVar("Part")
_encode = msgspec.json.Encoder().encode


class Tax(msgspec.Struct, array_like=True):
    category: str
    rate: str
    basis: Minor
    amount: Minor


class Movement(msgspec.Struct):
    on: date
    what: str
    allocation: int | None
    source: str
    amount: Minor
    owing: Minor
    credit: Minor
    ref: str


def as_json(value: object) -> str:
    return _encode(value).decode()


def taxes_of(taxes: Any) -> str:
    """The taxes of a document, to be read back as `Tax`."""
    return as_json([(each.category, each.rate, each.basis.minor, each.amount.minor) for each in taxes])


def parsed(text: str, shape: type[Part]) -> list[Part]:
    return msgspec.json.decode(text, type=list[shape])  # type: ignore[valid-type]  # the shape is a value
