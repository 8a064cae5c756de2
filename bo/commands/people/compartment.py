"""Separate what different people may read: compartments, each with its own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.session import Session
    from projections.rights import Given
    from store.transaction import Transaction


class Compartment(msgspec.Struct):
    """`due`: somebody may no longer read, so the next entry gets new keys."""

    name: str
    number: int
    confidential: bool
    epochs: int
    since: date | None
    yours: str
    due: bool


class Shown(Compartment):
    rights: list[Given]


@click.group(help=__doc__)
def compartment() -> None: ...


@compartment.command("list")
@options.rows
@options.ledger
def list_(ledger: Session) -> list[Compartment]:
    """List the compartments, how often their keys changed, and which of them you hold.

    \b
    Example: bo compartment list
    """
    return _compartments(ledger)


@compartment.command()
@click.argument("name")
@options.shown
@options.ledger
def show(ledger: Session, name: str) -> Shown:
    """Show a compartment and who has rights in it.

    \b
    Example: bo compartment show finance
    """
    from bo import membership
    from projections import rights

    views = membership.views(ledger)
    number = membership.place_of(views, name)
    one = next(row for row in _compartments(ledger) if row.number == number)
    listed = rights.grants(views, ledger.clock(), compartment=number)
    return Shown(one.name, one.number, one.confidential, one.epochs, one.since, one.yours, one.due, listed)


@compartment.command()
@click.argument("name")
@click.option("--confidential", is_flag=True, help="Reading what is in it leaves an entry in the audit trail.")
@options.reason_if_any
@options.writes
def add(ledger: Session, name: str, confidential: bool) -> None:
    """Add a compartment, for those who may read everything; others are granted it.

    \b
    Example: bo compartment add board --confidential
    """
    from aggregates.core import require
    from aggregates.directory import CompartmentNamed, Entry
    from bo import membership
    from store.control import READ
    from store.membership import administer

    def work(tx: Transaction) -> list[str]:
        administer(tx)
        called = membership.new_name(membership.names(ledger), "compartment", name)
        number = max(OWN - 1, *tx.people.compartments) + 1
        require(not called.isdigit(), "a compartment has a name, not a number")
        require(tx.people.may(tx.person, READ, number, tx.now), "only who may read everything adds a compartment")
        tx.new_compartment(number)
        tx.append(Entry, f"compartment-{number}", CompartmentNamed(number, called, confidential))
        membership.explain(tx, "epoch-open", str(number), called)
        return [called]

    membership.record(ledger, work)


OWN = 16
"""The first number of the compartments that a ledger adds to those it begins with."""


def _compartments(ledger: Session) -> list[Compartment]:
    from bo import membership
    from projections import directory

    views = membership.views(ledger)
    people, me, now = ledger.people, ledger.device.id.hex(), ledger.clock()
    found = []
    for one in directory.compartments(views):
        since = views.value(
            "SELECT date(MAX(since) / 1000, 'unixepoch') FROM access_epoch WHERE compartment = ?", one.number
        )
        held, count = people.epochs_of(me, one.number), people.epoch(one.number)
        yours = "all" if len(held) == count else f"{len(held)} of {count}" if held else "none"
        found.append(
            Compartment(one.name, one.number, one.confidential, count, since, yours, people.is_due(one.number, now))
        )
    return found
