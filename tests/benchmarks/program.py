"""Against a bare click program: what a user waits for at the command line, among few invoices and among many."""

from __future__ import annotations

import subprocess
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.benchmarks.measure import Row, shown, slower, tell
from tests.benchmarks.offices import Office, Programs, number

DRAFT = ("invoice", "draft", "C-5", "--line", "Consulting;10;8.00;19")


def measure(programs: Programs, small: Office, large: Office, few: int, many: int, rounds: int) -> list[Row]:
    """`rounds` of every command, interleaved."""
    tell(f"program: {rounds} rounds of every command")
    one, others = ("invoice", "show", number(few // 2), "--json"), ("invoice", "unpaid", "--limit", "50")
    times: dict[str, list[float]] = {}

    def take(name: str, office: Office, *words: str) -> str:
        start = perf_counter()
        done = subprocess.run(
            [str(office.bo), *words], cwd=office.directory, env=office.environment, capture_output=True, check=True
        )
        times.setdefault(name, []).append(perf_counter() - start)
        return done.stdout.decode()

    for number_of_round in range(rounds + 1):
        _bare(times, "python", programs.python, small)
        _bare(times, "click", programs.click, small)
        take("help", large, "--help")
        for size, office in (("few", small), ("many", large)):
            take(f"show {size}", office, *one)
            take(f"unpaid {size}", office, *others, "--json")
            take(f"table {size}", office, *others)
            draft = take(f"draft {size}", office, *DRAFT).split()[-1]
            take(f"issue {size}", office, "invoice", "issue", draft)
            take(f"after {size}", office, *one)
        if not number_of_round:  # the first of all warms the disk
            times.clear()
    middle = {name: median(taken) for name, taken in times.items()}

    def against(what: str, name: str, base: str, target: str) -> Row:
        return slower(what, middle[name], middle[base], target)

    return [
        against("bo --help : python", "help", "python", "≤ 1.5"),
        against(f"show one of {many:,} --json : click", "show many", "click", "≤ 1.8"),
        against(f"show one of {many:,} : of {few:,}", "show many", "show few", "≤ 1.3"),
        against(f"first 50 unpaid of {many:,} --json : click", "unpaid many", "click", "≤ 1.8"),
        against(f"first 50 unpaid of {many:,} : of {few:,}", "unpaid many", "unpaid few", "≤ 1.3"),
        against(f"the same as a table, {many:,} : click", "table many", "click", "≤ 2.6"),
        against(f"issue a ready draft among {many:,} : click", "issue many", "click", "≤ 4"),
        against(f"issue among {many:,} : among {few:,}", "issue many", "issue few", "≤ 1.2"),
    ]


def _bare(times: dict[str, list[float]], name: str, program: Path, office: Office) -> None:
    start = perf_counter()
    subprocess.run([str(program), "x"], cwd=office.directory, env=office.environment, capture_output=True, check=True)
    times.setdefault(name, []).append(perf_counter() - start)


def imported(seconds: float, peak: float, count: int) -> list[Row]:
    """How fast the large ledger went in, and in how much memory."""
    rate = count / seconds
    return [
        Row(f"import {count:,} invoices: a second", f"{rate:,.0f}", shown(seconds), rate / 2000, "≥ 1", "of 2,000"),
        Row(f"import {count:,} invoices: memory", f"{peak:.0f} MB", "300 MB", peak / 300, "≤ 1"),
    ]
