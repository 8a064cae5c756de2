"""Against hledger, where it is installed: what each customer owes, among many invoices."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path

from tests.benchmarks.measure import Row, interleaved, slower, tell
from tests.benchmarks.offices import CUSTOMERS, Office, number


def measure(folder: Path, office: Office, invoices: int, rounds: int) -> list[Row]:
    what = f"what each customer owes, {invoices:,} invoices : hledger"
    program = shutil.which("hledger")
    if program is None:
        return [Row(what, "", "", None, "", "hledger is not installed")]
    tell("hledger: a journal of the same invoices")
    journal = folder / "invoices.journal"
    with journal.open("w") as file:
        for n in range(1, invoices + 1):
            day, amount = date(2025, 1, 1) + timedelta(n % 365), (n % 7 + 1) * (n % 500 + 10) + 8
            file.write(f"{day} {number(n)}\n    receivable:C-{n % CUSTOMERS}  {amount}.00 EUR\n    revenue\n\n")

    def theirs() -> None:
        subprocess.run([program, "-f", str(journal), "balance", "receivable"], capture_output=True, check=True)

    mine, other = interleaved(rounds, lambda: office.run("invoice", "balance", "--json"), theirs)
    return [slower(what, mine, other)]
