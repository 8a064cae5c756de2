"""`bo report balance-sheet`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    import msgspec

    from bo.dates import Period
    from projections.statements import Line
    from store.ledger import Ledger


@click.command()
@click.option(
    "--compare", type=options.PERIOD, metavar="PERIOD", help="Beside it, how it stood at the end of this one."
)
@options.in_base
@options.by_dimension
@options.period
@options.rows
@options.ledger
def balance_sheet(
    ledger: Ledger, in_base: bool, tags: tuple[str, ...], by: str, period: Period | None, compare: Period | None,
    as_of: date | None, known_at: int | date | None, totals: bool,
) -> list[Line] | list[msgspec.Struct]:  # fmt: skip
    """What is owned and owed at the end of a day, in each currency.

    What income and expenses leave stands in lines of its own, so that it balances at any day. What was exchanged
    between currencies stands on an account of its own in each; in --base it comes to nothing, and what was gained or
    lost is part of the result: `bo rate differences` lists it. A value of a dimension need not balance: lines of an
    entry bear different ones.

    \b
    Example: bo report balance-sheet --as-of 2026-12-31 --compare 2025 --base
    """
    from bo import books
    from projections import statements
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Periods", "Dimensions"))
    last = books.span(views, period, as_of).last
    year, own = books.fiscal_year(views, last), books.stated(views, in_base, last)
    against = books.compared(views, compare)
    return books.by_dimension(
        views, tags, by, lambda only: statements.balance_sheet(views, year, last, against, totals, own, only)
    )
