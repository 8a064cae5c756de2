"""Exchange rates, what lacks one, and what the books gained and lost by them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from projections.core import Minor

if TYPE_CHECKING:
    from projections.core import Views


def own(views: Views) -> str:
    """The ledger's own currency, as the books know it."""
    return str(views.value("SELECT value FROM book WHERE name = 'currency'") or "")


class Rate(msgspec.Struct):
    """One `base` is `rate` units of `currency`, from that day on."""

    on: date
    base: str
    currency: str
    rate: Decimal


def listed(
    views: Views, currency: str = "", since: date | None = None, as_of: date | None = None, limit: int | None = None
) -> list[Rate]:
    """The newest first."""
    return views.all(
        Rate,
        """SELECT on_date AS "on", base, currency, rate FROM rate WHERE ?1 IN ('', currency, base)
            AND (?2 IS NULL OR on_date >= ?2) AND (?3 IS NULL OR on_date <= ?3)
            ORDER BY on_date DESC, base, currency LIMIT ?4""",
        currency, since, as_of, -1 if limit is None else limit,
    )  # fmt: skip


class Lacking(msgspec.Struct):
    currency: str
    first: date
    """The earliest day that has no rate."""
    entries: int


def lacking(views: Views, day: date | None = None) -> list[Lacking]:
    """Currencies in which entries up to a day are worth nothing yet, for want of a rate."""
    return views.all(
        Lacking,
        """SELECT currency, MIN(on_date) AS first, COUNT(*) AS entries FROM waiting WHERE ?1 IS NULL OR on_date <= ?1
            GROUP BY currency ORDER BY currency""",
        day,
    )


class Difference(msgspec.Struct):
    """`kind` says why: settlement, conversion, held, or unrealised with its reversal."""

    on: date
    position: int
    kind: str
    source: str
    account: str
    name: str
    party: str
    foreign: str
    currency: str
    debit: Minor
    credit: Minor


def differences(views: Views, first: date, last: date, limit: int | None = None) -> list[Difference]:
    """What made an account worth more or less without an amount, between two days."""
    return views.all(
        Difference,
        """SELECT on_date AS "on", position, kind,
            coalesce((SELECT json_extract(facts, '$.number') FROM fact WHERE stream = source), source) AS source,
            d.account, coalesce(a.name, '') AS name,
            iif(party IN (SELECT party FROM erased_party), '[erased]', party) AS party, d.currency AS "foreign",
            (SELECT value FROM book WHERE name = 'currency') AS currency, max(base, 0) AS debit, max(-base, 0) AS credit
            FROM difference d LEFT JOIN account a ON a.number = d.account WHERE on_date BETWEEN ? AND ?
            ORDER BY on_date, id LIMIT ?""",
        first, last, -1 if limit is None else limit,
    )  # fmt: skip


class Held(msgspec.Struct):
    """What stands on an account in another currency, and in the ledger's own."""

    account: str
    name: str
    party: str
    currency: str
    minor: int
    base: int
    final: bool
    """Money, rather than what is owed."""


def held(views: Views, day: date, own: str, also: tuple[str, ...] = ()) -> list[Held]:
    """What is to be revalued at the end of a day: money, what is owed by and to parties, accounts of one currency."""
    return views.all(
        Held,
        f"""SELECT p.account, a.name, p.party, p.currency, SUM(minor) AS minor, SUM(base) AS base,
            a.control = '' AND a.type = 'asset' AND a.number NOT IN ({", ".join(["''", *"?" * len(also)])}) AS final
            FROM (SELECT account, party, currency, minor, coalesce(base, 0) AS base FROM posting
                WHERE currency != ?1 AND on_date <= ?2
                UNION ALL SELECT account, party, currency, 0, base FROM difference WHERE on_date <= ?2) p
            JOIN account a ON a.number = p.account
            WHERE a.type IN ('asset', 'liability') AND (a.control != '' OR a.currency NOT IN ('', ?1)
                OR a.number IN (SELECT account FROM account_role WHERE role IN ('cash', 'bank', 'suspense'))
                OR a.number IN (SELECT account FROM bank) OR a.number IN ({", ".join(["''", *"?" * len(also)])}))
            GROUP BY p.account, p.party, p.currency ORDER BY p.currency, final, p.account, p.party""",  # noqa: S608
        own, day, *also, *also,
    )  # fmt: skip


def newest_revaluation(views: Views) -> date | None:
    found = views.value("SELECT MAX(on_date) FROM difference WHERE kind IN ('held', 'unrealised')")
    return date.fromisoformat(found) if found else None
