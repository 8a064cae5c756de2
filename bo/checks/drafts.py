"""Invoices that were drafted by the end of the period and neither issued nor discarded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.checks import Asked, Open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    rows = views.rows(
        """SELECT key, currency, total FROM invoice WHERE state = 'draft' AND id <= coalesce((SELECT MAX(position)
            FROM committed WHERE date(at / 1000, 'unixepoch') <= ?), 0) ORDER BY id""",
        asked.last,
    )
    for key, currency, total in rows:
        yield Open("drafts", key, "a draft that was not issued", None, currency, total)
