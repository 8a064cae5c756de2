"""Remind customers of what is overdue, level by level, with fees and interest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.telling import tell

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from aggregates.dunning import Counted
    from bo.amounts import Amount
    from bo.reminding import Level
    from projections.dunnings import Listed, Reminder
    from store.ledger import Ledger

_number = options.reference("number", "invoice", metavar="NUMBER")
_customer = options.reference("customer", "customer", metavar="CUSTOMER")


@click.group(help=__doc__)
def dunning() -> None: ...


@dunning.command()
@options.dry_run
@options.ledger
def run(ledger: Ledger) -> None:
    """Remind of every overdue invoice whose next level has come; print its number and the level.

    Run it from cron every day: each level of an invoice comes once, however often and by however many it is run. Fee
    and interest become an invoice of their own, not subject to tax, of which nobody is reminded.

    \b
    Example: bo dunning run --dry-run
    """
    from bo import reminding
    from bo.clock import today

    for said in reminding.run(ledger, today()):
        tell(said)


@dunning.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, as_of: date | None, known_at: int | date | None) -> list[Listed]:
    """List overdue invoices with the last level each had, and what is disputed or stopped.

    \b
    Example: bo dunning list --as-of 2026-03-31
    """
    from bo.clock import today
    from projections import dunnings
    from projections.core import open_views

    return dunnings.listed(open_views(ledger, known_at, only=("Dunnings", "Disputes", "Invoices")), today(), as_of)


@dunning.command()
@_number
@options.rows
@options.ledger
def show(ledger: Ledger, number: str, known_at: int | date | None) -> list[Reminder]:
    """Show the reminders of an invoice, and what each charged.

    \b
    Example: bo dunning show INV-2026-0001
    """
    from projections import dunnings
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Dunnings", "References"))
    return dunnings.reminders(views, resolve(views, number, "invoice").key)


@dunning.command("print")
@_number
@click.option("--level", type=click.IntRange(1, 9), metavar="LEVEL", help="Which reminder; the last, if not said.")
@options.output
@options.force
@options.ledger
def print_(ledger: Ledger, number: str, level: int | None, output: str | None, force: bool) -> None:
    """Write the letter of a reminder as it was stored when it was made.

    \b
    Example: bo dunning print INV-2026-0001 -o reminder.txt
    """
    from bo import files, invoicing, reminding

    page = reminding.letter(ledger, invoicing.invoice(ledger, number), level)
    files.hand_over(output, [page], force=force)


@dunning.command()
@options.rows
@options.ledger
def levels(ledger: Ledger) -> list[Level]:
    """List the levels: after how many days, with which fee and interest.

    \b
    Example: bo dunning levels
    """
    from bo import reminding

    return reminding.levels(ledger)


@dunning.command()
@click.argument("level", type=click.IntRange(1, 9))
@click.option("--after", type=click.IntRange(1), required=True, metavar="DAYS", help="So many days after the due date.")
@click.option("--fee", type=options.MONEY, default="0", metavar="AMOUNT", help="Charged on invoices in its currency.")
@click.option("--rate", type=options.DECIMAL, default="0", metavar="PERCENT", help="Interest a year.")
@click.option("--over-basis", is_flag=True, help="The rate is above the basis rate: see `bo dunning basis`.")
@click.option(
    "--counted",
    type=click.Choice(("actual/365", "actual/360", "30/360")),
    default="actual/365",
    show_default=True,
    help="How its days are counted.",
)
@options.writes
def level(
    ledger: Ledger, level: int, after: int, fee: Amount, rate: Decimal, over_basis: bool, counted: Counted
) -> None:
    """Set what a LEVEL of reminder is. The first that is set ends the built-in ones, which charge nothing.

    Interest is on what was owing each day, from the due date or the end of what was charged before.

    \b
    Example: bo dunning level 1 --after 14
             bo dunning level 2 --after 30 --fee 5.00 --rate 9 --over-basis
    """
    from bo import reminding

    tell(ledger.commit(lambda tx: reminding.set_level(ledger, tx, level, after, fee, rate, over_basis, counted)))


@dunning.command()
@click.argument("rate", type=options.DECIMAL)
@options.on
@options.writes
def basis(ledger: Ledger, rate: Decimal, on: date) -> None:
    """Set the basis RATE, in percent, from a day on.

    \b
    Example: bo dunning basis 1.27 --on 2026-01-01
    """
    from aggregates.dunning import Policy
    from bo import reminding

    ledger.commit(lambda tx: tx.change(Policy, reminding.LEVELS, Policy.set_basis, rate, on))


@dunning.command()
@_number
@options.on
@options.reason
@options.writes
def dispute(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """Note that the customer disputes an invoice: nobody is reminded of it.

    \b
    Example: bo dunning dispute INV-2026-0001 --reason "the goods came broken"
    """
    from bo import invoicing, reminding

    key = invoicing.invoice(ledger, number)
    tell(ledger.commit(lambda tx: reminding.dispute(tx, key, on, reason)))


@dunning.command()
@_number
@options.on
@options.reason
@options.writes
def resolve(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """End the dispute of an invoice: it is reminded of again.

    \b
    Example: bo dunning resolve INV-2026-0001 --reason "replaced"
    """
    from bo import invoicing, reminding

    key = invoicing.invoice(ledger, number)
    tell(ledger.commit(lambda tx: reminding.resolve(tx, key, on, reason)))


@dunning.command()
@_customer
@options.on
@options.reason
@options.writes
def stop(ledger: Ledger, customer: str, on: date, reason: str) -> None:
    """Remind a CUSTOMER of nothing any more.

    \b
    Example: bo dunning stop C-1 --reason "pays by instalments as agreed"
    """
    from aggregates.dunning import DunningStop
    from bo import invoicing

    key = invoicing.customer(ledger, customer)
    ledger.commit(lambda tx: tx.change(DunningStop, key, DunningStop.stop, on, reason))
    tell([key, f"{key} is reminded of nothing"])


@dunning.command()
@_customer
@options.on
@options.reason
@options.writes
def allow(ledger: Ledger, customer: str, on: date, reason: str) -> None:
    """Remind a CUSTOMER again, who was stopped.

    \b
    Example: bo dunning allow C-1 --reason "the instalments stopped"
    """
    from aggregates.dunning import DunningStop
    from bo import invoicing

    key = invoicing.customer(ledger, customer)
    ledger.commit(lambda tx: tx.change(DunningStop, key, DunningStop.allow, on, reason))
    tell([key, f"{key} is reminded again"])
