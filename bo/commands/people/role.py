"""Define roles: named sets of rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.session import Session
    from projections.core import Views
    from projections.rights import Role
    from store.transaction import Transaction


@click.group(help=__doc__)
def role() -> None: ...


@role.command("list")
@options.rows
@options.ledger
def list_(ledger: Session, known_at: int | date | None) -> list[Role]:
    """List the roles, their rights, and how many persons hold each.

    A right without a compartment holds everywhere.

    \b
    Example: bo role list
    """
    from bo import membership
    from projections import rights

    return rights.roles(membership.views(ledger, known_at), ledger.clock())


@role.command()
@click.argument("name")
@click.option("--right", "given", multiple=True, required=True, metavar="RIGHT[:COMPARTMENT]", help="May be repeated.")
@options.reason_if_any
@options.writes
def define(ledger: Session, name: str, given: tuple[str, ...]) -> None:
    """Define the role NAME, or give it other rights.

    Rights are read, write, approve, in a compartment or everywhere, and admin, shred, audit for the whole
    ledger. Write and approve include read.

    \b
    Example: bo role define bookkeeper --right write:finance --right read:sales
    """
    from aggregates.core import require
    from aggregates.directory import Entry, RoleNamed
    from bo import membership
    from store.control import Role as Act
    from store.membership import administer, enact
    from store.transaction import random_id

    def work(tx: Transaction) -> list[str]:
        administer(tx)
        views = membership.names(ledger)
        known = str(views.value("SELECT id FROM role WHERE name = ?", name) or "")
        called = name if known else membership.new_name(views, "role", name)
        require(called not in membership.RIGHTS, f"{called} is the name of a right")
        pairs = tuple(dict.fromkeys(_pair(views, text) for text in given))
        key = known or random_id()
        named = tx.append(Entry, key, RoleNamed(key, called))
        membership.explain(tx, "role", key, f"{called}: {' '.join(given)}")
        return [called, *membership.told(tx, views, enact(tx, Act(key, pairs), named))]

    membership.record(ledger, work)


def _pair(views: Views, text: str) -> tuple[str, int]:
    """`write:finance` as the right and the number of the compartment."""
    from bo import membership

    right, colon, place = text.partition(":")
    if right not in membership.RIGHTS:
        raise click.BadParameter(f"{text}: a right is one of {', '.join(membership.RIGHTS)}")
    if colon and right in membership.LEDGER_WIDE:
        raise click.BadParameter(f"{right} is for the whole ledger, not for a compartment")
    return right, membership.place_of(views, place)
