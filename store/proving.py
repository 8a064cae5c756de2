"""Proofs for inspectors: entries disclosed one by one, each shown to stand in the signed log, without any key.

The file is JSON. Each entry holds a C2SP tlog-proof, word for word as other programs read it, with the leaf in its
`extra` line, and what opens that leaf alone: the random salt r and the payload. The leaf's content commitment is
HMAC-SHA256(r, padded payload), so no other content fits.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from store import note as notes
from store import proof as proofs
from store.comparing import verified_hashes
from store.errors import Malformed, NotFound, Tampered, Unauthorised
from store.history import leaves
from store.leaf import EVENT, Leaf, decode, encode, leaf_hash
from store.seal import mac, padded_size

if TYPE_CHECKING:
    from store.ledger import Ledger

FORMAT = "bo.proof/1"
LARGEST = 64 << 20


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One leaf: `proof` is the tlog-proof, `salt` and `payload` disclose its content (base64)."""

    proof: str
    salt: str
    payload: str


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`key` is the verifier key (C2SP signed-note) of the device that signed the head."""

    format: str
    key: str
    entries: list[Entry]


class Opened(NamedTuple):
    """What an entry was shown to say. `recorded` is the time its writer claimed, ISO 8601."""

    leaf: int
    stream: str
    recorded: str
    events: list[dict[str, Any]]


class NoProof(Malformed):
    """The file is something else; it was not a proof before somebody changed it."""


class Checked(NamedTuple):
    origin: str
    size: int
    root: str
    key: str
    entries: list[Opened]


def prove_position(ledger: Ledger, position: int) -> Proof:
    """The leaf that holds the event at a position."""
    if not 1 <= position <= ledger.verifier.ordinal:
        raise NotFound(f"there is no position {position}: the ledger ends at {ledger.verifier.ordinal}")
    leaf = ledger.store.leaf(ledger.store.leaf_after(position - 1))
    if leaf is None or not leaf.ordinal < position <= leaf.ordinal + leaf.events:
        raise Tampered(f"the leaf of position {position} is missing")
    if any(first <= leaf.idx <= last for first, last in ledger.excluded(leaf.compartment)):
        raise Unauthorised(f"the event at position {position} was not accepted: there is nothing to prove")
    return _prove(ledger, [leaf])


def prove_stream(ledger: Ledger, compartment: int, name: str) -> Proof:
    """Every entry of a stream, by its name in the log."""
    stream = ledger.keyring.stream_id(compartment, name)
    found = leaves(ledger, EVENT, compartment, stream) if stream else []
    if not found:
        raise NotFound(f"{name} has no entries that you can read")
    return _prove(ledger, found)


def _prove(ledger: Ledger, chosen: list[Leaf]) -> Proof:
    note = ledger.verifier.note
    head = notes.parse(note)
    key = notes.verifier_key(head.name, ledger.people.devices[head.device.hex()].sign)
    return Proof(FORMAT, key, [_entry(ledger, leaf, note) for leaf in chosen])


def _entry(ledger: Ledger, leaf: Leaf, note: bytes) -> Entry:
    if leaf_hash(ledger.id, leaf) != ledger.verifier.streams.hash_of(leaf.idx):
        raise Tampered("it is not the leaf that was verified", leaf.idx)
    payload, salt = disclosed(ledger, leaf)
    proof = proofs.inclusion(encode(ledger.id, leaf), leaf.idx, verified_hashes(ledger), note)
    return Entry(proof.decode(), b64encode(salt).decode(), b64encode(payload).decode())


def disclosed(ledger: Ledger, leaf: Leaf) -> tuple[bytes, bytes]:
    """Payload and salt of a leaf. Raises Unauthorised without the key."""
    if (leaf.compartment, leaf.stream) in ledger.people.shredded:
        raise Unauthorised(f"leaf {leaf.idx} was erased: nobody can show what it said")
    key = ledger.keyring.stream_key(leaf, ledger.store.wrapped(leaf.key_id))
    if key is None:
        raise Unauthorised(f"you hold no key of leaf {leaf.idx}")
    return key.open(ledger.id, leaf)


def file_of(proof: Proof) -> bytes:
    return msgspec.json.format(msgspec.json.encode(proof), indent=1) + b"\n"


def check(data: bytes, expected_key: str = "") -> Checked:
    """What a proof file shows, from nothing but itself. Raises Malformed when it shows nothing."""
    try:
        proof = msgspec.json.decode(data, type=Proof)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise NoProof(f"this is no proof of bo: {problem}") from None
    if proof.format != FORMAT or not proof.entries:
        raise NoProof("this is no proof that this bo knows, or it proves nothing")
    if expected_key and proof.key != expected_key.strip():
        raise Malformed("it is signed with another key than the one you were told")
    name, public = notes.parse_verifier_key(proof.key)
    origin = name.rpartition("/")[0]
    opened = [_check_entry(entry, origin, public, proof.key) for entry in proof.entries]
    head = proofs.parse_inclusion(proof.entries[-1].proof.encode()).head
    return Checked(origin, head.size, notes.encode64(head.root), proof.key, opened)


def _check_entry(entry: Entry, origin: str, public: bytes, key: str) -> Opened:
    from datetime import UTC, datetime

    raw = proofs.check_inclusion(entry.proof.encode(), origin, public)
    if proofs.parse_inclusion(entry.proof.encode()).head.name != key.partition("+")[0]:
        raise Malformed("its head is signed by another device")
    leaf = decode(_ledger_of(origin), raw)
    payload, salt = _base64(entry.payload), _base64(entry.salt)
    padded = (payload + b"\x80").ljust(padded_size(len(payload)), b"\0")
    if len(salt) != 32 or not hmac.compare_digest(mac(salt, padded), leaf.commitment):
        raise Malformed(f"leaf {leaf.idx} does not say what is disclosed here")
    try:
        said = msgspec.msgpack.decode(payload)
        when = datetime.fromtimestamp(said["at"] / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return Opened(leaf.idx, str(said["stream"]), when, [dict(event) for event in said["events"]])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        raise Malformed(f"leaf {leaf.idx} holds no payload") from None


def _ledger_of(origin: str) -> bytes:
    try:
        found = bytes.fromhex(origin.removeprefix("bo.internal/"))
    except ValueError:
        found = b""
    if len(found) != 16 or notes.origin_of(found) != origin:
        raise Malformed("the verifier key is not one of a ledger's device")
    return found


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise Malformed("what is disclosed is not base64") from None
