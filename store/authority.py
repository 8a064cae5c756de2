"""The second verdict: whether the author of a commit had the rights it uses (docs/design.md, 5 and 7).

Replay and the write path call the same `judge`. It needs no key, so anybody with a copy reaches the
same verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from store.control import (
    ADMIN,
    EVERYWHERE,
    POLICY,
    READ,
    SHRED,
    WRITE,
    Acts,
    Approve,
    DeviceAdd,
    DeviceRevoke,
    EpochOpen,
    Genesis,
    Grant,
    PersonAdd,
    PersonLeave,
    PolicySet,
    Proposable,
    Propose,
    Revoke,
    Role,
    Shred,
    Slot,
    decode,
)
from store.errors import Malformed, NeedsNewer, Unauthorised
from store.leaf import CONTROL, JOURNAL, NO_HASH, UNATTENDED, Commit, Leaf, leaf_hash
from store.people import NOBODY, Device, Epoch, People, Person, Proposal
from store.permits import Author, check_keys, is_id, require

if TYPE_CHECKING:
    from collections.abc import Sequence

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
            require(leaf.commitment == NO_HASH or leaf.commitment in commitments, "an act refers to an event elsewhere")
            session.take(leaf)
        else:
            session.check_sealed(leaf, keys, fresh)
    after = session.after
    if session.person in after.persons:
        after.witness(session.person, commit.claimed)
    return after


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
    if not is_id(genesis.person):
        raise Malformed("the founder's id is malformed")
    people = People(policy=genesis.policy, recovery=genesis.recovery.device)
    people.persons[genesis.person] = Person()
    for founder, person in ((genesis.founder, genesis.person), (genesis.recovery, NOBODY)):
        check_keys(people, founder.device, founder)
        people.devices[founder.device] = Device(person, bytes.fromhex(founder.sign), bytes.fromhex(founder.kem))
    return people


class Session(Author):
    """One commit being judged, leaf by leaf; what it does takes effect in `after`."""

    def __init__(self, before: People, ledger_id: bytes, commit: Commit) -> None:
        super().__init__(before, commit)
        self.ledger_id = ledger_id
        self._writable: set[tuple[int, int, int]] = set()

    def keep_before(self) -> None:
        """Before the first act takes effect: what stood before it stays as it was."""
        if self.after is self.before:
            self.after = self.before.copy()

    def check_author(self) -> None:
        device, person = self.before.devices[self.device], self.before.persons.get(self.person)
        require(device.active, "its device was revoked")
        require(self.recovering or (person is not None and person.active), "its author has left")
        require(self.commit.policy == self.before.policy, "it names another policy than the ledger's")
        require(bool(self.commit.flags & UNATTENDED) == device.unattended, "it hides whether its device is unattended")

    def check_sealed(self, leaf: Leaf, keys: KeyOwners, fresh: dict[bytes, Owner]) -> None:
        """An EVENT or JOURNAL leaf: right, epoch, key and a stream that still lives."""
        kind, compartment, epoch, stream, key_id = leaf[1], leaf[2], leaf[3], leaf[4], leaf[8]
        if (kind, compartment, epoch) not in self._writable:
            self._check_place(READ if kind == JOURNAL else WRITE, compartment, epoch)
            self._writable.add((kind, compartment, epoch))
        require((compartment, stream) not in self.after.shredded, "its stream was shredded")
        place = (kind, compartment, stream, epoch)
        owner = fresh.get(key_id) or keys.owner(key_id)
        if owner is None:
            fresh[key_id] = place
        else:
            require(owner == place, "its key belongs to another stream or epoch")

    def _check_place(self, right: str, compartment: int, epoch: int) -> None:
        """The same for all leaves of a commit in a compartment, until a control leaf changes something."""
        require(self.may(right, compartment), f"its author may not {right} compartment {compartment}")
        require(epoch == self.after.epoch(compartment), f"it is sealed under epoch {epoch}, which is over")
        require(not self.after.is_due(compartment, self.at), f"compartment {compartment} is due for a new epoch")

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
        require(person is not None and not person.service, "a service proposes and approves nothing")

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
            require(isinstance(act, EpochOpen), "an unattended device only opens epochs and writes events")
        if self.recovering:
            require(isinstance(act, DeviceAdd | Slot), "the recovery device only adds devices and slots")

    def _approved(self, act: Approve) -> Proposable:
        """The proposal an approval completes, checked against the rights of its approver."""
        proposal = self.after.proposals.get(act.index)
        if proposal is None or not proposal.open or proposal.leaf != act.leaf:
            raise Unauthorised("it approves something that is not proposed")
        require(proposal.person != self.person, "its author approves what he proposed himself")
        right = SHRED if isinstance(proposal.act, Shred) else ADMIN
        require(self.before.may(proposal.person, right, EVERYWHERE, self.at), "who proposed it may not any more")
        self._counts()
        if isinstance(proposal.act, DeviceAdd) and proposal.act.person == self.person:
            check_keys(self.after, proposal.act.device, proposal.act)
        else:
            self.permit(proposal.act, proposing=True)
        proposal.open = False
        return proposal.act

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
