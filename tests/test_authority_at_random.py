"""Attempts of all kinds by all kinds of people: nobody ever uses a right that he lacks."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from store.control import (
    ADMIN,
    APPROVE,
    EVERYWHERE,
    READ,
    WRITE,
    Acts,
    Approve,
    DeviceRevoke,
    EpochOpen,
    Grant,
    PersonAdd,
    PersonLeave,
    Propose,
    Revoke,
    Role,
)  # fmt: skip
from store.errors import Unauthorised
from store.leaf import EVENT, JOURNAL, Leaf
from tests import acts
from tests.acts import AUDIT, DIRECTORY, FINANCE, World, addition, event, journal, name, opening, proposed, right

ATTEMPTS = (
    "grant", "revoke", "revoke-device", "leave", "add-device", "open", "slot", "write", "journal", "approve", "wait",
    "role", "person",
)  # fmt: skip
steps = st.lists(
    st.tuples(
        st.integers(2, 7), st.sampled_from(ATTEMPTS), st.integers(0, 11), st.integers(0, 5), st.integers(0, 15),
        st.booleans(),
    ),
    min_size=5,
    max_size=40,
)  # fmt: skip


class Model:
    """Rights by the plainest reading of the rules, kept beside the ledger's own state."""

    def __init__(self, world: World) -> None:
        self.world = world

    def reads(self, person: str, place: int) -> bool:
        return place == DIRECTORY or any(
            (what in (READ, WRITE, APPROVE) and where in (EVERYWHERE, place))
            or (place == AUDIT and what in (ADMIN, "shred", "audit"))
            for what, where in self.rights(person)
        )

    def writes(self, person: str, place: int) -> bool:
        return any(
            (what == WRITE and where in (EVERYWHERE, place))
            or (what == ADMIN and place in (DIRECTORY, AUDIT))
            or (what == "shred" and place == AUDIT)
            for what, where in self.rights(person)
        )

    def rights(self, person: str) -> set[tuple[str, int]]:
        people, found = self.world.people, set()
        for key, grant in people.grants.items():
            over = grant.until and (
                self.world.now > grant.until
                or any(other.latest > grant.until for who, other in people.persons.items() if who != person)
            )
            if grant.person != person or key in people.ended or over:
                continue
            if grant.right:
                found.add((grant.right, grant.compartment))
            for what, where in people.roles.get(grant.role, ()):
                if grant.compartment == EVERYWHERE:
                    found.add((what, where))
                elif what in (READ, WRITE, APPROVE) and where in (EVERYWHERE, grant.compartment):
                    found.add((what, grant.compartment))
        return found

    def check(self, by: int, leaf: Leaf) -> None:
        """The author of an accepted leaf had the right that it takes; called with the state before it."""
        people, person = self.world.people, self.world.people.devices[name(by)].person
        assert people.devices[name(by)].active
        assert people.persons[person].active
        if leaf.kind == EVENT:
            assert self.writes(person, leaf.compartment)
        elif leaf.kind == JOURNAL:
            assert self.reads(person, leaf.compartment)
        else:
            self._check_act(person, acts.act(leaf))

    def _check_act(self, person: str, act: Acts) -> None:
        people, administers = self.world.people, (ADMIN, EVERYWHERE) in self.rights(person)
        match act:
            case Grant():
                assert administers
                assert act.person != person
                places = people.compartments if act.compartment == EVERYWHERE else [act.compartment]
                if act.right in (READ, WRITE, APPROVE):
                    assert all(self.reads(person, place) for place in places)
            case Role() | PersonAdd() | Propose():
                assert administers
            case Revoke():
                assert administers or people.grants[act.grant].person == person
            case DeviceRevoke():
                assert administers or people.devices[act.device].person == person
            case PersonLeave():
                assert administers or act.person == person
            case Approve():
                assert people.proposals[act.index].person != person
            case EpochOpen():
                assert self.reads(person, act.compartment)


def attempt(world: World, step: tuple[int, str, int, int, int, bool], fresh: list[int]) -> list[Acts | Leaf]:
    """What a step tries; most of it is not allowed to most."""
    _, what, one, two, three, flag = step
    people = world.people
    persons, places = sorted(people.persons), sorted(people.compartments)
    person, place = persons[one % len(persons)], places[two % len(places)]
    devices = sorted(people.devices)
    fresh[0] += 1
    match what:
        case "grant":
            granted = (READ, WRITE, APPROVE, ADMIN, "audit", "shred")[three % 6]
            where = EVERYWHERE if granted in (ADMIN, "audit", "shred") or three > 12 else place
            until = world.now + 50 if flag and three % 2 else 0
            grant = right(2000 + fresh[0], person, granted, where, "from-now" if flag else "all", until)
            extra: list[Acts | Leaf] = []
            if flag and where:
                after = [
                    device for device in people.recipients(where) if people.device_may_read(device, where, world.now)
                ]
                extra = [opening(where, people.epoch(where) + 1, sorted({*after, *people.devices_of(person)}))]
            return [Propose(grant)] if three % 5 == 3 else [grant, *extra]
        case "revoke":
            grants = sorted(people.grants)
            return [Revoke(grants[(one * 6 + two) % len(grants)])]
        case "revoke-device":
            return [DeviceRevoke(devices[one % len(devices)])]
        case "leave":
            return [PersonLeave(person)]
        case "add-device":
            return [addition(8 + one % 4, person)]
        case "open":
            may = sorted(people.readers(place, world.now)) if flag else sorted(
                device for device in people.recipients(place) if people.device_may_read(device, place, world.now)
            )  # fmt: skip
            return [
                opening(place, people.epoch(place) + 1, may),
                *([event(place, people.epoch(place) + 1)] if flag else []),
            ]
        case "slot":
            return [
                acts.given(people, place, 1 + three % people.epoch(place), acts.number(devices[one % len(devices)]))
            ]
        case "write":
            return [event(place, max(1, people.epoch(place) - (three > 12)), three % 3)]
        case "journal":
            return [journal(place, people.epoch(place))]
        case "approve":
            waiting = sorted(index for index, proposal in people.proposals.items() if proposal.open)
            return [Approve(waiting[-1], people.proposals[waiting[-1]].leaf)] if waiting else []
        case "role":
            role = Role(name(910 + one % 2), ((READ, place),) if flag else ((WRITE, place), (ADMIN, EVERYWHERE)))
            return [Propose(role)] if three % 2 else [role]
        case "person":
            act = PersonAdd(name(300 + fresh[0]), False)
            return [Propose(act)] if flag else [act]
        case _:
            world.now += 40
            return []


@settings(max_examples=120, deadline=None)
@given(steps)
@example([(2, "revoke-device", 2, 0, 0, False), (0, "open", 0, 3, 0, False), (0, "slot", 2, 3, 1, False)])
@example(
    [(3, "grant", 2, 3, 0, True), (3, "wait", 0, 0, 0, False), (3, "wait", 0, 0, 0, False), (4, "write", 0, 3, 0, True)]
)
def test_two_admins_and_two_others_never_use_a_right_they_lack(
    steps: list[tuple[int, str, int, int, int, bool]],
) -> None:
    """Writer and replay agree (World.commit); who signs has the right; who is out gets no later key."""
    world, fresh = start()
    model = Model(world)
    for step in steps:
        parts = attempt(world, step, fresh)
        by = step[0] if step[0] < 6 else step[0] - 6  # 2, 3, 4, 5, the founder's and the recovery device
        if not parts:
            continue
        before = {place: world.people.epoch(place) for place in world.people.compartments}
        state = world.people
        try:
            leaves = world.commit(by, *parts)
        except Unauthorised:
            assert world.people is state
            continue
        after, world.people = world.people, state
        if by != 1:
            for leaf in leaves:
                model.check(by, leaf)
        world.people = after
        for place, epochs in after.compartments.items():
            for epoch in epochs[before.get(place, 0) :]:
                out = [device for device in epoch.slots if not after.devices[device].active]
                assert not out, "a revoked device was given a later epoch"
                assert World.recovery in epoch.slots
                for device in set(epoch.slots) - {World.recovery}:
                    assert model.reads(after.devices[device].person, place)


_started: list[World] = []


def start() -> tuple[World, list[int]]:
    """Admins with the devices 2 and 3, others with 4 and 5, who read and write finance."""
    if not _started:
        world = World()
        for number in (4, 5):
            person = world.member(number)
            history = ("all", "from-now")[number - 4]
            grant = right(1500 + number, person, (READ, WRITE)[number - 4], FINANCE, history)
            last = world.people.epoch(FINANCE)
            extra = acts.given(world.people, FINANCE, 1, 4) if number == 4 else opening(
                FINANCE, last + 1, sorted({*world.people.recipients(FINANCE), name(5)})
            )  # fmt: skip
            world.commit(0, grant, extra)
        world.member(3)
        world.admin(2)
        grant = Grant(name(1600), name(103), "", ADMIN, EVERYWHERE, "all", 0)
        world.commit(2, proposed(world, 0, grant), acts.given(world.people, AUDIT, 1, 3))
        _started.append(world)
    world = World.__new__(World)
    world.__dict__.update(_started[0].__dict__)
    world.people, world.owners = world.people.copy(), dict(world.owners)
    return world, [0]
