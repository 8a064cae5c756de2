"""Keep dimensions of the books, such as cost centre and project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from projections.dimensions import Value
    from store.ledger import Ledger


@click.group(help=__doc__)
def dimension() -> None: ...


@dimension.command()
@click.argument("dimension", metavar="DIMENSION")
@click.argument("value", metavar="VALUE")
@click.option("--name", default="", metavar="TEXT", help="What people call it.")
@options.writes
def add(ledger: Ledger, dimension: str, value: str, name: str) -> None:
    """Let lines of entries bear DIMENSION=VALUE; again, to name it anew.

    \b
    Example: bo dimension add cost-centre NORTH --name "Northern branch"
    """
    from aggregates.dimension import Dimension
    from bo import errors

    added = ledger.commit(lambda tx: bool(tx.change(Dimension, dimension, Dimension.add, dimension, value, name)))
    click.echo(f"{dimension}={value}")
    if not added:
        errors.note("it is there already: nothing changes")


@dimension.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, known_at: int | date | None) -> list[Value]:
    """List the dimensions and their values.

    \b
    Example: bo dimension list
    """
    from projections import dimensions
    from projections.core import open_views

    return dimensions.listed(open_views(ledger, known_at, only=("Dimensions",)))
