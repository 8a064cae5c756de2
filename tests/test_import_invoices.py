"""Taking over invoices of another system: all checked before anything is recorded, and again changes nothing."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from aggregates.core import SALES, Refused
from aggregates.kind import built_in
from aggregates.period import Periods
from aggregates.record import Record
from bo import invoice_import, invoicing
from bo.errors import PartlyDone
from bo.invoice_import import Import
from bo.session import Session
from projections import invoice as one
from projections import invoices, receivables, references
from projections.core import Views, open_views
from store.transaction import Transaction
from tests.ledgers import Office
from tests.transcripts import ROOT, SHARED

CHINOOK = SHARED / "chinook"
MAP = str(ROOT / "tests" / "mappings" / "chinook-invoices.json")
FILES = ("Invoice.csv", "InvoiceLine.csv", "Track.csv")
HEAD = "number,customer,on,due,description,quantity,price,tax,total\n"
GOOD = (
    HEAD
    + "A-1,C-1,2025-01-31,2025-02-28,Work,2,10.00,19,\nA-1,,,,Book,1,5.00,7,29.15\nA-2,C-1,2025-02-01,,Work,1,1,Z,1\n"
)
needs_chinook = pytest.mark.skipif(not CHINOOK.exists(), reason="the public data sets are not here: see BO_SHARED")


@pytest.fixture
def shop(office: Office) -> Office:
    customers(office.ledger, {"C-1": "Ada Ltd"})
    return office


@pytest.fixture
def chinook(office: Office, tmp_path: Path) -> Office:
    """An office with the customers, and a copy of the files that may be spoiled."""
    with (CHINOOK / "Customer.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    customers(
        office.ledger, {row["CustomerId"]: row["Company"] or f"{row['FirstName']} {row['LastName']}" for row in rows}
    )
    for name in FILES:
        shutil.copy(CHINOOK / name, tmp_path / name)
    return office


def customers(ledger: Session, names: dict[str, str]) -> None:
    def work(tx: Transaction) -> None:
        for ref, name in names.items():
            tx.change(
                Record, f"customer/{ref}", Record.add, built_in()["customer"], ref, {"name": name}, compartment=SALES
            )

    ledger.commit(work)


def take(office: Office, text: str | bytes, *, valid: bool = False, renumber: bool = False) -> list[str]:
    file = office.folder / "invoices.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return Import(office.ledger, str(file), None, None, renumber).run(valid)


def take_chinook(office: Office, folder: Path, *, valid: bool = False) -> list[str]:
    return Import(office.ledger, str(folder / FILES[0]), str(folder / FILES[1]), MAP, False).run(valid)


def views(office: Office) -> Views:
    return open_views(office.ledger)


def position(office: Office) -> int:
    office.ledger.pull()
    return office.ledger.verifier.size


def found(office: Office, number: str) -> one.Invoice:
    return one.shown(views(office), references.resolve(views(office), number, "invoice").key)


# The real shop


@needs_chinook
def test_chinook_comes_to_what_its_source_says(chinook: Office, tmp_path: Path) -> None:
    assert take_chinook(chinook, tmp_path) == ["412 invoices, 2328.60 USD"]
    with (CHINOOK / "Invoice.csv").open(encoding="utf-8", newline="") as file:
        source = {row["InvoiceId"]: row for row in csv.DictReader(file)}
    here = {each.number: each for each in invoices.listed(views(chinook))}
    assert {number: each.total for number, each in here.items()} == {
        number: int(Decimal(row["Total"]) * 100) for number, row in source.items()
    }
    assert {str(each.on) for each in here.values()} == {row["InvoiceDate"][:10] for row in source.values()}
    assert sum(len(found(chinook, number).lines) for number in source) == 2240
    owed: dict[str, int] = defaultdict(int)
    for row in source.values():
        owed[row["CustomerId"]] += int(Decimal(row["Total"]) * 100)
    aged = receivables.aging(views(chinook), date(2026, 1, 31))
    assert {each.customer: each.owing for each in aged} == owed
    assert {each.customer: each.balance for each in receivables.balances(views(chinook))} == owed
    assert sum(each.owing for each in aged) == 232860
    assert len(receivables.unpaid(views(chinook), date(2026, 1, 31))) == 412
    for day in (date(2021, 1, 1), date(2023, 6, 30), date(2025, 12, 21)):
        expected = [row for row in source.values() if row["InvoiceDate"][:10] <= str(day)]
        assert len(receivables.unpaid(views(chinook), day, day)) == len(expected)
        assert sum(each.owing for each in receivables.aging(views(chinook), day, day)) == sum(
            int(Decimal(row["Total"]) * 100) for row in expected
        )


@needs_chinook
def test_chinook_again_changes_nothing(chinook: Office, tmp_path: Path) -> None:
    take_chinook(chinook, tmp_path)
    before = position(chinook)
    assert take_chinook(chinook, tmp_path) == ["0 invoices", "412 were here already"]
    assert position(chinook) == before


@needs_chinook
def test_the_first_invoice_has_the_address_and_the_tracks_of_its_source(chinook: Office, tmp_path: Path) -> None:
    take_chinook(chinook, tmp_path)
    first = found(chinook, "1")
    assert first.buyer == one.Buyer("Leonie Köhler", "Theodor-Heuss-Straße 34", "70174", "Stuttgart", "DE")
    assert [(each.description, each.quantity, each.price, each.net) for each in first.lines] == [
        ("Balls to the Wall", "1", "0.99", 99), ("Restless and Wild", "1", "0.99", 99)
    ]  # fmt: skip


@needs_chinook
@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_chinook_in_other_encodings_is_the_same(chinook: Office, tmp_path: Path, encoding: str) -> None:
    for name in FILES:
        text = (CHINOOK / name).read_text(encoding="utf-8")
        (tmp_path / name).write_bytes(text.encode(encoding, errors="xmlcharrefreplace"))
    assert take_chinook(chinook, tmp_path) == ["412 invoices, 2328.60 USD"]
    assert found(chinook, "1").buyer.street == "Theodor-Heuss-Straße 34"


@needs_chinook
def test_a_spoiled_copy_is_refused_row_by_row(
    chinook: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (tmp_path / "Invoice.csv").read_text(encoding="utf-8").split("\n")
    lines[1] = lines[1].replace(",1.98", ",1.97")
    lines[2] = lines[2].replace("2,4,", "2,400,")
    lines[3] = lines[3].replace("2021-01-03 00:00:00", "2021-02-30 00:00:00")
    lines[4] = lines[4].replace("4,14,", "3,14,")
    lines[5] = lines[5].rsplit(",", 2)[0]
    (tmp_path / "Invoice.csv").write_text("\n".join(lines), encoding="utf-8")
    before = position(chinook)
    with pytest.raises(Refused, match=r"\d+ errors in Invoice.csv( and .*)?: nothing was imported"):
        take_chinook(chinook, tmp_path)
    assert position(chinook) == before
    told = capsys.readouterr().err
    for line, rule in (
        (2, "the lines of 1 come to 1.98 USD, not 1.97 USD"),
        (3, "there is no customer “400”"),
        (4, "“2021-02-30” is not a date"),
        (5, "an earlier row has the same number"),
        (6, "the row has 7 cells, the header 9"),
    ):
        assert any(f" {line} " in row and rule in row for row in told.split("\n")), (rule, told)
    with pytest.raises(PartlyDone, match=r"407 invoices, .* USD imported"):
        take_chinook(chinook, tmp_path, valid=True)
    assert len(invoices.listed(views(chinook))) == 407


# What can be wrong


def test_rows_of_one_invoice_are_its_lines(shop: Office) -> None:
    assert take(shop, GOOD) == ["2 invoices, 30.15 EUR"]
    first = found(shop, "A-1")
    assert (first.status, first.party, first.draft, str(first.due), len(first.lines)) == (
        "open", "Ada Ltd", None, "2025-02-28", 2
    )  # fmt: skip
    assert str(found(shop, "A-2").due) == "2025-03-03"


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("A-1,C-1,2025-01-31,,Work,1,1,19,1.20", "the lines of A-1 come to 1.19 EUR, not 1.20 EUR"),
        ("A-1,C-1,2025-01-31,,Work,1,1,19,1.195", "1.195 EUR has 3 decimals, EUR has 2"),
        ("A-1,C-1,2025-01-31,,Work,1,1,19,1.19 USD", "A-1 is in EUR: 1.19 USD is another currency"),
        ("A-1,C-9,2025-01-31,,Work,1,1,19,", "there is no customer “C-9”"),
        ("A-1,,2025-01-31,,Work,1,1,19,", "an invoice is for a customer"),
        ("A-1,C-1,,,Work,1,1,19,", "A-1 has no date"),
        ("A-1,C-1,31.01.2025,,Work,1,1,19,", "on: “31.01.2025” is not a date"),
        ("A-1,C-1,2025-01-31,2025-01-30,Work,1,1,19,", "it cannot be due on 2025-01-30"),
        ("A-1,C-1,2025-01-31,,Work,0,1,19,", "line 1: the quantity is not zero"),
        ("A-1,C-1,2025-01-31,,Work,1,-1,19,", "a unit price is not negative"),
        ("A-1,C-1,2025-01-31,,Work,1,١,19,", "is not a number"),
        ("A-1,C-1,2025-01-31,,Work,1,1e3,19,", "is not a number"),
        ("A-1,C-1,2025-01-31,,Work,1,NaN,19,", "is not a number"),
        ("A-1,C-1,2025-01-31,,Work,1,1,119,", "a tax rate lies between 0 and 100 percent"),
        ("A-1,C-1,2025-01-31,,Work,1,1,,", "is not a number"),
        ("A-1,C-1,2025-01-31,,,1,1,19,", "begins without a description"),
        ("A-1,C-1,2025-01-31,,Work,-1,1,19,", "a credit note is not an invoice"),
        ("INV-2025-0001,C-1,2025-01-31,,Work,1,1,19,", "looks like a number of our own"),
        ("D-7K3F,C-1,2025-01-31,,Work,1,1,19,", "looks like a number of our own"),
        ("A/1,C-1,2025-01-31,,Work,1,1,19,", "holds a slash"),
        (",C-1,2025-01-31,,Work,1,1,19,", "an invoice has a number"),
        ("A-1,C-1,2025-01-31,,Work,1,1,19\n", "the row has 8 cells"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_recorded(
    shop: Office, capsys: pytest.CaptureFixture[str], row: str, rule: str
) -> None:
    before = position(shop)
    with pytest.raises(Refused, match=r"1 error in invoices.csv: nothing was imported"):
        take(shop, f"{HEAD}A-0,C-1,2025-01-31,,Work,1,1,19,\n{row}\n".replace("19\n\n", "19\n"))
    assert rule in capsys.readouterr().err
    assert position(shop) == before


def test_rows_of_one_invoice_agree_and_stand_together(shop: Office, capsys: pytest.CaptureFixture[str]) -> None:
    apart = HEAD + "A-1,C-1,2025-01-31,,W,1,1,0,\nA-2,C-1,2025-01-31,,W,1,1,0,\nA-1,C-1,2025-01-31,,W,1,1,0,\n"
    with pytest.raises(Refused):
        take(shop, apart)
    assert "an earlier row has the same number" in capsys.readouterr().err
    with pytest.raises(Refused):
        take(shop, HEAD + "A-1,C-1,2025-01-31,,W,1,1,0,\nA-1,,2025-02-01,,W,1,1,0,\n")
    assert "line 2 says “2025-01-31” for the same invoice" in capsys.readouterr().err


def test_again_with_other_contents_is_refused(shop: Office, capsys: pytest.CaptureFixture[str]) -> None:
    take(shop, GOOD)
    assert take(shop, GOOD) == ["0 invoices", "2 were here already"]
    for changed in (
        GOOD.replace("Book", "Boot"),
        GOOD.replace("2025-02-28", "2025-02-27"),
        GOOD.replace("01-31", "01-30"),
    ):
        with pytest.raises(Refused, match="nothing was imported"):
            take(shop, changed)
        assert "A-1 is here already, and says otherwise" in capsys.readouterr().err
    more = GOOD + "A-3,C-1,2025-02-02,,Work,1,1,Z,1\n"
    assert take(shop, more) == ["1 invoice, 1.00 EUR", "2 were here already"]


def test_a_line_without_an_invoice_and_an_invoice_without_lines_are_found(
    shop: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    heads, lines = shop.folder / "heads.csv", shop.folder / "lines.csv"
    heads.write_text("number,customer,on\nA-1,C-1,2025-01-31\nA-2,C-1,2025-01-31\n")
    lines.write_text("number,description,quantity,price,tax\nA-1,Work,1,1,0\nA-3,Work,1,1,0\n")
    with pytest.raises(Refused, match=r"1 error in heads.csv and 1 error in lines.csv"):
        Import(shop.ledger, str(heads), str(lines), None, False).run(False)
    told = capsys.readouterr().err
    assert "a document has at least one line" in told
    assert "heads.csv has no invoice of this number" in told


def test_a_commit_holds_a_thousand(shop: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoice_import, "BATCH", 4)
    before = shop.ledger.verifier.sequence
    take(shop, HEAD + "".join(f"A-{at},C-1,2025-01-31,,W,1,1,0,\n" for at in range(10)))
    assert shop.ledger.verifier.sequence == before + 3


def test_a_dry_run_ends_where_the_real_one_would(shop: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoice_import, "BATCH", 4)
    shop.ledger.commit(lambda tx: tx.change(Periods, "books", Periods.close, date(2025, 1, 31), tx.person))
    text = HEAD + "".join(f"A-{at},C-1,2025-0{1 if at == 9 else 2}-01,,W,1,1,0,\n" for at in range(10))
    before, shop.ledger.dry_run = position(shop), True
    with pytest.raises(PartlyDone) as told:
        take(shop, text)
    assert position(shop) == before
    assert str(told.value) == (
        "8 of 10 invoices would be recorded, in 2 commits, up to A-7, none of the others: "
        "2025-01-01 lies in a closed period: the first open date is 2025-02-01"
    )
    shop.ledger.dry_run = False
    with pytest.raises(PartlyDone, match="8 of 10 invoices are recorded, in 2 commits, up to A-7, none of the others"):
        take(shop, text)


def test_two_at_once_record_each_invoice_once(shop: Office) -> None:
    file = shop.folder / "two.csv"
    file.write_text(GOOD)
    other = shop.another()
    slow, fast = (Import(ledger, str(file), None, None, False) for ledger in (shop.ledger, other))
    slow._check()
    assert fast.run(False) == ["2 invoices, 30.15 EUR"]
    slow._record("")
    assert len(invoices.listed(views(shop))) == 2


def test_renumbered_invoices_get_our_numbers_by_date(shop: Office) -> None:
    text = HEAD + "B,C-1,2025-02-01,,W,1,1,0,\nA,C-1,2025-01-31,,W,1,1,0,\nC,C-1,2024-12-31,,W,1,1,0,\n"
    assert take(shop, text, renumber=True) == ["3 invoices, 3.00 EUR"]
    assert {each.draft: each.number for each in invoices.listed(views(shop))} == {
        "C": "INV-2024-0001", "A": "INV-2025-0001", "B": "INV-2025-0002"
    }  # fmt: skip
    assert found(shop, "INV-2025-0001").ref == "A"
    assert take(shop, text, renumber=True) == ["0 invoices", "3 were here already"]
    with pytest.raises(Refused, match="the last one, INV-2025-0002, is dated 2025-02-01: an earlier date is refused"):
        take(shop, HEAD + "D,C-1,2025-01-01,,W,1,1,0,\n", renumber=True)


def test_a_dry_run_checks_and_records_nothing(shop: Office) -> None:
    before, shop.ledger.dry_run = position(shop), True
    assert take(shop, GOOD) == ["2 invoices, 30.15 EUR", "this was a dry run: nothing is recorded"]
    assert position(shop) == before


def test_an_imported_invoice_is_paid_credited_and_printed_like_ours(shop: Office) -> None:
    take(shop, GOOD)
    ledger, ledger.reason = shop.ledger, "it came back"
    note = ledger.commit(lambda tx: invoicing.credit(ledger, tx, "A-1", date(2026, 1, 31), []))[0]
    assert note == "CN-2026-0001"
    assert found(shop, "A-1").status == "credited"
    page = invoicing.rendering(ledger, references.resolve(views(shop), "A-1", "invoice"))
    assert b"Invoice A-1" in page


def test_a_mapping_can_be_kept_and_named(shop: Office) -> None:
    file, kept = shop.folder / "other.csv", shop.folder / "map.json"
    file.write_text("Nr;Kunde;Datum;Text;Netto\nR1;C-1;31.01.2025;Arbeit;1.000,50\n")
    kept.write_text(
        '{"columns":{"number":"Nr","customer":"Kunde","on":"Datum","description":"Text","price":"Netto"},'
        '"constants":{"quantity":"1","tax":"19"},"dates":"%d.%m.%Y","decimals":","}'
    )
    assert Import(shop.ledger, str(file), None, str(kept), False).run(False, "old system") == ["1 invoice, 1190.60 EUR"]
    assert Import(shop.ledger, str(file), None, "old system", False).run(False) == ["0 invoices", "1 was here already"]
