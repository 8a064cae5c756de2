"""Income and expense that were not carried to retained earnings at the end of a year."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bo.checks import Asked, Open
from projections.accounts import known
from projections.balances import moved
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
    accounts = known(views)
    for row in moved(views, year_of(end, start), end):
        account = accounts.get(row.account)
        if row.closing and account and account.type in ("income", "expense"):
            what = f"it has a balance: run `bo period year-end {year_of(end, start).year}`"
            yield Open("year-end", f"{account.number} {account.name}", what, end, row.currency, Minor(row.closing))
