"""Draft, issue, settle and credit invoices, and see what is owing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import invoice_reading, invoice_settling, options
from bo.telling import record, tell

if TYPE_CHECKING:
    from datetime import date

    from bo.inputs import Source
    from store.ledger import Ledger
    from store.transaction import Transaction

_line = click.option(
    "--line", "lines", multiple=True, metavar="LINE", help="DESCRIPTION;QUANTITY;UNIT PRICE;TAX%[;NAME=VALUE…]"
)
_currency = click.option("--currency", default="", metavar="CODE", help="ISO 4217; the customer's, if not said.")
_ref = click.option("--ref", default=None, metavar="TEXT", help="What the other side calls it.")
_customer = options.reference("customer", "customer")
_draft = options.reference("draft", "draft", metavar="DRAFT")
_number = options.reference("number", "invoice", metavar="NUMBER")


@click.group(help=__doc__)
def invoice() -> None: ...


for command in (*invoice_reading.COMMANDS, *invoice_settling.COMMANDS):
    invoice.add_command(command)


@invoice.command()
@_customer
@_line
@options.tags
@options.from_file
@options.edit
@_currency
@_ref
@options.writes
def draft(
    ledger: Ledger, customer: str, lines: tuple[str, ...], tags: tuple[str, ...], source: Source | None, editor: bool,
    currency: str, ref: str | None,
) -> None:  # fmt: skip
    """Write a draft for CUSTOMER and print its reference.

    A line splits from the right; TAX% is a rate, or Z, E, AE, K, G or O for a category without one; dimensions may
    follow it. --from takes JSON: {"lines": [{"description": "Book", "quantity": 2, "price": "15.50", "tax": 7,
    "dimensions": ["project=P-7"]}], "ref": "", "currency": ""}. --edit opens the same in your editor, with what else
    was said in it.

    \b
    Example: bo invoice draft C-1 --line "Consulting, March;10;80.00;19" --line "Book;2;15.50;7" --ref "order 7"
             bo invoice draft C-1 --line "Work;1;80.00;19;project=P-7" --dimension cost-centre=NORTH
             bo invoice draft C-1 --from order.json
             bo invoice draft C-1 --edit
    """
    from aggregates.lines import line
    from bo import invoice_input, invoicing
    from projections import directory
    from projections.core import open_views

    given = invoice_input.drafted(source, invoice_input.Draft([line(each) for each in lines], currency, ref))
    to = invoicing.customer(ledger, customer)
    views = open_views(ledger)
    base = directory.setting(views, "currency")

    def take(new: invoice_input.Draft) -> list[str]:
        sold = invoice_input.bearing(views, new.lines, tags)
        return ledger.commit(lambda tx: invoicing.draft(tx, to, sold, new.currency, new.ref or "", base))

    said = invoice_input.edited(f"A draft for {to}", given, take) if editor else take(given)
    if said is None:
        raise click.Abort("nothing was written: nothing is recorded")
    tell(said)


@invoice.command()
@_draft
@options.link("--customer", kinds=("customer",), default="", metavar="CUSTOMER", help="Another customer.")
@_line
@options.tags
@options.from_file
@options.edit
@_currency
@_ref
@click.option("--terms", type=int, metavar="DAYS", help="Days until it is due.")
@options.writes
def edit(
    ledger: Ledger, draft: str, customer: str, lines: tuple[str, ...], tags: tuple[str, ...], source: Source | None,
    editor: bool, currency: str, ref: str | None, terms: int | None,
) -> None:  # fmt: skip
    """Change DRAFT; what is not given stays. Lines are given all or not at all; --from takes what `draft` does.

    \b
    Example: bo invoice edit D-7K3FQ --line "Consulting, March;12;80.00;19"
             bo invoice edit D-7K3FQ --edit
    """
    from aggregates.core import require
    from aggregates.invoice import Invoice
    from aggregates.lines import line
    from bo import invoice_input, invoicing
    from projections.core import open_views

    given = invoice_input.drafted(source, invoice_input.Draft([line(each) for each in lines], currency, ref))
    views = open_views(ledger)
    to = invoicing.customer(ledger, customer) if customer else ""
    key = invoicing.invoice(ledger, draft)
    old = ledger.load(Invoice, key) if editor else None

    def take(new: invoice_input.Draft) -> list[str]:
        sold = invoice_input.bearing(views, new.lines, tags)
        wanted = {"lines": tuple(sold) or None, "currency": new.currency or None, "ref": new.ref, "terms": terms}
        changes = {name: value for name, value in wanted.items() if value is not None}

        def work(tx: Transaction) -> list[str]:
            seen = old is None or tx.state(Invoice, key) == old
            require(seen, f"{key} was changed while you wrote: close this, and edit it again")
            return invoicing.edit(tx, key, to, changes)

        return ledger.commit(work)

    if old is None:
        tell(take(given))
        return
    old.edit()  # refuses now what is no draft any more
    ref = old.ref if given.ref is None else given.ref
    shown = invoice_input.Draft(given.lines or [*old.lines], given.currency or old.currency, ref)
    said = invoice_input.edited(f"The draft {key} for {old.customer}", shown, take)
    tell(said or [key, f"{key} says so already: nothing changes"])


@invoice.command()
@_draft
@options.reason_if_any
@options.writes
def discard(ledger: Ledger, draft: str, reason: str) -> None:
    """Give up DRAFT. It never had a number, so none is missing.

    \b
    Example: bo invoice discard D-7K3FQ --reason "ordered twice"
    """
    from bo import invoicing

    key = invoicing.invoice(ledger, draft)
    record(ledger, lambda tx: invoicing.discard(tx, key, reason))


@invoice.command()
@_draft
@options.on
@options.due
@click.option("--discount", default="", metavar="PERCENT/DAYS", help="For who pays early: 2/10 is 2 % within 10 days.")
@options.writes
def issue(ledger: Ledger, draft: str, on: date, due: date | None, discount: str) -> None:
    """Give DRAFT its legal number, and print it. After that nothing in it changes.

    A discount is deducted by itself when what is paid in time falls short by no more than it; its tax is adjusted.

    \b
    Example: bo invoice issue D-7K3FQ --on 2026-01-31
             bo invoice issue D-7K3FQ --discount 2/10
    """
    from aggregates.relief import offered
    from bo import invoicing

    key, terms = invoicing.invoice(ledger, draft), offered(discount, on) if discount else None
    record(ledger, lambda tx: invoicing.issue(ledger, tx, key, on, due, terms))


@invoice.command()
@_number
@options.on
@options.reason
@options.writes
def dispute(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """Note that the customer disputes NUMBER: nobody is reminded of it. The same as `bo dunning dispute`.

    \b
    Example: bo invoice dispute INV-2026-0001 --reason "the goods came broken"
    """
    from bo import invoicing, reminding

    key = invoicing.invoice(ledger, number)
    record(ledger, lambda tx: reminding.dispute(tx, key, on, reason))


@invoice.command()
@_number
@options.on
@options.reason
@options.writes
def undispute(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """End the dispute of NUMBER: it is reminded of again. The same as `bo dunning resolve`.

    \b
    Example: bo invoice undispute INV-2026-0001 --reason "replaced"
    """
    from bo import invoicing, reminding

    key = invoicing.invoice(ledger, number)
    record(ledger, lambda tx: reminding.resolve(tx, key, on, reason))


@invoice.command("import")
@click.argument("file", metavar="FILE")
@click.option("--lines", metavar="FILE", help="Where the lines stand, if not beside each invoice.")
@options.mapped
@options.save_map
@click.option("--renumber", is_flag=True, help="Give them numbers of our own series, in the order of their dates.")
@options.accept_valid
@options.dry_run
@options.ledger
def import_(
    ledger: Ledger,
    file: str,
    lines: str | None,
    map_name: str | None,
    save_as: str,
    renumber: bool,
    accept_valid: bool,
) -> None:
    """Take over invoices that another system issued, under the numbers it gave.

    A row is an invoice with --lines, else a line of one. Fields: number, customer, on, due, currency, ref, terms,
    total, discount_terms; description, quantity, price, tax, discount, unit, dimensions; name and address of the buyer.
    discount_terms are PERCENT/DAYS for paying early, such as 2/10; the discount is a percentage off a line.

    Everything is checked before anything is recorded. The same file again changes nothing.

    \b
    Example: bo invoice import invoices.csv --lines lines.csv --map invoices.json
    """
    from bo.invoice_import import Import

    tell(Import(ledger, file, lines, map_name, renumber).run(accept_valid, save_as))
