"""Bring a backup back, as a new folder or on a server."""

from __future__ import annotations

from pathlib import Path

import click

from bo import params


@click.command
@click.argument("source", metavar="BACKUP", type=params.Folder())
@click.argument("target", metavar="TARGET")
@click.pass_context
def restore(context: click.Context, source: Path, target: str) -> None:
    """Verify BACKUP and bring it back as TARGET, a new folder or the URL of an empty schema. Nothing is overwritten.

    On a server it is verified again where it stands then. Broken off, it leaves no folder, and on a server it goes on
    where it was when it is run again; what stands there meanwhile is a beginning of the backup.

    What your device knows to have been erased since the backup loses its keys again before anybody can read it.
    A backup is older than what was seen of its ledger: `bo audit accept-rollback` says so in the log, then work
    can go on.

    \b
    Example: bo restore /mnt/backup/acme-2026-01-31 acme
             bo restore /mnt/backup/acme-2026-01-31 "postgresql://alice@db.example.org/books?schema=acme"
    """
    from bo import auditing, errors, settings
    from bo.progress import Progress
    from store import backup, moving
    from store.errors import Unavailable
    from store.place import key_of, place_of

    if not (source / "ledger.db").is_file():
        raise Unavailable(f"there is no backup in {source}")
    settings.use(settings.current()._replace(ledger=str(source)))
    opened = auditing.opened(context)
    shredded = opened.ledger.people.shredded if opened.ledger is not None else set()
    place = place_of(target)
    with Progress("verifying and copying") as bar:
        if isinstance(place, Path):
            restored = backup.restore(source, place, shredded, bar.step)
        else:
            restored = moving.restore(source, place, shredded, bar.step)
            known = opened.home.binding(key_of(place))
            if known is not None and known.ledger != restored.report.ledger:
                opened.home.forget(key_of(place))  # a ledger that is there no more
    click.echo(place)
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
