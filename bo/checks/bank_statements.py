"""Statements of banks that are missing between those that were imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.checks import Asked, Open
from projections import bankgaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    for gap in bankgaps.gaps(views, as_of=asked.last):
        if gap.on >= asked.first:
            yield Open("bank-statements", gap.statement, gap.problem, gap.on)
