"""Choose the ledger to use where none is named, and your device for it."""

from __future__ import annotations

import click

from bo import errors


@click.command
@click.argument("where", metavar="LEDGER")
@click.option("--device", metavar="NAME", help="Your device for this ledger.")
def use(where: str, device: str | None) -> None:
    """Choose the ledger to use where none is named, and your device for it.

    \b
    Example: bo use ~/books/acme --device laptop
             bo use postgresql://alice@db.example.org/books?schema=acme
    """
    from bo import config, session
    from bo.settings import Settings
    from store.errors import KeyProblem
    from store.home import Binding, Home
    from store.place import key_of, settled

    home = Home()
    place = settled(session.find(Settings(where), home))
    ledger = session.ledger_at(place)
    file = session.device_file(Settings(device=device), home, place)
    if file.ledger != ledger:
        raise KeyProblem(f"the device {file.name} belongs to another ledger than the one at {place}")
    home.bind(key_of(place), Binding(ledger, device or file.name))
    config.save(home, "ledger", str(place))
    click.echo(place)
    errors.note(f"with the device {file.name}")
