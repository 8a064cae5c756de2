"""Report on the books: trial balance, general ledger, journal, statements."""

import click

from bo.groups import folder


@click.group(help=__doc__, cls=folder("reports"))
def report() -> None: ...
