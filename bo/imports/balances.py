"""`bo import balances`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.telling import tell

if TYPE_CHECKING:
    from datetime import date

    from store.ledger import Ledger


@click.command()
@click.argument("file", metavar="FILE")
@options.mapped
@options.on
@options.writes
def balances(ledger: Ledger, file: str, map_name: str | None, on: date) -> None:
    """Take over opening balances, such as another program's trial balance, on the day it stood so.

    Columns: account, debit, credit, and where wanted currency, party and text. What the file is off balance stands
    against the account of the role opening-balance. The same file again changes nothing.

    \b
    Example: bo import balances trial-balance.csv --on 2025-12-31
    """
    from bo import opening

    tell(opening.take_over(ledger, file, map_name, on))
