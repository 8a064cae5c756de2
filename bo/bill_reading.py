"""See bills, their history, and what is owed to each vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    from projections.bill import Bill, VendorCredit
    from projections.bills import Listed
    from projections.payables import Age, Balance, Unpaid
    from projections.trail import Entry
    from store.ledger import Ledger

_vendor_only = options.link("--vendor", kinds=("vendor",), default="", metavar="VENDOR", help="Only of this vendor.")
_any_number = options.reference("number", "bill", "vendor-credit", metavar="NUMBER")
STATUSES = ("open", "partial", "paid", "credited", "credit", "settled", "void")


@click.command("show")
@_any_number
@options.shown
@options.ledger
def show(ledger: Ledger, number: str, as_of: date | None, known_at: int | date | None) -> Bill | VendorCredit:
    """Show a bill or a vendor's credit note: lines, taxes, all that was paid and credited, and the digest.

    \b
    Example: bo bill show BILL-2026-0001
    """
    from projections import bill as one
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Bills", "Disputes", "References", "Directory"))
    found = resolve(views, number, "bill", "vendor-credit")
    if found.kind == "vendor-credit":
        return one.vendor_credit(views, found.ref)
    shown = one.shown(views, found.key, as_of)
    if as_of is None and known_at is None:
        from bo import purchasing

        shown.digest = purchasing.digest(ledger, found.key)
    return shown


@click.command()
@_any_number
@options.rows
@options.ledger
def history(ledger: Ledger, number: str, known_at: int | date | None) -> list[Entry]:
    """Tell all that was recorded of a bill: when, by whom, what, and why.

    \b
    Example: bo bill history BILL-2026-0001
    """
    from projections import trail
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Trail", "Directory", "References"))
    return trail.entries(views, resolve(views, number, "bill", "vendor-credit").stream)[0]


@click.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only what stands so.")
@_vendor_only
@options.rows
@options.ledger
def list_(
    ledger: Ledger, status: str | None, vendor: str, as_of: date | None, known_at: int | date | None, limit: int | None
) -> list[Listed]:
    """List bills, the newest first.

    \b
    Example: bo bill list --status open
    """
    from projections import bills
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Bills", "Disputes", "Directory"))
    return bills.listed(views, status or "", _vendor_in(ledger, vendor), as_of, limit)


@click.command()
@options.rows
@options.ledger
def unpaid(ledger: Ledger, as_of: date | None, known_at: int | date | None, limit: int | None) -> list[Unpaid]:
    """List unpaid bills, the longest overdue first.

    \b
    Example: bo bill unpaid --as-of 2026-03-31
    """
    from bo.clock import today
    from projections import payables
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Bills", "Disputes", "Directory"))
    return payables.unpaid(views, today(), as_of, limit)


@click.command()
@options.rows
@options.ledger
def aging(ledger: Ledger, as_of: date | None, known_at: int | date | None) -> list[Age]:
    """What we owe each vendor, by how long it has been due.

    The balance is that of the account of payables: what is owing, less credit that settles nothing yet, and what
    journal entries say.

    \b
    Example: bo bill aging --as-of 2026-03-31
    """
    from bo.clock import today
    from projections import owed, payables
    from projections.core import open_views

    return payables.aging(open_views(ledger, known_at, only=owed.VIEWS["payable"]), today(), as_of)


@click.command()
@options.reference("vendor", "vendor", required=False, default="")
@options.rows
@options.ledger
def balance(ledger: Ledger, vendor: str, as_of: date | None, known_at: int | date | None) -> list[Balance]:
    """What we owe each vendor, less credit and what was paid in advance; or one: as the account of payables says.

    \b
    Example: bo bill balance V-1
    """
    from projections import owed, payables
    from projections.core import open_views

    views = open_views(ledger, known_at, only=owed.VIEWS["payable"])
    return payables.balances(views, _vendor_in(ledger, vendor), as_of)


def _vendor_in(ledger: Ledger, text: str) -> str:
    """The vendor's reference in full, "" when none was named."""
    if not text:
        return ""
    from projections.core import open_views
    from projections.references import resolve

    return resolve(open_views(ledger), text, "vendor").ref


COMMANDS: tuple[click.Command, ...] = (show, history, list_, unpaid, aging, balance)
