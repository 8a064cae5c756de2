"""Build a lively ledger to look at, and show what bo makes of it."""

from __future__ import annotations

from pathlib import Path

import click

from bo import errors, params


@click.command
@click.argument("place", metavar="DIR", type=params.Folder())
@click.option("--invoices", type=click.IntRange(1, 100_000), default=300, show_default=True, help="How many.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number is another year.")
def demo(place: Path, invoices: int, seed: int) -> None:
    """Build a lively ledger to look at, and show what bo makes of it.

    A workshop's last year: customers, invoices paid, late, credited and forgotten, documents, a clerk who came and
    left, a tax adviser who reads, a customer who asked to be erased. Everything was done with the commands you
    have; DIR holds the ledger and the homes of three persons, without passphrases.

    \b
    Example: bo demo ./demo
    """
    from bo.demo.stage import Stage
    from bo.demo.tour import walk
    from bo.demo.year import Year

    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise errors.BadInput(f"{place} is not empty: name a folder that is, or that is not there yet")
    stage = Stage(place.resolve())
    year = Year(stage, invoices, seed)
    year.happen()
    click.echo(place)
    for paragraph in walk(stage, year.now, year.first.year):
        click.echo(f"\n{paragraph}")
