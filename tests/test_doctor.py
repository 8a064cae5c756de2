"""`bo doctor` finds what is wrong with a ledger and a home, says how to mend it, and changes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from bo import health
from bo.health import ADVICE, WRONG, Finding
from bo.settings import Settings
from store.home import Home, write_private
from tests.ledgers import Office, database, draft, erase, issue

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BO_HOME", str(tmp_path / "home"))
    for name in ("BO_LEDGER", "BO_DEVICE", "BO_NOW", "BO_PASSPHRASE_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


def examined(office: Office) -> list[Finding]:
    return health.examine(Settings(ledger=str(office.directory), may_ask=False))


def said(office: Office, word: str) -> list[tuple[str, int]]:
    """Level and code of the findings that hold a word."""
    return [(found.level, found.code) for found in examined(office) if word in found.what]


def test_a_new_ledger_gets_advice_only(office: Office) -> None:
    found = examined(office)
    assert {one.level for one in found} == {ADVICE}
    assert [one.code for one in found] == [0, 0]
    assert "recovery key" in found[0].what
    assert "no passphrase" in found[1].what


def test_nothing_is_said_once_the_advice_was_followed(bo: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    environment = {"BO_PASSPHRASE_FILE": str(tmp_path / "secret")}
    bo("init", "books", "--name", "A", "--owner", "alice", "--recovery", str(tmp_path / "usb.json"), **environment)
    done = bo("-L", "books", "doctor", "--json", **environment)
    assert (done.stdout, done.stderr, done.returncode) == ("[]\n", "bo: nothing is wrong\n", 0)


def test_it_changes_nothing(office: Office) -> None:
    examined(office)
    before = {path: sha256(path.read_bytes()).digest() for path in office.folder.rglob("*") if path.is_file()}
    (office.directory / "ledger.db").chmod(0o644)
    examined(office)
    after = {path: sha256(path.read_bytes()).digest() for path in office.folder.rglob("*") if path.is_file()}
    assert {path: before[path] for path in after if path.suffix != ".db-shm"} == {
        path: after[path] for path in after if path.suffix != ".db-shm"
    }
    assert (office.directory / "ledger.db").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("path", "mode", "code"),
    [("home/devices/alice.json", 0o604, 5), ("ledger/ledger.db", 0o640, 6), ("home/pins", 0o777, 0)],
)
def test_files_open_to_others_are_found(office: Office, path: str, mode: int, code: int) -> None:
    (office.folder / path).chmod(mode)
    assert set(said(office, path)) == ({(WRONG, code)} if code else set())


def test_a_folder_others_can_write_to_is_found(office: Office) -> None:
    folder = office.home / "views" / office.ledger.id.hex()
    folder.chmod(0o777)
    assert said(office, "open to others") == [(WRONG, 6)]


def test_views_of_a_ledger_nobody_here_knows_are_found(office: Office) -> None:
    (office.home / "views" / ("ab" * 16)).mkdir(mode=0o700)
    assert said(office, "abab") == [(ADVICE, 0)]


def test_views_of_a_device_the_ledger_does_not_know_are_found(office: Office) -> None:
    write_private(office.ledger.client.path.with_name("cd" * 16 + ".db"), b"x")
    assert said(office, "cdcd") == [(ADVICE, 0)]


def test_a_full_disk_is_found(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10 << 20))
    assert set(said(office, "10 MiB are free")) == {(WRONG, 6)}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100 << 20))
    assert set(said(office, "100 MiB are free")) == {(ADVICE, 0)}


def test_a_clock_behind_the_log_is_found(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.ledger.commit(issue)
    monkeypatch.setenv("BO_NOW", "2025-01-01T00:00:00Z")
    assert said(office, "the newest entry says") == [(ADVICE, 0)]
    monkeypatch.setenv("BO_NOW", "1990-01-02T00:00:00Z")
    assert said(office, "this machine's clock says 1990") == [(WRONG, 6)]


def test_a_pin_that_stayed_behind_is_found(office: Office) -> None:
    pins = office.home / "pins"
    old = (pins / office.ledger.id.hex()).read_bytes()
    office.ledger.commit(issue)
    (pins / office.ledger.id.hex()).write_bytes(old)
    assert said(office, "is behind") == [(WRONG, 6)]


def test_yesterdays_copy_is_21(office: Office, tmp_path: Path) -> None:
    office.close()
    shutil.copytree(office.directory, tmp_path / "yesterday")
    office.reopen().commit(issue)
    office.close()
    shutil.rmtree(office.directory)
    shutil.copytree(tmp_path / "yesterday", office.directory)
    assert (WRONG, 21) in said(office, "rolled back")


def test_a_planted_trigger_is_20(office: Office) -> None:
    database(office.ledger).execute("CREATE TABLE planted(x)")
    assert (WRONG, 20) in said(office, "are not bo's")


def test_an_erasure_that_a_reader_holds_up_is_8_until_he_is_gone(office: Office) -> None:
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    reader = office.start("read")
    assert reader.stdout
    assert reader.stdout.readline() == "reading\n"
    erase(office.ledger, "D-1")
    assert said(office, "erasure is incomplete") == [(WRONG, 8)]
    reader.communicate("go on\n", timeout=60)
    assert said(office, "erasure is incomplete") == []


def test_files_that_belong_to_no_document_are_found_once_they_are_old(office: Office) -> None:
    stray = office.directory / "blobs" / "ab" / ("ab" * 32)
    write_private(stray, b"x")
    assert said(office, "belong to no document") == []
    os.utime(stray, (0, 0))
    assert said(office, "belong to no document") == [(ADVICE, 0)]


def test_no_ledger_and_no_device_are_told(tmp_path: Path, office: Office) -> None:
    found = health.examine(Settings(ledger=str(tmp_path / "nowhere")))
    assert [one.code for one in found if one.level == WRONG] == [6]
    (office.home / "devices" / "alice.json").unlink()
    assert [one.code for one in examined(office) if one.level == WRONG] == [5]


@pytest.mark.parametrize(
    ("path", "mode", "mend"), [("pins", 0o500, "u+rwx"), ("views", 0o100, "u+rwx"), ("config.toml", 0o200, "600")]
)
def test_what_is_closed_to_oneself_is_told_first_with_what_opens_it(
    office: Office, path: str, mode: int, mend: str
) -> None:
    closed = office.home / path
    if path == "config.toml":
        write_private(closed, b"")
    closed.chmod(mode)
    assert [(one.mend, one.code) for one in examined(office)] == [(f"chmod {mend} {closed}", 6)]
    closed.chmod(0o700)


def test_a_device_file_may_be_read_only(office: Office) -> None:
    (office.home / "devices" / "alice.json").chmod(0o400)
    assert {one.level for one in examined(office)} == {ADVICE}


def test_each_mend_fits_what_is_wrong(office: Office) -> None:
    missing = health.examine(Settings(ledger=str(office.directory), device="nope"))[0]
    assert missing.what.startswith("there is no device file")
    assert missing.mend.startswith("choose another with --device or `bo use` (alice")
    (office.home / "config.toml").write_text("colour = 'blue'\n")
    (office.home / "config.toml").chmod(0o600)
    (found,) = examined(office)
    assert "colour is not a setting" in found.what
    assert (found.mend, found.code) == (f"mend that in {office.home}/config.toml, or remove the file", 2)


def test_a_locked_device_does_not_hide_the_rest(office: Office) -> None:
    home = Home()
    office.ledger.device.save(home.device_file("alice"), "correct horse")
    (office.directory / "lock").chmod(0o644)
    codes = [one.code for one in examined(office)]
    assert codes[:2] == [6, 5]


def test_a_bug_is_not_a_finding(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise TypeError("a bug")

    monkeypatch.setattr("bo.session.open_ledger", broken)
    with pytest.raises(TypeError):
        examined(office)


def test_the_command_ends_with_the_worst_code_and_prints_rows(bo: Run, tmp_path: Path) -> None:
    bo("init", "books", "--name", "A", "--owner", "alice", "--no-passphrase")
    assert bo("-L", "books", "doctor").returncode == 0
    (tmp_path / "home" / "work" / "books" / "ledger.db").chmod(0o666)
    done = bo("-L", "books", "doctor", "--json")
    assert done.returncode == 6
    assert [row["code"] for row in msgspec.json.decode(done.stdout)] == [6, 0, 0]
