"""Fixed assets whose loss was not recorded for every month that has passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.checks import Asked, Open
from projections import assets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    """An asset loses something in the month it was acquired, and in each that follows."""
    until = asked.last.year * 12 + asked.last.month
    for each in assets.listed(views, asked.last):
        passed = min(until - each.on.year * 12 - each.on.month + 1, each.life)
        missing = passed - len(assets.losses(views, each.ref))
        if missing > 0 and each.disposed is None:
            months = "1 month" if missing == 1 else f"{missing} months"
            yield Open("depreciation", each.ref, f"{months} not depreciated: run `bo asset depreciate`")
