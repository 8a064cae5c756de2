"""What the commands of the books share: the chart for verbs, and which days a report is about."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import click

from bo.clock import day_of, today
from bo.dates import Period
from projections import accounts, dimensions, directory, periods, tagged

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from aggregates.chart import Chart
    from projections.core import Views
    from projections.rates import Lacking
    from projections.tagged import Only, Row
    from store.transaction import Transaction


def fiscal_year(views: Views, day: date) -> date:
    """The first day of the fiscal year a day lies in."""
    return periods.year_of(day, periods.standing(views).year_start)


def whole_year(views: Views, day: date) -> Period:
    """The first and the last day of the fiscal year a day lies in."""
    first = fiscal_year(views, day)
    return Period(first, periods.after(first, 12) - timedelta(1))


def span(views: Views, period: Period | None, as_of: date | None) -> Period:
    """The days a report is about: the period, else the fiscal year up to a day, else up to today."""
    if period and as_of:
        raise click.UsageError("--period and --as-of both say when: give one of them")
    last = as_of or today()
    return period or Period(fiscal_year(views, last), last)


def compared(views: Views, period: Period | None) -> tuple[date, date] | None:
    """The same for a balance sheet to compare with: the fiscal year up to the end of a period."""
    return (fiscal_year(views, period.last), period.last) if period else None


def chart(views: Views) -> Chart:
    """The accounts as they are now."""
    from aggregates.chart import Chart, Definition

    rows = accounts.listed(views)
    return Chart(
        {
            row.number: Definition(row.number, row.name, row.type, row.parent, row.currency or "", row.control, row.tax)
            for row in rows
        },
        {role: row.number for row in rows for role in row.roles.split()},
        frozenset(row.number for row in rows if not row.open),
    )


def base(views: Views) -> str:
    """The ledger's own currency."""
    return directory.setting(views, "currency")


def by_dimension(
    views: Views, tags: tuple[str, ...], by: str, report: Callable[[Only | None], list[Row]]
) -> list[Row] | list[msgspec.Struct]:
    """A report on the lines that bear all of these dimensions; with `by`, once for each value of that one."""
    only = tagged.bearing(views, dimensions.require_known(views, tags))
    if not by:
        return report(only)
    return tagged.by_value(views, dimensions.require_dimension(views, by), only, report)


def stated(views: Views, in_base: bool, day: date) -> str:
    """The currency that everything is stated in, "" for each its own; what cannot be stated in it is told."""
    if not in_base:
        return ""
    from bo import errors
    from projections import rates

    own = rates.own(views)
    for each in rates.lacking(views, day):
        errors.note(unstated(each, own))
    return own


def unstated(each: Lacking, own: str) -> str:
    """What has no rate, and how it gets one."""
    count = "1 entry" if each.entries == 1 else f"{each.entries} entries"
    how = f"bo rate add {each.currency} RATE --on {each.first}"
    return f"{count} in {each.currency} from {each.first} on cannot be stated in {own}: {how}"


def number(tx: Transaction, prefix: str, on: date | None = None) -> str:
    """The next number of the year, JE-2026-0001: in the order of recording, whatever day each entry is for.

    The year is that of the day where the user is, if no other day is meant.
    """
    from aggregates.series import Series

    here = day_of(tx.now)
    year = (on or here).year
    name = f"{prefix}-{year:04}"
    last = tx.state(Series, name).on
    taken = max(here, last) if last else here
    return tx.change(Series, name, Series.take, prefix, year, taken).number


def late(tx: Transaction, area: str, on: date) -> date | None:
    """The first open day for a paper whose own period is closed; None where its date will do."""
    from aggregates.period import Periods

    day = tx.state(Periods, Periods.gate).open_day(on, area, tx.now)
    return None if day == on else day


def booked_late(on: date, booked: date | None) -> list[str]:
    """What to tell whoever entered it."""
    return [f"{on} lies in a closed period: it is booked on {booked}"] if booked else []
