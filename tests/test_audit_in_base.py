"""Audit files of books in several currencies: account by account what the trial balance has in the ledger's own."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings

from bo import rating
from bo.dates import Period, period
from bo.datev import Batch
from bo.datev import Office as Adviser
from bo.saft.writing import Company, File
from projections import balances, taxes
from projections.core import Views, open_views
from tests.businesses import FIRST, Act
from tests.ledgers import Office
from tests.test_import_beancount import library
from tests.test_saft import FOLDER, stated, taxed
from tests.traders import Trader, revaluation_day, trades

YEARS = period("2025"), period("2026")


def cents(text: str | None) -> int:
    return int(Decimal(text or "0") * 100)


def booked(views: Views, year: Period) -> dict[str, tuple[int, int]]:
    """The opening and the closing balance of each account in euros."""
    rows = balances.trial_balance(views, *year, own="EUR")
    return {row.account: (int(row.opening), row.debit - row.credit) for row in rows}


def saft(views: Views, year: Period, version: str, folder: str) -> Any:
    """The audit file as another program reads it, valid where the schema is at hand."""
    etree = library("lxml.etree")
    file = Path(folder) / f"{version}.xml"
    file.write_text("".join(File(views, year, version, Company("1", "Ada")).pieces()), encoding="utf-8")
    tree = etree.parse(str(file))
    for schema in FOLDER.glob(f"*{version}.xsd"):
        etree.XMLSchema(etree.parse(str(schema))).assertValid(tree)
    told = {number: (int(opening * 100), int(closing * 100)) for number, (opening, closing) in stated(file).items()}
    expected = booked(views, year)
    assert {number: amounts for number, amounts in told.items() if any(amounts)} == {
        number: amounts for number, amounts in expected.items() if any(amounts)
    }
    moved = Counter[str]()
    for line in tree.iterfind(".//{*}Line"):
        debit, credit = (cents(line.findtext(f"{{*}}{side}Amount/{{*}}Amount")) for side in ("Debit", "Credit"))
        moved[line.findtext("{*}AccountID")] += debit - credit
    assert {number: minor for number, minor in moved.items() if minor} == {
        number: closing - opening for number, (opening, closing) in expected.items() if closing != opening
    }
    assert len(tree.findall(".//{*}Transaction")) == int(tree.findtext(".//{*}NumberOfEntries"))
    totals = {cents(tree.findtext(f".//{{*}}Total{side}")) for side in ("Debit", "Credit")}
    lines = {
        sum(cents(each.text) for each in tree.iterfind(f".//{{*}}{side}Amount/{{*}}Amount"))
        for side in ("Debit", "Credit")
    }
    assert len(totals) == 1
    assert totals == lines
    assert reported(tree) == turned_over(views, year)
    return tree


def reported(tree: Any) -> dict[str, tuple[int, int]]:
    """Base and tax of each code as the file says them, credit positive."""
    sums: dict[str, tuple[int, int]] = {}
    for (code, _), amounts in taxed(tree).items():
        base, tax = (int(each * 100) for each in amounts)
        before = sums.get(code, (0, 0))
        sums[code] = before[0] + base, before[1] + tax
    return {code: amounts for code, amounts in sums.items() if any(amounts)}


def turned_over(views: Views, year: Period) -> dict[str, tuple[int, int]]:
    """The same of the returns of a year. What we owe in a vendor's stead is no tax of his bill."""
    found = {}
    for row in taxes.by_code(views, *year):
        if row.direction == "input":
            found[f"{row.code}-IN"] = -int(row.base), -int(row.tax)
        elif not row.code.startswith("AE"):
            found[row.code] = int(row.base), int(row.tax)
    return {code: amounts for code, amounts in found.items() if any(amounts)}


def datev(views: Views, year: Period) -> dict[str, int]:
    """By how much each account moved."""
    data = b"".join(Batch(views, year, Adviser(1001, 7)).pieces()).decode("cp1252")
    moved = Counter[str]()
    for row in list(csv.reader(io.StringIO(data), delimiter=";"))[2:]:
        minor = int(row[0].replace(",", ""))
        moved[row[6]] += minor
        moved[row[7]] -= minor
    return {number: minor for number, minor in moved.items() if minor}


def agree(office: Office) -> None:
    with TemporaryDirectory() as folder:
        views = open_views(office.ledger)
        for year in YEARS:
            for version in ("1.10", "1.30"):
                saft(views, year, version, folder)
            assert datev(views, year) == {
                number: closing - opening
                for number, (opening, closing) in booked(views, year).items()
                if closing != opening
            }


@settings(max_examples=6, deadline=None)
@example([Act("buy", 1, 55, 4, "USD", "first"), Act("batch", 1, 55, 0, "USD", "a discount of 5 cents without a tax")])
@given(trades)
def test_audit_files_have_the_balances_of_the_trial_balance(done: list[Act]) -> None:
    with TemporaryDirectory() as folder:
        office = Office(Path(folder))
        trader = Trader(office.ledger, "C-1")
        for act in done:
            trader.do(act)
        for currency in ("USD", "JPY"):
            rating.add(office.ledger, currency, Decimal("1.25"), "", FIRST)
            rating.add(office.ledger, currency, Decimal("1.10"), "", date(2026, 12, 1))
        office.ledger.commit(lambda tx: rating.revalue(office.ledger, tx, revaluation_day(), ()))
        agree(office)
        office.close()


def test_a_receivable_that_was_paid_at_another_rate_comes_to_zero(office: Office, tmp_path: Path) -> None:
    """99.99 USD and what is sold with it, at 1.25 and at 1.00: the gain is an entry of no dollars."""
    trader = Trader(office.ledger, "C-1")
    for rate, day in (("1.25", FIRST), ("1.00", FIRST.replace(month=12))):
        rating.add(office.ledger, "USD", Decimal(rate), "", day)
    trader.do(Act("issue", 0, 9_999, 3, "USD", ""))
    trader.do(Act("pay", 0, 30_000, 40, "USD", ""))
    trader.do(Act("pay", 0, 30_000, 40, "USD", ""))
    agree(office)
    tree = saft(open_views(office.ledger), YEARS[0], "1.30", str(tmp_path))
    assert not {cents(each.text) for each in tree.iterfind(".//{*}Customer//{*}ClosingDebitBalance")} - {0}
    gains = [each for each in tree.iterfind(".//{*}Transaction") if "settlement" in each.findtext("{*}TransactionID")]
    assert gains
    for gain in gains:
        assert gain.findtext("{*}Description") == "Exchange difference: settlement"
        assert {each.text for each in gain.iterfind(".//{*}CurrencyAmount")} == {"0.00"}
        assert {each.text for each in gain.iterfind(".//{*}SourceDocumentID")} == {"INV-2025-0001"}
