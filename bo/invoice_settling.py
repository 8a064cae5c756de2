"""Settle invoices: payments, credit notes, allocations, voids and write-offs, and taking them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.telling import record

if TYPE_CHECKING:
    from datetime import date

    from bo.amounts import Amount
    from bo.inputs import Source
    from store.ledger import Ledger

_number = options.reference("number", "invoice", metavar="NUMBER")


@click.command()
@_number
@click.argument("amount", type=options.MONEY)
@options.on
@click.option("--ref", default="", metavar="TEXT", help="What the other side calls it.")
@options.tolerance
@options.writes
def pay(ledger: Ledger, number: str, amount: Amount, on: date, ref: str, tolerance: Amount) -> None:
    """Record that AMOUNT was paid on NUMBER, and print the payment's reference.

    What is more than owing stays as credit of the customer: see `bo invoice allocate`.
    A payment that was entered wrongly is taken back with `bo invoice unallocate`, and `bo payment refund NUMBER` of its
    day.

    \b
    Example: bo invoice pay INV-2026-0001 120.00 --on 2026-02-14 --ref "bank statement 12"
    """
    from bo import invoicing

    key = invoicing.invoice(ledger, number)
    record(ledger, lambda tx: invoicing.pay(tx, key, amount, on, ref, invoicing.fitting(tolerance)))


@click.command()
@_number
@click.option("--line", "lines", multiple=True, metavar="LINE", help="LINE NUMBER[;QUANTITY[;NET]], or as drafted.")
@options.from_file
@options.on
@options.reason
@options.writes
def credit(ledger: Ledger, number: str, lines: tuple[str, ...], source: Source | None, on: date) -> None:
    """Issue a credit note on NUMBER, over all that remains or over some lines, and print its number.

    Of a discount for early payment that was taken, its share goes with each line: what was charged is credited. A net
    that is given is credited as it is.

    --from takes JSON: {"lines": [{"line": 2, "quantity": 1}]}, or lines as `draft` takes them.

    \b
    Example: bo invoice credit INV-2026-0001 --line "2;1" --reason "one book came back"
    """
    from aggregates.crediting import claim
    from bo import invoice_input, invoicing

    said = invoice_input.read(source, "lines")
    claims = invoice_input.claims(source, said, [claim(each) for each in lines])
    key = invoicing.invoice(ledger, number)
    record(ledger, lambda tx: invoicing.credit(ledger, tx, key, on, claims))


@click.command()
@_number
@options.amount
@options.link(
    "--from", "sources", kinds=("invoice", "credit"), multiple=True, metavar="NUMBER", help="Where credit is held."
)
@options.on
@options.writes
def allocate(ledger: Ledger, number: str, amount: Amount | None, sources: tuple[str, ...], on: date) -> None:
    """Settle NUMBER with credit of its customer: held there, else at his other invoices, the oldest first.

    \b
    Example: bo invoice allocate INV-2026-0002 --amount 20.00
    """
    from bo import applying, invoicing

    key = invoicing.invoice(ledger, number)
    places = [place for each in sources for place in applying.holder(ledger, "invoice", each).places]
    record(ledger, lambda tx: invoicing.allocate(ledger, tx, key, amount, on, places))


@click.command()
@options.reference("number", "credit", "invoice", metavar="NUMBER")
@options.link("--to", "parts", kinds=("invoice",), multiple=True, metavar="NUMBER[;AMOUNT]", help="What it settles.")
@click.option("--refund", default="", metavar="AMOUNT|rest", help="What of it goes back as money.")
@options.on
@options.bank
@click.option("--ref", default="", metavar="TEXT", help="What the bank statement says of the refund.")
@options.writes
def apply(ledger: Ledger, number: str, parts: tuple[str, ...], refund: str, on: date, bank: str, ref: str) -> None:
    """Share out the credit note NUMBER, or credit held at an invoice: to invoices of its customer, and back.

    All of it happens or nothing; as much as fits where no amount is given. What is left stays as credit.

    \b
    Example: bo invoice apply CN-2026-0001 --to "INV-2026-0002;50.00" --to INV-2026-0003 --refund rest
    """
    from bo import applying, payments

    account = payments.bank_account(ledger, bank)
    record(ledger, applying.applying(ledger, "invoice", number, parts, refund, on, account, ref))


@click.command()
@_number
@click.argument("allocation", type=click.IntRange(1))
@options.on
@options.reason
@options.writes
def unallocate(ledger: Ledger, number: str, allocation: int, on: date) -> None:
    """Take back one whole ALLOCATION of NUMBER: its amount is owing again, and credit again.

    \b
    Example: bo invoice unallocate INV-2026-0001 1 --reason "it was meant for another invoice"
    """
    from bo import invoicing

    key = invoicing.invoice(ledger, number)
    record(ledger, lambda tx: invoicing.unallocate(tx, key, allocation, on))


@click.command()
@_number
@options.on
@options.reason
@options.writes
def void(ledger: Ledger, number: str, on: date) -> None:
    """Void NUMBER, which was never delivered. The number stays occupied.

    \b
    Example: bo invoice void INV-2026-0003 --reason "issued twice, never sent"
    """
    from bo import invoicing

    key = invoicing.invoice(ledger, number)
    record(ledger, lambda tx: invoicing.void(tx, key, on, ledger.reason))


@click.command("write-off")
@_number
@options.amount
@click.option("--tax-relief", is_flag=True, help="Its output tax comes back: take it off that, not to the loss.")
@options.on
@options.reason
@options.writes
def write_off(ledger: Ledger, number: str, amount: Amount | None, tax_relief: bool, on: date) -> None:
    """Give up what is owing on NUMBER, or an amount of it.

    \b
    Example: bo invoice write-off INV-2026-0001 --reason "insolvent, file 4 IN 12/26"
             bo invoice write-off INV-2026-0001 --amount 50 --tax-relief --reason "settled out of court"
    """
    from bo import invoicing

    key = invoicing.invoice(ledger, number)
    record(ledger, lambda tx: invoicing.write_off(tx, key, on, ledger.reason, amount, tax_relief))


@click.command()
@_number
@options.on
@options.reason
@options.writes
def reinstate(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """Take back the last write-off or discount of NUMBER, whole: its amount is owing again.

    \b
    Example: bo invoice reinstate INV-2026-0001 --reason "the administrator pays after all"
    """
    from bo import invoicing

    key = invoicing.invoice(ledger, number)
    record(ledger, lambda tx: invoicing.reinstate(tx, key, on, reason))


COMMANDS: tuple[click.Command, ...] = (pay, credit, allocate, apply, unallocate, void, write_off, reinstate)
