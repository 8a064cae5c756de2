"""`bo report journal`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.dates import Period
    from projections.entries import Line
    from store.ledger import Ledger


@click.command()
@options.period
@options.rows
@options.ledger
def journal(
    ledger: Ledger, period: Period | None, as_of: date | None, known_at: int | date | None, limit: int | None
) -> list[Line]:
    """Every entry of the books with its lines, whatever made it, in the order of dates.

    \b
    Example: bo report journal --period 2026-03 --format csv
    """
    from bo import books
    from projections import entries
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Periods"))
    return entries.journal(views, *books.span(views, period, as_of), limit)
