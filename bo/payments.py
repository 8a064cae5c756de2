"""What is meant on the command line by a payment, its party, its bank and what it settles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.bank import Bank
from aggregates.core import FINANCE, SALES, require
from aggregates.money import Money
from aggregates.payment import Payment
from aggregates.record import Record
from bo import invoicing, paying
from projections import accounts, directory, references
from projections.core import open_views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from aggregates.payment import Direction
    from bo.amounts import Amount
    from store.ledger import Ledger
    from store.transaction import Transaction

NOBODY = "-"
"""On the command line: the party is not known yet."""


def payment(ledger: Ledger, text: str) -> str:
    """The number of the payment that is meant."""
    return references.resolve(open_views(ledger), text, "payment").key


def target(ledger: Ledger, text: str) -> str:
    """The stream of the bill, invoice or payment that is meant."""
    return references.resolve(open_views(ledger), text, "bill", "invoice", "payment").stream


def party(ledger: Ledger, text: str) -> str:
    """The stream of the vendor or customer that is meant."""
    found = references.resolve(open_views(ledger), text, "vendor", "customer")
    require(not found.erased, f"{found.ref} was erased: there is nobody to pay")
    return found.stream


def bank_account(ledger: Ledger, text: str) -> str:
    """The account of the books that a bank's money stands in: by the bank's name, or the account's number."""
    if not text:
        return "@bank"
    views = open_views(ledger)
    found = references.find(views, f"bank/{text}")
    if not found:
        return accounts.find(views, text)
    bank = ledger.load(Bank, found.key)
    bank.require_open(found.key)
    return bank.account


def recording(
    ledger: Ledger,
    who: str,
    amount: Amount,
    direction: Direction | None,
    settled: Sequence[str],
    on: date,
    bank: str,
    ref: str,
    tolerance: Amount,
) -> Callable[[Transaction], list[str]]:
    """A payment, and the documents it settles one after the other."""
    whose = "" if who == NOBODY else party(ledger, who)
    targets, account = [target(ledger, each) for each in settled], bank_account(ledger, bank)
    way = direction or paying.outward(whose)
    require(whose or direction, "say which way the money of nobody known went: --direction in or out")

    def work(tx: Transaction) -> list[str]:
        tx.begin(FINANCE)
        currency = amount.currency or _currency(ledger, tx, whose, targets)
        made = paying.record(tx, whose, way, Money.of(amount.decimal, currency), on, account, ref)
        said = []
        for to in targets:
            short = f"{made.amount} is used up before {to.partition('/')[2]}: leave that out, or record more"
            require(tx.state(Payment, made.number).left, short)
            said += paying.settle(tx, made.number, to, None, on, tolerance=invoicing.fitting(tolerance))
        left = tx.state(Payment, made.number).left
        return [made.number, *said, *([f"{left} settles nothing yet"] if left else [])]

    return work


def _currency(ledger: Ledger, tx: Transaction, whose: str, targets: Sequence[str]) -> str:
    """That of what is settled, else the party's, else the ledger's."""
    for to in targets:
        kind, _, key = to.partition("/")
        if kind in paying.DOCUMENTS:
            return str(tx.state(paying.DOCUMENTS[kind], key).currency)
    own = tx.state(Record, whose, SALES).fields.get("currency") if whose else None
    return str(own or directory.setting(open_views(ledger), "currency"))
