"""The end of a year: what income and expenses leave goes to retained earnings."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from aggregates.money import Money
from aggregates.posting import Posting


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
