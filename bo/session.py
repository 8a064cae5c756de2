"""Which ledger, which device, whose passphrase: everything between the command line and an open ledger."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from bo import __version__, clock, errors
from bo.settings import current
from projections.core import Projections
from store.device import Device, DeviceFile, read, unlock
from store.errors import KeyProblem, NoLedger, Unauthorised, Unavailable
from store.home import Home
from store.ledger import GONE, Ledger
from store.place import key_of, open_store, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bo.settings import Settings
    from store.place import Place
    from store.transaction import Transaction

T = TypeVar("T")
TOOL = f"bo {__version__}"


class Session(Ledger):
    """A ledger with the habits of the command line: idempotency keys, a journal of refusals, warnings."""

    _finished = False
    _warned: frozenset[str] = frozenset()
    recorded = False
    """Whether this command's work was written: what fails from then on does not undo it."""

    unexplained = False
    """Whether a reason is needed and was not said: it is asked for in an editor before the first commit."""

    locked: DeviceFile | None = None
    """The device's file while its keys came from the agent: nobody entered the passphrase for this command."""

    def __init__(self, place: Place, home: Home, device: Device) -> None:
        super().__init__(place, home, device, Projections())
        self.tool, self.clock = TOOL, clock.now_ms

    def commit(self, work: Callable[[Transaction], T]) -> T:
        self.explained()
        result = super().commit(work)
        self.recorded = self._finished and not self.dry_run
        return result

    def explained(self) -> str:
        """The reason; where it is needed and was not said, the user writes it now. Nothing is locked meanwhile."""
        if self.unexplained:
            from bo import editing

            self.reason, self.unexplained = editing.reason(self.command), False
        return self.reason

    def once(self, tx: Transaction) -> None:
        if self.key:
            from aggregates.once import Once
            from store.writing import Already

            first = tx.state(Once, self.key, tx.home).repeat(self.request.hex())
            if first:
                raise Already(_result(first, self.key))

    def finished(self, tx: Transaction, result: object) -> None:
        self._finished = True
        if self.key and tx.home:
            from aggregates.once import Done, Once

            done = Done(self.request.hex(), msgspec.json.encode(result).decode())
            tx.append(Once, self.key, done, compartment=tx.home)

    def refused(self, refusal: Exception) -> None:
        from bo.journal import denied

        denied(self, str(refusal))

    def called(self, compartment: int) -> str:
        row = self.client.db.execute("SELECT name FROM compartment WHERE number = ?", (compartment,)).fetchone()
        return str(row[0]) if row else super().called(compartment)

    def warn(self, message: str) -> None:
        """Once: a command that stays would say it again and again."""
        if message not in self._warned:
            self._warned |= {message}
            errors.tell(message)

    def reenter(self) -> None:
        """Have the passphrase of an unlocked device entered again, for acts that its agent may not do alone.

        A device without passphrase has nothing to enter, and the log says so. Raises KeyProblem.
        """
        file = self.locked
        if file is not None:
            unlock(file, lambda: passphrase(current(), file.name))
            self.locked = None
        self.reentered = self.device.has_passphrase


def open_ledger(settings: Settings) -> Session:
    """The ledger that was chosen, opened by the device that acts."""
    home = Home()
    place = find(settings, home)
    file = device_file(settings, home, place)
    if file.secrets is None and given(settings) is None:
        from bo import agent

        kept = agent.secrets(home, file.device)
        if kept is not None:
            ledger = Session(place, home, Device(file, kept))
            ledger.locked = file
            return ledger
    return Session(place, home, unlock(file, lambda: passphrase(settings, file.name)))


def chosen(settings: Settings) -> tuple[Home, DeviceFile]:
    """The device that would act, its keys not opened."""
    home = Home()
    return home, device_file(settings, home, find(settings, home))


def find(settings: Settings, home: Home) -> Place:
    """--ledger, else BO_LEDGER, else the configuration's default, else the nearest parent that is a ledger."""
    chosen = settings.ledger or os.environ.get("BO_LEDGER") or configured(home, "ledger")
    if chosen:
        place = place_of(chosen)
        if isinstance(place, Path) and not (place / "ledger.db").is_file():
            if home.binding(key_of(place)) is not None:
                raise NoLedger(GONE.format(place=place))
            raise NoLedger(f"there is no ledger in {place}: make one with `bo init {place}`")
        return place
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / "ledger.db").is_file():
            return directory
    raise Unavailable("there is no ledger here: name one with --ledger or BO_LEDGER, or make one with `bo init DIR`")


def configured(home: Home, name: str) -> str:
    """A value of the configuration file, "" when it has none."""
    if not home.config.is_file():
        return ""
    from bo import config

    return config.load(home).get(name, "")


def device_file(settings: Settings, home: Home, place: Place) -> DeviceFile:
    """The device that was named, else the one that belongs to this ledger here."""
    binding = home.binding(key_of(place))
    name = settings.device or os.environ.get("BO_DEVICE") or (binding.device if binding else "")
    name = name or configured(home, "device")
    if name:
        file = read(home.device_file(name))
        if binding is None and file.ledger != ledger_at(place):
            raise KeyProblem(f"the device {file.name} belongs to another ledger than the one in {place}")
        return file
    files = sorted(home.devices.glob("*.json")) if home.devices.is_dir() else []
    ledger = ledger_at(place) if files else ""
    fitting = [file for file in map(read, files) if file.ledger == ledger]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        have = f"none of your devices here belongs to the ledger in {place}" if files else "you have no device here"
        raise Unauthorised(
            f"{have}: make one with `bo device request --name NAME -o FILE` and send FILE to an admin of the ledger"
        )
    names = ", ".join(file.name for file in fitting)
    raise KeyProblem(f"you have several devices of this ledger: name one with --device or `bo use`: {names}")


def ledger_at(place: Place) -> str:
    """The id of the ledger that stands somewhere, as its first leaf says."""
    from store.verify import ledger_id_of

    store = open_store(place, read_only=True)
    try:
        first = store.leaf(0)
    finally:
        store.close()
    if first is None or type(first.body) is not bytes:
        raise Unavailable(f"the ledger in {place} has no beginning")
    return ledger_id_of(first.body).hex()


def passphrase(settings: Settings, name: str) -> str:
    """From --passphrase-fd, BO_PASSPHRASE_FILE, a systemd credential, or a prompt."""
    source = given(settings)
    if source is not None:
        return _first_line(source)
    if not settings.may_ask:
        raise KeyProblem("the device is locked")
    return ask(f"Passphrase of {name}")


def new_passphrase(settings: Settings) -> str:
    """For a device that is made now: from where passphrases are given, else asked twice."""
    source = given(settings)
    chosen = ask("New passphrase for your device", confirm=True) if source is None else _first_line(source)
    if not chosen:
        raise KeyProblem("an empty passphrase protects nothing: --no-passphrase says so openly")
    return chosen


def given(settings: Settings) -> int | Path | None:
    """Where a passphrase can be read without asking: a descriptor, a file, or nowhere."""
    if settings.passphrase_fd is not None:
        return settings.passphrase_fd
    path = os.environ.get("BO_PASSPHRASE_FILE")
    credential = Path(os.environ.get("CREDENTIALS_DIRECTORY") or os.devnull) / "bo.passphrase"
    if path:
        return Path(path)
    return credential if credential.is_file() else None


def ask(prompt: str, *, confirm: bool = False) -> str:
    """Ask on the terminal without echo; without a terminal this is an error."""
    import sys

    import click

    if not sys.stdin.isatty():
        raise KeyProblem("a passphrase is needed: give it by --passphrase-fd or BO_PASSPHRASE_FILE")
    while True:
        entered = str(click.prompt(prompt, hide_input=True, default="", show_default=False, err=True))
        if not (confirm and entered):
            return entered
        if entered == click.prompt("The same again", hide_input=True, default="", show_default=False, err=True):
            return entered
        errors.tell("the two were not the same")


def _first_line(source: int | Path) -> str:
    """The first line of a file, without what ends it. A descriptor stays open, and may be read again."""
    if isinstance(source, int) and source in _heard:
        return _heard[source]
    try:
        with open(source, "rb", closefd=isinstance(source, Path)) as file:
            data = file.read(65_536)
    except OSError as problem:
        where = f"descriptor {source}" if isinstance(source, int) else str(source)
        raise KeyProblem(f"the passphrase cannot be read from {where}: {(problem.strerror or '').lower()}") from None
    try:
        line = data.split(b"\n", 1)[0].removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise KeyProblem("the passphrase is not UTF-8") from None
    if isinstance(source, int):
        _heard[source] = line
    return line


_heard: dict[int, str] = {}
"""A pipe gives its passphrase once; a command may need it twice."""


def fingerprint(ledger_id: bytes) -> str:
    """100 bits of a ledger's id, in groups to compare by eye or ear."""
    from base64 import b32encode

    text = b32encode(ledger_id).decode()[:20]
    return "-".join(text[at : at + 5] for at in range(0, 20, 5))


def device_fingerprint(device: Device) -> str:
    """100 bits of the request a device was enrolled by; of its public keys where it never asked, as the founder's."""
    from hashlib import sha256

    asked = bytes.fromhex(device.request)
    return fingerprint(asked or sha256(device.sign_public + device.kem_public).digest())


def _result(first: str, key: str) -> object:
    """What a request gave the first time. Another program of this ledger may have written it."""
    try:
        return msgspec.json.decode(first)
    except ValueError:
        raise errors.BadInput(f"the first result under the key {key} cannot be read: choose a new key") from None
