"""The access review, and who could read a thing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import msgspec

from bo import membership
from projections import directory, rights

if TYPE_CHECKING:
    from bo.session import Session
    from projections.core import Views


class Finding(msgspec.Struct):
    """A right, device, compartment or proposal; `remark` is why it deserves a look, empty when it does not."""

    kind: str
    who: str
    what: str
    where: str
    since: date | None
    until: date | None
    last_used: date | None
    remark: str


def findings(ledger: Session) -> list[Finding]:
    """Everything there is to review, what has a remark first in each kind."""
    views, now = membership.views(ledger), ledger.clock()
    found = [*_rights(views, now), *_devices(ledger, views), *_compartments(ledger, views), *_proposals(ledger, views)]
    order = ("right", "device", "compartment", "proposal")
    return sorted(found, key=lambda one: (order.index(one.kind), not one.remark))


def _day(at: int) -> date | None:
    return datetime.fromtimestamp(at / 1000, UTC).date() if at else None


def _rights(views: Views, now: int) -> list[Finding]:
    found = []
    for one in rights.uses(views, now):
        if one.until and one.until < now:
            remark = "expired: revoke it"
        elif one.until and one.until < now + rights.SOON:
            remark = "ends soon"
        elif one.writes and not one.used:
            remark = "never used"
        else:
            remark = ""
        found.append(
            Finding(
                "right", one.name, one.what, one.compartment, _day(one.since), _day(one.until), _day(one.used), remark
            )
        )
    return found


def _devices(ledger: Session, views: Views) -> list[Finding]:
    """The passphrase is known of devices whose files are here; the log does not tell of others."""
    from store.device import read
    from store.errors import KeyProblem

    open_files = set()
    for path in ledger.home.devices.glob("*.json"):
        try:
            file = read(path)
        except KeyProblem:
            continue  # not a device file, or not for us: `bo doctor` says so
        if file.secrets is not None:
            open_files.add(file.device)
    found = []
    for one in rights.devices(views):
        if one.revoked is None:
            remark = "has no passphrase" if one.id in open_files and not one.unattended else ""
            if one.last_used is None and one.person:
                remark = "; ".join(filter(None, ("never used", remark)))
            what = "unattended device" if one.unattended else "device"
            found.append(Finding("device", one.person, what, one.name, one.since, None, one.last_used, remark))
    return found


def _compartments(ledger: Session, views: Views) -> list[Finding]:
    people, now = ledger.people, ledger.clock()
    names = {row.id: row.name for row in rights.named(views)}
    found = []
    for one in directory.compartments(views):
        gone = {
            names.get(people.devices[device].person, device[:8])
            for device in people.recipients(one.number)
            if not people.device_may_read(device, one.number, now)
        }
        if gone:
            remark = f"{', '.join(sorted(gone))} may no longer read: the next entry gets new keys"
            found.append(Finding("compartment", "", "keys", one.name, None, None, None, remark))
    return found


def _proposals(ledger: Session, views: Views) -> list[Finding]:
    waiting = [membership.plain(ledger, one) for one in rights.proposals(views) if one.state == "open"]
    return [
        Finding(
            "proposal", one.by, one.act, one.body, one.proposed, None, None, f"waits: bo approval show {one.number}"
        )
        for one in waiting
    ]


def readers(ledger: Session, reference: str, day: date | None) -> list[rights.Reader]:
    """Who held keys of a thing at the end of a day."""
    from projections.core import open_views
    from projections.references import resolve
    from store.errors import NotFound
    from store.history import leaves
    from store.leaf import EVENT

    views, at = open_views(ledger), membership.moment(ledger, day)
    found = resolve(views, reference)
    stream = ledger.keyring.stream_id(found.compartment, found.stream)
    entries = []
    for leaf in leaves(ledger, EVENT, found.compartment, stream) if stream else []:
        when = int(views.value("SELECT at FROM committed WHERE first <= ? ORDER BY first DESC LIMIT 1", leaf.idx))
        if when <= at:
            entries.append((leaf.epoch, when))
    if not entries:
        raise NotFound(f"{found.ref} did not exist on that day")
    return rights.readers(views, found.compartment, entries, at)
