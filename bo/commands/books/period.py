"""Close periods of the books with a sealed package, open them again by two persons, carry a year over."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from bo import options
from bo.telling import tell

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from bo.checks import Open
    from bo.closing import Reopening
    from bo.dates import Period
    from bo.verifying import Found, Verified
    from projections.periods import Period as Listed
    from store.ledger import Ledger

AREAS = ("sales", "purchases", "tax", "stock", "payroll")
_FOUND = "bo.period.found"
_period = click.argument("period", type=options.PERIOD, metavar="PERIOD")


def _alarmed(command: Callable[..., Any]) -> Callable[..., Any]:
    """After the listing, the alarm that its rows raise."""

    @wraps(command)
    def ended(*args: Any, **given: Any) -> None:
        from bo import verifying

        command(*args, **given)
        found: list[Found] = click.get_current_context().meta.get(_FOUND, [])
        verifying.alarm(found)

    return ended


@click.group(help=__doc__)
def period() -> None: ...


@period.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, as_of: date | None, known_at: int | date | None) -> list[Listed]:
    """List fiscal years and their months with their state, what is locked, and what each close sealed.

    \b
    Example: bo period list
             bo period list --known-at 2026-03-31 --columns period,state
    """
    from bo.clock import today
    from projections import periods
    from projections.core import open_views

    return periods.listed(open_views(ledger, known_at, only=("Books", "Periods", "Directory")), today(), as_of)


@period.command()
@_period
@click.option("--soft", is_flag=True, help="From now on it takes adjusting and closing entries alone.")
@click.option("--accept", multiple=True, metavar="NAME", help="Close although this check finds something open.")
@options.reason_if_any
@options.writes
def close(ledger: Ledger, period: Period, soft: bool, accept: tuple[str, ...]) -> None:
    """Close everything through the end of PERIOD and seal its figures: nothing is recorded for these days any more.

    What the checklist finds is refused; what can be left open is accepted by the name of its check, for a reason.
    A period that was reopened is closed the same way, with a package that names the one before.

    \b
    Example: bo period close 2026-03 --soft
             bo period close 2026-03 --accept drafts --reason "waits for the customer"
    """
    from bo import checks, closing

    unknown = next((name for name in accept if name not in checks.acceptable()), None)
    if unknown is not None:
        raise click.UsageError(f"there is no check {unknown}: there are {', '.join(checks.acceptable())}")
    if soft and accept:
        raise click.UsageError("--soft asks for no checklist: --accept goes without it")
    tell(ledger.commit(lambda tx: closing.close(ledger, tx, period, soft, accept, ledger.reason)))


@period.command()
@_period
@options.rows
@options.ledger
def checklist(ledger: Ledger, period: Period) -> list[Open]:
    """List what is still open, and would have to be mended or accepted to close PERIOD and what is open before it.

    \b
    Example: bo period checklist 2026-03
    """
    from bo import checks, closing
    from bo.clock import today
    from bo.paying import approvers_of
    from projections.core import open_views

    views, several = open_views(ledger), len(approvers_of(ledger.people, ledger.clock())) > 1
    first = min(period.first, closing.unsealed(views, period, period.last))
    return checks.open_items(views, checks.Asked(first, period.last, today(), several))


@period.command()
@_period
@options.output
@options.force
@options.ledger
def seal(ledger: Ledger, period: Period, output: str | None, force: bool) -> None:
    """Give out the sealed package of PERIOD: canonical JSON whose SHA-256 stands in the log.

    Amounts in it are minor units: 11900 is 119.00 EUR. docs/close-package.md tells how to verify one without bo.

    \b
    Example: bo period seal 2026-03 -o close-2026-03.json
             bo period seal 2026-03 | sha256sum
    """
    from bo import closing, files
    from projections.core import open_views

    files.hand_over(output, [closing.sealed(ledger, open_views(ledger), period)], force=force)


@period.command()
@click.argument("period", type=options.PERIOD, metavar="[PERIOD]", required=False)
@click.option("--full", is_flag=True, help="Fold the whole log again, as building the views again does.")
@_alarmed
@options.rows
@options.ledger
def verify(ledger: Ledger, period: Period | None, full: bool) -> list[Verified]:
    """Add up the postings of closed periods again, and compare every figure with what was sealed (exit 20).

    What was reopened may differ until it is closed again, and raises no alarm.

    \b
    Example: bo period verify
             bo period verify 2026-03 --full
    """
    from datetime import date

    from bo import verifying
    from projections.core import open_views

    views = open_views(ledger, date.max, only=("Books", "Periods")) if full else open_views(ledger)
    found = verifying.verified(ledger, views, period)
    click.get_current_context().meta[_FOUND] = found
    return [each.row for each in found]


@period.command()
@_period
@click.option("--until", type=options.LAST_DAY, metavar="DAY", help="It is closed again after this day.")
@click.option("--seen", default="", metavar="DIGEST", help="What `bo period reopening` printed: refused if it changed.")
@options.reason_if_any
@options.writes
def reopen(ledger: Ledger, period: Period, until: date | None, seen: str) -> None:
    """Propose to open PERIOD again for a while, or agree to what another person proposed.

    All that is recorded for its days meanwhile is marked in the audit trail. Close it again when it is done.

    \b
    Example: bo period reopen 2026-03 --until 2026-04-30 --reason "a late statement"
             bo --device bob period reopen 2026-03 --seen 3f2a9c1d
    """
    from bo import closing

    tell(ledger.commit(lambda tx: closing.reopen(ledger, tx, period, until, ledger.reason, seen)))


@period.command()
@options.shown
@options.ledger
def reopening(ledger: Ledger) -> Reopening:
    """Show what is open again, or proposed to be, with its reason and the digest that an agreement is bound to.

    \b
    Example: bo period reopening
    """
    from bo import closing
    from projections.core import open_views

    return closing.reopening(ledger, open_views(ledger, only=("Directory",)))


@period.command()
@_period
@options.writes
def archive(ledger: Ledger, period: Period) -> None:
    """Archive everything through the end of PERIOD: it is never opened again.

    \b
    Example: bo period archive 2025
    """
    from bo import closing

    tell(ledger.commit(lambda tx: closing.archive(tx, period)))


@period.command()
@click.argument("area", type=click.Choice(AREAS))
@_period
@options.writes
def lock(ledger: Ledger, area: str, period: Period) -> None:
    """Lock one AREA through the end of PERIOD, before the rest of the books is closed.

    A lock on tax stops returns and whatever bears a tax: invoices, bills, and entries that name one.

    \b
    Example: bo period lock sales 2026-03
    """
    from bo import closing

    tell(ledger.commit(lambda tx: closing.lock(tx, area, period)))


@period.command("year-start")
@click.argument("month", type=click.IntRange(1, 12))
@options.writes
def year_start(ledger: Ledger, month: int) -> None:
    """Say in which MONTH the fiscal year begins, before anything is closed. It is January until then.

    \b
    Example: bo period year-start 4
    """
    from bo import years

    tell(ledger.commit(lambda tx: years.begin(tx, month)))


@period.command("year-end")
@click.argument("year", type=options.YEAR)
@options.writes
def year_end(ledger: Ledger, year: int) -> None:
    """Carry what income and expense of the fiscal YEAR leave to retained earnings, and print the entries' numbers.

    YEAR is the one in which it begins, or its name, 2026/27. Run it after a soft close and before the close. An income
    statement shows the year as it was before. What the accounts are worth by rates, in the ledger's own currency, goes
    with their amounts. To take it back, reopen the year; run again, it posts what has changed.

    \b
    Example: bo period year-end 2026
    """
    from bo import years

    tell(ledger.commit(lambda tx: years.end(ledger, tx, year)))
