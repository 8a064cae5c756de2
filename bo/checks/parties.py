"""Open items that are not what the books say of a party, entries by hand included."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bo.checks import Asked, Open
from projections.closes import ties

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    books = Counter[tuple[str, str]]()
    for party, currency, minor in views.rows(
        "SELECT party, currency, SUM(minor) FROM posting WHERE party != '' AND on_date <= ? GROUP BY 1, 2", asked.last
    ):
        books[party, currency] = minor
    tied = ties(views, asked.last)
    for key in sorted(books.keys() | tied.keys()):
        off = books[key] - (sum(tied[key]) if key in tied else 0)
        if off:
            yield Open("parties", key[0], "the books say more than its open items", None, key[1], off)  # type: ignore[arg-type]  # minor units
