"""The views: what they hold, building them again, and whether they are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from bo import options

if TYPE_CHECKING:
    from bo.session import Session


class View(msgspec.Struct):
    projection: str
    version: int
    table: str
    rows: int


@click.group(help=__doc__)
def view() -> None: ...


@view.command("list")
@options.rows
@options.ledger
def list_(ledger: Session) -> list[View]:
    """List every projection with its tables.

    \b
    Example: bo view list
    """
    from projections import contents
    from projections.core import open_views

    views = open_views(ledger)
    versions = {one.name: one.version for one in contents.made(views)}
    return [
        View(name, versions[name], table, views.value(f'SELECT COUNT(*) FROM "{table}"'))  # noqa: S608
        for name, table in contents.tables(views)
    ]


@view.command()
@click.argument("name", default="", metavar="[NAME]")
@options.ledger
def rebuild(ledger: Session, name: str) -> None:
    """Build all views, or the projection NAME, again from the log.

    Ends with 20 when the books of a closed period are then not what was sealed.

    \b
    Example: bo view rebuild
             bo view rebuild Invoices
    """
    from bo.verifying import reads_all
    from projections import contents
    from projections.closes import alarm
    from projections.core import open_views
    from store.errors import NotFound, Tampered

    known = [one.name for one in contents.made(open_views(ledger))]
    if name and name not in known:
        raise NotFound(f"there is no projection {name}: there are {', '.join(known)}")
    with ledger.client.transaction():
        ledger.client.db.execute("UPDATE projection SET version = 0 WHERE ? IN ('', name)", (name,))
        ledger.client.put("projections", b"")
    views = open_views(ledger)
    click.echo("\n".join([name] if name else known))
    changed = reads_all(ledger) and alarm(views)
    if changed:
        raise Tampered(changed)


@view.command()
@options.ledger
def verify(ledger: Session) -> None:
    """Fold every view again beside the ones in use, and compare.

    Ends with 20 when a table differs, which `bo view rebuild` makes right, and when the books of a closed period would
    then not be what was sealed.

    \b
    Example: bo view verify
    """
    from datetime import date

    from bo import errors
    from bo.verifying import reads_all
    from projections import contents
    from projections.closes import alarm
    from projections.core import open_views
    from store.errors import Tampered

    used, again = contents.digests(open_views(ledger)), open_views(ledger, date.max)
    fresh = {(one.projection, one.table): one for one in contents.digests(again)}
    wrong = [one for one in used if fresh.get((one.projection, one.table)) != one and one.table]
    changed = reads_all(ledger) and alarm(again)
    if changed:
        raise Tampered(changed)
    if wrong or len(used) != len(fresh):
        tables = ", ".join(one.table for one in wrong)
        raise Tampered(f"these views are not what the log says: {tables}; run `bo view rebuild`")
    errors.note(f"{len(used) - 1} tables are what the log says")
