"""Founding a ledger: genesis, the built-in roles, the first compartments, the founder and the recovery device."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from store import control
from store.authority import begin
from store.control import BUILT_IN_ROLES, EVERYWHERE, POLICY, Founder, Genesis, Grant, Role
from store.leaf import CONTROL, NO_HASH, NO_STREAM, Leaf
from store.slots import SUITE
from store.sqlite import SQLiteStore
from store.transaction import Transaction, random_id
from store.verify import ledger_id_of
from store.writing import pull, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from store.device import Device
    from store.ledger import Ledger


def genesis(founder: Device, recovery: Device) -> Genesis:
    """The first act of a new ledger; both devices learn which ledger they belong to."""
    first = Genesis(1, POLICY, os.urandom(16).hex(), random_id(), _public(founder), _public(recovery))
    founder.ledger = recovery.ledger = ledger_id_of(control.encode(first))
    return first


def _public(device: Device) -> Founder:
    return Founder(device.id.hex(), device.sign_public.hex(), device.kem_public.hex(), SUITE)


def create(directory: Path) -> None:
    """The empty store. Raises Unavailable when there is a ledger already."""
    SQLiteStore.create(directory).close()


def found(
    ledger: Ledger, first: Genesis, compartments: range, name: Callable[[Transaction, dict[str, str]], None]
) -> None:
    """Write the first commit; `name` adds the directory's events, given the ids of the built-in roles."""
    body = control.encode(first)
    ledger.verifier.people = begin([Leaf(0, CONTROL, 0, 0, NO_STREAM, 1, 1, 0, NO_HASH, NO_HASH, b"", body)])
    ledger.keyring.people = ledger.verifier.people
    with ledger.store.writing():
        tx = Transaction(ledger, os.urandom(16))
        tx.act(first)
        roles = {role: random_id() for role in BUILT_IN_ROLES}
        for role, rights in BUILT_IN_ROLES.items():
            tx.act(Role(roles[role], rights))
        for compartment in compartments:
            tx.new_compartment(compartment)
        tx.act(Grant(random_id(), first.person, roles["owner"], "", EVERYWHERE, control.ALL, 0))
        name(tx, roles)
        record(ledger, tx)
        ledger.store.commit()
    pull(ledger)
