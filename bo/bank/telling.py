"""What the commands on banks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.ledger import Ledger


def writes(command: Callable[..., None]) -> Callable[..., None]:
    """What every command has that records something."""
    return options.dry_run(options.key(options.ledger(command)))


def tell(said: list[str]) -> None:
    """The result on stdout, the rest for people."""
    from bo import errors

    result, *remarks = said
    click.echo(result)
    for remark in remarks:
        errors.note(remark)


def named(ledger: Ledger, text: str) -> str:
    """The reference of the bank account that is meant, "" when none was named."""
    if not text:
        return ""
    from projections.core import open_views
    from projections.references import resolve

    return resolve(open_views(ledger), text, "bank").key
