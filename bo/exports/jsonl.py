"""`bo export jsonl`: an entry a line, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from bo import exporting
from projections.bookkeys import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bo.exporting import Export


def text(export: Export) -> Iterator[str]:
    """Export the books as JSON Lines: an entry a line, with its event, source, and lines; debits are positive.

    A period begins with an entry of the day before that brings its balances forward. Where an event makes a second
    entry, as an accrual that is taken back, `part` is 1.

    \b
    Example: bo export jsonl --period 2026-03 -o march.jsonl
    """
    for entry in export.entries:
        lines = [
            {
                "account": line.account, "name": export.accounts[line.account].name,
                "amount": exporting.amount(line.minor, line.currency), "currency": line.currency,
                **exporting.marks(entry, line),
            }
            for line in entry.lines
        ]  # fmt: skip
        head = {"on": entry.on, "number": entry.number, "text": exporting.said(entry), **exporting.notes(entry)}
        part = {"part": entry.id % PARTS} if entry.id % PARTS else {}
        yield msgspec.json.encode({**head, **part, "lines": lines}).decode() + "\n"


jsonl = click.command()(exporting.command(text))
