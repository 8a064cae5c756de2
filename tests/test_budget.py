"""What a command may import: a budget on `sys.modules`, so that start-up stays quick on any machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ledgers import DAY, Office
from tests.transcripts import ROOT

RUN = """
import sys
from bo.__main__ import _run
code = _run(sys.argv[1:])
print("\\n" + " ".join(sys.modules), file=sys.stderr)
sys.exit(code)
"""
RULES = {"cryptography", "eventsourcing", "aggregates", "tabulate", "wcwidth"}
"""What reading the views wakes none of, by the first word of a module's name."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    made = Office(tmp_path_factory.mktemp("office"))
    made.issue_invoices(3)
    assert imported(made, "invoice", "list", "--json")  # the first of all builds the views
    made.close()
    return made


def imported(office: Office, *words: str) -> set[str]:
    """The modules in memory after a command that went well."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, *words],
        cwd=office.folder,
        env={
            "BO_LEDGER": str(office.ledger.at),
            "PATH": os.environ["PATH"],
            "HOME": str(office.folder),
            "BO_HOME": str(office.home),
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.rsplit("\n", 2)[-2].split())


def packages(found: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in found}


WARM = {
    "one invoice": ("invoice", "show", f"INV-{DAY.year}-0002", "--json"),
    "unpaid invoices": ("invoice", "unpaid", "--limit", "50", "--json"),
    "all invoices": ("invoice", "list", "--json"),
    "what was owing": ("invoice", "unpaid", "--as-of", "2026-02-28", "--json"),
    "records": ("record", "list", "--json"),
    "documents": ("doc", "list", "--json"),
    "the trial balance": ("report", "trial-balance", "--json"),
    "the balance sheet": ("report", "balance-sheet", "--json"),
    "the general ledger": ("report", "general-ledger", "1300", "--json"),
    "the chart of accounts": ("account", "list", "--json"),
    "bank accounts beside the books": ("bank", "list", "--json"),
    "bank lines": ("bank", "lines", "--json"),
    "periods": ("period", "list", "--json"),
    "the audit trail": ("audit", "trail", "--json"),
}


@pytest.mark.parametrize("words", WARM.values(), ids=WARM.keys())
def test_a_warm_read_as_json_wakes_no_rules_and_no_cryptography(office: Office, words: tuple[str, ...]) -> None:
    assert not packages(imported(office, *words)) & RULES


def test_a_warm_read_as_a_table_needs_nothing_more_than_tabulate(office: Office) -> None:
    found = packages(imported(office, "invoice", "unpaid", "--limit", "50"))
    assert found & RULES == {"tabulate", "wcwidth"}


def test_a_warm_read_imports_the_command_it_runs_and_no_other(office: Office) -> None:
    found = imported(office, "invoice", "unpaid", "--json")
    assert {name for name in found if name.startswith("bo.commands.") and name.count(".") == 3} == {
        "bo.commands.money.invoice"
    }


def test_a_write_imports_no_other_event_store_and_no_tables(office: Office) -> None:
    found = imported(office, "record", "add", "customer", "C-9", "--set", "name=Ada")
    assert "cryptography" in packages(found)  # it was a write
    assert not packages(found) & {"eventsourcing", "tabulate"}
    assert "cryptography.x509" not in found


def test_help_imports_no_click(office: Office) -> None:
    found = imported(office, "--help")
    assert not packages(found) & (RULES | {"click", "msgspec", "sqlcipher3", "store", "projections"})


def test_a_budget_that_is_overdrawn_is_noticed(office: Office) -> None:
    assert {"cryptography", "aggregates"} <= packages(imported(office, "audit", "verify", "--full"))


def test_every_module_stands_where_this_test_looks() -> None:
    assert {Path(str(sys.modules[name].__file__)).parent.parent for name in ("bo", "store")} <= {ROOT}
