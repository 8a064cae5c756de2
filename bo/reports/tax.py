"""`bo report tax`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.dates import Period
    from projections.taxes import Turnover
    from store.ledger import Ledger


@click.command()
@options.period
@options.rows
@options.ledger
def tax(ledger: Ledger, period: Period | None, as_of: date | None, known_at: int | date | None) -> list[Turnover]:
    """What was sold and bought under each tax code, and the tax on it, in the ledger's currency.

    By the dates of the books; what a return says, and what came late for it, shows `bo tax return`.

    \b
    Example: bo report tax --period 2026-Q1
    """
    from bo import books
    from projections import taxes
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Taxes", "Periods"))
    days = books.span(views, period, as_of)
    books.stated(views, True, days.last)
    return taxes.by_code(views, *days)
