"""Control acts: what CONTROL leaves say about people, devices, rights and keys (docs/design.md, 5).

Readable without keys and pseudonymous: ids, numbers, public keys and hashes in hexadecimal. Names and
reasons stand in an encrypted event of the same commit.
"""

from typing import dataclass_transform

import msgspec

from aggregates.core import APPROVE as APPROVE
from store import canonical
from store.errors import Malformed, NeedsNewer

READ, WRITE = "read", "write"
ADMIN, SHRED, AUDITING = "admin", "shred", "audit"
COMPARTMENT_RIGHTS, LEDGER_RIGHTS = (READ, WRITE, APPROVE), (ADMIN, SHRED, AUDITING)
ALL, FROM_NOW = "all", "from-now"
EVERYWHERE = 0
POLICY = 1


@dataclass_transform(frozen_default=True)
class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """One CONTROL body. Its tag is on disk for ever."""


class Founder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    device: str
    sign: str
    kem: str
    suite: int


class Genesis(Act, tag="genesis"):
    """The first leaf: leaf format, policy, and the keys of the founder and of recovery."""

    format: int
    policy: int
    salt: str
    person: str
    founder: Founder
    recovery: Founder


class PersonAdd(Act, tag="person-add"):
    person: str
    service: bool


class PersonLeave(Act, tag="person-leave"):
    person: str


class DeviceAdd(Act, tag="device-add"):
    """`request` is the SHA-256 of the device request that was compared on both screens."""

    device: str
    person: str
    suite: int
    sign: str
    kem: str
    unattended: bool
    request: str


class DeviceRevoke(Act, tag="device-revoke"):
    device: str


class Role(Act, tag="role"):
    """A named set of (right, compartment); compartment 0 is everywhere."""

    role: str
    rights: tuple[tuple[str, int], ...]


class Grant(Act, tag="grant"):
    """A role or a right for a person; compartment 0 is everywhere, `until` 0 is for ever (ms)."""

    grant: str
    person: str
    role: str
    right: str
    compartment: int
    history: str
    until: int


class Revoke(Act, tag="revoke"):
    grant: str


class EpochOpen(Act, tag="epoch-open"):
    """A new epoch of a compartment and who gets its keys: (device, SHA-256 of the slot)."""

    compartment: int
    epoch: int
    epoch_commitment: str
    index_commitment: str
    slots: tuple[tuple[str, str], ...]


class Slot(Act, tag="slot"):
    """An existing epoch for one more device."""

    compartment: int
    epoch: int
    epoch_commitment: str
    index_commitment: str
    device: str
    hash: str


class PolicySet(Act, tag="policy-set"):
    policy: int


class Shred(Act, tag="shred"):
    """Streams whose keys are destroyed: (compartment, stream id)."""

    streams: tuple[tuple[int, str], ...]


class RollbackAck(Act, tag="rollback-ack"):
    """An admin accepted a shorter or other log; `note` is the SHA-256 of the note that was given up."""

    note: str
    size: int


class Incident(Act, tag="incident"):
    """A tail that failed verification was moved aside; `tail` is the SHA-256 of what was moved."""

    tail: str
    first: int


Proposable = PersonAdd | DeviceAdd | Grant | Role | PolicySet | Shred


class Propose(Act, tag="propose"):
    act: Proposable


class Approve(Act, tag="approve"):
    """Consent of a second person to the proposal at `index` whose leaf hash is `leaf`."""

    index: int
    leaf: str


Acts = (
    Genesis | PersonAdd | PersonLeave | DeviceAdd | DeviceRevoke | Role | Grant | Revoke | EpochOpen | Slot
    | PolicySet | Shred | RollbackAck | Incident | Propose | Approve
)  # fmt: skip


class _Tag(msgspec.Struct):
    type: str = ""


KNOWN = frozenset(act.__struct_config__.tag for act in Acts.__args__)


def decode(body: bytes) -> Acts:
    """The act in `body`. Raises NeedsNewer for an unknown type, Malformed for anything else."""
    try:
        act: Acts = canonical.decode(body, Acts)
        return act
    except Malformed:
        try:
            tag = msgspec.json.decode(body, type=_Tag).type
        except (ValueError, RecursionError):
            tag = ""
        if tag and tag not in KNOWN and tag.replace("-", "").isalpha():
            raise NeedsNewer(f"the log holds an act of type {tag}, which this bo does not know") from None
        raise


def encode(act: Act) -> bytes:
    return canonical.encode(act)


BUILT_IN_ROLES: dict[str, tuple[tuple[str, int], ...]] = {
    "owner": ((WRITE, 0), (APPROVE, 0), (ADMIN, 0), (SHRED, 0), (AUDITING, 0)),
    "clerk": ((WRITE, 3), (WRITE, 4), (WRITE, 5)),
    "accountant": ((READ, 3), (WRITE, 4), (APPROVE, 4), (WRITE, 5)),
    "auditor": ((READ, 0), (AUDITING, 0)),
}
"""What `bo init` defines: sales is 3, finance 4, documents 5 (aggregates/core.py)."""
