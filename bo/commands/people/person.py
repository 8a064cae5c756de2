"""Add persons and services, list them, and let them leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.session import Session
    from projections.rights import Device, Given, Person
    from store.transaction import Transaction


@click.group(help=__doc__)
def person() -> None: ...


@person.command()
@click.argument("name")
@click.option("--service", is_flag=True, help="A program, not a human being: never the second pair of eyes.")
@options.reason_if_any
@options.writes
def add(ledger: Session, name: str, service: bool) -> None:
    """Add a person, without any right as yet, and print the name.

    \b
    Example: bo person add bob
    """
    from aggregates.directory import Entry, PersonNamed
    from bo import membership
    from store.control import PersonAdd
    from store.membership import administer, enact
    from store.transaction import random_id

    def work(tx: Transaction) -> list[str]:
        administer(tx)
        views, new = membership.names(ledger), random_id()
        called = membership.new_name(views, "person", name)
        named = tx.append(Entry, new, PersonNamed(new, called, service))
        membership.explain(tx, "person-add", new, called)
        return [called, *membership.told(tx, views, enact(tx, PersonAdd(new, service), named))]

    membership.record(ledger, work)


@person.command("list")
@options.rows
@options.ledger
def list_(ledger: Session, as_of: date | None, known_at: int | date | None) -> list[Person]:
    """List persons and services, those who left last.

    \b
    Example: bo person list --json
    """
    from bo import membership
    from projections import rights

    return rights.persons(membership.views(ledger, known_at), membership.moment(ledger, as_of))


class Shown(msgspec.Struct):
    name: str
    service: bool
    since: date
    left: date | None
    last_seen: date | None
    id: str
    rights: list[Given]
    devices: list[Device]


@person.command()
@options.reference("name", "person")
@options.shown
@options.ledger
def show(ledger: Session, name: str) -> Shown:
    """Show a person with rights and devices.

    \b
    Example: bo person show bob
    """
    from bo import membership
    from projections import rights

    views, now = membership.views(ledger), ledger.clock()
    found = rights.find(views, "person", name)
    one = next(row for row in rights.persons(views, now) if row.id == found)
    return Shown(
        one.name, one.service, one.since, one.left, one.last_seen, one.id, rights.grants(views, now, found),
        rights.devices(views, found),
    )  # fmt: skip


@person.command()
@options.reference("name", "person")
@options.reason
@options.writes
def leave(ledger: Session, name: str) -> None:
    """End all rights and devices of a person in one commit.

    What is written afterwards, nobody who left can read. The names of the past stay.

    \b
    Example: bo person leave bob --reason "left the company"
    """
    from bo import membership
    from store import membership as store

    def work(tx: Transaction) -> list[str]:
        store.administer(tx)
        views = membership.names(ledger)
        found = membership.known(tx, views, "person", name)
        called = str(views.value("SELECT name FROM person WHERE id = ?", found))
        why = membership.explain(tx, "person-leave", found, called)
        return [called, *membership.told(tx, views, store.leave(tx, found, why))]

    membership.record(ledger, work)
