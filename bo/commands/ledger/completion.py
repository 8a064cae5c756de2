"""Print the script that makes a shell complete bo's commands and references."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bo import complete


@click.command
@click.argument("shell", required=False, type=click.Choice(complete.SHELLS))
def completion(shell: str | None) -> None:
    """Print the script that makes a shell complete bo's commands and references.

    Without SHELL, it is the one $SHELL names. Nothing here asks for a passphrase: references of a ledger are
    completed while its key is unlocked or has no passphrase.

    \b
    Example: echo 'eval "$(bo completion bash)"' >> ~/.bashrc
             bo completion fish > ~/.config/fish/completions/bo.fish
    """
    click.echo(complete.script(shell or Path(os.environ.get("SHELL", "")).name))
