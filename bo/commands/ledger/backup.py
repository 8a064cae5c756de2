"""Copy the ledger to a new folder and verify the copy."""

from __future__ import annotations

from pathlib import Path

import click

from bo import params


@click.command
@click.argument("folder", metavar="DIR", type=params.Folder())
@click.pass_context
def backup(context: click.Context, folder: Path) -> None:
    """Copy the ledger with its documents to the new folder DIR, and verify the copy.

    Others may go on working meanwhile. It needs no device: whoever can read the files can back them up, and the
    copy is as encrypted as they are. Broken off, it leaves no DIR. Your keys are not in it: keep your device's
    and the recovery key file elsewhere.

    \b
    Example: bo backup /mnt/backup/acme-2026-01-31
    """
    from bo import auditing, errors
    from bo.progress import Progress
    from store import backup as backups

    opened = auditing.opened(context, keyless=True)
    newest = opened.store.newest()
    with Progress("verifying the copy", newest[0] if newest else 0) as bar:
        report = backups.backup(opened.store, opened.bound or opened.id, folder, bar.step)
    click.echo(folder)
    errors.note(f"{report.leaves} leaves and {report.documents} documents, head {report.head}")
    problem = auditing.judged(report)
    if problem:
        raise problem
