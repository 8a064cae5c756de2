"""What can be wrong with a ledger and a home, how bad it is, and how it is mended."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bo import errors, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bo.session import Session
    from bo.settings import Settings
    from store.device import DeviceFile
    from store.home import Home

ADVICE, WRONG = "advice", "wrong"
SMALL, LOW = 50 << 20, 500 << 20
LARGE_LOG = 64 << 20
YEARS = range(2024, 2200)
HOUR = 3600
"""What is younger may belong to a command that is still at work."""
AHEAD = 10 * 60 * 1000
"""Milliseconds by which the newest entry may be ahead of this machine's clock."""


class Finding(msgspec.Struct, frozen=True):
    """`code` is the exit code a command that stumbles over it would end with; 0 for advice."""

    level: str
    what: str
    mend: str
    code: int = 0


def examine(settings: Settings) -> list[Finding]:
    """Everything that was found, the worst first. It goes on where a command would stop."""
    from store.home import Home

    home = Home()
    closed = [*_closed(home)] or [*_config(home)]  # the configuration may be what is closed
    if closed:
        return _sorted(closed)
    found = [*_home(home)]
    try:
        place = session.find(settings, home)
    except Exception as problem:
        return [*found, _stumbled(problem, "name a ledger with --ledger, or choose one with `bo use`")]
    if isinstance(place, Path):
        found += _folder(place)
    try:
        file = session.device_file(settings, home, place)
    except Exception as problem:
        return _sorted([*found, _stumbled(problem, _another(home))])
    found += _device(file)
    try:
        ledger = session.open_ledger(settings)
    except Exception as problem:
        return _sorted([*found, _stumbled(problem, "the ledger itself could not be looked into without the device")])
    try:
        found += _ledger(ledger, home)
    finally:
        ledger.close()
    return _sorted(found)


def _sorted(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda one: -one.code)


def _stumbled(problem: Exception, mend: str) -> Finding:
    code = errors.code_of(problem)
    if code == 1:
        raise problem
    return Finding(WRONG, errors.sentence(problem), mend, code)


def _closed(home: Home) -> Iterator[Finding]:
    """What of the person's own files is closed to himself, as after `sudo bo …`: no command gets past that."""
    folders = [folder for folder in (home.root, home.devices, home.pins, home.views) if os.path.isdir(folder)]  # noqa: PTH112
    for path in dict.fromkeys(path for folder in folders for path in (folder, *sorted(folder.rglob("*")))):
        about = path.lstat()
        written = {home.pins, home.views} & set(path.parents)  # a device file may well be kept read-only
        needed = 0o700 if stat.S_ISDIR(about.st_mode) else 0o600 if written else 0o400
        if stat.S_ISLNK(about.st_mode):
            continue
        if os.getuid() not in (0, about.st_uid):
            yield Finding(WRONG, f"{path} belongs to another user", f"sudo chown -R {os.getuid()} {path}", 6)
        elif about.st_mode & needed != needed:
            how = "u+rwx" if needed == 0o700 else "600"
            what = f"{path} is closed to yourself ({stat.filemode(about.st_mode)})"
            yield Finding(WRONG, what, f"chmod {how} {path}", 6)


def _config(home: Home) -> Iterator[Finding]:
    from bo import config

    try:
        config.load(home)
    except errors.BadInput as problem:
        yield Finding(WRONG, str(problem), f"mend that in {home.config}, or remove the file", 2)


def _another(home: Home) -> str:
    """What to do where the device that was chosen is not to be had."""
    names = ", ".join(sorted(path.stem for path in home.devices.glob("*.json"))) if home.devices.is_dir() else ""
    if names:
        return f"choose another with --device or `bo use` ({names}), or put its file back from a copy"
    return "put its file back from a copy, or make a device with `bo device request --name NAME -o FILE`"


def _home(home: Home) -> Iterator[Finding]:
    """The person's own files."""
    for folder in (home.devices, home.pins, home.root / "places", home.root / "recovery", home.views):
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            yield from _private(path, 5 if folder == home.devices else 6)
    recovery = home.root / "recovery"
    for path in sorted(recovery.glob("*.json")) if recovery.is_dir() else ():
        yield Finding(ADVICE, f"a recovery key is still on this machine: {path}", "move it to a medium kept offline")
    kept = {path.name for path in home.views.iterdir()} if home.views.is_dir() else set()
    for name in sorted(kept - _ledgers(home, kept)):
        what = f"views of a ledger that none of your devices belongs to: {home.views / name}"
        yield Finding(ADVICE, what, f"rm -r {home.views / name}")
    yield from _room(home.views if home.views.is_dir() else home.root)


def _ledgers(home: Home, kept: set[str]) -> set[str]:
    """The ledgers of all device files here; where one cannot be read, all whose views are kept."""
    from store import device
    from store.errors import KeyProblem

    try:
        return {device.read(path).ledger for path in home.devices.glob("*.json")} if home.devices.is_dir() else set()
    except KeyProblem:
        return kept


def _folder(directory: Path) -> Iterator[Finding]:
    """The ledger's folder as the system shows it."""
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm", "lock"):
        path = directory / name
        if path.exists():
            yield from _private(path, 6)
    log = directory / "ledger.db-wal"
    if log.exists() and log.stat().st_size > LARGE_LOG:
        what = f"{log} holds {log.stat().st_size >> 20} MiB that are not in ledger.db yet: a reader holds it open"
        yield Finding(ADVICE, what, "end programs that have read for long; copy the ledger with `bo backup` only")
    if (directory / "ledger.db").stat().st_uid != os.getuid():
        yield Finding(ADVICE, f"{directory} belongs to another user", "act as that user, or have it handed over")
    yield from _room(directory)


def _private(path: Path, code: int) -> Iterator[Finding]:
    about = path.lstat()
    mode = about.st_mode & (0o022 if stat.S_ISDIR(about.st_mode) else 0o077)
    if mode and not stat.S_ISLNK(about.st_mode):
        how = "go-w" if stat.S_ISDIR(about.st_mode) else "600"
        yield Finding(WRONG, f"{path} is open to others ({stat.filemode(about.st_mode)})", f"chmod {how} {path}", code)


def _age(path: Path) -> float:
    import time

    return time.time() - path.stat().st_mtime


def _room(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free if folder.exists() else LOW
    if free < SMALL:
        yield Finding(WRONG, f"{free >> 20} MiB are free where {folder} is", "make room before you write", 6)
    elif free < LOW:
        yield Finding(ADVICE, f"{free >> 20} MiB are free where {folder} is", "make room soon")


def _device(file: DeviceFile) -> Iterator[Finding]:
    if file.kdf is None:
        what = f"the device {file.name} has no passphrase: who can read its file can do all you may do"
        yield Finding(ADVICE, what, "give it one with `bo device passphrase`, unless it is a cron job's")


def _ledger(ledger: Session, home: Home) -> Iterator[Finding]:
    """What the log says, once it was verified as far as it reaches."""
    from projections.core import open_views

    try:
        open_views(ledger)
    except Exception as problem:
        yield _stumbled(problem, "`bo audit verify --full` says where; do not write before you know why")
        return
    looks: tuple[Callable[[Session, Home], Iterator[Finding]], ...]
    looks = (_clock, _pin, _verdicts, _closes, _keys, _shreds, _views, _blobs)
    for look in looks:
        yield from look(ledger, home)


def _clock(ledger: Session, home: Home) -> Iterator[Finding]:
    from datetime import UTC, datetime

    now = ledger.clock()
    newest = max((person.latest for person in ledger.people.persons.values()), default=0)
    when = datetime.fromtimestamp(now / 1000, UTC)
    if when.year not in YEARS:
        yield Finding(WRONG, f"this machine's clock says {when:%Y-%m-%d}", "set the clock before you write", 6)
    elif newest > now + AHEAD:
        last = datetime.fromtimestamp(newest / 1000, UTC)
        what = f"the newest entry says {last:%Y-%m-%d %H:%M} UTC, this machine's clock {when:%Y-%m-%d %H:%M}"
        yield Finding(ADVICE, what, "set this machine's clock, or find out whose was wrong with `bo audit trail`")


def _pin(ledger: Session, home: Home) -> Iterator[Finding]:
    pin = home.pin(ledger.id.hex())
    if pin is None or pin.size < ledger.verifier.size:
        what = f"the pin in {home.pins} is behind what was verified: a roll-back would go unseen"
        yield Finding(WRONG, what, "make that folder writable, then run `bo status`", 6)


def _verdicts(ledger: Session, home: Home) -> Iterator[Finding]:
    found = ledger.client.db.execute("SELECT verdict, COUNT(*) FROM verdict GROUP BY verdict").fetchall()
    for verdict, count in found:
        if verdict == "unchecked":
            what = f"{count} entries cannot be opened: their key rows are missing or damaged"
            yield Finding(WRONG, what, "take the key rows back from a backup; `bo audit verify --full` lists them", 22)
        else:
            what = f"{count} commits are {verdict}: they stand in the log and no view sees them"
            yield Finding(WRONG, what, "`bo audit verify` lists them with their authors", 10)


def _closes(ledger: Session, home: Home) -> Iterator[Finding]:
    """Closed periods whose books are not what was sealed."""
    from bo.verifying import reads_all
    from projections.closes import alarm
    from projections.core import open_views

    what = alarm(open_views(ledger)) if reads_all(ledger) else ""
    if what:
        yield Finding(WRONG, what, "find out what changed the figures before you close or report anything", 20)


def _keys(ledger: Session, home: Home) -> Iterator[Finding]:
    people, now, device = ledger.people, ledger.clock(), ledger.device.id.hex()
    due = [number for number in people.compartments if people.is_due(number, now)]
    if due:
        what = f"{_named(ledger, due)} must get new keys: someone who holds the present ones may no longer read"
        yield Finding(ADVICE, what, "nothing to do: the next entry there opens a new epoch first")
    lost = [
        number
        for number, epochs in people.compartments.items()
        if people.device_may_read(device, number, now) and device not in epochs[-1].slots
    ]
    if lost:
        what = f"you may read {_named(ledger, lost)}, but this device was not given the present keys"
        yield Finding(ADVICE, what, "ask an admin who reads there to grant it again", 0)


def _named(ledger: Session, numbers: list[int]) -> str:
    from projections import directory
    from projections.core import Views

    names = {one.number: one.name for one in directory.compartments(Views(ledger.client))}
    return ", ".join(names.get(number, f"compartment {number}") for number in numbers)


def _shreds(ledger: Session, home: Home) -> Iterator[Finding]:
    if ledger.client.get("sweep"):
        what = "an erasure is incomplete: copies of its keys may still stand in the write-ahead log"
        yield Finding(WRONG, what, "end other programs that read this ledger, then run `bo status`", 8)


def _views(ledger: Session, home: Home) -> Iterator[Finding]:
    own, people = ledger.client.path, ledger.people
    for path in sorted(own.parent.iterdir()):
        if path.name.startswith("scratch.") and _age(path) > HOUR:
            yield Finding(ADVICE, f"a view of the past was left behind: {path}", f"rm -r {path}")
        elif path.suffix == ".db" and path != own and path.stem not in people.devices:
            yield Finding(ADVICE, f"views of a device this ledger does not know: {path}", f"rm {path}*")


def _blobs(ledger: Session, home: Home) -> Iterator[Finding]:
    from bo import documents

    left = documents.orphans(ledger)
    if left:
        what = f"{len(left)} encrypted files belong to no document: their filing was broken off"
        yield Finding(ADVICE, what, "`bo doc sweep` removes them")
