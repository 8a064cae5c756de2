"""Who may do what: every rule of docs/design.md, 5 and 7, that a commit can break."""

from __future__ import annotations

import msgspec
import pytest

from store.authority import judge
from store.control import (
    ADMIN,
    APPROVE,
    EVERYWHERE,
    READ,
    WRITE,
    Acts,
    Approve,
    DeviceAdd,
    DeviceRevoke,
    Founder,
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
)
from store.errors import NeedsNewer, Unauthorised
from store.leaf import Leaf
from store.people import LEAP
from tests import acts
from tests.acts import (
    DIRECTORY,
    FINANCE,
    LEDGER,
    NOON,
    SALES,
    World,
    addition,
    event,
    journal,
    name,
    opening,
    proposed,
    right,
)

ALICE = World.founder


@pytest.fixture
def world() -> World:
    return World()


def refused(world: World, by: int, *parts: Acts | Leaf, match: str) -> None:
    before = world.people.copy()
    with pytest.raises(Unauthorised, match=match):
        world.commit(by, *parts)
    assert world.people == before


# rights


def test_nobody_grants_without_administering_or_to_himself(world: World) -> None:
    bob = world.member(2)
    refused(world, 2, right(1000, ALICE, READ, FINANCE), match="may not administer")
    refused(world, 0, right(1000, ALICE, READ, FINANCE), match="nobody grants to himself")
    world.commit(0, right(1000, bob, READ, FINANCE))
    assert world.people.may(bob, READ, FINANCE, NOON)
    assert not world.people.may(bob, READ, SALES, NOON)
    assert not world.people.may(bob, WRITE, FINANCE, NOON)


def test_nobody_grants_a_compartment_that_he_cannot_read_but_an_admin_ends_any_grant(world: World) -> None:
    bob, carol = world.member(2), world.member(3)
    world.commit(0, right(1000, bob, ADMIN))
    world.commit(0, right(1001, carol, READ, FINANCE))
    refused(world, 2, right(1002, carol, READ, SALES), match=f"grants compartment {SALES} without reading it")
    refused(world, 2, right(1002, carol, READ), match="without reading it")
    world.commit(2, Revoke(name(1001)))
    assert not world.people.may(carol, READ, FINANCE, NOON)


def test_a_role_on_one_compartment_gives_only_what_it_holds_there(world: World) -> None:
    bob = world.member(2)
    world.commit(0, Role(name(910), ((WRITE, SALES), (READ, FINANCE), (ADMIN, EVERYWHERE))))
    world.commit(0, Grant(name(1000), bob, name(910), "", SALES, "all", 0))
    assert world.people.may(bob, WRITE, SALES, NOON)
    assert not world.people.may(bob, READ, FINANCE, NOON)
    assert not world.people.may(bob, ADMIN, EVERYWHERE, NOON)


@pytest.mark.parametrize(
    "act",
    [
        Grant(name(1000), name(102), "", "everything", FINANCE, "all", 0),
        Grant(name(1000), name(102), "", ADMIN, FINANCE, "all", 0),
        Grant(name(1000), name(102), name(900), READ, FINANCE, "all", 0),
        Grant(name(1000), name(102), name(77), "", FINANCE, "all", 0),
        Grant(name(1000), name(102), "", READ, 99, "all", 0),
        Grant(name(1000), name(102), "", READ, FINANCE, "some", 0),
        Grant(name(901), name(102), "", READ, FINANCE, "all", 0),
        Grant("x", name(102), "", READ, FINANCE, "all", 0),
        Grant(name(1000), name(177), "", READ, FINANCE, "all", 0),
        Role(name(910), (("everything", FINANCE),)),
        Role("x", ((READ, FINANCE),)),
        Revoke(name(77)),
        DeviceRevoke(name(77)),
        DeviceRevoke(World.recovery),
        PersonLeave(name(77)),
        PersonAdd(ALICE, False),
        PolicySet(1),
        Genesis(1, 1, "00" * 16, ALICE, *(Founder(name(at), *acts.KEYS[at], 1) for at in (8, 9))),
        Shred(()),
        Shred(((FINANCE, "x"),)),
        Approve(5, "00" * 32),
    ],
    ids=lambda act: repr(act)[:60],
)  # fmt: skip
def test_acts_about_what_does_not_exist_are_refused(world: World, act: Acts) -> None:
    world.member(2)
    refused(world, 0, act, match=".")


def test_a_role_is_not_the_way_to_more_rights(world: World) -> None:
    bob, carol = world.member(2), world.member(3)
    clerks = Role(name(910), ((READ, SALES),))
    world.commit(0, clerks, right(1000, bob, ADMIN), right(1001, bob, READ, SALES), Revoke(name(901)))
    world.commit(2, Grant(name(1002), carol, name(910), "", EVERYWHERE, "all", 0))
    refused(world, 2, Role(name(910), ((READ, SALES), (READ, FINANCE))), match="without reading it")
    world.commit(2, Role(name(910), ()))
    assert not world.people.may(carol, READ, SALES, NOON)


def test_nobody_adds_rights_to_a_role_he_holds(world: World) -> None:
    refused(world, 0, Role(name(900), (*world.people.roles[name(900)], (READ, SALES))), match="a role he holds himself")


def test_no_commit_uses_a_right_that_it_gives(world: World) -> None:
    bob = world.member(2)
    world.commit(0, right(1000, bob, ADMIN))
    world.commit(0, Revoke(name(901)))
    refused(world, 0, right(1001, bob, READ, FINANCE), match="may not administer")
    refused(world, 0, event(FINANCE, 1), match="may not write")


# who signs


def test_a_revoked_device_and_who_has_left_write_nothing(world: World) -> None:
    bob = world.member(2)
    world.commit(0, right(1000, bob, WRITE, FINANCE), acts.given(world.people, FINANCE, 1, 2))
    world.commit(2, event(FINANCE, 1))
    world.commit(0, DeviceRevoke(name(2)))
    refused(world, 2, event(FINANCE, 1), match="its device was revoked")
    carol = world.member(3)
    world.commit(0, PersonLeave(carol))
    refused(world, 3, journal(DIRECTORY, 1), match="its device was revoked")
    assert not world.people.may(carol, READ, DIRECTORY, NOON)


def test_an_unattended_device_writes_but_does_not_administer_and_does_not_hide(world: World) -> None:
    cron = world.add_person(102, service=True)
    world.add_device(2, cron, unattended=True)
    world.commit(
        0, Grant(name(1000), cron, name(900), "", EVERYWHERE, "all", 0), acts.given(world.people, FINANCE, 1, 2)
    )
    world.commit(2, event(FINANCE, 1))
    bob = world.add_person(103)
    for act in (right(1001, bob, READ, SALES), Revoke(name(1000)), addition(4, bob), Shred(((FINANCE, "00" * 16),))):
        refused(world, 2, act, match="an unattended device")
    refused(world, 2, Propose(right(1001, bob, READ, SALES)), match="an unattended device")
    with pytest.raises(Unauthorised, match="hides whether its device is unattended"):
        world.commit(2, event(FINANCE, 1), flags=0)
    world.commit(0, PersonLeave(bob))
    world.commit(2, opening(FINANCE, 2, [name(0), name(1), name(2)]), event(FINANCE, 2))


def test_the_recovery_device_only_adds_devices_and_gives_keys(world: World) -> None:
    bob = world.add_person(102)
    refused(world, 1, PersonAdd(name(103), False), match="only adds devices and slots")
    refused(world, 1, right(1000, bob, READ, FINANCE), match="only adds devices and slots")
    refused(world, 1, event(FINANCE, 1), match="may not write")
    world.commit(1, addition(2, ALICE), acts.given(world.people, FINANCE, 1, 2))
    assert world.people.devices_of(ALICE) == [name(0), name(2)]


@pytest.mark.parametrize("point", ["01" + "00" * 31, "00" * 32, "ff" * 32, "ec" + "ff" * 30 + "7f", "02" * 31])
def test_a_device_key_of_small_order_or_malformed_is_refused(world: World, point: str) -> None:
    bob = world.add_person(102)
    wrong = DeviceAdd(name(2), bob, 1, point, acts.KEYS[2].kem, False, acts.REQUEST)
    refused(world, 0, wrong, match="key is not acceptable")


def test_a_key_or_an_id_is_used_once_and_a_device_names_its_request(world: World) -> None:
    bob = world.member(2)
    keys = acts.KEYS
    refused(world, 0, DeviceAdd(name(3), bob, 1, *keys[2], False, acts.REQUEST), match="already used")
    refused(world, 0, DeviceAdd(name(3), bob, 1, keys[3].sign, keys[2].kem, False, acts.REQUEST), match="already used")
    refused(world, 0, DeviceAdd(name(2), bob, 1, *keys[3], False, acts.REQUEST), match="already used")
    refused(world, 0, DeviceAdd(name(3), bob, 1, *keys[3], False, ""), match="names no request")
    refused(world, 0, DeviceAdd(name(3), bob, 2, *keys[3], False, acts.REQUEST), match="suite 2 is unknown")
    refused(world, 0, addition(3, name(177)), match="added to nobody")
    refused(world, 2, addition(3, bob), match="may not administer")


def test_another_policy_is_refused_and_a_newer_one_needs_a_newer_program(world: World) -> None:
    header = world.header(0)
    for policy in (0, 2):
        with pytest.raises(Unauthorised, match="another policy"):
            judge(world.people, LEDGER, header._replace(policy=policy), world.leaves(event(FINANCE, 1)), world)
    newer = msgspec.structs.replace(world.people, policy=2)
    with pytest.raises(NeedsNewer):
        judge(newer, LEDGER, header._replace(policy=2), world.leaves(event(FINANCE, 1)), world)
    with pytest.raises(NeedsNewer):
        world.commit(0, PolicySet(2))


# four eyes


def test_two_who_administer_need_each_other(world: World) -> None:
    world.admin(2)
    act = PersonAdd(name(103), False)
    refused(world, 0, act, match="needs a second person")
    approval = proposed(world, 0, act)
    refused(world, 0, approval, match="approves what he proposed himself")
    assert name(103) not in world.people.persons
    world.commit(2, approval)
    assert world.people.persons[name(103)].active
    refused(world, 2, approval, match="not proposed")


@pytest.mark.parametrize(
    ("act", "two"),
    [
        (right(1000, name(104), READ, FINANCE), False),
        (right(1000, name(104), WRITE, FINANCE), False),
        (right(1000, name(104), APPROVE, FINANCE), True),
        (right(1000, name(104), ADMIN), True),
        (right(1000, name(104), "shred"), True),
        (right(1000, name(104), "audit"), True),
        (Grant(name(1000), name(104), name(900), "", EVERYWHERE, "all", 0), True),
        (Role(name(910), ((READ, FINANCE),)), True),
        (addition(6, name(104)), True),
        (addition(6, name(105)), False),
        (PersonAdd(name(106), False), True),
        (Shred(((FINANCE, "00" * 16),)), True),
        (Revoke(name(902)), False),
        (PersonLeave(name(104)), False),
    ],
    ids=lambda value: value if isinstance(value, bool) else type(value).__name__ + repr(value)[-60:],
)
def test_what_takes_two_persons(world: World, act: Acts, two: bool) -> None:
    world.member(4)
    world.add_person(105)
    world.admin(2)
    if two:
        refused(world, 0, act, match="needs a second person")
        assert isinstance(act, Proposable)
        world.commit(2, proposed(world, 0, act))
    else:
        world.commit(0, act)


def test_persons_count_and_neither_devices_nor_services(world: World) -> None:
    world.add_device(5, ALICE)
    bob = world.admin(2)
    act = PersonAdd(name(103), False)
    approval = proposed(world, 0, act)
    refused(world, 5, approval, match="approves what he proposed himself")
    world.commit(2, proposed(world, 0, PersonAdd(name(106), True)))
    world.commit(0, addition(6, name(106)))
    world.commit(2, proposed(world, 0, right(1005, name(106), ADMIN)))
    refused(world, 6, approval, match="a service proposes and approves nothing")
    refused(world, 6, Propose(PersonAdd(name(107), False)), match="a service proposes and approves nothing")
    assert world.people.holders(ADMIN, NOON) == {ALICE, bob}


def test_an_approval_is_for_one_very_proposal(world: World) -> None:
    world.admin(2)
    first, second = (proposed(world, 0, PersonAdd(name(number), False)) for number in (103, 104))
    refused(world, 2, Approve(first.index, second.leaf), match="not proposed")
    refused(world, 2, Approve(first.index + 1, first.leaf), match="not proposed")
    world.commit(2, second)
    assert name(103) not in world.people.persons
    assert name(104) in world.people.persons


def test_proposals_lapse_with_the_rights_of_who_proposed(world: World) -> None:
    bob = world.admin(2)
    world.commit(2, proposed(world, 0, PersonAdd(name(103), False)))
    approval = proposed(world, 2, PersonAdd(name(104), False))
    world.commit(0, Revoke(name(902)))
    refused(world, 0, approval, match="not proposed")
    assert not world.people.may(bob, ADMIN, EVERYWHERE, NOON)


def test_an_approver_may_do_what_he_approves(world: World) -> None:
    carol = world.member(3)
    world.admin(2)
    approval = proposed(world, 0, PersonAdd(name(104), False))
    refused(world, 3, approval, match="may not administer")
    own = proposed(world, 0, right(1000, carol, "audit"))
    refused(world, 3, own, match="may not administer")


def test_his_own_device_is_a_second_signer_and_brings_no_revoked_one_back(world: World) -> None:
    carol = world.member(3)
    world.admin(2)
    approvals = [proposed(world, 0, addition(4, carol)), proposed(world, 2, addition(4, carol))]
    world.commit(3, approvals[0])
    world.commit(3, DeviceRevoke(name(4)))
    refused(world, 3, approvals[1], match="already used")
    assert not world.people.devices[name(4)].active


# epochs and slots


def readers(world: World, place: int) -> list[str]:
    return sorted(world.people.readers(place, world.now))


def test_a_due_compartment_is_written_only_under_a_new_epoch(world: World) -> None:
    bob, carol = world.member(2), world.member(3)
    for number, person in ((2, bob), (3, carol)):
        grant = right(1000 + number, person, WRITE, FINANCE)
        world.commit(0, grant, acts.given(world.people, FINANCE, 1, number))
    world.commit(0, Revoke(name(1002)))
    assert world.people.is_due(FINANCE, world.now)
    refused(world, 3, event(FINANCE, 1), match="due for a new epoch")
    refused(world, 0, event(FINANCE, 1), opening(FINANCE, 2, readers(world, FINANCE)), match="due for a new epoch")
    world.commit(3, opening(FINANCE, 2, readers(world, FINANCE)), event(FINANCE, 2))
    assert name(2) not in world.people.recipients(FINANCE)
    refused(world, 3, event(FINANCE, 1, 2), match="epoch 1, which is over")
    world.commit(0, event(SALES, 1))


def test_an_expired_grant_makes_a_compartment_due(world: World) -> None:
    bob = world.member(2)
    until = NOON + 1000
    grant = right(1000, bob, WRITE, FINANCE, until=until)
    world.commit(0, grant, acts.given(world.people, FINANCE, 1, 2))
    world.now = until
    world.commit(2, event(FINANCE, 1))
    world.now = until + 1
    refused(world, 2, event(FINANCE, 1), match="may not write")
    refused(world, 0, event(FINANCE, 1), match="due for a new epoch")
    world.commit(0, opening(FINANCE, 2, readers(world, FINANCE)), event(FINANCE, 2))
    world.now = NOON  # bob sets his clock back: alice's commit has shown what time it is
    refused(world, 2, event(FINANCE, 2), match="may not write")


def test_one_clock_years_ahead_ends_nobodys_grant(world: World) -> None:
    bob, carol = world.member(2), world.member(3)
    world.commit(0, right(1000, bob, WRITE, FINANCE, until=NOON + LEAP), acts.given(world.people, FINANCE, 1, 2))
    world.commit(0, right(1001, carol, WRITE, SALES), acts.given(world.people, SALES, 1, 3))
    world.now = NOON + 10 * LEAP
    world.commit(3, event(SALES, 1))
    world.now = NOON + 1
    world.commit(2, event(FINANCE, 1))


def test_the_recipients_of_an_epoch_are_exactly_who_may_read(world: World) -> None:
    bob = world.member(2)
    carol = world.member(3)
    world.commit(0, right(1000, bob, READ, FINANCE), acts.given(world.people, FINANCE, 1, 2))
    everybody = [name(0), name(1), name(2)]
    refused(world, 0, opening(FINANCE, 2, [name(0), name(2)]), match="leaves out the recovery device")
    refused(world, 0, opening(FINANCE, 2, [name(0), name(1)]), match="leaves out somebody who may read")
    refused(world, 0, opening(FINANCE, 2, [*everybody, name(3)]), match="given to somebody who may not read")
    refused(world, 0, opening(FINANCE, 2, [*everybody, name(77)]), match="given to somebody who may not read")
    refused(world, 0, opening(FINANCE, 2, [*everybody, name(2)]), match="names a device twice")
    refused(world, 0, opening(FINANCE, 3, everybody), match="out of order")
    refused(world, 0, opening(FINANCE, 2, everybody, acts.secret(SALES)), match="changes the names' key")
    refused(world, 3, opening(FINANCE, 2, everybody), match="may not read")
    world.commit(2, opening(FINANCE, 2, everybody))
    assert not world.people.may(carol, READ, FINANCE, NOON)


def test_a_device_in_the_log_gets_keys_by_a_grant_of_the_same_commit_only(world: World) -> None:
    bob = world.member(2)
    world.commit(0, right(1000, bob, READ, FINANCE, "from-now"))
    both = [name(0), name(1), name(2)]
    refused(world, 0, opening(FINANCE, 2, both), match="given to somebody who may not read")
    refused(world, 0, right(1001, bob, READ, SALES), opening(FINANCE, 2, both), match="given to somebody")
    world.commit(0, right(1001, bob, READ, FINANCE, "from-now"), opening(FINANCE, 2, both))
    assert world.people.epochs_of(name(2), FINANCE) == [2]


def test_who_opens_an_epoch_may_read_it_himself(world: World) -> None:
    bob = world.member(2)
    world.commit(0, right(1000, bob, WRITE, FINANCE), acts.given(world.people, FINANCE, 1, 2))
    last = [name(0), name(1)]
    refused(world, 2, Revoke(name(1000)), opening(FINANCE, 2, last), match="that he may not read himself")
    refused(world, 2, PersonLeave(bob), opening(DIRECTORY, 2, last), match="that he may not read himself")
    world.commit(2, Revoke(name(1000)))
    assert world.people.is_due(FINANCE, NOON)


def test_from_now_means_no_key_of_the_past(world: World) -> None:
    bob = world.member(2)
    grant = right(1000, bob, READ, FINANCE, "from-now")
    refused(world, 0, grant, acts.given(world.people, FINANCE, 1, 2), match="gives history to a from-now reader")
    opened = opening(FINANCE, 2, [name(0), name(1)])
    about = Slot(FINANCE, 2, opened.epoch_commitment, opened.index_commitment, name(2), acts.REQUEST)
    world.commit(0, right(1001, bob, READ, SALES), acts.given(world.people, SALES, 1, 2))
    both = opening(FINANCE, 2, [name(0), name(1), name(2)])
    world.commit(0, grant, both)
    refused(world, 0, acts.given(world.people, FINANCE, 1, 2), match="gives history to a from-now reader")
    refused(world, 0, about, match="to nobody, or twice")
    world.commit(0, addition(3, bob))
    refused(world, 0, acts.given(world.people, FINANCE, 1, 3), match="gives history to a from-now reader")
    world.commit(2, acts.given(world.people, FINANCE, 2, 3))  # what his other device has
    world.commit(0, right(1002, bob, READ, FINANCE), acts.given(world.people, FINANCE, 1, 2))
    assert world.people.epochs_of(name(2), FINANCE) == [1, 2]


def test_a_new_device_of_a_from_now_reader_begins_with_an_epoch_of_the_same_commit(world: World) -> None:
    bob = world.add_person(102)
    world.commit(0, right(1000, bob, READ, FINANCE, "from-now"))
    opened = opening(FINANCE, 2, [name(0), name(1)])
    slot = Slot(FINANCE, 2, opened.epoch_commitment, opened.index_commitment, name(2), acts.REQUEST)
    world.commit(0, addition(2, bob), opened, slot)
    assert world.people.epochs_of(name(2), FINANCE) == [2]


def test_a_slot_is_given_by_who_has_it_and_states_the_epochs_commitments(world: World) -> None:
    bob, carol = world.member(2), world.member(3)
    world.commit(0, right(1000, bob, ADMIN), right(1001, bob, READ, FINANCE), right(1002, carol, READ, FINANCE))
    slot = acts.given(world.people, FINANCE, 1, 3)
    refused(world, 2, slot, match="a key he was never given")
    refused(world, 0, acts.given(world.people, SALES, 1, 3), match="to somebody who may not read")
    wrong = Slot(FINANCE, 1, acts.secret(SALES, 1), slot.index_commitment, slot.device, slot.hash)
    refused(world, 0, wrong, match="other commitments")
    refused(
        world, 0, Slot(FINANCE, 2, slot.epoch_commitment, slot.index_commitment, slot.device, "00"), match="no such"
    )
    world.commit(0, slot)
    refused(world, 0, slot, match="twice")


def test_a_new_compartment_is_for_those_who_may_read_everything(world: World) -> None:
    bob = world.member(2)
    world.commit(0, right(1000, bob, ADMIN))
    refused(world, 2, opening(16, 1, [name(1), name(2)]), match="given to somebody who may not read")
    refused(world, 2, opening(16, 1, [name(0), name(1)]), match="that he may not read himself")
    world.commit(0, opening(16, 1, [name(0), name(1)]))
    assert world.people.epoch(16) == 1


# events


def test_journals_take_the_right_to_read_and_events_that_to_write(world: World) -> None:
    bob = world.member(2)
    world.commit(0, right(1000, bob, READ, FINANCE), acts.given(world.people, FINANCE, 1, 2))
    world.commit(2, journal(FINANCE, 1))
    refused(world, 2, event(FINANCE, 1), match=f"may not write compartment {FINANCE}")
    refused(world, 2, journal(SALES, 1), match=f"may not read compartment {SALES}")


def test_a_key_belongs_to_one_stream_in_one_epoch(world: World) -> None:
    world.commit(0, event(FINANCE, 1, 1))
    taken = event(FINANCE, 1, 1).key_id
    refused(world, 0, event(FINANCE, 1, 2, key=taken), match="belongs to another stream")
    refused(world, 0, event(SALES, 1, 1, key=taken), match="belongs to another stream")
    refused(world, 0, journal(FINANCE, 1)._replace(key_id=taken), match="belongs to another stream")
    fresh = bytes(range(32))
    refused(world, 0, event(FINANCE, 1, 3, key=fresh), event(FINANCE, 1, 4, key=fresh), match="another stream")
    world.commit(0, opening(FINANCE, 2, [name(0), name(1)]))
    refused(world, 0, event(FINANCE, 2, 1, key=taken), match="another stream or epoch")


def test_a_shredded_stream_is_not_written_again(world: World) -> None:
    world.commit(0, event(FINANCE, 1, 1))
    world.commit(0, Shred(((FINANCE, event(FINANCE, 1, 1).stream.hex()),)))
    refused(world, 0, event(FINANCE, 1, 1), match="was shredded")
    world.commit(0, event(SALES, 1, 1), event(FINANCE, 1, 2))
