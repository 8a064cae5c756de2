"""Templates of journal entries: what is given, shared out, and left for one line."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.chart import Chart
from aggregates.core import Refused
from aggregates.entrytemplate import Defined, Ended, EntryTemplate, Part, part
from aggregates.money import Money, eur
from aggregates.posting import differences
from store.payload import Payload, decode, encode
from tests.acts import NOON
from tests.desks import Company

WAGES = (
    part("6100", "debit", "{gross}", "EUR"),
    part("6500", "debit", "2.50", "EUR"),
    part("1200", "credit", "{net}", "EUR"),
    part("2200", "credit", "19% {gross}", "EUR"),
    part("3100", "credit", "rest", "EUR"),
)


def kept(*parts: Part) -> EntryTemplate:
    return EntryTemplate.after(*EntryTemplate().define("Wages", parts, Chart.default(), "EUR"))


def test_a_share_is_rounded_half_up_and_the_rest_balances_it() -> None:
    filled = kept(*WAGES).fill({"gross": eur("100.50"), "net": eur(50)})
    assert [each.amount for each in filled] == [
        eur("100.50"), eur("2.50"), -eur(50), -eur("19.10"), -eur("33.90"),
    ]  # fmt: skip


@given(st.data())
def test_what_is_filled_balances_to_the_cent(data: st.DataObject) -> None:
    gross = data.draw(st.integers(1, 10**12))
    share = (gross * 19 + 50) // 100
    left = gross + 250 - share
    net = data.draw(st.integers(1, left - 1))
    filled = kept(*WAGES).fill({"gross": Money(gross, "EUR"), "net": Money(net, "EUR")})
    assert not differences(filled)
    assert [each.amount.minor for each in filled[3:]] == [-share, net - left]


def test_the_rest_is_in_the_currency_that_is_given() -> None:
    state = kept(part("6200", "debit", "{amount}", "EUR"), part("1200", "credit", "rest", "EUR"))
    assert state.fill({"amount": Money(500, "USD")})[1].amount == Money(-500, "USD")


def test_where_nothing_is_left_no_line_takes_it() -> None:
    both = part("6200", "debit", "{a}", "EUR"), part("1200", "credit", "{a}", "EUR")
    state = kept(*both, part("3100", "credit", "rest", "EUR"))
    with pytest.raises(Refused, match="the other lines balance: nothing is left for line 3"):
        state.fill({"a": eur(1)})


def test_a_template_is_written_and_read_as_it_is() -> None:
    [event] = EntryTemplate().define(
        "Wages", (*WAGES[:4], part("3100", "credit", "100% {net}", "EUR")), Chart.default(), "EUR"
    )
    [read] = decode(encode(Payload("entrytemplate/W", NOON, "x", [event]))).events
    assert read == event
    assert [each.amount for each in read.parts] == ["{gross}", "2.50 EUR", "{net}", "19% {gross}", "{net}"]
    assert read.parts[3].percent == Decimal(19)


def test_one_that_was_ended_may_be_defined_anew() -> None:
    state = kept(*WAGES).evolve(Ended("done"))
    with pytest.raises(Refused, match="there is no such template"):
        state.fill({})
    assert isinstance(state.define("Wages", WAGES, Chart.default(), "EUR")[0], Defined)


def test_lines_come_from_a_file_as_well_and_over_the_limit_they_wait(tmp_path: Path) -> None:
    company = Company(tmp_path)
    alice, file = company.alice, tmp_path / "rent.json"
    lines = [{"account": "6200", "debit": "{amount}", "text": "{date}"}, {"account": "@bank", "credit": "rest"}]
    file.write_text(json.dumps({"text": "Rent {month}", "lines": lines}))
    alice("journal", "template", "add", "RENT", "--from", str(file))
    company.enrol("bob")
    company.grant("bob", "accountant", "--history", "all")
    alice("journal", "limit", "set", "900", "--reason", "four eyes")
    for amount in ("899.99", "900"):
        alice("journal", "add", "--template", "RENT", "--amount", amount, "--on", "2026-01-31")
    rows = [(row["text"], row["amount"], row["state"]) for row in alice.json("journal", "list")]
    assert rows == [("Rent 2026-01", "900.00", "proposed"), ("Rent 2026-01", "899.99", "posted")]
    assert [each["text"] for each in alice.json("journal", "show", "JE-2026-0002")["lines"]] == ["2026-01-31", ""]
