"""Settle bills: credit notes of vendors, allocations of credit, and taking back what was settled."""

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

_number = options.reference("number", "bill", metavar="NUMBER")


@click.command()
@_number
@click.option("--ref", default="", metavar="NUMBER", help="The number that the vendor gave the credit note.")
@click.option("--line", "lines", multiple=True, metavar="LINE", help="LINE NUMBER[;QUANTITY[;NET]]")
@options.from_file
@options.on
@options.booked
@options.reason
@options.writes
def credit(
    ledger: Ledger, number: str, ref: str, lines: tuple[str, ...], source: Source | None, on: date,
    booked: date | None, reason: str,
) -> None:  # fmt: skip
    """Enter the vendor's credit note on the bill NUMBER, over all that remains or over some lines.

    Of a discount for early payment that we took, its share goes with each line. A net that is given is credited as it
    is.

    What is more than owing stays as credit there: `bo bill allocate` settles other bills with it, `bo payment refund`
    records that the vendor pays it back.

    \b
    Example: bo bill credit BILL-2026-0001 --ref G-12 --line "1;2" --reason "two came back"
    """
    from aggregates.crediting import claim
    from bo import invoice_input, purchasing

    said = invoice_input.read(source, "lines")
    claims = invoice_input.claims(source, said, [claim(each) for each in lines])
    key = purchasing.bill(ledger, number)
    record(ledger, lambda tx: purchasing.credit(tx, key, ref, on, reason, claims, booked))


@click.command()
@_number
@options.amount
@options.link(
    "--from", "sources", kinds=("bill", "vendor-credit"), multiple=True, metavar="NUMBER", help="Where credit is held."
)
@options.on
@options.writes
def allocate(ledger: Ledger, number: str, amount: Amount | None, sources: tuple[str, ...], on: date) -> None:
    """Settle the bill NUMBER with credit: held there, else at other bills of its vendor, the oldest first.

    \b
    Example: bo bill allocate BILL-2026-0002 --from BILL-2026-0001 --amount 20.00
    """
    from bo import applying, purchasing

    key = purchasing.bill(ledger, number)
    places = [place for each in sources for place in applying.holder(ledger, "bill", each).places]
    record(ledger, lambda tx: purchasing.allocate(ledger, tx, key, amount, on, places))


@click.command()
@options.reference("number", "vendor-credit", "bill", metavar="NUMBER")
@options.link("--to", "parts", kinds=("bill",), multiple=True, metavar="NUMBER[;AMOUNT]", help="What it settles.")
@click.option("--refund", default="", metavar="AMOUNT|rest", help="What of it goes back as money.")
@options.on
@options.bank
@click.option("--ref", default="", metavar="TEXT", help="What the bank statement says of the refund.")
@options.writes
def apply(ledger: Ledger, number: str, parts: tuple[str, ...], refund: str, on: date, bank: str, ref: str) -> None:
    """Share out the credit note NUMBER, or credit held at a bill: to bills of its vendor, and back.

    All of it happens or nothing; as much as fits where no amount is given. What is left stays as credit.

    \b
    Example: bo bill apply BCN-2026-0001 --to "BILL-2026-0002;50.00" --to BILL-2026-0003 --refund rest
    """
    from bo import applying, payments

    account = payments.bank_account(ledger, bank)
    record(ledger, applying.applying(ledger, "bill", number, parts, refund, on, account, ref))


@click.command()
@_number
@click.argument("allocation", type=click.IntRange(1))
@options.on
@options.reason
@options.writes
def unallocate(ledger: Ledger, number: str, allocation: int, on: date) -> None:
    """Take back one whole ALLOCATION of the bill NUMBER: its amount is owing again, and credit there.

    \b
    Example: bo bill unallocate BILL-2026-0002 1 --reason "it was meant for another bill"
    """
    from bo import purchasing

    key = purchasing.bill(ledger, number)
    record(ledger, lambda tx: purchasing.unallocate(tx, key, allocation, on))


@click.command()
@_number
@options.on
@options.reason
@options.writes
def reinstate(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """Take back the last discount or small difference of NUMBER, whole: its amount is owing again.

    \b
    Example: bo bill reinstate BILL-2026-0001 --reason "the payment came too late"
    """
    from bo import purchasing

    key = purchasing.bill(ledger, number)
    record(ledger, lambda tx: purchasing.reinstate(tx, key, on, reason))


COMMANDS: tuple[click.Command, ...] = (credit, allocate, apply, unallocate, reinstate)
