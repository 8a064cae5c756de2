"""Entries in other currencies that cannot be stated in the ledger's own, for want of a rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.checks import Asked, Open
from projections import rates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    for each in rates.lacking(views, asked.last):
        entries = "1 entry has" if each.entries == 1 else f"{each.entries} entries have"
        what = f"{entries} no rate: run `bo rate add`, or after the close it counts later"
        yield Open("rates", each.currency, what, each.first)
