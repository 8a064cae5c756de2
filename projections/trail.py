"""The audit trail: who recorded what, when, from where, why, and what it said before."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from projections.core import Projection, on
from projections.periods import reopened_events
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from projections.core import Views
    from store.recorded import Committed, Recorded

_encode = msgspec.json.Encoder().encode


class Trail(Projection):
    """`changes` is a JSON array: the fields of the event and, where they had others, their old values."""

    version = 4
    tables = """
        CREATE TABLE committed(sequence INTEGER PRIMARY KEY, first INTEGER, leaves INTEGER, position INTEGER,
            at INTEGER, person TEXT, device TEXT, tool TEXT, verdict TEXT, detail TEXT, root TEXT);
        CREATE TABLE trail(position INTEGER, leaf INTEGER, at INTEGER, person TEXT, device TEXT, command TEXT,
            compartment INTEGER, stream TEXT, event TEXT, changes TEXT, reason TEXT, sequence INTEGER);
        CREATE INDEX trail_stream ON trail(stream);
    """

    @on("ledger.committed")
    def committed(self, event: Committed, recorded: Recorded, views: Views) -> None:
        views.add(
            "committed", event.sequence, event.first, event.leaves, recorded.position, recorded.at, recorded.person,
            recorded.device, recorded.tool, event.verdict, event.detail, event.root,
        )  # fmt: skip

    @on("*")
    def happened(self, event: Any, recorded: Recorded, views: Views) -> None:
        tag = _tag(type(event))
        if tag != "ledger.committed":
            views.add(
                "trail", recorded.position, recorded.leaf, recorded.at, recorded.person, recorded.device,
                recorded.command, recorded.compartment, recorded.stream, tag, _changes(event, recorded),
                recorded.reason, recorded.commit,
            )  # fmt: skip

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        """As for a client that comes later and can read none of it: that it was erased stays."""
        views.run("DELETE FROM trail WHERE stream = ? AND compartment = ?", recorded.key, recorded.compartment)


_tags: dict[type, str] = {}


def _tag(kind: type) -> str:
    """The tag of an event; that of a control act after `control.`."""
    known = _tags.get(kind)
    if known is None:
        tag = str(kind.__struct_config__.tag)  # type: ignore[attr-defined]
        known = _tags[kind] = tag if "." in tag else f"control.{tag}"
    return known


def _changes(event: Any, recorded: Recorded) -> str:
    before = recorded.before
    if recorded.stream:  # most are written as they are, less the tag at their beginning
        raw = _encode([event, before] if before else [event])
        start, tag, rest = raw.partition(b'"type":"%b",' % _tag(type(event)).encode())
        if tag:
            return (start + rest).decode()
    new = msgspec.to_builtins(event, str_keys=True)
    del new["type"]
    if not recorded.stream:
        new = _readable(new)
    return _encode([new, before] if before else [new]).decode()


def _readable(act: dict[str, Any]) -> dict[str, Any]:
    """A control act without its keys and hashes."""
    plain = {name: value for name, value in act.items() if name not in _HIDDEN}
    return {name: _readable(value) if isinstance(value, dict) else value for name, value in plain.items()}


class Entry(msgspec.Struct):
    """`mark` is refused, read, unauthorised or rejected; else the commit stands.

    It is reopened for what was recorded of a day whose period was closed, while that was open again.
    """

    position: int
    at: str
    who: str
    device: str
    command: str
    what: str
    subject: str
    changes: str
    why: str
    mark: str


class _Row(msgspec.Struct):
    position: int
    at: int
    person: str
    device: str
    command: str
    compartment: int
    stream: str
    event: str
    changes: str
    reason: str


def entries(
    views: Views,
    stream: str = "",
    actor: str = "",
    since: date | None = None,
    until: date | None = None,
    limit: int | None = None,
) -> tuple[list[Entry], list[tuple[int, str]]]:
    """The trail, oldest first, with the streams it shows by compartment; `limit` keeps the newest.

    Commits that were not accepted stand between the others, with the reason.
    """
    where: list[str] = ["1"]
    values: list[str | int] = []
    if actor:
        who = _actor(views, actor)
        where.append(f"(person IN ({_marks(who)}) OR device IN ({_marks(who)}))")
        values += [*who, *who]
    if since:
        where.append("at >= ?")
        values.append(_start(since))
    if until:
        where.append("at < ?")
        values.append(_start(until + timedelta(days=1)))
    chosen = " AND ".join(where)
    marked = f"""SELECT position, at, person, device, '' AS command, 0 AS compartment, '' AS stream,
        'commit ' || sequence AS event, '[{{}}]' AS changes, verdict || ': ' || detail AS reason, first AS leaf
        FROM committed WHERE verdict != '' AND {chosen}"""  # noqa: S608
    events = f"""SELECT position, at, person, device, command, compartment, stream, event, changes, reason, leaf
        FROM trail WHERE {chosen}"""  # noqa: S608
    if stream:
        sql, values = f"{events} AND stream = ?", [*values, stream]
    else:
        sql, values = f"{events} UNION ALL {marked}", values * 2
    most = "" if limit is None else f" LIMIT {limit}"
    rows = views.all(_Row, f"SELECT * FROM ({sql}) ORDER BY leaf DESC, position DESC{most}", *values)  # noqa: S608
    names = Names(views)
    return [names.entry(row) for row in reversed(rows)], [(row.compartment, row.stream) for row in rows if row.stream]


class Happened(msgspec.Struct):
    """An event for programs that follow the log."""

    position: int
    at: str
    who: str
    device: str
    command: str
    stream: str
    type: str
    changes: str
    reason: str


def happened(views: Views, after: int, limit: int) -> tuple[list[Happened], list[tuple[int, str]]]:
    """The first events after a position, with their streams by compartment; acts and journals have none."""
    start = views.value("SELECT rowid FROM trail WHERE position <= ? ORDER BY rowid DESC LIMIT 1", after) or 0
    sql = """SELECT position, at, person, device, command, compartment, stream, event, changes, reason FROM trail
        WHERE rowid > ? AND stream != '' AND stream NOT LIKE 'journal/%' ORDER BY rowid LIMIT ?"""
    rows, names = views.all(_Row, sql, start, limit), Names(views)
    told = [(row, names.entry(row)) for row in rows]
    found = [
        Happened(row.position, one.at, one.who, one.device, row.command, row.stream, row.event, one.changes, row.reason)
        for row, one in told
    ]
    return found, [(row.compartment, row.stream) for row in rows]


def confidential(views: Views, streams: Iterable[tuple[int, str]]) -> dict[int, set[str]]:
    """Those of `streams` that are confidential, by compartment; a journal is not."""
    rows = views.rows("SELECT number FROM compartment WHERE confidential")
    found: dict[int, set[str]] = {number: set() for (number,) in rows}
    for compartment, stream in streams:
        if compartment in found and not stream.startswith("journal/"):
            found[compartment].add(stream)
    return {number: names for number, names in found.items() if names}


def _start(day: date) -> int:
    """Midnight UTC, in milliseconds."""
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)


def _marks(values: Iterable[str]) -> str:
    return ", ".join("?" for _ in values)


def _actor(views: Views, name: str) -> list[str]:
    """Ids of the persons and devices that are called `name`."""
    rows = views.all(
        _Named, "SELECT id, name FROM person WHERE name = ? UNION ALL SELECT id, name FROM device WHERE name = ?",
        name, name,
    )  # fmt: skip
    if not rows:
        known = ", ".join(row.name for row in views.all(_Named, "SELECT id, name FROM person ORDER BY name"))
        raise NotFound(f"nobody here is called {name}: there is {known}")
    return [row.id for row in rows]


class _Named(msgspec.Struct):
    id: str
    name: str


MARKS = {"journal.denied": "refused", "journal.looked": "read"}
_HIDDEN = frozenset(("sign", "kem", "suite", "salt", "epoch_commitment", "index_commitment", "request", "hash"))
_EMPTY: tuple[Any, ...] = ("", [], {}, None)


class Names:
    """Names for the ids in the trail."""

    def __init__(self, views: Views) -> None:
        self._views = views
        people = "SELECT id, name FROM person UNION ALL SELECT id, name FROM device UNION ALL SELECT id, name FROM role"
        self._known = {row.id: row.name for row in views.all(_Named, people)}
        places = views.all(_Named, "SELECT CAST(number AS TEXT) AS id, name FROM compartment")
        genesis = views.value("SELECT changes FROM trail WHERE event = 'control.genesis' LIMIT 1")
        if genesis:
            self._known[msgspec.json.decode(genesis)[0]["recovery"]["device"]] = "recovery"
        self._places = {"0": "everywhere", **{row.id: row.name for row in places}}
        self._reopened = reopened_events(views)

    @cached_property
    def _granted(self) -> dict[str, Any]:
        """Every grant by its id, for the revocations that name one."""
        rows = self._views.rows("SELECT changes FROM trail WHERE event = 'control.grant'")
        grants = [msgspec.json.decode(changes)[0] for (changes,) in rows]
        return {grant["grant"]: grant for grant in grants}

    def of(self, id: str) -> str:
        """The name of a person, device or role, else the beginning of the id."""
        return self._known.get(id) or ("recovery" if set(id) == {"0"} else f"{id[:8]}…" if len(id) == 32 else id)

    def entry(self, row: _Row) -> Entry:
        mark, why = MARKS.get(row.event, "reopened" if row.position in self._reopened else ""), row.reason
        if row.event.startswith("commit "):
            mark, _, why = why.partition(": ")
        act, parts = row.event.startswith("control."), msgspec.json.decode(row.changes)
        if row.event == "control.revoke":
            parts = [self._granted.get(parts[0]["grant"], parts[0])]
        return Entry(
            row.position,
            datetime.fromtimestamp(row.at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            self.of(row.person),
            self.of(row.device),
            row.command,
            row.event.removeprefix("control.").replace("-", " ") if act else row.event,
            self._subject(row.stream),
            self._changes(parts, act),
            why,
            mark,
        )  # fmt: skip

    def _subject(self, stream: str) -> str:
        """`kind/reference` without the ids that say nothing to people."""
        kind, _, reference = stream.partition("/")
        return f"{kind}/{self.of(reference)}" if len(reference) == 32 else stream

    def _changes(self, parts: list[dict[str, Any]], act: bool) -> str:
        """`name: Old → New; city: Graz`."""
        new, old = parts[0], parts[1] if len(parts) > 1 else {}
        new = {**new.pop("fields"), **new} if isinstance(new.get("fields"), dict) else new
        said = []
        for name, value in new.items():
            if (value in _EMPTY and name not in old) or (act and (name == "grant" or (name == "until" and not value))):
                continue
            before = f"{self._word(name, old[name])} → " if name in old else ""
            said.append(f"{name}: {before}{self._word(name, value)}")
        said += [f"{name}: {self._word(name, value)} →" for name, value in old.items() if name not in new]
        return "; ".join(said)

    def _word(self, name: str, value: Any) -> str:
        match value:
            case None:
                return "–"
            case str():
                return self.of(value) if len(value) == 32 else value
            case int() if name == "compartment":
                return self._places.get(str(value), str(value))
            case {"minor": int(minor), "currency": str(currency), **rest} if not rest:
                return f"{Decimal(minor).scaleb(-self._views.digits(currency))} {currency}"
            case {"device": str(device)} if len(value) == 1:
                return self.of(device)
            case int() if name == "until":
                return datetime.fromtimestamp(value / 1000, UTC).date().isoformat()
            case {"type": str(tag)}:
                return f"{tag} ({self._changes([{k: v for k, v in value.items() if k != 'type'}], True)})"
            case list() if name == "slots":
                return ", ".join(sorted(self.of(device) for device, _ in value))
            case list() if name in ("streams", "rights"):
                return ", ".join(self._pair(*pair) for pair in value)
        return _encode(value).decode()

    def _pair(self, one: str | int, other: str | int) -> str:
        """A compartment beside a right, or beside a stream's id."""
        if isinstance(one, int):
            return f"{self._word('compartment', one)} {str(other)[:8]}…"
        return f"{one} {self._word('compartment', other)}"
