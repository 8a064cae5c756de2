"""On PostgreSQL: against the stock encrypted recorder on the same server, and against the same ledger in SQLite."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Self

from store.ledger import Ledger
from store.place import place_of
from tests.benchmarks import sample
from tests.benchmarks.library import A_COMMIT
from tests.benchmarks.measure import Row, faster, interleaved, shown, slower, tell
from tests.benchmarks.offices import Office, Programs, number
from tests.benchmarks.writers import SharedInvoices, client, record
from tests.ledgers import founded
from tests.servers import Server
from tests.transcripts import ROOT

WRITERS = 1, 2, 4, 8
THREADS, PROCESSES, CLIENTS = "threads of one program", "processes of one client", "a client each"
"""What those who write at once are: each client verifies what the others write."""
EACH = 400
"""Commits of all together in one round."""
CAUGHT_UP = 60_000
"""Events a second that a client which was away should read."""


def measure(folder: Path, programs: Programs, commits: int, rounds: int) -> list[Row]:
    server = Server(durable=True)
    try:
        return [
            *_writers(folder, server, rounds),
            *_batches(folder, server, commits, rounds),
            *_reads(folder, programs, server, rounds),
        ]
    finally:
        server.close()


class Crew:
    """Processes that write at once when they are told to."""

    def __init__(self, words: list[list[str]]) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.benchmarks.writers", *each],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for each in words
        ]  # fmt: skip
        self._heard("ready")

    def write(self, count: int) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{count}\n")
            process.stdin.flush()
        self._heard("done")

    def _heard(self, word: str) -> None:
        for process in self._processes:
            assert process.stdout is not None
            if process.stdout.readline().strip() != word:
                raise RuntimeError("a writer gave up")

    def close(self) -> None:
        for process in self._processes:
            process.communicate()


def _writers(folder: Path, server: Server, rounds: int) -> list[Row]:
    rows = []
    for crew, (what, count) in enumerate(product((THREADS, CLIENTS, PROCESSES), WRITERS)):
        if what == PROCESSES and count == 1:
            continue
        name = f"{count} {'writer' if count == 1 else 'writers'}, {what}"
        tell(f"postgres: {name}, {rounds} rounds of {EACH} commits")
        schema = f"crew{crew}"
        place, url, other = folder / schema, server.url(schema=schema), _Other(server, schema)
        founded(place, place_of(url)).close()
        other.invoices().close()
        if what == THREADS:
            ours = Crew([["threads", str(count), url, _home(place, 0)]])
            theirs = Crew([["stock-threads", str(count), *other]])
        else:
            homes = [_home(place, n) for n in range(count if what == CLIENTS else 1)]
            ours = Crew([["ours", url, homes[n % len(homes)], str(n)] for n in range(count)])
            theirs = Crew([["stock", *other] for _ in range(count)])
        each = EACH // count
        taken = interleaved(rounds, partial(ours.write, each), partial(theirs.write, each))
        ours.close()
        theirs.close()
        rate, stock = (EACH / seconds for seconds in taken)
        rows.append(Row(f"commits a second, {name}", f"{rate:,.0f}", f"{stock:,.0f}", rate / stock, "≥ 0.8"))
    return rows


class _Other(tuple[str, str, str]):
    """Socket, database and key of the stock library's application."""

    def __new__(cls, server: Server, database: str) -> Self:
        server.sql(f"CREATE DATABASE {database}")
        return super().__new__(cls, (str(server.socket), database, base64.b64encode(os.urandom(32)).decode()))

    def invoices(self, *, batches: bool = False) -> SharedInvoices:
        """The application, for the first time."""
        return SharedInvoices(*self, first=True, batches=batches)


def _home(folder: Path, number: int) -> str:
    """Another home of the founder."""
    home = folder / f"home-{number}"
    (home / "devices").mkdir(parents=True)
    shutil.copy2(folder / "home" / "devices" / "founder.json", home / "devices")
    return str(home)


def _batches(folder: Path, server: Server, commits: int, rounds: int) -> list[Row]:
    tell(f"postgres: {commits} commits of {A_COMMIT} invoices, and a client that was away")
    url, place = server.url(schema="batches"), folder / "batches"
    ledger, theirs = founded(place, place_of(url)), _Other(server, "batches").invoices(batches=True)
    taken = []
    for n in range(commits):
        batch = list(sample.invoices(n * A_COMMIT + 1, A_COMMIT))
        ready = theirs.prepared(batch)
        taken.append(interleaved(1, partial(record, ledger, batch), partial(theirs.save, *ready)))
    append = [median(times) for times in zip(*taken, strict=True)]
    events = 5 * A_COMMIT * commits
    theirs.close()
    away = [client(url, _home(place, n)) for n in range(rounds)]
    seconds = median(map(_caught_up, away))
    ledger.close()
    return [
        faster("append, 1,000 invoices a commit", append[0], append[1], 5 * A_COMMIT, "event", "≥ 3"),
        Row(
            f"catch up with {events:,} events: a second", f"{events / seconds:,.0f}", shown(seconds),
            events / seconds / CAUGHT_UP, "≥ 1", f"of {CAUGHT_UP:,}",
        ),
    ]  # fmt: skip


def _caught_up(ledger: Ledger) -> float:
    start = perf_counter()
    ledger.pull()
    taken = perf_counter() - start
    ledger.close()
    return taken


def _reads(folder: Path, programs: Programs, server: Server, rounds: int) -> list[Row]:
    tell("postgres: warm reads")
    shared, local = Office(programs, folder / "shared", server.url(schema="reads")), Office(programs, folder / "local")
    for office in (shared, local):
        office.fill(folder, 1_000)
        office.run("invoice", "show", number(1), "--json")
    runs = [partial(office.start, programs.bo, "invoice", "show", number(500), "--json") for office in (shared, local)]
    ours, theirs = interleaved(4 * rounds, *runs)
    return [slower("show one of 1,000 --json : in SQLite", ours, theirs, "≤ 1.5")]
