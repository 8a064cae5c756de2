"""Fixed assets: what they cost, have lost and are worth in the books."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.core import Minor, Projection, on

if TYPE_CHECKING:
    from aggregates.fixedasset import Acquired, Depreciated, Disposed, Voided
    from projections.core import Views
    from store.recorded import Recorded


class Assets(Projection):
    """`on_date` of a depreciation is the day it counts in the books, `month` the one it is for."""

    version = 2
    tables = """
        CREATE TABLE fixed_asset(ref TEXT PRIMARY KEY, name TEXT, on_date TEXT, method TEXT, life INTEGER, rate TEXT,
            currency TEXT, cost INTEGER, residual INTEGER, bill TEXT, record TEXT, disposed TEXT, proceeds INTEGER,
            voided TEXT) WITHOUT ROWID;
        CREATE TABLE depreciation(ref TEXT, month TEXT, on_date TEXT, minor INTEGER, PRIMARY KEY(ref, month))
            WITHOUT ROWID;
    """

    @on("fixedasset.acquired")
    def acquired(self, event: Acquired, recorded: Recorded, views: Views) -> None:
        views.add(
            "fixed_asset", recorded.key, event.name, event.on.isoformat(), event.method, event.life, str(event.rate),
            event.cost.currency, event.cost.minor, event.residual.minor, event.bill, event.record, None, None, None,
        )  # fmt: skip

    @on("fixedasset.depreciated")
    def depreciated(self, event: Depreciated, recorded: Recorded, views: Views) -> None:
        booked = event.booked or event.on
        views.add("depreciation", recorded.key, f"{event.on:%Y-%m}", booked.isoformat(), event.amount.minor)

    @on("fixedasset.disposed")
    def disposed(self, event: Disposed, recorded: Recorded, views: Views) -> None:
        views.run(
            "UPDATE fixed_asset SET disposed = ?, proceeds = ? WHERE ref = ?",
            event.on.isoformat(), event.proceeds.minor, recorded.key,
        )  # fmt: skip

    @on("fixedasset.voided")
    def voided(self, event: Voided, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE fixed_asset SET voided = ? WHERE ref = ?", event.on.isoformat(), recorded.key)

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        for table in ("fixed_asset", "depreciation"):
            views.run(f"DELETE FROM {table} WHERE 'fixedasset/' || ref = ?", recorded.key)  # noqa: S608


class Asset(msgspec.Struct):
    ref: str
    name: str
    on: date
    method: str
    life: int
    """Months."""
    rate: str
    currency: str
    cost: Minor
    depreciated: Minor
    book: Minor
    """What it is worth in the books: nothing when it is gone."""
    residual: Minor
    disposed: date | None
    voided: date | None


class Origin(msgspec.Struct):
    bill: str
    record: str


class Loss(msgspec.Struct):
    month: str
    amount: int


def listed(views: Views, as_of: date | None = None, ref: str = "") -> list[Asset]:
    """Every asset, or one, as it was at the end of a day."""
    return views.all(
        Asset,
        """SELECT ref, name, "on", method, life, rate, currency, cost, lost AS depreciated,
            iif(gone IS NULL AND never IS NULL, cost - lost, 0) AS book, residual, gone AS disposed, never AS voided
            FROM (SELECT *, on_date AS "on", iif(?1 IS NULL OR disposed <= ?1, disposed, NULL) AS gone,
                iif(?1 IS NULL OR voided <= ?1, voided, NULL) AS never,
                (SELECT coalesce(SUM(minor), 0) FROM depreciation d
                    WHERE d.ref = a.ref AND (?1 IS NULL OR d.on_date <= ?1)) AS lost FROM fixed_asset a)
            WHERE (?1 IS NULL OR "on" <= ?1) AND ?2 IN ('', ref) ORDER BY ref""",
        as_of,
        ref,
    )


def origin(views: Views, ref: str) -> Origin | None:
    return views.one(Origin, "SELECT bill, record FROM fixed_asset WHERE ref = ?", ref)


def losses(views: Views, ref: str) -> dict[str, int]:
    """What was recorded for each month."""
    rows = views.all(Loss, "SELECT month, minor AS amount FROM depreciation WHERE ref = ? ORDER BY month", ref)
    return {row.month: row.amount for row in rows}


def of_bill(views: Views, bill: str) -> list[str]:
    """The assets whose cost a bill posted."""
    return [str(ref) for (ref,) in views.rows("SELECT ref FROM fixed_asset WHERE bill = ? AND voided IS NULL", bill)]


def billed(views: Views, bill: str) -> int:
    """What the assets of a bill cost so far."""
    return int(views.value("SELECT coalesce(SUM(cost), 0) FROM fixed_asset WHERE bill = ? AND voided IS NULL", bill))
