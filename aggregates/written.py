"""What every journal entry says, and whether it comes to the limit it was made under."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from aggregates.core import Event
from aggregates.money import Money
from aggregates.posting import Posting

Kind = Literal["normal", "opening", "adjusting", "closing"]

Limit = tuple[Money, ...]
"""From which amounts on an entry needs another person's approval: one a currency, by their codes; empty for never."""


class Written(Event, tag=False):
    """`reverses` is the number of the entry this one takes back; an accrual takes itself back on `reverse_on`."""

    number: str
    on: date
    text: str
    lines: tuple[Posting, ...]
    documents: tuple[str, ...] = ()
    kind: Kind = "normal"
    reverses: str = ""
    reverse_on: date | None = None
    limit: Limit = ()
    """The limit that was in force when it was made."""


def floors(limit: Limit) -> dict[str, int]:
    return {each.currency: each.minor for each in limit}


def reached(lines: Iterable[Posting], limit: Limit) -> bool:
    """Whether the debits of an entry come to a limit. Where there is one, a currency that it does not name has zero."""
    if not limit:
        return False
    least, sums = floors(limit), dict[str, int]()
    for each in lines:
        sums[each.amount.currency] = sums.get(each.amount.currency, 0) + max(each.amount.minor, 0)
    return any(minor >= least.get(currency, 0) for currency, minor in sums.items())
