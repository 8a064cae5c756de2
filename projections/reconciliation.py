"""Bank reconciliation: what the bank says an account holds, what the books say, and all that lies between them."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from projections import accounts, banklists
from projections.bankitems import FIRST, POSTED
from projections.core import Minor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


class Row(msgspec.Struct):
    """The rows of an account add up from the balance of the bank to that of the books."""

    bank: str
    what: str
    on: date | None
    ref: str
    text: str
    currency: str
    amount: Minor


class _Booked(NamedTuple):
    """What one document or entry moved on the account; `never` says that no statement ever showed it."""

    target: str
    number: str
    on: str
    text: str
    minor: int
    opening: bool = False
    never: bool = False

    @property
    def what(self) -> str:
        if not self.target.startswith(("payment/", "invoice/")):
            return "booked, not on a statement"
        return "deposit in transit" if self.minor > 0 else "outstanding payment"


def reconciled(views: Views, as_of: date, bank: str = "") -> list[Row]:
    """Every account, or one, at the end of a day."""
    return [
        row for each in banklists.accounts_of(views) if bank in ("", each.ref) for row in _account(views, each, as_of)
    ]


def differences(views: Views, as_of: date) -> list[Row]:
    """What is left unexplained, for each account where anything is."""
    return [row for row in reconciled(views, as_of) if row.what == "difference" and row.amount]


def _account(views: Views, account: banklists.Account, as_of: date) -> Iterator[Row]:
    def row(what: str, amount: int, on: date | str | None = None, ref: str = "", text: str = "") -> Row:
        day = date.fromisoformat(on) if isinstance(on, str) else on
        return Row(account.ref, what, day, ref, text, account.currency, Minor(amount))

    first, opening = views.value(FIRST, account.ref), _opening(views, account.ref)
    newest = banklists.newest(views, account.ref, as_of)
    held = newest.closing if newest else opening
    held += views.value(
        "SELECT coalesce(SUM(minor), 0) FROM bank_line WHERE bank = ? AND on_date > ? AND on_date <= ?",
        account.ref, newest.on if newest else "", as_of,
    )  # fmt: skip
    text = f"statement of {newest.on} and lines since" if newest else "lines, and what the first statement opens with"
    rows = [row("balance per bank", held, as_of, newest.number if newest else "", text)]
    unmatched = list(views.rows(
        """SELECT id, on_date, counterpart || iif(counterpart = '' OR text = '', '', ': ') || text, minor
            FROM bank_line l WHERE bank = ?1 AND on_date <= ?2 AND NOT EXISTS (SELECT 1 FROM bank_match m WHERE
                m.line = l.id AND m.on_date <= ?2 AND coalesce(m.undone, '9') > ?2) ORDER BY on_date, place""",
        account.ref, as_of,
    ))  # fmt: skip
    within = banklists.details(views, [line for line, *_ in unmatched])
    rows += [
        row("line not in the books", -minor, on, line, banklists.with_details(said, within.get(line, ())))
        for line, on, said, minor in unmatched
    ]
    before = -opening
    for each in _booked(views, account, as_of):
        if each.opening or (first and each.on < first and each.never):
            before += each.minor
        else:
            rows.append(row(each.what, each.minor, each.on, each.number, each.text))
    if before:
        rows.append(row("before the first statement", before, first, "", "what the books held more than the bank"))
    yield from rows
    books = sum(
        each.balance for each in accounts.balances(views, account.account, as_of) if each.currency == account.currency
    )
    yield row("balance per books", books, as_of, account.account)
    yield row("difference", books - sum(each.amount for each in rows), as_of)


def _opening(views: Views, bank: str) -> int:
    """What the bank held before the first line that is here."""
    row = next(
        views.rows(
            "SELECT opening, first FROM bank_statement WHERE bank = ? AND opening IS NOT NULL AND unsound = ''"
            " ORDER BY first, id LIMIT 1",
            bank,
        ),
        None,
    )
    if row is None:
        return 0
    earlier = views.value("SELECT coalesce(SUM(minor), 0) FROM bank_line WHERE bank = ? AND on_date < ?", bank, row[1])
    return int(row[0]) - int(earlier)


def _booked(views: Views, account: banklists.Account, as_of: date) -> list[_Booked]:
    """What the books say moved, less what statements up to the day show of it."""
    shown = Counter[str]()
    for target, minor in views.rows(
        """SELECT t.target, t.minor FROM bank_line l JOIN bank_match m ON m.line = l.id AND m.on_date <= ?2
            AND coalesce(m.undone, '9') > ?2 JOIN bank_target t ON t.line = m.line AND t.match = m.number
            WHERE l.bank = ?1 AND t.target NOT LIKE 'account/%'""",
        account.ref, as_of,
    ):  # fmt: skip
        shown[_document(target)] += minor
    ever = {
        _document(target)
        for (target,) in views.rows(
            "SELECT t.target FROM bank_line l JOIN bank_target t ON t.line = l.id AND t.match = l.match"
            " WHERE l.bank = ?", account.ref
        )
    }  # fmt: skip
    found = []
    for target, number, on, text, minor, opening in views.rows(POSTED, account.ref, as_of):
        left = minor - shown.pop(target, 0)
        if left:
            found.append(_Booked(target, number, on, text, left, bool(opening), target not in ever))
    later = [
        _Booked(target, target.split("/")[1], f"{as_of}", "booked later", -minor)
        for target, minor in shown.items()
        if minor
    ]
    return sorted([*found, *later], key=lambda each: (each.on, each.number))


def _document(target: str) -> str:
    """The document behind a target: the payments of one invoice are posted by its stream."""
    return target.rpartition("/")[0] if target.startswith("invoice/") else target
