"""`bo report journal`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    import msgspec

    from bo.dates import Period
    from projections.entries import Line
    from store.ledger import Ledger


@click.command()
@options.by_dimension
@options.period
@options.rows
@options.ledger
def journal(
    ledger: Ledger, tags: tuple[str, ...], by: str, period: Period | None, as_of: date | None,
    known_at: int | date | None, limit: int | None,
) -> list[Line] | list[msgspec.Struct]:  # fmt: skip
    """Every entry of the books with its lines, whatever made it, in the order of dates.

    Lines that bear a dimension need not balance: what stands against them in their entry may bear none.

    \b
    Example: bo report journal --period 2026-03 --format csv
             bo report journal --dimension project=P-7
    """
    from bo import books
    from projections import entries
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Periods", "Dimensions"))
    days = books.span(views, period, as_of)
    return books.by_dimension(views, tags, by, lambda only: entries.journal(views, *days, limit, only))
