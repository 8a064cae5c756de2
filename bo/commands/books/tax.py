"""Keep tax codes, and see and file tax returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.telling import record

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from aggregates.tax import Basis, Direction, Rounding
    from bo.dates import Period
    from projections.taxcodes import Code
    from projections.taxes import Behind, Box, Return
    from store.ledger import Ledger

CATEGORIES = ("S", "Z", "E", "AE", "K", "G", "O")
_basis = click.option(
    "--basis", type=click.Choice(("accrual", "cash")), help="When booked, or as it is paid; as the last one was filed."
)
_name = click.option("--name", default=None, metavar="TEXT", help="What it is for.")
_rate = click.option("--rate", type=options.DECIMAL, default=None, metavar="PERCENT", help="Its rate from --since on.")
_since = click.option("--since", type=options.FIRST_DAY, metavar="DAY", help="From this day; always, if not said.")
_base = click.option("--base-box", default=None, metavar="BOX", help="Where what is taxed goes; nowhere, if not said.")
_tax = click.option("--tax-box", default=None, metavar="BOX", help="Where the tax goes.")
_rounding = click.option(
    "--rounding",
    type=click.Choice(("none", "nearest", "down")),
    help="Boxes in whole units; as last filed.",
)
_standard = click.option("--standard", default=None, metavar="CODE", help="The tax administration's own, for SAF-T.")
_owed = click.option("--owed-box", default=None, metavar="BOX", help="Reverse charge: where the tax we owe goes.")


@click.group(help=__doc__)
def tax() -> None: ...


@tax.group()
def codes() -> None:
    """Keep tax codes: which box of the return a tax belongs in, and its rates over time.

    A category of EN 16931 at a rate, as S19, is a code without being defined: it has boxes of its own.
    """


@codes.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, as_of: date | None, known_at: int | date | None) -> list[Code]:
    """List the codes with the rate that is in force, and those that follow from what was posted.

    \b
    Example: bo tax codes list --as-of 2026-07-01
    """
    from bo.clock import today
    from projections import taxcodes
    from projections.core import open_views

    return taxcodes.listed(open_views(ledger, known_at, only=("Books", "Taxes")), as_of or today())


@codes.command()
@click.argument("code")
@click.option("--direction", type=click.Choice(("output", "input")), required=True, help="Of what we sell, or buy.")
@click.option("--category", type=click.Choice(CATEGORIES), default="S", show_default=True, help="Of EN 16931.")
@_name
@_rate
@_since
@_base
@_tax
@_owed
@_standard
@options.writes
def add(
    ledger: Ledger, code: str, direction: Direction, category: str, name: str | None, rate: Decimal | None,
    since: date | None, base_box: str | None, tax_box: str | None, owed_box: str | None, standard: str | None,
) -> None:  # fmt: skip
    """Add a tax code: what is posted in its category at one of its rates goes to its boxes.

    \b
    Example: bo tax codes add STANDARD --direction output --rate 19 --base-box 81 --tax-box "81 tax"
             bo tax codes add EU-IN --direction input --category AE --rate 19 --tax-box 67 --owed-box 47
    """
    from datetime import date as day
    from decimal import Decimal

    from aggregates.tax import Rate
    from bo import taxing

    first = Rate(since or day.min, Decimal(0) if rate is None else rate)
    boxes = base_box or "", tax_box or "", owed_box or ""
    ledger.commit(lambda tx: taxing.add(tx, code, name or code, direction, category, first, boxes, standard or ""))
    click.echo(code)


@codes.command("set")
@click.argument("code")
@_name
@_rate
@_since
@_base
@_tax
@_owed
@_standard
@options.reason_if_any
@options.writes
def set_(
    ledger: Ledger, code: str, name: str | None, rate: Decimal | None, since: date | None, base_box: str | None,
    tax_box: str | None, owed_box: str | None, standard: str | None,
) -> None:  # fmt: skip
    """Change a tax code; what is not given stays. A new rate is in force from a day on.

    \b
    Example: bo tax codes set STANDARD --rate 16 --since 2026-07-01
    """
    from bo import errors, taxing

    boxes = base_box, tax_box, owed_box
    changed = ledger.commit(lambda tx: taxing.change(tx, code, rate, since, name, boxes, standard))
    click.echo(code)
    if not changed:
        errors.note(f"{code} says so already: nothing changes")


@tax.command("return")
@click.option(
    "--period",
    type=options.PERIOD,
    required=True,
    metavar="PERIOD",
    help="2026-Q1, 2026-03, 2026, 2026/27 or 2026-01..2026-02.",
)
@click.option("--box", default="", metavar="BOX", help="What stands behind this box, posting by posting.")
@_basis
@_rounding
@options.rows
@options.ledger
def return_(
    ledger: Ledger, period: Period, box: str, basis: str | None, rounding: str | None, known_at: int | date | None
) -> list[Box] | list[Behind]:
    """What each box of the return comes to, in the ledger's currency; of one that was filed, as it was filed.

    What came after a return was filed belongs to the next one: `--box` shows which return it corrects, and what a
    credit note, an edit or a reversal changes. On cash basis a document is taxed part by part as it is paid, and under
    reverse charge when it is booked. `--rounding` gives boxes to the nearest whole unit, or without the decimals; what
    stands behind them is to the cent.

    \b
    Example: bo tax return --period 2026-Q1
             bo tax return --period 2026-Q1 --basis cash --box "S19 output"
    """
    from bo import books, errors
    from bo.taxing import told
    from projections import taxes
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Taxes", "Invoices", "Bills", "Journals"))
    own = books.stated(views, True, period.last)
    about = taxes.seen(views, *period, basis or "", rounding or "")
    if box:
        return taxes.drilled(views, about, box)
    found = taxes.boxes(views, about)
    errors.note(told(found, own))
    return found


@tax.command()
@click.option(
    "--period",
    type=options.PERIOD,
    required=True,
    metavar="PERIOD",
    help="2026-Q1, 2026-03, 2026, 2026/27 or 2026-01..2026-02.",
)
@_basis
@_rounding
@click.option(
    "--booked", type=options.DAY, metavar="DAY", help="When it is posted; the period's last day, or the next open one."
)
@options.reason_if_any
@options.writes
def file(ledger: Ledger, period: Period, basis: Basis | None, rounding: Rounding | None, booked: date | None) -> None:
    """Keep the return of a period as it was filed, and post it. Its figures stay; what comes later goes into the next.

    The taxes in its boxes leave their accounts for the one with the role @tax-settlement, and what rounding adds or
    takes goes to @rounding. What is in other currencies is cleared at its worth, in the ledger's own. The payment is
    an entry on the settlement account, or a line of the bank matched to it. Returns follow on each other without a
    gap; the last one can be taken back: `bo tax withdraw`.

    \b
    Example: bo tax file --period 2026-Q1
             bo bank confirm L-7K3FQ account/2300
    """
    from bo import taxing

    record(ledger, lambda tx: taxing.file(ledger, tx, period, basis, rounding, booked))


@tax.command()
@options.reference("number", "taxreturn", metavar="NUMBER")
@options.on
@options.reason
@options.writes
def withdraw(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """Take back the last return, NUMBER, and what it posted, to file a corrected one for the same period.

    What was paid already stays on the settlement account, so that only the difference is left to pay. A return that
    others follow stays as it is: what came late for it belongs to the next one.

    \b
    Example: bo tax withdraw TAX-2026-03-31 --reason "a bill was missing"
    """
    from bo import taxing
    from projections.core import open_views
    from projections.references import resolve

    ref = resolve(open_views(ledger), number, "taxreturn").ref
    record(ledger, lambda tx: taxing.withdraw(tx, ref, on, reason))


@tax.command()
@options.rows
@options.ledger
def returns(ledger: Ledger, known_at: int | date | None, limit: int | None) -> list[Return]:
    """List the returns that were filed, the newest first, and those that were taken back.

    \b
    Example: bo tax returns
    """
    from projections import taxes
    from projections.core import open_views

    return taxes.returns(open_views(ledger, known_at, only=("Books", "Taxes")), limit)
