"""Look after the series that give invoices and credit notes their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.numbering import Checked
    from projections.series import Series
    from store.ledger import Ledger
    from store.transaction import Transaction


@click.group(help=__doc__)
def series() -> None: ...


@series.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, known_at: int | date | None) -> list[Series]:
    """List the series, how many numbers each has given, and the last.

    \b
    Example: bo series list
    """
    from projections import series as all_series
    from projections.core import open_views

    return all_series.listed(open_views(ledger, known_at, only=("AllSeries",)))


@series.command("open")
@click.argument("name", metavar="SERIES")
@click.option("--start", type=click.IntRange(1), required=True, metavar="N", help="The first number it gives.")
@options.reason
@options.writes
def open_(ledger: Ledger, name: str, start: int) -> None:
    """Let a SERIES that has given no number yet begin at N: once, after a take-over from another system.

    \b
    Example: bo series open INV-2026 --start 118 --reason "117 were issued by the old system"
    """
    from aggregates.core import require
    from aggregates.series import OURS, Series

    kinds = "INV-2026 for the invoices of 2026, or CN-2026 for its credit notes"
    require(OURS.fullmatch(f"{name}-1"), f"{name} is no series: it is called like {kinds}")

    def work(tx: Transaction) -> str:
        tx.change(Series, name, Series.open, start, ledger.reason)
        return f"{name}-{start:04}"

    click.echo(ledger.commit(work))


@series.command()
@click.argument("name", metavar="[SERIES]", default="")
@options.rows
@options.ledger
def check(ledger: Ledger, name: str) -> list[Checked]:
    """Prove from the log that no number is missing, given twice, or out of the order of dates.

    Exit 10 where something is wrong.

    \b
    Example: bo series check INV-2026
    """
    from bo.numbering import checked
    from projections import series as all_series
    from projections.core import open_views
    from store.errors import NotFound

    views = open_views(ledger)
    names = [each.series for each in all_series.listed(views)]
    if name and name not in names:
        raise NotFound(f"there is no series {name}: there {'are' if names else 'is'} {', '.join(names) or 'none'}")
    return [checked(ledger, views, each) for each in names if name in ("", each)]
