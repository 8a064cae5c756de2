"""Where a person's own files are: device keys, pins, bindings, views. Light: every command imports it."""

from __future__ import annotations

import os
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import msgspec

from store.errors import RolledBack, Unavailable
from store.failpoints import hit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Binding(msgspec.Struct):
    """What this home knows of a place: the ledger that is there, and the device to use."""

    ledger: str
    device: str = ""


class Pin(msgspec.Struct):
    """The newest head this home verified of a ledger: a shorter or other log is reported."""

    size: int
    frontier: bytes
    note: bytes


SLOT = 8192
"""Bytes of each of the two places in a pin's file. The newer pin counts, the older is written over, so that one is
whole whenever the power goes."""
SYNCED = 1.0
"""Seconds after which a pin is brought to the disk again: one that a power cut throws back this far is still true."""
_sync = getattr(os, "fdatasync", os.fsync)


class Home:
    """`$BO_HOME`, else `$XDG_CONFIG_HOME/bo`; views in `$BO_HOME/views`, else `$XDG_CACHE_HOME/bo`."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        own = env.get("BO_HOME")
        user = Path(env.get("HOME") or "~").expanduser()
        self.root = Path(own) if own else Path(env.get("XDG_CONFIG_HOME") or user / ".config") / "bo"
        self.views = self.root / "views" if own else Path(env.get("XDG_CACHE_HOME") or user / ".cache") / "bo"
        self.config, self.devices, self.pins = self.root / "config.toml", self.root / "devices", self.root / "pins"
        self._loose: set[str] = set()
        """Ledgers whose pin was written and not synced."""
        self._synced = float("-inf")

    def device_file(self, name: str) -> Path:
        """A device by its name here, or by the path of its file."""
        return Path(name) if "/" in name else self.devices / f"{name}.json"

    def _binding(self, place: str) -> Path:
        return self.root / "places" / place.strip("/") / "binding.json"

    def binding(self, place: str) -> Binding | None:
        """What is known of a place, by its real path or URL."""
        try:
            return msgspec.json.decode(self._binding(place).read_bytes(), type=Binding)
        except FileNotFoundError:
            return None
        except ValueError:  # not UTF-8 either
            raise Unavailable(f"{self._binding(place)} is damaged: remove it and run `bo use`") from None

    def forget(self, place: str) -> None:
        """What was known of a place is no longer so: its ledger is gone."""
        self._binding(place).unlink(missing_ok=True)

    def bind(self, place: str, binding: Binding) -> None:
        """Remember what stands at a place. A place is bound to one ledger for good."""
        known = self.binding(place)
        if known is not None and known.ledger != binding.ledger:
            raise RolledBack(f"another ledger stands at {place} than the one this home knows there")
        if known != binding:
            write_private(self._binding(place), msgspec.json.encode(binding))

    def pin(self, ledger: str) -> Pin | None:
        """The pin as it stands."""
        return max(filter(None, self._pins(ledger)), key=lambda pin: pin.size, default=None)

    def _pins(self, ledger: str) -> list[Pin | None]:
        """What the two places of a pin's file hold, nothing without a file; older versions wrote one pin alone."""
        try:
            with open(f"{self.pins}/{ledger}", "rb", buffering=0) as file:  # noqa: PTH123  # before every read of the ledger
                return pins_in(file.read())
        except FileNotFoundError:
            return []
        except ValueError:  # not UTF-8 either
            raise RolledBack(
                f"the pin {self.pins / ledger} is damaged: compare `bo audit head` with a colleague"
            ) from None

    def advance(self, ledger: str, pin: Pin) -> None:
        """Move the pin forward under a lock; it never goes back here."""
        with locked(self.pins / f"{ledger}.lock"):
            pins = self._pins(ledger)
            known = [each.size if each else -1 for each in pins]
            if pin.size > max(known, default=-1):
                hit("pin-begun")
                if len(known) == 2:
                    self._overwrite(ledger, pin, known.index(min(known)))
                else:
                    write_private(self.pins / ledger, _file_of(pin))
                hit("pin-written")

    def _overwrite(self, ledger: str, pin: Pin, place: int) -> None:
        """Replace one of the two. What a process writes in quick succession is synced now and then, and at last."""
        descriptor = os.open(self.pins / ledger, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, _slot(pin), SLOT * place)
            if self._synced < monotonic() - SYNCED:
                _sync(descriptor)
                self._synced = monotonic()
                self._loose.discard(ledger)
            else:
                self._loose.add(ledger)
        finally:
            os.close(descriptor)

    def settle(self) -> None:
        """Bring to the disk what was not yet."""
        while self._loose:
            path = self.pins / self._loose.pop()
            with suppress(FileNotFoundError), path.open("rb") as file:  # what is gone needs no sync
                _sync(file.fileno())

    def replace_pin(self, ledger: str, pin: Pin, evidence: str) -> None:
        """Accept a rollback: the old pin is kept beside, named by `evidence`."""
        with locked(self.pins / f"{ledger}.lock"):
            (self.pins / ledger).rename(self.pins / f"{ledger}.{evidence}")
            write_private(self.pins / ledger, _file_of(pin))


def pins_in(raw: bytes) -> list[Pin | None]:
    """The pins in a file, None for one that is not whole. Raises ValueError when none is."""
    if len(raw) != 2 * SLOT:
        return [msgspec.msgpack.decode(raw, type=Pin)]
    found = [_pin_in(raw[:SLOT]), _pin_in(raw[SLOT:])]
    if not any(found):
        raise ValueError("no pin is whole")
    return found


def newest_in(raw: bytes) -> Pin:
    """The pin that counts in a file. Raises ValueError for a damaged one."""
    return max(filter(None, pins_in(raw)), key=lambda pin: pin.size)


def _pin_in(slot: bytes) -> Pin | None:
    size = int.from_bytes(slot[:4], "big")
    raw = slot[8 : 8 + size]
    if not raw or zlib.crc32(raw) != int.from_bytes(slot[4:8], "big"):
        return None
    return msgspec.msgpack.decode(raw, type=Pin)


def _slot(pin: Pin) -> bytes:
    """Length, checksum, pin: half of it is noticed."""
    raw = msgspec.msgpack.encode(pin)
    return (len(raw).to_bytes(4, "big") + zlib.crc32(raw).to_bytes(4, "big") + raw).ljust(SLOT, b"\0")


def _file_of(pin: Pin) -> bytes:
    return _slot(pin) + bytes(SLOT)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file whole: write a new one with mode 0600, fsync, rename, fsync the folder."""
    private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for its owner alone."""
    if not folder.is_dir():
        private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def locked(path: Path, wait: float = 60.0, problem: str = "another process holds the lock") -> Iterator[None]:
    """Hold an exclusive lock on a file of its own: threads have one each, so it excludes them too.

    Raises Unavailable after `wait` seconds.
    """
    import fcntl

    try:
        descriptor = _lock_file(path)
    except FileNotFoundError:
        private_folder(path.parent)
        descriptor = _lock_file(path)
    try:
        pause, until = 0.0002, monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if monotonic() > until:
                    raise Unavailable(f"{path}: {problem} for {wait:.0f} seconds") from None
                sleep(pause)
                pause = min(pause * 2, 0.01)
        yield
    finally:
        os.close(descriptor)


def _lock_file(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
