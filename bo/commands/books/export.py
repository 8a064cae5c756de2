"""Export the books for other programs."""

import click

from bo.groups import folder


@click.group(help=__doc__, cls=folder("exports"))
def export() -> None: ...
