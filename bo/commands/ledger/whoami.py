"""Show who you are here: person, device, fingerprints, rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from bo import errors, options

if TYPE_CHECKING:
    from bo.session import Session
    from projections.core import Views


class Right(msgspec.Struct):
    right: str
    compartment: str
    history: str
    until: str


class Me(msgspec.Struct):
    person: str
    device: str
    ledger_fingerprint: str
    device_fingerprint: str
    passphrase: bool
    unattended: bool
    rights: list[Right]


@click.command
@options.shown
@options.ledger
def whoami(ledger: Session) -> Me:
    """Show who you are here: person, device, fingerprints, rights.

    Compare the fingerprints with a colleague before you trust what you see for the first time.

    \b
    Example: bo whoami
    """
    from bo import session
    from projections import directory
    from projections.core import open_views
    from store.errors import Unauthorised

    try:
        views = open_views(ledger)
    except Unauthorised:
        errors.tell(f"ledger {session.fingerprint(ledger.id)}, device {session.device_fingerprint(ledger.device)}")
        raise
    me = ledger.enrolled()
    return Me(
        person=directory.person_name(views, me.person),
        device=ledger.device.name,
        ledger_fingerprint=session.fingerprint(ledger.id),
        device_fingerprint=session.device_fingerprint(ledger.device),
        passphrase=ledger.device.has_passphrase,
        unattended=me.unattended,
        rights=_rights(ledger, views, me.person),
    )


def _rights(ledger: Session, views: Views, person: str) -> list[Right]:
    from datetime import UTC, datetime

    from projections import directory

    names = {one.number: one.name for one in directory.compartments(views)}
    found = set()
    for grant, right, place in ledger.people.held(person, ledger.clock()):
        until = datetime.fromtimestamp(grant.until / 1000, UTC).date().isoformat() if grant.until else ""
        where = names.get(place, f"compartment {place}") if place else "everywhere"
        found.add((right, where, grant.history, until))
    return [Right(*one) for one in sorted(found, key=lambda one: (one[1] != "everywhere", one[1], one[0], one[2:]))]
