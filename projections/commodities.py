"""Commodities beside the currencies: how many decimals the amounts of each have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.core import Projection, on

if TYPE_CHECKING:
    from aggregates.commodity import Defined
    from projections.core import Views
    from store.recorded import Recorded


class Commodities(Projection):
    version = 1
    tables = "CREATE TABLE commodity(code TEXT PRIMARY KEY, digits INTEGER, name TEXT) WITHOUT ROWID"

    @on("commodity.defined")
    def defined(self, event: Defined, recorded: Recorded, views: Views) -> None:
        """Its decimals stand beside those of the currencies, where whatever shows an amount looks."""
        views.run("INSERT OR REPLACE INTO commodity VALUES(?, ?, ?)", event.code, event.digits, event.name)
        views.run("INSERT OR REPLACE INTO currency VALUES(?, ?)", event.code, event.digits)


def digits(views: Views) -> dict[str, int]:
    return {str(code): int(count) for code, count in views.rows("SELECT code, digits FROM commodity")}
