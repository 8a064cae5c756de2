"""Random traders for tests: they sell and buy in other currencies, and rates come when they come."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import count

from hypothesis import strategies as st

from aggregates import bill_discounts
from aggregates.bank import Bank
from aggregates.bill import Bill
from aggregates.bill_lines import bill_line
from aggregates.core import require
from aggregates.crediting import Claim
from aggregates.legal import Party
from aggregates.money import Money
from aggregates.payment import Direction, Payment
from aggregates.relief import Discount, payable
from bo import batches, books, paying, purchasing, rating
from bo.amounts import Amount
from bo.bank import transferring
from bo.payment_batch import FORMS
from store.ledger import Ledger
from store.transaction import Transaction
from tests.businesses import FIRST, KINDS, TEXTS, Act, Business

PURCHASES = (
    "buy", "buy", "edit-bill", "pay-bill", "pay-bill", "batch", "credit-bill", "settle-bill", "settle-bill",
    "unsettle-bill", "void-bill", "vendor-refund", "reinstate-bill",
)  # fmt: skip
MONEY = ("payment", "payment", "refund", "unsettle", "void-payment", "transfer")
TIME = ("rate", "rate", "revalue")
_days, _refs = count(), count()


def revaluation_day() -> date:
    """Each a later one: the books are revalued forward only."""
    return FIRST + timedelta(150 + next(_days))


class Trader(Business):
    """A business in other currencies with one customer and one vendor."""

    def __init__(self, ledger: Ledger, customer: str) -> None:
        super().__init__(ledger, customer)
        self.vendor, self.payments = f"{customer}-V", list[str]()

    @property
    def parties(self) -> dict[str, str]:
        """By control account."""
        return {"1300": f"customer/{self.customer}", "2100": f"vendor/{self.vendor}"}

    def do(self, act: Act) -> bool:
        if act.kind == "rate":
            rating.add(self.ledger, act.currency, Decimal(500 + act.minor % 1_000).scaleb(-3), "", self._day(act))
            return True
        if act.kind == "batch":
            return self._batch(act)
        known = len(self.payments)
        done = super().do(act)
        if not done:
            del self.payments[known:]
        return done

    def _revalue(self, tx: Transaction, act: Act) -> None:
        rating.revalue(self.ledger, tx, revaluation_day(), ())

    # Money

    def _paid(self, tx: Transaction, party: str, direction: Direction, amount: Money, act: Act) -> str:
        """Through the bank, in euros at times."""
        at_bank = Money(act.minor, "EUR") if act.at == 1 else None
        made = paying.record(tx, party, direction, amount, self._day(act), "@bank", act.text, at_bank=at_bank)
        self.payments.append(made.number)
        return made.number

    def _payment(self, tx: Transaction, act: Act) -> None:
        number = self._paid(tx, self.parties["1300"], "in", Money(act.minor, act.currency), act)
        paying.settle(tx, number, f"invoice/{self._invoice(act)}", None, self._day(act))

    def _refund(self, tx: Transaction, act: Act) -> None:
        paying.refund(tx, f"invoice/{self._invoice(act)}", None, self._day(act), "@bank", "")

    def _unsettle(self, tx: Transaction, act: Act) -> None:
        number = self._one(self.payments, act)
        made = sorted(tx.state(Payment, number).allocations)
        paying.unsettle(tx, number, made[0] if made else 1, FIRST + timedelta(200))

    def _void_payment(self, tx: Transaction, act: Act) -> None:
        paying.void(tx, self._one(self.payments, act), FIRST + timedelta(200), "never sent")

    def _transfer(self, tx: Transaction, act: Act) -> None:
        """Euros for other money, or back, at any rate."""
        self._opened(tx, "MAIN", "EUR", "1200", "DE02120300000000202051")
        self._opened(tx, act.currency, act.currency, "1100")
        amounts = [Amount(Money(minor, code).amount) for minor, code in ((act.minor, "EUR"), (9_999, act.currency))]
        way = -1 if act.at == 1 else 1
        (source, to), (out, into) = ("MAIN", act.currency)[::way], amounts[::way]
        transferring.transfer(self.ledger, tx, source, to, out, into, None, self._day(act), act.text)

    def _opened(self, tx: Transaction, ref: str, currency: str, account: str, iban: str = "") -> None:
        if not tx.state(Bank, ref).name:
            tx.append(Bank, ref, Bank().open(ref, ref, iban, "", currency, account))

    # Purchases

    def _one(self, of: list[str], act: Act) -> str:
        require(of, "there is none")
        return of[act.at % len(of)]

    def _buy(self, tx: Transaction, act: Act, sign: str = "") -> None:
        price = Decimal(act.minor) if act.currency == "JPY" else Decimal(act.minor).scaleb(-2)
        lines = [bill_line(f"Gears;{sign}{1 + act.at};{price};19"), bill_line(f"Advice;{sign}1;{price};AE19;6400")]
        number, seller = books.number(tx, "BILL"), Party("Engines", iban="DE89370400440532013000")
        terms = Discount(Decimal(9), self._day(act) + timedelta(30)) if act.at == 1 and not sign else None
        tx.change(Bill, number, Bill.add, number, self.vendor, f"{next(_refs)}", self._day(act), lines, act.currency,
                  seller, tx.person, discount=terms)  # fmt: skip
        self.bills.append(number)

    def _edit_bill(self, tx: Transaction, act: Act) -> None:
        changes = {"lines": [bill_line(f"Gears;1;{act.minor};7")]}
        purchasing.edit(self.ledger, tx, self._one(self.bills, act), changes)

    def _credit_bill(self, tx: Transaction, act: Act) -> None:
        claims = [Claim(1 + act.at % 2)]
        purchasing.credit(tx, self._one(self.bills, act), f"{next(_refs)}", self._day(act), "sent back", claims, None)

    def _settle_bill(self, tx: Transaction, act: Act) -> None:
        """With a credit note that corrects no bill here."""
        key = self._one(self.bills, act)
        self._buy(tx, Act("", act.at, act.minor, act.days, tx.state(Bill, key).currency, ""), "-")
        purchasing.allocate(self.ledger, tx, key, None, self._day(act), self.bills[-1:])

    def _unsettle_bill(self, tx: Transaction, act: Act) -> None:
        key = self._one(self.bills, act)
        made = sorted(tx.state(Bill, key).allocations)
        purchasing.unallocate(tx, key, made[0] if made else 1, FIRST + timedelta(200))

    def _void_bill(self, tx: Transaction, act: Act) -> None:
        tx.change(Bill, self.bills[-1], Bill.void, FIRST + timedelta(200), "not ours")

    def _pay_bill(self, tx: Transaction, act: Act) -> None:
        """With its discount, in part, or short by what is tolerated."""
        key = self._one(self.bills, act)
        bill = tx.state(Bill, key)
        part = Money(max(1, bill.owing.minor // (1 + act.at)), bill.currency)
        number = self._paid(
            tx, self.parties["2100"], "out", payable(bill, self._day(act)) if act.at == 1 else part, act
        )
        tolerance = Money(act.minor // 4, bill.currency)
        paying.settle(tx, number, f"bill/{key}", None, self._day(act), tolerance=tolerance)

    def _reinstate_bill(self, tx: Transaction, act: Act) -> None:
        tx.change(Bill, self._one(self.bills, act), bill_discounts.reinstate, FIRST + timedelta(200), "not granted")

    def _vendor_refund(self, tx: Transaction, act: Act) -> None:
        paying.refund(tx, f"bill/{self._one(self.bills, act)}", None, self._day(act), "@bank", "")

    def _batch(self, act: Act) -> bool:
        """A bill in euros is paid by SEPA transfer: proposed, exported, confirmed."""
        ledger, day = self.ledger, self._day(act)
        ledger.commit(lambda tx: self._opened(tx, "MAIN", "EUR", "1200", "DE02120300000000202051"))
        if not self.do(Act("buy", act.at, act.minor, act.days, "EUR", act.text)):
            return False
        key = batches.propose(ledger, day, day, "MAIN", [self.bills[-1]])[0]
        batches.export(ledger, key, FORMS[0])
        ledger.commit(lambda tx: batches.confirm(tx, key, [], day))
        return True


trades = st.lists(
    st.builds(
        Act,
        st.sampled_from((*KINDS, *PURCHASES, *MONEY, *TIME)),
        st.integers(0, 3),
        st.integers(1, 30_000),
        st.integers(0, 120),
        st.sampled_from(["USD", "USD", "JPY"]),
        st.sampled_from(TEXTS),
    ),
    min_size=2,
    max_size=14,
).map(lambda found: [Act("issue", 2, 9_999, 3, "USD", "first"), Act("buy", 1, 8_888, 4, "USD", "first"), *found])
