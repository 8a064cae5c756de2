"""Persons, devices, grants and epochs: the state that control acts fold into, and what it permits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aggregates.core import AUDIT, DIRECTORY
from store.control import (
    ADMIN,
    ALL,
    APPROVE,
    AUDITING,
    EVERYWHERE,
    LEDGER_RIGHTS,
    READ,
    SHRED,
    WRITE,
    Grant,
    Proposable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LEAP = 366 * 24 * 3600 * 1000
NOBODY = "0" * 32
"""The person of the recovery device."""


class Person(msgspec.Struct):
    service: bool = False
    active: bool = True
    claimed: int = 0
    """The time this person's last accepted commit claims."""
    latest: int = 0
    """The newest time this person's accepted commits are evidence of (`People.witness`)."""


class Device(msgspec.Struct):
    person: str
    sign: bytes
    kem: bytes
    unattended: bool = False
    active: bool = True
    request: str = ""
    """SHA-256 of the request it was enrolled by."""


class Epoch(msgspec.Struct):
    epoch_commitment: str
    index_commitment: str
    slots: dict[str, str]
    """SHA-256 of the slot, by device."""


class Proposal(msgspec.Struct):
    leaf: str
    person: str
    device: str
    act: Proposable
    at: int
    open: bool = True


class People(msgspec.Struct):
    """Everything authority is judged from. Serialised as it stands into the client's own state."""

    policy: int = 0
    recovery: str = ""
    persons: dict[str, Person] = {}
    devices: dict[str, Device] = {}
    roles: dict[str, tuple[tuple[str, int], ...]] = {}
    grants: dict[str, Grant] = {}
    ended: set[str] = set()
    compartments: dict[int, list[Epoch]] = {}
    proposals: dict[int, Proposal] = {}
    shredded: set[tuple[int, bytes]] = set()

    def copy(self) -> People:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(self), type=People)

    def expired(self, until: int, person: str, at: int) -> bool:
        """Past its end by the time of this commit, or by that of another person's earlier one."""
        if not until:
            return False
        return at > until or any(p.latest > until for name, p in self.persons.items() if name != person)

    def witness(self, person: str, claimed: int) -> None:
        """Take an accepted commit as evidence of the time.

        One clock alone, years ahead, ends nobody's grant: a leap of more than a year counts when another
        person's last commit claims such a time too.
        """
        holder = self.persons[person]
        holder.claimed = claimed
        newest = max(each.latest for each in self.persons.values())
        confirmed = any(each.claimed > claimed - LEAP for name, each in self.persons.items() if name != person)
        if not newest or claimed <= newest + LEAP or confirmed:
            holder.latest = max(holder.latest, claimed)

    def held(self, person: str, at: int) -> Iterator[tuple[Grant, str, int]]:
        """Every (grant, right, compartment) in force; compartment 0 is everywhere or the ledger."""
        for name, grant in self.grants.items():
            if grant.person != person or name in self.ended or self.expired(grant.until, person, at):
                continue
            for right, place in self.given(grant):
                yield grant, right, place

    def given(self, grant: Grant) -> Iterator[tuple[str, int]]:
        """What a grant gives: a role on one compartment keeps only that compartment's rights."""
        pairs = self.roles.get(grant.role, ()) if grant.role else ((grant.right, grant.compartment),)
        for right, place in pairs:
            if right in LEDGER_RIGHTS:
                if grant.compartment == EVERYWHERE:
                    yield right, EVERYWHERE
            elif grant.compartment == EVERYWHERE or not grant.role:
                yield right, place
            elif place in (EVERYWHERE, grant.compartment):
                yield right, grant.compartment

    def may(self, person: str, right: str, compartment: int, at: int) -> bool:
        """Whether `person` has `right` there. Write and approve include read; each active person reads
        the directory; who administers writes directory and audit trail, who shreds the audit trail."""
        holder = self.persons.get(person)
        if holder is None or not holder.active:
            return False
        if right == READ and compartment == DIRECTORY:
            return True
        for _, held, place in self.held(person, at):
            if held in LEDGER_RIGHTS:
                if held == right or compartment in _IMPLIED.get((held, right), ()):
                    return True
            elif place in (EVERYWHERE, compartment) and (held == right or right == READ):
                return True
        return False

    def reads_history(self, person: str, compartment: int, at: int) -> bool:
        """Whether the person was granted the compartment with all its history."""
        if compartment == DIRECTORY:
            return True
        granted = {grant.grant: grant for grant, _, _ in self.held(person, at) if grant.history == ALL}
        return any(self.opens(grant, compartment) for grant in granted.values())

    def opens(self, grant: Grant, compartment: int) -> bool:
        """Whether a grant includes reading a compartment."""
        return any(
            compartment in _IMPLIED.get((right, READ), ())
            if right in LEDGER_RIGHTS
            else place in (EVERYWHERE, compartment)
            for right, place in self.given(grant)
        )

    def holders(self, right: str, at: int) -> set[str]:
        """The persons, services apart, who have a ledger-wide right."""
        return {name for name, p in self.persons.items() if not p.service and self.may(name, right, EVERYWHERE, at)}

    def devices_of(self, person: str) -> list[str]:
        return [name for name, device in self.devices.items() if device.person == person and device.active]

    def device_may_read(self, device: str, compartment: int, at: int) -> bool:
        if device == self.recovery:
            return True
        known = self.devices.get(device)
        return known is not None and known.active and self.may(known.person, READ, compartment, at)

    def readers(self, compartment: int, at: int) -> set[str]:
        """Devices that may read the compartment now, the recovery device among them."""
        return {name for name in self.devices if self.device_may_read(name, compartment, at)}

    def is_due(self, compartment: int, at: int) -> bool:
        """A recipient of the current epoch may no longer read: nobody writes before a new epoch."""
        return not all(self.device_may_read(device, compartment, at) for device in self.recipients(compartment))

    def recipients(self, compartment: int, epoch: int = 0) -> Iterable[str]:
        """Devices that hold an epoch's keys; the current epoch unless told."""
        epochs = self.compartments.get(compartment, [])
        return epochs[epoch - 1].slots if epochs else ()

    def epoch(self, compartment: int) -> int:
        """The number of the current epoch, 0 for a compartment that does not exist."""
        return len(self.compartments.get(compartment, ()))

    def epochs_of(self, device: str, compartment: int) -> list[int]:
        """The epochs whose keys the device was given."""
        return [n for n, epoch in enumerate(self.compartments.get(compartment, []), 1) if device in epoch.slots]

    def reads_from_start(self, device: str, compartment: int) -> bool:
        epochs = self.compartments.get(compartment)
        return epochs is not None and all(device in epoch.slots for epoch in epochs)


_IMPLIED: dict[tuple[str, str], tuple[int, ...]] = {
    (ADMIN, READ): (DIRECTORY, AUDIT),
    (ADMIN, WRITE): (DIRECTORY, AUDIT),
    (SHRED, READ): (AUDIT,),
    (SHRED, WRITE): (AUDIT,),
    (AUDITING, READ): (AUDIT,),
}
"""What a ledger-wide right includes: (right held, right asked) to the compartments where it holds."""

QUORUM_RIGHTS = frozenset((ADMIN, APPROVE, SHRED, AUDITING))
"""Grants of these take two persons once two hold the right to grant."""
