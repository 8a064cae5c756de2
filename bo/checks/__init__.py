"""The checklist of a close: each file of this folder looks for one kind of thing that is still open."""

from __future__ import annotations

from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import msgspec

from projections.core import Minor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


class Open(msgspec.Struct):
    """`check` is the name under which it is accepted; what is not `acceptable` has to be mended."""

    check: str
    subject: str
    what: str
    on: date | None = None
    currency: str | None = None
    amount: Minor | None = None
    acceptable: bool = True


class Asked(NamedTuple):
    """The days that are to be closed, and what the checks have to know of the ledger."""

    first: date
    last: date
    today: date
    several: bool
    """Whether two persons can approve in finance."""


class Check(Protocol):
    def find(self, views: Views, asked: Asked) -> Iterator[Open]: ...


MENDED = "events"
"""What this check finds cannot be accepted."""


def acceptable() -> list[str]:
    """The names of checks whose findings may stay open for a reason."""
    return [name for name in names() if name != MENDED]


def names() -> list[str]:
    files = Path(__file__).parent.glob("[a-z]*.py")
    return sorted(file.stem.replace("_", "-") for file in files)


def open_items(views: Views, asked: Asked) -> list[Open]:
    """What every check finds."""
    modules = (import_module(f"bo.checks.{name.replace('-', '_')}") for name in names())
    return [found for module in modules for found in cast("Check", module).find(views, asked)]
