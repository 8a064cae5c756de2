"""Posting rules: pure, balanced whatever happens, and the newest in force on the day."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates import posting
from aggregates.chart import Chart
from aggregates.crediting import Claim
from aggregates.entry import Posted
from aggregates.invoice import Allocated, Invoice, Issued, Paid, Voided, WrittenOff
from aggregates.legal import Party
from aggregates.lines import Line, line
from aggregates.money import Money, eur
from aggregates.posting import Entry, Facts, Posting, balanced, debit, differences, entries
from aggregates.series import Taken

DAY, LATER = date(2026, 1, 31), date(2026, 2, 28)
LINES = (line("Consulting;10;80.00;19"), line("Book;2;15.50;7"), line("Export;1;100;G"))


def facts(*posted: Posting, party: str = "customer/C-1", number: str = "INV-2026-0001") -> Facts:
    return Facts("D-1", "EUR", {"party": party, "number": number}, lambda: posted)


def issued(lines: Sequence[Line] = LINES, currency: str = "EUR") -> Invoice:
    state = Invoice()
    state = state.evolve(state.draft("C-1", lines, currency))
    return state.evolve(state.issue("INV-2026-0001", DAY, Party("Ada"), Party("Acme")))


def only(found: list[Entry]) -> dict[tuple[str, str], Money]:
    """The amounts of the one entry, by account and tax."""
    [entry] = found
    return {(each.account, each.tax): each.amount for each in entry.postings}


def document(lines: Sequence[Line] = LINES) -> Issued:
    state = Invoice()
    state = state.evolve(state.draft("C-1", lines, "EUR"))
    return state.issue("INV-2026-0001", DAY, Party("Ada"), Party("Acme"))


def test_an_invoice_is_owed_in_whole_and_sold_by_tax() -> None:
    assert only(entries(document(), facts())) == {
        ("@receivable", ""): eur("1085.17"),
        ("@sales", "S19"): eur(-800),
        ("@output-tax", "S19"): eur(-152),
        ("@sales", "S7"): eur(-31),
        ("@output-tax", "S7"): eur("-2.17"),
        ("@sales", "G"): eur(-100),
    }


def test_a_credit_note_takes_back_what_it_credits() -> None:
    state = issued()
    note, *_ = state.credit("CN-2026-0001", LATER, "came back", [Claim(2, Decimal(1))])
    assert only(entries(note, facts())) == {
        ("@sales", "S7"): eur("15.50"),
        ("@output-tax", "S7"): eur("1.09"),
        ("@receivable", ""): eur("-16.59"),
    }


def test_a_payment_is_posted_whole_and_its_allocation_not_at_all() -> None:
    paid, *(allocated,) = issued().pay(Decimal(2000), DAY, "statement 3")
    assert only(entries(paid, facts())) == {("@bank", ""): eur(2000), ("@receivable", ""): eur(-2000)}
    assert isinstance(allocated, Allocated)
    assert entries(allocated, facts()) == []


def test_a_void_invoice_takes_back_its_entry_line_by_line() -> None:
    [entry] = entries(document(), facts())
    [back] = entries(Voided(eur("1085.17"), LATER, "never sent"), facts(*entry.postings))
    assert [-each.amount for each in back.postings] == [each.amount for each in entry.postings]
    assert back.on == LATER


def test_what_will_not_be_paid_is_a_loss_of_the_day_it_is_given_up() -> None:
    [entry] = entries(WrittenOff(eur(40), LATER, "goodwill"), facts())
    assert entry.on == LATER
    assert entry.postings == (
        debit("@bad-debt", eur(40)),
        Posting("@receivable", eur(-40), "customer/C-1", text="INV-2026-0001"),
    )


def test_an_accrual_is_two_entries_the_second_on_its_own_day() -> None:
    lines = (Posting("6500", eur(80)), Posting("1200", eur(-80)))
    first, second = entries(Posted("JE-2026-0001", DAY, "Fees", lines, reverse_on=LATER), facts())
    assert (first.on, second.on) == (DAY, LATER)
    assert [each.amount for each in second.postings] == [eur(-80), eur(80)]
    assert len(entries(Posted("JE-2026-0001", DAY, "Fees", lines), facts())) == 1


def test_what_does_not_touch_the_books_has_no_accounting_date() -> None:
    assert posting.accounting_dates(Taken(1, "INV-2026-0001", DAY)) == ()
    assert posting.accounting_dates(Invoice().draft("C-1", LINES, "EUR")) == ()


def test_an_allocation_makes_no_entry_and_has_its_day_all_the_same() -> None:
    assert posting.accounting_dates(Allocated(1, "INV-2026-0001.1", eur(1), LATER)) == (LATER,)
    assert posting.accounting_dates(Paid("INV-2026-0001.1", eur(1), DAY, "")) == (DAY,)


amounts = st.integers(1, 10**9).map(lambda minor: Decimal(minor).scaleb(-2))
sold = st.builds(
    lambda price, quantity, tax: line(f"Work;{quantity};{price};{tax}"),
    amounts,
    st.integers(1, 50),
    st.sampled_from(["19", "7", "5.5", "0", "E", "G"]),
)


@given(st.lists(sold, min_size=1, max_size=6), st.sampled_from(["EUR", "USD", "KWD", "HUF"]), st.data())
def test_every_entry_of_a_document_balances_without_a_rest(
    lines: list[Line], currency: str, data: st.DataObject
) -> None:
    state = Invoice()
    state = state.evolve(state.draft("C-1", lines, currency))
    invoice = state.issue("INV-2026-0001", DAY, Party("Ada"), Party("Acme"))
    state = state.evolve(invoice)
    place = data.draw(st.integers(1, len(lines)))
    quantity = data.draw(st.integers(1, int(lines[place - 1].quantity)))
    note, *_ = state.credit("CN-2026-0001", LATER, "came back", [Claim(place, Decimal(quantity))])
    for event in (invoice, note):
        for entry in entries(event, facts()):
            assert differences(entry.postings) == {}
            assert "@suspense" not in {each.account for each in entry.postings}


postings = st.lists(
    st.builds(
        lambda account, minor, currency: Posting(account, Money(minor, currency)),
        st.sampled_from(["1200", "4100", "@receivable"]),
        st.integers(-(10**12), 10**12),
        st.sampled_from(["EUR", "USD", "JPY"]),
    ),
    max_size=8,
)


@given(postings)
def test_whatever_a_rule_gives_its_entry_balances_in_each_currency(lines: list[Posting]) -> None:
    assert differences(balanced(lines)) == {}
    assert balanced(lines)[: len(lines)] == tuple(lines)


def test_currencies_meet_on_the_exchange_account_and_a_fault_on_suspense() -> None:
    two = balanced([Posting("1200", Money(-9200, "EUR")), Posting("1210", Money(10000, "USD"))])
    assert [(each.account, each.amount) for each in two[2:]] == [
        ("@exchange", Money(9200, "EUR")),
        ("@exchange", Money(-10000, "USD")),
    ]
    assert [each.account for each in balanced([Posting("1200", eur(1))])] == ["1200", "@suspense"]


def test_the_newest_rule_whose_set_is_in_force_posts(monkeypatch: pytest.MonkeyPatch) -> None:
    posting.rules()
    monkeypatch.setattr(posting, "RULE_SETS", {1: date.min, 2: date(2027, 1, 1)})
    monkeypatch.setitem(posting._rules, ("invoice.paid", ""), dict(posting._rules["invoice.paid", ""]))
    posting._of_tag.cache_clear()

    @posting.posts("invoice.paid", rules=2)
    def paid(event: Paid, facts: Facts) -> tuple[Posting, ...]:
        """Money goes to the till from 2027 on."""
        return (debit("@cash", event.amount), Posting("@receivable", -event.amount, facts.party))

    try:
        old, new = (Paid("INV-2026-0001.1", eur(1), day, "") for day in (date(2026, 12, 31), date(2027, 1, 1)))
        assert [entries(each, facts())[0].rule.number for each in (old, new)] == [1, 2]
        assert entries(new, facts())[0].postings[0].account == "@cash"
        with pytest.raises(TypeError, match="given twice"):
            posting.posts("invoice.paid", rules=2)(paid)
    finally:
        monkeypatch.undo()
        posting._of_tag.cache_clear()


def test_every_rule_says_what_it_does_and_every_role_it_names_has_an_account() -> None:
    assert all(rule.says.endswith(".") for rule in posting.rules())
    assert set(Chart.default().roles) == set(posting.ROLES) - posting.CLASSES
