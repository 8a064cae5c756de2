"""Plan what accounts shall come to; `bo report budget` compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.amounts import Amount
    from bo.dates import Period
    from projections.budgets import Budget
    from store.ledger import Ledger


@click.group(help=__doc__)
def budget() -> None: ...


@budget.command("set")
@click.argument("account")
@click.argument("amount", type=options.MONEY)
@click.option(
    "--period",
    type=options.PERIOD,
    required=True,
    metavar="PERIOD",
    help="Whole months: 2026, 2026/27, 2026-Q1, 2026-03, 2026-01..2026-02.",
)
@click.option("--dimension", "tags", multiple=True, metavar="NAME=VALUE", help="Only what bears it: cost-centre=NORTH.")
@options.writes
def set_(ledger: Ledger, account: str, amount: Amount, period: Period, tags: tuple[str, ...]) -> None:
    """Plan AMOUNT for an account, spread evenly over the months of a period. What was planned for them is replaced.

    What one expects of an account is positive: income as well as expenses. Zero takes a budget back.

    \b
    Example: bo budget set 6200 10800 --period 2026
             bo budget set 4100 30000 --period 2026-Q1 --dimension cost-centre=NORTH
    """
    from bo import budgeting, errors

    said = ledger.commit(lambda tx: budgeting.plan(ledger, tx, account, period, amount, tags))
    click.echo(said[0])
    errors.note(said[1])


@budget.command("import")
@click.argument("file", metavar="FILE")
@options.dry_run
@options.ledger
def import_(ledger: Ledger, file: str) -> None:
    """Plan what a CSV file says, with the columns account, period, amount and perhaps currency and dimensions.

    Everything is checked before anything is recorded. The same file again changes nothing.

    \b
    Example: bo budget import budget-2026.csv
    """
    from bo import budgeting

    click.echo(budgeting.adopt(ledger, file))


@budget.command("list")
@options.period
@options.rows
@options.ledger
def list_(ledger: Ledger, period: Period | None, known_at: int | date | None) -> list[Budget]:
    """List budgets month by month: of a period, or all.

    \b
    Example: bo budget list --period 2026
    """
    from projections import budgets
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Budgets"))
    months = (f"{period.first:%Y-%m}", f"{period.last:%Y-%m}") if period else ()
    return budgets.listed(views, *months)
