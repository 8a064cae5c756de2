"""Lines of payment batches that went to the bank and were neither confirmed nor failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.checks import Asked, Open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    rows = views.rows(
        """SELECT number || ' ' || line, on_date, currency, amount FROM batch_line JOIN batch ON number = batch
            WHERE status = 'exported' AND on_date <= ? ORDER BY id, line""",
        asked.last,
    )
    for line, day, currency, amount in rows:
        yield Open("batches", line, "a line of a batch that nobody has confirmed", day, currency, amount)
