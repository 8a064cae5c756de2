"""A closed January: twenty ways to change it meet one refusal, and what was sealed are its figures."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest

from aggregates.money import eur
from aggregates.package import decode
from tests.desks import Company, Desk

DAY = "2026-01-15"
FEBRUARY = "2026-02-10T12:00:00Z"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """January has a bit of everything, and is closed; it is the tenth of February."""
    company = Company(tmp_path_factory.mktemp("closed"))
    alice = company.alice
    alice("record", "add", "customer", "C-1", "--set", "name=Ada")
    alice("record", "add", "vendor", "V-1", "--set", "name=Paper")
    for _ in range(3):
        draft = alice("invoice", "draft", "C-1", "--line", "Work;1;100;19").split()[-1]
        alice("invoice", "issue", draft, "--on", DAY)
    alice("invoice", "pay", "INV-2026-0002", "10", "--on", DAY)
    for ref in "12":
        alice("bill", "add", "V-1", "--ref", ref, "--on", DAY, "--line", "Paper;1;50;19")
    alice("payment", "record", "V-1", "20", "--for", "BILL-2026-0002", "--on", DAY)
    alice("payment", "record", "V-1", "30", "--on", DAY)
    alice("payment", "record", "C-1", "30", "--on", DAY)
    alice("journal", "add", "--on", DAY, "--line", "6200;900;;Rent", "--line", "@bank;;900")
    alice("bank", "add", "MAIN", "--name", "Main", "--iban", "DE89370400440532013000")
    (company.folder / "lines.csv").write_text("date,amount,currency,text\n2026-01-15,-5.00,EUR,Fee\n")
    alice("bank", "import", "MAIN", str(company.folder / "lines.csv"))
    alice("invoice", "draft", "C-1", "--line", "More;1;100;19")
    alice(
        "period",
        "close",
        "2026-01",
        "--accept",
        "drafts",
        "--accept",
        "bank-lines",
        "--reason",
        "small",
        BO_NOW=FEBRUARY,
    )
    return company


def draft(desk: Desk) -> str:
    return str(next(row["draft"] for row in desk.json("invoice", "list") if row["status"] == "draft"))


def line(desk: Desk) -> str:
    return str(desk.json("bank", "lines")[0]["line"])


def file(company: Company, text: str) -> str:
    path = company.folder / f"{sha256(text.encode()).hexdigest()[:8]}.csv"
    path.write_text(text)
    return str(path)


INVOICES = "number,customer,on,due,description,quantity,price,tax\nOLD-1,C-1,2026-01-15,2026-02-15,Work,1,100,0\n"
BILLS = "vendor,ref,on,booked,description,amount,tax\nV-1,B-9,2026-01-15,2026-01-15,Paper,10.00,19\n"
HLEDGER = "2026-01-15 Sold\n    assets:till  5 EUR\n    income:sales\n"
BEANCOUNT = """2026-01-01 open Assets:Till
2026-01-01 open Income:Sales
2026-01-15 * "Sold"
  Assets:Till   5 EUR
  Income:Sales
"""
TRIES: dict[str, Callable[[Company], list[str]]] = {
    "issue": lambda c: ["invoice", "issue", draft(c.alice), "--on", DAY],
    "pay": lambda c: ["invoice", "pay", "INV-2026-0001", "10", "--on", DAY],
    "credit": lambda c: ["invoice", "credit", "INV-2026-0001", "--reason", "x", "--on", DAY],
    "void": lambda c: ["invoice", "void", "INV-2026-0001", "--reason", "x", "--on", DAY],
    "write-off": lambda c: ["invoice", "write-off", "INV-2026-0001", "--reason", "x", "--on", DAY],
    "unallocate": lambda c: ["invoice", "unallocate", "INV-2026-0002", "1", "--reason", "x", "--on", DAY],
    "take over invoices": lambda c: ["invoice", "import", file(c, INVOICES)],
    "add an entry": lambda c: ["journal", "add", "--line", "6200;1;;x", "--line", "@bank;;1", "--on", DAY],
    "open": lambda c: ["journal", "add", "--opening", "--line", "1200;1;;x", "--line", "3800;;1", "--on", DAY],
    "adjust": lambda c: ["journal", "add", "--adjusting", "--line", "6200;1;;x", "--line", "@bank;;1", "--on", DAY],
    "reverse": lambda c: ["journal", "reverse", "JE-2026-0001", "--reason", "x", "--on", DAY],
    "take over balances": lambda c: ["import", "balances", file(c, "account,debit,credit\n1200,5,\n"), "--on", DAY],
    "book a bill": lambda c: ["bill", "add", "V-1", "--ref", "8", "--on", DAY, "--booked", DAY, "--line", "Ink;1;5;19"],
    "change a bill": lambda c: ["bill", "edit", "BILL-2026-0001", "--line", "Ink;1;5;19"],
    "void a bill": lambda c: ["bill", "void", "BILL-2026-0001", "--reason", "x", "--on", DAY],
    "book a credit note": lambda c: [
        "bill", "credit", "BILL-2026-0001", "--ref", "c1", "--reason", "x", "--on", DAY, "--booked", DAY,
    ],
    "file a tax return": lambda c: ["tax", "file", "--period", DAY, "--booked", DAY],
    "import bills": lambda c: ["bill", "import", file(c, BILLS)],
    "pay a bill": lambda c: ["payment", "record", "V-1", "5", "--for", "BILL-2026-0001", "--on", DAY],
    "receive a payment": lambda c: ["payment", "record", "C-1", "5", "--on", DAY],
    "allocate a payment": lambda c: ["payment", "allocate", "PAY-2026-0002", "BILL-2026-0001", "--on", DAY],
    "unallocate a payment": lambda c: ["payment", "unallocate", "PAY-2026-0001", "1", "--reason", "x", "--on", DAY],
    "void a payment": lambda c: ["payment", "void", "PAY-2026-0003", "--reason", "x", "--on", DAY],
    "pay a payment back": lambda c: ["payment", "refund", "PAY-2026-0003", "--on", DAY],
    "confirm a bank line": lambda c: ["bank", "confirm", line(c.alice), "--rest", "6500"],
    "acquire an asset": lambda c: ["asset", "add", "PC-1", "--name", "PC", "--cost", "9", "--life", "3y", "--on", DAY],
    "take over an hledger journal": lambda c: ["import", "hledger", file(c, HLEDGER)],
    "take over a beancount file": lambda c: ["import", "beancount", file(c, BEANCOUNT)],
}  # fmt: skip


@pytest.mark.parametrize("trial", [[], ["--dry-run"]], ids=["", "dry"])
@pytest.mark.parametrize("words", TRIES.values(), ids=TRIES)
def test_every_way_into_a_closed_period_meets_one_and_the_same_refusal(
    closed: Company, words: Callable[[Company], list[str]], trial: list[str]
) -> None:
    closed.alice(*words(closed), *trial, code=3, BO_NOW=FEBRUARY)
    assert closed.alice.said.splitlines()[-1] == (
        "bo: 2026-01-15 lies in a closed period: the first open date is 2026-02-01"
    )


def test_they_are_twenty_at_least() -> None:
    assert len(TRIES) >= 20


def test_a_late_bill_posts_on_the_first_open_day_and_keeps_its_date(closed: Company) -> None:
    alice = closed.alice
    alice("bill", "add", "V-1", "--ref", "late", "--on", DAY, "--line", "Late;1;10;19", BO_NOW=FEBRUARY)
    assert "2026-01-15 lies in a closed period: it is booked on 2026-02-01" in alice.said
    [bill] = [row for row in alice.json("bill", "list") if row["ref"] == "late"]
    assert bill["on"] == DAY
    assert {row["on"] for row in alice.json("book", "explain", bill["number"])} == {"2026-02-01"}


# What is sealed


def test_a_package_holds_the_figures_of_the_trial_balance_and_of_the_parties(closed: Company) -> None:
    alice = closed.alice
    [january] = [row for row in alice.json("period", "list", BO_NOW=FEBRUARY) if row["period"] == "2026-01"]
    package = decode(closed.written("period", "seal", "2026-01", BO_NOW=FEBRUARY), january["package"])
    rows = alice.json("report", "trial-balance", "--period", "2026-01", BO_NOW=FEBRUARY)
    assert len(rows) == len(package.accounts) > 5
    for row, figure in zip(rows, package.accounts, strict=True):
        assert row["account"] == figure.account
        assert eur(row["debit_turnover"]).minor == figure.debit
        assert eur(row["credit_turnover"]).minor == figure.credit
        assert (eur(row["debit"]) - eur(row["credit"])).minor == figure.closing
    parties = {(each.account, each.party): each for each in package.parties}
    assert parties["1300", "customer/C-1"].balance == parties["1300", "customer/C-1"].items == 3 * 11900 - 1000 - 3000
    assert parties["2100", "vendor/V-1"].balance == parties["2100", "vendor/V-1"].items == -2 * 5950 + 2000 + 3000
    assert {each.check: each.open for each in package.accepted} == {"bank-lines": 1, "drafts": 1}
    assert package.note.startswith("bo.internal/")


def test_a_package_agrees_with_the_books_folded_again(closed: Company) -> None:
    for words in ((), ("--full",), ("2026-01",)):
        assert [row["result"] for row in closed.alice.json("period", "verify", *words, BO_NOW=FEBRUARY)] == ["agrees"]
