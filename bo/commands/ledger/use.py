"""Choose the ledger to use where none is named, and your device for it."""

from __future__ import annotations

from pathlib import Path

import click

from bo import errors


@click.command
@click.argument("place", metavar="LEDGER", type=click.Path(path_type=Path))
@click.option("--device", metavar="NAME", help="Your device for this ledger.")
def use(place: Path, device: str | None) -> None:
    """Choose the ledger to use where none is named, and your device for it.

    \b
    Example: bo use ~/books/acme --device laptop
    """
    from bo import config, session
    from bo.settings import Settings
    from store.errors import KeyProblem
    from store.home import Binding, Home

    home = Home()
    place = session.find(Settings(str(place)), home).resolve()
    ledger = session.ledger_at(place)
    file = session.device_file(Settings(device=device), home, place)
    if file.ledger != ledger:
        raise KeyProblem(f"the device {file.name} belongs to another ledger than the one at {place}")
    home.bind(str(place), Binding(ledger, device or file.name))
    config.save(home, "ledger", str(place))
    click.echo(place)
    errors.note(f"with the device {file.name}")
