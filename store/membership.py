"""Membership: adding persons and devices, giving and ending rights, with the keys that go with them.

Each function belongs into the work of one commit; `explained` is the share that says in words what it does.
What needs a second person is proposed instead of done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aggregates.core import require
from store.control import ADMIN, ALL, Approve, DeviceAdd, DeviceRevoke, Grant, PersonLeave, Proposable, Revoke, Role
from store.errors import NotFound, Unauthorised
from store.leaf import LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.people import Proposal
    from store.transaction import Share, Transaction


class Outcome(NamedTuple):
    """What is left: a proposal to approve, keys nobody here could give, compartments whose epoch is over."""

    proposal: int | None = None
    short: tuple[tuple[str, int], ...] = ()
    due: tuple[int, ...] = ()


def administer(tx: Transaction) -> None:
    """Raises Unauthorised unless the author may administer."""
    if not tx.people.may(tx.person, ADMIN, 0, tx.now):
        raise Unauthorised("this takes the right `admin`, which you do not have")


def enact(tx: Transaction, act: Proposable, explained: Share) -> Outcome:
    """Do it with the keys that go with it, or propose it where a second person is needed."""
    if isinstance(act, Grant):
        _can_give(tx, act)
    if tx.needs_second(act):
        return Outcome(proposal=tx.propose(act, explained))
    tx.act(act, explained)
    return _followed(tx, act)


def leave(tx: Transaction, person: str, explained: Share) -> Outcome:
    """End all rights and devices of a person."""
    require(person != tx.person, "nobody leaves by his own hand: he would make the keys he is to lose; ask an admin")
    require(tx.people.persons[person].active, "this person has left already")
    tx.act(PersonLeave(person), explained)
    _somebody_administers(tx)
    return Outcome(due=open_due(tx))


def revoke_device(tx: Transaction, device: str, explained: Share) -> Outcome:
    """End a device; what is written later it cannot read."""
    require(device != tx.device, "a device does not revoke itself: do it from another one, or ask an admin")
    require(device != tx.people.recovery, "the recovery device stays: it belongs to nobody")
    require(tx.people.devices[device].active, "this device was revoked already")
    tx.act(DeviceRevoke(device), explained)
    _somebody_administers(tx)
    return Outcome(due=open_due(tx))


def revoke(tx: Transaction, grants: Iterable[str], explained: Share) -> Outcome:
    """End grants. New epochs are opened at once where that is ours to do; elsewhere they are due."""
    for each in grants:
        tx.act(Revoke(each), explained)
    _somebody_administers(tx)
    return Outcome(due=open_due(tx))


def proposal(tx: Transaction, number: int) -> Proposal:
    """An open proposal. Raises NotFound or Refused."""
    found: Proposal | None = tx.people.proposals.get(number)
    if found is None:
        raise NotFound(f"there is no proposal {number}")
    require(found.open, "this proposal is not open any more")
    return found


def approve(tx: Transaction, number: int, explained: Share) -> Outcome:
    """Complete a proposal as the second person."""
    proposed = proposal(tx, number)
    require(proposed.person != tx.person, "you proposed this yourself: another person has to approve it")
    if isinstance(proposed.act, Grant):
        _can_give(tx, proposed.act)
    tx.act(Approve(number, proposed.leaf), explained)
    return _followed(tx, proposed.act)


def give_keys(tx: Transaction, device: str) -> tuple[tuple[str, int], ...]:
    """Give a device every key its person may have; what it is left short of."""
    people = tx.people
    places = [place for place in sorted(people.compartments) if people.device_may_read(device, place, tx.now)]
    return tuple((device, place) for place in places if not _give(tx, device, place))


def _give(tx: Transaction, device: str, place: int) -> bool:
    """The past as far as it is his, then the present: by a new epoch where he reads from now on."""
    people, epochs = tx.people, tx.people.compartments[place]
    person = people.devices[device].person
    fellows = people.devices_of(person)
    everything = people.reads_history(person, place, tx.now)
    missing = [
        number
        for number, epoch in enumerate(epochs, 1)
        if device not in epoch.slots and (everything or any(fellow in epoch.slots for fellow in fellows))
    ]
    mine = [number for number in missing if tx.device in epochs[number - 1].slots]
    tx.give_slots(device, place, mine)
    if device not in epochs[-1].slots:
        if not _opens(tx, place):
            return False
        tx.open_epoch(place)
        if device not in epochs[-1].slots:
            tx.give_slots(device, place, [len(epochs)])
    return mine == missing


def open_due(tx: Transaction) -> tuple[int, ...]:
    """Open the epochs that are due as far as this device may; the compartments that stay due."""
    due = [place for place in sorted(tx.people.compartments) if tx.people.is_due(place, tx.now)]
    for place in due:
        if _opens(tx, place):
            tx.open_epoch(place)
    return tuple(place for place in due if tx.people.is_due(place, tx.now))


def _opens(tx: Transaction, place: int) -> bool:
    """Whether this device can open the next epoch: it holds the present one, and may still read."""
    holds = tx.device in tx.people.recipients(place)
    return holds and bool(tx.people.device_may_read(tx.device, place, tx.now))


def _can_give(tx: Transaction, act: Grant) -> None:
    """Nobody grants what he cannot read, or more of the past than he has."""
    people = tx.people
    for place in people.compartments:
        if people.opens(act, place):
            name = tx.called(place)
            require(people.device_may_read(tx.device, place, tx.now), f"you cannot grant {name}, which you cannot read")
            require(
                act.history != ALL or people.reads_from_start(tx.device, place),
                f"you hold no keys of the beginning of {name}: grant it from now on, with --history from-now",
            )


def _followed(tx: Transaction, act: Proposable) -> Outcome:
    """The keys that an act gives and takes."""
    people = tx.people
    devices: list[str] = []
    due: tuple[int, ...] = ()
    match act:
        case DeviceAdd():
            devices = [act.device]
        case Grant():
            devices = people.devices_of(act.person)
        case Role():
            holders = dict.fromkeys(grant.person for grant in people.grants.values() if grant.role == act.role)
            devices = [device for person in holders for device in people.devices_of(person)]
            _somebody_administers(tx)
            due = open_due(tx)
    return Outcome(short=tuple(short for device in devices for short in give_keys(tx, device)), due=due)


def _somebody_administers(tx: Transaction) -> None:
    """Without an end and with a device: else nobody could ever grant again."""
    people = tx.people
    left = [person for person in people.holders(ADMIN, LIMIT - 1) if people.devices_of(person)]
    require(left, "nobody would be left who may administer: grant `owner` to somebody with a device first")
