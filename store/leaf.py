"""Leaves: what the log is a sequence of, as columns and as the bytes that are hashed (docs/design.md, 2)."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from store.errors import Malformed, Tampered

EVENT, CONTROL, COMMIT, JOURNAL = 1, 2, 3, 4
SEALED = (EVENT, JOURNAL)
NO_STREAM, NO_HASH = bytes(16), bytes(32)
LAST = 253_402_300_799_999
"""The last millisecond of the year 9999: what is later has no date."""
MAX_LEAF, MAX_REFS, LIMIT = 65_535, 57, 1 << 53

_MAGIC = b"bo.leaf/1\n"
_HEAD = struct.Struct(">10s16sQBII16sQHQ32s32sH")
_LENGTH = struct.Struct(">I")
ROOM = MAX_LEAF - _HEAD.size - _LENGTH.size


class Leaf(NamedTuple):
    """One leaf, its fields in the order of the table's columns.

    `idx` is its index in the log, `events` the count of events in its body, `refs` 32-byte hashes, joined.
    """

    idx: int
    kind: int
    compartment: int
    epoch: int
    stream: bytes
    version: int
    events: int
    ordinal: int
    key_id: bytes
    commitment: bytes
    refs: bytes
    body: bytes

    @property
    def place(self) -> tuple[int, int, bytes]:
        """What identifies the stream: kind, compartment and blinded name."""
        return self.kind, self.compartment, self.stream


def encode(ledger_id: bytes, leaf: Leaf) -> bytes:
    """The bytes that are hashed. The columns must have passed `check`: struct pads silently."""
    index, kind, compartment, epoch, stream, version, count, ordinal, key_id, commitment, refs, body = leaf
    return b"".join((
        _HEAD.pack(
            _MAGIC, ledger_id, index, kind, compartment, epoch, stream,
            version, count, ordinal, key_id, commitment, len(refs) >> 5,
        ),
        refs,
        _LENGTH.pack(len(body)),
        body,
    ))  # fmt: skip


def decode(ledger_id: bytes, raw: bytes) -> Leaf:
    """The leaf in `raw`, for proofs. Raises Malformed unless it encodes back to the same bytes."""
    try:
        fields = _HEAD.unpack_from(raw)
        end = _HEAD.size + 32 * fields[-1]
        (length,) = _LENGTH.unpack_from(raw, end)
    except struct.error:
        raise Malformed("a leaf is cut short") from None
    leaf = Leaf._make((*fields[2:-1], raw[_HEAD.size : end], raw[end + 4 : end + 4 + length]))
    check(leaf)
    if encode(ledger_id, leaf) != raw:
        raise Malformed("these bytes are no leaf of this ledger")
    return leaf


def associated(ledger_id: bytes, leaf: Leaf) -> bytes:
    """What encryption binds the body to: every column up to refs, index and ordinal as zero."""
    _, kind, compartment, epoch, stream, version, count, _, key_id, commitment, refs, _ = leaf
    return (
        _HEAD.pack(
            _MAGIC, ledger_id, 0, kind, compartment, epoch, stream,
            version, count, 0, key_id, commitment, len(refs) >> 5,
        )
        + refs
    )  # fmt: skip


def check(leaf: Leaf) -> None:
    """Types, ranges and the fixed columns of each kind. Raises Malformed; the caller knows the index."""
    index, kind, compartment, epoch, stream, version, count, ordinal, key_id, commitment, refs, body = leaf
    if not (type(index) is type(kind) is type(compartment) is type(epoch) is type(version) is type(count) is int):
        raise Malformed("a number is not an integer")
    if not (
        type(ordinal) is int and type(stream) is type(key_id) is type(commitment) is type(refs) is type(body) is bytes
    ):
        raise Malformed("a column has another type")
    if not (0 <= index < LIMIT and 1 <= version < LIMIT and 0 <= ordinal < LIMIT and 1 <= count < 65_536):
        raise Malformed("a number is out of range")
    if not (0 <= compartment < 1 << 32 and 0 <= epoch < 1 << 32):
        raise Malformed("a compartment or epoch is out of range")
    if not (len(stream) == 16 and len(key_id) == len(commitment) == 32):
        raise Malformed("a hash or name has another length")
    if len(refs) & 31 or len(refs) > 32 * MAX_REFS or len(refs) + len(body) > ROOM:
        raise Malformed("the body or the references are too long")
    if kind in SEALED:
        if not (compartment and epoch and len(body) >= 12 + 32 + 256 + 16):
            raise Malformed("an event leaf lacks its compartment, epoch or body")
    elif kind == CONTROL:
        if compartment or epoch or refs or stream != NO_STREAM or key_id != NO_HASH or count != 1:
            raise Malformed("a control leaf has columns it cannot have")
    elif kind == COMMIT:
        if compartment or epoch or refs or key_id != NO_HASH or commitment != NO_HASH or version != 1 or count != 1:
            raise Malformed("a commit leaf has columns it cannot have")
    else:
        raise Malformed(f"there is no leaf of kind {kind}")


_COMMIT = struct.Struct(">12sQQI32s32s16s16s32sQIBH")
_COMMIT_MAGIC = b"bo.commit/1\n"
UNATTENDED, PASSPHRASE = 1, 2


class Commit(NamedTuple):
    """The body of a COMMIT leaf: who wrote what, after which head, and when they say it was."""

    sequence: int
    first: int
    leaves: int
    previous_root: bytes
    previous_note: bytes
    person: bytes
    device: bytes
    device_key: bytes
    claimed: int
    policy: int
    flags: int
    tool: str

    @property
    def at(self) -> int:
        """The time it claims, as far as calendars go: for those who show it."""
        return min(self.claimed, LAST)

    def encode(self) -> bytes:
        tool = self.tool.encode()
        return _COMMIT.pack(_COMMIT_MAGIC, *self[:-1], len(tool)) + tool

    @classmethod
    def decode(cls, body: bytes) -> "Commit":
        """Raises Malformed unless `body` encodes back to itself."""
        try:
            magic, *fields, length = _COMMIT.unpack_from(body)
            commit = cls._make((*fields, body[_COMMIT.size :].decode()))
        except (struct.error, UnicodeDecodeError):
            raise Malformed("the body of a commit is malformed") from None
        if magic != _COMMIT_MAGIC or length != len(body) - _COMMIT.size:
            raise Malformed("the body of a commit is malformed")
        if max(commit.sequence, commit.first, commit.claimed) >= LIMIT or commit.flags > UNATTENDED | PASSPHRASE:
            raise Malformed("a number in a commit is out of range")
        return commit


def leaf_hash(ledger_id: bytes, leaf: Leaf) -> bytes:
    """RFC 6962 leaf hash of the rebuilt bytes."""
    return leaf_hashes(ledger_id, (leaf,))[0]


def leaf_hashes(ledger_id: bytes, leaves: Iterable[Leaf]) -> list[bytes]:
    """The same for each of several. Raises Tampered for columns that could never have been hashed."""
    from hashlib import sha256  # here, because every command imports this module and few hash

    hashes = []
    for leaf in leaves:
        try:
            hashes.append(sha256(b"\0" + encode(ledger_id, leaf)).digest())
        except (struct.error, TypeError):
            raise Tampered("a column has another type or is out of its range", leaf.idx) from None
    return hashes
