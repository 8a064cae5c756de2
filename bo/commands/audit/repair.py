"""Move a damaged tail of the log aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from bo.session import Session


@click.command
@options.reason_if_any
@options.yes
@options.ledger
def repair(ledger: Session, reason: str, yes: bool) -> None:
    """Move a damaged tail of the log aside, so that work can go on.

    Everything up to the last commit that holds stays as it is. What comes after it is moved to a file in the
    ledger's folder `aside`, or in your own for a ledger on a server, and an incident with its hash is recorded.
    Only for administrators. Where a backup has the lost entries, restore that instead.

    \b
    Example: bo repair
             bo repair --reason "disk failure of 3 May" --yes
    """
    from bo import errors
    from store import repairing

    found = repairing.damage(ledger)
    if found is None:
        errors.note("every commit holds: there is nothing to repair")
        return
    errors.tell(found.told)
    if found.seen > found.good:
        errors.tell(f"{found.seen - found.good} leaves that were verified here before are among the damaged ones")
    options.confirm(f"Move everything from leaf {found.good} on aside?", yes)
    ledger.reason = reason or "a damaged tail was moved aside"
    click.echo(repairing.repair(ledger, found))
