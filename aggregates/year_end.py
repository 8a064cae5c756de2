"""The end of a year: what income and expenses leave goes to retained earnings, amounts and what they are worth."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import ClassVar, Self

import msgspec

from aggregates.core import FINANCE, Event, State
from aggregates.money import Money
from aggregates.posting import Posting


class Left(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account's amounts in another currency are worth in the ledger's own: debit is positive."""

    account: str
    currency: str
    worth: Money


class Carried(Event, tag="year_end.carried"):
    """What `left` says of income and expenses, when their amounts are carried over, goes to the account `retained` too.

    A closing entry is worth what its amounts are at the rate of its day, not what they were when they were posted; and
    differences of rates are worth something without an amount.
    """

    kind: ClassVar[str] = "closing"
    on: date
    retained: str
    left: tuple[Left, ...]


class YearEnd(State[Carried]):
    """A stream `year_end/2026-12-31`; once more, it records what has changed since."""

    kind: ClassVar[str] = "year_end"
    compartment: ClassVar[int] = FINANCE

    def carry(self, on: date, retained: str, left: Sequence[Left]) -> tuple[Carried, ...]:
        """No event when nothing is left."""
        found = tuple(each for each in left if each.worth)
        return (Carried(on, retained, found),) if found else ()

    def evolve(self, event: Carried) -> Self:
        return self


def closing_entries(balances: Iterable[tuple[str, Money]], retained: str) -> Iterator[tuple[Posting, ...]]:
    """One balanced entry for each currency, that leaves nothing on accounts with these balances.

    Accounts of the balance sheet carry theirs forward by themselves.
    """
    left = sorted((each for each in balances if each[1]), key=lambda each: (each[1].currency, each[0]))
    for currency, group in groupby(left, key=lambda each: each[1].currency):
        accounts = list(group)
        result = sum(amount.minor for _, amount in accounts)
        lines = [Posting(account, -amount) for account, amount in accounts]
        if result:
            lines.append(Posting(retained, Money(result, currency)))
        yield tuple(lines)
