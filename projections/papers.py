"""What the views of invoices and of bills have in common: taxes, movements, and parts kept as JSON."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from projections.core import Minor

if TYPE_CHECKING:
    from projections.core import Views

Paper = TypeVar("Paper", bound=msgspec.Struct)
_PARTS = {"buyer", "seller", "lines", "taxes", "discounted"}
"""Columns that hold JSON."""
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


def whole(views: Views, shape: type[Paper], sql: str, *values: object) -> Paper | None:
    """The one row of a query as a paper."""
    for row in views.named(sql, *values):
        parts = {name: msgspec.json.decode(text) for name, text in row.items() if name in _PARTS}
        return msgspec.convert({**row, **parts}, shape, strict=False)
    return None
