"""A follower prints each event once, in order, through restarts of its server, and ends as it is asked to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bo.session import Session
from store import device as devices
from store.home import Home
from store.place import place_of
from tests.clerks import Firm
from tests.ledgers import Office, draft, issue
from tests.servers import Pair, Server
from tests.transcripts import ROOT

FIELDS = ["position", "at", "who", "device", "command", "stream", "type", "changes", "reason"]


class Follower:
    """`bo follow` in a process of its own, on a copy of alice's device."""

    def __init__(self, place: str, home: Path, *words: str) -> None:
        self.printed: list[dict[str, Any]] = []
        self.said: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bo", "-L", place, "follow", *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home), "BO_HOME": str(home)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._threads = [threading.Thread(target=listen, daemon=True) for listen in (self._hear, self._overhear)]
        for thread in self._threads:
            thread.start()

    def _hear(self) -> None:
        for line in self._process.stdout or ():
            self.printed.append(json.loads(line))

    def _overhear(self) -> None:
        for line in self._process.stderr or ():
            self.said.append(line)

    def until(self, rule: Callable[[], object], seconds: float = 20.0) -> None:
        until = time.monotonic() + seconds
        while not rule():
            assert self._process.poll() is None, self.said
            assert time.monotonic() < until, (self.printed[-3:], self.said)
            time.sleep(0.01)

    def follows(self) -> None:
        """Wait until it does."""
        self.until(lambda: any("following" in line for line in self.said))

    @property
    def numbers(self) -> list[str]:
        return [line["changes"].split("number: ")[1].split(";")[0] for line in self.of("invoice.issued")]

    def of(self, type: str) -> list[dict[str, Any]]:
        return [line for line in self.printed if line["type"] == type]

    def end(self, number: int = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        code = self._process.wait(20)
        for thread in self._threads:
            thread.join()
        return code

    def kill(self) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGKILL)


@pytest.fixture
def follower() -> Iterator[Callable[..., Follower]]:
    made: list[Follower] = []

    def begun(place: str, home: Path, *words: str) -> Follower:
        made.append(Follower(place, home, *words))
        return made[-1]

    yield begun
    for each in made:
        each.kill()


def test_events_of_a_folder_are_lines_in_their_order(office: Office, follower: Callable[..., Follower]) -> None:
    office.issue_invoices(1)
    one = follower(str(office.directory), office.home, "--json")
    one.follows()
    office.issue_invoices(2)
    one.until(lambda: len(one.of("invoice.issued")) == 2)
    assert one.end() == 0
    assert one.numbers == ["INV-2026-0002", "INV-2026-0003"]
    positions = [line["position"] for line in one.printed]
    assert positions == list(range(positions[0], positions[0] + len(positions)))
    assert all(list(line) == FIELDS for line in one.printed)
    assert {line["who"] for line in one.printed} == {"alice"}


def test_whoever_kept_a_position_goes_on_there(office: Office, follower: Callable[..., Follower]) -> None:
    words, whole = ("--once", "--json", "--since"), list[dict[str, Any]]()
    for last in range(4):
        office.issue_invoices(1)
        one = follower(str(office.directory), office.home, *words, str(whole[-1]["position"] if whole else 0))
        assert one._process.wait(20) == 0
        one._threads[0].join()
        assert len(one.of("invoice.issued")) == 1, last
        whole += one.printed
    assert [line["position"] for line in whole] == list(range(1, len(whole) + 1))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_end_it(office: Office, follower: Callable[..., Follower], number: int, code: int) -> None:
    one = follower(str(office.directory), office.home)
    one.follows()
    assert one.end(number) == code
    assert one.printed == []


def test_it_ends_when_nobody_reads_any_more(office: Office) -> None:
    reader = subprocess.Popen(
        [sys.executable, "-P", "-m", "bo", "-L", str(office.directory), "follow", "--json", "--since", "0"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "BO_HOME": str(office.home)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert reader.stdout is not None
    reader.stdout.readline()
    reader.stdout.close()
    assert reader.wait(20) == 141  # though nothing more was recorded


def test_what_is_confidential_is_printed_and_noted(
    bo: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    bo("init", "books", "--name", "Acme", "--owner", "alice", "--no-passphrase")
    bo("-L", "books", "record", "add", "employee", "E-1", "--set", "name=Eve")
    told = bo("-L", "books", "follow", "--once", "--json", "--since", "0")
    assert '"stream":"employee/E-1"' in told.stdout
    trail = json.loads(bo("-L", "books", "audit", "trail", "--json").stdout)
    noted = [line for line in trail if line["mark"] == "read"]
    assert [line["command"] for line in noted] == ["follow"]
    assert "E-1" in noted[0]["changes"]
    again = bo("-L", "books", "follow", "--once", "--json", "--since", str(len(told.stdout.splitlines())))
    assert (again.returncode, again.stdout) == (0, "")  # notes are no events


# on a server


def _alice(url: str, folder: Path) -> Session:
    home = Home({"BO_HOME": str(folder / "alice")})
    return Session(place_of(url), home, devices.unlock(devices.read(home.device_file("alice")), lambda: ""))


def test_a_server_tells_at_once(tmp_path: Path, postgres_url: str, follower: Callable[..., Follower]) -> None:
    firm = Firm(tmp_path, postgres_url)
    one = follower(postgres_url, firm._home("reports"), "--json")
    one.follows()
    alice = _alice(postgres_url, tmp_path)
    for count in range(1, 4):
        alice.commit(issue)
        one.until(lambda: len(one.of("invoice.issued")) == count, seconds=5)  # noqa: B023  # waited for here
    alice.close()
    assert one.end() == 0


def test_two_writers_and_a_restart(tmp_path: Path, breakable_server: Server, follower: Callable[..., Follower]) -> None:
    firm = Firm(tmp_path, breakable_server.url(schema="acme"))
    try:
        one = follower(firm.url, firm._home("reports"), "--json")
        one.follows()
        firm.hire(2)
        firm.until(3)
        for mode in ("immediate", "fast"):
            breakable_server.stop(mode)
            time.sleep(0.3)
            breakable_server.start()
            firm.until(3, seconds=90)
        ended = [clerk.stop() for clerk in firm.clerks]
        found = firm.sound(ended)
        one.until(lambda: len(one.of("invoice.issued")) == len(found))
        assert one.end() == 0
    finally:
        firm.close()
    assert one.numbers == found
    assert any("waiting for it" in line for line in one.said)
    assert any("going on after" in line for line in one.said)


def test_it_goes_on_after_a_fail_over(tmp_path: Path, postgres_pair: Pair, follower: Callable[..., Follower]) -> None:
    firm = Firm(tmp_path, postgres_pair.url(schema="acme"))
    try:
        one = follower(firm.url, firm._home("reports"), "--json")
        one.follows()
        firm.hire(2)
        firm.until(3)
        postgres_pair.kill_primary()
        postgres_pair.promote()
        firm.until(3)
        found = firm.sound([clerk.stop() for clerk in firm.clerks])
        one.until(lambda: len(one.of("invoice.issued")) == len(found))
        assert one.end() == 0
    finally:
        firm.close()
    assert one.numbers == found
    assert any("waiting for it" in line for line in one.said)


def test_a_commit_stands_when_nobody_could_be_told(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    Firm(tmp_path, postgres_url)
    alice = _alice(postgres_url, tmp_path)
    monkeypatch.setattr("store.postgres.TELL", "SELECT pg_notify('{schema}', repeat('x', 9000)), $1")
    assert [alice.commit(issue) for _ in range(2)] == ["INV-2026-0001", "INV-2026-0002"]
    monkeypatch.setattr("store.postgres.TELL", "SELECT no_such_function($1)")
    assert alice.commit(issue) == "INV-2026-0003"
    alice.commit(draft)
    alice.close()
