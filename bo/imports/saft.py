"""`bo import saft`."""

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
def saft(ledger: Ledger, file: str) -> None:
    """Take over a Norwegian SAF-T Financial file: accounts, parties, tax codes, dimensions, balances, entries.

    Accounts that bo only offers, and nobody has used, give way to the file's. Lines are in the file's own currency.
    What is wrong or odd is listed by line; with an error nothing is imported. The same file again changes nothing.

    \b
    Example: bo import saft audit-2025.xml --dry-run
    """
    from pathlib import Path

    from bo import files
    from bo.adopting import Adoption
    from bo.saft.taking import Taking

    with files.open_input(file) as opened:
        into = Adoption(ledger, Path(file).name, files.digest(opened)[0])
        Taking(into).read(opened)
    for told in into.finish("saft"):
        click.echo(told)
