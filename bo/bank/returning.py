"""Payments that come back: rejected, returned or refunded by a bank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.core import require
from aggregates.match import Freed
from aggregates.payment import Payment
from bo import paying

if TYPE_CHECKING:
    from datetime import date

    from aggregates.match import Target
    from store.transaction import Transaction

Said = list[str]


def give_back(
    tx: Transaction, key: str, on: date, account: str, ref: str, booked: date | None
) -> tuple[str, tuple[Freed, ...], Said]:
    """A payment the other way that meets the one that came back; first, what that settled is open again."""
    payment = tx.state(Payment, key)
    require(payment.party, f"{key} is of nobody: void it, and record it with its party")
    day, said, freed = max(on, booked or on), Said(), []
    for allocation, made in payment.allocations.items():
        plain = made.to.startswith(("bill/", "invoice/")) and not made.source
        require(plain, f"{key} was paid back already by {made.to.partition('/')[2]}")
        day = max(day, made.on)
        said += paying.unsettle(tx, key, allocation, day)
        freed.append(Freed(made.to, made.amount))
    back = paying.record(
        tx, payment.party, paying.opposite(payment.direction), payment.amount, on, account, ref, booked
    )
    told = f"{back.number} {payment.amount} of {payment.party} gives {key} back"
    return back.number, tuple(freed), [told, *said, *paying.settle(tx, back.number, f"payment/{key}", None, day)]


def settle_again(tx: Transaction, target: Target, on: date) -> Said:
    """What a payment settled before it was returned, once it is known that it was not."""
    said: Said = []
    for each in target.freed:
        said += paying.settle(tx, target.returns, each.document, each.amount, on, approved=True)
    return said
