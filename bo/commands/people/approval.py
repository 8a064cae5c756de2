"""Decide what another person proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.session import Session
    from projections.rights import Proposal
    from store.transaction import Transaction


@click.group(help=__doc__)
def approval() -> None: ...


@approval.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what was decided or has lapsed.")
@options.rows
@options.ledger
def list_(ledger: Session, everything: bool, known_at: int | date | None) -> list[Proposal]:
    """List what waits for a second person.

    \b
    Example: bo approval list
    """
    from bo import membership
    from projections import rights

    found = rights.proposals(membership.views(ledger, known_at))
    return [membership.plain(ledger, one) for one in found if everything or one.state == "open"]


@approval.command()
@click.argument("number", type=click.IntRange(min=0))
@options.shown
@options.ledger
def show(ledger: Session, number: int) -> Proposal:
    """Show a proposal.

    \b
    Example: bo approval show 57
    """
    from bo import membership
    from projections import rights
    from store.errors import NotFound

    found = rights.proposals(membership.views(ledger), number)
    if not found:
        raise NotFound(f"there is no proposal {number}: `bo approval list` lists what waits")
    return membership.plain(ledger, found[0])


@approval.command()
@click.argument("number", type=click.IntRange(min=0))
@options.reason_if_any
@options.writes
def give(ledger: Session, number: int) -> None:
    """Approve a proposal: it takes effect at once, with the keys that go with it.

    \b
    Example: bo approval give 57
    """
    from aggregates.approval import Approval
    from aggregates.core import AUDIT
    from bo import membership, records
    from store import membership as store
    from store.control import READ, Shred

    def work(tx: Transaction) -> list[str]:
        proposed, views = store.proposal(tx, number), membership.names(ledger)
        if tx.people.may(tx.person, READ, AUDIT, tx.now):
            tx.state(Approval, str(number)).open()
        why = membership.explain(tx, "approve", str(number), membership.kind_of(proposed.act))
        if isinstance(proposed.act, Shred):
            records.mark_erased(tx, ledger, views, proposed.act)
        return [str(number), *membership.told(tx, views, store.approve(tx, number, why))]

    membership.record(ledger, work)


@approval.command()
@click.argument("number", type=click.IntRange(min=0))
@options.reason
@options.writes
def refuse(ledger: Session, number: int) -> None:
    """Refuse a proposal, or withdraw your own.

    \b
    Example: bo approval refuse 57 --reason "not before the audit"
    """
    from aggregates.approval import Approval
    from bo import membership
    from store import membership as store

    def work(tx: Transaction) -> list[str]:
        store.administer(tx)
        tx.change(Approval, str(number), Approval.decline, membership.kind_of(store.proposal(tx, number).act))
        return [str(number)]

    membership.record(ledger, work, entered=False)
