"""Signed notes (C2SP signed-note) and heads (C2SP tlog-checkpoint), Ed25519 only."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from store.errors import Malformed
from store.tree import LIMIT, ProofError

if TYPE_CHECKING:  # whoever only reads notes does not wait for cryptography
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LARGEST = 64 * 1024
"""A longer note is refused unread."""

ED25519 = b"\x01"
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
EIGHTH = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL_ORDER = frozenset({0, 1, PRIME - 1, EIGHTH, PRIME - EIGHTH})
"""The y of all points of order 1, 2, 4 and 8; x is not asked."""

DASH = "— "
FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f]")
DEVICE = re.compile(r"[0-9a-f]{32}")


class Signature(msgspec.Struct, frozen=True):
    name: str
    key_hash: bytes
    signature: bytes


class Note(msgspec.Struct, frozen=True):
    """A text and who signed it. Believe the text after `verify_note` only."""

    text: str
    signatures: tuple[Signature, ...]


class Checkpoint(msgspec.Struct, frozen=True):
    """A head: the tree of `size` leaves has this root. Believe it after `verify` only."""

    origin: str
    size: int
    root: bytes
    text: str
    name: str
    key_hash: bytes
    signature: bytes

    @property
    def device(self) -> bytes:
        """The id in the key's name."""
        return bytes.fromhex(self.name.removeprefix(f"{self.origin}/"))


def origin_of(ledger_id: bytes) -> str:
    return f"bo.internal/{ledger_id.hex()}"


def key_name(origin: str, device: bytes) -> str:
    return f"{origin}/{device.hex()}"


def key_id(name: str, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    return f"{origin}\n{size}\n{encode64(root)}\n"


def sign(text: str, name: str, private_key: Ed25519PrivateKey) -> bytes:
    """The note: `text`, a blank line, one signature line."""
    _check_text(text)
    _check_name(name)
    key_hash = key_id(name, private_key.public_key().public_bytes_raw())
    signature = private_key.sign(text.encode())
    return f"{text}\n{DASH}{name} {encode64(key_hash + signature)}\n".encode()


def parse_note(data: bytes, most: int = 1) -> Note:
    """Any note with one signature, or up to `most`."""
    if len(data) > LARGEST:
        raise Malformed(f"a note has at most {LARGEST} bytes, not {len(data)}")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise Malformed("a note is UTF-8") from None
    above, blank, below = whole.rpartition("\n\n")
    if not blank:
        raise Malformed("a note has a blank line before its signature")
    text = above + "\n"
    _check_text(text)
    *lines, rest = below.split("\n")
    if rest or not lines:
        raise Malformed("a note ends with a signature line and a newline")
    if len(lines) > most:
        raise Malformed(f"a note with {len(lines)} signatures, where {most} may stand")
    return Note(text, tuple(_signature(line) for line in lines))


def verify_note(note: Note, name: str, public_key: bytes) -> None:
    """Raise ProofError unless the key signed it. What other keys signed is not looked at."""
    key_hash = key_id(name, public_key)
    ours = [each for each in note.signatures if (each.name, each.key_hash) == (name, key_hash)]
    if not ours:
        raise ProofError(f"{name} with this key has not signed the note")
    for each in ours:
        verify_bytes(note.text.encode(), each.signature, public_key)


def parse(data: bytes, origin: str | None = None) -> Checkpoint:
    """The head in a note: three lines, one signature by a device of `origin`.

    Without an `origin` the one in the note is taken; the caller decides whether it is wanted.
    """
    note = parse_note(data)
    lines = note.text.split("\n")
    if len(lines) != 4:
        raise Malformed(f"a head has three lines, not {len(lines) - 1}")
    found, size, root, _ = lines
    if not found or (origin is not None and found != origin):
        raise Malformed("the head is one of another ledger")
    [by] = note.signatures
    start, _, device = by.name.rpartition("/")
    if start != found or not DEVICE.fullmatch(device):
        raise Malformed("the head is not signed by a device of its ledger")
    return Checkpoint(found, decimal(size), decode64(root, 32), note.text, by.name, by.key_hash, by.signature)


def verify(checkpoint: Checkpoint, public_key: bytes) -> None:
    """Raise ProofError unless the key signed it, Malformed when the key is none."""
    if checkpoint.key_hash != key_id(checkpoint.name, public_key):
        raise ProofError("the head is signed by another key")
    verify_bytes(checkpoint.text.encode(), checkpoint.signature, public_key)


def verify_bytes(data: bytes, signature: bytes, public_key: bytes) -> None:
    """Ed25519 as the format wants it: S below the order, R compared as bytes, no cofactor."""
    from cryptography.exceptions import InvalidSignature

    key = _key(public_key)
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= ORDER:
        raise ProofError("the signature is not a canonical Ed25519 signature")
    try:
        key.verify(signature, data)
    except InvalidSignature:
        raise ProofError("the signature does not fit the text and the key") from None


def check_public_key(raw: bytes) -> None:
    """Refuse what is no Ed25519 point, written in another way, or of small order."""
    if len(raw) != 32:
        raise Malformed(f"an Ed25519 public key has 32 bytes, not {len(raw)}")
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= PRIME:
        raise Malformed("the public key is not written canonically")
    if y in SMALL_ORDER:  # among them x = 0, the only one whose sign could be written in two ways
        raise Malformed("the public key is of small order")
    if pow((y * y - 1) * (D * y * y + 1), (PRIME - 1) // 2, PRIME) != 1:
        raise Malformed("the public key is not a point of the curve")


def verifier_key(name: str, public_key: bytes) -> str:
    """The key as one string, as other programs that read notes want it."""
    _check_name(name)
    return f"{name}+{key_id(name, public_key).hex()}+{encode64(ED25519 + public_key)}"


def parse_verifier_key(text: str) -> tuple[str, bytes]:
    """Name and public key."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise Malformed("a verifier key is name+id+key")
    name, key_hash, encoded = parts
    _check_name(name)
    material = decode64(encoded, 33)
    if material[:1] != ED25519:
        raise Malformed("the verifier key is not one for Ed25519")
    check_public_key(material[1:])
    if key_hash != key_id(name, material[1:]).hex():
        raise Malformed("the verifier key has another id than its name and key give")
    return name, material[1:]


def encode64(data: bytes) -> str:
    return b64encode(data).decode()


def decode64(text: str, length: int | None = None) -> bytes:
    """What `encode64` makes of bytes, and nothing else."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise Malformed("not base64") from None
    if encode64(data) != text:
        raise Malformed("base64 that is not canonical")
    if length is not None and len(data) != length:
        raise Malformed(f"{len(data)} bytes, where {length} belong")
    return data


def decimal(text: str) -> int:
    """An integer from 0 on, as Python writes it, below 2^53."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,15}", text) or int(text) >= LIMIT:
        raise Malformed("a number is written in plain digits, without leading zeros, and is below 2^53")
    return int(text)


@lru_cache(maxsize=1024)
def _key(raw: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    check_public_key(raw)
    return Ed25519PublicKey.from_public_bytes(raw)


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise Malformed("the text of a note ends with a newline")
    if FORBIDDEN.search(text):
        raise Malformed("a note has no control characters but newlines")


def _check_name(name: str) -> None:
    if not name or "+" in name or name.split(maxsplit=1) != [name] or FORBIDDEN.search(name):
        raise Malformed("a key name is not empty and has no blanks and no plus sign")


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or FORBIDDEN.search(line):
        raise Malformed("a signature line begins with a dash")
    _check_name(name)
    data = decode64(encoded)
    if len(data) < 5:
        raise Malformed("a signature has a key id and something after it")
    return Signature(name, data[:4], data[4:])
