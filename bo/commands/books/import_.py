"""Take over books from other programs."""

import click

from bo.groups import folder


@click.group(help=__doc__, cls=folder("imports"))
def import_() -> None: ...
