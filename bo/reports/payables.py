"""`bo report payables`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from projections.openitems import Item
    from store.ledger import Ledger


@click.command()
@options.reference("vendor", "vendor", required=False, default="", metavar="[VENDOR]")
@options.rows
@options.ledger
def payables(
    ledger: Ledger, vendor: str, as_of: date | None, known_at: int | date | None, totals: bool, limit: int | None
) -> list[Item]:
    """Every open item with all vendors, or with one: they come to what the account of payables says.

    Credit notes and payments that settle nothing yet are below zero; an entry is what the journal says we owe.

    \b
    Example: bo report payables --as-of 2026-03-31 --known-at 2026-04-15
             bo report payables V-1 --format csv
    """
    from bo import openitems

    return openitems.listed(ledger, "payable", vendor, as_of, known_at, totals, limit)
