"""`bo export beancount`: a file that `bean-check` accepts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from bo import exporting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bo.exporting import Export
    from projections.accounts import Known

ROOTS = {"asset": "Assets", "liability": "Liabilities", "equity": "Equity", "income": "Income", "expense": "Expenses"}
_OTHER = re.compile("[^A-Za-z0-9]+")
_STRING = str.maketrans({"\\": "\\\\", '"': '\\"'})


def names(accounts: dict[str, Known]) -> dict[str, str]:
    """`Assets:1200-Bank`. A number with a dot keeps it as a hyphen, with a count where two would be the same."""
    found: dict[str, str] = {}
    for number, account in sorted(accounts.items()):
        own = _OTHER.sub("-", f"{number} {account.name}").strip("-")
        name = f"{ROOTS.get(account.type, 'Equity')}:{own[:1].upper()}{own[1:]}"
        count = sum(other == name or other.rpartition("-x")[0] == name for other in found.values())
        found[number] = f"{name}-x{count + 1}" if count else name
    return found


def text(export: Export) -> Iterator[str]:
    """Export the books as a beancount file: accounts, currencies and entries.

    A period begins with an entry of the day before that brings its balances forward. Party, tax and dimensions are
    metadata of the postings.

    \b
    Example: bo export beancount -o books.beancount && bean-check books.beancount
    """
    called = names(export.accounts)
    yield f'option "title" {_string(export.name)}\noption "operating_currency" "{export.base}"\n\n'
    for currency in export.currencies:
        yield f"{export.first} commodity {currency}\n"
    yield "\n"
    for number, account in sorted(export.accounts.items()):
        if number not in export.posted:
            continue
        yield f"{export.first} open {called[number]}\n  number: {_string(number)}\n  name: {_string(account.name)}\n"
    for entry in export.entries:
        yield f"\n{entry.on} * {_string(entry.number)} {_string(exporting.said(entry))}\n"
        yield from _metadata("  ", exporting.notes(entry))
        for line in entry.lines:
            yield f"  {called[line.account]}  {exporting.amount(line.minor, line.currency)} {line.currency}\n"
            yield from _metadata("    ", exporting.marks(entry, line))


def _metadata(indent: str, marks: dict[str, Any]) -> Iterator[str]:
    for name, value in marks.items():
        yield f"{indent}{name}: {value if isinstance(value, int) else _string(value)}\n"


def _string(text: str) -> str:
    return f'"{exporting.words(text, _STRING)}"'


beancount = click.command()(exporting.command(text))
