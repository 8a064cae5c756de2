"""Writers at work on one ledger, each a process of its own with its views, and where the time of their commits goes.

`python -m tests.benchmarks.scale.writers PLACE HOME free` (or `rivalled`) is one of them: for each number of seconds
that its input names it issues invoices for that long, one a commit, and tells what they took; for 0 it issues one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple, Self

from bo.session import Session
from tests.ledgers import issue, session
from tests.transcripts import ROOT

EVENTS = 3
"""In each commit: drafted, issued, number taken."""
BATCH = 500
"""Invoices of a commit where there are many in one."""


class Taken(NamedTuple):
    """Commits of a writer, and the seconds of all of them: on the wall and of this process."""

    commits: int = 0
    all: float = 0.0
    waiting: float = 0.0
    holding: float = 0.0
    all_cpu: float = 0.0
    holding_cpu: float = 0.0

    def plus(self, other: Taken) -> Taken:
        return Taken(self.commits + other.commits, *(a + b for a, b in zip(self[1:], other[1:], strict=True)))


class Watched:
    """A ledger whose lock is watched: how long it is waited for, and how long it is held.

    Who decides before he has it holds it for what the server does, which is not seen from here; a `rivalled` one asks
    for it first, as if others had written.
    """

    def __init__(self, ledger: Session, *, rivalled: bool = False) -> None:
        self.ledger, self.taken, self._rivalled = ledger, Taken(), rivalled
        self._writing = ledger.store.writing
        vars(ledger.store)["writing"] = self.writing  # measured from outside, as it is

    @contextmanager
    def writing(self, since: int | None = None, believed: bytes | None = None) -> Iterator[None]:
        asked = perf_counter()
        with self._writing(since, believed):
            held, cpu = perf_counter(), process_time()
            yield
        if believed is not None:
            return
        self.taken = self.taken.plus(
            Taken(0, 0.0, held - asked, perf_counter() - held, 0.0, process_time() - cpu)
        )  # fmt: skip

    def work(self, seconds: float) -> Taken:
        self.taken = Taken()
        start, cpu = perf_counter(), process_time()
        commits = 0
        while not commits or perf_counter() < start + seconds:
            self.ledger.unrivalled = self.ledger.unrivalled and not self._rivalled
            self.ledger.commit(issue)
            commits += 1
        return self.taken.plus(Taken(commits, perf_counter() - start, 0.0, 0.0, process_time() - cpu))


def machine(folder: Path, name: str) -> Path:
    """Another home of the owner of the ledger in `folder`."""
    home = folder / name
    (home / "devices").mkdir(parents=True)
    shutil.copy2(folder / "home" / "devices" / "alice.json", home / "devices")
    return home


class Crew:
    """So many writers, of which some work at a time. `places` are their ledgers: folder of the owner, and place."""

    def __init__(self, places: list[tuple[Path, str]], *, rivalled: bool = False) -> None:
        kind = "rivalled" if rivalled else "free"
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, place, str(machine(folder, f"home-{kind}-{n}")), kind],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for n, (folder, place) in enumerate(places)
        ]  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        for process in self._processes:
            process.communicate()

    def work(self, count: int, seconds: float) -> list[Taken]:
        """What `count` of them do in that time, all at once; one commit each comes before it."""
        for length in (0.0, seconds):
            for process in self._processes[:count]:
                assert process.stdin is not None
                process.stdin.write(f"{length}\n")
                process.stdin.flush()
            done = [self._told(process) for process in self._processes[:count]]
        return done

    def _told(self, process: subprocess.Popen[str]) -> Taken:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("a writer gave up")
        return Taken(*json.loads(line))


def main(place: str, home: str, kind: str) -> None:
    ledger = session(place, Path(home))
    watched = Watched(ledger, rivalled=kind == "rivalled")
    for line in sys.stdin:
        print(json.dumps(watched.work(float(line))), flush=True)
    ledger.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
