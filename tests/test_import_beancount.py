"""A beancount file comes in with beancount's own balances, and what is not understood is found by its line."""

from __future__ import annotations

import os
from collections import defaultdict
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from aggregates.core import Refused
from bo import exporting
from bo.adopting import Adoption
from bo.exports import beancount as export
from bo.exports import hledger, ledger
from bo.findings import Findings
from bo.journals import beancount
from bo.journals.opening import take_over
from bo.journals.taking import Taking, number_of
from projections import accounts
from projections.core import open_views
from tests.ledgers import Office
from tests.test_books_outside import program, ran

Balances = dict[tuple[str, str], Decimal]


def library(name: str) -> ModuleType:
    """A library of another program. It may be missing on a desk, never where the project is checked."""
    if os.environ.get("CI"):
        return import_module(name)
    found: ModuleType = pytest.importorskip(name)
    return found


def theirs(path: Path) -> Balances:
    """By account and commodity, as beancount has them after loading the file."""
    loader = library("beancount.loader")
    entries, errors, _ = loader.load_file(str(path))
    assert not errors
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        for posting in getattr(entry, "postings", ()):
            found[posting.account, posting.units.currency] += posting.units.number
    return {key: number for key, number in found.items() if number}


def ours(office: Office) -> Balances:
    views = open_views(office.ledger)
    rows = views.rows(
        """SELECT name, m.currency, SUM(debit - credit) FROM month_turnover m JOIN account ON number = account
        WHERE account NOT IN (SELECT account FROM account_role WHERE role = 'exchange') GROUP BY name, m.currency"""
    )
    return {(name, code): Decimal(minor).scaleb(-views.digits(code)) for name, code, minor in rows if minor}


def journal(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "some.beancount"
    path.write_text(text)
    return path


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_a_book_of_bean_example_has_the_same_balances(office: Office, tmp_path: Path, seed: int) -> None:
    path = tmp_path / "example.beancount"
    dates = ("--date-begin", "2024-01-01", "--date-end", "2025-12-31")
    ran(program("bean-example"), "--seed", str(seed), *dates, "-o", str(path))
    take_over(office.ledger, str(path), "beancount", beancount.read)
    assert ours(office) == theirs(path)
    assert {code for _, code in ours(office)} > {"USD", "IRAUSD", "VACHR", "GLD"}
    position = open_views(office.ledger).position
    take_over(office.reopen(), str(path), "beancount", beancount.read)
    assert open_views(office.ledger).position == position, "the same file again changes nothing"


SYNTAX = """\
option "title" "Ours"  ; a comment
option "operating_currency" "EUR"
2024-01-01 open Assets:Bank EUR,USD "STRICT"
2024-01-01 open Assets:Shares
2024-01-01 open Equity:Opening-Balances
2024-01-01 open Expenses:Food
2024-01-01 open Income:Gains
2024-01-01 commodity ACME
  name: "Acme \\"A\\" shares"
* A heading
2024-01-01 pad Assets:Bank Equity:Opening-Balances
2024-01-02 balance Assets:Bank 1,000.00 EUR
pushtag #trip
2024-01-02 * "Inn" "Dinner; late" #food ^link
  note: "ignored"
  Expenses:Food      (10 + 2.50 * 2) / 3 * 1.00 EUR
  Assets:Bank
poptag #trip
2024-01-03 txn "Buys"
  Assets:Shares   10 ACME {12.345 EUR, 2024-01-03, "lot"}
  Assets:Bank     -123.45 EUR
2024-01-04 ! "Sells"
  Assets:Shares   -4 ACME {12.345 EUR} @ 13 EUR
  Assets:Bank      52.00 EUR
  Income:Gains
2024-01-05 * "Dollars"
  Assets:Bank   10.00 USD @@ 9.00 EUR
  Assets:Bank
2024-01-06 * "By total"
  Assets:Shares  2 ACME {{25.00 EUR}}
  Assets:Shares  1 ACME {12 # 0.50 EUR}
  Assets:Bank   -37.50 EUR
2024-01-07 balance Assets:Shares 9 ACME
2024-01-07 balance Assets:Bank 10.00 ~ 0.01 USD
2024-01-07 price ACME 14 EUR
2024-12-31 close Income:Gains
2024-12-31 query "gains" "
  SELECT account;  -- a \\"comment\\"
"
2024-12-31 * "A long
  story"  ; it's told
  Expenses:Food   1.00 EUR
  Assets:Bank
"""


def test_every_form_is_read_as_beancount_reads_it(office: Office, tmp_path: Path) -> None:
    path = journal(tmp_path, SYNTAX)
    take_over(office.ledger, str(path), "beancount", beancount.read)
    assert ours(office) == theirs(path)
    views = open_views(office.ledger)
    assert views.value("SELECT name FROM commodity WHERE code = 'ACME'") == 'Acme "A" shares'
    said = {text for (text,) in views.rows("SELECT text FROM posting WHERE currency = 'ACME'")}
    assert {"12.345 EUR, 2024-01-03, lot", "25.00 EUR in all", "25.00 EUR in all, 2024-01-06"} & said
    tagged = "SELECT COUNT(*) FROM posting WHERE dimensions = 'tag=trip tag=food'"
    assert views.value(tagged) == 2
    assert {each.number for each in accounts.listed(views)} > {"A.Bank", "Q.Opening-Balances", "E.Food"}


def test_files_that_are_included_are_read_as_beancount_reads_them(office: Office, tmp_path: Path) -> None:
    path = journal(tmp_path, 'include "years/*.beancount"\npushtag #a\ninclude "more.beancount"\npoptag #a\n')
    (tmp_path / "years").mkdir()
    (tmp_path / "years" / "one.beancount").write_text(SYNTAX)
    entry = '2024-12-01 * "x"\n  Expenses:Food  2.00 EUR\n  Assets:Bank\n'
    (tmp_path / "more.beancount").write_text(entry)
    take_over(office.ledger, str(path), "beancount", beancount.read)
    assert ours(office) == theirs(path)
    assert open_views(office.ledger).value("SELECT COUNT(*) FROM posting WHERE dimensions = 'tag=a'") == 0


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("2024-02-30 open Assets:Bank", "2024-02-30 is no day of the calendar"),
        ("2024-01-01 opened Assets:Bank", "opened is not understood"),
        ("2024-01-01 open Banks:Mine", "Banks:Mine begins with none of Assets"),
        ('include "other.beancount"', "other.beancount is not read"),
        ("poptag #a", "a was not pushed"),
        ("2024-01-01 balance Assets:Bank 5.00 EUR", "5.00 EUR is asserted, 0 is there"),
        ('2024-01-01 * "x\n  Assets:Bank', "“\"x” is not understood"),
        ('2024-01-01 * "x"\n  Assets:Bank 1 EUR\n  Equity:X -2 EUR', "it does not balance: -1 EUR is left over"),
        ('2024-01-01 * "x"\n  Assets:Bank\n  Equity:X', "two lines of an entry say no amount"),
        ('2024-01-01 * "x"\n  Assets:Bank -1 ACME {}\n  Equity:X', "the cost of the lot is not written here"),
        ('2024-01-01 * "x"\n  Assets:Bank 1/0 EUR\n  Equity:X', "a number is divided by zero"),
        ('2024-01-01 * "x"\n  Assets:Bank 1 eur\n  Equity:X', "“eur” stands where a currency is expected"),
        ('2024-01-01 * "x"\n  Assets:Bank 1\n  Equity:X', "a currency is missing at the end"),
        ('2024-01-01 * "x"\n  Assets:Bank 1.234 EUR\n  Equity:X', "1.234 EUR has 3 decimals, EUR has 2"),
        ('2024-01-01 * "x"\n  Assets:Bank 1.0000000001 ACME\n  Equity:X', "a commodity has 0 to 8 decimals, not 10"),
        ("  Assets:Bank 1 EUR", "an indented line stands below no directive"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_and_nothing_is_recorded(office: Office, tmp_path: Path, line: str, rule: str) -> None:
    position = open_views(office.ledger).position
    text = f"{line}\n2024-01-01 open Assets:Cash\n"
    into = Adoption(office.ledger, "a.beancount", "digest")
    Taking(beancount.read(text.splitlines(), into.findings), into).run()
    assert [each.rule for each in into.findings.shown if rule in each.rule], into.findings.shown
    with pytest.raises(Refused, match="nothing was imported"):
        take_over(office.ledger, str(journal(tmp_path, text)), "beancount", beancount.read)
    assert open_views(office.ledger).position == position


def test_a_file_may_allow_what_the_rounding_of_lots_costs(office: Office, tmp_path: Path) -> None:
    entry = '2024-01-02 * "Buys"\n  Assets:Shares  10.436 ACME {185.58 EUR}\n  Assets:Bank  -1936.76 EUR\n'
    opened = "".join(f"2024-01-01 open Assets:{name}\n" for name in ("Shares", "Bank"))
    into = Adoption(office.ledger, "a.beancount", "digest")
    Taking(beancount.read(entry.splitlines(), into.findings), into).run()
    assert [each.rule for each in into.findings.shown] == ["it does not balance: -0.04712 EUR is left over"]
    path = journal(tmp_path, f'option "infer_tolerance_from_cost" "TRUE"\n{opened}{entry}')
    take_over(office.ledger, str(path), "beancount", beancount.read)
    assert ours(office) == theirs(path)


def test_a_file_of_accounts_only_may_come_twice(office: Office, tmp_path: Path) -> None:
    path = journal(tmp_path, "2024-01-01 open Assets:Bank\n")
    for _ in range(2):
        assert take_over(office.reopen(), str(path), "beancount", beancount.read) == ["no entries, only accounts"]


def test_our_own_export_comes_back_with_its_numbers(office: Office, tmp_path: Path) -> None:
    path = journal(tmp_path, SYNTAX)
    take_over(office.ledger, str(path), "beancount", beancount.read)
    again = tmp_path / "again.beancount"
    again.write_text("".join(export.text(exporting.taken(open_views(office.ledger), None))))
    read = beancount.read(again.read_text().splitlines(), Findings("again"))
    assert read.numbers["Assets:A-Bank-Assets-Bank"] == "A.Bank"
    (tmp_path / "other").mkdir()
    other = Office(tmp_path / "other")
    take_over(other.ledger, str(again), "beancount", beancount.read)
    assert ours(other) == ours(office)
    other.close()


def test_a_number_is_short_and_never_that_of_another_account() -> None:
    long = "Expenses:Taxes:Y2024:US:Federal:PreTax401k"
    assert number_of("Assets:US:Bank", "asset") == "A.US.Bank"
    assert len(number_of(long, "expense")) <= 32
    assert number_of(long, "expense") != number_of(long + "b", "expense")
    assert number_of("Assets:Kasse-Ä", "asset") != number_of("Assets:Kasse-Ö", "asset")


def test_lines_made_to_harm_are_findings(office: Office) -> None:
    lines = [
        f"2024-01-01 balance Assets:A {'(' * 120}1{')' * 120} EUR",
        f"2024-01-01 balance Assets:A {'-' * 3000}1 EUR",
        f"2024-01-01 balance Assets:A {'9' * 3000} EUR",
        f"2024-01-01 balance Assets:A {'9' * 300_000} EUR",
        '2024-01-01 * "x"', "  Assets:A  9999999999999999 ACME", "  Equity:B",
        '2024-01-01 * "x"', "  Assets:A  99999999999999999999999999999999 EUR", "  Equity:B",
    ]  # fmt: skip
    for text in ("\n".join(lines[:4]), "\n".join(lines[4:7]), "\n".join(lines[7:])):
        into = Adoption(office.ledger, "a.beancount", "digest")
        Taking(beancount.read(text.splitlines(), into.findings), into).run()
        assert into.findings.errors >= (4 if "balance" in text else 1), into.findings.shown


@pytest.mark.parametrize("name", ["beancount", "hledger", "ledger"])
def test_what_came_in_goes_out_with_its_commodities(office: Office, tmp_path: Path, name: str) -> None:
    text = SYNTAX.replace("ACME", "X-1.A")
    take_over(office.ledger, str(journal(tmp_path, text)), "beancount", beancount.read)
    views = open_views(office.ledger)
    write = {"beancount": export.text, "hledger": hledger.text, "ledger": ledger.text}[name]
    out = tmp_path / "out"
    out.write_text("".join(write(exporting.taken(views, None))), encoding="utf-8")
    if name == "beancount":
        ran(program("bean-check"), str(out))
    elif name == "hledger":
        found = ran(program("hledger"), "-f", str(out), "bal", "-N", "--flat", "Shares")
        assert found.split()[:2] == ["9", '"X-1.A"']
    else:
        found = ran(program("ledger"), "--strict", "-f", str(out), "bal", "--flat", "--no-total", "Shares")
        assert found.replace('"', "").split()[:2] == ["9", "X-1.A"]
