"""Forget the key that `bo unlock` keeps in memory."""

from __future__ import annotations

import click

from bo import errors, settings


@click.command
@click.option("--all", "everything", is_flag=True, help="Those of all your devices, whatever the ledger.")
def lock(everything: bool) -> None:
    """Forget the key that `bo unlock` keeps in memory.

    \b
    Example: bo lock
    """
    from bo import agent, session
    from store.home import Home

    if everything:
        ended = [device for device in agent.unlocked(Home()) if agent.stop(Home(), device)]
        errors.note(f"{len(ended)} device{'' if len(ended) == 1 else 's'} locked")
        return
    home, file = session.chosen(settings.current())
    if agent.stop(home, file.device):
        click.echo(file.name)
    else:
        errors.note(f"the device {file.name} was not unlocked")
