"""A person's own files: where they are, that a pin only moves forward, and that each is replaced whole."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bo.errors import code_of
from store.errors import RolledBack, StoreError
from store.home import Binding, Home, Pin, locked, write_private
from tests.ledgers import Office

LEDGER = "ab" * 16


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home({"BO_HOME": str(tmp_path / "bo")})


def pin(size: int, note: bytes = b"note") -> Pin:
    return Pin(size, b"frontier", note)


def test_the_environment_says_where_everything_is() -> None:
    own = Home({"BO_HOME": "/srv/bo", "XDG_CONFIG_HOME": "/x", "XDG_CACHE_HOME": "/y", "HOME": "/home/ada"})
    assert (own.root, own.views, own.devices) == (Path("/srv/bo"), Path("/srv/bo/views"), Path("/srv/bo/devices"))
    xdg = Home({"XDG_CONFIG_HOME": "/x", "XDG_CACHE_HOME": "/y", "HOME": "/home/ada"})
    assert (xdg.root, xdg.views) == (Path("/x/bo"), Path("/y/bo"))
    plain = Home({"HOME": "/home/ada"})
    assert (plain.root, plain.views) == (Path("/home/ada/.config/bo"), Path("/home/ada/.cache/bo"))
    assert plain.config == Path("/home/ada/.config/bo/config.toml")
    assert plain.pins == Path("/home/ada/.config/bo/pins")


def test_a_device_is_named_or_a_path(home: Home) -> None:
    assert home.device_file("alice") == home.devices / "alice.json"
    assert home.device_file("./alice.json") == Path("alice.json")
    assert home.device_file("/keys/alice.json") == Path("/keys/alice.json")


# pins


def test_a_pin_only_moves_forward(home: Home) -> None:
    assert home.pin(LEDGER) is None
    for size, expected in ((5, 5), (9, 9), (7, 9), (9, 9), (0, 9), (10, 10)):
        home.advance(LEDGER, pin(size, b"note of %d" % size))
        known = home.pin(LEDGER)
        assert known is not None
        assert (known.size, known.note) == (expected, b"note of %d" % expected)
    assert home.pin("cd" * 16) is None


def test_threads_and_processes_leave_the_largest_pin(home: Home) -> None:
    def move(sizes: range) -> None:
        for size in sizes:
            home.advance(LEDGER, pin(size))

    threads = [threading.Thread(target=move, args=(range(start, 120, 4),)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = home.pin(LEDGER)
    assert known is not None
    assert known.size == 119
    assert sorted(path.name for path in home.pins.iterdir()) == [LEDGER, f"{LEDGER}.lock"]


def test_a_rollback_that_was_accepted_keeps_the_old_pin(home: Home) -> None:
    home.advance(LEDGER, pin(9, b"old"))
    home.replace_pin(LEDGER, pin(4, b"new"), "evidence")
    known = home.pin(LEDGER)
    assert known is not None
    assert (known.size, known.note) == (4, b"new")
    assert b"old" in (home.pins / f"{LEDGER}.evidence").read_bytes()


@pytest.mark.parametrize("raw", [b"", b"x", b"\xc0", b"\x81", b"\xdd\xff\xff\xff\xff", b"\x91" * 10_000, bytes(4_000)])
def test_a_damaged_pin_is_told_and_never_taken_for_none(home: Home, raw: bytes) -> None:
    home.advance(LEDGER, pin(9))
    (home.pins / LEDGER).write_bytes(raw)
    with pytest.raises(RolledBack, match="damaged"):
        home.pin(LEDGER)
    with pytest.raises(RolledBack):
        home.advance(LEDGER, pin(10))


def test_a_pin_that_is_torn_leaves_the_one_before(home: Home) -> None:
    for size in (7, 8, 9):
        home.advance(LEDGER, pin(size))
    path = home.pins / LEDGER
    whole = path.read_bytes()
    at = whole.index(msgspec.msgpack.encode(pin(9)))
    for torn in range(at - 8, at + 20):
        path.write_bytes(whole[:torn] + bytes([whole[torn] ^ 0xFF]) + whole[torn + 1 :])
        assert home.pin(LEDGER) == pin(8)
    home.advance(LEDGER, pin(10))
    assert (home.pin(LEDGER), len(path.read_bytes())) == (pin(10), len(whole))
    path.write_bytes(bytes(len(whole)))
    with pytest.raises(RolledBack, match="damaged"):
        home.pin(LEDGER)


def test_a_pin_that_an_older_version_wrote_is_known_and_moves_on(home: Home) -> None:
    write_private(home.pins / LEDGER, msgspec.msgpack.encode(pin(9, b"old")))
    assert home.pin(LEDGER) == pin(9, b"old")
    home.advance(LEDGER, pin(8))
    assert home.pin(LEDGER) == pin(9, b"old")
    home.advance(LEDGER, pin(10))
    assert home.pin(LEDGER) == pin(10)


def test_a_pin_is_synced_first_and_last_and_not_each_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("store.home._sync", synced.append)
    home.advance(LEDGER, pin(1))  # a new file is written whole
    for size in range(2, 50):
        home.advance(LEDGER, pin(size))
    assert len(synced) == 1
    home.settle()
    home.settle()
    assert len(synced) == 2
    assert home.pin(LEDGER) == pin(49)
    home.advance(LEDGER, pin(50))
    (home.pins / LEDGER).unlink()
    home.settle()
    assert len(synced) == 2


def test_a_damaged_pin_stops_every_command(office: Office) -> None:
    office.issue_invoices(1)
    office.close()
    [path] = [path for path in (office.home / "pins").iterdir() if path.suffix != ".lock"]
    whole = path.read_bytes()
    for raw in (b"", whole[:-1], whole + b"\0", b"\0" * len(whole)):
        path.write_bytes(raw)
        done = office.run("issue", "1")
        assert (done.returncode, done.stdout) == (21, ""), done.stderr
    path.write_bytes(whole)
    assert office.run("issue", "1").stdout == "INV-2026-0002\n"


# places


def test_a_place_is_bound_to_one_ledger_for_good(home: Home) -> None:
    assert home.binding("/books") is None
    home.bind("/books", Binding(LEDGER, "alice"))
    home.bind("/books", Binding(LEDGER, "laptop"))
    found = home.binding("/books")
    assert found is not None
    assert (found.ledger, found.device) == (LEDGER, "laptop")
    with pytest.raises(RolledBack, match="another ledger"):
        home.bind("/books", Binding("cd" * 16, "alice"))
    assert home.binding("/books") == found
    assert home.binding("/other") is None
    home.bind("/books/inner", Binding("cd" * 16))
    assert home.binding("/books") == found


def test_a_damaged_binding_is_told(home: Home) -> None:
    home.bind("/books", Binding(LEDGER, "alice"))
    [path] = [path for path in (home.root / "places").rglob("*") if path.is_file()]
    for raw in (b"", b"{", b"[1]", b'{"ledger": 5}', b"\xff"):
        path.write_bytes(raw)
        with pytest.raises(StoreError, match="damaged") as told:
            home.binding("/books")
        assert code_of(told.value) == 6


def test_another_valid_ledger_at_a_known_place_is_refused(
    office: Office, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Even with a device of that other ledger in the same home."""
    office.issue_invoices(1)
    other = Office(tmp_path_factory.mktemp("other"))
    other.issue_invoices(2)
    for each in (office, other):
        each.close()
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (office.directory / name).unlink(missing_ok=True)
    (office.directory / "ledger.db").write_bytes((other.directory / "ledger.db").read_bytes())
    done = office.run("issue", "1")
    assert (done.returncode, done.stdout) == (21, ""), done.stderr
    (office.home / "devices" / "alice.json").write_bytes((other.home / "devices" / "alice.json").read_bytes())
    done = office.run("issue", "1")
    assert (done.returncode, done.stdout) == (21, ""), done.stderr


def test_a_known_ledger_that_is_gone_is_not_to_be_made_anew(
    bo: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    bo("init", "acme", "--name", "Acme", "--owner", "alice", "--no-passphrase")
    work = tmp_path / "home" / "work"
    (work / "acme").rename(work / "moved")
    done = bo("--ledger", "acme", "status")
    assert (done.returncode, done.stderr.partition(":")[0]) == (6, "bo"), done.stderr
    assert "the ledger that this home knows at acme is gone: restore a backup" in done.stderr


# files


def test_a_file_is_private_from_the_first_byte_on(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "outer" / "folder" / "file"
        write_private(path, b"secret")
        write_private(path, b"another")
        with locked(tmp_path / "locks" / "x.lock"):
            pass
    finally:
        os.umask(before)
    assert path.read_bytes() == b"another"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "locks" / "x.lock").stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "inner").touch()
    with pytest.raises(OSError, match=r"folder|directory"):
        write_private(path, b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_threads_that_replace_one_file_leave_one_of_their_versions(tmp_path: Path) -> None:
    path, problems = tmp_path / "file", list[BaseException]()

    def work(version: bytes) -> None:
        try:
            for _ in range(20):
                write_private(path, version * 1000)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(version,)) for version in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert path.read_bytes() in (b"a" * 1000, b"b" * 1000, b"c" * 1000)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_lock_keeps_others_out(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(20):
            with locked(tmp_path / "lock"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
