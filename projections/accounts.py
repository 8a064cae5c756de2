"""The chart of accounts as the ledger has it: accounts, roles, and which of them have been posted to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from projections.core import Minor
from store.errors import NotFound

if TYPE_CHECKING:
    from datetime import date

    from projections.core import Views


class Account(msgspec.Struct):
    number: str
    name: str
    type: str
    parent: str
    currency: str | None
    control: str
    tax: str
    roles: str
    open: bool


class Known(msgspec.Struct):
    """What an account is, as reports need it."""

    number: str
    name: str
    type: str
    parent: str


def listed(views: Views, number: str = "") -> list[Account]:
    """The chart in the order of its numbers; or one account."""
    return views.all(
        Account,
        """SELECT number, name, type, parent, nullif(currency, '') AS currency, control, tax, NOT closed AS open,
            coalesce((SELECT group_concat(role, ' ') FROM
                (SELECT role FROM account_role WHERE account = number ORDER BY role)), '') AS roles
            FROM account WHERE ?1 IN ('', number) ORDER BY number""",
        number,
    )


def known(views: Views) -> dict[str, Known]:
    rows = views.all(Known, "SELECT number, name, type, parent FROM account ORDER BY number")
    return {row.number: row for row in rows}


def find(views: Views, text: str) -> str:
    """The number of the account that is meant: a number, the beginning of just one, a role as @bank, or a name.

    Raises NotFound with the candidates.
    """
    if text.startswith("@"):
        found = [number for (number,) in views.rows("SELECT account FROM account_role WHERE role = ?", text[1:])]
        roles = ", ".join(role for (role,) in views.rows("SELECT role FROM account_role ORDER BY role"))
        missing = f"no account plays the role {text[1:]}: there are {roles}"
    else:
        exact = "SELECT number, name FROM account WHERE number = ?1 OR name = ?1 COLLATE NOCASE"
        begins = "SELECT number, name FROM account WHERE substr(number, 1, length(?1)) = ?1 ORDER BY number"
        rows = list(views.rows(exact, text)) or list(views.rows(begins, text)) if text else []
        found = [number for number, _ in rows]
        if len(found) > 1:
            names = ", ".join(f"{number} {name}" for number, name in rows[:10])
            raise NotFound(f"{text} could be {names}: write more of it")
        missing = f"there is no account {text}: `bo account list` shows the chart"
    if not found:
        raise NotFound(missing)
    return str(found[0])


def within(views: Views, number: str) -> tuple[str, ...]:
    """An account and all that stand under it, at any depth."""
    below = """WITH RECURSIVE below(number) AS (SELECT ?1 UNION
        SELECT a.number FROM account a JOIN below ON a.parent = below.number) SELECT number FROM below"""
    return tuple(found for (found,) in views.rows(below, number))


def used(views: Views) -> frozenset[str]:
    """The accounts that have been posted to."""
    return frozenset(number for (number,) in views.rows("SELECT DISTINCT account FROM month_turnover"))


class Balance(msgspec.Struct):
    currency: str
    balance: Minor


class Shown(Account):
    balances: list[Balance]


def balances(views: Views, number: str, as_of: date | None = None) -> list[Balance]:
    """What stands on one account in each currency, debit positive; nothing where it is zero."""
    from projections.balances import upto

    return views.all(
        Balance,
        f"""SELECT currency, SUM(debit - credit) AS balance FROM ({upto("?1")})
            WHERE account = ?2 GROUP BY currency HAVING SUM(debit - credit) != 0 ORDER BY currency""",  # noqa: S608
        "9999-12-31~" if as_of is None else f"{as_of}~",
        number,
    )


def shown(views: Views, number: str, as_of: date | None = None) -> Shown:
    """One account and what stands on it."""
    [account] = listed(views, number)
    return Shown(**msgspec.structs.asdict(account), balances=balances(views, number, as_of))
