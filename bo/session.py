"""Which ledger, which device, whose passphrase: everything between the command line and an open ledger."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bo import __version__, clock, errors
from projections.core import Projections
from store.device import DeviceFile, read, unlock
from store.errors import KeyProblem, Unavailable
from store.home import Binding, Home
from store.ledger import Ledger

if TYPE_CHECKING:
    from bo.settings import Settings
    from store.device import Device
    from store.transaction import Transaction

TOOL = f"bo {__version__}"


class Session(Ledger):
    """A ledger with the habits of the command line: idempotency keys, a journal of refusals, warnings."""

    def __init__(self, directory: Path, home: Home, device: Device) -> None:
        super().__init__(directory, home, device, Projections())
        self.tool, self.clock = TOOL, clock.now_ms

    def once(self, tx: Transaction) -> None:
        if self.key:
            from aggregates.once import Once
            from store.writing import Already

            first = tx.state(Once, self.key, tx.home).repeat(self.request.hex())
            if first:
                raise Already(msgspec.json.decode(first))

    def finished(self, tx: Transaction, result: object) -> None:
        if self.key and tx.home:
            from aggregates.once import Done, Once

            done = Done(self.request.hex(), msgspec.json.encode(result).decode())
            tx.append(Once, self.key, done, compartment=tx.home)

    def refused(self, refusal: Exception) -> None:
        from bo.journal import denied

        denied(self, str(refusal))

    def warn(self, message: str) -> None:
        errors.tell(message)


def open_ledger(settings: Settings) -> Session:
    """The ledger that was chosen, opened by the device that acts."""
    home = Home()
    directory = find(settings, home)
    binding = home.binding(str(directory.resolve()))
    file = device_file(settings, home, binding)
    return Session(directory, home, unlock(file, lambda: passphrase(settings, file.name)))


def find(settings: Settings, home: Home) -> Path:
    """--ledger, else BO_LEDGER, else the configuration's default, else the nearest parent that is a ledger."""
    chosen = settings.ledger or os.environ.get("BO_LEDGER") or configured(home, "ledger")
    if chosen:
        directory = Path(chosen).expanduser()
        if not (directory / "ledger.db").is_file():
            raise Unavailable(f"there is no ledger in {directory}: make one with `bo init {directory}`")
        return directory
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / "ledger.db").is_file():
            return directory
    raise Unavailable("there is no ledger here: name one with --ledger or BO_LEDGER, or make one with `bo init DIR`")


def configured(home: Home, name: str) -> str:
    """A value of the configuration file, "" when it has none."""
    if not home.config.is_file():
        return ""
    import tomllib

    try:
        return str(tomllib.loads(home.config.read_text()).get(name, ""))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise errors.BadInput(f"{home.config}: {problem}") from None


def device_file(settings: Settings, home: Home, binding: Binding | None) -> DeviceFile:
    """The device that was named, else the one that belongs to this ledger here."""
    name = settings.device or os.environ.get("BO_DEVICE") or (binding.device if binding else "")
    if name:
        return read(home.device_file(name))
    found = sorted(home.devices.glob("*.json")) if home.devices.is_dir() else []
    if len(found) == 1:
        return read(found[0])
    if not found:
        raise KeyProblem("you have no device here: make one with `bo device request --name NAME -o FILE`")
    raise KeyProblem(f"you have {len(found)} devices here: name one with --device or `bo use LEDGER --device NAME`")


def passphrase(settings: Settings, name: str) -> str:
    """From --passphrase-fd, BO_PASSPHRASE_FILE, a systemd credential, or a prompt."""
    if settings.passphrase_fd is not None:
        with os.fdopen(settings.passphrase_fd, "rb", closefd=False) as file:
            return _first_line(file.read(65_536))
    path = os.environ.get("BO_PASSPHRASE_FILE")
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if not path and credentials and (Path(credentials) / "bo.passphrase").is_file():
        path = str(Path(credentials) / "bo.passphrase")
    if path:
        return _first_line(Path(path).read_bytes())
    if not settings.may_ask:
        raise KeyProblem("the device is locked")
    return ask(f"Passphrase of {name}")


def ask(prompt: str, *, confirm: bool = False) -> str:
    """Ask on the terminal without echo; without a terminal this is an error."""
    import sys

    import click

    if not sys.stdin.isatty():
        raise KeyProblem("a passphrase is needed: give it by --passphrase-fd or BO_PASSPHRASE_FILE")
    return str(click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True))


def _first_line(data: bytes) -> str:
    try:
        return data.split(b"\n", 1)[0].decode()
    except UnicodeDecodeError:
        raise KeyProblem("the passphrase is not UTF-8") from None


def fingerprint(ledger_id: bytes) -> str:
    """100 bits of a ledger's id, in groups to compare by eye or ear."""
    from base64 import b32encode

    text = b32encode(ledger_id).decode()[:20]
    return "-".join(text[at : at + 5] for at in range(0, 20, 5))


def device_fingerprint(device: Device) -> str:
    """100 bits of the hash of a device's public keys."""
    from hashlib import sha256

    return fingerprint(sha256(device.sign_public + device.kem_public).digest())
