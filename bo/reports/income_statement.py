"""`bo report income-statement`."""

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
@click.option("--compare", type=options.PERIOD, metavar="PERIOD", help="Beside it, the same of this period.")
@options.in_base
@options.by_dimension
@options.period
@options.rows
@options.ledger
def income_statement(
    ledger: Ledger, in_base: bool, tags: tuple[str, ...], by: str, period: Period | None, compare: Period | None,
    as_of: date | None, known_at: int | date | None, totals: bool,
) -> list[Line] | list[msgspec.Struct]:  # fmt: skip
    """What was earned and spent in a period, or in the fiscal year up to a day, and what is left.

    \b
    Example: bo report income-statement --period 2026-Q1 --compare 2025-Q1
             bo report income-statement --period 2026 --base --by cost-centre
    """
    from bo import books
    from projections import statements
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Periods", "Dimensions"))
    days = books.span(views, period, as_of)
    own = books.stated(views, in_base, days.last)
    return books.by_dimension(
        views, tags, by, lambda only: statements.income_statement(views, *days, compare, totals, own, only)
    )
