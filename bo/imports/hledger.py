"""`bo import hledger`."""

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
def hledger(ledger: Ledger, file: str) -> None:
    """Take over the entries of an hledger journal, with its accounts and commodities.

    An account keeps its name, assets:bank, and gets a number made of it, A.bank. What an account is says its directive,
    or how its name begins. Symbols are taken for currencies, $ for USD. Shares and the like are counted in their own
    units; what they cost stands in the text, and both meet on the account of the role exchange. Assertions are checked,
    and files that are included are read. Prices, comments, rules and virtual postings are counted and left. The same
    file again changes nothing.

    \b
    Example: bo import hledger 2025.journal --dry-run
    """
    from bo.journals import hledger as reader
    from bo.journals.opening import take_over

    for told in take_over(ledger, file, "hledger", reader.read):
        click.echo(told)
