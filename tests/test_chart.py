"""The chart of accounts, its accounts and their roles, and entries a person writes."""

from datetime import date

import pytest

from aggregates.account import Account, Closed
from aggregates.chart import Chart, Definition, built_in
from aggregates.core import Refused
from aggregates.entry import Entry, Posted, Reversed
from aggregates.money import Money, eur
from aggregates.posting import Posting
from aggregates.series import Taken

DAY, LATER = date(2026, 1, 31), date(2026, 2, 28)
CHART = Chart.default()
SAVINGS = Definition("1210", "Savings", "asset", "1000")
RENT = (Posting("6200", eur(900)), Posting("@bank", eur(-900)))


def test_the_built_in_charts_stand_on_headings_of_their_own_type() -> None:
    for name in ("services", "trade"):
        accounts = {**CHART.accounts, **{each.account.number: each.account for each in built_in(name)}}
        for account in accounts.values():
            assert not account.parent or accounts[account.parent].category == account.category


def test_an_account_is_defined_once_and_again_says_nothing_new() -> None:
    [defined] = Account().define(SAVINGS, CHART, ())
    assert (defined.number, defined.category, defined.parent) == ("1210", "asset", "1000")
    with_it = CHART._replace(accounts={**CHART.accounts, "1210": SAVINGS})
    assert Account().define(SAVINGS, with_it, ()) == ()


def test_what_has_been_posted_to_keeps_its_type_and_is_no_heading() -> None:
    with pytest.raises(Refused, match="its type stays asset"):
        Account().define(Definition("1100", "Cash", "expense"), CHART, {"1100"})
    old = CHART._replace(accounts={**CHART.accounts, "1600": Definition("1600", "Old", "asset")})
    with pytest.raises(Refused, match="1600 Old has been posted to: it cannot become a heading"):
        Account().define(Definition("1601", "New", "asset", "1600"), old, {"1600"})


def test_a_role_moves_to_an_account_that_takes_all_currencies() -> None:
    chart = CHART._replace(accounts={**CHART.accounts, "1210": SAVINGS})
    [assigned] = Account().assign("bank", SAVINGS, chart)
    assert assigned.role == "bank"
    with pytest.raises(Refused, match="takes USD only"):
        Account().assign("bank", Definition("1220", "Dollars", "asset", currency="USD"), chart)


def test_an_account_with_a_balance_is_not_closed() -> None:
    with pytest.raises(Refused, match=r"has a balance of 1\.00 EUR and -2\.00 USD: clear it first"):
        Account().close(DAY, "moved", CHART, "6300", [eur(1), Money(-200, "USD")])
    assert Account.after(Account().close(DAY, "moved", CHART, "6300", [])).closed


def test_a_closed_account_is_reopened_once() -> None:
    closed = Account.after(Closed(DAY, "moved"))
    assert not closed.evolve(closed.reopen(LATER, "needed")).closed
    with pytest.raises(Refused, match="not closed"):
        Account().reopen(LATER, "needed")


def test_an_entry_names_its_accounts_by_number() -> None:
    posted = Entry().post("JE-2026-0001", DAY, "Rent", RENT, CHART)
    assert [each.account for each in posted.lines] == ["6200", "1200"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((Posting("6200", eur(900)), Posting("@bank", eur(-899))), "debits less credits are 1.00 EUR, not zero"),
        ((Posting("6200", eur(900)),), "two lines at least"),
        ((Posting("5000", eur(900)), Posting("1200", eur(-900))), "line 1: 5000 Expenses is a heading"),
        (
            (Posting("6200", eur(900)), Posting("1300", eur(-900))),
            "line 2: 1300 Trade receivables is posted with a cus",
        ),
        ((Posting("6200", eur(900)), Posting("2100", eur(-900), "customer/C-1")), "is posted with a vendor"),
        ((Posting("6200", eur(0)), Posting("1200", eur(0))), "line 1: it has no amount"),
        ((Posting("@rent", eur(1)), Posting("1200", eur(-1))), "there is no role “rent”"),
        ((Posting("7000", eur(1)), Posting("1200", eur(-1))), "there is no account “7000”"),
    ],
)
def test_lines_that_cannot_stand_are_refused(lines: tuple[Posting, ...], why: str) -> None:
    with pytest.raises(Refused, match=why):
        Entry().post("JE-2026-0001", DAY, "Rent", lines, CHART)


def test_an_entry_is_taken_back_once_by_its_opposite() -> None:
    state = Entry.after(Entry().post("JE-2026-0001", DAY, "Rent", RENT, CHART))
    opposite = state.reverse("JE-2026-0002", LATER)
    assert isinstance(opposite, Posted)
    noted = state.note(opposite)
    assert noted == Reversed("JE-2026-0002", LATER)
    assert (opposite.reverses, opposite.lines[0].amount) == ("JE-2026-0001", eur(-900))
    with pytest.raises(Refused, match="was reversed by JE-2026-0002"):
        state.evolve(noted).reverse("JE-2026-0003", LATER)


def test_a_replay_rejects_an_entry_that_does_not_balance_or_has_no_number() -> None:
    good = Entry().post("JE-2026-0001", DAY, "Rent", RENT, CHART)
    bad = Posted("JE-2026-0001", DAY, "Rent", (Posting("6200", eur(1)),))
    taken = Taken(1, "JE-2026-0001", DAY)
    assert Entry().contradiction(good, (taken, good)) == ""
    assert Entry().contradiction(bad, (taken, bad)) == "JE-2026-0001 does not balance"
    assert "was not taken from its series" in Entry().contradiction(good, (good,))
    assert "was posted already" in Entry.after(good).contradiction(good, (taken, good))
