"""Bills: what they say, who approves them, what is left of them, and what a forged commit cannot pretend."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from aggregates.bill import Added, Approved, Bill, Given
from aggregates.bill_lines import bill_line, owed_taxes
from aggregates.billref import BillRef, Claimed, alike
from aggregates.core import FINANCE, Event, Refused, replace
from aggregates.crediting import Claim
from aggregates.legal import Party
from aggregates.lines import Line
from aggregates.money import Money, eur
from aggregates.posting import Facts, entries, kept
from bo.debris import cleaned
from projections.core import open_views
from tests.desks import Company
from tests.ledgers import DAY, Office
from tests.test_review import plain, verdicts, wrote

ALICE, BOB, CAROL = "a" * 32, "b" * 32, "c" * 32
LATER = DAY + timedelta(7)


def added(*lines: str, vendor: str = "V-1", booked: date | None = None) -> Added:
    """A bill that alice entered, of 119.00 EUR unless its lines say otherwise."""
    bought = [bill_line(each) for each in lines or ("Paper;10;10;19",)]
    return Bill().add(
        "BILL-2026-0001", vendor, "4711", DAY, bought, "EUR", Party("Paper Ltd", iban="DE89"), ALICE, booked=booked
    )


def approved(state: Bill, by: str = BOB) -> Bill:
    return state.evolve(state.approve(state.digest, LATER, by))


def given(amount: Money, source: str = "PAY-2026-0001", vendor: str = "V-1") -> Given:
    return Given(source, amount, DAY, vendor, source, "BILL-2026-0001")


# Lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Paper;2;4.50;19", Line("Paper", Decimal(2), Decimal("4.50"), "S", Decimal(19))),
        ("Paper; A4;2;4.50;19;6400", Line("Paper; A4", Decimal(2), Decimal("4.50"), "S", Decimal(19), account="6400")),
        ("Licence;1;9;AE19", Line("Licence", Decimal(1), Decimal(9), "AE", Decimal(0), owed=Decimal(19))),
        ("A;1;9;k 20 %;6400", Line("A", Decimal(1), Decimal(9), "K", Decimal(0), owed=Decimal(20), account="6400")),
        ("Licence;1;9;AE", Line("Licence", Decimal(1), Decimal(9), "AE", Decimal(0))),
        ("3;1;9;7;0", Line("3;1", Decimal(9), Decimal(7), "Z", Decimal(0))),
    ],
)  # fmt: skip
def test_a_line_splits_from_the_right_and_may_name_its_account(text: str, line: Line) -> None:
    assert bill_line(text) == line


def test_tax_owed_by_the_recipient_is_worked_out_on_the_sum_of_its_lines() -> None:
    bill = added("One;1;0.03;AE19", "Two;1;0.03;AE19", "Three;1;100;K20", "Four;1;100;19")
    assert owed_taxes(bill.lines, "EUR") == [
        ("AE", Decimal(19), Money(1, "EUR")),
        ("K", Decimal(20), eur(20)),
    ]
    assert bill.total == eur(219) + Money(6, "EUR")


def test_only_reverse_charge_has_a_rate_that_is_owed() -> None:
    with pytest.raises(Refused, match="in the categories AE and K only, not in S"):
        Bill().add("B", "V-1", "1", DAY, [replace(bill_line("x;1;1;19"), owed=Decimal(7))], "EUR", Party("x"), ALICE)


# Postings


def books(*events: Event) -> dict[str, int]:
    """What stands on each account after events of one bill."""
    facts: dict[str, str] = {}
    sums: dict[str, int] = {}
    for event in events:
        facts |= kept(event)
        for entry in entries(event, Facts("BILL-2026-0001", "EUR", facts, lambda: ())):
            assert sum(each.amount.minor for each in entry.postings) == 0
            for each in entry.postings:
                sums[each.account] = sums.get(each.account, 0) + each.amount.minor
    return {account: minor for account, minor in sums.items() if minor}


def test_a_bill_posts_each_line_to_its_account_and_the_tax_beside() -> None:
    event = added("Paper;1;100;19;6400", "Delivery;1;10;19", "Licence;1;50;AE19;6400")
    owed = {"6400": 15000, "@purchases": 1000, "@input-tax": 2090 + 950, "@output-tax": -950, "@payable": -18090}
    assert books(event) == owed


def test_what_takes_a_bill_back_leaves_nothing_in_the_books() -> None:
    event = added("Paper;1;100;19;6400", "Licence;1;50;AE19")
    state = Bill.after(event)
    [edited] = state.edit(BOB, lines=[bill_line("Paper;3;7;19")])
    after = state.evolve(edited)
    assert books(event, edited) == {"@purchases": 2100, "@input-tax": 399, "@payable": -2499}
    assert books(event, edited, after.void(LATER, "wrong")) == {}
    note, *(settled,) = state.credit("BCN-2026-0001", "G-1", LATER, "all", BOB)
    assert books(event, note, settled) == {}
    assert state.evolve(note).evolve(settled).owing == eur(0)


# Approval


def test_nobody_approves_what_he_entered_or_changed_last() -> None:
    state = Bill.after(added())
    with pytest.raises(Refused, match="you entered BILL-2026-0001"):
        state.approve(state.digest, DAY, ALICE)
    state = state.evolve(*state.edit(BOB, text="checked"))
    with pytest.raises(Refused, match="you changed BILL-2026-0001 last"):
        state.approve(state.digest, DAY, BOB)
    assert approved(state, CAROL).approved_by == CAROL


def test_an_approval_is_bound_to_what_was_seen_and_ends_with_any_change() -> None:
    state = Bill.after(added())
    changed = state.evolve(*state.edit(ALICE, lines=[bill_line("Paper;11;10;19")]))
    with pytest.raises(Refused, match="is not what you saw"):
        changed.approve(state.digest, DAY, BOB)
    assert not approved(state).evolve(*approved(state).edit(ALICE, text="and more")).approved_by


def test_everything_that_is_paid_by_is_in_the_digest() -> None:
    event = added()
    others = [
        replace(event, ref="4712"), replace(event, vendor="V-2"), replace(event, due=LATER), replace(event, text="x"),
        replace(event, seller=Party("Paper Ltd", iban="FR14")), replace(event, total=eur(1)), replace(event, lines=()),
        replace(event, on=LATER), replace(event, booked=LATER), replace(event, currency="USD"),
    ]  # fmt: skip
    assert len({Bill.after(each).digest for each in (event, *others)}) == len(others) + 1


def test_only_what_is_approved_is_paid_where_two_can_approve() -> None:
    state = Bill.after(added())
    state.require_payable(approval_needed=False)
    with pytest.raises(Refused, match="another person has to look at it"):
        state.require_payable(approval_needed=True)
    approved(state).require_payable(approval_needed=True)


def test_what_is_in_dispute_enters_no_batch_until_that_ends() -> None:
    state = Bill.after(added())
    state = state.evolve(state.dispute(LATER, "a ream was missing"))
    with pytest.raises(Refused, match="BILL-2026-0001 is in dispute, “a ream was missing”"):
        state.schedule("BATCH-2026-0001", approval_needed=False)
    with pytest.raises(Refused, match=f"the dispute began on {LATER}: it cannot end on {DAY}"):
        state.resolve(DAY, "it came")
    state = state.evolve(state.resolve(LATER, "it came"))
    scheduled = state.evolve(state.schedule("BATCH-2026-0001", approval_needed=False))
    with pytest.raises(Refused, match="stands in BATCH-2026-0001: cancel that first"):
        scheduled.dispute(LATER, "again")


@pytest.mark.parametrize("by", [ALICE, BOB])
def test_a_replay_rejects_an_approval_by_its_author_or_of_other_content(by: str) -> None:
    state = Bill.after(added())
    state = state.evolve(*state.edit(BOB, text="checked"))
    assert "by who entered it" in state.contradiction(Approved(state.digest, DAY, by), ())
    assert "is not what was approved" in state.contradiction(Approved("0" * 64, DAY, CAROL), ())
    assert state.contradiction(Approved(state.digest, DAY, CAROL), ()) == ""


# Settling


def test_a_payment_settles_from_the_day_that_is_the_later_one() -> None:
    state = Bill.after(added(booked=LATER))
    [received] = state.receive(given(eur(100)))
    [made] = state.evolve(received).allocate(DAY, eur(100), "PAY-2026-0001")
    assert (made.on, state.evolve(received).evolve(made).owing) == (LATER, eur(19))


def test_credit_of_another_vendor_or_currency_settles_nothing() -> None:
    state = Bill.after(added())
    with pytest.raises(Refused, match="PAY-2026-0001 is of V-2, BILL-2026-0001 of V-1"):
        state.receive(given(eur(1), vendor="V-2"))
    with pytest.raises(Refused, match="cannot settle BILL-2026-0001, which is in EUR"):
        state.receive(given(Money(1, "USD")))


def test_a_credit_note_over_what_is_paid_stays_as_credit_and_goes_where_it_is_sent() -> None:
    state = Bill.after(added())
    note, *(settled,) = state.credit("BCN-2026-0001", "", LATER, "less", BOB, [Claim(1, net=Decimal(40))])
    assert (note.total, settled.amount) == (Money(4760, "EUR"), Money(4760, "EUR"))
    state = state.evolve(note).evolve(settled)
    [received] = state.receive(given(state.owing))
    state = state.evolve(received)
    state = state.evolve(*state.allocate(LATER))
    note, *none = state.credit("BCN-2026-0002", "", LATER, "the rest", BOB)
    state = state.evolve(note)
    assert (none, state.credit_left) == ([], Money(7140, "EUR"))
    bill, payment = state.give(eur(20), LATER, "BILL-2026-0002"), state.give(eur(50), LATER, "PAY-2026-0002")
    assert [each.source for each in (*bill, *payment)] == ["BCN-2026-0002"] * 2
    with pytest.raises(Refused, match=r"71.40 EUR of credit are held here, not 71.41 EUR"):
        state.give(Money(7141, "EUR"), LATER, "PAY-2026-0003")


def test_a_bill_below_zero_is_credit_with_the_vendor() -> None:
    state = Bill.after(added("Bonus;-1;20;0"))
    assert (state.owing, state.credit_left) == (eur(0), eur(20))
    assert state.evolve(state.void(LATER, "wrong")).credit_left == eur(0)


def test_a_vendors_number_is_taken_once_whatever_its_case_and_spacing() -> None:
    assert BillRef.name("V-1", " A  1") == BillRef.name("V-1", "a 1") != BillRef.name("V-2", "a 1")
    taken = BillRef.after(Claimed("BILL-2026-0001"))
    with pytest.raises(Refused, match="is BILL-2026-0001 already"):
        taken.claim("V-1", "A 1", "BILL-2026-0002")
    assert taken.evolve(taken.free()).claim("V-1", "A 1", "BILL-2026-0002").bill == "BILL-2026-0002"


# Amounts that went through a float


@pytest.mark.parametrize(
    "text", ["977.5999999999999", "-857.0000000000001", "0.30000000000000004", "12.219999999999999"]
)
def test_debris_of_a_float_is_told_and_taken_off_only_when_asked(text: str) -> None:
    whole = Money.of(round(Decimal(text), 2), "EUR")
    assert cleaned(text, "EUR", True) == (whole, f"{text} is taken as {whole}: the rest is what a float left behind")
    with pytest.raises(Refused, match='say "debris": "round" in the mapping'):
        cleaned(text, "EUR", False)
    assert cleaned(str(float(whole.amount)), "EUR", False) == (whole, "")


@pytest.mark.parametrize("text", ["12.345", "0.001", "977.599", "1.2200000001"])
def test_decimals_that_somebody_meant_are_no_debris(text: str) -> None:
    with pytest.raises(Refused, match="has more than 2 decimals"):
        cleaned(text, "EUR", True)


# In a ledger


def test_a_bill_whose_number_no_series_gave_is_rejected(tmp_path: Path) -> None:
    office = Office(tmp_path)
    wrote(office.ledger, FINANCE, "bill/BILL-2026-0001", plain(replace(added(), by=office.ledger.person)))
    assert verdicts(office.ledger) == ["rejected"]
    office.close()


def test_everybody_rejects_an_event_whose_author_is_not_who_recorded_it(company: Company) -> None:
    alice = company.alice
    alice("record", "add", "vendor", "V-1", "--set", "name=Paper")
    alice("bill", "add", "V-1", "--ref", "1", "--line", "Paper;1;100;19")
    session = alice.session()
    session.pull()
    digest = session.load(Bill, "BILL-2026-0001").digest
    for by in (BOB, ""):
        wrote(session, FINANCE, "bill/BILL-2026-0001", plain(Approved(digest, DAY, by)))
    wrote(session, FINANCE, "bill/BILL-2026-0001", plain(Approved(digest, DAY, session.person)))
    session.pull()
    reasons = [why for (why,) in session.client.db.execute("SELECT reason FROM verdict ORDER BY first").fetchall()]
    names = "a bill.approved names another person than the one who recorded it"
    assert reasons == [names, names, "BILL-2026-0001 was approved by who entered it"]
    assert open_views(session).value("SELECT approved_by FROM bill") == ""
    session.close()


def test_our_own_program_writes_no_such_event(tmp_path: Path) -> None:
    office = Office(tmp_path)
    edited = Bill.after(added()).edit(BOB, text="checked")
    with pytest.raises(Refused, match=r"a bill.edited names another person than the one who recorded it"):
        office.ledger.commit(lambda tx: tx.append(Bill, "BILL-2026-0001", *edited))
    office.close()


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


def test_two_persons_pay_only_what_the_other_approved(company: Company) -> None:
    alice = company.alice
    alice("record", "add", "vendor", "V-1", "--set", "name=Paper", "--set", "iban=DE89370400440532013000")
    alice("bill", "add", "V-1", "--ref", "1", "--line", "Paper;1;100;19")
    bob = company.enrol("bob")
    company.grant("bob", "accountant", "--history", "all")
    alice("payment", "record", "V-1", "119", "--for", "BILL-2026-0001", code=3)
    alice("bill", "approve", "BILL-2026-0001", code=3)
    assert "another person has to approve it" in alice.said
    bob("bill", "edit", "BILL-2026-0001", "--text", "mine now")
    bob("bill", "approve", "BILL-2026-0001", code=3)
    assert "everybody who may approve in finance entered or changed BILL-2026-0001" in bob.said
    alice("bill", "edit", "BILL-2026-0001", "--text", "no, mine")
    bob("bill", "approve", "BILL-2026-0001")
    alice("bill", "edit", "BILL-2026-0001", "--line", "Paper;1;900;19")
    alice("payment", "record", "V-1", "119", "--for", "BILL-2026-0001", code=3)
    bob("bill", "approve", "BILL-2026-0001")
    assert alice.first("payment", "record", "V-1", "1071", "--for", "BILL-2026-0001") == "PAY-2026-0001"
    assert [row["status"] for row in bob.json("bill", "list")] == ["paid"]
    clerk = company.enrol("carol")
    company.grant("carol", "clerk", "--history", "all")
    alice("bill", "add", "V-1", "--ref", "2", "--line", "Paper;1;100;19")
    clerk("bill", "approve", "BILL-2026-0002", code=3)
    assert "you may not approve in finance" in clerk.said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RE-0047/11", "re 47 11"), ("RE-0047/11", "RE004711"), ("0815", "815"), ("2026/001", "2026-1"),
        ("R 2026-001", "r2026001"), ("A.1", "a1"), ("Ä-7", "ä7"),
    ],
)  # fmt: skip
def test_a_number_is_the_same_however_it_is_written(one: str, other: str) -> None:
    assert alike(one, other)
    assert alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("1/11", "11/1"), ("RE-47", "AB-47"), ("47", "470"), ("2026-01", "2026-10"), ("1.10", "11.0")]
)
def test_another_number_is_another_paper(one: str, other: str) -> None:
    assert not alike(one, other)
    assert not alike(other, one)
