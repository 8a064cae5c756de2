"""Projections: found by their folder, rebuilt one by one, the same after any history of pulls."""

import ast
from pathlib import Path

import pytest

import projections
from bo.session import Session
from projections import core
from projections.core import open_views
from store.payload import event_types
from tests.ledgers import Office

FOLDER = Path(projections.__file__).parent


def digest(ledger: Session, table: str) -> list[tuple[object, ...]]:
    return sorted(open_views(ledger).rows(f"SELECT * FROM {table}"), key=repr)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_every_tag_a_projection_folds_exists(path: Path) -> None:
    tags = {
        str(argument.value)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "on"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    known = {*event_types(), "*", "ledger.committed"}
    assert {tag for tag in tags if not tag.startswith("control.")} <= known


def test_a_projection_with_a_new_version_is_rebuilt_alone(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.issue_invoices(3)
    ledger = office.ledger
    before = {table: digest(ledger, table) for table in ("invoice", "person")}
    ledger.client.db.execute("DELETE FROM person")
    ledger.client.db.execute("DELETE FROM invoice WHERE rowid = (SELECT MIN(rowid) FROM invoice)")
    damaged = digest(ledger, "invoice")
    monkeypatch.setattr(core.projections()["Directory"], "version", 1_000)
    ledger.client.put("projections", b"an older program")
    assert digest(ledger, "person") == before["person"]
    assert digest(ledger, "invoice") == damaged != before["invoice"]


def test_a_cold_client_sees_what_a_warm_one_does(office: Office) -> None:
    for _ in range(3):
        office.issue_invoices(2)
    made = open_views(office.ledger).rows("SELECT objects FROM projection")
    tables = [table for (objects,) in made for table in objects.split(",") if table]
    warm = {table: digest(office.ledger, table) for table in tables}
    assert warm["invoice"]
    path = office.ledger.client.path
    office.ledger.close()
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    cold = office.reopen()
    assert {table: digest(cold, table) for table in warm} == warm


def test_the_past_is_what_the_ledger_knew_then(office: Office) -> None:
    office.issue_invoices(1)
    position = open_views(office.ledger).position
    office.issue_invoices(2)
    past = open_views(office.ledger, position, only=("Invoices",))
    assert past.value("SELECT COUNT(*) FROM invoice WHERE number IS NOT NULL") == 1
    assert open_views(office.ledger).value("SELECT COUNT(*) FROM invoice WHERE number IS NOT NULL") == 3
    assert not [entry for entry in office.ledger.client.path.parent.iterdir() if entry.name.startswith("scratch")]
