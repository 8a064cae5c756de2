"""What the payment commands do inside a commit: money moves, and settles bills, invoices and credit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aggregates import bill, invoice
from aggregates.core import FINANCE, require
from aggregates.match import Link
from aggregates.money import ZERO, Money
from aggregates.payment import Payment
from bo import shortfalls
from bo.books import number
from store.control import APPROVE
from store.errors import Unauthorised

if TYPE_CHECKING:
    from datetime import date

    from aggregates.payment import Direction, Recorded
    from bo.amounts import Amount
    from store.people import People
    from store.transaction import Transaction

DOCUMENTS: dict[str, type[Any]] = {"bill": bill.Bill, "invoice": invoice.Invoice}
GIVEN: dict[str, type[Any]] = {"bill": bill.Given, "invoice": invoice.Given}
"""Credit on its way to a document: what a payment brings is taken as what another document would give."""

Said = list[str]
"""What a commit gives back: the result, then remarks."""


def approval_needed(tx: Transaction) -> bool:
    """Whether two persons can approve in finance: then nobody pays a bill on his own word."""
    return len(approvers(tx)) > 1


def approvers(tx: Transaction) -> set[str]:
    """The persons, services apart, who may approve in finance."""
    return approvers_of(tx.people, tx.now)


def require_approver(tx: Transaction) -> None:
    """Replay asks the same of whoever approves; this says so before anything else is looked at."""
    if not tx.people.may(tx.person, APPROVE, FINANCE, tx.now):
        raise Unauthorised("you may not approve in finance")


def approvers_of(people: People, at: int) -> set[str]:
    """The same, of the ledger as it is."""
    return {
        name for name, person in people.persons.items() if not person.service and people.may(name, APPROVE, FINANCE, at)
    }


def opposite(direction: Direction) -> Direction:
    return "in" if direction == "out" else "out"


def outward(party: str) -> Direction:
    """Which way money mostly goes between us and somebody."""
    return "out" if party.startswith("vendor/") else "in"


def record(
    tx: Transaction,
    party: str,
    direction: Direction,
    amount: Money,
    on: date,
    bank: str = "@bank",
    ref: str = "",
    booked: date | None = None,
    at_bank: Money | None = None,
) -> Recorded:
    """A payment under the next number."""
    ours = number(tx, "PAY")
    return tx.change(Payment, ours, Payment.record, ours, party, direction, amount, on, bank, ref, booked, at_bank)


def settle(
    tx: Transaction, key: str, to: str, amount: Amount | Money | None, on: date, *, approved: bool = False,
    tolerance: Decimal | Money = Decimal(0), source: str = "", sent: date | None = None,
) -> Said:  # fmt: skip
    """Let a payment settle a bill or invoice, pay back credit held there, or meet the opposite payment.

    As much as fits without `amount`. Everything is dated the latest of the days of both sides and `on`. `approved`
    says that a bill may be paid by another word than its own approval: that of the batch it stood in. What is missing
    then is discounted where that was offered until the payment or the day it was `sent` to the bank for, or written off
    within the `tolerance`. Credit is paid back from one `source`, or the oldest first.
    """
    payment, (kind, _, ref) = tx.state(Payment, key), to.partition("/")
    if kind == "payment":
        return _meet(tx, key, ref, amount, on)
    cls = DOCUMENTS[kind]
    document = tx.state(cls, ref)
    party = party_of(kind, document)
    name = document.number
    require(name, f"{ref} is a draft: issue it first")
    require(payment.party == party, f"{payment.number} is of {payment.party or 'nobody'}, {name} of {party}")
    day = max(on, payment.on, document.posted if kind == "bill" else document.on)
    if payment.settles:
        if kind == "bill":
            document.require_payable(not approved and approval_needed(tx))
        require(document.owing, f"{name} is settled: nothing is owing")
        part = _part(amount, payment, document.owing)
        there = document.last_allocation + 1
        made = tx.change(Payment, key, Payment.allocate, to, part, day, there)
        brought = GIVEN[kind](key, part, day, party.partition("/")[2], key, document.number)
        tx.change(cls, ref, cls.receive, brought)
        tx.change(cls, ref, cls.allocate, day, part, key)
        forgone = shortfalls.round_off(tx, kind, ref, day, min(sent or payment.on, payment.on), tolerance)
        left = tx.state(cls, ref).owing
        rest = f"{left} is owing on {name}" if left else f"{name} is settled"
        return [f"{part} of {key} to {name} is allocation {made.allocation}", *forgone, rest]
    require(held_at(document, source), f"no credit is held at {source or name}")
    part = _part(amount, payment, held_at(document, source))
    given = tx.change(cls, ref, cls.give, part, day, key, source)
    back = [tx.change(Payment, key, Payment.allocate, to, each.amount, each.on, 0, each.source) for each in given]
    numbers = " and ".join(str(each.allocation) for each in back)
    return [f"{part} of the credit at {name} is paid back by {key}: allocation {numbers}"]


def unsettle(tx: Transaction, key: str, allocation: int, on: date) -> Said:
    """Take back one allocation of a payment, on both sides, and what was discounted for it."""
    payment = tx.state(Payment, key)
    made = payment.made(allocation)
    kind, _, ref = made.to.partition("/")
    tx.change(Payment, key, Payment.unallocate, allocation, on)
    told = [f"{made.amount} of {key} is free again"]
    if kind == "payment":
        tx.change(Payment, ref, Payment.unallocate, made.there, on)
        return told
    cls = DOCUMENTS[kind]
    document = tx.state(cls, ref)
    if made.source:
        back = GIVEN[kind](made.source, made.amount, on, made.party.partition("/")[2], key, document.number)
        tx.change(cls, ref, cls.receive, back)
        return [*told, f"{made.amount} is credit at {document.number} again"]
    standing = document.allocations.get(made.there)
    if standing is not None and standing.source == key:
        tx.change(cls, ref, cls.unallocate, made.there, on)
    held = tx.state(cls, ref).credits.get(key)
    moved = f"{document.number} gave the credit from {key} on: take that back first"
    require(held is not None and held.left >= made.amount, moved)
    tx.change(cls, ref, cls.give, made.amount, on, key, key)
    told += shortfalls.take_back(tx, kind, ref, on)
    left = tx.state(cls, ref).owing
    return [*told, f"{left} is owing on {document.number}"] if left else told


def held_at(document: Any, source: str) -> Money:
    """What credit a bill or invoice holds, of one source or in all."""
    held = document.credits.get(source)
    left: Money = document.credit_left if not source else held.left if held else ZERO
    return left


def party_of(kind: str, document: Any) -> str:
    """The stream of the vendor or customer of a bill or invoice."""
    return f"vendor/{document.vendor}" if kind == "bill" else f"customer/{document.customer}"


def refund(tx: Transaction, of: str, amount: Amount | None, on: date, bank: str, ref: str) -> Said:
    """Money goes back: what is left of a payment, or credit held at a bill or invoice."""
    kind, _, key = of.partition("/")
    if kind == "payment":
        payment = tx.state(Payment, key)
        payment.require_left()
        most, party, direction = payment.left, payment.party, opposite(payment.direction)
    else:
        document = tx.state(DOCUMENTS[kind], key)
        most, party = document.credit_left, party_of(kind, document)
        require(most, f"no credit is held at {document.number or key}")
        direction = opposite(outward(party))
    back = most if amount is None else money(amount, most.currency)
    require(back <= most, f"{most} can be refunded, not {back}")
    made = record(tx, party, direction, back, on, bank, ref)
    return [made.number, *settle(tx, made.number, of, back, on)]


def void(tx: Transaction, key: str, on: date, reason: str) -> Said:
    require_unmatched(tx, f"payment/{key}", key)
    voided = tx.change(Payment, key, Payment.void, on, reason)
    return [key, f"{voided.amount} never moved"]


def require_unmatched(tx: Transaction, target: str, name: str) -> None:
    """What a statement shows happened: first that is taken back."""
    line = next(iter(tx.state(Link, target).lines), "")
    require(not line, f"{name} is on a bank statement as {line}: `bo bank undo {line}` takes that back")


def _meet(tx: Transaction, one: str, other: str, amount: Amount | Money | None, on: date) -> Said:
    """Two payments of one party in opposite directions: the one pays the other back."""
    here, there = tx.state(Payment, one), tx.state(Payment, other)
    there.require_left()
    same = here.party == there.party and here.amount.currency == there.amount.currency
    require(same, f"{one} and {other} are not of one party and currency")
    require(here.direction != there.direction, f"{one} and {other} both went {here.direction}: neither pays back")
    part, day = _part(amount, here, there.left), max(on, here.on, there.on)
    places = here.last_allocation + 1, there.last_allocation + 1
    tx.change(Payment, one, Payment.allocate, f"payment/{other}", part, day, places[1])
    tx.change(Payment, other, Payment.allocate, f"payment/{one}", part, day, places[0])
    return [f"{part} of {other} is paid back by {one}: allocation {places[0]}"]


def _part(amount: Amount | Money | None, payment: Payment, most: Money) -> Money:
    """An amount as typed, in the currency of the payment; else all that fits."""
    payment.require_left()
    if amount is None:
        return Money(min(payment.left.minor, most.minor), payment.amount.currency)
    return amount if isinstance(amount, Money) else money(amount, payment.amount.currency)


def money(amount: Amount, currency: str) -> Money:
    return Money.of(amount.decimal, amount.currency or currency)
