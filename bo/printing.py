"""What a listing was asked to look like, and what people are told below it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from bo import settings
from bo.render import How

if TYPE_CHECKING:
    from store.ledger import Ledger


def how(given: dict[str, Any]) -> How:
    """Take out of what was given all that says how to print."""
    format = "json" if given.pop("json") else given["format"]
    del given["format"]
    if given.pop("envelope"):
        if format != "json":
            raise click.UsageError("--envelope goes with --json")
        around = (0, "")
    else:
        around = None
    return How(format, given.pop("columns", ()), given.pop("sort", ()), given.pop("limit", None), around)


def placed(how: How) -> How:
    """The same, with where the log stands now, if that is wanted around the rows."""
    return how if how.envelope is None else how._replace(envelope=_place())


def _place() -> tuple[int, str]:
    """The size and the root of the log as this client verified it last."""
    opened: Ledger | None = click.get_current_context().obj
    note = opened.client.get("note") if opened is not None else None
    _, size, root, *_ = note.decode().split("\n") if note else ("", "0", "")
    return int(size), root


def remark(count: str) -> None:
    """For people only: how much it was, and where the log stands."""
    if settings.current().quiet or sys.stderr is None or not sys.stderr.isatty():
        return
    from bo.errors import note

    position, head = _place()
    place = f"position {position}, head {head}" if head else ""
    if count or place:
        note(", ".join(filter(None, (count, place))))
