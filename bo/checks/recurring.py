"""Occurrences of templates that were due and neither made nor skipped."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bo import recurrence
from bo.checks import Asked, Open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    for each in recurrence.listed(views, asked.last + timedelta(1)):
        if each.missed:
            due = "1 occurrence was" if each.missed == 1 else f"{each.missed} occurrences were"
            yield Open("recurring", each.ref, f"{due} due and neither made nor skipped")
