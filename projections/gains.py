"""What accounts gain and lose in the ledger's own currency though no amount moves: differences of rates."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aggregates.revaluation import Made
    from aggregates.year_end import Carried
    from projections.core import Views
    from store.recorded import Recorded

TABLES = """
    CREATE TABLE month_worth(month TEXT, account TEXT, currency TEXT, debit INTEGER, credit INTEGER,
        PRIMARY KEY(month, account, currency)) WITHOUT ROWID;
    CREATE TABLE day_worth(day TEXT, account TEXT, currency TEXT, debit INTEGER, credit INTEGER,
        PRIMARY KEY(day, account, currency)) WITHOUT ROWID;
    CREATE TABLE difference(id INTEGER PRIMARY KEY, position INTEGER, on_date TEXT, kind TEXT, source TEXT,
        account TEXT, party TEXT, currency TEXT, base INTEGER);
    CREATE INDEX difference_day ON difference(on_date);
    CREATE INDEX difference_source ON difference(source);
"""
"""A difference changes what an account is worth, and no amount. Turnovers are of postings and differences together."""

REALISED, UNREALISED = ("fx-gain", "fx-loss"), ("fx-unrealised-gain", "fx-unrealised-loss")


class Place(NamedTuple):
    """Where and when a difference arises."""

    position: int
    day: str
    source: str


Changes = dict[tuple[str, str], int]
"""By account and party: how much more they are worth."""


class Gains:
    """Kept up by the books while the log is folded."""

    def __init__(self, role: Callable[[str, Views], str]) -> None:
        self._role = role

    def handlers(self) -> list[tuple[str, Callable[[Any, Recorded, Views], None]]]:
        return [("revaluation.made", self.revalued), ("year_end.carried", self.carried)]

    def change(
        self, place: Place, kind: str, currency: str, changes: Mapping[tuple[str, str], int], views: Views
    ) -> None:
        """Accounts are worth so much more; together it comes to nothing."""
        for (account, party), value in changes.items():
            if value:
                views.add("difference", None, place.position, place.day, kind, place.source, account, party, currency,
                          value)  # fmt: skip
                tally(place.day, account, currency, value, views)

    def gain(
        self, place: Place, kind: str, currency: str, changes: Changes, roles: tuple[str, str], views: Views,
        back: bool = False,
    ) -> None:  # fmt: skip
        """Accounts are worth so much more, against gain or loss; `back` takes an earlier one back."""
        total = sum(changes.values())
        result = self._role(roles[0] if (total > 0) != back else roles[1], views)
        self.change(place, kind, currency, changes, views)
        self.change(place, kind, currency, {(result, ""): -total}, views)

    def revalued(self, event: Made, recorded: Recorded, views: Views) -> None:
        for (currency, final), found in groupby(event.differences, key=lambda each: (each.currency, each.final)):
            changes = {(each.account, each.party): each.amount.minor for each in found}
            kind, roles = ("held", REALISED) if final else ("unrealised", UNREALISED)
            place = Place(recorded.position, event.on.isoformat(), recorded.stream)
            self.gain(place, kind, currency, changes, roles, views)
            if not final:
                opposite = {at: -value for at, value in changes.items()}
                later = place._replace(day=event.reverse_on.isoformat())
                self.gain(later, "reversal", currency, opposite, roles, views, back=True)

    def carried(self, event: Carried, recorded: Recorded, views: Views) -> None:
        place = Place(recorded.position, event.on.isoformat(), recorded.stream)
        for currency, found in groupby(event.left, key=lambda each: each.currency):
            changes = {(each.account, ""): -each.worth.minor for each in found}
            changes[event.retained, ""] = -sum(changes.values())
            self.change(place, "year-end", currency, changes, views)

    def erased(self, stream: str, views: Views) -> None:
        """What an erased stream made a difference to is worth again what it was without."""
        rows = views.rows("SELECT on_date, account, currency, base FROM difference WHERE source = ?", stream)
        for day, account, currency, base in list(rows):
            tally(day, account, currency, base, views, -1)
        views.run("DELETE FROM difference WHERE source = ?", stream)


def tally(day: str, account: str, currency: str, value: int, views: Views, sign: int = 1) -> None:
    """Turn over so much on a day; with a sign of -1, no longer."""
    debit, credit = (sign * value, 0) if value > 0 else (0, -sign * value)
    views.tally("month_worth(month, account, currency, debit, credit)", (day[:7], account, currency), debit, credit)
    views.tally("day_worth(day, account, currency, debit, credit)", (day, account, currency), debit, credit)
