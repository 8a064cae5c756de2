"""`bo export saft`: an audit file that the schema of the tax administration accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from bo.dates import Period
    from store.ledger import Ledger


@click.command()
@options.period_needed
@click.option("--registration", required=True, metavar="NUMBER", help="The organisation's registration number.")
@click.option("--contact", default="", metavar="NAME", help="Who answers for it; the organisation, if not said.")
@click.option("--schema", type=click.Choice(("1.10", "1.30")), default="1.30", show_default=True)
@options.output
@options.force
@options.ledger
def saft(
    ledger: Ledger, period: Period, registration: str, contact: str, schema: str, output: str | None, force: bool
) -> None:
    """Export the books of a period as a Norwegian SAF-T Financial file.

    All accounts with opening and closing balances, customers and suppliers, tax codes, dimensions, and every entry.
    Amounts are in the ledger's own currency. The tax administration's own code of a tax is what `bo tax codes set
    CODE --standard` says; NA, if nothing does.

    \b
    Example: bo export saft --period 2026 --registration 888888888 -o audit-2026.xml
    """
    from bo import files
    from bo.saft.writing import Company, File, within
    from projections import directory
    from projections.core import open_views

    within(period)
    views = open_views(ledger)
    company = Company(registration, contact or directory.setting(views, "name"))
    pieces = File(views, period, schema, company).pieces()
    files.hand_over(output, (piece.encode() for piece in pieces), force=force)
