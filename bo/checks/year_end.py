"""Income and expense that were not carried to retained earnings at the end of a year."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bo.checks import Asked, Open
from projections import rates
from projections.accounts import known
from projections.balances import moved, worths
from projections.core import Minor
from projections.periods import standing, year_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    """Of the last year that ends with the days asked for."""
    start = standing(views).year_start
    next_year = year_of(asked.last + timedelta(1), start)
    end = next_year - timedelta(1)
    if end < asked.first:
        return
    earned = {number: each.name for number, each in known(views).items() if each.type in ("income", "expense")}
    mend, found = f"run `bo period year-end {year_of(end, start).year}`", False
    for row in moved(views, year_of(end, start), end):
        if row.closing and row.account in earned:
            found, name = True, f"{row.account} {earned[row.account]}"
            yield Open("year-end", name, f"it has a balance: {mend}", end, row.currency, Minor(row.closing))
    if found:
        return
    lacking = {each.currency for each in rates.lacking(views, end)}
    for each in worths(views, end):
        if each.account in earned and each.currency not in lacking:
            name, what = f"{each.account} {earned[each.account]}", f"it is still worth that in {each.currency}: {mend}"
            yield Open("year-end", name, what, end, rates.own(views), Minor(each.base))
