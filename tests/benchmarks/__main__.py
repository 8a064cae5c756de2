"""Prints one table of ratios; see `--help` for parts of it and for other sizes."""

from __future__ import annotations

import argparse
import platform
import tempfile
from pathlib import Path
from time import perf_counter

from tests.benchmarks import checking, hledger, library, postgres, program, views
from tests.benchmarks.measure import Row, tell
from tests.benchmarks.offices import Office, Programs

SECTIONS = ("library", "program", "checking", "views", "hledger", "postgres")


def main() -> None:
    said = _arguments()
    start = perf_counter()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bo-benchmarks.", dir=said.folder) as name:
        folder = Path(name)
        if "library" in said.sections:
            rows += library.measure(folder, said.commits, said.rounds, profiled=said.profile)
        programs = Programs(folder / "programs")
        if "postgres" in said.sections:
            rows += postgres.measure(folder, programs, said.commits, said.rounds)
        if set(said.sections) - {"library", "postgres"}:
            rows += _commands(folder, programs, said)
    print(table(rows))
    tell(f"{platform.python_version()} on {platform.machine()}, {perf_counter() - start:.0f} s")
    if any(row.met == "NO" for row in rows):
        tell("a figure marked NO misses its target: on a machine that does something else, measure again")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", default=SECTIONS, metavar=f"{{{','.join(SECTIONS)}}}", help="all, if none is named"
    )
    parser.add_argument("--few", type=int, default=1_000, metavar="N", help="invoices in the small ledger (1000)")
    parser.add_argument("--many", type=int, default=100_000, metavar="N", help="in the large one (100000)")
    parser.add_argument(
        "--commits", type=int, default=5, metavar="N", help="commits of 1,000 invoices for the library (5)"
    )
    parser.add_argument("--git", type=int, default=10_000, metavar="N", help="commits for git fsck (10000)")
    parser.add_argument("--rounds", type=int, default=6, metavar="N", help="rounds of what is short (6)")
    parser.add_argument("--passes", type=int, default=2, metavar="N", help="rounds of what is long (2)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the ledgers are made: a real disk is slower")
    parser.add_argument("--profile", action="store_true", help="tell where the time of the library section goes")
    said = parser.parse_args()
    unknown = set(said.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"there is no section {min(unknown)}")
    return said


def _commands(folder: Path, programs: Programs, said: argparse.Namespace) -> list[Row]:
    small, large = Office(programs, folder / "small"), Office(programs, folder / "large")
    small.fill(folder, said.few)
    done = large.fill(folder, said.many)
    rows: list[Row] = []
    if "program" in said.sections:
        rows += program.imported(done.seconds, done.peak, said.many)
        rows += program.measure(programs, small, large, said.few, said.many, 2 * said.rounds)
    if "checking" in said.sections:
        rows += checking.measure(folder / "checking", large.directory, said.many, said.git, said.passes)
    if "views" in said.sections:
        rows += views.measure(folder, large, said.passes)
    if "hledger" in said.sections:
        rows += hledger.measure(folder, programs, large, said.many, said.passes)
    return rows


def table(rows: list[Row]) -> str:
    """The figures in columns."""
    head = ("", "bo", "other", "ratio", "target", "met", "")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join((lines[0], "  ".join("-" * width for width in widths).rstrip(), *lines[1:]))


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return row.what, row.ours, row.theirs, ratio, row.target, row.met, row.note


if __name__ == "__main__":
    main()
