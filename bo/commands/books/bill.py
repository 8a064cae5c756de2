"""Enter bills of vendors, approve them, and see what is owed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import bill_reading, bill_settling, options
from bo.telling import record, tell

if TYPE_CHECKING:
    from datetime import date

    from bo.inputs import Source
    from store.ledger import Ledger

_line = click.option(
    "--line",
    "lines",
    multiple=True,
    metavar="LINE",
    help="DESCRIPTION;QUANTITY;UNIT PRICE;TAX%[;ACCOUNT][;NAME=VALUE…]",
)
_discount = click.option(
    "--discount", default=None, metavar="PERCENT/DAYS", help="For paying early: 2/10 is 2 % within 10 days of its date."
)
_text = click.option("--text", "note", default=None, metavar="TEXT", help="A note on it.")
_number = options.reference("number", "bill", metavar="NUMBER")
_IN_FILE = ("lines", "ref", "currency", "text", "discount")


@click.group(help=__doc__)
def bill() -> None: ...


for command in (*bill_reading.COMMANDS, *bill_settling.COMMANDS):
    bill.add_command(command)


@bill.command()
@options.reference("vendor", "vendor", metavar="VENDOR")
@click.option("--ref", default=None, metavar="NUMBER", help="The number that the vendor gave it.")
@_line
@options.tags
@options.from_file
@click.option("--currency", default="", metavar="CODE", help="ISO 4217; the vendor's, if not said.")
@options.on
@options.due
@_discount
@options.booked
@_text
@options.reason_if_any
@options.writes
def add(
    ledger: Ledger, vendor: str, ref: str | None, lines: tuple[str, ...], tags: tuple[str, ...],
    source: Source | None, currency: str, on: date, due: date | None, discount: str | None, booked: date | None,
    note: str | None, reason: str,
) -> None:  # fmt: skip
    """Enter a bill of VENDOR and print the number it has here.

    A line splits from the right; TAX% is a rate, or Z, E, G or O for a category without one; for reverse charge AE or
    K with the rate that we owe, such as AE19. The account is that of purchases, if none is named. A total below zero
    is a credit note that corrects no bill here. Dimensions may follow a line. --from takes JSON: {"ref": "", "lines":
    [{"description": "Paper", "quantity": 2, "price": "15.50", "tax": 19, "account": "6400", "dimensions": []}]}.

    A discount is deducted by itself when what we pay in time falls short by no more than it; its input tax is adjusted.
    A batch of payments deducts it where it is in time.

    A number that differs from another of the vendor's only in case, spaces, punctuation or leading zeros is refused,
    unless a reason says that it is another paper.

    \b
    Example: bo bill add V-1 --ref 4711 --on 2026-01-20 --line "Paper;10;4.50;19;6400" --due 2026-02-20
             bo bill add V-1 --ref 4712 --line "Rent;1;900;0;6200;cost-centre=NORTH" --line "Rent;1;300;0;6200"
    """
    from aggregates.bill_lines import bill_line
    from aggregates.relief import offered
    from bo import invoice_input, purchasing
    from projections import directory
    from projections.core import open_views

    said = invoice_input.read(source, *_IN_FILE)
    views = open_views(ledger)
    bought = invoice_input.bill_lines(source, said, [bill_line(each) for each in lines])
    bought = invoice_input.bearing(views, bought, tags)
    theirs = said.get("ref", "") if ref is None else ref
    currency, note = (currency or said.get("currency", "")).upper(), said.get("text", "") if note is None else note
    if not theirs:
        raise click.UsageError("--ref is missing: the number that the vendor gave the bill")
    to, base = purchasing.vendor(ledger, vendor), directory.setting(views, "currency")
    offer = said.get("discount", "") if discount is None else discount
    less = offered(offer, on) if offer else None
    record(
        ledger,
        lambda tx: purchasing.add(ledger, tx, to, theirs, on, bought, currency, base, due, booked, note, reason, less),
    )


@bill.command()
@_number
@click.option("--ref", default=None, metavar="NUMBER", help="The number that the vendor gave it.")
@_line
@options.tags
@options.from_file
@options.due
@_discount
@_text
@options.reason_if_any
@options.writes
def edit(
    ledger: Ledger, number: str, ref: str | None, lines: tuple[str, ...], tags: tuple[str, ...],
    source: Source | None, due: date | None, discount: str | None, note: str | None, reason: str,
) -> None:  # fmt: skip
    """Change the bill NUMBER while nothing of it is paid or credited; what is not given stays.

    Its approval ends with the change. An empty discount takes that away. Vendor, dates and currency stay as they are:
    void it and enter it anew.

    \b
    Example: bo bill edit BILL-2026-0001 --line "Paper;12;4.50;19;6400"
    """
    from aggregates.bill_lines import bill_line
    from bo import invoice_input, purchasing
    from projections.core import open_views

    said = invoice_input.read(source, "lines", "ref", "text", "discount")
    bought = invoice_input.bill_lines(source, said, [bill_line(each) for each in lines])
    bought = invoice_input.bearing(open_views(ledger), bought, tags)
    given = {
        "ref": said.get("ref") if ref is None else ref, "lines": tuple(bought) or None, "due": due,
        "text": said.get("text") if note is None else note,
        "discount": said.get("discount") if discount is None else discount,
    }  # fmt: skip
    changes = {name: value for name, value in given.items() if value is not None}
    key = purchasing.bill(ledger, number)
    record(ledger, lambda tx: purchasing.edit(ledger, tx, key, changes, reason))


@bill.command()
@_number
@click.option("--seen", default="", metavar="DIGEST", help="What `bo bill show` printed: refused if it changed since.")
@options.writes
def approve(ledger: Ledger, number: str, seen: str) -> None:
    """Approve the bill NUMBER, which another person entered: it may be paid.

    The approval holds for what the bill says now, or said when its DIGEST was shown, and ends with any change.

    \b
    Example: bo bill approve BILL-2026-0001 --seen 3f2a9c1d
    """
    from bo import purchasing

    key = purchasing.bill(ledger, number)
    digest = seen or purchasing.digest(ledger, key)
    record(ledger, lambda tx: purchasing.approve(tx, key, digest))


@bill.command()
@_number
@options.on
@options.reason
@options.writes
def void(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """Void the bill NUMBER, which should not have been entered. The number stays occupied.

    \b
    Example: bo bill void BILL-2026-0003 --reason "entered twice"
    """
    from bo import purchasing

    key = purchasing.bill(ledger, number)
    record(ledger, lambda tx: purchasing.void(ledger, tx, key, on, reason))


@bill.command()
@_number
@options.on
@options.reason
@options.writes
def dispute(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """Note that we contest the bill NUMBER: no batch of payments takes it in.

    \b
    Example: bo bill dispute BILL-2026-0001 --reason "two reams were missing"
    """
    from bo import purchasing

    key = purchasing.bill(ledger, number)
    record(ledger, lambda tx: purchasing.dispute(tx, key, on, reason))


@bill.command()
@_number
@options.on
@options.reason
@options.writes
def undispute(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """End the dispute of the bill NUMBER: it may be paid.

    \b
    Example: bo bill undispute BILL-2026-0001 --reason "they came"
    """
    from bo import purchasing

    key = purchasing.bill(ledger, number)
    record(ledger, lambda tx: purchasing.resolve(tx, key, on, reason))


@bill.command("import")
@click.argument("file", metavar="FILE")
@options.mapped
@options.save_map
@options.link("--bank", kinds=("bank",), default="", metavar="ACCOUNT", help="What paid them, where a day is given.")
@click.option("--add-vendors", is_flag=True, help="Add the vendors that are not here yet.")
@options.accept_valid
@options.dry_run
@options.ledger
def import_(
    ledger: Ledger, file: str, map_name: str | None, save_as: str, bank: str, add_vendors: bool, accept_valid: bool
) -> None:
    """Enter the bills of a file, and where it says when they were paid, the payments.

    A row is a line; rows of one vendor and number that follow one another are one bill. Fields: vendor, ref, on, due,
    booked, paid, payment, paid_amount, discount_terms, currency, terms, total, text; description, tax, and amount or
    quantity and price; account; dimensions; name and address of new vendors. Everything is checked before anything is
    recorded. The same file again changes nothing.

    discount_terms are PERCENT/DAYS for paying early, such as 2/10. What falls short of the total in paid_amount is then
    discounted, if it was paid in time, and else stays owing.

    \b
    Example: bo bill import spending.csv --map spending.json --add-vendors
    """
    from bo.bill_import import BillImport

    tell(BillImport(ledger, file, map_name, bank, add_vendors).run(accept_valid, save_as))
