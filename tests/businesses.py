"""Random businesses for tests: what a customer's invoices, some bills and journal entries go through, in any order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from aggregates import bill_discounts, invoice_losses
from aggregates.bill import Bill
from aggregates.bill_lines import bill_line
from aggregates.chart import Chart
from aggregates.core import Refused
from aggregates.crediting import Claim
from aggregates.entry import Entry
from aggregates.invoice import Invoice
from aggregates.legal import Party
from aggregates.lines import line
from aggregates.money import Money
from aggregates.posting import Posting
from aggregates.relief import Discount, payable
from bo import books, journaling, paying
from store.ledger import Ledger
from store.transaction import Transaction

FIRST = date(2025, 11, 1)
TEXTS = (
    "rent",
    "a; b",
    "x | y",
    "[2026-01-01]",
    'say "so"',
    "back\\slash",
    "date:2026-13-45, tag:",
    "(code)",
    "*",
    "é 漢",
)
KINDS = (
    "issue", "issue", "pay", "pay", "credit", "allocate", "unallocate", "void", "write-off",
    "reinstate", "post", "owed", "reverse", "purchase",
)  # fmt: skip


class Act:
    """One thing somebody does: to which invoice, how much, how many days after the first."""

    def __init__(self, kind: str, at: int, minor: int, days: int, currency: str, text: str) -> None:
        self.kind, self.at, self.minor, self.days, self.currency, self.text = kind, at, minor, days, currency, text

    def __repr__(self) -> str:
        return f"Act({self.kind!r}, {self.at}, {self.minor}, {self.days}, {self.currency!r}, {self.text!r})"


acts = st.lists(
    st.builds(
        Act,
        st.sampled_from(KINDS),
        st.integers(0, 3),
        st.integers(1, 30_000),
        st.integers(0, 120),
        st.sampled_from(["EUR", "EUR", "USD", "JPY"]),
        st.sampled_from(TEXTS),
    ),
    min_size=1,
    max_size=12,
).map(lambda found: [Act("issue", 2, 9_999, 0, "EUR", "first"), *found])


class Business:
    """One customer of a ledger. Acts that a rule refuses change nothing."""

    def __init__(self, ledger: Ledger, customer: str) -> None:
        self.ledger, self.customer, self.keys, self.last = ledger, customer, list[str](), FIRST
        self.entries, self.bills = list[str](), list[str]()

    def do(self, act: Act) -> bool:
        """Whether it was recorded."""
        work: Callable[[Transaction, Act], None] = getattr(self, f"_{act.kind.replace('-', '_')}")
        if act.kind not in ("issue", "post", "owed", "reverse", "purchase") and not self.keys:
            return False
        known = len(self.keys), len(self.bills)
        try:
            self.ledger.commit(lambda tx: work(tx, act))
        except Refused:
            del self.keys[known[0] :], self.bills[known[1] :]
            return False
        return True

    def _invoice(self, act: Act) -> str:
        return self.keys[act.at % len(self.keys)]

    def _day(self, act: Act) -> date:
        return FIRST + timedelta(act.days)

    def _issue(self, tx: Transaction, act: Act) -> None:
        price = Decimal(act.minor) if act.currency == "JPY" else Decimal(act.minor).scaleb(-2)
        tag = ";cost-centre=SOUTH" if act.at in (1, 2) else ""
        lines = (line(f"Work;3;{price};19{tag}"), line(f"Book;{1 + act.at};{price};7"), line(f"Abroad;1;{price};G"))
        key = f"D-{len(self.keys):X}{self.customer.encode().hex().upper()}"
        tx.change(Invoice, key, Invoice.draft, self.customer, lines, act.currency)
        number = books.number(tx, "INV", self._day(act))
        day = self._day(act)
        terms = Discount(Decimal(9), day + timedelta(30)) if act.at == 1 else None
        tx.change(Invoice, key, Invoice.issue, number, day, Party("Ada"), Party("Acme"), None, terms)
        self.keys.append(key)

    def _pay(self, tx: Transaction, act: Act) -> None:
        amount = Decimal(act.minor) if act.currency == "JPY" else Decimal(act.minor).scaleb(-2)
        key, day = self._invoice(act), self._day(act)
        tx.change(Invoice, key, Invoice.pay, amount, day, act.text)
        invoice = tx.state(Invoice, key)
        tolerance = Money(act.minor // 2, invoice.currency)
        tx.change(Invoice, key, invoice_losses.round_off, max(day, invoice.on), day, tolerance)

    def _credit(self, tx: Transaction, act: Act) -> None:
        number = books.number(tx, "CN", self._day(act))
        tx.change(
            Invoice, self._invoice(act), Invoice.credit, number, self._day(act), "came back", [Claim(1 + act.at % 3)]
        )

    def _allocate(self, tx: Transaction, act: Act) -> None:
        """With credit held here, else with what another invoice of the customer holds."""
        key, other = self._invoice(act), self.keys[(act.at + 1) % len(self.keys)]
        here, there = tx.state(Invoice, key), tx.state(Invoice, other)
        part = min(here.owing.minor, there.credit_left.minor, act.minor)
        if key != other and part and here.currency == there.currency:
            given = tx.change(Invoice, other, Invoice.give, Money(part, here.currency), self._day(act), here.number)
            tx.change(Invoice, key, Invoice.receive, *given)
        tx.change(Invoice, key, Invoice.allocate, self._day(act))

    def _unallocate(self, tx: Transaction, act: Act) -> None:
        key = self._invoice(act)
        made = sorted(tx.state(Invoice, key).allocations)
        tx.change(Invoice, key, Invoice.unallocate, made[0] if made else 1, FIRST + timedelta(200))

    def _void(self, tx: Transaction, act: Act) -> None:
        tx.change(Invoice, self._invoice(act), Invoice.void, self._day(act), act.text)

    def _write_off(self, tx: Transaction, act: Act) -> None:
        key = self._invoice(act)
        amount = Money(act.minor, tx.state(Invoice, key).currency)
        tx.change(Invoice, key, invoice_losses.write_off, self._day(act), act.text, amount, act.at == 2)

    def _reinstate(self, tx: Transaction, act: Act) -> None:
        tx.change(Invoice, self._invoice(act), invoice_losses.reinstate, FIRST + timedelta(200), act.text)

    def _purchase(self, tx: Transaction, act: Act) -> None:
        """A bill paid less its discount, or too late for that; at times the vendor does not grant it."""
        price = Decimal(act.minor) if act.currency == "JPY" else Decimal(act.minor).scaleb(-2)
        number, day, vendor = books.number(tx, "BILL"), self._day(act), f"{self.customer}-V"
        lines = (
            bill_line(f"Paper;3;{price};19;6400;cost-centre=SOUTH"),
            bill_line(f"Book;1;{price};7"),
            bill_line(f"Advice;1;{price};AE19"),
        )
        terms = Discount(Decimal(9), day + timedelta(10))
        tx.change(Bill, number, Bill.add, number, vendor, number, day, lines, act.currency, Party("Paper Ltd"),
                  tx.person, discount=terms)  # fmt: skip
        self.bills.append(number)
        paid = paying.record(tx, f"vendor/{vendor}", "out", payable(tx.state(Bill, number), day),
                             day + timedelta(4 * act.at), ref=act.text)  # fmt: skip
        paying.settle(tx, paid.number, f"bill/{number}", None, day)
        if act.at == 2:
            tx.change(Bill, number, bill_discounts.reinstate, FIRST + timedelta(200), act.text)

    def _post(self, tx: Transaction, act: Act) -> None:
        """Rent, in two currencies at times, and taken back at times."""
        amount = Money(act.minor, act.currency)
        lines = [Posting("6200", amount, text=act.text), Posting("@bank", -amount)]
        if act.at == 1:
            lines += [Posting("@exchange", Money(act.minor, "EUR")), Posting("1100", Money(-act.minor, "EUR"))]
        if act.at == 3:
            lines[0] = msgspec.structs.replace(lines[0], dimensions=("cost-centre=NORTH", "project=P-1"))
        back = self._day(act) + timedelta(40) if act.at == 2 else None
        self._entry(tx, act, tuple(lines), back)

    def _owed(self, tx: Transaction, act: Act) -> None:
        """Something the customer owes that no invoice says."""
        amount = Money(act.minor, act.currency)
        party = f"customer/{self.customer}"
        self._entry(tx, act, (Posting("1300", amount, party, text=act.text), Posting("3800", -amount)), None)

    def _reverse(self, tx: Transaction, act: Act) -> None:
        if not self.entries:
            raise Refused("nothing is posted yet")
        journaling.reverse(self.ledger, tx, self.entries[act.at % len(self.entries)], self._day(act))

    def _entry(self, tx: Transaction, act: Act, lines: tuple[Posting, ...], back: date | None) -> None:
        day = self._day(act)
        number = books.number(tx, "JE", day)
        tx.change(Entry, number, Entry.post, number, day, act.text, lines, Chart.default(), (), "normal", back)
        self.entries.append(number)
