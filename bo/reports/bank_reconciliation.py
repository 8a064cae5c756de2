"""`bo report bank-reconciliation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from projections.reconciliation import Row
    from store.ledger import Ledger


@click.command()
@options.reference("bank", "bank", required=False, default="", metavar="[BANK]")
@options.rows
@options.ledger
def bank_reconciliation(ledger: Ledger, bank: str, as_of: date | None, known_at: int | date | None) -> list[Row]:
    """From the balance of the bank to that of the books, for each bank account or for one, at the end of a day.

    Between them stand the lines that nobody has matched, the payments and deposits that no statement shows yet, and
    what else was booked. A difference that is left means that a statement is missing or was read in part.

    \b
    Example: bo report bank-reconciliation --as-of 2026-03-31
             bo report bank-reconciliation MAIN --format csv
    """
    from bo.clock import today
    from projections import reconciliation
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Banks", "Books", "References"))
    return reconciliation.reconciled(views, as_of or today(), resolve(views, bank, "bank").key if bank else "")
