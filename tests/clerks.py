"""Clerks who issue invoices on one ledger at once, each on a machine of his own, whatever happens to the server.

As a program, `python -m tests.clerks PLACE HOME [COUNT]` is one of them: he tells each number when it is acknowledged,
and stops after COUNT, or when his input ends.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tests.ledgers import contiguous, issue, numbers, session
from tests.transcripts import ROOT


class Told(NamedTuple):
    """A number that a clerk was told, and when."""

    number: str
    at: float


class Clerk:
    def __init__(self, url: str, home: Path, count: int) -> None:
        self.told: list[Told] = []
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.clerks", url, str(home), *([str(count)] if count else [])],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self.told.append(Told(line.strip(), time.monotonic()))

    def stop(self) -> tuple[int, str]:
        """Let him finish what he is doing; his exit code, and what he complained of."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self.ended()

    def ended(self) -> tuple[int, str]:
        assert self._process.stderr is not None
        said = self._process.stderr.read()
        self._listener.join()
        return self._process.wait(), said

    def kill(self) -> None:
        self._process.kill()
        self.ended()


class Firm:
    """A ledger at a URL whose owner is alice, and her clerks, who use copies of her device."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.clerks = folder, url, list[Clerk]()
        words = ("init", url, "--name", "Acme GmbH", "--owner", "alice", "--no-passphrase")
        self.run(*words)

    def run(self, *words: str, code: int = 0) -> str:
        """A command of alice."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "bo", *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(self.folder),
                 "BO_HOME": str(self.folder / "alice"), "BO_LEDGER": self.url},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout

    def _home(self, name: str) -> Path:
        home = self.folder / name
        (home / "devices").mkdir(parents=True)
        shutil.copy2(self.folder / "alice" / "devices" / "alice.json", home / "devices")
        return home

    def hire(self, number: int, url: str = "", count: int = 0) -> None:
        """Clerks who begin at once, and know the ledger by `url`."""
        for _ in range(number):
            home = self._home(f"clerk-{len(self.clerks)}")
            self.clerks.append(Clerk(url or self.url, home, count))

    def told(self) -> list[Told]:
        return sorted((told for clerk in self.clerks for told in clerk.told), key=lambda told: told.at)

    def until(self, more: int, seconds: float = 60.0) -> None:
        """Wait until each clerk was told so many numbers more than he knows now."""
        goals = [len(clerk.told) + more for clerk in self.clerks]
        until = time.monotonic() + seconds
        while any(len(clerk.told) < goal for clerk, goal in zip(self.clerks, goals, strict=True)):
            for clerk in self.clerks:
                if clerk._process.poll() not in (None, 0):
                    raise AssertionError(f"a clerk gave up: {clerk.ended()}")
            assert time.monotonic() < until, f"no more than {len(self.told())} numbers"
            time.sleep(0.02)

    def close(self) -> None:
        for clerk in self.clerks:
            if clerk._process.poll() is None:
                clerk.kill()

    def sound(self, ended: list[tuple[int, str]]) -> list[str]:
        """Nobody gave up, and what the clerks were told is what stands in the log: nothing lost, nothing doubled.

        The numbers in the log, without gaps, as a machine finds them that knows nothing and verifies from leaf 0.
        """
        assert [code for code, _ in ended] == [0] * len(self.clerks), ended
        fresh = session(self.url, self._home("fresh"))
        found = numbers(fresh)
        assert fresh.client.db.execute("SELECT * FROM verdict").fetchall() == []
        fresh.close()
        assert found == contiguous(len(found))
        assert sorted(told.number for told in self.told()) == sorted(found)
        self.run("audit", "verify", "--full")
        return found


def main(place: str, home: str, count: str = "0") -> None:
    ledger = session(place, Path(home))
    done = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        print(ledger.commit(issue), flush=True)
        done += 1
        if done == int(count):
            break
    ledger.close()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as problem:
        from bo.errors import report

        sys.exit(report(problem))
