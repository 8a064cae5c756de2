"""Where a person's own files are: device keys, pins, bindings, views. Light: every command imports it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
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


_UNREAD = ((0, 0, 0), Pin(0, b"", b""))


class Home:
    """`$BO_HOME`, else `$XDG_CONFIG_HOME/bo`; views in `$BO_HOME/views`, else `$XDG_CACHE_HOME/bo`."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        own = env.get("BO_HOME")
        user = Path(env.get("HOME") or "~").expanduser()
        self.root = Path(own) if own else Path(env.get("XDG_CONFIG_HOME") or user / ".config") / "bo"
        self.views = self.root / "views" if own else Path(env.get("XDG_CACHE_HOME") or user / ".cache") / "bo"
        self.config, self.devices, self.pins = self.root / "config.toml", self.root / "devices", self.root / "pins"
        self._pins: dict[str, tuple[tuple[int, int, int], Pin]] = {}

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

    def bind(self, place: str, binding: Binding) -> None:
        """Remember what stands at a place. A place is bound to one ledger for good."""
        known = self.binding(place)
        if known is not None and known.ledger != binding.ledger:
            raise RolledBack(f"another ledger stands at {place} than the one this home knows there")
        if known != binding:
            write_private(self._binding(place), msgspec.json.encode(binding))

    def pin(self, ledger: str) -> Pin | None:
        """The pin as it stands, read again only when the file was replaced."""
        try:
            about = os.stat(f"{self.pins}/{ledger}")  # noqa: PTH116  # asked before every read of the ledger
            stamp = (about.st_ino, about.st_mtime_ns, about.st_size)
            if self._pins.get(ledger, _UNREAD)[0] != stamp:
                self._pins[ledger] = stamp, msgspec.msgpack.decode((self.pins / ledger).read_bytes(), type=Pin)
            return self._pins[ledger][1]
        except FileNotFoundError:
            return None
        except ValueError:  # not UTF-8 either
            raise RolledBack(
                f"the pin {self.pins / ledger} is damaged: compare `bo audit head` with a colleague"
            ) from None

    def advance(self, ledger: str, pin: Pin) -> None:
        """Move the pin forward under a lock; it never goes back here."""
        with locked(self.pins / f"{ledger}.lock"):
            known = self.pin(ledger)
            if known is None or pin.size > known.size:
                write_private(self.pins / ledger, msgspec.msgpack.encode(pin), failpoint="pin-temporary")
                hit("pin-written")

    def replace_pin(self, ledger: str, pin: Pin, evidence: str) -> None:
        """Accept a rollback: the old pin is kept beside, named by `evidence`."""
        with locked(self.pins / f"{ledger}.lock"):
            (self.pins / ledger).rename(self.pins / f"{ledger}.{evidence}")
            write_private(self.pins / ledger, msgspec.msgpack.encode(pin))


def write_private(path: Path, data: bytes, failpoint: str = "") -> None:
    """Replace a file whole: write a new one with mode 0600, fsync, rename, fsync the folder."""
    private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        hit(failpoint)
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
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file of its own."""
    import fcntl

    private_folder(path.parent)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
