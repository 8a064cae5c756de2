"""Bills that wait for their approval, where two persons can give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.checks import Asked, Open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    if not asked.several:
        return
    rows = views.rows(
        """SELECT number, posted, currency, owing FROM bill WHERE approved_by = '' AND owing > 0 AND NOT voided
            AND posted <= ? ORDER BY posted, id""",
        asked.last,
    )
    for number, day, currency, owing in rows:
        yield Open("bills", number, "a bill that is not approved", day, currency, owing)
