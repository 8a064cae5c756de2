"""Payments: what is left of each, what they settle, and that sub-ledgers and control accounts always agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregates.bill import Bill
from aggregates.chart import Chart
from aggregates.core import Refused
from aggregates.crediting import Claim
from aggregates.entry import Entry
from aggregates.invoice import Invoice
from aggregates.kind import Kind, known
from aggregates.legal import Party
from aggregates.lines import Line, line
from aggregates.money import Money, eur
from aggregates.payment import Allocated, Payment, Recorded, Unallocated
from aggregates.posting import Posting
from aggregates.record import Record
from aggregates.relief import Discount, offered
from bo import applying, books, invoicing, journaling, paying, purchasing, reminding
from bo.amounts import Amount
from bo.session import Session
from projections import payables, receivables
from projections.core import Minor, open_views
from store.transaction import Transaction
from tests.ledgers import DAY, Office, draft

LATER = DAY + timedelta(7)
PAID = Recorded("PAY-2026-0001", "vendor/V-1", "out", eur(100), DAY, "@bank", "")
PART = Allocated(1, "bill/BILL-2026-0001", eur(60), DAY, "vendor/V-1", 1)


def test_what_is_left_is_the_amount_less_its_allocations() -> None:
    state = Payment.after(PAID, PART)
    assert state.left == eur(40)
    assert state.evolve(Unallocated(1, PART.to, eur(60), DAY)).left == eur(100)


def test_more_than_is_left_is_refused() -> None:
    with pytest.raises(Refused, match=r"40.00 EUR of PAY-2026-0001 is left, not 41.00 EUR"):
        Payment.after(PAID, PART).allocate("bill/BILL-2026-0002", eur(41), DAY)


def test_an_allocation_is_never_dated_before_its_payment() -> None:
    assert Payment.after(PAID).allocate("bill/BILL-2026-0001", eur(1), DAY - timedelta(9)).on == DAY
    assert Payment.after(PAID).allocate("bill/BILL-2026-0001", eur(1), LATER).on == LATER


def test_a_void_payment_settles_nothing_and_a_settling_one_is_not_voided() -> None:
    with pytest.raises(Refused, match="take back its allocations first"):
        Payment.after(PAID, PART).void(LATER, "wrong")
    state = Payment.after(PAID)
    with pytest.raises(Refused, match="was voided: it cannot be allocated"):
        state.evolve(state.void(DAY, "wrong")).allocate("bill/BILL-2026-0001", eur(1), DAY)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Allocated(2, "bill/B", eur(41), DAY, "vendor/V-1"), "of which 40.00 EUR is left"),
        (Allocated(2, "bill/B", eur(0), DAY, "vendor/V-1"), "0.00 EUR of PAY-2026-0001 is allocated"),
        (Allocated(2, "bill/B", eur(1), DAY, "vendor/V-2"), "as if it were another payment"),
        (Allocated(2, "bill/B", Money(1, "USD"), DAY, "vendor/V-1"), "as if it were another payment"),
        (PAID, "was recorded twice"),
    ],
)
def test_a_replay_rejects_what_no_verb_decides(event: Allocated | Recorded, why: str) -> None:
    assert why in Payment.after(PAID, PART).contradiction(event, ())


def test_a_replay_rejects_a_number_that_no_series_gave() -> None:
    assert "was not taken from its series" in Payment().contradiction(PAID, (PAID,))


class Firm:
    """A ledger with two vendors and a customer, and everything that can happen between them."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(folder)
        self.ledger: Session = self.office.ledger
        self.documents: dict[str, str] = {}
        """Bills and invoices by their streams, each with its party."""
        self.payments: dict[str, str] = {}
        self.entries: list[str] = []
        self.ledger.commit(self._begin)

    def _begin(self, tx: Transaction) -> None:
        for kind, ref in (("vendor", "V-1"), ("vendor", "V-2"), ("customer", "C-1")):
            tx.change(Record, f"{kind}/{ref}", Record.add, known(kind, Kind()), ref, {"name": ref}, compartment=3)

    def act(self, what: str, first: int, second: int, minor: int, day: date) -> None:
        """One act on what stands at two indices. What a rule refuses did not happen."""
        payment = _pick(list(self.payments), second)
        party = self.payments.get(payment, "")
        target = _pick([name for name, of in self.documents.items() if not payment or of == party], first)
        bills = [name.partition("/")[2] for name in self.documents if name.startswith("bill/")]
        bill, other = _pick(bills, first), _pick(bills, second)
        invoice = _pick([name.partition("/")[2] for name in self.documents if name.startswith("invoice/")], first)
        amount, ledger = Amount(Money(minor, "EUR").amount) if minor % 2 else None, self.ledger

        def work(tx: Transaction) -> None:
            if what in ("bill", "credit"):
                lines, ref = [_line(minor if what == "bill" else -minor)], f"{len(bills)}/{first}/{second}/{minor}"
                late, vendor = day + timedelta(second), f"V-{first % 2 + 1}"
                offer = offered(f"{minor % 9 + 1}/20", day) if what == "bill" and minor % 2 else None
                made = purchasing.add(ledger, tx, vendor, ref, day, lines, "EUR", "EUR", booked=late, discount=offer)
                self.documents[f"bill/{made[0]}"] = f"vendor/{vendor}"
            elif what == "invoice":
                reference = f"D-{len(self.documents)}"
                drafted = draft(tx, reference)
                terms = Discount(Decimal(minor % 9 + 1), DAY + timedelta(20)) if minor % 2 else None
                number = books.number(tx, "INV", DAY)
                tx.change(Invoice, drafted, Invoice.issue, number, DAY, Party("Ada"), Party("Acme"), None, terms)
                self.documents[f"invoice/{reference}"] = "customer/C-1"
            elif what == "pay":
                whose = ("vendor/V-1", "vendor/V-2", "customer/C-1")[first % 3]
                way = paying.outward(whose) if second % 4 else paying.opposite(paying.outward(whose))
                self.payments[paying.record(tx, whose, way, Money(minor, "EUR"), day).number] = whose
            elif what == "settle" and target:
                paying.settle(tx, payment, target, amount, day, tolerance=Decimal(second).scaleb(-1))
            elif what == "refund" and target:
                of, whose = (f"payment/{payment}", party) if second % 2 else (target, self.documents[target])
                self.payments[paying.refund(tx, of, amount, day, "@bank", "")[0]] = whose
            elif what == "unsettle" and payment:
                standing = list(tx.state(Payment, payment).allocations)
                paying.unsettle(tx, payment, standing[first % len(standing)] if standing else 1, day)
            elif what == "unmove" and bill:
                there = list(tx.state(Bill, bill).allocations)
                purchasing.unallocate(tx, bill, there[second % len(there)] if there else 1, day)
            elif what == "move" and bill:
                purchasing.allocate(ledger, tx, bill, amount, day, [other])
            elif what == "note" and bill:
                claims = [Claim(1, net=Money(minor // 2, "EUR").amount)] if amount else []
                purchasing.credit(tx, bill, "", day, "less", claims, None)
            elif what == "edit" and bill:
                purchasing.edit(ledger, tx, bill, {"lines": (_line(minor),)})
            elif what == "void" and bill:
                purchasing.void(ledger, tx, bill, day, "wrong")
            elif what == "not granted" and bill:
                purchasing.reinstate(tx, bill, day + timedelta(60), "not granted")
            elif what == "unpay" and payment:
                paying.void(tx, payment, day, "wrong")
            elif what == "owe":
                self.entries.append(self._owe(tx, first, second, minor, day))
            elif what == "reverse" and self.entries:
                self.entries.append(journaling.reverse(ledger, tx, _pick(self.entries, first), day)[0])
            elif invoice:
                self._invoiced(tx, what, invoice, amount, day)

        before = dict(self.documents), dict(self.payments), list(self.entries)
        try:
            ledger.commit(work)
        except Refused:
            self.documents, self.payments, self.entries = before

    def _owe(self, tx: Transaction, first: int, second: int, minor: int, day: date) -> str:
        """A journal entry on a control account, which at times takes itself back."""
        account, party = (("1300", "customer/C-1"), ("2100", "vendor/V-1"), ("2100", "vendor/V-2"))[first % 3]
        amount = Money(minor if second % 2 else -minor, "EUR" if second % 5 else "USD")
        lines = Posting(account, amount, party), Posting("3800", -amount)
        number, back = books.number(tx, "JE", day), day + timedelta(9) if second % 3 == 2 else None
        return tx.change(Entry, number, Entry.post, number, day, "x", lines, Chart.default(), (), "normal", back).number

    def _invoiced(self, tx: Transaction, what: str, key: str, amount: Amount | None, day: date) -> None:
        """What happens to invoices alone."""
        if what == "earn" and amount:
            invoicing.pay(tx, key, amount, day, "", Decimal(20))
        elif what == "return":
            number, claims = books.number(tx, "CN", day), [Claim(1, net=amount.decimal)] if amount else []
            tx.change(Invoice, key, Invoice.credit, number, day, "came back", claims)
        elif what == "give up":
            invoicing.write_off(tx, key, day, "insolvent", amount, relief=day.day % 2 == 0)
        elif what == "reinstate":
            invoicing.reinstate(tx, key, day, "solvent")
        elif what == "share":
            keys = tuple(name.partition("/")[2] for name in self.documents if name.startswith("invoice/"))
            of = applying.Holder("invoice", keys, "")
            applying.apply(tx, of, [(key, amount)], amount, day.day % 2 == 0, day, "@bank", "")
        elif what == "withdraw":
            invoicing.void(tx, key, day, "never sent")
        elif what == "dispute":
            reminding.dispute(tx, key, day, "broken")
        elif what == "agree":
            reminding.resolve(tx, key, day, "mended")

    def differences(self) -> Iterator[tuple[str, str, int, int]]:
        """Where open items and control account are not the same: the day, the party, and both sums."""
        views = open_views(self.ledger)
        days = [day for (day,) in views.rows("SELECT DISTINCT on_date FROM posting ORDER BY 1")]
        for day in [*map(date.fromisoformat, days), None]:
            owed, owing = payables.balances(views, as_of=day), receivables.balances(views, as_of=day)
            open_items = {(f"vendor/{each.vendor}", each.currency): each.balance for each in owed}
            open_items |= {(f"customer/{each.customer}", each.currency): Minor(-each.balance) for each in owing}
            posted = {
                (party, currency): Minor(minor)
                for party, currency, minor in views.rows(
                    "SELECT party, currency, -SUM(minor) FROM posting"
                    " WHERE party != '' AND (?1 IS NULL OR on_date <= ?1) GROUP BY party, currency",
                    day,
                )
            }
            for place in open_items.keys() | posted.keys():
                if open_items.get(place, 0) != posted.get(place, 0):
                    yield str(day), " ".join(place), open_items.get(place, 0), posted.get(place, 0)


def _pick(names: list[str], at: int) -> str:
    return names[at % len(names)] if names else ""


def _line(minor: int) -> Line:
    return line(f"Paper;{'-1' if minor < 0 else '1'};{abs(Money(minor, 'EUR').amount)};19")


ACTS = (
    *("bill", "pay", "settle") * 3, "settle", "settle", "invoice", "credit", "refund", "note", "move", "unsettle",
    "unmove", "edit", "void", "unpay", "owe", "reverse", "earn", "return", "give up", "reinstate", "withdraw",
    "dispute", "agree", "share", "not granted",
)  # fmt: skip
STEPS = st.tuples(
    st.sampled_from(ACTS),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(1, 5000),
    st.integers(0, 60).map(lambda days: DAY + timedelta(days)),
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=5, max_size=25))
def test_open_items_are_the_control_account_for_every_party_on_every_day(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, int, date]]
) -> None:
    firm = Firm(tmp_path_factory.mktemp("firm"))
    for step in steps:
        firm.act(*step)
    found = list(firm.differences())
    firm.office.close()
    assert found == []
