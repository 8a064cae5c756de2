"""Bring the ledger to another place: from a folder to PostgreSQL, back, or between two of a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import errors

if TYPE_CHECKING:
    from bo.auditing import Audited
    from store.place import Place


@click.command
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("--dry-run", is_flag=True, help="Say how much there is to copy, and copy nothing.")
@click.pass_context
def copy(context: click.Context, source: str, target: str, dry_run: bool) -> None:
    """Copy the ledger SOURCE to TARGET, verify the copy, and know TARGET for this ledger from then on.

    Each is a folder or the URL of a PostgreSQL database. Every entry, head, key and document goes with it;
    nothing is written anew, so signatures, positions and verdicts stay what they are. Broken off, it goes on where it
    was when it is run again, and run later it brings what is new: TARGET is always the beginning of SOURCE. A TARGET
    that is no such thing is not touched. It needs no device.

    Move when nobody writes: let everybody go on at TARGET, and nobody at SOURCE. What is recorded at both places is
    two ledgers that can never be one again.

    \b
    Example: bo copy books "postgresql://db.example.org/books?schema=acme"
    """
    from bo import auditing, settings
    from bo.progress import Progress
    from store import moving
    from store.errors import RolledBack
    from store.place import key_of, place_of, settled

    settings.use(settings.current()._replace(ledger=source))
    opened = auditing.opened(context, keyless=True)
    place = settled(place_of(target))
    if key_of(place) == key_of(opened.place):
        raise click.UsageError("SOURCE and TARGET are the same place")
    if opened.bound and opened.bound != opened.id:
        raise RolledBack(f"another ledger stands at {opened.place} than the one this home knows there")
    moving.require_newest(opened.store, opened.seen)
    newest = opened.store.newest()
    total = newest[0] if newest else 0
    if dry_run:
        there = moving.begun(place)
        known = moving.standing(opened.store, there) if there is not None else 0
        if there is not None:
            there.close()
        errors.tell(f"would copy {_many(total - known, 'leaf')} to {place}" + (f", after {known}" if known else ""))
        return
    written = moving.begin(place, opened.id)
    context.call_on_close(written.close)
    known = moving.standing(opened.store, written)
    with Progress("copying", total - known) as bar:
        size = moving.append(opened.store, written, bar.step)
    with Progress("verifying the copy", size) as bar:
        report = moving.verify(opened.store, written, opened.id, bar.step)
    problem = auditing.judged(report)
    if problem is None or isinstance(problem, errors.RejectedExist):
        _bind(opened, place)
    click.echo(place)
    errors.note(f"{_many(size - known, 'leaf')} copied; {_many(report.documents, 'document')}, head {report.head}")
    if problem:
        raise problem


def _many(count: int, what: str) -> str:
    return f"{count} {what if count == 1 else {'leaf': 'leaves', 'document': 'documents'}[what]}"


def _bind(opened: Audited, place: Place) -> None:
    """The place is this ledger's from now on, for the device that is used where it came from."""
    from store.home import Binding
    from store.place import key_of

    home, ledger = opened.home, opened.id.hex()
    before, known = home.binding(key_of(opened.place)), home.binding(key_of(place))
    if known is not None and known.ledger != ledger:
        home.forget(key_of(place))  # a ledger that is there no more
    if known is None or known.ledger != ledger:
        home.bind(key_of(place), Binding(ledger, before.device if before else ""))
