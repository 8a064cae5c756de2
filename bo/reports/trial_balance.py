"""`bo report trial-balance`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    import msgspec

    from bo.dates import Period
    from projections.balances import TrialBalance
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
def trial_balance(
    ledger: Ledger, in_base: bool, tags: tuple[str, ...], by: str, period: Period | None, compare: Period | None,
    as_of: date | None, known_at: int | date | None, totals: bool,
) -> list[TrialBalance] | list[msgspec.Struct]:  # fmt: skip
    """Every account with what stood on it before, what it turned over, and what stands on it.

    Of a period, or of the fiscal year up to a day; today, if none is given.

    \b
    Example: bo report trial-balance --period 2026-Q1
             bo report trial-balance --period 2026 --compare 2025 --base
             bo report trial-balance --as-of 2026-03-31 --known-at 2026-04-15
             bo report trial-balance --by cost-centre --dimension project=P-7
    """
    from bo import books
    from projections import balances
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Periods", "Dimensions"))
    days = books.span(views, period, as_of)
    own = books.stated(views, in_base, days.last)
    return books.by_dimension(
        views, tags, by, lambda only: balances.trial_balance(views, *days, totals, own, only, compare)
    )
