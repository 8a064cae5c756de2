"""Bring a backup back as a new folder."""

from __future__ import annotations

from pathlib import Path

import click

from bo import params


@click.command
@click.argument("source", metavar="BACKUP", type=params.Folder())
@click.argument("folder", metavar="DIR", type=params.Folder())
@click.pass_context
def restore(context: click.Context, source: Path, folder: Path) -> None:
    """Verify BACKUP and bring it back as the new folder DIR. Nothing is overwritten.

    What your device knows to have been erased since the backup loses its keys again before anybody can read it.
    A backup is older than what was seen of its ledger: `bo audit accept-rollback` says so in the log, then work
    can go on.

    \b
    Example: bo restore /mnt/backup/acme-2026-01-31 acme
    """
    from bo import auditing, errors, settings
    from store import backup as backups
    from store.errors import Unavailable

    if not (source / "ledger.db").is_file():
        raise Unavailable(f"there is no backup in {source}")
    settings.use(settings.current()._replace(ledger=str(source)))
    opened = auditing.opened(context)
    shredded = opened.ledger.people.shredded if opened.ledger is not None else set()
    restored = backups.restore(source, folder, shredded)
    click.echo(folder)
    if opened.ledger is None:
        errors.note("there is no device of this ledger here: nobody knows what was erased since the backup")
    if restored.shredded:
        errors.note(f"{restored.shredded} keys of what was erased since the backup were removed again")
    newest = max((size for size, _ in opened.seen), default=0)
    if newest > restored.report.leaves:
        ends = f"it ends at leaf {restored.report.leaves}, {newest} were seen here"
        errors.note(f"{ends}: run `bo audit accept-rollback --reason TEXT`")
    problem = auditing.judged(restored.report)
    if problem:
        raise problem
