"""`bo import beancount`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from store.ledger import Ledger


@click.command()
@click.argument("file", metavar="FILE")
@options.dry_run
@options.ledger
def beancount(ledger: Ledger, file: str) -> None:
    """Take over the entries of a beancount file, with its accounts and commodities.

    An account keeps its name, Assets:US:Bank, and gets a number made of it, A.US.Bank. Shares and the like are counted
    in their own units; what they cost stands in the text, and both meet on the account of the role exchange. Balances
    are checked, pads are filled, and files that are included are read. Prices, notes and metadata are counted and left.
    The same file again changes nothing.

    \b
    Example: bo import beancount personal.beancount --dry-run
    """
    from bo.journals import beancount as reader
    from bo.journals.opening import take_over

    for told in take_over(ledger, file, "beancount", reader.read):
        click.echo(told)
