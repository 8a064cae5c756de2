"""hledger, ledger and beancount read the export, find nothing wrong, and agree with every balance."""

from __future__ import annotations

import csv
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from io import StringIO
from pathlib import Path

import pytest

from bo import exporting
from bo.dates import Period
from bo.exporting import Export
from bo.exports import beancount, hledger, jsonl, ledger
from projections import balances
from projections.core import Views, open_views
from tests.businesses import KINDS, TEXTS, Act, Business
from tests.ledgers import Office
from tests.traders import MONEY, PURCHASES, Trader

Balances = Counter[tuple[str, str]]
"""Minor units by account number and currency."""
MONTHS = [Period(date(2025, 11, 1), date(2025, 11, 30)), Period(date(2025, 12, 1), date(2025, 12, 31)),
          Period(date(2026, 1, 1), date(2026, 1, 31)), Period(date(2026, 2, 1), date(2026, 2, 28)),
          Period(date(2026, 3, 1), date(2026, 3, 31))]  # fmt: skip
SCALE = {"EUR": 100, "USD": 100, "JPY": 1}


def program(name: str) -> str:
    """Where another program is. It may be missing on a desk, never where the project is checked."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None and os.environ.get("CI"):
        raise FileNotFoundError(f"{name} is not installed, and these checks need it")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def ran(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr[:2000]
    assert not done.stderr.strip(), done.stderr[:2000]
    return done.stdout


@pytest.fixture(scope="module", params=[1, 2, 3])
def views(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Views]:
    """The books of some random businesses, the same for each seed."""
    office = Office(tmp_path_factory.mktemp("outside"))
    chosen = random.Random(request.param)
    businesses = [Business(office.ledger, "C-1"), Business(office.ledger, "C,2: [x]"), Trader(office.ledger, "C-3")]
    for business in businesses:
        kinds = ("issue", *KINDS) if type(business) is Business else ("buy", "transfer", *KINDS, *PURCHASES, *MONEY)
        for _ in range(14 if type(business) is Business else 24):
            business.do(
                Act(
                    chosen.choice(kinds), chosen.randrange(4), chosen.randrange(1, 30_000),
                    chosen.randrange(120), chosen.choice(("EUR", "EUR", "USD", "JPY")), chosen.choice(TEXTS),
                )
            )  # fmt: skip
    yield open_views(office.ledger)
    office.close()


def written(views: Views, text: Callable[[Export], Iterator[str]], path: Path, period: Period | None = None) -> str:
    path.write_text("".join(text(exporting.taken(views, period))), encoding="utf-8")
    return str(path)


def ours(views: Views, period: Period, closing: bool) -> Balances:
    """The trial balance: what stands at the end of a period, or what was moved in it."""
    found: Balances = Counter()
    for row in balances.trial_balance(views, *period):
        minor = row.debit - row.credit if closing else row.debit_turnover - row.credit_turnover
        if minor:
            found[row.account, row.currency] = int(minor)
    return found


def minor(amount: str, currency: str) -> int:
    whole, _, decimals = amount.partition(".")
    digits = len(str(SCALE[currency])) - 1
    return int(f"{whole}{decimals[:digits].ljust(digits, '0')}" if digits else whole)


def by_hledger(path: str, period: Period, closing: bool) -> Balances:
    mode = "-H" if closing else "--change"
    words = ["bal", mode, "-b", str(period.first), "-e", f"{period.last:%Y}-{period.last:%m}-{period.last:%d}"]
    words[-1] = str(date.fromordinal(period.last.toordinal() + 1))
    out = ran(program("hledger"), "-f", path, *words, "--flat", "-O", "csv", "--no-total", "--layout=bare")
    found: Balances = Counter()
    for row in list(csv.reader(StringIO(out)))[1:]:
        name, currency, amount = row
        if minor(amount, currency):
            found[name.rpartition(":")[2].split(" ")[0], currency] = minor(amount, currency)
    return found


def by_ledger(path: str, period: Period, closing: bool) -> Balances:
    end = date.fromordinal(period.last.toordinal() + 1)
    begin = [] if closing else ["-b", str(period.first)]
    form = "%(account)\t%(commodity(amount))\t%(quantity(amount))\n"
    out = ran(program("ledger"), "--strict", "-f", path, "reg", *begin, "-e", str(end), "--format", form)
    found: Balances = Counter()
    for name, currency, amount in (line.split("\t") for line in out.splitlines()):
        found[name.rpartition(":")[2].split(" ")[0], currency] += minor(amount, currency)
    return Counter({key: value for key, value in found.items() if value})


def by_beancount(path: str, period: Period, closing: bool) -> Balances:
    loader = pytest.importorskip("beancount.loader")
    found: Balances = Counter()
    for entry in loader.load_file(path)[0]:
        for posting in getattr(entry, "postings", ()):
            if entry.date <= period.last and (closing or entry.date >= period.first):
                units = posting.units
                number = posting.account.partition(":")[2].split("-")[0]
                found[number, units.currency] += int(units.number * SCALE[units.currency])
    return Counter({key: value for key, value in found.items() if value})


READERS = {
    "hledger": (hledger.text, by_hledger),
    "ledger": (ledger.text, by_ledger),
    "beancount": (beancount.text, by_beancount),
}


@pytest.mark.parametrize("name", READERS)
def test_it_agrees_with_the_trial_balance_by_account_currency_and_month(
    name: str, views: Views, tmp_path: Path
) -> None:
    text, read = READERS[name]
    whole = written(views, text, tmp_path / f"books.{name}")
    assert sum(bool(ours(views, month, True)) for month in MONTHS) > 2
    for month in MONTHS:
        for closing in (True, False):
            assert read(whole, month, closing) == ours(views, month, closing)
    part = written(views, text, tmp_path / f"part.{name}", MONTHS[2])
    assert read(part, MONTHS[2], True) == ours(views, MONTHS[2], True)
    assert read(part, MONTHS[2], False) == ours(views, MONTHS[2], False)


def test_the_checkers_find_nothing(views: Views, tmp_path: Path) -> None:
    for period in (None, MONTHS[1]):
        ran(
            program("hledger"),
            "-f",
            written(views, hledger.text, tmp_path / "h", period),
            "check",
            "--strict",
            "ordereddates",
        )
        ran(
            program("ledger"),
            "--pedantic",
            "--strict",
            "-f",
            written(views, ledger.text, tmp_path / "l", period),
            "bal",
        )
        ran(program("bean-check"), written(views, beancount.text, tmp_path / "b.beancount", period))


def test_the_same_books_give_the_same_bytes(views: Views) -> None:
    for text in (hledger.text, ledger.text, beancount.text, jsonl.text):
        assert list(text(exporting.taken(views, None))) == list(text(exporting.taken(views, None)))
