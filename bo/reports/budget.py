"""`bo report budget`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.dates import Period
    from projections.budgets import Compared
    from store.ledger import Ledger


@click.command()
@options.period
@options.rows
@options.ledger
def budget(ledger: Ledger, period: Period | None, known_at: int | date | None) -> list[Compared]:
    """Budgets beside what was posted in whole months: the present fiscal year, if no period is given.

    A budget with dimensions is beside what bears them all, one without beside the whole account. Income and expenses
    that nobody planned are there with a budget of zero. The variance is what was posted less what was planned.

    \b
    Example: bo report budget --period 2026-Q1
    """
    from aggregates.core import require
    from aggregates.spread import month_end
    from bo import books
    from bo.clock import today
    from projections import budgets
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Budgets", "Periods"))
    first, last = period or books.whole_year(views, today())
    whole = first.day == 1 and last == month_end(last, 0)
    require(whole, f"budgets are for whole months, not for {first} to {last}")
    return budgets.compared(views, first, last)
