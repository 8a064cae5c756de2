"""`bo export hledger`: a journal that `hledger check --strict ordereddates` accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import exporting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bo.exporting import Export
    from projections.accounts import Known

LETTERS = {"asset": "A", "liability": "L", "equity": "E", "income": "R", "expense": "X"}
_TEXT = str.maketrans({";": ",", "|": "/"})
_CODE = str.maketrans({"(": "[", ")": "]", ";": ","})
_TAG = str.maketrans({",": " ", "[": "(", "]": ")"})
"""A comma ends a tag, however it is quoted, and brackets in a comment hold a date."""
_NAME = str.maketrans(dict.fromkeys(";:()[]{}\"'*!@=~|", " "))


def names(accounts: dict[str, Known]) -> dict[str, str]:
    """Each account under its headings: `1000 Assets:1200 Bank`."""
    found: dict[str, str] = {}

    def name(number: str) -> str:
        if number not in found:
            account = accounts[number]
            own = exporting.words(f"{number} {account.name}".translate(_NAME))
            found[number] = own  # an account under itself would have no end
            if account.parent in accounts:
                found[number] = f"{name(account.parent)}:{own}"
        return found[number]

    return {number: name(number) for number in accounts}


def text(export: Export) -> Iterator[str]:
    """Export the books as an hledger journal: accounts, currencies and entries.

    A period begins with an entry of the day before that brings its balances forward. Party, tax and dimensions are
    tags of the postings. The format has no way to write a comma in a tag: it becomes a blank.

    \b
    Example: bo export hledger -o books.journal && hledger -f books.journal check --strict ordereddates
    """
    called = names(export.accounts)
    yield f"; {exporting.words(export.name)}\n\ndecimal-mark .\n\n"
    for currency, digits in export.currencies.items():
        yield f"commodity 1000.{'0' * digits} {exporting.symbol(currency)}\n"
    yield "\n"
    for number, account in sorted(export.accounts.items()):
        yield f"account {called[number]}  ; type: {LETTERS.get(account.type, 'E')}\n"
    for entry in export.entries:
        code = f" ({exporting.words(entry.number, _CODE)})" if entry.number else ""
        yield f"\n{entry.on} *{code} {exporting.words(exporting.said(entry), _TEXT)}{_tags(exporting.notes(entry))}\n"
        for line in entry.lines:
            amount = f"{exporting.amount(line.minor, line.currency)} {exporting.symbol(line.currency)}"
            yield f"    {called[line.account]}  {amount}{_tags(exporting.marks(entry, line))}\n"


def _tags(marks: dict[str, str]) -> str:
    told = ", ".join(f"{name}: {exporting.words(str(value), _TAG)}" for name, value in marks.items())
    return f"  ; {told}" if told else ""


hledger = click.command()(exporting.command(text))
