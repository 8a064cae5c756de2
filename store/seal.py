"""Sealing: stream keys, their commitments, and the encryption of bodies (docs/design.md, 4)."""

import hmac
import os
import struct
from collections.abc import Callable
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from store.errors import KeyRowDamaged, Malformed
from store.leaf import Leaf, associated

MAX_PADDED = 63_488
_PLACE = struct.Struct(">II")
_OUTER, _INNER = bytes(x ^ 0x5C for x in range(256)), bytes(x ^ 0x36 for x in range(256))


def keyed(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA256 with a key of at most 64 bytes; half the price of the library's for short messages."""
    block = key.ljust(64, b"\0")
    inner, outer = block.translate(_INNER), block.translate(_OUTER)
    return lambda message: sha256(outer + sha256(inner + message).digest()).digest()


def mac(key: bytes, message: bytes) -> bytes:
    """The same of one message, perhaps a long one, which is not copied."""
    block = key.ljust(64, b"\0")
    inner = sha256(block.translate(_INNER))
    inner.update(message)
    return sha256(block.translate(_OUTER) + inner.digest()).digest()


def expand(key: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF-Expand-SHA256 (RFC 5869) on a key of exactly 32 bytes."""
    block = output = mac(key, info + b"\1")
    counter = 1
    while len(output) < length:
        counter += 1
        block = mac(key, block + info + bytes([counter]))
        output += block
    return output[:length]


def context(ledger_id: bytes, compartment: int, epoch: int, stream: bytes = b"") -> bytes:
    """What a stream key is bound to; without a stream, the prefix that epoch keys are bound to."""
    return ledger_id + _PLACE.pack(compartment, epoch) + stream


def stream_id(index_key: bytes, name: str) -> bytes:
    """The blinded name of `kind/reference`. Whoever held the compartment can test a name for ever."""
    return mac(index_key, name.encode())[:16]


def padded_size(length: int) -> int:
    """Bytes after padding: steps of 256, above 4 KiB Padmé (at most 12 % more)."""
    length += 1
    if length <= 4096:
        return -(-length // 256) * 256
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


class StreamKey:
    """A stream's key in one epoch: its commitment, and what seals and opens bodies."""

    __slots__ = ("_context", "_derive", "key_id")

    def __init__(self, dek: bytes, ctx: bytes) -> None:
        self._context, self._derive = ctx, keyed(dek)
        self.key_id = self._derive(b"bo.key-id/1\n" + ctx + b"\1")  # HKDF-Expand, one block of it

    @property
    def cipher(self) -> AESGCM:
        """What seals and opens bodies."""
        return AESGCM(self._derive(b"bo.event-key/1\n" + self._context + b"\1"))

    @property
    def context(self) -> bytes:
        """Ledger, compartment, epoch and stream, as one string of bytes."""
        return self._context

    @property
    def blob_key(self) -> bytes:
        return self._derive(b"bo.blob-key/1\n" + self._context + b"\1")

    def seal(self, ledger_id: bytes, leaf: Leaf, payload: bytes) -> Leaf:
        """`leaf` with its commitment and body. The nonce comes from the content, never from a counter."""
        size = padded_size(len(payload))
        if size > MAX_PADDED:
            raise Malformed("the content is too long for one leaf")
        padded = (payload + b"\x80").ljust(size, b"\0")
        salt = os.urandom(32)
        commitment = mac(salt, padded)
        nonce = commitment[:12]
        place, refs = leaf[:8], leaf[10]
        bound = associated(ledger_id, Leaf(*place, self.key_id, commitment, refs, b""))
        body = nonce + self.cipher.encrypt(nonce, salt + padded, bound)
        return Leaf(*place, self.key_id, commitment, refs, body)

    def open(self, ledger_id: bytes, leaf: Leaf) -> tuple[bytes, bytes]:
        """The payload, and the salt that discloses it. Raises Malformed when anything is not as sealed."""
        nonce = leaf.body[:12]
        try:
            plain = self.cipher.decrypt(nonce, leaf.body[12:], associated(ledger_id, leaf))
        except (InvalidTag, ValueError):  # the latter for a body that is too short to have a nonce
            raise Malformed("the body does not open under its key") from None
        salt, padded = plain[:32], plain[32:]
        if nonce != leaf.commitment[:12] or mac(salt, padded) != leaf.commitment:
            raise Malformed("the content is not what the leaf commits to")
        return unpad(padded), salt


def unpad(padded: bytes) -> bytes:
    """The payload in `padded`; only the one canonical padding is accepted."""
    payload = padded.rstrip(b"\0")
    if payload[-1:] != b"\x80" or padded_size(len(payload) - 1) != len(padded):
        raise Malformed("the padding is not canonical")
    return payload[:-1]


class EpochKey:
    """A compartment's keys in one epoch: names streams, wraps and unwraps their keys."""

    def __init__(self, ledger_id: bytes, compartment: int, epoch: int, index_key: bytes, epoch_key: bytes) -> None:
        self.ledger_id, self.compartment, self.epoch = ledger_id, compartment, epoch
        self.index_key, self.epoch_key = index_key, epoch_key
        self._prefix = context(ledger_id, compartment, epoch)
        self._wrapper = AESSIV(expand(epoch_key, b"bo.wrap/1\n" + self._prefix, 64))
        self._blind = keyed(index_key)

    @classmethod
    def new(cls, ledger_id: bytes, compartment: int, epoch: int, index_key: bytes | None = None) -> "EpochKey":
        return cls(ledger_id, compartment, epoch, index_key or os.urandom(32), os.urandom(32))

    @property
    def epoch_commitment(self) -> bytes:
        return expand(self.epoch_key, b"bo.epoch/1\n" + self._prefix)

    @property
    def index_commitment(self) -> bytes:
        return expand(self.index_key, b"bo.index/1\n" + self.ledger_id + self.compartment.to_bytes(4, "big"))

    def stream_id(self, name: str) -> bytes:
        """The blinded name of a stream."""
        return self._blind(name.encode())[:16]

    def new_key(self, stream: bytes) -> tuple[StreamKey, bytes]:
        """A fresh key for `stream`, and the row that keeps it wrapped."""
        dek, ctx = os.urandom(32), self._prefix + stream
        key = StreamKey(dek, ctx)
        return key, self._wrapper.encrypt(dek, [ctx + key.key_id])

    def unwrap(self, stream: bytes, key_id: bytes, wrapped: bytes | None) -> StreamKey:
        """The stream's key. Raises KeyRowDamaged unless it is the one the leaf's key_id commits to."""
        ctx = self._prefix + stream
        try:
            dek = self._wrapper.decrypt(wrapped or b"", [ctx + key_id])
        except (InvalidTag, ValueError):
            raise KeyRowDamaged("a stream's key row is damaged or missing") from None
        if len(dek) != 32:
            raise KeyRowDamaged("a stream's key row is damaged")
        key = StreamKey(dek, ctx)
        if not hmac.compare_digest(key.key_id, key_id):
            raise KeyRowDamaged("a stream's key row is not the one its leaf commits to")
        return key
