"""Logs of control acts for tests of authority: judged as a writer does it, and again as a replay does."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from store import control, device
from store.authority import Session, begin, judge
from store.control import (
    EVERYWHERE,
    Acts,
    Approve,
    DeviceAdd,
    EpochOpen,
    Founder,
    Genesis,
    Grant,
    PersonAdd,
    Proposable,
    Propose,
    Slot,
)
from store.errors import Unauthorised
from store.leaf import CONTROL, EVENT, JOURNAL, NO_HASH, NO_STREAM, UNATTENDED, Commit, Leaf, leaf_hash
from store.people import People

LEDGER = bytes(range(16))
DIRECTORY, AUDIT, SALES, FINANCE = 1, 2, 3, 4
NOON = 1_000_000
REQUEST = "ab" * 32


def name(number: int) -> str:
    """An id for a person, device, role or grant."""
    return f"{number + (1 << 64):032x}"


def number(name: str) -> int:
    return int(name, 16) - (1 << 64)


class Keys(NamedTuple):
    sign: str
    kem: str


MADE = [device.new(str(number), LEDGER) for number in range(12)]
KEYS = [Keys(made.sign_public.hex(), made.kem_public.hex()) for made in MADE]
"""Real keys for devices 0, 1, 2 …: making them takes a while."""


def act(leaf: Leaf) -> Acts:
    return control.decode(leaf.body)


def secret(compartment: int, epoch: int = 0) -> str:
    """What stands for the commitment to a key."""
    return sha256(f"{compartment} {epoch}".encode()).hexdigest()


class World:
    """Device n is signed for by `by=n`; device 0 is the founder's, device 1 the recovery device."""

    founder, recovery = name(100), name(1)

    def __init__(self) -> None:
        keys = [Founder(name(number), *KEYS[number], 1) for number in (0, 1)]
        first = Genesis(1, 1, "00" * 16, self.founder, keys[0], keys[1])
        self.now, self.sequence, self.index, self.controls = NOON, 0, 0, 0
        self.owners: dict[bytes, tuple[int, int, bytes, int]] = {}
        self.people = begin([Leaf(0, CONTROL, 0, 0, NO_STREAM, 1, 1, 0, NO_HASH, NO_HASH, b"", control.encode(first))])
        both = [name(0), name(1)]
        opened = [opening(place, 1, both) for place in (DIRECTORY, AUDIT, SALES, FINANCE)]
        owner = control.Role(name(900), control.BUILT_IN_ROLES["owner"])
        self.commit(0, first, owner, *opened, Grant(name(901), self.founder, name(900), "", EVERYWHERE, "all", 0))

    def owner(self, key_id: bytes) -> tuple[int, int, bytes, int] | None:
        return self.owners.get(key_id)

    def header(self, by: int, flags: int | None = None) -> Commit:
        known = self.people.devices[name(by)]
        if flags is None:
            flags = UNATTENDED * known.unattended
        return Commit(
            self.sequence + 1, self.index, 0, NO_HASH, NO_HASH, bytes.fromhex(known.person), bytes.fromhex(name(by)),
            sha256(known.sign).digest(), self.now, self.people.policy, flags, "test",
        )  # fmt: skip

    def leaves(self, *parts: Acts | Leaf) -> list[Leaf]:
        found = []
        for at, part in enumerate(parts):
            leaf = part if isinstance(part, Leaf) else control_leaf(part)
            found.append(leaf._replace(idx=self.index + at))
        return found

    def commit(self, by: int, *parts: Acts | Leaf, flags: int | None = None) -> list[Leaf]:
        """Raises Unauthorised; else the leaves as they stand. Writer and replay must agree."""
        header, leaves = self.header(by, flags), self.leaves(*parts)
        allowed, after = _outcome(lambda: self.written(header, parts))
        accepted, judged = _outcome(lambda: judge(self.people, LEDGER, header, leaves, self))
        assert allowed == accepted, "writer and replay do not agree"
        if after is None or judged is None:
            raise Unauthorised(accepted)
        if header.person.hex() in after.persons:
            after.witness(header.person.hex(), header.claimed)
        assert after == judged
        self.people = judged
        for leaf in leaves:
            if leaf.epoch:
                self.owners[leaf.key_id] = (leaf.kind, leaf.compartment, leaf.stream, leaf.epoch)
        self.sequence, self.index = self.sequence + 1, self.index + len(leaves) + 1
        return leaves

    def written(self, header: Commit, parts: tuple[Acts | Leaf, ...]) -> People:
        """What a writer's transaction comes to, act by act."""
        session = Session(self.people, LEDGER, header)
        session.check_author()
        session.after = self.people.copy()
        fresh: dict[bytes, tuple[int, int, bytes, int]] = {}
        for leaf in self.leaves(*parts):
            if leaf.kind != CONTROL:
                session.check_sealed(leaf, self, fresh)
            elif isinstance(act(leaf), Propose):
                session.take(leaf)  # a proposal is known by the hash of its leaf
            else:
                session.enact(act(leaf))
        return session.after

    # what most tests begin with

    def add_person(self, number: int, by: int = 0, *, service: bool = False) -> str:
        self.commit(by, PersonAdd(name(number), service))
        return name(number)

    def add_device(self, number: int, person: str, by: int = 0, *, unattended: bool = False) -> DeviceAdd:
        added = addition(number, person, unattended=unattended)
        self.commit(by, added)
        return added

    def member(self, number: int) -> str:
        """Person 100 + n with device n, who holds the directory."""
        person = self.add_person(100 + number)
        self.add_device(number, person)
        self.commit(0, given(self.people, DIRECTORY, 1, number))
        return person

    def admin(self, number: int) -> str:
        """A second owner, with all keys."""
        person = self.member(number)
        places = (AUDIT, SALES, FINANCE)
        granted = Grant(name(900 + number), person, name(900), "", EVERYWHERE, "all", 0)
        self.commit(0, granted, *(given(self.people, place, 1, number) for place in places))
        return person


def _outcome(work: Callable[[], People]) -> tuple[str, People | None]:
    try:
        return "", work()
    except Unauthorised as refusal:
        return str(refusal), None


def control_leaf(act: Acts) -> Leaf:
    return Leaf(0, CONTROL, 0, 0, NO_STREAM, 1, 1, 0, NO_HASH, NO_HASH, b"", control.encode(act))


def addition(number: int, person: str, *, unattended: bool = False) -> DeviceAdd:
    return DeviceAdd(name(number), person, 1, *KEYS[number], unattended, REQUEST)


def opening(place: int, epoch: int, devices: list[str], index: str = "") -> EpochOpen:
    slots = tuple((device, secret(place, epoch)) for device in devices)
    return EpochOpen(place, epoch, secret(place, epoch), index or secret(place), slots)


def given(people: People, place: int, epoch: int, device: int) -> Slot:
    about = people.compartments[place][epoch - 1]
    return Slot(place, epoch, about.epoch_commitment, about.index_commitment, name(device), REQUEST)


def event(place: int, epoch: int, stream: int = 1, *, key: bytes = b"", kind: int = EVENT) -> Leaf:
    """An event leaf; its key belongs to its stream and epoch unless told otherwise."""
    stream_id = stream.to_bytes(16, "big")
    key = key or sha256(f"{kind} {place} {epoch} {stream}".encode()).digest()
    return Leaf(0, kind, place, epoch, stream_id, 1, 1, 0, key, NO_HASH, b"", b"")


def journal(place: int, epoch: int) -> Leaf:
    return event(place, epoch, 9, kind=JOURNAL)


def right(number: int, person: str, what: str, place: int = EVERYWHERE, history: str = "all", until: int = 0) -> Grant:
    return Grant(name(number), person, "", what, place, history, until)


def proposed(world: World, by: int, act: Proposable) -> Approve:
    """Propose an act, and what approves it."""
    [leaf] = world.commit(by, Propose(act))
    return Approve(leaf.idx, leaf_hash(LEDGER, leaf).hex())
