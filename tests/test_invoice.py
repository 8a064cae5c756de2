from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.core import Refused, replace
from aggregates.crediting import Claim, claim
from aggregates.en16931 import totals
from aggregates.invoice import (
    Allocated,
    Credited,
    Events,
    Given,
    Imported,
    Invoice,
    Issued,
    Paid,
    Received,
    Voided,
    WrittenOff,
)
from aggregates.invoice_losses import write_off
from aggregates.legal import Party
from aggregates.lines import line
from aggregates.money import Money, eur
from aggregates.series import Taken

D = Decimal
DAY = date(2026, 1, 31)
LATER = date(2026, 2, 14)
BUYER = Party("Ada Lovelace Ltd", "12 St James's Square", "SW1Y 4JH", "London", "GB")
SELLER = Party("Acme GmbH", vat_id="DE123456788")
LINES = (line("Consulting;10;8.00;19"), line("Book;2;15.50;7"), line("Stamp;3;0.333;0"))
DRAFTED = Invoice().draft("C-1", LINES, "EUR", "order 7")
ISSUED = Invoice.after(DRAFTED).issue("INV-2026-0001", DAY, BUYER, SELLER)
OPEN = Invoice.after(DRAFTED, ISSUED)  # 80.00 at 19 %, 31.00 at 7 %, 1.00 at 0: 129.37
PLAIN = Invoice.after(
    DRAFTED,
    Invoice.after(Invoice().draft("C-1", [line("x;1;100;0")], "EUR")).issue("INV-2026-0002", DAY, BUYER, SELLER),
)


def done(state: Invoice, events: Events | tuple[Events, ...]) -> Invoice:
    for event in events if isinstance(events, tuple) else (events,):
        state = state.evolve(event)
    return state


def test_a_draft_is_added_up() -> None:
    assert (DRAFTED.net, DRAFTED.tax, DRAFTED.total) == (eur(112), eur("17.37"), eur("129.37"))
    assert [each.net for each in DRAFTED.lines] == [eur(80), eur(31), eur(1)]


def test_issuing_says_the_whole_legal_document() -> None:
    assert (ISSUED.number, ISSUED.on, ISSUED.due, ISSUED.ref) == ("INV-2026-0001", DAY, date(2026, 3, 2), "order 7")
    assert (ISSUED.buyer, ISSUED.seller, ISSUED.customer, ISSUED.lines) == (BUYER, SELLER, "C-1", DRAFTED.lines)
    assert [(tax.rate, tax.basis, tax.amount) for tax in ISSUED.taxes] == [
        (D(7), eur(31), eur("2.17")),
        (D(19), eur(80), eur("15.20")),
        (D(0), eur(1), eur(0)),
    ]


def test_an_edit_keeps_what_is_not_given_and_tells_the_old_values() -> None:
    (edited,) = Invoice.after(DRAFTED).edit(lines=[line("Consulting;1;8.00;19")], terms=14)
    assert (edited.customer, edited.ref, edited.terms, edited.total) == ("C-1", "order 7", 14, eur("9.52"))
    assert Invoice.after(DRAFTED).before(edited) == {"lines": DRAFTED.lines, "terms": 30}
    assert OPEN.before(OPEN.pay(eur(5), LATER)[0]) == {}  # a payment's date does not change the invoice's


def test_an_edit_that_changes_nothing_is_no_event() -> None:
    assert Invoice.after(DRAFTED).edit(lines=LINES, ref="order 7") == ()
    assert len(Invoice.after(DRAFTED).edit(lines=LINES, ref="order 8")) == 1


def test_terms_end_with_the_calendar() -> None:
    draft = Invoice.after(Invoice().draft("C-1", LINES, "EUR", terms=3650))
    assert draft.issue("INV-9999-0001", date(9999, 6, 1), BUYER, SELLER).due == date(9999, 12, 31)


def test_a_part_payment_leaves_the_rest_owing() -> None:
    paid, *(allocated,) = OPEN.pay(D("60"), LATER, "transfer 12")
    assert paid == Paid("INV-2026-0001.1", eur(60), LATER, "transfer 12")
    assert allocated == Allocated(1, "INV-2026-0001.1", eur(60), LATER)
    assert done(OPEN, (paid, allocated)).owing == eur("69.37")


def test_an_overpayment_stays_as_credit() -> None:
    after = done(OPEN, OPEN.pay(eur("149.37"), LATER))
    assert (after.owing, after.credit_left) == (eur(0), eur(20))
    assert len(after.pay(eur(5), LATER)) == 1  # nothing is owing: all of it is credit


def test_a_payment_before_its_invoice_is_allocated_on_the_invoices_date() -> None:
    early = DAY - timedelta(days=20)
    paid, *(allocated,) = OPEN.pay(eur(60), early)
    assert (paid.on, allocated.on) == (early, DAY)


def test_credit_goes_to_another_invoice_of_the_same_customer() -> None:
    over = done(OPEN, OPEN.pay(eur("149.37"), LATER))
    given_away = over.give(eur(15), DAY, "INV-2026-0002")
    assert given_away == (
        Given("INV-2026-0001.1", eur(15), LATER, "C-1", "INV-2026-0001", "INV-2026-0002"),
    )  # not before it came in
    other = done(PLAIN, PLAIN.receive(*given_away))
    other = done(other, other.allocate(DAY))
    assert (done(over, given_away).credit_left, other.owing, other.credit_left) == (eur(5), eur(85), eur(0))
    assert other.allocations[1] == Allocated(1, "INV-2026-0001.1", eur(15), LATER)


def test_unallocating_reverses_exactly_one() -> None:
    twice = done(OPEN, OPEN.pay(eur(20), LATER))
    twice = done(twice, twice.pay(eur(30), LATER))
    after = done(twice, twice.unallocate(1, LATER))
    assert (after.owing, after.credit_left, list(after.allocations)) == (eur("99.37"), eur(20), [2])
    assert after.allocate(LATER)[0].allocation == 3
    with pytest.raises(Refused, match="INV-2026-0001 has no allocation 1: it has 2"):
        after.unallocate(1, LATER)


def test_a_credit_note_over_all_that_remains_settles_the_invoice() -> None:
    note, *(allocated,) = OPEN.credit("CN-2026-0001", LATER, "returned")
    assert (note.lines[0].of, note.taxes, note.total) == (1, ISSUED.taxes, ISSUED.total)
    assert (note.invoice, note.buyer, note.seller) == ("INV-2026-0001", BUYER, SELLER)
    after = done(OPEN, (note, allocated))
    assert (after.owing, after.credit_left) == (eur(0), eur(0))
    with pytest.raises(Refused, match="nothing is left to credit of INV-2026-0001"):
        after.credit("CN-2026-0002", LATER, "again")


def test_a_credit_note_on_a_paid_invoice_is_credit_of_the_customer() -> None:
    paid = done(OPEN, OPEN.pay(eur("129.37"), LATER))
    after = done(paid, paid.credit("CN-2026-0001", LATER, "one book", [claim("2;1")]))
    assert (after.owing, after.credit_left) == (eur(0), eur("16.59"))


@pytest.mark.parametrize(
    ("texts", "net", "total"),
    [
        (["1;4"], "32.00", "38.08"),
        (["1;0;10.00"], "10.00", "11.90"),
        (["1;1", "2"], "39.00", "42.69"),
        (["Book;1;15.50;7"], "15.50", "16.59"),
        (["Book;2;1.00;7"], "2.00", "2.14"),
        (["3;1"], "0.33", "0.33"),
    ],
)
def test_lines_are_credited_in_part(texts: list[str], net: str, total: str) -> None:
    note = OPEN.credit("CN-2026-0001", LATER, "in part", [claim(text) for text in texts])[0]
    assert (note.net, note.total) == (eur(net), eur(total))


def test_parts_of_a_line_that_rounds_up_can_all_be_credited() -> None:
    state = issued("Screw;5;0.005;0", "Box;1;1;0")
    for number in range(5):
        state = done(state, state.credit(f"CN-{number}", LATER, "x", [claim("1;1"), claim("2;0;0.10")]))
    assert (state.rest[0].quantity, state.rest[0].net, state.owing) == (D(0), eur(0), eur("0.50"))


def test_tax_credited_in_parts_comes_to_the_tax_of_the_invoice() -> None:
    state, taxes = issued("Pin;3;0.05;10"), []
    for number in range(3):
        note, *_ = state.credit(f"CN-{number}", LATER, "x", [claim("1;1")])
        taxes.append(note.tax)
        state = state.evolve(note)
    assert taxes == [eur("0.01"), eur(0), eur("0.01")]  # a note by itself would be 0.01 each time: 0.03 of 0.02


def test_parts_of_a_line_never_come_to_more_than_the_line() -> None:
    nets = []
    state = OPEN
    for number in range(3):
        note = state.credit(f"CN-{number}", LATER, "one stamp", [claim("3;1")])[0]
        nets.append(note.net)
        state = state.evolve(note)
    assert sum(nets, eur(0)) == eur(1)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["1;11"], "line 1 has 10 left to credit, not 11"),
        (["1;-1"], "line 1 has 10 left to credit, not -1"),
        (["2;0;31.01"], "line 2 has 31.00 EUR left to credit, not 31.01 EUR"),
        (["2;0;0.001"], "0.001 EUR has 3 decimals, EUR has 2"),
        (["2;0;0"], "nothing is left to credit of line 2"),
        (["4"], "the lines are 1 to 3: there is no line 4"),
        (["0"], "the lines are 1 to 3: there is no line 0"),
        (["1", "1;1"], "line 1 is given twice"),
        (["Pen;1;1;19"], "no line is called “Pen” with a tax of 19 %: name it by its number"),
    ],
)
def test_crediting_more_than_is_left_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(Refused) as refused:
        OPEN.credit("CN-2026-0001", LATER, "too much", [claim(text) for text in texts])
    assert str(refused.value) == message


def issued(*texts: str) -> Invoice:
    drafted = Invoice().draft("C-1", [line(text) for text in texts], "EUR")
    return Invoice.after(drafted, Invoice.after(drafted).issue("INV-2026-0009", DAY, BUYER, SELLER))


def test_a_credit_note_keeps_within_each_tax_category() -> None:
    reduced = issued("Goods;1;100;19", "Discount;-1;20;19", "Book;1;50;7")
    with pytest.raises(Refused) as refused:
        reduced.credit("CN-2026-0001", LATER, "x", [Claim(1)])
    assert str(refused.value) == "80.00 EUR net can still be credited in tax category S at 19 %, not 100.00 EUR"
    assert reduced.credit("CN-2026-0001", LATER, "x", [Claim(1), Claim(2)])[0].total == eur("95.20")


def test_a_credit_note_comes_to_something() -> None:
    given_away = issued("Goods;1;10;19", "Gift;1;0;19")
    with pytest.raises(Refused, match=r"a credit note comes to more than zero, not 0.00 EUR"):
        given_away.credit("CN-2026-0001", LATER, "x", [Claim(2)])


def test_a_credit_note_keeps_within_what_remains_of_the_whole() -> None:
    with pytest.raises(Refused, match=r"60.00 EUR can still be credited, not 61.00 EUR"):
        issued("Goods;1;61;0", "Deposit;-1;1;E").credit("CN-2026-0001", LATER, "x", [Claim(1)])
    written_off = done(PLAIN, write_off(PLAIN, LATER, "bankrupt", eur(40)))
    with pytest.raises(Refused, match=r"60.00 EUR can still be credited, not 100.00 EUR"):
        written_off.credit("CN-2026-0001", LATER, "all")


def test_void_keeps_the_number_and_ends_the_debt() -> None:
    voided = OPEN.void(DAY, "never sent")
    assert voided == Voided(ISSUED.total, DAY, "never sent")
    after = done(OPEN, voided)
    assert (after.number, after.owing) == ("INV-2026-0001", eur(0))
    with pytest.raises(Refused, match="INV-2026-0001 was voided: it cannot be paid"):
        after.pay(eur(1), LATER)


@pytest.mark.parametrize("act", ["pay", "credit", "write off"])
def test_what_was_settled_or_credited_cannot_be_voided(act: str) -> None:
    acts: dict[str, Callable[[], Any]] = {
        "pay": lambda: OPEN.pay(eur(1), LATER),
        "credit": lambda: OPEN.credit("CN-2026-0001", LATER, "x", [claim("2;1")]),
        "write off": lambda: write_off(OPEN, LATER, "x", eur(1)),
    }
    with pytest.raises(Refused, match="was settled or credited in part: correct it with a credit note"):
        done(OPEN, acts[act]()).void(LATER, "too late")


def test_a_write_off_takes_at_most_what_is_owing() -> None:
    assert done(OPEN, write_off(OPEN, LATER, "bankrupt")).owing == eur(0)
    with pytest.raises(Refused, match=r"129.37 EUR is owing on INV-2026-0001, not 130.00 EUR"):
        write_off(OPEN, LATER, "bankrupt", eur(130))


def test_what_was_credited_is_not_written_off_too() -> None:
    note = PLAIN.credit("CN-2026-0001", LATER, "returned", [Claim(1, D(0), D(70))])
    after = done(PLAIN, note)
    after = done(after, after.unallocate(1, LATER))
    with pytest.raises(Refused, match=r"30.00 EUR of INV-2026-0002 is neither credited nor written off yet, not 31.00"):
        write_off(after, LATER, "x", eur(31))


def test_an_imported_invoice_keeps_its_number() -> None:
    event = Invoice().import_("2019-417", DAY, "C-1", BUYER, SELLER, LINES, "EUR", total=D("129.37"))
    assert isinstance(event, Imported)
    state = Invoice.after(event)
    assert (state.number, state.owing) == ("2019-417", eur("129.37"))
    assert done(state, state.pay(eur("129.37"), DAY)).owing == eur(0)
    with pytest.raises(Refused, match="2019-417 is here already"):
        state.import_("2019-417", DAY, "C-1", BUYER, SELLER, LINES, "EUR")


@pytest.mark.parametrize(
    ("number", "total", "message"),
    [
        ("INV-2026-0007", None, "INV-2026-0007 looks like a number of our own: import it under another"),
        ("CN-1999-1", None, "CN-1999-1 looks like a number of our own"),
        ("D-7K3F", None, "D-7K3F looks like a number of our own"),
        ("", None, "a reference is not empty"),
        ("7", D("129.36"), "the lines of 7 come to 129.37 EUR, not 129.36 EUR"),
        ("7", Money(12937, "USD"), "7 is in EUR: 129.37 USD is another currency"),
    ],
)
def test_an_import_that_cannot_be_is_refused(number: str, total: Decimal | Money | None, message: str) -> None:
    with pytest.raises(Refused) as refused:
        Invoice().import_(number, DAY, "C-1", BUYER, SELLER, LINES, "EUR", total=total)
    assert message in str(refused.value)


NONE, DRAFT, GONE = Invoice(), Invoice.after(DRAFTED), done(Invoice.after(DRAFTED), Invoice.after(DRAFTED).discard("x"))
OVER = done(OPEN, OPEN.pay(eur("149.37"), LATER))
REVERSE = Invoice.after(Invoice().draft("C-1", [line("x;1;1;AE")], "EUR"))


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        (lambda: DRAFT.draft("C-1", LINES, "EUR"), "there is a draft with this reference already"),
        (lambda: NONE.draft("C-1", [], "EUR"), "a document has at least one line"),
        (lambda: NONE.draft("C-1", [line("x;1;0;19")], "EUR"), "the total of an invoice is more than zero"),
        (lambda: NONE.draft("C-1", LINES, "XXX"), "“XXX” is not a currency of ISO 4217"),
        (lambda: NONE.draft("C-1", LINES, "EUR", terms=-1), "terms are 0 to 3650 days, not -1"),
        (lambda: NONE.issue("N", DAY, BUYER, SELLER), "there is no such draft"),
        (lambda: OPEN.issue("N", DAY, BUYER, SELLER), "this draft was issued as INV-2026-0001"),
        (lambda: OPEN.edit(terms=1), "this draft was issued as INV-2026-0001"),
        (lambda: OPEN.discard(), "this draft was issued as INV-2026-0001"),
        (lambda: GONE.issue("N", DAY, BUYER, SELLER), "this draft was discarded"),
        (lambda: DRAFT.issue("N", DAY, Party(""), SELLER), "C-1 has no name"),
        (lambda: DRAFT.issue("N", LATER, BUYER, SELLER, DAY), "it cannot be due on 2026-01-31"),
        (lambda: REVERSE.issue("N", DAY, BUYER, SELLER), "tax category AE needs the VAT id of C-1"),
        (lambda: NONE.pay(eur(1), DAY), "there is no such invoice"),
        (lambda: DRAFT.pay(eur(1), DAY), "a draft cannot be paid: issue it first"),
        (lambda: OPEN.pay(eur(0), DAY), "a payment is more than zero, not 0.00 EUR"),
        (lambda: OPEN.pay(D("1.001"), DAY), "1.001 EUR has 3 decimals, EUR has 2"),
        (lambda: OPEN.pay(Money(1, "USD"), DAY), "INV-2026-0001 is in EUR: 0.01 USD is another currency"),
        (lambda: OPEN.credit("CN", LATER, " "), "a credit note needs a reason"),
        (lambda: OPEN.credit("CN", date(2026, 1, 1), "x"), "a credit note of 2026-01-01 would precede it"),
        (lambda: OPEN.allocate(DAY), "no credit is held here"),
        (lambda: OVER.allocate(DAY), "INV-2026-0001 is settled: nothing is owing"),
        (lambda: OVER.give(eur(21), DAY, "INV-2026-0002"), "20.00 EUR of credit are held here, not 21.00 EUR"),
        (lambda: OVER.give(eur(0), DAY, "INV-2026-0002"), "an allocation is more than zero, not 0.00 EUR"),
        (lambda: OPEN.give(eur(5), DAY, "INV-2026-0001"), "the credit is at INV-2026-0001 already"),
        (lambda: DRAFT.give(eur(5), DAY, "INV-2026-0001"), "a draft holds no credit"),
        (lambda: OPEN.void(DAY, ""), "a void needs a reason"),
        (lambda: write_off(OPEN, DAY, ""), "a write-off needs a reason"),
        (
            lambda: OPEN.receive(Given("s", eur(5), DAY, "C-2", "INV-2026-0003", "INV-2026-0001")),
            "INV-2026-0003 is of C-2, INV-2026-0001 of C-1",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(verb: Callable[[], Any], message: str) -> None:
    with pytest.raises(Refused) as refused:
        verb()
    assert message in str(refused.value)


TAKEN = Taken(1, "INV-2026-0001", DAY)
NOTE = OPEN.credit("CN-2026-0001", LATER, "x", [claim("1;4")])[0]
NOTED = Taken(1, "CN-2026-0001", LATER)


def spoiled(note: Credited, **line_fields: Any) -> Credited:
    return replace(note, lines=(replace(note.lines[0], **line_fields),))


@pytest.mark.parametrize(
    ("state", "event", "why"),
    [
        (DRAFT, ISSUED, ""),
        (
            DRAFT,
            replace(ISSUED, number="INV-2026-0002"),
            "INV-2026-0002 was not taken from its series in the same commit",
        ),
        (OPEN, ISSUED, "INV-2026-0001 was issued without a draft"),
        (NONE, ISSUED, "INV-2026-0001 was issued without a draft"),
        (GONE, ISSUED, "INV-2026-0001 was issued without a draft"),
        (OPEN, NOTE, ""),
        (OPEN, replace(NOTE, number="CN-2026-0002"), "CN-2026-0002 was not taken from its series in the same commit"),
        (DRAFT, NOTE, "CN-2026-0001 credits INV-2026-0001, which is not issued here"),
        (OPEN.evolve(NOTE).evolve(NOTE), NOTE, "CN-2026-0001: more of line 1 is credited than remains of it"),
        (OPEN, spoiled(NOTE, of=9), "CN-2026-0001: a line is credited that the invoice does not have"),
        (OPEN, spoiled(NOTE, quantity=D("NaN")), "CN-2026-0001 cannot be added up"),
        (OPEN, spoiled(NOTE, net=Money(1, "USD")), "CN-2026-0001 cannot be added up"),
        (OPEN, replace(NOTE, total=eur(99)), "CN-2026-0001 comes to 38.08 EUR, not 99.00 EUR"),
    ],
)
def test_replay_finds_what_no_verb_makes(state: Invoice, event: Issued | Credited, why: str) -> None:
    assert state.contradiction(event, (TAKEN, NOTED, event)) == why


def test_replay_finds_an_import_under_a_number_of_our_own() -> None:
    event = Invoice().import_("7", DAY, "C-1", BUYER, SELLER, LINES, "EUR")
    assert NONE.contradiction(event, (event,)) == ""
    for number in ("INV-2026-0001", "D-7K3F"):
        forged = replace(event, number=number)
        assert NONE.contradiction(forged, (forged,)) == f"{number} is not a number an imported invoice can have here"
    assert OPEN.contradiction(event, (event,)) != ""


AMOUNTS = st.sampled_from([1, 50, 999, 2500, 8001, 14_000]).map(lambda minor: Money(minor, "EUR"))
DAYS = st.sampled_from([0, 0, 9, 9, 9, -5]).map(lambda days: DAY + timedelta(days=days))
CLAIMS = st.lists(
    st.builds(
        Claim,
        st.integers(1, 3),
        st.none() | st.sampled_from([D(-1), D(0), D(1), D(3)]),
        st.none() | st.none() | st.sampled_from([D("-0.01"), D("0.01"), D("0.33"), D(20)]),
    ),
    max_size=2,
)
ACTS = st.one_of(
    st.tuples(st.just("pay"), AMOUNTS, DAYS),
    st.tuples(st.just("credit"), st.just("CN"), DAYS, st.just("x"), CLAIMS),
    st.tuples(st.just("allocate"), DAYS, st.none() | AMOUNTS),
    st.tuples(st.just("unallocate"), st.integers(1, 3), DAYS),
    st.tuples(st.just("write_off"), DAYS, st.just("x"), st.none() | AMOUNTS),
    st.tuples(st.just("void"), DAYS, st.just("x")),
    st.tuples(st.just("credit"), st.just("CN"), st.just(LATER), st.just("x"), CLAIMS),
    st.tuples(st.just("move"), AMOUNTS, DAYS),
)
TEXTS = st.sampled_from(("A;10;8.00;19", "B;2;15.55;7", "C;3;0.333;0", "D;7;1.005;19", "E;-1;3.00;19", "F;-2;0.45;7"))


@given(st.lists(TEXTS, min_size=3, max_size=3), st.lists(st.tuples(st.booleans(), ACTS), min_size=3, max_size=20))
@settings(max_examples=300, deadline=None)
def test_whatever_is_done_the_open_items_add_up(texts: list[str], acts: list[tuple[bool, tuple[Any, ...]]]) -> None:
    try:
        first = issued(*texts)
    except Refused:
        return
    states, numbers = [first, PLAIN], iter(range(100))
    history: list[list[Events]] = [[], []]

    def record(which: int, events: Events | tuple[Events, ...]) -> None:
        each = events if isinstance(events, tuple) else (events,)
        states[which] = done(states[which], each)
        history[which].extend(each)

    for second, (verb, *args) in acts:
        here, there = int(second), int(not second)
        with suppress(Refused):
            if verb == "move":
                amount, on = args
                moved = states[here].give(amount, on, states[there].number)
                received = states[there].receive(*moved)
                record(here, moved)
                record(there, received)
            else:
                if verb == "credit":
                    args[0] = f"CN-{next(numbers)}"
                act = partial(write_off, states[here]) if verb == "write_off" else getattr(states[here], verb)
                record(here, act(*args))

    control = eur(0)
    for state, events in zip(states, history, strict=True):
        told = {kind: eur(0) for kind in ("Paid", "Credited", "Given", "Received", "Voided", "WrittenOff")}
        for event in events:
            if isinstance(event, Credited):
                told["Credited"] += event.total
            elif isinstance(event, Paid | Given | Received | Voided | WrittenOff):
                told[type(event).__name__] += event.amount
        settled = sum((each.amount for each in state.allocations.values()), eur(0))
        assert state.owing >= eur(0)
        assert all(credit.left >= eur(0) for credit in state.credits.values())
        assert state.total == state.owing + settled + told["WrittenOff"] + told["Voided"]
        assert told["Paid"] + told["Credited"] + told["Received"] == settled + told["Given"] + state.credit_left
        assert told["Credited"] + told["WrittenOff"] <= state.total
        for was, rest in zip(state.lines, state.rest, strict=True):
            assert 0 <= rest.quantity / was.quantity <= 1
            assert 0 <= rest.net.minor * was.net.minor <= was.net.minor**2
        notes = [event for event in events if isinstance(event, Credited)]
        for note in notes:
            assert note.total == note.net + note.tax == sum((tax.basis + tax.amount for tax in note.taxes), eur(0))
        for tax in {(tax.category, tax.rate) for note in notes for tax in note.taxes}:
            taken = [each for note in notes for each in note.taxes if (each.category, each.rate) == tax]
            (whole,) = (each for each in totals(state.lines, "EUR").taxes if (each.category, each.rate) == tax)
            for part, most in (
                (sum(each.basis.minor for each in taken), whole.basis.minor),
                (sum(each.amount.minor for each in taken), whole.amount.minor),
            ):
                assert min(0, most) <= part <= max(0, most)
        control += state.total - told["Paid"] - told["Credited"] - told["Voided"] - told["WrittenOff"]
    assert control == sum((state.owing - state.credit_left for state in states), eur(0))
