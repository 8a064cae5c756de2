"""The figures of a closed stretch, added up from its postings, and how they differ from what was sealed."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from projections import invoices, payments, rates
from projections.balances import moved
from projections.bills import source as bills_at

if TYPE_CHECKING:
    from projections.core import Views

NEVER = (0, 0, 0, 0)
COLUMNS = ("opening", "debit", "credit", "closing")


class Stretch(NamedTuple):
    """What the books say of some days. Sums are of postings; they are read account by account, by their index."""

    entries: int
    postings: int
    digest: str
    rules: tuple[int, ...]
    accounts: dict[tuple[str, str], tuple[int, int, int, int]]
    """By account and currency: opening, debit, credit, closing."""
    parties: dict[tuple[str, str, str], int]
    """By account, party and currency: the balance at the end."""
    worth: dict[tuple[str, str], tuple[int, int]]
    """By account and other currency: debit and credit in the ledger's own, of what has a rate."""


def stretch(views: Views, first: date, last: date) -> Stretch:
    """As many steps as the days have postings, and accounts have months: later events cost nothing."""
    opening = {(row.account, row.currency): row.opening for row in moved(views, first, last)}
    debit, credit, parties = Counter[tuple[str, str]](), Counter[tuple[str, str]](), _before(views, first)
    entries, rules, count, digest = set[int](), set[int](), 0, sha256()
    accounts = views.rows(
        "SELECT DISTINCT account FROM month_turnover WHERE month BETWEEN substr(?1, 1, 7) AND substr(?2, 1, 7)"
        " ORDER BY account",
        first, last,
    )  # fmt: skip
    for (account,) in list(accounts):
        for id, entry, day, party, currency, minor, rule in views.rows(
            """SELECT p.id, p.entry, p.on_date, p.party, p.currency, p.minor, e.rules FROM posting p
            JOIN entry e ON e.id = p.entry WHERE p.account = ? AND p.on_date BETWEEN ? AND ?
            ORDER BY p.on_date, p.id""",
            account, first, last,
        ):  # fmt: skip
            digest.update(f"{id} {account} {day} {party} {currency} {minor}\n".encode())
            count += 1
            entries.add(entry)
            rules.add(rule)
            (debit if minor > 0 else credit)[account, currency] += abs(minor)
            if party:
                parties[account, party, currency] += minor
    figures = {
        key: (opening.get(key, 0), debit[key], credit[key], opening.get(key, 0) + debit[key] - credit[key])
        for key in sorted(opening.keys() | debit.keys() | credit.keys())
    }
    return Stretch(
        len(entries), count, digest.hexdigest(), tuple(sorted(rules)),
        {key: row for key, row in figures.items() if any(row)},
        {key: minor for key, minor in sorted(parties.items()) if minor}, _worth(views, first, last),
    )  # fmt: skip


def _worth(views: Views, first: date, last: date) -> dict[tuple[str, str], tuple[int, int]]:
    rows = views.rows(
        """SELECT account, currency, SUM(debit), SUM(credit) FROM month_worth
            WHERE month BETWEEN substr(?1, 1, 7) AND substr(?2, 1, 7) GROUP BY 1, 2 ORDER BY 1, 2""",
        first, last,
    )  # fmt: skip
    return {(account, currency): (debit, credit) for account, currency, debit, credit in rows}


def _before(views: Views, first: date) -> Counter[tuple[str, str, str]]:
    """What stood with each party the day before: as the close of that day sealed it, else added up."""
    sealed = views.value(
        "SELECT id FROM close WHERE superseding = 0 AND reopened = 0 AND trouble = '' AND last = ?", _eve(first)
    )
    rows = (
        views.rows("SELECT account, party, currency, balance FROM close_party WHERE close = ?", sealed)
        if sealed
        else views.rows(
            """SELECT p.account, party, currency, SUM(minor)
            FROM (SELECT DISTINCT account FROM month_turnover WHERE month < substr(?1, 1, 7)) a
            CROSS JOIN posting p ON p.account = a.account AND p.on_date < ?1 WHERE party != '' GROUP BY 1, 2, 3""",
            first,
        )
    )
    return Counter({(account, party, currency): minor for account, party, currency, minor in rows})


def _eve(day: date) -> date:
    return day - timedelta(1) if day > date.min else day


class Tied(NamedTuple):
    items: int
    entries: int


def ties(views: Views, day: date) -> dict[tuple[str, str], Tied]:
    """By party and currency: open items at the end of a day, and what entries by hand put on its account."""
    items = Counter[tuple[str, str]]()
    for party, currency, minor in views.rows(
        f"""SELECT 'customer/' || customer, currency, owing - credit FROM {invoices.source(day)}
            WHERE number IS NOT NULL AND (on_date <= ?1 OR credit != 0)
        UNION ALL SELECT 'vendor/' || vendor, currency, credit - owing FROM {bills_at(day)}
        UNION ALL SELECT party, currency, iif(direction = 'in', -remaining, remaining) FROM {payments.source(day)}
            WHERE party != ''""",  # noqa: S608
        day,
    ):
        items[party, currency] += minor
    by_hand = Counter[tuple[str, str]]()
    for party, currency, minor in views.rows(
        """SELECT p.party, p.currency, SUM(p.minor) FROM posting p JOIN entry e ON e.id = p.entry
        WHERE p.party != '' AND p.on_date <= ? AND e.source NOT LIKE 'invoice/%' AND e.source NOT LIKE 'bill/%'
        AND e.source NOT LIKE 'payment/%' GROUP BY 1, 2""",
        day,
    ):
        by_hand[party, currency] += minor
    return {key: Tied(items[key], by_hand[key]) for key in items.keys() | by_hand.keys()}


class Close(msgspec.Struct):
    id: int
    first: str
    last: str
    package: str
    blob: str
    trouble: str
    entries: int
    postings: int
    digest: str
    reopened: int
    worth: bool


def standing_closes(views: Views, first: date | None = None, last: date | None = None) -> list[Close]:
    """The closes that count, of all days or of some, the earliest first."""
    return views.all(
        Close,
        """SELECT id, first, last, package, blob, trouble, entries, postings, digest, reopened, worth
            FROM close
            WHERE superseding = 0 AND (?1 IS NULL OR last >= ?1) AND (?2 IS NULL OR first <= ?2) ORDER BY last""",
        first, last,
    )  # fmt: skip


class Difference(NamedTuple):
    """A figure that is another now; `what` is its column, with a party where it is his balance."""

    account: str
    currency: str
    what: str
    sealed: int
    now: int


def differences(views: Views, close: Close) -> list[Difference]:
    """Every figure of a close that the books give differently now."""
    now = stretch(views, date.fromisoformat(close.first), date.fromisoformat(close.last))
    sealed = {
        (account, currency): tuple(figures)
        for account, currency, *figures in views.rows(
            "SELECT account, currency, opening, debit, credit, closing FROM close_account WHERE close = ?", close.id
        )
    }
    found = [
        Difference(key[0], key[1], what, was, is_)
        for key in sorted(sealed.keys() | now.accounts.keys())
        for what, was, is_ in zip(COLUMNS, sealed.get(key, NEVER), now.accounts.get(key, NEVER), strict=True)
        if was != is_
    ]
    rows = views.rows("SELECT account, party, currency, balance FROM close_party WHERE close = ?", close.id)
    parties = {(account, party, currency): minor for account, party, currency, minor in rows if minor}
    found += [
        Difference(key[0], key[2], key[1], parties.get(key, 0), now.parties.get(key, 0))
        for key in sorted(parties.keys() | now.parties.keys())
        if parties.get(key, 0) != now.parties.get(key, 0)
    ]
    if close.worth:
        found += _worth_differences(views, close, now.worth)
    if not found and (now.digest, now.postings) != (close.digest, close.postings):
        found.append(Difference("", "", "postings", close.postings, now.postings))
    return found


def _worth_differences(views: Views, close: Close, now: dict[tuple[str, str], tuple[int, int]]) -> list[Difference]:
    rows = views.rows("SELECT account, currency, debit, credit FROM close_worth WHERE close = ?", close.id)
    sealed = {(account, currency): (debit, credit) for account, currency, debit, credit in rows}
    own = rates.own(views)
    return [
        Difference(key[0], own, f"{what} in {key[1]}", was, is_)
        for key in sorted(sealed.keys() | now.keys())
        for what, was, is_ in zip(COLUMNS[1:3], sealed.get(key, (0, 0)), now.get(key, (0, 0)), strict=True)
        if was != is_
    ]


def alarm(views: Views) -> str:
    """A sentence on closes whose figures have changed though nobody reopened them, "" when there are none."""
    changed = [each for each in standing_closes(views) if not each.reopened and not each.trouble]
    told = [f"{each.first} to {each.last}" for each in changed if differences(views, each)]
    if not told:
        return ""
    what = "are not what was sealed when they were closed: see `bo period verify --full`"
    return f"the books of {', '.join(told)} {what}"
