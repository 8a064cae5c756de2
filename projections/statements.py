"""Balance sheet and income statement: the balances of accounts, under their headings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from projections.accounts import Known, known
from projections.balances import moved
from projections.bookkeys import LINES_OF
from projections.core import Minor
from projections.tagged import bears

if TYPE_CHECKING:
    from datetime import date

    from projections.core import Views
    from projections.tagged import Only

Amounts = dict[str, Counter[str]]
"""By currency, then by account; debit is positive."""
DEBIT = ("asset", "expense", "unknown")
"""Sections whose amounts are shown as debits; the others as credits."""


class Line(msgspec.Struct, kw_only=True):
    """`level` is how deep it stands under headings; an amount is what one expects of its section."""

    section: str
    account: str
    name: str
    level: int
    currency: str
    amount: Minor


class Compared(Line, kw_only=True):
    compared: Minor
    change: Minor


def balance_sheet(
    views: Views, year: date, day: date, against: tuple[date, date] | None = None, totals: bool = False, own: str = "",
    only: Only | None = None,
) -> list[Line]:  # fmt: skip
    """What is owned and owed at the end of a day. `year` is the first day of its fiscal year; `against` the same
    of another day, to compare with. Everything is stated in `own`, the ledger's currency, where that is given; of some
    lines, where `only` says so."""
    accounts = known(views)
    return _table(accounts, ("asset", "liability", "equity", "unknown"), totals,
                  _standing(views, accounts, year, day, own, only),
                  against and _standing(views, accounts, *against, own, only))  # fmt: skip


def income_statement(
    views: Views, first: date, last: date, against: tuple[date, date] | None = None, totals: bool = False,
    own: str = "", only: Only | None = None,
) -> list[Line]:  # fmt: skip
    """What was earned and spent between two days, before the books of a year are closed, and what is left."""
    accounts = known(views)
    return _table(accounts, ("income", "expense"), totals, _earned(views, accounts, first, last, own, only),
                  against and _earned(views, accounts, *against, own, only))  # fmt: skip


def _standing(views: Views, accounts: dict[str, Known], year: date, day: date, own: str, only: Only | None) -> Amounts:
    """Closing balances; those of income and expense come together in lines of their own."""
    found: Amounts = defaultdict(Counter)
    for row in moved(views, year, day, own, only):
        if _section(accounts, row.account) in ("income", "expense"):
            found[row.currency]["~1"] += row.opening
            found[row.currency]["~2"] += row.closing - row.opening
        else:
            found[row.currency][row.account] += row.closing
    return found


def _earned(views: Views, accounts: dict[str, Known], first: date, last: date, own: str, only: Only | None) -> Amounts:
    found: Amounts = defaultdict(Counter)
    for row in moved(views, first, last, own, only):
        if _section(accounts, row.account) in ("income", "expense"):
            found[row.currency][row.account] += row.debit - row.credit
    closed = views.rows(
        f"""SELECT iif(?3 = '', currency, ?3), account, SUM(iif(?3 = '', minor, coalesce(base, 0)))
        FROM entry e JOIN posting p ON {LINES_OF}
        WHERE e.kind = 'closing' AND e.on_date BETWEEN ?1 AND ?2 AND {bears("?4", only) if only else 1}
        GROUP BY 1, account
        UNION ALL SELECT ?3, account, SUM(base) FROM difference
        WHERE ?3 != '' AND {0 if only else 1} AND kind = 'year-end' AND on_date BETWEEN ?1 AND ?2
        GROUP BY account""",  # noqa: S608
        first, last, own, *(only.values if only else ()),
    )  # fmt: skip
    for currency, account, minor in closed:
        if _section(accounts, account) in ("income", "expense"):
            found[currency][account] -= minor
    for amounts in found.values():
        amounts["~3"] = sum(amounts.values())
    return found


RESULTS = {
    "~1": ("equity", "Result of earlier years"),
    "~2": ("equity", "Result of the year"),
    "~3": ("result", "Result"),
    "~4": ("sum", "Liabilities and equity"),
}
"""Lines that are no account: income less expenses, so that the sheet balances."""


def _owed(accounts: dict[str, Known], amounts: Counter[str]) -> list[str]:
    """What is no asset: at the end of a day it comes to as much as the assets."""
    return [number for number in amounts if _section(accounts, number) in ("liability", "equity")]


def _section(accounts: dict[str, Known], number: str) -> str:
    if number in RESULTS:
        return RESULTS[number][0]
    return accounts[number].type if number in accounts else "unknown"


def _table(
    accounts: dict[str, Known], sections: tuple[str, ...], totals: bool, amounts: Amounts, other: Amounts | None
) -> list[Line]:
    children: dict[str, list[str]] = defaultdict(list)
    for account in accounts.values():
        children[account.parent if account.parent in accounts else ""].append(account.number)
    rows: list[Line] = []
    for currency in sorted({*amounts, *(other or {})}):
        now, before = amounts.get(currency, Counter()), (other or {}).get(currency, Counter())
        strays = sorted((now.keys() | before.keys()) - accounts.keys() - RESULTS.keys())
        for section in sections:
            here = [each for each in children[""] if accounts[each].type == section]
            lines = list(_under(here, children, section, now, before))
            lines += [(each, 0, now[each], before[each]) for each in strays if section == "unknown"]
            lines += [(each, 0, now[each], before[each]) for each in RESULTS if RESULTS[each][0] == section]
            rows += [
                _line(accounts, section, currency, *line, compared=other is not None)
                for line in lines
                if (line[2] or line[3]) and (totals or not children.get(line[0]))
            ]
            tops = [line for line in lines if line[1] == 0 and (line[2] or line[3])]
            if totals and len(tops) > 1:
                sums = sum(line[2] for line in tops), sum(line[3] for line in tops)
                rows.append(_line(accounts, section, currency, "", 0, *sums, compared=other is not None))
        if totals and "equity" in sections:
            sides = [sum(each[number] for number in _owed(accounts, each)) for each in (now, before)]
            rows.append(_line(accounts, "equity", currency, "~4", 0, sides[0], sides[1], other is not None))
        if "income" in sections:
            rows.append(_line(accounts, "result", currency, "~3", 0, now["~3"], before["~3"], other is not None))
    return rows


def _under(
    numbers: list[str], children: dict[str, list[str]], section: str, now: Counter[str], before: Counter[str],
    level: int = 0,
) -> Iterator[tuple[str, int, int, int]]:  # fmt: skip
    """Each account below, headings first with the sums of what stands under them."""
    for number in numbers:
        below = list(_under(children.get(number, []), children, section, now, before, level + 1))
        direct = [line for line in below if line[1] == level + 1]
        sums = now[number] + sum(line[2] for line in direct), before[number] + sum(line[3] for line in direct)
        yield number, level, *sums
        yield from below


def _line(
    accounts: dict[str, Known], section: str, currency: str, number: str, level: int, now: int, before: int,
    compared: bool,
) -> Line:  # fmt: skip
    sign = 1 if section in DEBIT else -1
    known = accounts.get(number)
    name = RESULTS[number][1] if number in RESULTS else known.name if known else number or f"Total: {section}"
    fields = {
        "section": section, "account": "" if number in RESULTS else number, "name": name, "level": level,
        "currency": currency, "amount": Minor(sign * now),
    }  # fmt: skip
    if not compared:
        return Line(**fields)  # type: ignore[arg-type]  # one dict for two structs
    return Compared(**fields, compared=Minor(sign * before), change=Minor(sign * (now - before)))  # type: ignore[arg-type]
