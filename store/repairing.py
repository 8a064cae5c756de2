"""Going on after damage or a rollback: nothing here happens by itself, and each leaves an act in the log."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from aggregates.core import Refused
from store.audit import Audit, scratch
from store.client import remove
from store.control import ADMIN, EVERYWHERE, Incident, RollbackAck
from store.errors import RolledBack, Tampered, Unauthorised
from store.home import Pin, newest_in, write_private
from store.payload import event_types, states
from store.soundness import check_pages
from store.writing import attempt

if TYPE_CHECKING:
    from aggregates.core import Event
    from store.ledger import Ledger
    from store.people import People
    from store.transaction import Transaction
    from store.verify import Verifier

PENDING = "unacknowledged"
"""Marks a pin that was given up and is not yet acknowledged in the log."""


class Lost(NamedTuple):
    """A head that was seen, of which this log is no continuation. `size` and `frontier` are what is there now."""

    told: str
    old: Pin
    verifier: Verifier


class Damage(NamedTuple):
    """The log holds for its first `good` leaves; what comes after does not."""

    told: str
    good: int
    people: People
    seen: int


def lost(ledger: Ledger) -> Lost:
    """What would be given up. Raises Refused when there is nothing, Tampered when the log itself does not hold."""
    with scratch() as client:
        audit = Audit(ledger.store, client, ledger.id)
        with ledger.store.snapshot():
            check_pages(ledger.store)
            audit.follow(lambda _: None)
            verifier = audit.verifier
            _require_admin(ledger, verifier.people)
            pending = ledger.home.pins / f"{ledger.id.hex()}.{PENDING}"
            if pending.exists():
                old = _read(pending.read_bytes())
                return Lost("A rollback was accepted and not yet acknowledged in the log.", old, verifier)
            for seen in _seen(ledger):
                if seen.size > verifier.size:
                    return Lost(f"This log ends at {verifier.size}, {seen.size} leaves were seen.", seen, verifier)
                if ledger.store.head(seen.size) != seen.note:
                    return Lost(f"At size {seen.size} this log has another head than was seen.", seen, verifier)
    raise Refused("this log continues all that was seen of it: there is no rollback to accept")


def _seen(ledger: Ledger) -> list[Pin]:
    """The pin and the head of the views, the larger first. A damaged pin counts as one of no size."""
    try:
        pin = ledger.home.pin(ledger.id.hex())
    except RolledBack:
        pin = Pin(0, b"", b"damaged")
    found = [pin] if pin else []
    note, size = ledger.client.get("note"), ledger.client.get("size")
    if note and size:
        found.append(Pin(int.from_bytes(size, "big"), b"", note))
    return sorted(found, key=lambda seen: -seen.size)


def _read(raw: bytes) -> Pin:
    try:
        return newest_in(raw)
    except ValueError:
        return Pin(0, b"", raw)


def _require_admin(ledger: Ledger, people: People) -> None:
    device = people.devices.get(ledger.device.id.hex())
    if device is None or not device.active or not people.may(device.person, ADMIN, EVERYWHERE, ledger.clock()):
        raise Unauthorised("only an administrator may do this")


def accept_rollback(ledger: Ledger, found: Lost, *acts: Incident) -> str:
    """Give up the old head, keep it as evidence, begin again from leaf 0 and say so in the log.

    Broken off, it can be run again: the old head is marked until the log acknowledges it.
    """
    home, name = ledger.home, ledger.id.hex()
    pending = home.pins / f"{name}.{PENDING}"
    verifier = found.verifier
    if not pending.exists():
        fresh = Pin(verifier.size, verifier.frontier.to_bytes(), verifier.note)
        if (home.pins / name).exists():
            home.replace_pin(name, fresh, PENDING)
        else:
            write_private(pending, msgspec.msgpack.encode(found.old))
    forget(ledger)
    evidence = sha256(found.old.note).hexdigest()
    _acknowledge(ledger, RollbackAck(evidence, found.old.size), *acts)
    kept = home.pins / f"{name}.given-up.{evidence[:16]}"
    pending.rename(kept)
    return str(kept)


def forget(ledger: Ledger) -> None:
    """Throw away what this client remembers of the log: the next pull verifies it from leaf 0."""
    path = ledger.client.path
    ledger.close()
    remove(path)
    for cached in ("verifier", "keyring", "lasts"):
        ledger.__dict__.pop(cached, None)


def _acknowledge(ledger: Ledger, *acts: RollbackAck | Incident) -> None:
    ledger.pull()

    def work(tx: Transaction) -> None:
        share = tx.append(states()["act"], tx.commit_id.hex(), *(_explained(act, ledger.reason) for act in acts))
        for act in acts:
            tx.act(act, share)

    attempt(ledger, work)


def _explained(act: RollbackAck | Incident, why: str) -> Event:
    """The event that says in words what an act did; the store knows its tag and not its class."""
    tag = "act.explained"
    told = {"type": tag, "act": str(act.__struct_config__.tag), "subject": "", "detail": why}
    return msgspec.convert(told, event_types()[tag])


def damage(ledger: Ledger) -> Damage | None:
    """Where the log stops to hold; None when all of it does. Raises Tampered when nothing can be kept."""
    check_pages(ledger.store)
    with scratch() as client:
        audit = Audit(ledger.store, client, ledger.id)
        told = ""
        try:
            with ledger.store.snapshot():
                audit.follow(lambda _: None)
        except Tampered as problem:
            told = str(problem)
        verifier = audit.verifier
        if not told and ledger.store.counts() == (verifier.size, verifier.sequence):
            return None
        if not audit.good:
            raise Tampered(f"{told}: nothing of this log can be kept, restore a backup")
        _require_admin(ledger, audit.people)
        seen = max((pin.size for pin in _seen(ledger)), default=0)
        return Damage(told or "there are rows that belong to no commit", audit.good, audit.people, seen)


def repair(ledger: Ledger, found: Damage) -> str:
    """Move what does not hold to a file beside the log, and write an incident. The name of that file.

    Where leaves that were seen before are among it, that is a rollback as well, and acknowledged as one.
    """
    store = ledger.store
    with store.writing():
        rows = [_row(row) for row in store.tail(found.good)]
        spare = [slot[:3] for slot in store.slots() if not _named(found.people, *slot)]
        rows += [_row(("slot", *slot)) for slot in store.slots() if not _named(found.people, *slot)]
        raw = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        digest = sha256(raw).hexdigest()
        target = _aside(ledger) / f"tail-{found.good}-{digest[:16]}.jsonl"
        write_private(target, raw)
        store.cut(found.good, spare)
        store.commit()
    incident = Incident(digest, found.good)
    if found.seen > found.good:
        accept_rollback(ledger, lost(ledger), incident)
    else:
        forget(ledger)
        _acknowledge(ledger, incident)
    return str(target)


def _aside(ledger: Ledger) -> Path:
    """Beside the log, or where that is on a server in the administrator's own home."""
    return ledger.at / "aside" if isinstance(ledger.at, Path) else ledger.home.root / "aside" / ledger.id.hex()


def _row(row: tuple[Any, ...]) -> list[Any]:
    return [value.hex() if isinstance(value, bytes) else value for value in row]


def _named(people: People, compartment: Any, epoch: Any, device: Any, sealed: Any) -> bool:
    epochs = people.compartments.get(compartment, []) if type(compartment) is int else []
    if type(epoch) is not int or not 0 < epoch <= len(epochs) or type(device) is not bytes or type(sealed) is not bytes:
        return False
    return epochs[epoch - 1].slots.get(device.hex()) == sha256(sealed).hexdigest()
