"""What a payment leaves owing that nobody has to pay: a discount for paying early, a difference that is tolerated."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aggregates import bill_discounts, invoice_losses
from aggregates.bill import Bill, Tolerated
from aggregates.discounting import Deducted
from aggregates.invoice import Invoice, WrittenOff
from aggregates.legal import fitted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from aggregates.money import Money
    from store.transaction import Transaction

_VERBS: dict[str, tuple[type[Any], Callable[..., Any], Callable[..., Any]]] = {
    "bill": (Bill, bill_discounts.round_off, bill_discounts.reinstate),
    "invoice": (Invoice, invoice_losses.round_off, invoice_losses.reinstate),
}


def round_off(
    tx: Transaction, kind: str, key: str, on: date, paid: date, tolerance: Decimal | Money = Decimal(0)
) -> list[str]:
    """End it on the day `on`, for a payment of the day `paid`."""
    cls, end, _ = _VERBS[kind]
    document = tx.state(cls, key)
    most = fitted(tolerance, document.currency, document.number)
    forgone = tx.change(cls, key, end, on, paid, most)
    return [
        f"{each.amount} is {'discounted' if isinstance(each, Deducted) else 'written off'}: {each.reason}"
        for each in forgone
    ]


def take_back(tx: Transaction, kind: str, key: str, on: date) -> list[str]:
    """What ended with a payment that is taken back is owing again: who pays anew may deduct it if he is in time."""
    cls, _, begin = _VERBS[kind]
    said = []
    while (forgone := tx.state(cls, key).forgone) and _for_a_payment(forgone[-1]):
        again = tx.change(cls, key, begin, max(on, forgone[-1].on), "the payment was taken back")
        said.append(f"{again.amount} that was not paid with it is owing again: {again.was.reason}")
    return said


def _for_a_payment(event: Any) -> bool:
    """A bad debt is no matter of one payment."""
    return isinstance(event, Deducted | Tolerated) or (isinstance(event, WrittenOff) and event.small)
