"""The agent: a process that keeps an opened device in memory for a while, as ssh-agent does."""

from __future__ import annotations

import os
import socket
import struct
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from store.device import Secrets
from store.errors import Unavailable
from store.home import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.home import Home

GIVE, END = b"give\n", b"end\n"
LONGEST = 4096
PATIENCE = 2.0
"""Seconds a peer may take to ask or to answer."""
LOOK = 60.0
"""Seconds between two looks at the clock: a machine that slept does not keep the keys longer."""


def folder(home: Home) -> Path:
    """`$XDG_RUNTIME_DIR/bo` where that is ours, else `run` in the home."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    with suppress(OSError):
        if runtime and Path(runtime).stat().st_uid == os.getuid():
            return Path(runtime) / "bo"
    return home.root / "run"


def secrets(home: Home, device: str) -> Secrets | None:
    """The keys of a device that was unlocked; None when no agent answers."""
    answer = _ask(folder(home), device, GIVE)
    return msgspec.json.decode(answer, type=Secrets) if answer else None


def stop(home: Home, device: str) -> bool:
    """End the agent of a device; False when there was none."""
    return bool(_ask(folder(home), device, END))


def unlocked(home: Home) -> list[str]:
    """The devices whose agents have a socket here."""
    place = folder(home)
    return sorted(entry.name for entry in place.iterdir() if entry.is_socket()) if place.is_dir() else []


def start(home: Home, device: str, kept: Secrets, seconds: float) -> None:
    """Leave a process behind that gives `kept` to this user's programs, for so long. Replaces an earlier one."""
    stop(home, device)
    place = folder(home)
    private_folder(place)
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        with suppress(BaseException):  # nobody is there to read of it: the parent sees that it was not told
            os.close(told)
            _live(place, device, bytearray(msgspec.json.encode(kept)), seconds, tell)
        os._exit(0)
    os.close(tell)
    with os.fdopen(told, "rb") as answer:
        if answer.read(1) != b"y":
            raise Unavailable(f"the agent could not make its socket in {place}")


def _live(place: Path, device: str, kept: bytearray, seconds: float, tell: int) -> None:
    """The life of the agent: out of the terminal's reach, out of core dumps, until its time is over."""
    os.setsid()
    _hide()
    os.umask(0o177)
    os.chdir(place)  # the path of a socket may have 108 bytes
    Path(device).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(device)
        mine = Path(device).stat().st_ino
        listener.listen(16)
        os.write(tell, b"y")
        _let_go(listener.fileno())
        _serve(listener, kept, _clock() + seconds)
        kept[:] = bytes(len(kept))
        with suppress(FileNotFoundError):
            if Path(device).stat().st_ino == mine:
                Path(device).unlink()


def _serve(listener: socket.socket, kept: bytearray, until: float) -> None:
    while (left := until - _clock()) > 0:
        listener.settimeout(min(left, LOOK))
        with suppress(OSError):  # nobody came, or someone who did not stay
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(PATIENCE)
                asked = peer.recv(16) if _is_mine(peer) else b""
                if asked == GIVE and _clock() < until:
                    peer.sendall(kept)
                if asked == END:
                    Path(listener.getsockname()).unlink(missing_ok=True)
                    peer.sendall(b"y")
                    return


def _ask(place: Path, device: str, what: bytes) -> bytes:
    """What the agent of a device answers, nothing when none does."""
    with socket.socket(socket.AF_UNIX) as agent, suppress(OSError), _near(place) as near:
        agent.settimeout(PATIENCE)
        agent.connect(f"{near}/{device}")
        if _is_mine(agent):
            agent.sendall(what)
            return b"".join(iter(lambda: agent.recv(LONGEST), b""))
    return b""


@contextmanager
def _near(place: Path) -> Iterator[str]:
    """A short name of a folder, where the system has one."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        short = f"/proc/self/fd/{descriptor}"
        yield short if Path(short).exists() else str(place)
    finally:
        os.close(descriptor)


def _is_mine(peer: socket.socket) -> bool:
    """Whether the other end runs under this user; the folder's mode says so where the kernel does not."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, user, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return bool(user == os.getuid())


def _hide() -> None:
    """No core file, no debugger of another process, and no swap where the system lets us choose."""
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    if hasattr(libc, "mlockall"):
        libc.mlockall(1)  # MCL_CURRENT; an unprivileged user may be refused


def _let_go(keep: int) -> None:
    """Close what the parent had open, so that nobody waits for its end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    os.closerange(3, keep)
    os.closerange(keep + 1, 1024)


def _clock() -> float:
    """Seconds since the machine started, its sleep included where the system counts it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
