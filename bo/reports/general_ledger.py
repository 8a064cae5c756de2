"""`bo report general-ledger`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    import msgspec

    from bo.dates import Period
    from projections.entries import Moved
    from store.ledger import Ledger


@click.command()
@click.argument("account", required=False, default="")
@options.link("--party", kinds=("customer", "vendor"), default="", metavar="PARTY", help="Only with this party.")
@options.by_dimension
@options.period
@options.rows
@options.ledger
def general_ledger(
    ledger: Ledger, account: str, party: str, tags: tuple[str, ...], by: str, period: Period | None,
    as_of: date | None, known_at: int | date | None, totals: bool,
) -> list[Moved] | list[msgspec.Struct]:  # fmt: skip
    """Every posting on ACCOUNT, or on all, with the balance after it.

    A heading shows the accounts below it. `number` and `position` lead on: bo book explain NUMBER.

    \b
    Example: bo report general-ledger 1200 --period 2026-03
             bo report general-ledger 1300 --party C-1 --as-of today
             bo report general-ledger 6000 --by cost-centre
    """
    from bo import books
    from projections import accounts, entries, references
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Periods", "References", "Dimensions"))
    chosen = accounts.within(views, accounts.find(views, account)) if account else ()
    if party:
        found = references.resolve(views, party, "customer", "vendor")
        party = f"{found.kind}/{found.ref}"
    days = books.span(views, period, as_of)
    return books.by_dimension(
        views, tags, by, lambda only: entries.general_ledger(views, *days, chosen, party, only, totals)
    )
