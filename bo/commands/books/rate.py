"""Keep exchange rates, and state what is held in other currencies at those of a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.telling import tell

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from bo.dates import Period
    from projections.rates import Difference, Rate
    from store.ledger import Ledger


@click.group(help=__doc__)
def rate() -> None: ...


@rate.command()
@click.argument("currency", metavar="CURRENCY")
@click.argument("rate", type=options.DECIMAL, metavar="RATE")
@click.option("--per", default="", metavar="CODE", help="The currency of which one unit is meant; the ledger's own.")
@options.on
@options.reason_if_any
@options.writes
def add(ledger: Ledger, currency: str, rate: Decimal, per: str, on: date) -> None:
    """From a day on, one unit of the ledger's currency is RATE units of CURRENCY.

    What has no rate yet is valued by it, if it is of that day or later; what has one keeps it. For a closed period it
    comes late: what was left without a value there counts on the first open day, as a difference of the kind `late`.

    \b
    Example: bo rate add USD 1.0842 --on 2026-03-31
             bo rate add JPY 163.5 --per USD --on 2026-03-31
    """
    from bo import rating

    code = currency.upper()
    remarks = rating.add(ledger, code, rate, per.upper(), on)
    tell([f"{code} {rate} {on}", *remarks])


@rate.command("import")
@click.argument("file", metavar="FILE|-")
@click.option("--currency", "only", multiple=True, metavar="CODE", help="Only these; all there are, if not said.")
@options.since
@options.dry_run
@options.ledger
def import_(ledger: Ledger, file: str, only: tuple[str, ...], since: date | None) -> None:
    """Import the reference rates of the European Central Bank: eurofxref-hist.csv or .zip, per euro.

    Columns: Date, then one for each currency; N/A is passed over. The file of today alone, eurofxref.csv, does as well.
    The same file again changes nothing.

    \b
    Example: bo rate import eurofxref-hist.zip --since 2025 --currency USD --currency GBP
    """
    from bo import rating

    tell(rating.import_file(ledger, file, [each.upper() for each in only], since))


@rate.command("list")
@click.argument("currency", required=False, default="", metavar="[CURRENCY]")
@options.since
@options.rows
@options.ledger
def list_(
    ledger: Ledger, currency: str, since: date | None, as_of: date | None, known_at: int | date | None,
    limit: int | None,
) -> list[Rate]:  # fmt: skip
    """List the rates, the newest first: one `base` is so many `currency`.

    \b
    Example: bo rate list USD --limit 5
    """
    from projections import rates
    from projections.core import open_views

    return rates.listed(open_views(ledger, known_at, only=("Books",)), currency.upper(), since, as_of, limit)


@rate.command()
@click.option("--account", "also", multiple=True, metavar="ACCOUNT", help="Revalue this one too, such as a loan.")
@options.on
@options.reason_if_any
@options.writes
def revalue(ledger: Ledger, also: tuple[str, ...], on: date) -> None:
    """State what is held and owed in other currencies at the rates of a day.

    Of bank and cash accounts the difference stays. What parties owe and are owed goes back the next day to what it
    was, so that nothing counts twice when it is paid. Again for the same day, it records only what has changed.

    \b
    Example: bo rate revalue --on 2026-12-31
    """
    from bo import rating

    tell(ledger.commit(lambda tx: rating.revalue(ledger, tx, on, also)))


@rate.command()
@options.period
@options.rows
@options.ledger
def differences(
    ledger: Ledger, period: Period | None, as_of: date | None, known_at: int | date | None, limit: int | None
) -> list[Difference]:
    """List what was gained and lost by rates, in the ledger's currency: why, where, and from which event.

    `settlement`: a document was paid at another rate. `conversion`: money was exchanged at another rate than the day's.
    `held`: money is worth more or less. `unrealised`: so is what is owed, taken back by its `reversal`. `late`: an
    entry of a closed period got its rate afterwards, and counts here. `year-end`: to retained earnings with the result.
    `disposal`: an asset brought just what it was worth in its own currency, but at another rate.

    \b
    Example: bo rate differences --period 2026
    """
    from bo import books
    from projections import rates
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books", "Periods"))
    return rates.differences(views, *books.span(views, period, as_of), limit)
