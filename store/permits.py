"""What the author of a commit may do: the rule of every control act (docs/design.md, 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from store import note, slots
from store.control import (
    ADMIN,
    ALL,
    COMPARTMENT_RIGHTS,
    EVERYWHERE,
    FROM_NOW,
    LEDGER_RIGHTS,
    READ,
    SHRED,
    Approve,
    DeviceAdd,
    DeviceRevoke,
    EpochOpen,
    Genesis,
    Grant,
    Incident,
    PersonAdd,
    PersonLeave,
    PolicySet,
    Propose,
    Revoke,
    Role,
    RollbackAck,
    Shred,
    Slot,
)
from store.errors import Malformed, Unauthorised
from store.leaf import LAST
from store.people import NOBODY, QUORUM_RIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.control import Acts, Founder, Proposable
    from store.leaf import Commit
    from store.people import People


def author_may(people: People, commit: Commit, right: str, compartment: int) -> bool:
    """Whether the author of a commit has a right by the people before it. Who founds a ledger may do everything."""
    return commit.sequence == 1 or people.may(commit.person.hex(), right, compartment, commit.claimed)


def require(rule: object, message: str) -> None:
    if not rule:
        raise Unauthorised(message)


def check_keys(people: People, name: str, keys: Founder | DeviceAdd) -> None:
    """A device's public keys are well-formed, of a known suite and never seen before."""
    require(keys.suite == slots.SUITE, f"key suite {keys.suite} is unknown")
    require(_is_hex(keys.sign) and _is_hex(keys.kem), "a device's key is not hexadecimal")
    try:
        sign, kem = bytes.fromhex(keys.sign), bytes.fromhex(keys.kem)
        note.check_public_key(sign)
        slots.check_public_key(kem)
    except (ValueError, Malformed) as problem:
        raise Unauthorised(f"a device's key is not acceptable: {problem}") from None
    require(is_id(name) and name not in people.devices, "a device's id is malformed or already used")
    used = any(device.sign == sign or device.kem == kem for device in people.devices.values())
    require(not used, "a device's key is already used")


def is_id(text: str) -> bool:
    return len(text) == 32 and text != NOBODY and _is_hex(text)


def _are_hashes(*texts: str) -> bool:
    return all(len(text) == 64 and _is_hex(text) for text in texts)


def _is_hex(text: str) -> bool:
    return all(char in "0123456789abcdef" for char in text)


def _is_right(pair: tuple[str, int]) -> bool:
    right, place = pair
    return right in COMPARTMENT_RIGHTS or (right in LEDGER_RIGHTS and place == EVERYWHERE)


class Author:
    """Who signed a commit: rights are those of `before`, epochs and streams those of `after`."""

    def __init__(self, before: People, commit: Commit) -> None:
        self.before = self.after = before
        self.commit, self.at = commit, commit.claimed
        self.person, self.device = commit.person.hex(), commit.device.hex()
        self.founding = commit.sequence == 1
        self.recovering = self.device == before.recovery
        self.granted: list[Grant] = []
        self.opened: set[tuple[int, int]] = set()
        self._rights: dict[tuple[str, int], bool] = {}

    def may(self, right: str, compartment: int = EVERYWHERE) -> bool:
        asked = (right, compartment)
        if asked not in self._rights:
            self._rights[asked] = author_may(self.before, self.commit, right, compartment)
        return self._rights[asked]

    def granted_now(self, device: str, compartment: int) -> bool:
        """Whether this commit grants the device's person the compartment."""
        person = self.after.devices[device].person
        return any(grant.person == person and self.after.opens(grant, compartment) for grant in self.granted)

    def permit(self, act: Acts | Proposable, proposing: bool = False) -> None:
        """Raise Unauthorised unless the author may do `act`."""
        after = self.after
        match act:
            case Genesis():
                require(self.founding and act.person == self.person, "only the first leaf is a genesis")
            case PersonAdd():
                self._admin()
                require(is_id(act.person) and act.person not in after.persons, "the person's id is malformed or used")
                self._second_person(ADMIN, proposing)
            case PersonLeave():
                require(act.person in after.persons, "there is no such person")
                require(act.person == self.person or self.may(ADMIN), "its author may not administer")
            case DeviceAdd():
                self._permit_device(act, proposing)
            case DeviceRevoke():
                device = after.devices.get(act.device)
                require(device is not None and act.device != after.recovery, "there is no such device")
                own = device is not None and device.person == self.person
                require(own or self.may(ADMIN), "its author may not administer")
            case Role():
                self._permit_role(act, proposing)
            case Grant():
                self._permit_grant(act, proposing)
            case Revoke():
                grant = after.grants.get(act.grant)
                require(grant is not None and act.grant not in after.ended, "there is no such grant")
                own = grant is not None and grant.person == self.person
                require(own or self.may(ADMIN), "its author may not administer")
            case EpochOpen():
                self._permit_epoch(act)
            case Slot():
                self._permit_slot(act)
            case PolicySet():
                self._admin()
                require(act.policy > after.policy, "a policy number is only ever raised")
                self._second_person(ADMIN, proposing)
            case Shred():
                self._permit_shred(act, proposing)
            case RollbackAck() | Incident():
                self._admin()
            case Propose() | Approve():
                raise Unauthorised("a proposal holds another proposal")
            case _:
                assert_never(act)

    def _admin(self) -> None:
        require(self.may(ADMIN), "its author may not administer")

    def _second_person(self, right: str, proposing: bool) -> None:
        if not proposing and not self.founding:
            alone = len(self.before.holders(right, 0)) < 2  # his own clock ends nobody's grant
            require(alone or self.recovering, "it needs a second person: propose it, and let another approve")

    def _gives(self, rights: Iterable[tuple[str, int]]) -> None:
        """Nobody gives what he cannot read himself."""
        for right, place in rights:
            if right in COMPARTMENT_RIGHTS:
                for compartment in list(self.after.compartments) if place == EVERYWHERE else [place]:
                    require(
                        self.may(READ, compartment), f"its author grants compartment {compartment} without reading it"
                    )

    def _permit_device(self, act: DeviceAdd, proposing: bool) -> None:
        after = self.after
        require(self.recovering or self.may(ADMIN), "its author may not administer")
        owner = after.persons.get(act.person)
        require(owner is not None and owner.active, "a device is added to nobody")
        check_keys(after, act.device, act)
        require(_are_hashes(act.request), "a device names no request")
        if any(device.person == act.person for device in after.devices.values()):  # one that was revoked, too
            self._second_person(ADMIN, proposing)

    def _permit_role(self, act: Role, proposing: bool) -> None:
        after = self.after
        self._admin()
        require(is_id(act.role), "a role's id is malformed")
        require(all(map(_is_right, act.rights)), "a role names an unknown right")
        gained = set(act.rights) - set(after.roles.get(act.role, ()))
        held = any(grant.role == act.role for grant, _, _ in after.held(self.person, self.at))
        require(self.founding or not (gained and held), "nobody adds rights to a role he holds himself")
        if act.role in after.roles:
            self._gives(gained)
        self._second_person(ADMIN, proposing)

    def _permit_grant(self, act: Grant, proposing: bool) -> None:
        after = self.after
        self._admin()
        person = after.persons.get(act.person)
        require(person is not None and person.active, "it grants to nobody")
        require(self.founding or act.person != self.person, "nobody grants to himself")
        require(is_id(act.grant) and act.grant not in after.grants, "a grant's id is malformed or used")
        require(bool(act.role) != bool(act.right), "a grant names either a role or a right")
        require(act.role in after.roles if act.role else _is_right((act.right, act.compartment)), "an unknown right")
        require(act.history in (ALL, FROM_NOW), "an unknown history")
        require(act.until <= LAST, "it ends after the end of the calendar")
        require(act.compartment == EVERYWHERE or act.compartment in after.compartments, "an unknown compartment")
        given = list(after.given(act))
        self._gives(given)
        if any(right in QUORUM_RIGHTS for right, _ in given):
            self._second_person(ADMIN, proposing)

    def _permit_epoch(self, act: EpochOpen) -> None:
        after, compartment, at = self.after, act.compartment, self.at
        given = {device for device, _ in act.slots}
        require(0 < compartment < 1 << 32 and act.epoch == after.epoch(compartment) + 1, "an epoch is out of order")
        require(len(given) == len(act.slots), "an epoch names a device twice")
        hashes = (act.epoch_commitment, act.index_commitment, *(slot for _, slot in act.slots))
        require(_are_hashes(*hashes), "a commitment or the hash of a slot is malformed")
        require(after.recovery in given, "an epoch leaves out the recovery device")
        require(self.device in given, "its author opens an epoch that he may not read himself")
        allowed = after.readers(compartment, at) if not self.founding else set(after.devices)
        if act.epoch == 1:
            self._admin()
        else:
            require(self.may(READ, compartment), f"its author may not read compartment {compartment}")
            require(
                act.index_commitment == after.compartments[compartment][0].index_commitment,
                "an epoch changes the names' key",
            )
            kept = {device for device in after.recipients(compartment) if device in allowed}
            require(kept <= given, "an epoch leaves out somebody who may read")
            allowed = kept | {device for device in allowed if self.granted_now(device, compartment)}
        require(given <= allowed, "an epoch is given to somebody who may not read")

    def _permit_slot(self, act: Slot) -> None:
        after, compartment = self.after, act.compartment
        require(1 <= act.epoch <= after.epoch(compartment), "there is no such epoch")
        epoch = after.compartments[compartment][act.epoch - 1]
        stated = (act.epoch_commitment, act.index_commitment)
        require(stated == (epoch.epoch_commitment, epoch.index_commitment), "a slot states other commitments")
        require(act.device in after.devices and act.device not in epoch.slots, "a slot is given to nobody, or twice")
        require(_are_hashes(act.hash), "the hash of a slot is malformed")
        require(self.device in epoch.slots, "its author gives a key he was never given")
        person = after.devices[act.device].person
        require(self.recovering or person == self.person or self.may(ADMIN), "its author may not administer")
        if act.device != after.recovery:
            require(
                after.device_may_read(act.device, compartment, self.at), "a slot is given to somebody who may not read"
            )
            known = any(device in epoch.slots for device in after.devices_of(person))
            known = known or (compartment, act.epoch) in self.opened  # nothing is sealed under it yet
            require(
                known or after.reads_history(person, compartment, self.at), "a slot gives history to a from-now reader"
            )

    def _permit_shred(self, act: Shred, proposing: bool) -> None:
        require(self.may(SHRED), "its author may not shred")
        require(act.streams, "it shreds nothing")
        for compartment, stream in act.streams:
            require(_is_hex(stream) and len(stream) == 32, "a stream's id is malformed")
            require(self.may(READ, compartment), f"its author may not read compartment {compartment}")
        self._second_person(SHRED, proposing)
