"""Record payments, say what each settles, and pay bills in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.payment_batch import batch
from bo.telling import record

if TYPE_CHECKING:
    from datetime import date

    from aggregates.payment import Direction
    from bo.amounts import Amount
    from projections.payments import Listed, Payment
    from projections.trail import Entry
    from store.ledger import Ledger

_ref = click.option("--ref", default="", metavar="TEXT", help="What the bank statement says of it.")
_payment = options.reference("payment", "payment", metavar="PAYMENT")


@click.group(help=__doc__)
def payment() -> None: ...


payment.add_command(batch)


@payment.command("record")
@options.reference("party", "vendor", "customer", metavar="PARTY")
@click.argument("amount", type=options.MONEY)
@click.option("--direction", type=click.Choice(("in", "out")), help="Out to a vendor, in from a customer, if not said.")
@options.link(
    "--for", "settled", kinds=("bill", "invoice"), multiple=True, metavar="NUMBER",
    help="What it settles, in this order; as much of it as fits.",
)  # fmt: skip
@options.on
@options.bank
@_ref
@options.tolerance
@options.writes
def record_(
    ledger: Ledger, party: str, amount: Amount, direction: Direction | None, settled: tuple[str, ...], on: date,
    bank: str, ref: str, tolerance: Amount,
) -> None:  # fmt: skip
    """Record that AMOUNT was paid to or by PARTY, and print the payment's number.

    What settles nothing yet is an advance or credit: see `bo payment allocate`. PARTY - is nobody known yet.

    \b
    Example: bo payment record V-1 119.00 --for BILL-2026-0001 --on 2026-02-14
             bo payment record C-7 80.00 --for INV-2026-0003 --ref "statement 12"
    """
    from bo import payments

    work = payments.recording(ledger, party, amount, direction, settled, on, bank, ref, tolerance)
    record(ledger, work)


@payment.command()
@_payment
@options.reference("number", "bill", "invoice", "payment", metavar="NUMBER")
@options.amount
@options.on
@options.writes
def allocate(ledger: Ledger, payment: str, number: str, amount: Amount | None, on: date) -> None:
    """Let PAYMENT settle the bill or invoice NUMBER, pay back credit held there, or meet the opposite payment.

    As much as fits, if no amount is given; dated the later of the days of both.

    \b
    Example: bo payment allocate PAY-2026-0001 BILL-2026-0002 --amount 20.00
    """
    from bo import paying, payments

    key, to = payments.payment(ledger, payment), payments.target(ledger, number)
    record(ledger, lambda tx: [key, *paying.settle(tx, key, to, amount, on)])


@payment.command()
@_payment
@click.argument("allocation", type=click.IntRange(1))
@options.on
@options.reason
@options.writes
def unallocate(ledger: Ledger, payment: str, allocation: int, on: date) -> None:
    """Take back one whole ALLOCATION of PAYMENT, on both sides, and what was discounted for it.

    \b
    Example: bo payment unallocate PAY-2026-0001 1 --reason "it was meant for another bill"
    """
    from bo import paying, payments

    key = payments.payment(ledger, payment)
    record(ledger, lambda tx: [key, *paying.unsettle(tx, key, allocation, on)])


@payment.command()
@options.reference("number", "payment", "bill", "invoice", "credit", "vendor-credit", metavar="NUMBER")
@options.amount
@options.on
@options.bank
@_ref
@options.writes
def refund(ledger: Ledger, number: str, amount: Amount | None, on: date, bank: str, ref: str) -> None:
    """Record that money went back: what is left of a payment or credit note, or credit held at a bill or invoice.

    \b
    Example: bo payment refund BILL-2026-0001 --amount 20.00 --on 2026-03-02
             bo payment refund CN-2026-0001
    """
    from bo import applying, payments

    account = payments.bank_account(ledger, bank)
    record(ledger, applying.refunding(ledger, number, amount, on, account, ref))


@payment.command()
@_payment
@options.on
@options.reason
@options.writes
def void(ledger: Ledger, payment: str, on: date, reason: str) -> None:
    """Void PAYMENT, which never took place. The number stays occupied.

    \b
    Example: bo payment void PAY-2026-0003 --reason "recorded twice"
    """
    from bo import paying, payments

    key = payments.payment(ledger, payment)
    record(ledger, lambda tx: paying.void(tx, key, on, reason))


@payment.command("show")
@_payment
@options.shown
@options.ledger
def show(ledger: Ledger, payment: str, as_of: date | None, known_at: int | date | None) -> Payment:
    """Show a payment, and all that it settles.

    \b
    Example: bo payment show PAY-2026-0001
    """
    from projections import payments
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Payments", "References"))
    return payments.shown(views, resolve(views, payment, "payment").key, as_of)


@payment.command()
@_payment
@options.rows
@options.ledger
def history(ledger: Ledger, payment: str, known_at: int | date | None) -> list[Entry]:
    """Tell all that was recorded of a payment: when, by whom, what, and why.

    \b
    Example: bo payment history PAY-2026-0001
    """
    from projections import trail
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Trail", "Directory", "References"))
    return trail.entries(views, resolve(views, payment, "payment").stream)[0]


@payment.command("list")
@options.link("--party", kinds=("vendor", "customer"), default="", metavar="PARTY", help="Only to or by this party.")
@click.option("--status", type=click.Choice(("open", "partial", "allocated", "void")), help="Only what stands so.")
@options.rows
@options.ledger
def list_(
    ledger: Ledger, party: str, status: str | None, as_of: date | None, known_at: int | date | None, limit: int | None
) -> list[Listed]:
    """List payments, the newest first.

    \b
    Example: bo payment list --party V-1 --status open
    """
    from bo import payments as named
    from projections import payments
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Payments",))
    return payments.listed(views, named.party(ledger, party) if party else "", status or "", as_of, limit)
