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
from bo.findings import Findings
from bo.journals import hledger
from bo.journals.hledger import SYMBOLS
from bo.journals.opening import take_over
from bo.journals.taking import Taking
from projections.core import open_views
from store.errors import Unavailable
from store.transaction import Transaction
from tests.ledgers import Office
from tests.test_books_outside import program, ran
from tests.test_import_beancount import Balances, ours


def theirs(path: Path) -> Balances:
    """By account and commodity, as hledger prints them."""
    out = ran(program("hledger"), "-f", str(path), "bal", "--flat", "-N", "--layout=bare", "-O", "csv")
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


def test_our_own_export_comes_back_with_its_numbers(office: Office, tmp_path: Path) -> None:
    from bo import exporting
    from bo.exports import hledger as export

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
        ("2024-01-01 x\n  (assets:a)  1 EUR\n", "a virtual posting is not taken over"),
        ("2024-01-01 x\n  [assets:a]  1 EUR\n", "a virtual posting is not taken over"),
        ("2024-01-01 x\n  assets:a  1 EUR\n  assets:b  -2 EUR\n", "it does not balance: -1 EUR is left over"),
        ("2024-01-01 x\n  assets:a  1 EUR = 2 EUR\n  assets:b\n", "2 EUR is asserted, 1 is there"),
        ("2024-01-01 x\n  assets:a  = 2 EUR\n  assets:b\n", "it says a balance and no amount"),
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
