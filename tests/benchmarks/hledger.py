"""The books among many invoices: against a bare click program, and against hledger on the journal that bo exports."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

from tests.benchmarks.measure import Row, faster, interleaved, slower, tell
from tests.benchmarks.offices import Office, Programs

REPORTS = {
    "trial balance": ("report", "trial-balance"),
    "aging": ("invoice", "aging"),
    "what each owes": ("invoice", "balance"),
}


def measure(folder: Path, programs: Programs, office: Office, invoices: int, rounds: int) -> list[Row]:
    program, journal = shutil.which("hledger"), folder / "books.journal"
    tell("hledger: the books as a journal")
    office.run("export", "hledger", "-o", str(journal))

    def bare() -> None:
        subprocess.run([str(programs.click), "x"], cwd=folder, capture_output=True, check=True)

    runs = [partial(office.run, *words, "--json") for words in REPORTS.values()]
    *ours, click = interleaved(4 * rounds, *runs, bare)
    rows = [
        slower(f"{name} of {invoices:,} invoices --json : click", taken, click, "≤ 2")
        for name, taken in zip(REPORTS, ours, strict=True)
    ]
    if program is None:
        return [*rows, Row("hledger bal", "", "", None, "", "hledger is not installed")]
    tell("hledger: its balances")
    theirs = partial(subprocess.run, [program, "-f", str(journal), "balance"], capture_output=True, check=True)
    [taken] = interleaved(rounds, theirs)
    return [*rows, faster("trial balance : hledger balance", ours[0], taken, 1, "run", "≥ 20")]
