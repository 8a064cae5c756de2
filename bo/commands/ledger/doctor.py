"""Say what is wrong here, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import errors, options, settings

if TYPE_CHECKING:
    from bo.health import Finding


@click.command
@options.rows
@click.pass_context
def doctor(context: click.Context) -> list[Finding]:
    """Say what is wrong here, and how to mend it.

    It looks at this machine's clock and disk, your own files, the ledger's folder, and what the log says. It
    changes nothing. Where something is wrong it ends with the exit code that names it; advice alone is 0.

    \b
    Example: bo doctor
    """
    from bo import health

    found = health.examine(settings.current())
    worst = max((one.code for one in found), default=0)
    if not found:
        errors.note("nothing is wrong")
    context.call_on_close(lambda: context.exit(worst) if worst else None)
    return found
