"""What stands on each account: the trial balance, from turnovers by month and day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from projections.core import Minor, Rows
from projections.tagged import bears

if TYPE_CHECKING:
    from datetime import date

    from projections.core import Views
    from projections.tagged import Only


def upto(bound: str, what: str = "turnover") -> str:
    """SQL: what every account had turned over before a day. `2026-03-31~` is after the last of March, before April.

    Whole months, then the days of the month that is not over: as many rows as there are accounts and months. `worth`
    is the same of other currencies in the ledger's own.
    """
    return f"""SELECT account, currency, debit, credit FROM month_{what} WHERE month < substr({bound}, 1, 7)
        UNION ALL SELECT account, currency, debit, credit FROM day_{what}
        WHERE day >= substr({bound}, 1, 7) AND day < {bound}"""  # noqa: S608


def in_one(bound: str) -> str:
    """SQL: the same with everything in the ledger's own currency, ?3."""
    return f"""SELECT account, currency, debit, credit FROM ({upto(bound)}) WHERE currency = ?3
        UNION ALL SELECT account, ?3, debit, credit FROM ({upto(bound, "worth")})"""  # noqa: S608


def _bearing(bound: str) -> str:
    """SQL: what lines with the dimensions in ?4 had turned over before a day."""
    return f"""SELECT account, currency, debit, credit FROM month_tagged
        WHERE month < substr({bound}, 1, 7) AND {bears("?4")}
        UNION ALL SELECT account, currency, debit, credit FROM day_tagged
        WHERE day >= substr({bound}, 1, 7) AND day < {bound} AND {bears("?4")}"""  # noqa: S608


def _bearing_in_one(bound: str) -> str:
    """SQL: the same in the ledger's own currency, ?3. What is foreign is read line by line: it is little."""
    return f"""SELECT account, currency, debit, credit FROM ({_bearing(bound)}) WHERE currency = ?3
        UNION ALL SELECT account, ?3, max(base, 0), max(-base, 0) FROM posting
        WHERE dimensions != '' AND currency != ?3 AND base IS NOT NULL AND on_date < {bound} AND {bears("?4")}"""  # noqa: S608


def _turned_over(bound: str, own: str, only: Only | None) -> str:
    """SQL: what some lines, or all, had turned over before a day."""
    whole, part = (in_one, _bearing_in_one) if own else (upto, _bearing)
    if only is None:
        return whole(bound)
    if not only.rest:
        return part(bound)
    return f"{whole(bound)} UNION ALL SELECT account, currency, -debit, -credit FROM ({part(bound)})"  # noqa: S608


def _moved(own: str, only: Only | None) -> str:
    """SQL: by account and currency before the day ?1, between, and before ?2; debit is positive."""
    before, after = _turned_over("?1", own, only), _turned_over("?2", own, only)
    return f"""SELECT account, currency, SUM(iif(late, 0, debit - credit)) AS opening,
    SUM(iif(late, debit, -debit)) AS debit, SUM(iif(late, credit, -credit)) AS credit,
    SUM(iif(late, debit - credit, 0)) AS closing
    FROM (SELECT 0 AS late, * FROM ({before}) UNION ALL SELECT 1, * FROM ({after}))
    GROUP BY account, currency"""  # noqa: S608


def _values(first: date, last: date, own: str, only: Only | None) -> tuple[object, ...]:
    return first, f"{last}~", *((own, *only.values) if only else (own,) if own else ())


class TrialBalance(msgspec.Struct):
    account: str
    name: str
    currency: str
    opening: Minor
    debit_turnover: Minor
    credit_turnover: Minor
    debit: Minor
    credit: Minor


class Compared(TrialBalance):
    """`change` is positive where more stands on the debit side than there did."""

    compared_debit: Minor
    compared_credit: Minor
    change: Minor


def trial_balance(
    views: Views, first: date, last: date, totals: bool = False, own: str = "", only: Only | None = None,
    against: tuple[date, date] | None = None,
) -> list[TrialBalance]:  # fmt: skip
    """Every account that has a balance or was moved, from the first to the last day; then the sums of each currency.

    Everything is stated in `own`, the ledger's currency, where that is given; of some lines, where `only` says so.
    `against` are other days, at whose end accounts stood as is shown beside it.
    """
    rows = _accounts(views, first, last, own, only)
    if against:
        rows = _compared(rows, _accounts(views, *against, own, only))
    return [*rows, *_sums(rows)] if totals and rows else rows


def _accounts(views: Views, first: date, last: date, own: str, only: Only | None) -> list[TrialBalance]:
    return views.all(
        TrialBalance,
        f"""SELECT account, coalesce(name, '') AS name, m.currency AS currency, opening, debit AS debit_turnover,
            credit AS credit_turnover, max(closing, 0) AS debit, max(-closing, 0) AS credit
            FROM ({_moved(own, only)}) m LEFT JOIN account ON number = account
            WHERE opening OR debit OR credit OR closing ORDER BY account, m.currency""",  # noqa: S608
        *_values(first, last, own, only),
    )


def _compared(rows: list[TrialBalance], others: list[TrialBalance]) -> list[TrialBalance]:
    """The accounts of both, each as it stands beside how it stood."""
    now, before = ({(row.account, row.currency): row for row in each} for each in (rows, others))
    nothing, found = (Minor(0),) * 5, list[TrialBalance]()
    for place in sorted(now.keys() | before.keys()):
        row = now.get(place) or TrialBalance(place[0], before[place].name, place[1], *nothing)
        debit, credit = (before[place].debit, before[place].credit) if place in before else nothing[:2]
        change = Minor(row.debit - row.credit - debit + credit)
        if place in now or debit or credit:
            fields = msgspec.structs.asdict(row)
            found.append(Compared(**fields, compared_debit=debit, compared_credit=credit, change=change))
    return found or Rows(Compared)


def _sums(rows: list[TrialBalance]) -> list[TrialBalance]:
    return [
        type(rows[0])("", "Total", currency, *(Minor(sum(column)) for column in zip(*amounts, strict=True)))
        for currency in sorted({row.currency for row in rows})
        if (amounts := [msgspec.structs.astuple(row)[3:] for row in rows if row.currency == currency])
    ]


class Moved(msgspec.Struct):
    account: str
    currency: str
    opening: int
    debit: int
    credit: int
    closing: int


def moved(views: Views, first: date, last: date, own: str = "", only: Only | None = None) -> list[Moved]:
    """The same as plain numbers, for statements."""
    return views.all(Moved, _moved(own, only), *_values(first, last, own, only))


class Worth(msgspec.Struct):
    account: str
    currency: str
    base: int


def worths(views: Views, day: date) -> list[Worth]:
    """What the amounts of each account in other currencies are worth in the ledger's own; debit is positive."""
    return views.all(
        Worth,
        f"""SELECT account, currency, SUM(debit - credit) AS base FROM ({upto("?1", "worth")})
            GROUP BY account, currency HAVING SUM(debit - credit) != 0 ORDER BY currency, account""",  # noqa: S608
        f"{day}~",
    )
