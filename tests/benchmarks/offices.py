"""Ledgers of two sizes, made by the ordinary commands, and how programs are started and watched."""

from __future__ import annotations

import compileall
import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.measure import tell
from tests.transcripts import ROOT

CUSTOMERS = 997
BARE = '''"""A program with one command."""

import click


@click.command()
@click.argument("name")
@click.option("--json", is_flag=True)
def main(name: str, json: bool) -> None:
    """Show NAME."""
    click.echo(name)
'''
LAUNCHER = """#!{python}
import sys
sys.path.insert(0, {folder!r})
from {module} import main
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit(main())
"""
"""As a current pip writes it, but for where the program stands."""


WATCH = """
import os, sys, time
start = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print("", time.perf_counter() - start, usage.ru_maxrss / 1024, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""In between, because a child's peak begins with that of the process that starts it."""


class Done(NamedTuple):
    """A program that ended well: what it printed, how long it took, and its memory at most, in MB."""

    out: str
    seconds: float
    peak: float


class Programs:
    """Launchers of bo and of the bare click program, with all of both compiled."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "bare.py").write_text(BARE)
        self.bo = _launcher(folder / "bo", ROOT, "bo.__main__")
        self.click = _launcher(folder / "click", folder, "bare")
        self.python = folder / "python"
        self.python.write_text(f"#!{sys.executable}\n")
        self.python.chmod(0o755)
        for place in (folder, *(ROOT / name for name in ("aggregates", "store", "projections", "bo"))):
            compileall.compile_dir(place, quiet=2)


def _launcher(path: Path, folder: Path, module: str) -> Path:
    path.write_text(LAUNCHER.format(python=sys.executable, folder=str(folder), module=module))
    path.chmod(0o755)
    return path


class Office:
    """A ledger in a folder of its own, or at a URL, used through the launcher."""

    def __init__(self, programs: Programs, folder: Path, url: str = "") -> None:
        self.bo, self.home, self.directory = programs.bo, folder / "home", folder / "ledger"
        folder.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "BO_HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "BO_LEDGER": url or str(self.directory),
        }
        self.run(
            "init", url or str(self.directory), "--name", "Acme GmbH", "--owner", "alice", "--no-passphrase", cwd=folder
        )

    def run(self, *words: str, cwd: Path | None = None, home: Path | None = None) -> Done:
        environment = self.environment | ({"BO_HOME": str(home)} if home else {})
        return watched([str(self.bo), *words], cwd or self.home, environment)

    def start(self, program: Path, *words: str) -> None:
        """Run a program to its end, and no other that watches it: to be timed by the caller."""
        subprocess.run([str(program), *words], cwd=self.home, env=self.environment, capture_output=True, check=True)

    def fill(self, folder: Path, count: int) -> Done:
        """Import customers and invoices; the run that imported the invoices."""
        customers, invoices = folder / "customers.csv", folder / f"invoices-{count}.csv"
        _write(customers, _customers())
        _write(invoices, _invoices(count))
        self.run("record", "import", "customer", str(customers))
        tell(f"importing {count:,} invoices")
        return self.run("invoice", "import", str(invoices))


def watched(words: Sequence[str], cwd: Path, environment: dict[str, str]) -> Done:
    """Run a program to its end. Raises RuntimeError with what it said when that is no good one."""
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", WATCH, *words], cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    seconds, peak = done.stderr.rsplit(maxsplit=2)[-2:]
    return Done(done.stdout, float(seconds), float(peak))


def _write(path: Path, rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def _customers() -> list[tuple[object, ...]]:
    head = ("ref", "name", "street", "postcode", "city", "country", "email")
    return [
        head,
        *(
            (f"C-{n}", f"Customer {n} Ltd", "12 St James's Square", "SW1Y 4JH", "London", "GB", f"office@c{n}.org")
            for n in range(CUSTOMERS)
        ),
    ]


def _invoices(count: int) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [("number", "customer", "on", "description", "quantity", "price", "tax")]
    for n in range(1, count + 1):
        place = (number(n), f"C-{n % CUSTOMERS}", date(2025, 1, 1) + timedelta(n % 365))
        rows.append((*place, "Consulting", n % 7 + 1, f"{n % 500 + 10}.50", "19"))
        rows.append((*place, "Delivery", 1, "8.90", "7"))
    return rows


def number(n: int) -> str:
    """The number of the n-th imported invoice."""
    return f"R-{n:06}"
