"""Periods: how far the books are closed, what each close sealed, and what was recorded while one was open again."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from projections.core import Projection, on
from store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregates.period import Changed
    from projections.core import Views
    from store.recorded import Recorded

_encode = msgspec.json.Encoder().encode


class Periods(Projection):
    """A close counts until another is `superseding` it; from its reopening on its figures may have changed."""

    version = 1
    tables = """
        CREATE TABLE standing(one INTEGER PRIMARY KEY, soft TEXT, closed TEXT, archived TEXT, locks TEXT,
            reopening TEXT, year_start INTEGER);
        CREATE TABLE period_change(position INTEGER PRIMARY KEY, at INTEGER, person TEXT, what TEXT, through TEXT,
            reason TEXT);
        CREATE TABLE close(id INTEGER PRIMARY KEY, first TEXT, last TEXT, package TEXT, blob TEXT, trouble TEXT,
            entries INTEGER, postings INTEGER, digest TEXT, superseding INTEGER, reopened INTEGER, worth INTEGER);
        CREATE TABLE close_account(close INTEGER, account TEXT, currency TEXT, opening INTEGER, debit INTEGER,
            credit INTEGER, closing INTEGER, PRIMARY KEY(close, account, currency)) WITHOUT ROWID;
        CREATE TABLE close_party(close INTEGER, account TEXT, party TEXT, currency TEXT, balance INTEGER,
            PRIMARY KEY(close, account, party, currency)) WITHOUT ROWID;
        CREATE TABLE close_worth(close INTEGER, account TEXT, currency TEXT, debit INTEGER, credit INTEGER,
            PRIMARY KEY(close, account, currency)) WITHOUT ROWID;
        CREATE TABLE reopened_event(position INTEGER PRIMARY KEY);
    """

    def __init__(self) -> None:
        self._open: tuple[str, str] | None = None
        """The days of a reopening, "" when there is none; unknown before the first event."""

    @on("*")
    def happened(self, event: Any, recorded: Recorded, views: Views) -> None:
        """Note what is recorded for a day that was open again."""
        if self._open is None:
            self._open = _reopened(standing(views).reopening)
        first, last = self._open
        if first:
            from aggregates.posting import accounting_dates

            if any(first <= day.isoformat() <= last for day in accounting_dates(event)):
                views.add("reopened_event", recorded.position)

    @on("period.changed")
    def changed(self, event: Changed, recorded: Recorded, views: Views) -> None:
        now, id = event.standing, recorded.position
        reopening = _encode(now.reopening).decode()
        views.run(
            "INSERT OR REPLACE INTO standing VALUES(1, ?, ?, ?, ?, ?, ?)",
            now.soft, now.closed, now.archived, _encode(now.locks).decode(), reopening, now.year_start,
        )  # fmt: skip
        said = event.reason or recorded.reason
        views.add("period_change", id, recorded.at, recorded.person, event.what, event.through.isoformat(), said)
        self._open = _reopened(msgspec.json.decode(reopening))
        if event.what == "reopened" and now.reopening:  # the figures of all that comes after may change as well
            views.run("UPDATE close SET reopened = ? WHERE superseding = 0 AND last >= ?", id, now.reopening.first)
        if event.package:
            self._sealed(event, recorded, views)

    def _sealed(self, event: Changed, recorded: Recorded, views: Views) -> None:
        """Keep the figures of a package, to compare with: a document that cannot be had is a trouble, no stop."""
        from aggregates.package import decode

        id = recorded.position
        try:
            package = decode(b"".join(views.document(recorded, event.blob)), event.package)
        except (StoreError, OSError, ValueError) as problem:
            before = "SELECT date(MAX(last), '+1 day') FROM close WHERE superseding = 0 AND last < ?"
            first = views.value(before, event.through) or event.through.isoformat()
            views.add("close", id, first, event.through, event.package, event.blob, str(problem), 0, 0, "", 0, 0, 0)
            return
        first, last = package.first.isoformat(), package.last.isoformat()
        views.run("UPDATE close SET superseding = ? WHERE superseding = 0 AND last >= ?", id, first)
        views.add(
            "close", id, first, last, event.package, event.blob, "", package.entries, package.postings, package.digest,
            0, 0, package.worth is not None,
        )  # fmt: skip
        for each in package.accounts:
            views.add("close_account", id, *msgspec.structs.astuple(each))
        for tie in package.parties:
            views.add("close_party", id, tie.account, tie.party, tie.currency, tie.balance)
        for worth in package.worth or ():
            views.add("close_worth", id, *msgspec.structs.astuple(worth))

    def rebuilt(self, views: Views) -> str:
        """What was folded again has to give the figures that were sealed, to whom can read all of it."""
        from aggregates.core import FINANCE
        from projections.closes import alarm

        return alarm(views) if views.complete(FINANCE) else ""


def _reopened(reopening: dict[str, Any] | None) -> tuple[str, str]:
    agreed = reopening is not None and reopening.get("second")
    return (str(reopening["first"]), str(reopening["last"])) if reopening and agreed else ("", "")


class Standing(msgspec.Struct):
    soft: date | None = None
    closed: date | None = None
    archived: date | None = None
    locks: dict[str, date] = {}
    reopening: dict[str, Any] | None = None
    year_start: int = 1


def standing(views: Views) -> Standing:
    """How far everything is closed."""
    for soft, closed, archived, locks, reopening, start in views.rows(
        "SELECT soft, closed, archived, locks, reopening, year_start FROM standing"
    ):
        known = {"soft": soft, "closed": closed, "archived": archived, "year_start": start}
        decode = msgspec.json.decode
        return msgspec.convert({**known, "locks": decode(locks), "reopening": decode(reopening)}, Standing)
    return Standing()


def year_of(day: date, start: int) -> date:
    """The first day of the fiscal year that a day lies in."""
    return date(day.year if day.month >= start else day.year - 1, start, 1)


def name_of(first: date) -> str:
    """The fiscal year that begins on a day: 2026, or 2026/27."""
    return f"{first.year}" if first.month == 1 else f"{first.year}/{(first.year + 1) % 100:02}"


def after(first: date, months: int) -> date:
    """The first of a month, some months later."""
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, 1)


class Period(msgspec.Struct):
    """A fiscal year, or one of its months. `package` is the SHA-256 of what the close sealed."""

    period: str
    first: date
    last: date
    state: str
    until: date | None
    """How long it is open again."""
    locks: str
    closed: date | None
    """The day on which it was closed."""
    who: str
    package: str


class _Closed(msgspec.Struct):
    first: str
    last: str
    day: date
    person: str
    package: str


def listed(views: Views, today: date, as_of: date | None = None) -> list[Period]:
    """Every fiscal year since the first entry, with its months up to a day, as far as they have begun."""
    now, last = standing(views), as_of or today
    oldest = views.value("SELECT MIN(month) FROM month_turnover")
    begun = min(filter(None, (date.fromisoformat(f"{oldest}-01") if oldest else None, now.closed, last)))
    end = max(filter(None, (now.closed, last))) if as_of is None else last
    closes = views.all(
        _Closed,
        """SELECT coalesce((SELECT first FROM close c WHERE c.id = p.position), '') AS first, through AS last,
            date(at / 1000, 'unixepoch') AS day, coalesce(d.name, substr(p.person, 1, 8)) AS person,
            coalesce((SELECT package FROM close c WHERE c.id = p.position), '') AS package
            FROM period_change p LEFT JOIN person d ON d.id = p.person WHERE what = 'closed' ORDER BY position DESC""",
    )
    rows, first = [], year_of(begun, now.year_start)
    while first <= end:
        following = after(first, 12)
        rows.append(_period(now, closes, today, name_of(first), first, following - timedelta(1)))
        for month in range(12):
            begins = after(first, month)
            if after(begun.replace(day=1), 0) <= begins <= end:
                ends = after(begins, 1) - timedelta(1)
                rows.append(_period(now, closes, today, f"{begins:%Y-%m}", begins, ends))
        first = following
    return rows


def _period(now: Standing, closes: list[_Closed], today: date, name: str, first: date, last: date) -> Period:
    state, until = _state(now, today, first, last)
    locks = " ".join(sorted(area for area, through in now.locks.items() if through >= last))
    seal = next((each for each in closes if each.last >= last.isoformat() and each.first <= last.isoformat()), None)
    shown = seal if seal and state in ("closed", "archived", "reopened") else None
    day, who, package = (shown.day, shown.person, shown.package) if shown else (None, "", "")
    return Period(name, first, last, state, until, locks, day, who, package)


def _state(now: Standing, today: date, first: date, last: date) -> tuple[str, date | None]:
    asked = now.reopening
    if asked and asked.get("second") and asked["first"] <= last.isoformat() and asked["last"] >= first.isoformat():
        until = date.fromisoformat(asked["until"])
        if until >= today:
            return "reopened", until
    if now.archived and last <= now.archived:
        return "archived", None
    if now.closed and last <= now.closed:
        return "closed", None
    if now.closed and first <= now.closed:
        return "closed in part", None
    return ("soft-closed" if now.soft and last <= now.soft else "open"), None


def reopened_events(views: Views) -> frozenset[int]:
    """The positions of what was recorded for days that were open again; nothing where that is not folded."""
    there = views.value("SELECT 1 FROM sqlite_schema WHERE name = 'reopened_event'")
    return frozenset(_positions(views)) if there else frozenset()


def _positions(views: Views) -> Iterator[int]:
    for (position,) in views.rows("SELECT position FROM reopened_event"):
        yield int(position)
