"""Let invoices, bills and journal entries recur, and make those that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options, params
from bo.telling import tell

if TYPE_CHECKING:
    from datetime import date

    from aggregates.recurring import Interval
    from bo.recurrence import Listed, Shown
    from projections.trail import Entry
    from store.ledger import Ledger


class Every(params.Parsed):
    name = "interval"

    def parse(self, text: str) -> Interval:
        from bo.recurrence import interval

        return interval(text)


_ref = options.reference("ref", "recurring", metavar="REF")


@click.group(help=__doc__)
def recurring() -> None: ...


@recurring.command()
@click.argument("ref")
@options.link("--invoice", kinds=("customer",), metavar="CUSTOMER", help="An invoice to this customer.")
@options.link("--bill", kinds=("vendor",), metavar="VENDOR", help="A bill of this vendor.")
@click.option("--journal", is_flag=True, help="A journal entry.")
@click.option("--draft", is_flag=True, help="With --invoice: leave it a draft, for somebody to issue.")
@click.option("--every", type=Every(), required=True, metavar="INTERVAL", help="month, quarter, year, “2 weeks” …")
@click.option(
    "--start", type=options.DAY, required=True, metavar="DAY", help="The first one; the others count from it."
)
@options.until
@click.option("--line", "lines", multiple=True, metavar="LINE", help="As `add` or `draft` takes it.")
@options.link("--template", kinds=("journal-template",), metavar="NAME", help="With --journal: the lines it has now.")
@click.option("--var", "variables", multiple=True, metavar="NAME=AMOUNT", help="An amount that the template takes.")
@click.option("--text", default="", metavar="TEXT", help="Of an entry or bill; the reference on an invoice.")
@click.option("--currency", default="", metavar="CODE", help="ISO 4217; that of the customer or vendor, if not said.")
@click.option(
    "--discount", default="", metavar="PERCENT/DAYS", help="For paying early: 2/10 is 2 % within 10 days of its date."
)
@options.writes
def add(
    ledger: Ledger, ref: str, invoice: str | None, bill: str | None, journal: bool, draft: bool, every: Interval,
    start: date, until: date | None, lines: tuple[str, ...], template: str | None, variables: tuple[str, ...],
    text: str, currency: str, discount: str,
) -> None:  # fmt: skip
    """Keep a template under REF: an invoice, a bill or a journal entry that recurs.

    From 31 January on, every month means 28 February and 31 March. In texts, {month} becomes 2026-03 and {date}
    2026-03-31. Nothing is made before `bo recurring run`.

    \b
    Example: bo recurring add RENT --journal --every month --start 2026-01-31 --text "Rent {month}"
                 --line "6200;900;" --line "1200;;900"
             bo recurring add WAGES --journal --every month --start 2026-01-31 --template WAGES --var net=1900
             bo recurring add CARE --invoice C-1 --every quarter --start 2026-03-31 --line "Support;1;300;19"
             bo recurring add LINE --bill V-1 --every month --start 2026-01-05 --line "Fibre;1;40;19" --discount 2/10
    """
    from aggregates.bill_lines import bill_line
    from aggregates.lines import line
    from aggregates.relief import terms
    from bo import invoicing, journaling, purchasing, templating
    from bo import recurrence as work

    if (invoice is not None) + (bill is not None) + journal != 1:
        raise click.UsageError("say what recurs: --invoice CUSTOMER, --bill VENDOR or --journal, one of them")
    if template is not None and not journal:
        raise click.UsageError("--template goes with --journal")
    if variables and template is None:
        raise click.UsageError("--var goes with --template")
    if (template is None) != bool(lines):
        raise click.UsageError("the lines stand in the template, or in --line" if lines else "--line is missing")
    if draft and invoice is None:
        raise click.UsageError("--draft goes with --invoice")
    if discount and (journal or draft):
        how = "`bo invoice issue` says it of a draft" if draft else "nobody pays a journal entry"
        raise click.UsageError(f"--discount goes with bills and invoices that are issued: {how}")
    if journal and currency:
        raise click.UsageError("the lines of a journal entry name their currencies: --currency goes with the others")
    when, less = (every, start, until, text), terms(discount) if discount else None
    if invoice is not None:
        customer = invoicing.customer(ledger, invoice)
        sold = [line(each) for each in lines]
        wanted = work.Wanted("draft" if draft else "invoice", *when, customer, currency.upper(), sold, less)
    elif bill is not None:
        vendor = purchasing.vendor(ledger, bill)
        bought = [bill_line(each) for each in lines]
        wanted = work.Wanted("bill", *when, vendor, currency.upper(), bought, less)
    elif template is not None:
        given = templating.given(variables, None)
        wanted = work.Wanted("entry", *when, template=templating.template(ledger, template), given=given)
    else:
        wanted = work.Wanted("entry", *when, written=[journaling.line(each) for each in lines])
    tell(ledger.commit(lambda tx: work.add(ledger, tx, ref, wanted)))


@recurring.command()
@options.reference("refs", "recurring", metavar="[REF]…", nargs=-1)
@click.option("--until", type=options.LAST_DAY, default="today", metavar="DAY", help="The day it is run for; today.")
@click.option("--catch-up", is_flag=True, help="Make also what was missed before, each for its own day.")
@options.dry_run
@options.ledger
def run(ledger: Ledger, refs: tuple[str, ...], until: date, catch_up: bool) -> None:
    """Make what is due today, and print its numbers; list what was missed before.

    Of all templates, or of those named. Run it from cron every day: however often and by however many it is run, each
    occurrence is made once. Where a rule refuses some, the others are made, and it ends with 8.

    \b
    Example: bo recurring run
             bo recurring run RENT --catch-up
    """
    from aggregates.core import require
    from bo import recurrence as work
    from bo.clock import today

    require(until <= today(), f"{until} is yet to come: what recurs is made on its day")
    for said in work.run(ledger, [work.template(ledger, each) for each in refs], until, catch_up):
        tell(said)


@recurring.command()
@_ref
@click.argument("occurrence", type=click.IntRange(1))
@options.reason
@options.writes
def skip(ledger: Ledger, ref: str, occurrence: int, reason: str) -> None:
    """Settle that one OCCURRENCE of a template shall not be made.

    \b
    Example: bo recurring skip RENT 3 --reason "waived for March"
    """
    from aggregates.recurring import Recurring
    from bo import recurrence as work

    key = work.template(ledger, ref)
    skipped = ledger.commit(lambda tx: tx.change(Recurring, key, Recurring.skip, occurrence, reason))
    tell([key, f"occurrence {occurrence} of {skipped.on} will not be made"])


@recurring.command()
@_ref
@click.option("--on", type=options.DAY, default="today", metavar="DAY", help="The last day on which it recurs.")
@options.reason
@options.writes
def end(ledger: Ledger, ref: str, on: date, reason: str) -> None:
    """Let a template recur no more after a day.

    \b
    Example: bo recurring end RENT --on 2026-12-31 --reason "we move out"
    """
    from aggregates.recurring import Recurring
    from bo import recurrence as work

    key = work.template(ledger, ref)
    ledger.commit(lambda tx: tx.change(Recurring, key, Recurring.end, on, reason))
    tell([key, f"{on} is its last day"])


@recurring.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, as_of: date | None, known_at: int | date | None) -> list[Listed]:
    """List templates: when each is due next, and how many occurrences were missed.

    \b
    Example: bo recurring list --as-of 2026-03-31
    """
    from bo import recurrence
    from bo.clock import today
    from projections.core import open_views

    return recurrence.listed(open_views(ledger, known_at, only=("Recurrences",)), as_of or today())


@recurring.command()
@_ref
@options.shown
@options.ledger
def show(ledger: Ledger, ref: str, as_of: date | None, known_at: int | date | None) -> Shown:
    """Show a template, its lines, and what became of each occurrence.

    \b
    Example: bo recurring show RENT
    """
    from bo import recurrence
    from bo.clock import today
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Recurrences", "References"))
    return recurrence.shown(views, as_of or today(), resolve(views, ref, "recurring").ref)


@recurring.command()
@_ref
@options.rows
@options.ledger
def history(ledger: Ledger, ref: str, known_at: int | date | None) -> list[Entry]:
    """Tell all that was recorded of a template: when, by whom, what, and why.

    \b
    Example: bo recurring history RENT
    """
    from projections import trail
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Trail", "Directory", "References"))
    return trail.entries(views, resolve(views, ref, "recurring").stream)[0]
