"""The second verdict: whether the author of a commit had the rights it uses (docs/design.md, 5 and 7).

Replay and the write path call the same `judge`. It needs no key, so anybody with a copy reaches the
same verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, assert_never

from store import note, slots
from store.control import (
    ADMIN,
    ALL,
    COMPARTMENT_RIGHTS,
    EVERYWHERE,
    FROM_NOW,
    LEDGER_RIGHTS,
    POLICY,
    READ,
    SHRED,
    WRITE,
    Acts,
    Approve,
    DeviceAdd,
    DeviceRevoke,
    EpochOpen,
    Founder,
    Genesis,
    Grant,
    Incident,
    PersonAdd,
    PersonLeave,
    PolicySet,
    Proposable,
    Propose,
    Revoke,
    Role,
    RollbackAck,
    Shred,
    Slot,
    decode,
)
from store.errors import Malformed, NeedsNewer, Unauthorised
from store.leaf import CONTROL, JOURNAL, LAST, NO_HASH, UNATTENDED, Commit, Leaf, leaf_hash
from store.people import NOBODY, QUORUM_RIGHTS, Device, Epoch, People, Person, Proposal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


Owner = tuple[int, int, bytes, int]
"""Kind of leaf, compartment, stream id and epoch."""


class KeyOwners(Protocol):
    """Which stream and epoch a key_id was accepted for."""

    def owner(self, key_id: bytes) -> Owner | None: ...


def judge(people: People, ledger_id: bytes, commit: Commit, leaves: Sequence[Leaf], keys: KeyOwners) -> People:
    """The people after an authorised commit; `leaves` are those before its COMMIT leaf.

    Raises Unauthorised with the reason, NeedsNewer for acts or policies this program does not know.
    """
    if people.policy > POLICY:
        raise NeedsNewer(f"the ledger's policy is {people.policy}, this bo knows policies up to {POLICY}")
    session = Session(people, ledger_id, commit)
    session.check_author()
    if any(leaf.kind == CONTROL for leaf in leaves):
        session.keep_before()
    commitments = {leaf.commitment for leaf in leaves if leaf.kind != CONTROL}
    fresh: dict[bytes, Owner] = {}
    for leaf in leaves:
        if leaf.kind == CONTROL:
            _require(
                leaf.commitment == NO_HASH or leaf.commitment in commitments, "an act refers to an event elsewhere"
            )
            session.take(leaf)
        else:
            session.check_sealed(leaf, keys, fresh)
    after = session.after
    if session.person in after.persons:
        after.witness(session.person, commit.claimed)
    return after


def author_may(people: People, commit: Commit, right: str, compartment: int) -> bool:
    """Whether the author of a commit has a right by the people before it. Who founds a ledger may do everything."""
    return commit.sequence == 1 or people.may(commit.person.hex(), right, compartment, commit.claimed)


def _require(rule: object, message: str) -> None:
    if not rule:
        raise Unauthorised(message)


def begin(leaves: Sequence[Leaf]) -> People:
    """The people the genesis leaf names: the founder, who may do everything in this commit."""
    try:
        genesis = decode(leaves[0].body) if leaves and leaves[0].kind == CONTROL else None
    except Malformed:
        genesis = None
    if not isinstance(genesis, Genesis):
        raise Malformed("a log begins with its genesis")
    if genesis.format != 1:
        raise NeedsNewer(f"the log has format {genesis.format}, this bo reads format 1")
    if not _is_id(genesis.person):
        raise Malformed("the founder's id is malformed")
    people = People(policy=genesis.policy, recovery=genesis.recovery.device)
    people.persons[genesis.person] = Person()
    for founder, person in ((genesis.founder, genesis.person), (genesis.recovery, NOBODY)):
        _check_keys(people, founder.device, founder)
        people.devices[founder.device] = Device(person, bytes.fromhex(founder.sign), bytes.fromhex(founder.kem))
    return people


def _check_keys(people: People, name: str, keys: Founder | DeviceAdd) -> None:
    """A device's public keys are well-formed, of a known suite and never seen before."""
    _require(keys.suite == slots.SUITE, f"key suite {keys.suite} is unknown")
    _require(_is_hex(keys.sign) and _is_hex(keys.kem), "a device's key is not hexadecimal")
    try:
        sign, kem = bytes.fromhex(keys.sign), bytes.fromhex(keys.kem)
        note.check_public_key(sign)
        slots.check_public_key(kem)
    except (ValueError, Malformed) as problem:
        raise Unauthorised(f"a device's key is not acceptable: {problem}") from None
    _require(_is_id(name) and name not in people.devices, "a device's id is malformed or already used")
    used = any(device.sign == sign or device.kem == kem for device in people.devices.values())
    _require(not used, "a device's key is already used")


def _is_id(text: str) -> bool:
    return len(text) == 32 and text != NOBODY and _is_hex(text)


def _are_hashes(*texts: str) -> bool:
    return all(len(text) == 64 and _is_hex(text) for text in texts)


def _is_hex(text: str) -> bool:
    return all(char in "0123456789abcdef" for char in text)


class Session:
    """One commit being judged: rights are those of `before`, epochs and streams those of `after`."""

    def __init__(self, before: People, ledger_id: bytes, commit: Commit) -> None:
        self.before = self.after = before
        self.ledger_id, self.commit, self.at = ledger_id, commit, commit.claimed
        self.person, self.device = commit.person.hex(), commit.device.hex()
        self.founding = commit.sequence == 1
        self.recovering = self.device == before.recovery
        self.granted: list[Grant] = []
        self.opened: set[tuple[int, int]] = set()
        self._writable: set[tuple[int, int, int]] = set()
        self._rights: dict[tuple[str, int], bool] = {}

    def keep_before(self) -> None:
        """Before the first act takes effect: what stood before it stays as it was."""
        if self.after is self.before:
            self.after = self.before.copy()

    def check_author(self) -> None:
        device, person = self.before.devices[self.device], self.before.persons.get(self.person)
        _require(device.active, "its device was revoked")
        _require(self.recovering or (person is not None and person.active), "its author has left")
        _require(self.commit.policy == self.before.policy, "it names another policy than the ledger's")
        _require(bool(self.commit.flags & UNATTENDED) == device.unattended, "it hides whether its device is unattended")

    def may(self, right: str, compartment: int = EVERYWHERE) -> bool:
        asked = (right, compartment)
        if asked not in self._rights:
            self._rights[asked] = author_may(self.before, self.commit, right, compartment)
        return self._rights[asked]

    def check_sealed(self, leaf: Leaf, keys: KeyOwners, fresh: dict[bytes, Owner]) -> None:
        """An EVENT or JOURNAL leaf: right, epoch, key and a stream that still lives."""
        kind, compartment, epoch, stream, key_id = leaf[1], leaf[2], leaf[3], leaf[4], leaf[8]
        if (kind, compartment, epoch) not in self._writable:
            self._check_place(READ if kind == JOURNAL else WRITE, compartment, epoch)
            self._writable.add((kind, compartment, epoch))
        _require((compartment, stream) not in self.after.shredded, "its stream was shredded")
        place = (kind, compartment, stream, epoch)
        owner = fresh.get(key_id) or keys.owner(key_id)
        if owner is None:
            fresh[key_id] = place
        else:
            _require(owner == place, "its key belongs to another stream or epoch")

    def _check_place(self, right: str, compartment: int, epoch: int) -> None:
        """The same for all leaves of a commit in a compartment, until a control leaf changes something."""
        _require(self.may(right, compartment), f"its author may not {right} compartment {compartment}")
        _require(epoch == self.after.epoch(compartment), f"it is sealed under epoch {epoch}, which is over")
        _require(not self.after.is_due(compartment, self.at), f"compartment {compartment} is due for a new epoch")

    def take(self, leaf: Leaf) -> None:
        """Judge one control leaf and let it take effect."""
        self._writable.clear()
        try:
            act = decode(leaf.body)
        except Malformed as problem:
            raise Unauthorised(f"a control act is malformed: {problem}") from None
        if isinstance(act, Propose):
            self.consider(act)
            self.after.proposals[leaf.idx] = Proposal(
                leaf_hash(self.ledger_id, leaf).hex(), self.person, self.device, act.act, self.at
            )
        else:
            self.enact(act)

    def consider(self, act: Propose) -> None:
        """Raise Unauthorised unless the author may propose an act."""
        self._allowed_device(act)
        self._counts()
        self.permit(act.act, proposing=True)

    def _counts(self) -> None:
        """Four eyes are those of two people: who holds a service's device may be one of them already."""
        person = self.before.persons.get(self.person)
        _require(person is not None and not person.service, "a service proposes and approves nothing")

    def enact(self, act: Acts) -> None:
        """Let an act take effect, or raise Unauthorised."""
        self._allowed_device(act)
        if isinstance(act, Approve):
            self._apply(self._approved(act))
        else:
            self.permit(act)
            self._apply(act)

    def _allowed_device(self, act: Acts) -> None:
        if self.before.devices[self.device].unattended:
            _require(isinstance(act, EpochOpen), "an unattended device only opens epochs and writes events")
        if self.recovering:
            _require(isinstance(act, DeviceAdd | Slot), "the recovery device only adds devices and slots")

    def _approved(self, act: Approve) -> Proposable:
        """The proposal an approval completes, checked against the rights of its approver."""
        proposal = self.after.proposals.get(act.index)
        if proposal is None or not proposal.open or proposal.leaf != act.leaf:
            raise Unauthorised("it approves something that is not proposed")
        _require(proposal.person != self.person, "its author approves what he proposed himself")
        right = SHRED if isinstance(proposal.act, Shred) else ADMIN
        _require(self.before.may(proposal.person, right, EVERYWHERE, self.at), "who proposed it may not any more")
        self._counts()
        if isinstance(proposal.act, DeviceAdd) and proposal.act.person == self.person:
            _check_keys(self.after, proposal.act.device, proposal.act)
        else:
            self.permit(proposal.act, proposing=True)
        proposal.open = False
        return proposal.act

    def _second_person(self, right: str, proposing: bool) -> None:
        if not proposing and not self.founding:
            alone = len(self.before.holders(right, 0)) < 2  # his own clock ends nobody's grant
            _require(alone or self.recovering, "it needs a second person: propose it, and let another approve")

    def permit(self, act: Acts | Proposable, proposing: bool = False) -> None:
        """Raise Unauthorised unless the author may do `act`."""
        after = self.after
        match act:
            case Genesis():
                _require(self.founding and act.person == self.person, "only the first leaf is a genesis")
            case PersonAdd():
                self._admin()
                _require(_is_id(act.person) and act.person not in after.persons, "the person's id is malformed or used")
                self._second_person(ADMIN, proposing)
            case PersonLeave():
                _require(act.person in after.persons, "there is no such person")
                _require(act.person == self.person or self.may(ADMIN), "its author may not administer")
            case DeviceAdd():
                _require(self.recovering or self.may(ADMIN), "its author may not administer")
                owner = after.persons.get(act.person)
                _require(owner is not None and owner.active, "a device is added to nobody")
                _check_keys(after, act.device, act)
                _require(_are_hashes(act.request), "a device names no request")
                if any(device.person == act.person for device in after.devices.values()):  # one that was revoked, too
                    self._second_person(ADMIN, proposing)
            case DeviceRevoke():
                device = after.devices.get(act.device)
                _require(device is not None and act.device != after.recovery, "there is no such device")
                own = device is not None and device.person == self.person
                _require(own or self.may(ADMIN), "its author may not administer")
            case Role():
                self._admin()
                _require(_is_id(act.role), "a role's id is malformed")
                _require(all(map(_is_right, act.rights)), "a role names an unknown right")
                gained = set(act.rights) - set(after.roles.get(act.role, ()))
                held = any(grant.role == act.role for grant, _, _ in after.held(self.person, self.at))
                _require(self.founding or not (gained and held), "nobody adds rights to a role he holds himself")
                if act.role in after.roles:
                    self._gives(gained)
                self._second_person(ADMIN, proposing)
            case Grant():
                self._permit_grant(act, proposing)
            case Revoke():
                grant = after.grants.get(act.grant)
                _require(grant is not None and act.grant not in after.ended, "there is no such grant")
                own = grant is not None and grant.person == self.person
                _require(own or self.may(ADMIN), "its author may not administer")
            case EpochOpen():
                self._permit_epoch(act)
            case Slot():
                self._permit_slot(act)
            case PolicySet():
                self._admin()
                _require(act.policy > after.policy, "a policy number is only ever raised")
                self._second_person(ADMIN, proposing)
            case Shred():
                _require(self.may(SHRED), "its author may not shred")
                _require(act.streams, "it shreds nothing")
                for compartment, stream in act.streams:
                    _require(_is_hex(stream) and len(stream) == 32, "a stream's id is malformed")
                    _require(self.may(READ, compartment), f"its author may not read compartment {compartment}")
                self._second_person(SHRED, proposing)
            case RollbackAck() | Incident():
                self._admin()
            case Propose() | Approve():
                raise Unauthorised("a proposal holds another proposal")
            case _:
                assert_never(act)

    def _admin(self) -> None:
        _require(self.may(ADMIN), "its author may not administer")

    def _permit_grant(self, act: Grant, proposing: bool) -> None:
        after = self.after
        self._admin()
        person = after.persons.get(act.person)
        _require(person is not None and person.active, "it grants to nobody")
        _require(self.founding or act.person != self.person, "nobody grants to himself")
        _require(_is_id(act.grant) and act.grant not in after.grants, "a grant's id is malformed or used")
        _require(bool(act.role) != bool(act.right), "a grant names either a role or a right")
        _require(act.role in after.roles if act.role else _is_right((act.right, act.compartment)), "an unknown right")
        _require(act.history in (ALL, FROM_NOW), "an unknown history")
        _require(act.until <= LAST, "it ends after the end of the calendar")
        _require(act.compartment == EVERYWHERE or act.compartment in after.compartments, "an unknown compartment")
        given = list(after.given(act))
        self._gives(given)
        if any(right in QUORUM_RIGHTS for right, _ in given):
            self._second_person(ADMIN, proposing)

    def _gives(self, rights: Iterable[tuple[str, int]]) -> None:
        """Nobody gives what he cannot read himself."""
        for right, place in rights:
            if right in COMPARTMENT_RIGHTS:
                for compartment in list(self.after.compartments) if place == EVERYWHERE else [place]:
                    _require(
                        self.may(READ, compartment), f"its author grants compartment {compartment} without reading it"
                    )

    def _permit_epoch(self, act: EpochOpen) -> None:
        after, compartment, at = self.after, act.compartment, self.at
        given = {device for device, _ in act.slots}
        _require(0 < compartment < 1 << 32 and act.epoch == after.epoch(compartment) + 1, "an epoch is out of order")
        _require(len(given) == len(act.slots), "an epoch names a device twice")
        hashes = (act.epoch_commitment, act.index_commitment, *(slot for _, slot in act.slots))
        _require(_are_hashes(*hashes), "a commitment or the hash of a slot is malformed")
        _require(after.recovery in given, "an epoch leaves out the recovery device")
        _require(self.device in given, "its author opens an epoch that he may not read himself")
        allowed = after.readers(compartment, at) if not self.founding else set(after.devices)
        if act.epoch == 1:
            self._admin()
        else:
            _require(self.may(READ, compartment), f"its author may not read compartment {compartment}")
            _require(
                act.index_commitment == after.compartments[compartment][0].index_commitment,
                "an epoch changes the names' key",
            )
            kept = {device for device in after.recipients(compartment) if device in allowed}
            _require(kept <= given, "an epoch leaves out somebody who may read")
            allowed = kept | {device for device in allowed if self.granted_now(device, compartment)}
        _require(given <= allowed, "an epoch is given to somebody who may not read")

    def granted_now(self, device: str, compartment: int) -> bool:
        """Whether this commit grants the device's person the compartment."""
        person = self.after.devices[device].person
        return any(grant.person == person and self.after.opens(grant, compartment) for grant in self.granted)

    def _permit_slot(self, act: Slot) -> None:
        after, compartment = self.after, act.compartment
        _require(1 <= act.epoch <= after.epoch(compartment), "there is no such epoch")
        epoch = after.compartments[compartment][act.epoch - 1]
        stated = (act.epoch_commitment, act.index_commitment)
        _require(stated == (epoch.epoch_commitment, epoch.index_commitment), "a slot states other commitments")
        _require(act.device in after.devices and act.device not in epoch.slots, "a slot is given to nobody, or twice")
        _require(_are_hashes(act.hash), "the hash of a slot is malformed")
        _require(self.device in epoch.slots, "its author gives a key he was never given")
        person = after.devices[act.device].person
        _require(self.recovering or person == self.person or self.may(ADMIN), "its author may not administer")
        if act.device != after.recovery:
            _require(
                after.device_may_read(act.device, compartment, self.at), "a slot is given to somebody who may not read"
            )
            known = any(device in epoch.slots for device in after.devices_of(person))
            known = known or (compartment, act.epoch) in self.opened  # nothing is sealed under it yet
            _require(
                known or after.reads_history(person, compartment, self.at), "a slot gives history to a from-now reader"
            )

    def _apply(self, act: Acts | Proposable) -> None:
        after = self.after
        match act:
            case PersonAdd():
                after.persons[act.person] = Person(service=act.service)
            case PersonLeave():
                after.persons[act.person].active = False
                for device in after.devices_of(act.person):
                    after.devices[device].active = False
                after.ended.update(name for name, grant in after.grants.items() if grant.person == act.person)
                self._lapse(act.person)
            case DeviceAdd():
                after.devices[act.device] = Device(
                    act.person, bytes.fromhex(act.sign), bytes.fromhex(act.kem), act.unattended, request=act.request
                )
            case DeviceRevoke():
                after.devices[act.device].active = False
                self._lapse(device=act.device)
            case Role():
                after.roles[act.role] = act.rights
            case Grant():
                after.grants[act.grant] = act
                self.granted.append(act)
            case Revoke():
                after.ended.add(act.grant)
                self._lapse(after.grants[act.grant].person)
            case EpochOpen():
                epoch = Epoch(act.epoch_commitment, act.index_commitment, dict(act.slots))
                after.compartments.setdefault(act.compartment, []).append(epoch)
                self.opened.add((act.compartment, act.epoch))
            case Slot():
                after.compartments[act.compartment][act.epoch - 1].slots[act.device] = act.hash
            case PolicySet():
                if act.policy > POLICY:
                    raise NeedsNewer(f"policy {act.policy} is newer than this bo")
                after.policy = act.policy
                for proposal in after.proposals.values():
                    proposal.open = False
            case Shred():
                after.shredded.update((compartment, bytes.fromhex(stream)) for compartment, stream in act.streams)

    def _lapse(self, person: str = "", device: str = "") -> None:
        """Open proposals end when their proposer is revoked, or the device that signed them."""
        for proposal in self.after.proposals.values():
            if proposal.person == person or proposal.device == device:
                proposal.open = False


def _is_right(pair: tuple[str, int]) -> bool:
    right, place = pair
    return right in COMPARTMENT_RIGHTS or (right in LEDGER_RIGHTS and place == EVERYWHERE)
