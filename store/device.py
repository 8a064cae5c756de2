"""Device files: the keys a person acts with, under a passphrase (argon2id) or in the clear for cron."""

from __future__ import annotations

import os
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from store.errors import KeyProblem, Malformed
from store.home import write_private

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

LARGEST = 64 * 1024
WRONG = "the key file or the passphrase is not right"
MEMORY, PASSES, LANES = 65_536, 3, 4  # argon2id: KiB, iterations, lanes
MOST_MEMORY, MOST_PASSES, MOST_LANES = 1 << 18, 10, 16


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All private keys of a device; `views` is the key and salt of its view databases."""

    sign: str
    mlkem: str
    x25519: str
    views: str


class Kdf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    memory: int
    passes: int
    lanes: int
    salt: str


class DeviceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device file as it stands. Exactly one of `secrets` (no passphrase) and `box` is there."""

    format: str
    name: str
    device: str
    ledger: str
    request: str = ""
    checkpoint: str = ""
    secrets: Secrets | None = None
    kdf: Kdf | None = None
    box: str = ""

    def sealed(self) -> bytes:
        """What the box is bound to."""
        return msgspec.json.encode([self.format, self.name, self.device, self.ledger, self.request, self.checkpoint])


class Device:
    """An opened device: signs, receives keys, and opens its views."""

    def __init__(self, file: DeviceFile, secrets: Secrets) -> None:
        self.name, self.id, self.ledger = file.name, bytes.fromhex(file.device), bytes.fromhex(file.ledger)
        self.request, self.checkpoint = file.request, file.checkpoint
        self.has_passphrase = file.secrets is None
        self._secrets = secrets

    @property
    def secrets(self) -> Secrets:
        """For the agent, which keeps them in memory alone."""
        return self._secrets

    @property
    def view_key(self) -> str:
        """Key and salt of the view database, as 96 hexadecimal digits."""
        return self._secrets.views

    @cached_property
    def signer(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self._secrets.sign))

    @cached_property
    def sign_public(self) -> bytes:
        return self.signer.public_key().public_bytes_raw()

    @property
    def receiver(self) -> MLKEM768X25519PrivateKey:
        from store import slots

        return slots.private_key(bytes.fromhex(self._secrets.mlkem), bytes.fromhex(self._secrets.x25519))

    @property
    def kem_public(self) -> bytes:
        from store import slots

        return slots.public_bytes(bytes.fromhex(self._secrets.mlkem), bytes.fromhex(self._secrets.x25519))

    def save(self, path: Path, passphrase: str | None) -> None:
        """Write or replace the file; None leaves the keys in the clear, for tests and cron."""
        file = DeviceFile("bo.device/1", self.name, self.id.hex(), self.ledger.hex(), self.request, self.checkpoint)
        if passphrase is None:
            file = msgspec.structs.replace(file, secrets=self._secrets)
        else:
            kdf = Kdf(MEMORY, PASSES, LANES, os.urandom(16).hex())
            from base64 import b64encode

            nonce = os.urandom(12)
            box = _cipher(kdf, passphrase).encrypt(nonce, msgspec.json.encode(self._secrets), file.sealed())
            file = msgspec.structs.replace(file, kdf=kdf, box=b64encode(nonce + box).decode())
        write_private(path, msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n")


def new(name: str, ledger: bytes, request: str = "", checkpoint: str = "", device: bytes = b"") -> Device:
    """Fresh keys for a device of `ledger`."""
    file = DeviceFile("bo.device/1", name, (device or os.urandom(16)).hex(), ledger.hex(), request, checkpoint)
    secrets = Secrets(os.urandom(32).hex(), os.urandom(64).hex(), os.urandom(32).hex(), os.urandom(48).hex())
    return Device(file, secrets)


def read(path: Path) -> DeviceFile:
    """The file at `path`, which must be private and regular. Raises KeyProblem."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise KeyProblem(f"there is no device file {path}") from None
    except OSError as problem:
        raise KeyProblem(f"the device file {path} cannot be opened: {problem.strerror}") from None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise KeyProblem(f"{path} is not a regular file")
        if about.st_mode & 0o077:
            raise KeyProblem(f"{path} can be read by others: run `chmod 600 {path}`")
        raw = os.read(descriptor, LARGEST + 1)
    finally:
        os.close(descriptor)
    try:
        device = msgspec.json.decode(raw, type=DeviceFile) if len(raw) <= LARGEST else None
    except (ValueError, RecursionError):  # not JSON, not ours, or not UTF-8
        device = None
    if device is None or device.format != "bo.device/1" or (device.secrets is None) == (device.kdf is None):
        raise KeyProblem(WRONG)
    return device


def unlock(file: DeviceFile, passphrase: Callable[[], str]) -> Device:
    """The device in a file; `passphrase` is asked only when there is one. Raises KeyProblem."""
    secrets = file.secrets
    if secrets is None and file.kdf is not None:
        secrets = _open_box(file, file.kdf, passphrase())
    if secrets is None or not _sound(file, secrets):
        raise KeyProblem(WRONG)
    return Device(file, secrets)


def _open_box(file: DeviceFile, kdf: Kdf, passphrase: str) -> Secrets | None:
    from base64 import b64decode

    from cryptography.exceptions import InvalidTag

    try:
        box = b64decode(file.box, validate=True)
        return msgspec.json.decode(_cipher(kdf, passphrase).decrypt(box[:12], box[12:], file.sealed()), type=Secrets)
    except (InvalidTag, ValueError):
        return None


def _cipher(kdf: Kdf, passphrase: str):  # type: ignore[no-untyped-def]  # the class is imported only here
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    if not (
        8 * kdf.lanes <= kdf.memory <= MOST_MEMORY and 1 <= kdf.passes <= MOST_PASSES and 1 <= kdf.lanes <= MOST_LANES
    ):
        raise Malformed("the key file asks for unreasonable work")
    derive = Argon2id(
        salt=bytes.fromhex(kdf.salt), length=32, iterations=kdf.passes, lanes=kdf.lanes, memory_cost=kdf.memory
    )
    return AESGCM(derive.derive(passphrase.encode()))


def _sound(file: DeviceFile, secrets: Secrets) -> bool:
    sizes = ((secrets.sign, 64), (secrets.mlkem, 128), (secrets.x25519, 64), (secrets.views, 96), (file.device, 32))
    texts = [text for text, size in sizes if len(text) == size]
    return (
        len(texts) == 5
        and len(file.ledger) == 32
        and all(c in "0123456789abcdef" for c in "".join(texts) + file.ledger)
    )
