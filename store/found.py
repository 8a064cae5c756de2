"""Founding a ledger: genesis, the built-in roles, the first compartments, the founder and the recovery device."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aggregates.core import Refused
from store import blobplace, control
from store.authority import begin
from store.control import BUILT_IN_ROLES, EVERYWHERE, POLICY, Founder, Genesis, Grant, Role
from store.errors import NoLedger, StoreError, Tampered
from store.leaf import CONTROL, NO_HASH, NO_STREAM, Leaf
from store.place import Server, create_store, open_store, remove_store
from store.slots import SUITE
from store.transaction import Transaction, random_id
from store.verify import ledger_id_of
from store.writing import pull, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.device import Device
    from store.ledger import Ledger
    from store.place import Place


def genesis(founder: Device, recovery: Device) -> Genesis:
    """The first act of a new ledger; both devices learn which ledger they belong to."""
    first = Genesis(1, POLICY, os.urandom(16).hex(), random_id(), _public(founder), _public(recovery))
    founder.ledger = recovery.ledger = ledger_id_of(control.encode(first))
    return first


def _public(device: Device) -> Founder:
    return Founder(device.id.hex(), device.sign_public.hex(), device.kem_public.hex(), SUITE)


def require_free(place: Place) -> None:
    """Raises Refused where a ledger stands, was begun, or could not be told from another."""
    if isinstance(place, Path):
        around = next((folder for folder in place.resolve().parents if (folder / "ledger.db").is_file()), None)
        if around:
            raise Refused(f"{place} lies inside the ledger in {around}: choose a folder outside of it")
    try:
        store = open_store(place, read_only=True)
    except NoLedger:
        return
    except Tampered:
        raise Refused(f"there is a ledger in {place} already, or something else: choose another place") from None
    try:
        if store.leaf(0) is None:
            what = f"the schema {place.schema}" if isinstance(place, Server) else "it"
            raise Refused(f"a ledger was begun in {place} and never finished: remove {what} first")
    finally:
        store.close()
    raise Refused(f"there is a ledger in {place} already")


def create(place: Place, ledger: bytes) -> None:
    """The empty store, or nothing. Raises Refused when somebody else has just begun one there."""
    if isinstance(place, Server) and place.documents:
        blobplace.begin(place.documents, ledger)
    try:
        create_store(place).close()
    except FileExistsError:
        raise Refused(f"there is a ledger in {place} already") from None
    except BaseException:
        with suppress(StoreError):  # what went wrong is told, and not what that brought about
            remove_store(place)
        raise


def withdraw(place: Place) -> bool:
    """Remove an empty store again, so that a ledger can be begun there. False where one was founded."""
    store = open_store(place, read_only=True)
    try:
        founded = store.leaf(0) is not None
    finally:
        store.close()
    if not founded:
        remove_store(place)
    return not founded


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
