"""Reminders: how far the dunning of each invoice went, and who is reminded of nothing."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.core import Minor, Projection, on
from projections.disputes import reason
from projections.invoices import CUSTOMER, source

if TYPE_CHECKING:
    from aggregates.dunning import Allowed, Reminded, Stopped
    from projections.core import Views
    from store.recorded import Recorded


class Dunnings(Projection):
    """A stop lasts from `since` to `until`, NULL for open."""

    version = 2
    tables = """
        CREATE TABLE reminder(key TEXT, level INTEGER, on_date TEXT, invoice TEXT, currency TEXT, owing INTEGER,
            fee INTEGER, interest INTEGER, since TEXT, charged TEXT, PRIMARY KEY(key, level)) WITHOUT ROWID;
        CREATE INDEX reminder_charged ON reminder(charged) WHERE charged != '';
        CREATE TABLE dunning_stop(customer TEXT, since TEXT, until TEXT, reason TEXT);
        CREATE INDEX dunning_stop_customer ON dunning_stop(customer);
    """

    @on("dunning.reminded")
    def reminded(self, event: Reminded, recorded: Recorded, views: Views) -> None:
        views.add(
            "reminder", recorded.key, event.level, event.on.isoformat(), event.invoice, event.owing.currency,
            event.owing.minor, event.fee.minor, event.interest.minor, event.since.isoformat(), event.charged,
        )  # fmt: skip

    @on("dunning.stopped")
    def stopped(self, event: Stopped, recorded: Recorded, views: Views) -> None:
        views.add("dunning_stop", recorded.key, event.on.isoformat(), None, event.reason)

    @on("dunning.allowed")
    def allowed(self, event: Allowed, recorded: Recorded, views: Views) -> None:
        views.run(
            "UPDATE dunning_stop SET until = ? WHERE customer = ? AND until IS NULL",
            event.on.isoformat(), recorded.key,
        )  # fmt: skip

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        kind, _, ref = recorded.key.partition("/")
        if kind == "invoice":
            views.run("DELETE FROM reminder WHERE key = ?", ref)
        elif kind == "customer":
            views.run("DELETE FROM dunning_stop WHERE customer = ?", ref)


class Late(msgspec.Struct):
    """An invoice that is overdue and no charge of a reminder."""

    key: str
    number: str
    due: date


class Listed(msgspec.Struct):
    number: str
    customer: str
    due: date
    late: int
    currency: str
    owing: Minor
    level: int
    reminded: date | None
    remark: str
    """`disputed`, or `stopped` for all of the customer's."""


class Reminder(msgspec.Struct):
    invoice: str
    level: int
    on: date
    currency: str
    owing: Minor
    fee: Minor
    interest: Minor
    since: date
    charged: str


class Change(msgspec.Struct):
    on: date
    by: int


def late(views: Views, on: date) -> list[Late]:
    """What is overdue, the oldest first."""
    return views.all(
        Late,
        """SELECT key, number, due FROM invoice WHERE owing > 0 AND due < ? AND NOT erased
            AND number NOT IN (SELECT charged FROM reminder WHERE charged != '') ORDER BY due, id""",
        on,
    )


def listed(views: Views, today: date, as_of: date | None = None) -> list[Listed]:
    """What is overdue, or was at the end of a day, and which reminders it had."""
    return views.all(
        Listed,
        f"""SELECT number, {CUSTOMER} AS customer, due, CAST(julianday(?2) - julianday(due) AS INTEGER) AS late,
            currency, owing,
            (SELECT coalesce(MAX(level), 0) FROM reminder r WHERE r.key = i.key AND on_date <= ?2) AS level,
            (SELECT MAX(on_date) FROM reminder r WHERE r.key = i.key AND on_date <= ?2) AS reminded,
            CASE WHEN {reason("'invoice/' || i.key", "?2")} != '' THEN 'disputed'
                WHEN EXISTS(SELECT 1 FROM dunning_stop s WHERE s.customer = i.customer
                    AND since <= ?2 AND coalesce(until, '9') > ?2) THEN 'stopped' ELSE '' END AS remark
            FROM {source(as_of)} AS i WHERE owing > 0 AND due < ?2 AND (?1 IS NULL OR i.on_date <= ?1)
            ORDER BY due, id""",  # noqa: S608
        as_of,
        as_of or today,
    )


def reminders(views: Views, key: str) -> list[Reminder]:
    """The reminders of an invoice, and what each charged."""
    return views.all(
        Reminder,
        'SELECT invoice, level, on_date AS "on", currency, owing, fee, interest, since, charged FROM reminder'
        " WHERE key = ? ORDER BY level",
        key,
    )


def changes(views: Views, key: str) -> list[Change]:
    """By how much what is owing on an invoice changed, and when."""
    return views.all(Change, 'SELECT on_date AS "on", owing AS by FROM movement WHERE key = ? AND owing != 0', key)
