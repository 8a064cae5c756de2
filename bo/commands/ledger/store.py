"""The rights of database roles to a ledger on PostgreSQL."""

from __future__ import annotations

import click


@click.group(help=__doc__)
def store() -> None: ...


@store.command()
@click.option("--writer", metavar="ROLE", default="", help="Reads and adds, which is all that daily work takes.")
@click.option("--reader", metavar="ROLE", default="", help="Reads.")
@click.option("--owner", metavar="ROLE", default="", help="Deletes what was erased, repairs, may remove everything.")
def grants(writer: str, reader: str, owner: str) -> None:
    """Print the SQL that gives three database roles their rights to this ledger.

    An administrator of the database runs it, as often as he likes. Roles that are missing are made; without
    options they are called after the ledger's schema, acme_writer for instance. Whoever founded the ledger becomes
    a writer. Rights that others had are taken away. What these roles see is ciphertext: who may read an entry is
    decided by the keys of devices, not here. Roles are those of the whole server: name them where another of its
    databases has a ledger in a schema of the same name.

    Only the owner deletes rows. Entries that a writer erases are gone for every reader at once; the rows of their
    keys are deleted by the next command of somebody who connects with the owner's role.

    \b
    Example: bo -L "postgresql://db.example.org/books?schema=acme" store grants | psql books
             bo store grants --writer clerks --reader reports --owner keeper
    """
    from bo import errors, session, settings
    from store.home import Home
    from store.place import Server
    from store.postgres_grants import grants, roles_of

    place = session.find(settings.current(), Home())
    if not isinstance(place, Server):
        raise errors.BadInput(
            f"{place} is a ledger in a folder, whose files' permissions say who may read and write it: "
            "roles are for ledgers on PostgreSQL"
        )
    click.echo(grants(place.schema, roles_of(place.schema, owner, writer, reader)), nl=False)
