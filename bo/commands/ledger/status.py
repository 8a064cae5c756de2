"""Show what this ledger is, how far it reaches, and what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from bo import options

if TYPE_CHECKING:
    from bo.session import Session
    from projections.core import Views


class Count(msgspec.Struct):
    kind: str
    total: int
    open: int
    """Neither archived nor discarded nor, as a draft, issued."""


class Status(msgspec.Struct):
    name: str
    currency: str
    place: str
    fingerprint: str
    person: str
    device: str
    position: int
    leaves: int
    commits: int
    bytes: int
    head: str
    due: str
    unauthorised: int
    rejected: int
    unchecked: int
    contents: list[Count]


@click.command
@options.shown
@options.ledger
def status(ledger: Session) -> Status:
    """Show what this ledger is, how far it reaches, and what is in it.

    `due` are the compartments that get new keys with the next entry, because someone may no longer read them.

    \b
    Example: bo status
    """
    from bo import session
    from projections import directory
    from projections.core import open_views
    from store.place import settled

    views = open_views(ledger)
    people, now = ledger.people, ledger.clock()
    names = {one.number: one.name for one in directory.compartments(views)}
    due = [names.get(number, str(number)) for number in people.compartments if people.is_due(number, now)]
    verifier = ledger.verifier
    return Status(
        name=directory.setting(views, "name"),
        currency=directory.setting(views, "currency"),
        place=str(settled(ledger.at)),
        fingerprint=session.fingerprint(ledger.id),
        person=directory.person_name(views, ledger.person),
        device=ledger.device.name,
        position=verifier.ordinal,
        leaves=verifier.size,
        commits=verifier.sequence,
        bytes=ledger.store.room(),
        head=verifier.note.decode().split("\n")[2],
        due=", ".join(due),
        unauthorised=_verdicts(views, "unauthorised"),
        rejected=_verdicts(views, "rejected"),
        unchecked=_verdicts(views, "unchecked"),
        contents=_counts(views),
    )


def _verdicts(views: Views, verdict: str) -> int:
    return int(views.value("SELECT COUNT(*) FROM verdict WHERE verdict = ?", verdict))


def _counts(views: Views) -> list[Count]:
    return views.all(
        Count, "SELECT kind, COUNT(*) AS total, SUM(open) AS open FROM reference GROUP BY kind ORDER BY kind"
    )
