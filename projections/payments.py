"""Payments, what each settles, and what of it is left."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.core import Minor, Projection, on
from store.errors import NotFound

if TYPE_CHECKING:
    from aggregates.payment import Allocated, Recorded, Unallocated, Voided
    from projections.core import Views
    from store import recorded as log


class Payments(Projection):
    """`posted` is the accounting date; every movement of a payment says by how much `remaining` changes."""

    version = 1
    tables = """
        CREATE TABLE payment(id INTEGER PRIMARY KEY, number TEXT, party TEXT, erased INTEGER, direction TEXT,
            on_date TEXT, posted TEXT, currency TEXT, amount INTEGER, remaining INTEGER, voided INTEGER, bank TEXT,
            ref TEXT);
        CREATE UNIQUE INDEX payment_number ON payment(number);
        CREATE INDEX payment_party ON payment(party);
        CREATE INDEX payment_remaining ON payment(party) WHERE remaining > 0;
        CREATE TABLE payment_movement(number TEXT, position INTEGER, on_date TEXT, what TEXT, allocation INTEGER,
            target TEXT, amount INTEGER, remaining INTEGER, PRIMARY KEY(number, position)) WITHOUT ROWID;
        CREATE INDEX payment_movement_target ON payment_movement(target);
    """

    @on("payment.recorded")
    def made(self, event: Recorded, recorded: log.Recorded, views: Views) -> None:
        amount, posted = event.amount.minor, (event.booked or event.on).isoformat()
        views.add(
            "payment", recorded.position, event.number, event.party, 0, event.direction, event.on.isoformat(), posted,
            event.amount.currency, amount, amount, 0, event.bank, event.ref,
        )  # fmt: skip
        views.add("payment_movement", event.number, recorded.position, posted, "recorded", 0, "", amount, amount)

    @on("payment.allocated")
    def allocated(self, event: Allocated, recorded: log.Recorded, views: Views) -> None:
        _move(views, recorded, event.on, "allocated", event.allocation, event.to, event.amount.minor, -1)

    @on("payment.unallocated")
    def unallocated(self, event: Unallocated, recorded: log.Recorded, views: Views) -> None:
        _move(views, recorded, event.on, "unallocated", event.allocation, event.to, event.amount.minor, 1)

    @on("payment.voided")
    def voided(self, event: Voided, recorded: log.Recorded, views: Views) -> None:
        views.run("UPDATE payment SET voided = 1 WHERE number = ?", recorded.key)
        _move(views, recorded, event.on, "voided", 0, "", event.amount.minor, -1)

    @on("erasure.erased")
    def erased(self, event: object, recorded: log.Recorded, views: Views) -> None:
        """A payment of an erased party stays; what was written with it, and the way to the party, does not."""
        kind, _, ref = recorded.key.partition("/")
        if kind in ("customer", "vendor"):
            views.run("UPDATE payment SET erased = 1, ref = '' WHERE party = ?", recorded.key)
        elif kind == "payment":
            views.run("DELETE FROM payment WHERE number = ?", ref)
            views.run("DELETE FROM payment_movement WHERE number = ?", ref)


def _move(
    views: Views, recorded: log.Recorded, day: date, what: str, allocation: int, target: str, minor: int, sign: int
) -> None:
    views.run("UPDATE payment SET remaining = remaining + ? WHERE number = ?", sign * minor, recorded.key)
    views.add(
        "payment_movement", recorded.key, recorded.position, day.isoformat(), what, allocation, target, minor,
        sign * minor,
    )  # fmt: skip


# Queries. `?1` is the day asked about in all of them, NULL for the state after the newest event.

WAS = """(SELECT p.id, p.number, p.party, p.erased, p.direction, p.on_date, p.posted, p.currency, p.amount,
    SUM(m.remaining) AS remaining, MAX(m.what = 'voided') AS voided, p.bank, p.ref
    FROM payment p JOIN payment_movement m ON m.number = p.number AND m.on_date <= ?1 GROUP BY p.id)"""
STATUS = """CASE WHEN voided THEN 'void' WHEN remaining = amount THEN 'open' WHEN remaining > 0 THEN 'partial'
    ELSE 'allocated' END"""
PARTY = "iif(erased, '[erased]', party)"


def source(as_of: date | None) -> str:
    """The payments as they are, or as they were at the end of a day by their accounting dates."""
    return "payment" if as_of is None else WAS


class Listed(msgspec.Struct):
    number: str
    status: str
    party: str
    direction: str
    on: date
    currency: str
    amount: Minor
    left: Minor
    """What of it settles nothing yet."""
    bank: str
    ref: str


_LISTED = f"""SELECT number, {STATUS} AS status, {PARTY} AS party, direction, on_date AS "on", currency, amount,
    remaining AS "left", bank, ref FROM """  # noqa: S608


def listed(
    views: Views, party: str = "", status: str = "", as_of: date | None = None, limit: int | None = None
) -> list[Listed]:
    """The newest first."""
    return views.all(
        Listed,
        f"""{_LISTED} {source(as_of)} WHERE (?1 IS NULL OR posted <= ?1) AND (?2 = '' OR party = ?2)
            AND (?3 = '' OR {STATUS} = ?3) ORDER BY id DESC LIMIT ?4""",
        as_of, party, status, -1 if limit is None else limit,
    )  # fmt: skip


class Movement(msgspec.Struct):
    on: date
    what: str
    allocation: int | None
    target: str
    amount: Minor
    left: Minor


class Payment(Listed):
    movements: list[Movement]


def shown(views: Views, number: str, as_of: date | None = None) -> Payment:
    """One payment, whole. Raises NotFound for a day before it was made."""
    row = views.one(
        Listed, f"{_LISTED} {source(as_of)} WHERE number = ?2 AND (?1 IS NULL OR posted <= ?1)", as_of, number
    )
    if row is None:
        raise NotFound(f"{number} was not made by {as_of}" if as_of else f"you cannot see how {number} began")
    moves = views.all(
        Movement,
        """SELECT on_date AS "on", what, NULLIF(allocation, 0) AS allocation, target, amount, remaining AS "left"
            FROM payment_movement WHERE number = ?2 AND (?1 IS NULL OR on_date <= ?1) ORDER BY position""",
        as_of, number,
    )  # fmt: skip
    return Payment(**msgspec.structs.asdict(row), movements=moves)
