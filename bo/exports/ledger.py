"""`bo export ledger`: a journal for ledger, read with `ledger --strict`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import exporting
from bo.exports.hledger import names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bo.exporting import Export

_TEXT = str.maketrans({";": ",", "|": "/"})
_CODE = str.maketrans({"(": "[", ")": "]", ";": ","})
_NOTE = str.maketrans({"[": "(", "]": ")"})
"""Brackets in a note hold a date."""


def text(export: Export) -> Iterator[str]:
    """Export the books as a journal for ledger: accounts, currencies and entries.

    A period begins with an entry of the day before that brings its balances forward. Party, tax and dimensions are
    metadata of the postings.

    \b
    Example: bo export ledger --period 2026 -o books.ledger && ledger --strict -f books.ledger balance
    """
    called = names(export.accounts)
    yield f"; {exporting.words(export.name)}\n\n"
    for currency, digits in export.currencies.items():
        code = exporting.symbol(currency)
        yield f"commodity {code}\n    format 1000{'.' * bool(digits)}{'0' * digits} {code}\n"
    yield "\n"
    for tag in ("position", "source", "event", "party", "tax", "text", *export.dimensions):
        yield f"tag {tag}\n"
    for number in sorted(export.accounts):
        yield f"account {called[number]}\n"
    for entry in export.entries:
        code = f" ({exporting.words(entry.number, _CODE)})" if entry.number else ""
        yield f"\n{entry.on} *{code} {exporting.words(exporting.said(entry), _TEXT)}\n"
        yield from _notes(exporting.notes(entry))
        for line in entry.lines:
            amount = f"{exporting.amount(line.minor, line.currency)} {exporting.symbol(line.currency)}"
            yield f"    {called[line.account]}  {amount}\n"
            yield from _notes(exporting.marks(entry, line))


def _notes(marks: dict[str, str]) -> Iterator[str]:
    for name, value in marks.items():
        yield f"    ; {name}: {exporting.words(str(value), _NOTE)}\n"


ledger = click.command()(exporting.command(text))
