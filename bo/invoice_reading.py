"""See invoices, their history, and what customers owe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from projections.invoice import CreditNote, Invoice
    from projections.invoices import Listed
    from projections.receivables import Age, Balance, Unpaid
    from projections.trail import Entry
    from store.ledger import Ledger

STATUSES = ("draft", "discarded", "open", "partial", "paid", "credited", "written-off", "void")


@click.command("show")
@options.reference("number", "invoice", "draft", "credit", metavar="NUMBER")
@options.shown
@options.ledger
def show(ledger: Ledger, number: str, as_of: date | None, known_at: int | date | None) -> Invoice | CreditNote:
    """Show an invoice, draft or credit note: lines, taxes, and all that was paid and credited.

    \b
    Example: bo invoice show INV-2026-0001
    """
    from projections import invoice as one
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Invoices", "Disputes", "References"))
    found = resolve(views, number, "invoice", "credit")
    return one.credit_note(views, found.ref) if found.kind == "credit" else one.shown(views, found.key, as_of)


@click.command()
@options.reference("number", "invoice", "draft", "credit", metavar="NUMBER")
@options.rows
@options.ledger
def history(ledger: Ledger, number: str, known_at: int | date | None) -> list[Entry]:
    """Tell all that was recorded of an invoice: when, by whom, what, and why.

    \b
    Example: bo invoice history INV-2026-0001
    """
    from projections import trail
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Trail", "Directory", "References"))
    return trail.entries(views, resolve(views, number, "invoice", "credit").stream)[0]


@click.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only what stands so.")
@options.link("--customer", kinds=("customer",), default="", metavar="CUSTOMER", help="Only of this customer.")
@options.rows
@options.ledger
def list_(
    ledger: Ledger,
    status: str | None,
    customer: str,
    as_of: date | None,
    known_at: int | date | None,
    limit: int | None,
) -> list[Listed]:
    """List invoices and drafts, the newest first.

    \b
    Example: bo invoice list --status open
    """
    from projections import invoices
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Invoices", "Disputes", "References"))
    return invoices.listed(views, status or "", _customer_in(ledger, customer), as_of, limit)


@click.command()
@options.rows
@options.ledger
def unpaid(ledger: Ledger, as_of: date | None, known_at: int | date | None, limit: int | None) -> list[Unpaid]:
    """List unpaid invoices, the longest overdue first.

    \b
    Example: bo invoice unpaid --as-of 2026-03-31
    """
    from bo.clock import today
    from projections import receivables
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Invoices", "Disputes"))
    return receivables.unpaid(views, today(), as_of, limit)


@click.command()
@options.rows
@options.ledger
def aging(ledger: Ledger, as_of: date | None, known_at: int | date | None) -> list[Age]:
    """What each customer owes, by how long it has been due.

    The balance is that of the account of receivables: what is owing, less credit that settles nothing yet, and what
    journal entries say.

    \b
    Example: bo invoice aging --as-of 2026-03-31
    """
    from bo.clock import today
    from projections import owed, receivables
    from projections.core import open_views

    return receivables.aging(open_views(ledger, known_at, only=owed.VIEWS["receivable"]), today(), as_of)


@click.command()
@options.reference("customer", "customer", required=False, default="")
@options.rows
@options.ledger
def balance(ledger: Ledger, customer: str, as_of: date | None, known_at: int | date | None) -> list[Balance]:
    """What each customer owes, less the credit he has; or one customer: as the account of receivables says.

    \b
    Example: bo invoice balance C-1
    """
    from projections import owed, receivables
    from projections.core import open_views

    views = open_views(ledger, known_at, only=owed.VIEWS["receivable"])
    return receivables.balances(views, _customer_in(ledger, customer), as_of)


def _customer_in(ledger: Ledger, text: str) -> str:
    """The customer's reference in full, "" when none was named."""
    if not text:
        return ""
    from projections.core import open_views
    from projections.references import resolve

    return resolve(open_views(ledger), text, "customer").ref


@click.command("print")
@options.reference("number", "invoice", "credit", metavar="NUMBER")
@options.output
@options.force
@options.ledger
def print_(ledger: Ledger, number: str, output: str | None, force: bool) -> None:
    """Write an invoice or credit note as the HTML page that was stored when it was issued.

    \b
    Example: bo invoice print INV-2026-0001 -o invoice.html
    """
    from bo import files, invoicing
    from projections.core import open_views
    from projections.references import resolve

    page = invoicing.rendering(ledger, resolve(open_views(ledger), number, "invoice", "credit"))
    files.hand_over(output, [page], force=force)


COMMANDS: tuple[click.Command, ...] = (show, history, list_, unpaid, aging, balance, print_)
