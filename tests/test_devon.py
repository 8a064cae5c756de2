"""Devon County Council's payments of a month become bills and payments of real suppliers, to the cent."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from aggregates.core import Refused
from bo.bill_import import BillImport
from projections import payables
from projections.core import Views, open_views
from tests.ledgers import Office
from tests.transcripts import ROOT, SHARED

FILE = SHARED / "devon" / "DCCSpendingOver500_202503.csv"
MAP = ROOT / "tests" / "mappings" / "devon-payments.json"
CENT = Decimal("0.01")
SAID = 3000
"""So many rows of the file are imported: each weighs as much as any other."""

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the public data sets are not here: BO_SHARED names them")


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first rows of the file, those with debris and those below zero among them."""
    path = tmp_path_factory.mktemp("devon") / "devon.csv"
    with FILE.open(encoding="utf-8-sig") as lines:
        path.write_text("".join(line for line, _ in zip(lines, range(SAID + 1), strict=False)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def rows(part: Path) -> list[dict[str, str]]:
    with part.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def office(part: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = Office(tmp_path_factory.mktemp("office"))
    told = BillImport(office.ledger, str(part), str(MAP), "", add_vendors=True).run(accept_valid=False)
    assert told[:2] == [f"{SAID} bills, {told[0].split()[2]} GBP", f"{SAID} paid"]
    yield office
    office.close()


def views(office: Office) -> Views:
    return open_views(office.ledger)


def minor(text: str) -> int:
    return int(Decimal(text).quantize(CENT, ROUND_HALF_UP).scaleb(2))


def test_every_payment_is_a_bill_and_a_payment_of_its_supplier(office: Office, rows: list[dict[str, str]]) -> None:
    said = {(row["Supplier ID"], row["Transaction Number"], minor(row["Amount"])) for row in rows}
    assert set(views(office).rows("SELECT vendor, ref, total FROM bill")) == said
    signed = "SELECT substr(party, 8), ref, iif(direction = 'out', amount, -amount) FROM payment"
    assert set(views(office).rows(signed)) == said


def test_the_books_agree_to_the_cent_and_nothing_is_owing(office: Office, rows: list[dict[str, str]]) -> None:
    total = sum(minor(row["Amount"]) for row in rows)
    sums = dict(views(office).rows("SELECT account, SUM(minor) FROM posting GROUP BY account"))
    assert sums == {"1200": -total, "2100": 0, "5100": total}
    assert all((each.owing, each.credit, each.paid) == (0, 0, 0) for each in payables.balances(views(office)))


def test_each_amount_with_debris_is_a_finding_and_its_bill_says_what_the_file_said(
    office: Office, part: Path, rows: list[dict[str, str]]
) -> None:
    odd = {at: row for at, row in enumerate(rows, 2) if Decimal(row["Amount"]) != Decimal(row["Amount"]).quantize(CENT)}
    assert odd
    again = BillImport(office.ledger, str(part), str(MAP), "", add_vendors=True)
    before = office.ledger.verifier.size
    assert again.run(accept_valid=False) == ["0 bills", f"{SAID} were here already"]
    assert office.ledger.verifier.size == before, "the same file twice changes nothing"
    assert {each.line: each.value for each in again.sheet.findings.shown} == {at: odd[at]["Amount"] for at in odd}
    for row in odd.values():
        text = views(office).value("SELECT text FROM bill WHERE ref = ?", row["Transaction Number"])
        assert text.endswith(f"The file says {row['Amount']}.")


def test_a_supplier_is_called_what_any_row_names_him(office: Office, rows: list[dict[str, str]]) -> None:
    names: dict[str, str] = {}
    for row in rows:
        if row["Supplier Name"] != "REDACTED UNDER DP ACT":
            names.setdefault(row["Supplier ID"], row["Supplier Name"])
    labels = dict(views(office).rows("SELECT ref, label FROM reference WHERE kind = 'vendor'"))
    assert labels == {row["Supplier ID"]: names.get(row["Supplier ID"], row["Supplier ID"]) for row in rows}


def test_without_leave_to_take_debris_off_nothing_is_imported(part: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.json"
    plain.write_text(MAP.read_text(encoding="utf-8").replace(',\n  "debris": "round"', ""), encoding="utf-8")
    office = Office(tmp_path)
    with pytest.raises(Refused, match=r"\d+ errors in devon.csv: nothing was imported"):
        BillImport(office.ledger, str(part), str(plain), "", add_vendors=True).run(accept_valid=False)
    assert views(office).value("SELECT COUNT(*) FROM bill") == 0
    office.close()


@pytest.mark.long
def test_the_whole_file_comes_to_what_it_says(tmp_path: Path) -> None:
    office = Office(tmp_path)
    work = BillImport(office.ledger, str(FILE), str(MAP), "", add_vendors=True)
    told = work.run(accept_valid=False)
    assert told == ["14183 bills, 125367262.22 GBP", "14183 paid", "3288 vendors added"]
    assert (work.sheet.findings.warnings, len(work.sheet.findings.shown)) == (1086, 1086)
    sums = dict(views(office).rows("SELECT account, SUM(minor) FROM posting GROUP BY account"))
    assert sums == {"1200": -12536726222, "2100": 0, "5100": 12536726222}
    office.close()
