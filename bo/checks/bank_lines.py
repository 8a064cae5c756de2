"""Lines of bank statements that nobody has matched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.checks import Asked, Open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    rows = views.rows(
        "SELECT bank, on_date, currency, minor FROM bank_line WHERE match = 0 AND on_date <= ? ORDER BY on_date, place",
        asked.last,
    )
    for bank, day, currency, minor in rows:
        yield Open("bank-lines", bank, "a line of a statement that is not matched", day, currency, minor)
