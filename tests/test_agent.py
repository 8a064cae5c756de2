"""The agent gives a device's keys to its own user alone, for its time, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bo import agent
from bo.errors import code_of
from store.device import Secrets
from store.home import Home

KEPT = Secrets("11" * 32, "22" * 64, "33" * 32, "44" * 48)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    place = Home({"BO_HOME": str(tmp_path / "home")})
    yield place
    for device in agent.unlocked(place):
        agent.stop(place, device)


def until(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within some seconds."""
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_it_gives_back_what_it_was_given_until_it_is_told_to_end(own: Home) -> None:
    agent.start(own, "d1", KEPT, 60)
    assert agent.secrets(own, "d1") == agent.secrets(own, "d1") == KEPT
    assert agent.secrets(own, "d2") is None
    assert agent.stop(own, "d1")
    assert agent.secrets(own, "d1") is None
    assert not agent.stop(own, "d1")
    assert agent.unlocked(own) == []


def test_it_ends_by_itself_and_takes_its_socket_along(own: Home) -> None:
    agent.start(own, "d1", KEPT, 0.3)
    assert agent.secrets(own, "d1") == KEPT
    assert until(lambda: agent.secrets(own, "d1") is None)
    assert until(lambda: agent.unlocked(own) == [])


def test_unlocking_again_replaces_the_agent_and_its_time(own: Home) -> None:
    agent.start(own, "d1", KEPT, 0.5)
    agent.start(own, "d1", Secrets("99" * 32, KEPT.mlkem, KEPT.x25519, KEPT.views), 60)
    time.sleep(0.7)
    found = agent.secrets(own, "d1")
    assert found is not None
    assert found.sign == "99" * 32


def test_folder_and_socket_are_private(own: Home) -> None:
    agent.start(own, "d1", KEPT, 60)
    place = agent.folder(own)
    assert place.stat().st_mode & 0o777 == 0o700
    assert (place / "d1").stat().st_mode & 0o777 == 0o600


def test_the_runtime_folder_is_used_where_it_is_ours(
    own: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert agent.folder(own) == tmp_path / "run" / "bo"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "nowhere"))
    assert agent.folder(own) == own.root / "run"


def test_nothing_it_keeps_is_written_anywhere_and_no_core_would_be(own: Home, tmp_path: Path) -> None:
    agent.start(own, "d1", KEPT, 60)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEPT.sign.encode() not in written
    process = _peer(own, "d1")
    limits = Path(f"/proc/{process}/limits").read_text()
    assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]
    assert os.getpgid(process) == process  # a hang-up of the terminal does not reach it
    assert process != os.getpid()


def test_a_strange_or_silent_peer_learns_nothing_and_stops_nobody(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.start(own, "d1", KEPT, 60)
    monkeypatch.chdir(agent.folder(own))
    for asked in (b"", b"x", b"give", b"GIVE\n" * 3):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect("d1")
            peer.sendall(asked)
            peer.shutdown(socket.SHUT_WR)
            assert peer.recv(64) == b""
    assert agent.secrets(own, "d1") == KEPT


def test_another_user_is_refused(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = socket.socketpair(socket.AF_UNIX)
    with theirs, ours:
        assert agent._is_mine(ours)
        monkeypatch.setattr(os, "getuid", lambda: 12_345)
        assert not agent._is_mine(ours)


def test_a_stale_socket_is_no_agent_and_is_replaced(own: Home) -> None:
    place = agent.folder(own)
    place.mkdir(parents=True, mode=0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place / "d1"))
    assert agent.secrets(own, "d1") is None
    agent.start(own, "d1", KEPT, 60)
    assert agent.secrets(own, "d1") == KEPT


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, own: Home) -> None:
    own.root.mkdir(parents=True)
    (own.root / "run").write_text("")
    with pytest.raises(OSError) as problem:
        agent.start(own, "d1", KEPT, 60)
    assert code_of(problem.value) == 6


def test_an_unlocked_device_is_used_without_its_passphrase(bo: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    words = ("init", "books", "--name", "Acme", "--owner", "alice")
    assert bo(*words, BO_PASSPHRASE_FILE=str(secret)).returncode == 0
    assert "a passphrase is needed" in bo("-L", "books", "status").stderr
    done = bo("-L", "books", "unlock", "--for", "1m", BO_PASSPHRASE_FILE=str(secret))
    assert (done.stdout, done.returncode) == ("alice\n", 0)
    try:
        assert bo("-L", "books", "whoami", "--json").returncode == 0
    finally:
        assert bo("-L", "books", "lock").stdout == "alice\n"
    assert bo("-L", "books", "status").returncode == 5


def test_acts_that_ask_again_ask_although_it_is_unlocked(bo: Run, tmp_path: Path) -> None:
    from bo import session, settings
    from store.errors import KeyProblem

    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    bo("init", "books", "--name", "Acme", "--owner", "alice", BO_PASSPHRASE_FILE=str(secret))
    bo("-L", "books", "unlock", "--for", "1m", BO_PASSPHRASE_FILE=str(secret))
    patch = pytest.MonkeyPatch()
    try:
        patch.setenv("BO_HOME", str(tmp_path / "home" / "config"))
        patch.delenv("XDG_RUNTIME_DIR", raising=False)
        chosen = settings.Settings(ledger=str(tmp_path / "home" / "work" / "books"), may_ask=False)
        settings.use(chosen)
        ledger = session.open_ledger(chosen)
        with pytest.raises(KeyProblem):
            ledger.reenter()
        assert not ledger.reentered
        patch.setenv("BO_PASSPHRASE_FILE", str(secret))
        ledger.reenter()
        assert ledger.reentered
        ledger.close()
    finally:
        patch.undo()
        settings.use(settings.Settings())
        bo("-L", "books", "lock")


def _peer(own: Home, device: str) -> int:
    """The process at the other end of an agent's socket."""
    with socket.socket(socket.AF_UNIX) as peer, agent._near(agent.folder(own)) as near:
        peer.connect(f"{near}/{device}")
        return int.from_bytes(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), "little")
