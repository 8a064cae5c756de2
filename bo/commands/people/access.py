"""Grant and revoke rights, and see who has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.reviewing import Finding
    from bo.session import Session
    from projections.rights import Given, Reader
    from store.transaction import Transaction

_on = click.option("--on", "place", metavar="COMPARTMENT", help="Only there; everywhere, if not said.")


@click.group(help=__doc__)
def access() -> None: ...


@access.command()
@options.reference("person", "person")
@click.argument("what", metavar="ROLE|RIGHT")
@_on
@click.option(
    "--history",
    type=click.Choice(("all", "from-now")),
    default="all",
    show_default=True,
    help="What was written before, too, or only what is written from now on.",
)
@click.option("--until", type=options.LAST_DAY, metavar="DAY", help="To the end of this day (UTC).")
@options.reason
@options.writes
def grant(ledger: Session, person: str, what: str, place: str | None, history: str, until: date | None) -> None:
    """Give PERSON a role, or a right: read, write, approve, admin, shred, audit.

    The keys go to all devices of the person in the same commit. Someone who reads from now on cannot change
    what began before: a change needs the whole history of its document.

    \b
    Example: bo access grant bob read --on finance --history from-now --reason "helps with the dunning"
    """
    from aggregates.core import require
    from bo import membership
    from store.control import Grant
    from store.membership import administer, enact
    from store.transaction import random_id

    def work(tx: Transaction) -> list[str]:
        administer(tx)
        views = membership.names(ledger)
        who, (role, right) = membership.known(tx, views, "person", person), membership.what_of(tx, views, what)
        require(who != tx.person, "nobody grants to himself")
        require(tx.people.persons[who].active, f"{person} has left")
        require(not until or until >= tx.today, f"{until} is over")
        require(
            not (place and right in membership.LEDGER_WIDE), f"{right} is for the whole ledger: grant it without --on"
        )
        number, end = membership.place_of(views, place), membership.end_of(until) if until else 0
        act = Grant(random_id(), who, role, right, number, history, end)
        require(list(tx.people.given(act)), f"the role {what} gives no right in {place}")
        called = str(views.value("SELECT name FROM person WHERE id = ?", who))
        words = membership.granted(called, what, tx.called(number) if number else "", history, until)
        why = membership.explain(tx, "grant", who, words)
        outcome = enact(tx, act, why)
        done = [] if outcome.proposal is not None else [words]
        return [called, *done, *membership.told(tx, views, outcome)]

    membership.record(ledger, work)


@access.command()
@options.reference("person", "person")
@click.argument("what", metavar="[ROLE|RIGHT]", required=False)
@click.option("--on", "place", metavar="COMPARTMENT", help="Only what was granted for this compartment.")
@options.reason
@options.writes
def revoke(ledger: Session, person: str, what: str | None, place: str | None) -> None:
    """End what PERSON was granted: everything, or one role or right, or what holds in one compartment.

    New keys are made in the same commit, so that what is written from now on stays closed to that person.

    \b
    Example: bo access revoke bob read --on finance --reason "the dunning is done"
    """
    from bo import membership
    from store import membership as store
    from store.errors import NotFound

    def work(tx: Transaction) -> list[str]:
        views = membership.names(ledger)
        who = membership.known(tx, views, "person", person)
        if who != tx.person:
            store.administer(tx)
        called = str(views.value("SELECT name FROM person WHERE id = ?", who))
        role, right = membership.what_of(tx, views, what) if what else ("", "")
        number = membership.place_of(views, place) if place else None
        ending = [
            grant.grant
            for grant in tx.people.grants.values()
            if grant.person == who
            and grant.grant not in tx.people.ended
            and (not what or (grant.role, grant.right) == (role, right))
            and number in (None, grant.compartment)
        ]
        if not ending:
            raise NotFound(
                f"{called} has no such grant: `bo access list --person {called}` lists what there is to revoke"
            )
        words = f"{called}: {what or 'everything'}" + (f" on {place}" if place else "")
        why = membership.explain(tx, "revoke", who, words, own=who == tx.person)
        return [called, *membership.told(tx, views, store.revoke(tx, ending, why))]

    membership.record(ledger, work)


@access.command("list")
@options.link("--person", kinds=("person",), default="", metavar="PERSON", help="Only what this person has.")
@click.option("--compartment", default="", metavar="COMPARTMENT", help="Only what gives a right in it.")
@options.rows
@options.ledger
def list_(
    ledger: Session, person: str, compartment: str, as_of: date | None, known_at: int | date | None
) -> list[Given]:
    """List the grants in force, or in force at the end of a day.

    \b
    Example: bo access list --compartment finance --as-of 2026-01-31
    """
    from bo import membership
    from projections import rights

    views = membership.views(ledger, known_at)
    who = rights.find(views, "person", person) if person else ""
    place = membership.place_of(views, compartment) if compartment else None
    return rights.grants(views, membership.moment(ledger, as_of), who, place)


@access.command()
@options.reference("reference", "customer", "vendor", "product", "employee", "invoice", "draft", "credit", "document")
@click.option("--at", type=options.LAST_DAY, metavar="DAY", help="At the end of this day; now, if not said.")
@options.rows
@options.ledger
def who(ledger: Session, reference: str, at: date | None) -> list[Reader]:
    """List who could read a record, invoice or document on a day: everybody who held keys of it.

    `sees` is the day of the first entry their keys open. Somebody who may read no more keeps what he could
    read before.

    \b
    Example: bo access who C-1 --at 2026-01-31
    """
    from bo import reviewing

    return reviewing.readers(ledger, reference, at)


@access.command()
@options.rows
@options.ledger
def review(ledger: Session) -> list[Finding]:
    """List all rights and devices with their last use, and what deserves a look.

    Reading leaves no trace, except in confidential compartments: rights to read have no last use.

    \b
    Example: bo access review --columns who,what,where,remark
    """
    from bo import reviewing

    return reviewing.findings(ledger)
