"""Journal entries that wait for another person's approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.checks import Asked, Open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    rows = views.rows(
        """SELECT number, on_date, currency, SUM(max(minor, 0)) FROM journal_entry JOIN proposed_line USING (number)
            WHERE state = 'proposed' AND on_date <= ? GROUP BY number, currency ORDER BY position, currency""",
        asked.last,
    )
    for number, day, currency, amount in rows:
        yield Open("entries", number, "an entry that nobody has approved", day, currency, amount)
