"""See which rule posted what, from which event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.explaining import Rule
    from projections.entries import Explained
    from store.ledger import Ledger

DOCUMENTS = ("invoice", "credit", "entry", "bill", "payment")


@click.group(help=__doc__)
def book() -> None: ...


@book.command()
@options.reference("reference", metavar="REF|POSITION")
@options.rows
@options.ledger
def explain(ledger: Ledger, reference: str, known_at: int | date | None) -> list[Explained]:
    """What REF has posted: the event of each entry, its rule set and rule, and the lines.

    REF is an invoice, a credit note, a bill, a payment, a journal entry, or the position of any event.

    \b
    Example: bo book explain INV-2026-0001
             bo book explain 118
    """
    from bo import errors, explaining
    from projections.core import open_views

    found, says = explaining.explained(open_views(ledger, known_at, only=("Books", "References")), reference)
    for line in says:
        errors.note(line)
    return found


@book.command()
@options.rows
def rules() -> list[Rule]:
    """List every posting rule there is, by the event it posts, with the day its set is in force from.

    \b
    Example: bo book rules
    """
    from bo import explaining

    return explaining.rules()
