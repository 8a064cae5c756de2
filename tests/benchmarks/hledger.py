"""The books among many invoices: against a bare click program, and against hledger on the journal that bo exports."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aggregates.invoice import Invoice
from bo.session import Session
from projections.core import open_views
from store import device as devices
from store.home import Home
from tests.benchmarks.library import A_COMMIT
from tests.benchmarks.measure import Row, faster, interleaved, slower, tell
from tests.benchmarks.offices import Office, Programs
from tests.ledgers import DAY

if TYPE_CHECKING:
    from store.transaction import Transaction

REPORTS = {
    "trial balance": ("report", "trial-balance"),
    "aging": ("invoice", "aging"),
}

UNPAID = 50
"""Of so many invoices one stays open."""


def measure(folder: Path, programs: Programs, office: Office, invoices: int, rounds: int) -> list[Row]:
    program, journal = shutil.which("hledger"), folder / "books.journal"
    tell(f"hledger: payments of all but one in {UNPAID}")
    _pay(office)
    tell("hledger: the books as a journal")
    office.run("export", "hledger", "-o", str(journal))
    runs = [partial(office.start, programs.bo, *words, "--json") for words in REPORTS.values()]
    *ours, click = interleaved(4 * rounds, *runs, partial(office.start, programs.click, "x"))
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


def _pay(office: Office) -> None:
    """Record what was paid on most invoices, many of them in a commit."""
    home = Home({"BO_HOME": str(office.home)})
    device = devices.unlock(devices.read(next(home.devices.glob("*.json"))), lambda: "")
    ledger = Session(office.directory, home, device)
    keys = [key for (key,) in open_views(ledger).rows("SELECT key FROM invoice WHERE owing > 0 ORDER BY id")]
    for at in range(0, len(keys), A_COMMIT):
        paid = [key for place, key in enumerate(keys[at : at + A_COMMIT], at) if place % UNPAID]
        ledger.commit(partial(_paid, paid))
    ledger.close()


def _paid(keys: list[str], tx: Transaction) -> None:
    for key in keys:
        tx.change(Invoice, key, Invoice.pay, tx.state(Invoice, key).owing, DAY, "bank")
