"""`bo report general-ledger`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.dates import Period
    from projections.entries import Moved
    from store.ledger import Ledger


@click.command()
@click.argument("account", required=False, default="")
@options.link("--party", kinds=("customer", "vendor"), default="", metavar="PARTY", help="Only with this party.")
@click.option("--dimension", default="", metavar="NAME=VALUE", help="Only what bears it, as cost-centre=NORTH.")
@options.period
@options.rows
@options.ledger
def general_ledger(
    ledger: Ledger, account: str, party: str, dimension: str, period: Period | None, as_of: date | None,
    known_at: int | date | None, totals: bool,
) -> list[Moved]:  # fmt: skip
    """Every posting on ACCOUNT, or on all, with the balance after it.

    A heading shows the accounts below it. `number` and `position` lead on: bo book explain NUMBER.

    \b
    Example: bo report general-ledger 1200 --period 2026-03
             bo report general-ledger 1300 --party C-1 --as-of today
    """
    from bo import books
    from projections import accounts, dimensions, entries, references
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Periods", "References", "Dimensions"))
    chosen = accounts.within(views, accounts.find(views, account)) if account else ()
    if party:
        found = references.resolve(views, party, "customer", "vendor")
        party = f"{found.kind}/{found.ref}"
    if dimension:
        dimensions.require_known(views, (dimension,))
    return entries.general_ledger(views, *books.span(views, period, as_of), chosen, party, dimension, totals)
