"""The cash flow statement: where money came from and went to, by what stands against it in each entry."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from projections.accounts import known, within
from projections.balances import moved
from projections.bookkeys import LINES
from projections.core import Minor, Rows
from projections.statements import Compared, Line

if TYPE_CHECKING:
    from datetime import date

    from projections.accounts import Known
    from projections.core import Views

Flows = dict[str, Counter[tuple[str, str]]]
"""By currency, then by section and account; money that comes in is positive."""
MONEY = ("cash", "bank")
SECTIONS = ("opening", "operating", "investing", "financing", "exchange", "closing")
TOTALLED = ("operating", "investing", "financing")
ENDS = {("opening", ""), ("closing", "")}
"""They are shown even where there was no money."""
ROLES = {
    "asset-cost": "investing", "asset-depreciation": "investing", "disposal-gain": "investing",
    "disposal-loss": "investing", "exchange": "exchange", "fx-gain": "exchange", "fx-loss": "exchange",
    "fx-unrealised-gain": "exchange", "fx-unrealised-loss": "exchange", "opening-balance": "opening",
    "loan": "financing",
}  # fmt: skip
"""Where an account, and what stands under it, belongs by the role it plays; else its type says."""
HELD = {"opening": "Cash at the beginning", "exchange": "Exchange differences on cash", "closing": "Cash at the end"}
"""Lines that are no account."""


def cash_flow(
    views: Views, first: date, last: date, against: tuple[date, date] | None = None, totals: bool = False,
    own: str = "",
) -> list[Line]:  # fmt: skip
    """Money at the beginning, what came and went, and money at the end, in each currency; or all of it in `own`.

    Each line of an entry on a cash or bank account is told by what stands against it in the same currency, so that
    transfers between them are no flow, and all flows come to what those accounts moved by.
    """
    accounts = known(views)
    place, money = _places(views, accounts), _money(views)
    now = _flows(views, place, money, first, last, own)
    before = _flows(views, place, money, *against, own) if against else None
    rows: list[Line] = []
    for currency in sorted({*now, *(before or {})}):
        here, there = now.get(currency, Counter()), (before or {}).get(currency, Counter())
        for section in SECTIONS:
            keys = sorted(key for key in ENDS | here.keys() | there.keys() if key[0] == section)
            found = [(key[1], here[key], there[key]) for key in keys if key in ENDS or here[key] or there[key]]
            lines = [(_name(accounts, section, number), number, at, was) for number, at, was in found]
            if totals and lines and section in TOTALLED:
                lines.append((f"Total: {section}", "", sum(line[2] for line in lines), sum(line[3] for line in lines)))
            rows += [_line(section, currency, *line, compared=before is not None) for line in lines]
    return rows or Rows(Compared if before is not None else Line)


def _money(views: Views) -> list[str]:
    """The accounts that cash and banks stand on, and assets that payments went through and that play no other role."""
    tops = [account for (account,) in views.rows(f"SELECT account FROM account_role WHERE role IN {MONEY}")]  # noqa: S608
    tops += [account for (account,) in views.rows("SELECT account FROM bank")]
    through = views.rows(
        f"""SELECT number FROM account WHERE type = 'asset' AND control = ''
        AND number NOT IN (SELECT account FROM account_role)
        AND EXISTS (SELECT 1 FROM posting p JOIN entry e ON e.id = p.entry WHERE p.account = account.number
            AND p.id = e.id * {LINES} AND e.event IN ('payment.recorded', 'invoice.paid'))"""  # noqa: S608
    )  # a payment's first line is where it went through
    return sorted({each for top in tops for each in within(views, top)} | {number for (number,) in through})


def _places(views: Views, accounts: dict[str, Known]) -> dict[str, str]:
    """In which section the accounts that stand against money belong."""
    found = {number: "financing" if each.type == "equity" else "operating" for number, each in accounts.items()}
    loans = views.rows(
        """SELECT number FROM account WHERE type = 'liability' AND control = '' AND tax = ''
        AND number NOT IN (SELECT account FROM account_role)"""
    )
    found |= {number: "financing" for (number,) in loans}
    for role, account in list(views.rows("SELECT role, account FROM account_role")):
        if role in ROLES:
            found |= dict.fromkeys(within(views, account), ROLES[role])
    return found


def _flows(
    views: Views, place: dict[str, str], money: list[str], first: date, last: date, own: str
) -> Flows:  # fmt: skip
    found: Flows = defaultdict(Counter)
    for row in moved(views, first, last, own):
        if row.account in money:
            found[row.currency]["opening", ""] += row.opening
            found[row.currency]["closing", ""] += row.closing
    accounts = ", ".join(f"?{at}" for at in range(4, 4 + len(money)))
    against = views.rows(
        f"""WITH paid AS (SELECT DISTINCT entry FROM posting
            WHERE account IN ({accounts}) AND on_date BETWEEN ?1 AND ?2)
        SELECT iif(?3 = '', p.currency, ?3), p.account, -SUM(iif(?3 = '', p.minor, coalesce(p.base, 0)))
        FROM paid JOIN posting p ON p.id >= paid.entry * {LINES} AND p.id < (paid.entry + 1) * {LINES}
        WHERE p.account NOT IN ({accounts}) GROUP BY 1, 2""",  # noqa: S608
        first, last, own, *money,
    )  # fmt: skip
    for currency, account, minor in against:
        found[currency][place.get(account, "operating"), account] += minor
    if own:  # what cash in other currencies gained or lost, though no money moved
        held = views.value(
            f"""SELECT SUM(base) FROM difference WHERE on_date BETWEEN ?1 AND ?2
            AND account IN ({", ".join(f"?{at}" for at in range(3, 3 + len(money)))})""",  # noqa: S608
            first, last, *money,
        )  # fmt: skip
        found[own]["exchange", ""] += held or 0
    return found


def _name(accounts: dict[str, Known], section: str, number: str) -> str:
    if not number:
        return HELD[section]
    return accounts[number].name if number in accounts else number


def _line(section: str, currency: str, name: str, number: str, now: int, before: int, compared: bool) -> Line:
    level, amount = 1 if number else 0, Minor(now)
    if not compared:
        return Line(section=section, account=number, name=name, level=level, currency=currency, amount=amount)
    return Compared(
        section=section, account=number, name=name, level=level, currency=currency, amount=amount,
        compared=Minor(before), change=Minor(now - before),
    )  # fmt: skip
