"""Queries over who may do what, and who could read what; the tables are those of `projections/access.py`."""

# only numbers and names that stand in this file are put into SQL
# ruff: noqa: S608

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from store.errors import NotFound

if TYPE_CHECKING:
    from projections.core import Views

DAY = 86_400_000
SOON = 30 * DAY
_LEDGER = "('admin', 'shred', 'audit')"
_WHERE = f"""CASE WHEN g.compartment != 0 THEN coalesce(c.name, g.compartment) WHEN g.role != '' THEN 'the role''s'
    WHEN g.may IN {_LEDGER} THEN 'the ledger' ELSE 'everywhere' END"""


def standing(at: int, table: str = "") -> str:
    """SQL: what had begun and not ended at a time."""
    dot = f"{table}." if table else ""
    return f"{dot}since <= {at:d} AND ({dot}ended = 0 OR {dot}ended > {at:d})"


def rights(at: int) -> str:
    """SQL: every right in force at a time, one by one; compartment 0 is everywhere or the ledger itself."""
    return f"""SELECT g.id, g.person, g.may, g.compartment, g.history, g.since FROM (
        SELECT id, person, may, compartment, history, until, since, ended FROM access_grant WHERE role = ''
        UNION ALL
        SELECT a.id, a.person, r.may, iif(a.compartment = 0, r.compartment, a.compartment), a.history, a.until,
            a.since, a.ended
        FROM access_grant a JOIN access_role r ON r.role = a.role AND {standing(at, "r")}
        WHERE iif(r.may IN {_LEDGER}, a.compartment = 0, a.compartment = 0 OR r.compartment IN (0, a.compartment))
    ) g JOIN access_person p ON p.id = g.person AND {standing(at, "p")}
    WHERE {standing(at, "g")} AND (g.until = 0 OR g.until >= {at:d})"""


def reading(at: int, compartment: int) -> str:
    """SQL: the persons who may read a compartment at a time."""
    if compartment == 1:
        return f"SELECT id AS person FROM access_person WHERE {standing(at)}"
    implied = f"OR may IN {_LEDGER}" if compartment == 2 else ""
    return f"""SELECT DISTINCT person FROM ({rights(at)})
        WHERE (may NOT IN {_LEDGER} AND compartment IN (0, {compartment:d})) {implied}"""


class Named(msgspec.Struct):
    id: str
    name: str


def named(views: Views) -> list[Named]:
    """The names of all persons, devices and roles by their ids."""
    return views.all(
        Named, " UNION ALL ".join(f"SELECT id, name FROM {table}" for table in ("person", "device", "role"))
    )


class Person(msgspec.Struct):
    name: str
    service: bool
    since: date
    left: date | None
    devices: int
    grants: int
    last_seen: date | None
    id: str


def persons(views: Views, at: int) -> list[Person]:
    """Everybody added by then, those who left last."""
    return views.all(
        Person,
        f"""
        SELECT coalesce(n.name, substr(p.id, 1, 8)) AS name, p.service, date(p.since / 1000, 'unixepoch') AS since,
            iif(p.ended BETWEEN 1 AND {at:d}, date(p.ended / 1000, 'unixepoch'), NULL) AS left,
            (SELECT COUNT(*) FROM access_device d WHERE d.person = p.id AND {standing(at, "d")}) AS devices,
            (SELECT COUNT(*) FROM access_grant g WHERE g.person = p.id AND {standing(at, "g")}
                AND (g.until = 0 OR g.until >= {at:d})) AS grants,
            (SELECT date(MAX(at) / 1000, 'unixepoch') FROM access_use u WHERE u.person = p.id) AS last_seen, p.id
        FROM access_person p LEFT JOIN person n ON n.id = p.id WHERE p.since <= {at:d}
        ORDER BY p.ended > 0, name""",
    )


class Device(msgspec.Struct):
    name: str
    person: str
    unattended: bool
    since: date
    revoked: date | None
    last_used: date | None
    fingerprint: str
    id: str


def devices(views: Views, person: str = "") -> list[Device]:
    """Every device, or a person's; the recovery device belongs to nobody. `fingerprint` is its request's hash."""
    return views.all(
        Device,
        """
        SELECT coalesce(n.name, iif(d.person = '', 'recovery', substr(d.id, 1, 8))) AS name,
            coalesce(p.name, '') AS person, d.unattended, date(d.since / 1000, 'unixepoch') AS since,
            iif(d.ended, date(d.ended / 1000, 'unixepoch'), NULL) AS revoked,
            (SELECT date(MAX(at) / 1000, 'unixepoch') FROM access_use u WHERE u.device = d.id) AS last_used,
            d.request AS fingerprint, d.id
        FROM access_device d LEFT JOIN device n ON n.id = d.id LEFT JOIN person p ON p.id = d.person
        WHERE ? IN ('', d.person) ORDER BY d.ended > 0, d.person = '', person, name""",
        person,
    )


class Given(msgspec.Struct):
    person: str
    what: str
    compartment: str
    history: str
    since: date
    until: date | None
    by: str
    reason: str
    grant: str


def grants(views: Views, at: int, person: str = "", compartment: int | None = None) -> list[Given]:
    """The grants in force at a time; with a compartment, those that give a right there."""
    there = (
        f"""AND g.id IN (SELECT id FROM ({rights(at)})
        WHERE compartment = {compartment:d} OR (compartment = 0 AND may NOT IN {_LEDGER})
        OR ({compartment:d} = 2 AND may IN {_LEDGER}))"""
        if compartment
        else ""
    )
    return views.all(
        Given,
        f"""
        SELECT coalesce(p.name, substr(g.person, 1, 8)) AS person, coalesce(r.name, g.role || g.may) AS what,
            {_WHERE} AS compartment, g.history,
            date(g.since / 1000, 'unixepoch') AS since, iif(g.until, date(g.until / 1000, 'unixepoch'), NULL) AS until,
            coalesce(b.name, substr(g.by, 1, 8)) AS by, g.reason, substr(g.id, 1, 8) AS "grant"
        FROM access_grant g LEFT JOIN person p ON p.id = g.person LEFT JOIN person b ON b.id = g.by
            LEFT JOIN role r ON r.id = g.role LEFT JOIN compartment c ON c.number = g.compartment
        WHERE {standing(at, "g")} AND (g.until = 0 OR g.until >= {at:d}) AND ? IN ('', g.person) {there}
        ORDER BY person, g.since, what""",
        person,
    )


class Role(msgspec.Struct):
    role: str
    rights: str
    holders: int


def roles(views: Views, at: int) -> list[Role]:
    """Every role with its rights: `write:finance`, or `read` where it is everywhere."""
    return views.all(
        Role,
        f"""
        SELECT coalesce(n.name, substr(r.role, 1, 8)) AS role,
            group_concat(r.may || iif(r.compartment = 0, '', ':' || coalesce(c.name, r.compartment)), ' ') AS rights,
            (SELECT COUNT(DISTINCT g.person) FROM access_grant g WHERE g.role = r.role AND {standing(at, "g")}
                AND (g.until = 0 OR g.until >= {at:d})) AS holders
        FROM access_role r LEFT JOIN role n ON n.id = r.role LEFT JOIN compartment c ON c.number = r.compartment
        WHERE r.ended = 0 GROUP BY r.role ORDER BY 1""",
    )


class Reader(msgspec.Struct):
    """`keys` is the day the keys were given, `sees` the day from which on entries can be opened with them."""

    person: str
    device: str
    keys: date
    sees: date
    may_read: bool


class _Held(msgspec.Struct):
    device: str
    person: str
    epoch: int
    since: int


def readers(views: Views, compartment: int, entries: list[tuple[int, int]], at: int) -> list[Reader]:
    """Who held, at a time, keys of some of these entries (epoch, time), and whether he might still read."""
    first: dict[int, int] = {}
    for epoch, when in entries:
        first[epoch] = min(when, first.get(epoch, when))
    held = views.all(
        _Held,
        """
        SELECT s.device, d.person, s.epoch, s.since FROM access_slot s JOIN access_device d ON d.id = s.device
        WHERE s.compartment = ? AND s.since <= ?""",
        compartment,
        at,
    )
    allowed = {row.person for row in views.all(_Allowed, reading(at, compartment))}
    ended = {
        row.person
        for row in views.all(_Allowed, "SELECT id AS person FROM access_device WHERE ended BETWEEN 1 AND ?", at)
    }
    names = {row.id: row.name for row in named(views)}
    found: dict[str, tuple[str, int, int]] = {}
    for row in held:
        if row.epoch in first:
            _, since, sees = found.get(row.device, ("", row.since, first[row.epoch]))
            found[row.device] = (row.person, min(since, row.since), min(sees, first[row.epoch]))
    listed = [
        Reader(
            names.get(person, person[:8]) if person else "",
            names.get(device, device[:8]) if person else "recovery",
            _day(since), _day(sees), not person or (person in allowed and device not in ended),
        )
        for device, (person, since, sees) in found.items()
    ]  # fmt: skip
    return sorted(listed, key=lambda reader: (not reader.may_read, reader.person == "", reader.person, reader.device))


class _Allowed(msgspec.Struct):
    person: str


def _day(at: int) -> date:
    return date.fromordinal(719_163 + at // DAY)


class Right(msgspec.Struct):
    """`id` of the grant and person, and when that person last wrote there (administered, for compartment 0)."""

    person: str
    name: str
    what: str
    compartment: str
    since: int
    until: int
    writes: bool
    used: int


def uses(views: Views, at: int) -> list[Right]:
    """Grants that were not ended, and when they were last used to write or administer: reading leaves no trace."""
    return views.all(
        Right,
        f"""
        SELECT g.person, coalesce(p.name, substr(g.person, 1, 8)) AS name, coalesce(r.name, g.role || g.may) AS what,
            {_WHERE} AS compartment, g.since, g.until,
            g.may IN ('write', 'admin') OR EXISTS(SELECT 1 FROM access_role w WHERE w.role = g.role AND w.ended = 0
                AND w.may IN ('write', 'admin')) AS writes,
            coalesce((SELECT MAX(u.at) FROM access_use u WHERE u.person = g.person AND u.wrote
                AND u.day >= g.since / {DAY} AND g.compartment IN (0, u.compartment)
                AND (g.may != 'admin' OR u.compartment = 0)
                AND (g.role = '' OR EXISTS(SELECT 1 FROM access_role w WHERE w.role = g.role AND w.ended = 0
                AND w.compartment IN (0, u.compartment)))), 0) AS used
        FROM access_grant g JOIN access_person a ON a.id = g.person AND a.ended = 0
            LEFT JOIN person p ON p.id = g.person LEFT JOIN role r ON r.id = g.role
            LEFT JOIN compartment c ON c.number = g.compartment
        WHERE {standing(at, "g")} ORDER BY name, g.since""",
    )


class Proposal(msgspec.Struct):
    number: int
    act: str
    state: str
    proposed: date
    by: str
    decided: date | None
    decided_by: str
    reason: str
    body: str


def proposals(views: Views, number: int | None = None) -> list[Proposal]:
    """What was proposed to a second person, the open ones first."""
    return views.all(
        Proposal,
        """
        SELECT a.number, a.act, a.state, date(a.since / 1000, 'unixepoch') AS proposed,
            coalesce(p.name, substr(a.person, 1, 8)) AS by,
            iif(a.decided, date(a.decided / 1000, 'unixepoch'), NULL) AS decided,
            coalesce(d.name, substr(a.by, 1, 8)) AS decided_by, a.reason, a.body
        FROM access_proposal a LEFT JOIN person p ON p.id = a.person LEFT JOIN person d ON d.id = a.by
        WHERE ? IS NULL OR a.number = ? ORDER BY a.state != 'open', a.number""",
        number,
        number,
    )


def find(views: Views, table: str, text: str) -> str:
    """The id of a person, device, role or compartment by its name, the beginning of one, or an id.

    Raises NotFound with those it could be.
    """
    key = "number" if table == "compartment" else "id"
    rows = views.all(Named, f"SELECT CAST({key} AS TEXT) AS id, name FROM {table} ORDER BY name")
    for fits in (
        [row for row in rows if row.name == text or row.id == text],
        [row for row in rows if text and row.name.startswith(text)],
        [row for row in rows if len(text) >= 8 and row.id.startswith(text)],
    ):
        if len(fits) == 1:
            return fits[0].id
        if fits:
            raise NotFound(f"{text} may be {_listed([row.name for row in fits])}: say which {table}")
    raise NotFound(f"there is no {table} {text}: there is {_listed([row.name for row in rows])}")


def _listed(names: list[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "none yet"
