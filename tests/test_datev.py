"""A DATEV batch: its shape, and that its pairs give back every balance."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from datetime import date
from decimal import Decimal

import pytest

from aggregates.bill import Bill
from aggregates.bill_lines import bill_line
from aggregates.core import Refused
from aggregates.entry import Entry
from aggregates.legal import Party
from aggregates.money import Money
from aggregates.posting import Posting
from aggregates.relief import Discount
from bo import books, paying
from bo.dates import period
from bo.datev import AT, COLUMNS, Batch
from bo.datev import Office as Adviser
from projections import balances
from projections.core import open_views
from store.transaction import Transaction
from tests.ledgers import Office

YEAR = period("2026")


def post(office: Office, on: date, *lines: Posting, text: str = "Miete „März“; 漢") -> None:
    def work(tx: Transaction) -> None:
        chart = books.chart(open_views(office.ledger))
        number = books.number(tx, "JE", on)
        tx.change(Entry, number, Entry.post, number, on, text, lines, chart)

    office.ledger.commit(work)


def told(office: Office) -> list[list[str]]:
    data = b"".join(Batch(open_views(office.ledger), YEAR, Adviser(1001, 7)).pieces())
    assert data.endswith(b"\r\n")
    lines = data.decode("cp1252").split("\r\n")[:-1]
    assert not any("\n" in line for line in lines)
    return list(csv.reader(lines, delimiter=";"))


def test_the_columns_are_those_of_the_format() -> None:
    assert len(COLUMNS) == 125 == len(set(COLUMNS))
    assert COLUMNS[13] == "Buchungstext"
    assert COLUMNS[20:22] == ("Beleginfo - Art 1", "Beleginfo - Inhalt 1")
    assert COLUMNS[36] == "KOST1 - Kostenstelle"
    assert COLUMNS[47:49] == ("Zusatzinformation - Art 1", "Zusatzinformation- Inhalt 1")
    assert COLUMNS[113] == "Festschreibung"
    assert COLUMNS[124] == "Abw. Skontokonto"


def test_a_booking_says_what_an_entry_does(office: Office) -> None:
    rent, bank = Posting("6200", Money(90050, "EUR")), Posting("1200", Money(-90050, "EUR"))
    post(office, date(2026, 3, 1), rent, bank)
    head, names, row = told(office)
    assert len(head) == 31
    assert head[:5] == ["EXTF", "700", "21", "Buchungsstapel", "13"]
    assert head[10:16] == ["1001", "7", "20260101", "4", "20260101", "20261231"]
    assert head[21] == "EUR"
    assert names == list(COLUMNS)
    assert row[:3] == ["900,50", "S", "EUR"]
    said = [row[AT[name]] for name in ("Konto", "Gegenkonto (ohne BU-Schlüssel)", "Belegdatum", "Belegfeld 1")]
    assert said == ["6200", "1200", "0103", "JE-2026-0001"]
    assert row[AT["Buchungstext"]] == "Miete „März“; ?"


def test_the_pairs_give_back_every_balance(office: Office) -> None:
    chosen = random.Random(7)
    accounts = ("1100", "1200", "6200", "6300", "6400", "3100")
    for day in range(1, 25):
        lines = [Posting(chosen.choice(accounts), Money(chosen.randrange(-9999, 9999) or 1, "EUR")) for _ in range(5)]
        rest = Money(-sum(line.amount.minor for line in lines) or 1, "EUR")
        if sum(line.amount.minor for line in lines) + rest.minor == 0:
            post(office, date(2026, 2, day), *lines, Posting("1990", rest))
    found: dict[str, int] = defaultdict(int)
    for row in told(office)[2:]:
        minor = int(row[0].replace(",", ""))
        found[row[AT["Konto"]]] += minor
        found[row[AT["Gegenkonto (ohne BU-Schlüssel)"]]] -= minor
    rows = balances.trial_balance(open_views(office.ledger), *YEAR)
    assert {number: minor for number, minor in found.items() if minor} == {
        row.account: row.debit - row.credit for row in rows if row.debit - row.credit
    }


def test_what_the_format_cannot_say_is_refused(office: Office) -> None:
    with pytest.raises(Refused, match="more than one fiscal year"):
        Batch(open_views(office.ledger), period("2025")._replace(last=date(2026, 1, 1)), Adviser(1001, 1))
    post(office, date(2026, 3, 1), Posting("6200", Money(1, "USD")), Posting("1200", Money(-1, "USD")))
    with pytest.raises(Refused, match="without a rate to EUR"):
        told(office)


def test_a_tax_that_we_owe_stands_against_the_same_tax_and_no_other(office: Office) -> None:
    def work(tx: Transaction) -> None:
        lines = [bill_line("Paper;1;100;19;6400"), bill_line("Advice;1;100;AE19")]
        number, day = books.number(tx, "BILL"), date(2026, 3, 1)
        terms = Discount(Decimal(2), day)
        tx.change(Bill, number, Bill.add, number, "V-1", "1", day, lines, "EUR", Party("Mill"), tx.person,
                  discount=terms)  # fmt: skip
        paid = paying.record(tx, "vendor/V-1", "out", Money(21462, "EUR"), day)
        paying.settle(tx, paid.number, f"bill/{number}", None, day)

    office.ledger.commit(work)
    rows = [
        (
            row[0],
            row[AT["Konto"]],
            row[AT["Gegenkonto (ohne BU-Schlüssel)"]],
            *(tax for tax in row[47:60] if "19" in tax),
        )
        for row in told(office)[2:]
    ]
    owed = [row for row in rows if "2200" in row[1:3]]
    assert owed == [("19,00", "1400", "2200", "AE19"), ("0,38", "2200", "1400", "AE19")]
    assert ("100,00", "6400", "2100", "S19") in rows
