"""Two real shops go in through `bo record import` in any encoding; spoiled files do not; twice changes nothing."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.transcripts import ROOT, SHARED

Bo = Callable[..., "subprocess.CompletedProcess[str]"]
MAPPINGS = ROOT / "tests" / "mappings"
SHOPS = {
    "chinook-customers": ("customer", "chinook/Customer.csv", 59),
    "northwind-customers": ("customer", "northwind/Customers.csv", 93),
    "northwind-suppliers": ("vendor", "northwind/Suppliers.csv", 29),
    "northwind-products": ("product", "northwind/Products.csv", 77),
}

needs_shops = pytest.mark.skipif(not SHARED.exists(), reason="the public data sets are not here: BO_SHARED names them")


@pytest.fixture
def books(bo: Bo) -> Bo:
    """`bo record …` in a ledger where products have a supplier."""
    assert bo("init", "books", "--name", "A", "--owner", "alice", "--no-passphrase").returncode == 0

    def record(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return bo("-L", "books", "record", *words, **more)

    assert record("define", "product", "--field", "supplier:reference(vendor)").returncode == 0
    return record


def size(bo: Bo) -> int:
    """The length of the log, which must not grow when nothing is imported."""
    return int(bo("-L", "books", "audit", "head").stdout.splitlines()[1])


def bring(books: Bo, name: str, file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return books("import", SHOPS[name][0], str(file), "--map", str(MAPPINGS / f"{name}.json"), *words)


def source(name: str) -> Path:
    return SHARED / SHOPS[name][1]


def listed(books: Bo, kind: str) -> dict[str, dict[str, object]]:
    return {row["ref"]: row for row in json.loads(books("list", kind, "--json").stdout)}


@needs_shops
def test_the_real_shops_go_in_and_a_second_time_change_nothing(books: Bo, bo: Bo) -> None:
    for name, (kind, _, count) in SHOPS.items():
        done = bring(books, name, source(name))
        assert (done.returncode, done.stdout) == (0, f"{count} added, 0 changed, 0 as they were\n"), done.stderr
        before = size(bo)
        again = bring(books, name, source(name))
        assert again.stdout == f"0 added: nothing changes, {count} {kind} records are as the file has them\n"
        assert size(bo) == before
    customers, products = listed(books, "customer"), listed(books, "product")
    assert len(customers) == 59 + 93
    assert customers["1"]["name"] == "Embraer - Empresa Brasileira de Aeronáutica S.A."
    assert customers["2"]["name"] == "Leonie Köhler"
    assert customers["Val2"]["name"] == "IT"
    assert customers["ALFKI"]["country"] == "DE"
    assert products["P-1"] | {"status": ""} == {
        "ref": "P-1", "status": "", "name": "Chai", "unit": "10 boxes x 20 bags", "price": "18.00 EUR", "tax": "20",
        "supplier": "vendor/S-1",
    }  # fmt: skip


@needs_shops
def test_every_value_of_the_source_stands_in_the_ledger(books: Bo) -> None:
    assert bring(books, "chinook-customers", source("chinook-customers")).returncode == 0
    kept = listed(books, "customer")
    with source("chinook-customers").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            here = kept[row["CustomerId"]]
            for field, column in {"email": "Email", "phone": "Phone", "street": "Address", "city": "City"}.items():
                assert (here[field] or "") == row[column].strip()  # Edinburgh has a blank after it
            assert here["name"] == (row["Company"] or f"{row['FirstName']} {row['LastName']}")


@needs_shops
@pytest.mark.parametrize("name", ["northwind-customers", "northwind-suppliers"])
def test_another_encoding_is_the_same_file(books: Bo, tmp_path: Path, name: str) -> None:
    told = []
    for encoding in ("cp1252", "utf-16", "utf-16-le", "utf-8-sig", "utf-8"):
        again = tmp_path / "again.csv"
        again.write_bytes(source(name).read_bytes().decode("utf-8").encode(encoding))
        told.append(bring(books, name, again).stdout[:24])
    assert told == [f"{SHOPS[name][2]} added, 0 changed, 0 as they were"[:24], *["0 added: nothing changes"] * 4]


@needs_shops
def test_a_spoiled_copy_is_refused_row_by_row_and_nothing_is_written(books: Bo, bo: Bo, tmp_path: Path) -> None:
    text = source("chinook-customers").read_text(encoding="utf-8")
    text = text.replace("leonekohler@surfeu.de", "leonekohler at surfeu.de").replace("Norway", "Norwegia")
    lines = text.splitlines()
    spoiled = tmp_path / "spoiled.csv"
    spoiled.write_text("\n".join([*lines, lines[1], "60,only,three"]) + "\n", encoding="utf-8")
    before = size(bo)
    done = bring(books, "chinook-customers", spoiled)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "bo: 4 errors" in done.stderr
    assert "nothing was imported" in done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("spoiled.csv") and line.endswith("error")]
    assert sorted(int(line.split()[1]) for line in told) == [3, 5, 61, 62]
    for part in ("Email", "leonekohler at surfeu.de", "Norwegia", "line 2 has the same reference", "3 cells"):
        assert part in done.stderr
    assert size(bo) == before
    assert listed(books, "customer") == {}
    valid = bring(books, "chinook-customers", spoiled, "--accept-valid")
    assert valid.returncode == 8
    assert "57 added" in valid.stderr
    assert len(listed(books, "customer")) == 57


@needs_shops
def test_products_whose_supplier_is_not_there_are_refused(books: Bo, bo: Bo) -> None:
    before = size(bo)
    done = bring(books, "northwind-products", source("northwind-products"))
    assert done.returncode == 3
    assert "supplier: there is no vendor S-1" in done.stderr
    assert size(bo) == before


def test_a_row_may_refer_to_a_later_one_of_its_file(books: Bo, tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    file.write_text("id,name,manager\nE-1,Ada,E-2\nE-2,Boss,\nE-3,Eve,E-9\n")
    done = books("import", "employee", str(file))
    assert done.returncode == 3
    assert "manager: there is no employee E-9" in done.stderr
    file.write_text("id,name,manager\nE-1,Ada,E-2\nE-2,Boss,\n")
    assert books("import", "employee", str(file)).stdout == "2 added, 0 changed, 0 as they were\n"
    assert listed(books, "employee")["E-1"]["manager"] == "employee/E-2"


def test_a_changed_row_changes_only_what_differs_and_an_empty_cell_nothing(books: Bo, tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("id,name,city,terms\nC-1,Acme,Bonn,30\nC-2,Blue,Köln,\n")
    assert books("import", "customer", str(file)).returncode == 0
    file.write_text("id,name,city,terms\nC-1,Acme,,14\nC-2,Blue,Köln,\n")
    assert books("import", "customer", str(file)).stdout == "0 added, 1 changed, 1 as they were\n"
    rows = json.loads(books("history", "C-1", "--json").stdout)
    assert [(row["what"], row["field"], row["before"], row["after"]) for row in rows if row["what"] == "changed"] == [
        ("changed", "terms", "30", "14")
    ]
    assert listed(books, "customer")["C-1"]["city"] == "Bonn"


def test_what_is_archived_is_not_changed_behind_its_back(books: Bo, tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("id,name\nC-1,Acme\n")
    books("import", "customer", str(file))
    books("archive", "C-1", "--reason", "gone")
    assert books("import", "customer", str(file)).stdout.startswith("0 added: nothing changes")
    file.write_text("id,name\nC-1,Other\n")
    done = books("import", "customer", str(file))
    assert done.returncode == 3
    assert "C-1 is archived: it cannot be changed" in done.stderr


def test_an_export_is_imported_again_without_a_change_even_where_a_spreadsheet_would_run_it(
    books: Bo, tmp_path: Path
) -> None:
    odd = {"C-1": "=1+1", "C-2": "@cmd", "C-3": 'a "quoted", cell', "C-4": "'tis", "C-5": "two\nlines", "C-6": "-"}
    for ref, name in odd.items():
        source = json.dumps({"name": name, "phone": "+49 30 123456"})
        assert books("add", "customer", ref, "--from", "-", stdin=source).returncode == 0
    exported = books("export", "customer").stdout
    assert "'=1+1" in exported
    (tmp_path / "all.csv").write_text(exported)
    done = books("import", "customer", str(tmp_path / "all.csv"))
    assert done.stdout == "0 added: nothing changes, 6 customer records are as the file has them\n", done.stderr
    assert {ref: row["name"] for ref, row in listed(books, "customer").items()} == odd


def test_more_than_one_commit_takes_is_imported_in_several(books: Bo, bo: Bo, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("id,name\n" + "".join(f"C-{n:04},Name {n}\n" for n in range(2100)))
    before = len(json.loads(bo("-L", "books", "audit", "trail", "--json").stdout))
    assert books("import", "customer", str(file), "--dry-run").stdout.startswith("2100 would be added")
    assert len(json.loads(bo("-L", "books", "audit", "trail", "--json").stdout)) == before
    assert books("import", "customer", str(file), "--save-map", "mine").stdout.startswith("2100 added")
    assert books("import", "customer", str(file), "--map", "mine").stdout.startswith("0 added: nothing changes, 2100")
    assert bo("-L", "books", "audit", "verify").returncode == 0
    assert json.loads(books("find", "name", "2099", "--json").stdout)[0]["ref"] == "C-2099"


def test_possible_duplicates_are_findings_and_never_merged(books: Bo, tmp_path: Path) -> None:
    assert books("add", "customer", "C-1", "--set", "name=Acme GmbH").returncode == 0
    file = tmp_path / "some.csv"
    file.write_text("id,name,email\nC-2,ACME Gmbh,\nC-3,New,n@new.example\nC-4,Newer,N@new.example\n")
    done = books("import", "customer", str(file))
    assert done.returncode == 0
    assert "possible duplicate of C-1: the same name" in done.stderr
    assert "possible duplicate of C-3: the same e-mail" in done.stderr
    assert len(listed(books, "customer")) == 4
