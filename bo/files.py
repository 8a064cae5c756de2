"""The user's files: opened, named and written without surprises."""

import hashlib
import os
import re
import secrets
import stat
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from aggregates.core import Refused
from store.errors import Unavailable

CHUNK = 1 << 20
LONGEST = 255
RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?", re.IGNORECASE)


def open_input(path: str | Path) -> BinaryIO:
    """Open an ordinary file to read it. Links are followed; a pipe or a device would never end."""
    try:
        # without O_NONBLOCK opening a FIFO waits for somebody to write to it
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:
        raise Refused("a file name cannot hold a NUL character") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {reason(error)}") from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise Refused(f"{path} is {what}, not a file")
    os.set_blocking(handle, True)
    return os.fdopen(handle, "rb")


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """What is left of a file, a piece at a time."""
    while piece := file.read(CHUNK):
        yield piece


def digest(file: BinaryIO) -> tuple[str, int]:
    """The SHA-256 and the size of a whole file, which stands at its beginning afterwards."""
    file.seek(0)
    hashed, size = hashlib.sha256(), 0
    for piece in chunks(file):
        hashed.update(piece)
        size += len(piece)
    file.seek(0)
    return hashed.hexdigest(), size


def safe_name(name: str, otherwise: str = "document") -> str:
    """A name that any system accepts for a new file, in this folder and no other."""
    visible = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    visible = unicodedata.normalize("NFC", visible)
    last = re.split(r"[/\\]", visible)[-1]
    last = re.sub(r'[<>:"|?*]', "_", last)
    last = last.lstrip(" .-").rstrip(" .")
    if RESERVED.fullmatch(last):
        last = f"_{last}"
    return shortened(last) or otherwise


def shortened(name: str) -> str:
    """At most 255 bytes, taken from before the ending."""
    if len(name.encode()) <= LONGEST:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > 16:
        stem, dot, ending = name, "", ""
    room = LONGEST - len((dot + ending).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + dot + ending


def hand_over(path: str | None, pieces: Iterable[bytes], *, force: bool = False) -> None:
    """What --output and --force ask for: to standard output, or into a new file, whose path is then the result."""
    write_output(path or "-", pieces, force=force)
    if path not in (None, "-"):
        import click

        click.echo(path)


def write_output(path: str | Path, pieces: Iterable[bytes], *, force: bool = False) -> None:
    """Write a new file whole or not at all, readable by its owner only; `-` is standard output.

    Nothing is overwritten unless `force` says so, and no link is followed at the target.
    """
    if str(path) == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    check_target(target, force)
    beside = target.parent / f".bo-{secrets.token_hex(8)}"
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            put_in_place(beside, target, force)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(target.parent)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {reason(error)}") from error


def check_target(target: Path, force: bool) -> None:
    """Say early, and in words, why a file cannot stand there."""
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    except ValueError as error:
        raise Refused("a file name cannot hold a NUL character") from error
    except OSError as error:
        raise Unavailable(f"{target} cannot be written: {reason(error)}") from error
    if stat.S_ISLNK(mode):
        raise Refused(f"{target} is a symbolic link: name the file it should be")
    if stat.S_ISDIR(mode):
        raise Refused(f"{target} is a folder: name a file in it")
    if not stat.S_ISREG(mode):
        raise Refused(f"{target} is a pipe or a device, not a file")
    if not force:
        raise Refused(f"{target} exists already: choose another name, or --force to overwrite it")


def put_in_place(beside: Path, target: Path, force: bool) -> None:
    """A hard link fails where a rename would overwrite what somebody just put there."""
    if force:
        check_target(target, force)
        beside.replace(target)
        return
    try:
        os.link(beside, target, follow_symlinks=False)
    except FileExistsError as error:
        raise Refused(f"{target} exists already: choose another name, or --force to overwrite it") from error
    except OSError:  # a file system without hard links
        check_target(target, force)
        beside.replace(target)


def sync_folder(folder: Path) -> None:
    """After this the new name survives a power cut as the contents do."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reason(error: OSError) -> str:
    return (error.strerror or "the system does not say why").lower()
