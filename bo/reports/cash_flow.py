"""`bo report cash-flow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.dates import Period
    from projections.statements import Line
    from store.ledger import Ledger


@click.command()
@click.option("--compare", type=options.PERIOD, metavar="PERIOD", help="Beside it, the same of this period.")
@options.in_base
@options.period
@options.rows
@options.ledger
def cash_flow(
    ledger: Ledger, in_base: bool, period: Period | None, compare: Period | None, as_of: date | None,
    known_at: int | date | None, totals: bool,
) -> list[Line]:  # fmt: skip
    """Where money came from and went to in a period, or in the fiscal year up to a day: the direct method.

    Money is what stands under the roles cash and bank, on bank accounts, and on assets that payments went through.
    Each movement of it is told by the account against it: fixed assets are investing; what stands
    under the role loan, equity, and liabilities that play no role are financing; the rest is operating, interest among
    it. Cash at the beginning and all flows come to cash at the end, in each currency or in --base.

    There is none by dimension: money settles whole documents, whose lines may bear several values or none, and whose
    money it is nobody says. What a project earned and cost tells `bo report income-statement --dimension project=P-7`.

    \b
    Example: bo report cash-flow --period 2026-Q1 --compare 2025-Q1
             bo report cash-flow --period 2026 --base
    """
    from bo import books
    from projections import cashflow
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Periods", "Banks"))
    days = books.span(views, period, as_of)
    return cashflow.cash_flow(views, *days, compare, totals, books.stated(views, in_base, days.last))
