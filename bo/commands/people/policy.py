"""Show and raise the rules that every replay of the log checks again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from bo.session import Session
    from store.transaction import Transaction

SECOND = ("person-add", "device-add", "grant", "role", "policy-set")


class Rule(msgspec.Struct):
    """An act, the right it takes, who holds that, and how many persons have to agree."""

    act: str
    right: str
    holders: str
    persons: int


class Policy(msgspec.Struct):
    policy: int
    since: date
    newest_known: int
    two_persons: list[Rule]


@click.group(help=__doc__)
def policy() -> None: ...


@policy.command()
@options.shown
@options.ledger
def show(ledger: Session) -> Policy:
    """Show the policy's number, and what takes two persons.

    A grant takes two where it gives admin, approve, shred or audit; a device where its person has one already.

    \b
    Example: bo policy show
    """
    from bo import membership
    from projections import directory
    from store.control import ADMIN, POLICY, SHRED

    views, now = membership.views(ledger), ledger.clock()
    rules = []
    for act, right in (*((act, ADMIN) for act in SECOND), ("shred", SHRED)):
        holders = sorted(directory.person_name(views, person) for person in ledger.people.holders(right, now))
        rules.append(Rule(act, right, ", ".join(holders), 2 if len(holders) > 1 else 1))
    since = views.value("SELECT date(MAX(since) / 1000, 'unixepoch') FROM access_policy")
    return Policy(ledger.people.policy, since, POLICY, rules)


@policy.command("set")
@click.argument("number", type=click.IntRange(min=1))
@options.reason
@options.writes
def set_(ledger: Session, number: int) -> None:
    """Raise the policy to NUMBER; it never goes back, and open proposals end with it.

    \b
    Example: bo policy set 2 --reason "stricter numbering from this year on"
    """
    from aggregates.core import require
    from bo import membership
    from store.control import POLICY, PolicySet
    from store.errors import NeedsNewer
    from store.membership import administer, enact

    def work(tx: Transaction) -> list[str]:
        administer(tx)
        require(number > tx.people.policy, f"the policy is {tx.people.policy} and is only ever raised, not to {number}")
        if number > POLICY:
            raise NeedsNewer(f"this bo knows policies up to {POLICY}, not {number}")
        why = membership.explain(tx, "policy-set", str(number), f"policy {number}")
        return [str(number), *membership.told(tx, membership.names(ledger), enact(tx, PolicySet(number), why))]

    membership.record(ledger, work)
