"""What the commands on templates of journal entries do inside a commit, and how amounts are given to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aggregates.core import FINANCE, Refused, replace, require
from aggregates.entrytemplate import EntryTemplate, Part, part
from aggregates.money import Money, parted
from aggregates.recurring import filled as dated
from aggregates.text import line as one_line
from aggregates.text import reference, shown
from bo import books, journaling
from projections import accounts, dimensions, references
from projections.core import open_views

if TYPE_CHECKING:
    from datetime import date

    from aggregates.posting import Posting
    from bo.journaling import Written
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

Given = Mapping[str, str]
"""Amounts as they were typed, by the names of variables."""


def template(ledger: Ledger, text: str) -> str:
    """The name of the template that is meant."""
    return references.resolve(open_views(ledger), text, "journal-template").key


def given(variables: Sequence[str], amount: str | None) -> Given:
    """What `--var name=amount` says; `--amount` is the variable of that name."""
    said = {} if amount is None else {"amount": amount}
    for each in variables:
        name, equals, value = each.partition("=")
        require(equals and name.strip() and value.strip(), f"a variable is given as name=AMOUNT, not as {shown(each)}")
        require(name.strip() not in said, f"{name.strip()} is given twice")
        said[name.strip()] = value.strip()
    return said


def define(
    ledger: Ledger, tx: Transaction, name: str, said: str, written: Sequence[Written], tags: tuple[str, ...]
) -> list[str]:
    tx.begin(FINANCE)
    views, key = open_views(ledger), reference(name)
    base = books.base(views)
    parts = [_part(views, at, each, base, tags) for at, each in enumerate(written, 1)]
    defined = tx.change(EntryTemplate, key, EntryTemplate.define, said, parts, books.chart(views), base)
    if not defined:
        return [key, "it says so already: nothing changes"]
    variables = tx.state(EntryTemplate, key).variables
    return [key, f"it takes {', '.join(variables)}" if variables else "it takes no amounts"]


def _part(views: Views, at: int, written: Written, base: str, tags: tuple[str, ...]) -> Part:
    """A line with what it names looked up."""
    try:
        side, amount = journaling.side(written)
        made = part(accounts.find(views, written.account), side, amount, base)
        party = journaling.party(views, written.party) if written.party else ""
    except Refused as no:
        raise Refused(f"line {at}: {no}") from None
    return replace(
        made, party=party, tax=one_line(written.tax, 16), text=one_line(written.text),
        dimensions=dimensions.require_known(views, tuple(dict.fromkeys((*tags, *written.dimensions)))),
    )  # fmt: skip


def filled(
    ledger: Ledger, tx: Transaction, key: str, values: Given, on: date | None = None, tags: tuple[str, ...] = ()
) -> tuple[str, tuple[Posting, ...]]:
    """The text of a template and its lines with these amounts; without a day, {month} and {date} stay in texts."""
    tx.begin(FINANCE)
    views, state = open_views(ledger), tx.state(EntryTemplate, key)
    base = books.base(views)
    more = dimensions.require_known(views, tags)
    lines = state.fill({name: _amount(name, text, base) for name, text in values.items()})
    return _dated(state.text, on), tuple(
        replace(each, text=_dated(each.text, on), dimensions=tuple(dict.fromkeys((*more, *each.dimensions))))
        for each in lines
    )


def _dated(text: str, on: date | None) -> str:
    return text if on is None else dated(text, on)


def _amount(name: str, text: str, base: str) -> Money:
    try:
        number, currency = parted(text)
        return Money.of(number, currency or base)
    except Refused as no:
        raise Refused(f"{name}: {no}") from None


def end(tx: Transaction, key: str, reason: str) -> list[str]:
    tx.change(EntryTemplate, key, EntryTemplate.end, reason)
    return [key, "it is offered no more"]
