"""`bo report receivables`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from projections.openitems import Item
    from store.ledger import Ledger


@click.command()
@options.reference("customer", "customer", required=False, default="", metavar="[CUSTOMER]")
@options.rows
@options.ledger
def receivables(
    ledger: Ledger, customer: str, as_of: date | None, known_at: int | date | None, totals: bool,
    limit: int | None,
) -> list[Item]:  # fmt: skip
    """Every open item of all customers, or of one: they come to what the account of receivables says.

    Credit notes and payments that settle nothing yet are below zero; an entry is what the journal says is owed.

    \b
    Example: bo report receivables --as-of 2026-03-31 --known-at 2026-04-15
             bo report receivables C-1 --format csv
    """
    from bo import openitems

    return openitems.listed(ledger, "receivable", customer, as_of, known_at, totals, limit)
