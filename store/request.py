"""Device requests: a new device asks to be enrolled, in a file without secrets (docs/design.md, 9)."""

from __future__ import annotations

from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aggregates.core import require
from store import canonical, slots
from store import note as notes
from store.control import DeviceAdd
from store.errors import Malformed, RolledBack
from store.streams import kept_hashes
from store.tree import Frontier, ProofError

if TYPE_CHECKING:
    from store.device import Device
    from store.ledger import Ledger

HEADER = "bo/device-request/v1"
LARGEST = 8 * 1024
_HEX = frozenset("0123456789abcdef")


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. `checkpoint` is the head its maker verified: origin, size and root, three lines."""

    suite: int
    sign: str
    kem: str
    device: str
    ledger: str
    checkpoint: str


class Asked(NamedTuple):
    """A request whose signature holds; `hash` is the SHA-256 of the signed text, of which people compare 100 bits."""

    request: Request
    hash: bytes

    def addition(self, person: str, *, unattended: bool = False) -> DeviceAdd:
        """The act that enrols it."""
        asked = self.request
        return DeviceAdd(asked.device, person, asked.suite, asked.sign, asked.kem, unattended, self.hash.hex())


def make(device: Device, checkpoint: str) -> bytes:
    """The file to send. The device is bound to it from now on, and is to be saved after this."""
    request = Request(
        slots.SUITE, device.sign_public.hex(), device.kem_public.hex(), device.id.hex(), device.ledger.hex(), checkpoint
    )
    text = f"{HEADER}\n{canonical.encode(request).decode()}\n"
    device.request, device.checkpoint = sha256(text.encode()).hexdigest(), checkpoint
    return notes.sign(text, notes.key_name(notes.origin_of(device.ledger), device.id), device.signer)


def parse(data: bytes) -> Asked:
    """Raises Malformed unless it is a whole request, signed by the very key it brings."""
    if len(data) > LARGEST:
        raise Malformed(f"a device request has at most {LARGEST} bytes")
    note = notes.parse_note(data)
    lines = note.text.split("\n")
    if len(lines) != 3 or lines[0] != HEADER:
        raise Malformed("it is not a device request")
    request: Request = canonical.decode(lines[1].encode(), Request)
    for text, size in ((request.device, 32), (request.ledger, 32), (request.sign, 64)):
        if len(text) != size or not _HEX.issuperset(text):
            raise Malformed("an id or a key in the request is malformed")
    if request.suite != slots.SUITE or len(request.kem) != 2 * slots.PUBLIC_SIZE or not _HEX.issuperset(request.kem):
        raise Malformed("the request brings keys of another suite")
    slots.check_public_key(bytes.fromhex(request.kem))
    seen(request)
    origin = notes.origin_of(bytes.fromhex(request.ledger))
    try:
        notes.verify_note(note, f"{origin}/{request.device}", bytes.fromhex(request.sign))
    except ProofError as problem:
        raise Malformed(str(problem)) from None
    return Asked(request, sha256(note.text.encode()).digest())


def seen(request: Request) -> tuple[int, bytes]:
    """Size and root of the head its maker saw."""
    lines = request.checkpoint.split("\n")
    if len(lines) != 4 or lines[0] != notes.origin_of(bytes.fromhex(request.ledger)) or lines[3]:
        raise Malformed("the request's checkpoint is not one of its ledger")
    return notes.decimal(lines[1]), notes.decode64(lines[2], 32)


def compare(request: Request, ledger: Ledger) -> None:
    """Refuse what was made for another ledger. Raises RolledBack when its maker sees another log than we do."""
    require(request.ledger == ledger.id.hex(), "this request was made for another ledger")
    size, root = seen(request)
    if not 0 < size <= ledger.verifier.size:
        raise RolledBack(f"whoever made this request saw {size} leaves of the log, and here are {ledger.verifier.size}")
    frontier = Frontier()
    frontier.extend(islice(kept_hashes(ledger.client.db), size))
    if frontier.root() != root:
        raise RolledBack("whoever made this request sees another log than you: one of you was given a forged copy")
