"""An hledger journal comes in with hledger's own balances, and what is not understood is found by its line."""

from __future__ import annotations

import csv
import random
import re
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest

from aggregates.core import Refused
from bo import adopting
from bo.adopting import Adoption
from bo.errors import PartlyDone
from bo.exports import hledger as export
from bo.findings import Findings
from bo.journals import hledger
from bo.journals.hledger import SYMBOLS
from bo.journals.opening import take_over
from bo.journals.source import Source
from bo.journals.taking import Taking
from projections.core import open_views
from store.errors import Unavailable
from store.transaction import Transaction
from tests.ledgers import Office
from tests.test_books_outside import program, ran
from tests.test_import_beancount import Balances, ours


def theirs(path: Path, *more: str) -> Balances:
    """By account and commodity, as hledger prints them."""
    out = ran(program("hledger"), "-f", str(path), "bal", *more, "--flat", "-N", "--layout=bare", "-O", "csv")
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for name, code, amount in list(csv.reader(StringIO(out)))[1:]:
        number = amount.replace(".", "").replace(",", ".") if amount[-3:-2] == "," else amount.replace(",", "")
        found[name, SYMBOLS.get(code, code.upper())] += Decimal(number)
    return {key: number for key, number in found.items() if number}


def journal(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "some.journal"
    path.write_text(text)
    return path


SYNTAX = """\
; a comment
# another
* a heading
comment
2024-01-01 not an entry
end comment
account assets:bank  ; type: C
account cash         ; type: A
account gifts  ; here they go, type: R
commodity $1,000.00
commodity 1.000,00 EUR
D 1000.00 USD
P 2024-01-01 ACME 12.00 USD
alias bank = assets:bank
Y2024

2024-01-01 opening balances
    assets:bank           $1,000.00  = $1,000.00
    assets:bank            -1.234,50 EUR
    equity:opening

01-02 * (42) Inn | dinner  ; late, trip: x
    ; a note
    expenses:food          $-5  ; odd
    ! expenses:food:late     12.50
    bank

2024/1/3=2024/2/3 ! shares
    assets:shares          10 ACME @ $12.34
    assets:shares          2.5 "acme" @@ $30.00
    assets:bank

2024.01.04 exchange
    assets:bank           -100 EUR
    gifts                  $108.00

apply account assets
2024-01-05 applied
    savings                1 000.00 USD
    bank                  -$1000
end apply account

2024-01-06 kept
    gifts                 -1.00
    cash                   1.00  = 1.00 USD

~ monthly
    expenses:food          10 USD
    assets:bank
"""


def test_every_form_is_read_as_hledger_reads_it(office: Office, tmp_path: Path) -> None:
    path = journal(tmp_path, SYNTAX)
    take_over(office.ledger, str(path), "hledger", hledger.read)
    assert ours(office) == theirs(path)
    views = open_views(office.ledger)
    kinds = dict(views.rows("SELECT name, type FROM account WHERE name LIKE '%:%' OR name IN ('cash', 'gifts')"))
    assert kinds["gifts"] == "income"
    assert kinds["equity:opening"] == "equity"
    assert views.value("SELECT text FROM entry WHERE on_date = '2024-01-02'") == "42: Inn | dinner"
    position = views.position
    take_over(office.reopen(), str(path), "hledger", hledger.read)
    assert open_views(office.ledger).position == position, "the same file again changes nothing"


BALANCES = """\
2024-01-01 opening
    assets:bank          = 100.00 EUR
    assets:bank:savings  == 50.00 EUR
    equity:opening

2024-01-03 behind the next
    assets:bank          = 70.00 EUR
    expenses:food

2024-01-02 before it
    assets:bank          -20.00 EUR = 80.00 EUR
    expenses:food

2024-01-04 over all below
    expenses             ==* 5.00 EUR
    assets:bank:savings  30.00 EUR
    assets:bank:savings  = 80.00 EUR =* 80.00 EUR
    equity:opening
"""


def test_a_line_that_says_a_balance_moves_what_is_missing(office: Office, tmp_path: Path) -> None:
    path = journal(tmp_path, BALANCES.replace(" =* 80.00 EUR", ""))
    take_over(office.ledger, str(path), "hledger", hledger.read)
    assert ours(office) == theirs(path)
    assert ours(office)["expenses:food", "EUR"] == 30


NOTHING = """\
2024-01-01 x
    assets:bank  -10.00 EUR = -10.00 EUR
    expenses:food  10.00 EUR
    expenses:none  0
    (count)  1

2024-01-02 y
    assets:bank  10.00 EUR = 0
    expenses:food
"""


def test_numbers_without_a_commodity_say_nothing_of_those_that_have_one(office: Office, tmp_path: Path) -> None:
    path = journal(tmp_path, NOTHING)
    assert not theirs(path, "--real")
    take_over(office.ledger, str(path), "hledger", hledger.read)
    assert not ours(office)
    assert open_views(office.ledger).value("SELECT COUNT(*) FROM entry") == 2


VIRTUAL = """\
2024-01-01 pay
    assets:bank          100.00 EUR
    (budget:food)         40.00 EUR
    [budget:rent]         60.00 EUR
    [budget:bank]
    income:work

2024-01-02 shop
    expenses:food         10.00 EUR
    (budget:food)        -10.00 EUR = 30.00 EUR
    (expenses:food)       = 12.00 EUR
    assets:bank
"""


def test_virtual_lines_are_asserted_and_left(office: Office, tmp_path: Path) -> None:
    path = journal(tmp_path, VIRTUAL)
    into = Adoption(office.ledger, "a.journal", "digest")
    Taking(hledger.read(VIRTUAL.splitlines(), into.findings), into).run()
    rules = [(each.rule, each.level) for each in into.findings.shown]
    assert rules == [("virtual posting is not taken over, here and 4 times more", "warning")]
    take_over(office.ledger, str(path), "hledger", hledger.read)
    assert ours(office) == theirs(path, "--real")


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.journal").write_text(text)
    return folder / "main.journal"


def test_files_that_are_included_are_read_where_they_stand(office: Office, tmp_path: Path) -> None:
    (tmp_path / "years").mkdir()
    path = files(
        tmp_path,
        main="Y2024\nalias a=assets:bank\nD 1.00 EUR\ninclude years/*.journal\n01-03 last\n  a  3 = 6 EUR\n  income\n",
        accounts="account cash  ; type: C\n",
    )
    files(
        tmp_path / "years",
        one="include ../accounts.journal\n01-03 first\n  a  1 = 1 EUR\n  cash\nY2023\nalias a=cash\n",
    )
    files(tmp_path / "years", two="D 1.00 EUR\n01-03 second\n  a  2 = 3 EUR\n  income\n")
    take_over(office.ledger, str(path), "hledger", hledger.read)
    assert ours(office) == theirs(path)
    position = open_views(office.ledger).position
    take_over(office.reopen(), str(path), "hledger", hledger.read)
    assert open_views(office.ledger).position == position, "the same files again change nothing"


def test_what_is_wrong_with_an_included_file_is_told_by_its_own_line(office: Office, tmp_path: Path) -> None:
    path = files(
        tmp_path, main="include more.journal\nnonsense\ninclude none*\ninclude gone.journal\n", more="\n\nrubbish\n"
    )
    files(tmp_path, more="\n\nrubbish\ninclude main.journal\ninclude more.journal\ninclude some.csv\n")
    findings = Findings("main.journal")
    source = Source(findings)
    hledger.read(source.opened(path), findings, source)
    assert [(each.file, each.line, each.rule.partition(f"{tmp_path}/")[2] or each.rule) for each in findings.shown] == [
        ("more.journal", 3, "rubbish is not understood"),
        ("more.journal", 4, "main.journal includes itself"),
        ("more.journal", 5, "more.journal includes itself"),
        ("more.journal", 6, "some.csv is no journal"),
        ("main.journal", 2, "nonsense is not understood"),
        ("main.journal", 3, "no file is called none*"),
        ("main.journal", 4, "gone.journal cannot be read: no such file or directory"),
    ]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("~nobody-of-this-name/x", "“~nobody-of-this-name/x” is no name of a file"),
        ("a\0b", "“a.*b” is no name of a file"),
        ("loop.journal", "loop.journal cannot be read"),
        ("deep.journal", "is included at a depth of more than 32 files"),
        (".", "includes itself|is a folder, not a file"),
        ("latin.journal", "latin.journal is not UTF-8 text: see byte 3"),
    ],
)
def test_a_file_that_cannot_be_included_is_a_finding(tmp_path: Path, name: str, rule: str) -> None:
    (tmp_path / "loop.journal").symlink_to("loop.journal")
    (tmp_path / "latin.journal").write_bytes(b"caf\xe9")
    for depth in range(40):
        (tmp_path / ("deep.journal" if not depth else f"{depth}")).write_text(f"include {depth + 1}\n")
    findings = Findings("main.journal")
    source = Source(findings)
    hledger.read(source.opened(files(tmp_path, main=f"include {name}\n")), findings, source)
    assert [bool(re.search(rule, each.rule)) for each in findings.shown] == [True], findings.shown


ACCOUNTS = ("assets:bank", "assets:bank:savings", "liabilities:card", "equity:opening", "income:work", "expenses:food")


def amount(chosen: random.Random) -> Callable[[int], str]:
    """How an amount in cents is written, in one of the forms of a commodity."""
    code, form = chosen.choice((
        ("EUR", "{:.2f} EUR"), ("EUR", "EUR {:.2f}"), ("USD", "{:,.2f} USD"), ("ACME", "{:.2f} ACME"),
        ("h", "{:.2f}h"), ("EUR", '"EUR" {:.2f}'),
    ))  # fmt: skip
    del code
    return lambda cents: form.format(Decimal(cents) / 100)


def entry(chosen: random.Random, on: int) -> str:
    written = amount(chosen)
    count = chosen.randrange(1, 4)
    cents = [chosen.randrange(-500_000, 500_000) or 1 for _ in range(count)]
    legs = [f"    {chosen.choice(ACCOUNTS)}  {written(each)}" for each in cents]
    if chosen.random() < 0.3:
        legs.append(f"    assets:shares  {chosen.randrange(1, 99)} GOLD @ {chosen.randrange(1, 9999) / 100:.2f} EUR")
    if chosen.random() < 0.2:
        legs.append(f"    assets:shares  -{chosen.randrange(1, 99)} GOLD @@ {chosen.randrange(1, 9999) / 100:.2f} EUR")
    legs.append(f"    {chosen.choice(ACCOUNTS)}{chosen.choice(('', '  ; the rest'))}")
    chosen.shuffle(legs)
    mark = chosen.choice(("", "* ", "! ", "(7) ", "* (x y) "))
    return f"2024-{1 + on % 12:02}-{1 + on % 28:02} {mark}Entry {on}\n" + "\n".join(legs) + "\n\n"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_journals_have_the_same_balances(office: Office, tmp_path: Path, seed: int) -> None:
    chosen = random.Random(seed)
    path = journal(tmp_path, "".join(entry(chosen, on) for on in range(60)))
    take_over(office.ledger, str(path), "hledger", hledger.read)
    assert ours(office) == theirs(path)


def test_a_party_is_named_whole() -> None:
    text = "2024-01-01 x\n    assets:a  1 EUR  ; party: customer/C 2 , tax: S\n    assets:b  ; party: vendor/V-1\n"
    [entry] = hledger.read(text.splitlines(), Findings("some")).entries
    assert [leg.party for leg in entry.legs] == ["customer/C 2", "vendor/V-1"]


def test_a_semicolon_in_a_tag_is_read_by_hledger_and_by_us(tmp_path: Path) -> None:
    tags = export._tags({"party": "customer/A;B, C", "text": "one; two"})
    path = journal(tmp_path, f"2024-01-01 x\n    assets:a  1 EUR{tags}\n    assets:b\n")
    values = ran(program("hledger"), "-f", str(path), "tags", "--values")
    assert values.splitlines() == ["customer/A;B  C", "one; two"]
    [entry] = hledger.read(path.read_text().splitlines(), Findings("some")).entries
    assert entry.legs[0].party == "customer/A;B  C"


def test_our_own_export_comes_back_with_its_numbers(office: Office, tmp_path: Path) -> None:
    from bo import exporting

    chosen = random.Random(4)
    text = "".join(entry(chosen, on) for on in range(20))
    take_over(office.ledger, str(journal(tmp_path, text)), "hledger", hledger.read)
    again = tmp_path / "again.journal"
    again.write_text("".join(export.text(exporting.taken(open_views(office.ledger), None))))
    assert ours(office)
    read = hledger.read(again.read_text().splitlines(), Findings("again"))
    assert read.types["3000 Equity:3900 Currency exchange"] == "equity"
    assert read.numbers["3000 Equity:3900 Currency exchange"] == "3900"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2024-02-30 x\n", "2024-02-30 is no day of the calendar"),
        ("02-01 x\n", "the day has no year"),
        ("nonsense\n", "nonsense is not understood"),
        ("include other.journal\n", "other.journal is not read"),
        ("alias /a+/=b\n", "an alias by a pattern is not understood"),
        ("account cash  ; type: Q\n", "Q is no type of account"),
        ("2024-01-01 x\n  [assets:a]  1 EUR\n", "it does not balance: 1 EUR is left over"),
        ("2024-01-01 x\n  assets:a  1 EUR\n  assets:b  -2 EUR\n", "it does not balance: -1 EUR is left over"),
        ("2024-01-01 x\n  assets:a  1 EUR = 2 EUR\n  assets:b\n", "2 EUR is asserted, 1 is there"),
        ("2024-01-01 x\n  assets:a  = 2 EUR\n  assets:b  -1 EUR\n", "it does not balance: 1 EUR is left over"),
        ("2024-01-01 x\n  assets:a:b  1 EUR\n  assets:a  0 EUR =* 2 EUR\n  income\n", "2 EUR is asserted, 1 is there"),
        ("2024-01-01 x\n  assets:a  -1 EUR\n  income  1 USD @ 2 EUR\n", "it does not balance: 1 EUR is left over"),
        ("2024-01-01 x\n  assets:a  = 2 USD @ 3 EUR\n  assets:b\n", "that is assigned at a price is not understood"),
        ("2024-01-01 x\n  assets:a\n  assets:b\n", "two lines of an entry say no amount"),
        ("2024-01-01 x\n  assets:a  1\n  assets:b\n", "the amount has no commodity"),
        ("2024-01-01 x\n  assets:a  1 ACME {2 EUR}\n  assets:b\n", "a lot is not understood"),
        ("2024-01-01 x\n  assets:a  1 EUR 2\n  assets:b\n", "is not understood as an amount"),
        ("2024-01-01 x\n  assets:a  1e3 EUR\n  assets:b\n", "is not understood as an amount"),
        ("2024-01-01 x\n  cash  1 EUR\n  assets:b\n", "nothing says what kind of account it is"),
        ("2024-01-01 x\n  assets:a  1.234 EUR\n  assets:b\n", "1.234 EUR has 3 decimals, EUR has 2"),
        ("    assets:a  1 EUR\n", "an indented line stands below no entry"),
    ],
)
def test_what_is_wrong_is_found_and_nothing_is_recorded(office: Office, tmp_path: Path, text: str, rule: str) -> None:
    position = open_views(office.ledger).position
    into = Adoption(office.ledger, "a.journal", "digest")
    Taking(hledger.read(text.splitlines(), into.findings), into).run()
    assert [each.rule for each in into.findings.shown if rule in each.rule], into.findings.shown
    with pytest.raises(Refused, match="nothing was imported"):
        take_over(office.ledger, str(journal(tmp_path, text)), "hledger", hledger.read)
    assert open_views(office.ledger).position == position


def test_an_import_that_was_cut_short_goes_on_where_it_stopped(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = random.Random(5)
    path = journal(tmp_path, "".join(entry(chosen, on) for on in range(10)))
    monkeypatch.setattr(adopting, "A_COMMIT", 4)
    record, done = Adoption._record, []

    def cut(self: Adoption, tx: Transaction, part: int, entries: list[bytes]) -> tuple[str, str, int]:
        if part == 2:
            raise Unavailable("the disk is full")
        done.append(part)
        return record(self, tx, part, entries)

    monkeypatch.setattr(Adoption, "_record", cut)
    with pytest.raises(PartlyDone) as told:
        take_over(office.ledger, str(path), "hledger", hledger.read)
    assert re.fullmatch(
        "8 of 10 entries are recorded, in 2 commits, up to that of [-0-9]+, “.*”, none of the others: "
        "the disk is full; mend that and import the same file again, unchanged, what is recorded is not doubled",
        str(told.value),
    )
    assert done == [0, 1]
    monkeypatch.setattr(Adoption, "_record", record)
    take_over(office.reopen(), str(path), "hledger", hledger.read)
    assert ours(office) == theirs(path)
