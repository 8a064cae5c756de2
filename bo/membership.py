"""What commands on people and access share: names for ids, the words that explain an act, what is told afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import msgspec

from aggregates.act import Act, Explained
from aggregates.core import AUDIT, DIRECTORY, require
from bo import telling
from projections import rights
from projections.core import Views, open_views
from store.control import ADMIN, APPROVE, AUDITING, EVERYWHERE, FROM_NOW, READ, SHRED, WRITE
from store.membership import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from bo.session import Session
    from store.transaction import Share, Transaction

RIGHTS = (READ, WRITE, APPROVE, ADMIN, SHRED, AUDITING)
LEDGER_WIDE = (ADMIN, SHRED, AUDITING)


def record(ledger: Session, work: Callable[[Transaction], list[str]], *, entered: bool = True) -> None:
    """One commit; its first word on stdout, the rest for people. The passphrase is asked for again."""

    def at_home(tx: Transaction) -> list[str]:
        tx.begin(DIRECTORY)
        return work(tx)

    if entered and not ledger.dry_run:
        ledger.reenter()
    telling.record(ledger, at_home)


def names(ledger: Session) -> Views:
    """The views as they stand, inside a commit too: they were brought up under the lock."""
    return Views(ledger.client)


def explain(tx: Transaction, act: str, subject: str, detail: str, *, own: bool = False) -> Share:
    """Say in words what an act does: in the audit trail, or in one's journal when one may not write there."""
    said = Explained(act, subject, detail)
    if not own and tx.people.may(tx.person, WRITE, AUDIT, tx.now):
        return tx.append(Act, tx.commit_id.hex(), said)
    return tx.journal(DIRECTORY, said)


def told(tx: Transaction, views: Views, outcome: Outcome, device: str = "") -> list[str]:
    """What is left to do, in sentences; `device` is the name of one that this commit names first."""
    said = []
    if outcome.proposal is not None:
        said.append(f"a second person has to approve it: bo approval give {outcome.proposal}")
    for short, place in outcome.short:
        name = views.value("SELECT name FROM device WHERE id = ?", short) or device
        said.append(
            f"{name} still lacks keys of {tx.called(place)}: an admin who holds them all gives them with "
            f"`bo device keys {name}`"
        )
    if outcome.due:
        places = ", ".join(tx.called(place) for place in outcome.due)
        said.append(f"you hold no keys of {places}: there new keys are made by whoever writes next")
    return said


def granted(person: str, what: str, place: str, history: str, until: date | None = None) -> str:
    """A grant in words."""
    where = f" on {place}" if place else " everywhere" if what in (READ, WRITE, APPROVE) else ""
    since = "" if what in LEDGER_WIDE else ", from now on" if history == FROM_NOW else ", with all history"
    return f"{person}: {what}{where}{since}" + (f", until {until}" if until else "")


def known(tx: Transaction, views: Views, table: str, text: str) -> str:
    """The id of a person, role or device that the log has; a name alone may still wait for a second person."""
    found = rights.find(views, table, text)
    people = {"person": tx.people.persons, "role": tx.people.roles, "device": tx.people.devices}[table]
    require(found in people, f"{text} waits for a second person: `bo approval list` lists it")
    return found


def place_of(views: Views, compartment: str | None) -> int:
    """The number of a compartment by name or number; everywhere when none is said."""
    return int(rights.find(views, "compartment", compartment)) if compartment else EVERYWHERE


def what_of(tx: Transaction, views: Views, text: str) -> tuple[str, str]:
    """A right by its name, else a role: (role id, right), one of them empty."""
    return ("", text) if text in RIGHTS else (known(tx, views, "role", text), "")


def new_name(views: Views, table: str, name: str) -> str:
    """A name nobody has yet."""
    from aggregates.text import reference

    plain = reference(name)
    taken = views.value(f"SELECT 1 FROM {table} WHERE name = ?", plain)  # noqa: S608
    require(not taken, f"there is a {table} {plain} already")
    return plain


def free_device(views: Views, name: str) -> str:
    """A name for a device: the one wished, numbered where it is taken."""
    taken = {row.name for row in rights.devices(views)}
    return next(each for each in (name, *(f"{name}-{number}" for number in range(2, 10_000))) if each not in taken)


def views(ledger: Session, known_at: int | date | None = None) -> Views:
    """The views these commands read, now or as they were known."""
    return open_views(ledger, known_at, only=("Access", "Directory"))


def moment(ledger: Session, as_of: date | None) -> int:
    """The end of a day, in milliseconds; now, if none is said."""
    return ledger.clock() if as_of is None else end_of(as_of)


def end_of(day: date) -> int:
    midnight = datetime.combine(day, time(), UTC)
    return int(midnight.timestamp() * 1000) + 86_400_000 - 1


def kind_of(act: Any) -> str:
    return str(act.__struct_config__.tag)


def plain(ledger: Session, one: rights.Proposal) -> rights.Proposal:
    """A proposal whose body is in words."""
    from store.control import DeviceAdd, Grant, PersonAdd, PolicySet, Proposable, Role, Shred

    views, body = Views(ledger.client), msgspec.json.decode(one.body, type=Proposable)
    known = {row.id: row.name for row in rights.named(views)}
    match body:
        case PersonAdd():
            words = known.get(body.person, body.person[:8])
        case DeviceAdd():
            from bo.session import fingerprint

            named = f"{known.get(body.device, body.device[:8])} for {known.get(body.person, body.person[:8])}"
            words = f"{named}, fingerprint {fingerprint(bytes.fromhex(body.request))}"
        case Role():
            pairs = " ".join(f"{right}:{ledger.called(place)}" if place else right for right, place in body.rights)
            words = f"{known.get(body.role, body.role[:8])}: {pairs}"
        case Grant():
            who, what = known.get(body.person, body.person[:8]), known.get(body.role, body.role[:8]) or body.right
            words = granted(who, what, ledger.called(body.compartment) if body.compartment else "", body.history)
        case PolicySet():
            words = f"policy {body.policy}"
        case Shred():
            words = f"{len(body.streams)} streams in {', '.join(sorted({ledger.called(p) for p, _ in body.streams}))}"
    return msgspec.structs.replace(one, body=words)
