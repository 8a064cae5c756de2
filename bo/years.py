"""What the commands of fiscal years do inside a commit: say when they begin, and carry one over."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from aggregates.core import FINANCE, Refused, require
from aggregates.entry import Entry
from aggregates.money import Money
from aggregates.period import Periods
from aggregates.rate import values_of, worth
from aggregates.year_end import Carried, Left, YearEnd, closing_entries
from bo import books, journaling
from bo.clock import today
from projections import accounts, balances, journals, periods, rates
from projections.core import open_views
from projections.quotes import pairs, rate_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aggregates.posting import Posting
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

Said = list[str]
Entries = list[tuple["Posting", ...]]


def begin(tx: Transaction, month: int) -> Said:
    tx.begin(FINANCE)
    tx.change(Periods, Periods.gate, Periods.begin_years, month, tx.person)
    return [f"{month}", "the fiscal year begins with this month"]


def end(ledger: Ledger, tx: Transaction, year: int) -> Said:
    """Post what income and expense accounts hold to retained earnings. Once more, it posts what has changed."""
    tx.begin(FINANCE)
    views = open_views(ledger)
    first = date(year, periods.standing(views).year_start, 1)
    last = periods.after(first, 12) - timedelta(1)
    require(last < today(), f"the year ends on {last}: it is not over")
    name = periods.name_of(first)
    retained = books.chart(views).number("@retained-earnings")
    earned = {number for number, each in accounts.known(views).items() if each.type in ("income", "expense")}
    for number in journals.waiting(views, "closing", on=last):
        raise Refused(f"{number} carries it over and waits: another person has to `bo journal approve {number}`")
    entries, said, waits = _entries(views, first, last, earned, retained), [], []
    for lines in entries:
        number = books.number(tx, "JE", last)
        made = tx.change(
            Entry, number, Entry.close_year, number, last, f"Result of {name}", lines, **journaling.limited(tx)
        )
        result = -lines[-1].amount if lines[-1].account == retained else None
        said.append(f"{number} carries {result or 'nothing'} to retained earnings")
        waits += journaling.waits(made)
    numbers = [each.split()[0] for each in said] or list(_closing(views, last))
    if waits:  # what they are worth follows when they are posted
        return ["\n".join(numbers), *said, *waits, "then run this again"]
    more = _carry(tx, views, last, earned, retained, entries)
    require(numbers or more, f"income and expense of {name} hold nothing: there is nothing to carry over")
    over = [] if said or more else ["carried over already: nothing is left on income and expense"]
    lacking = [f"{books.unstated(each, rates.own(views))}, then run this again" for each in rates.lacking(views, last)]
    return ["\n".join(numbers) or f"{last}", *said, *over, *more, *lacking]


def _entries(views: Views, first: date, last: date, earned: set[str], retained: str) -> Entries:
    moved = balances.moved(views, first, last)
    left = [(row.account, Money(row.closing, row.currency)) for row in moved if row.account in earned]
    return list(closing_entries(left, retained))


def _carry(
    tx: Transaction, views: Views, last: date, earned: set[str], retained: str, entries: Sequence[tuple[Posting, ...]]
) -> Said:
    """What income and expenses are worth goes with their amounts; of a year that is closed, with those of the next."""
    if tx.state(Periods, Periods.gate).refusal(Carried(last, retained, ()), tx.now):
        return []
    own = rates.own(views)
    lacking = {each.currency for each in rates.lacking(views, last)}
    left = _worths(views, last, own, entries)
    found = [
        Left(account, currency, Money(base, own))
        for (currency, account), base in sorted(left.items())
        if account in earned and currency not in lacking
    ]
    carried = tx.change(YearEnd, f"{last}", YearEnd.carry, last, retained, found)
    totals = [Money(-sum(each.worth.minor for each in event.left), own) for event in carried]
    return [f"what they are worth in {own} goes with it: {total} in differences of rates" for total in totals]


def _worths(views: Views, last: date, own: str, entries: Sequence[tuple[Posting, ...]]) -> Counter[tuple[str, str]]:
    """By currency and account: what amounts in other currencies are worth in the ledger's own after closing entries."""
    found = Counter({(each.currency, each.account): each.base for each in balances.worths(views, last)})
    for lines in entries:
        currency, minors = lines[0].amount.currency, [each.amount.minor for each in lines]
        rate = None if currency == own else rate_of(views, currency, own, f"{last}", pairs(views))
        if rate:
            values = values_of(minors, partial(worth, currency=currency, own=own, rate=rate.rate))
            for line, value in zip(lines, values, strict=True):
                found[currency, line.account] += value
    return found


def _closing(views: Views, last: date) -> Iterator[str]:
    for (number,) in views.rows("SELECT number FROM entry WHERE kind = 'closing' AND on_date = ? ORDER BY id", last):
        yield str(number)
