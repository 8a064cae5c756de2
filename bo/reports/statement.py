"""`bo report statement`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.dates import Period
    from projections.openitems import Movement
    from store.ledger import Ledger


@click.command()
@options.reference("party", "customer", "vendor")
@click.option("--aging", is_flag=True, help="Then what the closing balance is made of, by how long it has been due.")
@options.period
@options.rows
@options.ledger
def statement(
    ledger: Ledger, party: str, aging: bool, period: Period | None, as_of: date | None, known_at: int | date | None
) -> list[Movement]:
    """What a customer or vendor was charged and settled in a period, with the balance after each.

    Of a period, or of the fiscal year up to a day; today, if none is given. The balance is what a customer owes, or
    what is owed to a vendor; which payment settles what is in `bo report receivables` and `payables`.

    \b
    Example: bo report statement C-1 --period 2026-Q1
             bo report statement C-1 --aging --format html
             bo report statement vendor/V-1 --as-of 2026-03-31 --format html
    """
    from bo import books
    from bo.openitems import VIEWS
    from projections import openitems, references
    from projections.core import open_views

    views = open_views(ledger, known_at, only=VIEWS)
    found = references.resolve(views, party, "customer", "vendor")
    first, last = books.span(views, period, as_of)
    rows = openitems.statement(views, f"{found.kind}/{found.ref}", first, last)
    return [*rows, *openitems.aged(views, found.kind, found.ref, last)] if aging and rows else rows
