"""Records as they are, what changed on each and when, their words to search, and what makes two alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from projections.core import Projection, on
from projections.recordtext import ALIKE, Field, Kind, alike, title, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregates.directory import LedgerNamed
    from aggregates.kind import Defined
    from aggregates.mapping import Saved
    from aggregates.record import Added, Archived, Changed, Merged, Restored, Unmerged
    from projections.core import Views
    from store.recorded import Recorded


class Records(Projection):
    """`id` is the position of a record's first event that this device could read."""

    version = 1
    tables = """
        CREATE TABLE record(id INTEGER PRIMARY KEY, kind TEXT, ref TEXT, compartment INTEGER, name TEXT, fields TEXT,
            text TEXT, archived INTEGER, merged TEXT, whole INTEGER, at INTEGER, person TEXT, command TEXT, reason TEXT,
            UNIQUE(kind, ref, compartment) ON CONFLICT IGNORE);
        CREATE TABLE record_change(id INTEGER PRIMARY KEY, kind TEXT, ref TEXT, compartment INTEGER, what TEXT,
            before TEXT, after TEXT, at INTEGER, person TEXT, command TEXT, reason TEXT);
        CREATE INDEX record_change_of ON record_change(kind, ref);
        CREATE TABLE record_alike(kind TEXT, what TEXT, value TEXT, ref TEXT, compartment INTEGER,
            PRIMARY KEY(kind, what, value, ref, compartment) ON CONFLICT IGNORE) WITHOUT ROWID;
        CREATE TABLE record_erased(kind TEXT, ref TEXT, compartment INTEGER, at INTEGER, person TEXT, command TEXT,
            reason TEXT, id INTEGER, PRIMARY KEY(kind, ref, compartment) ON CONFLICT IGNORE) WITHOUT ROWID;
        CREATE TABLE record_kind(name TEXT PRIMARY KEY, compartment INTEGER, fields TEXT) WITHOUT ROWID;
        CREATE TABLE record_mapping(name TEXT, compartment INTEGER, kind TEXT, mapping TEXT,
            PRIMARY KEY(name, compartment) ON CONFLICT REPLACE) WITHOUT ROWID;
        CREATE VIRTUAL TABLE record_text USING fts5(text, content = 'record', content_rowid = 'id',
            tokenize = 'unicode61 remove_diacritics 2');
    """

    def __init__(self) -> None:
        self._kinds: dict[str, Kind | None] = {}

    @on("directory.ledger_named")
    def begun(self, event: LedgerNamed, recorded: Recorded, views: Views) -> None:
        from aggregates.kind import built_in

        for kind in built_in().values():
            fields = msgspec.json.encode(kind.fields).decode()
            views.run("INSERT OR IGNORE INTO record_kind VALUES(?, ?, ?)", kind.name, kind.home, fields)

    @on("kind.defined")
    def defined(self, event: Defined, recorded: Recorded, views: Views) -> None:
        fields = msgspec.json.encode(event.fields).decode()
        views.run("INSERT OR REPLACE INTO record_kind VALUES(?, ?, ?)", event.name, event.compartment, fields)
        self._kinds.pop(event.name, None)

    @on("mapping.saved")
    def saved(self, event: Saved, recorded: Recorded, views: Views) -> None:
        views.run(
            "INSERT OR REPLACE INTO record_mapping VALUES(?, ?, ?, ?)",
            recorded.key, recorded.compartment, event.kind, event.mapping,
        )  # fmt: skip

    @on("record.added")
    def added(self, event: Added, recorded: Recorded, views: Views) -> None:
        kind = self._kind(recorded.kind, views)
        values = event.fields
        text = words(recorded.key, values)
        views.add("record", *_row(recorded, title(kind, values), _json(values), text, True))
        views.add("record_text(rowid, text)", recorded.position, text)
        self._liken(views, recorded, values)

    @on("record.changed")
    def changed(self, event: Changed, recorded: Recorded, views: Views) -> None:
        kind, stands = self._kind(recorded.kind, views), self._stands(recorded, views)
        old = msgspec.json.decode(stands.fields)
        change = msgspec.to_builtins(event.fields)
        new = {name: value for name, value in {**old, **change}.items() if value is not None}
        text = words(recorded.key, new, views)
        views.run("INSERT INTO record_text(record_text, rowid, text) VALUES('delete', ?, ?)", stands.id, stands.text)
        views.run(
            "UPDATE record SET name = ?, fields = ?, text = ? WHERE id = ?",
            title(kind, new), _json(new), text, stands.id,
        )  # fmt: skip
        views.add("record_text(rowid, text)", stands.id, text)
        self._unliken(views, recorded, old)
        self._liken(views, recorded, new)
        before = {name: old.get(name) for name in change} if stands.whole else recorded.before
        _note(views, recorded, "changed", before, change)

    @on("record.archived", "record.restored")
    def archived(self, event: Archived | Restored, recorded: Recorded, views: Views) -> None:
        what = "archived" if type(event).__name__ == "Archived" else "restored"
        views.run("UPDATE record SET archived = ? WHERE id = ?", what == "archived", self._stands(recorded, views).id)
        _note(views, recorded, what, {}, {})

    @on("record.merged")
    def merged(self, event: Merged, recorded: Recorded, views: Views) -> None:
        stands = self._stands(recorded, views)
        views.run("UPDATE record SET merged = ? WHERE id = ?", event.into, stands.id)
        self._unliken(views, recorded, msgspec.json.decode(stands.fields))
        _note(views, recorded, "merged", {}, {"merged": event.into})

    @on("record.unmerged")
    def unmerged(self, event: Unmerged, recorded: Recorded, views: Views) -> None:
        stands = self._stands(recorded, views)
        views.run("UPDATE record SET merged = '' WHERE id = ?", stands.id)
        self._liken(views, recorded, msgspec.json.decode(stands.fields))
        _note(views, recorded, "unmerged", {"merged": stands.merged}, {})

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        """Nothing of what the record said stays, in the index of words either."""
        kind, _, ref = recorded.key.partition("/")
        at = (kind, ref, recorded.compartment)
        views.run(
            "INSERT INTO record_erased VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            *at, recorded.at, recorded.person, recorded.command, recorded.reason, recorded.position,
        )  # fmt: skip
        if views.value("SELECT 1 FROM record WHERE kind = ? AND ref = ? AND compartment = ?", *at):
            for table in ("record", "record_change", "record_alike"):
                views.run(f"DELETE FROM {table} WHERE kind = ? AND ref = ? AND compartment = ?", *at)  # noqa: S608
            views.run("INSERT INTO record_text(record_text) VALUES('rebuild')")

    def _liken(self, views: Views, recorded: Recorded, values: Any) -> None:
        for what, value in alike(self._kind(recorded.kind, views), values):
            views.add("record_alike", recorded.kind, what, value, recorded.key, recorded.compartment)

    def _unliken(self, views: Views, recorded: Recorded, values: Any) -> None:
        """One that is merged into another is not taken for a third."""
        for what, value in alike(self._kind(recorded.kind, views), values):
            views.run(
                "DELETE FROM record_alike WHERE kind = ? AND what = ? AND value = ? AND ref = ? AND compartment = ?",
                recorded.kind, what, value, recorded.key, recorded.compartment,
            )  # fmt: skip

    def _kind(self, name: str, views: Views) -> Kind | None:
        if name not in self._kinds:
            self._kinds[name] = kind_of(views, name)
        return self._kinds[name]

    def _stands(self, recorded: Recorded, views: Views) -> Standing:
        """The record's row; an empty one for somebody granted access from now on."""
        found = standing(views, recorded.kind, recorded.key, recorded.compartment)
        if found is None:
            text = words(recorded.key, {})
            views.add("record", *_row(recorded, "", "{}", text, False))
            views.add("record_text(rowid, text)", recorded.position, text)
            found = standing(views, recorded.kind, recorded.key, recorded.compartment)
        if found is None:
            raise LookupError(f"{recorded.stream} has no row")
        return found


class Standing(msgspec.Struct):
    """A record's row; not `whole` when its beginning could not be read."""

    id: int
    kind: str
    ref: str
    compartment: int
    name: str
    fields: str
    text: str
    archived: bool
    merged: str
    whole: bool

    @property
    def status(self) -> str:
        return "merged" if self.merged else "archived" if self.archived else "active"


COLUMNS = ", ".join(Standing.__struct_fields__)


def standing(views: Views, kind: str, ref: str, compartment: int) -> Standing | None:
    """One record's row."""
    return views.one(
        Standing,
        f"SELECT {COLUMNS} FROM record WHERE kind = ? AND ref = ? AND compartment = ?",  # noqa: S608
        kind, ref, compartment,
    )  # fmt: skip


def kind_of(views: Views, name: str) -> Kind | None:
    """A kind as it is defined now."""
    row = views.one(_KindRow, "SELECT name, compartment, fields FROM record_kind WHERE name = ?", name)
    return row.kind if row else None


def kinds(views: Views) -> list[Kind]:
    """All kinds by name."""
    return [row.kind for row in views.all(_KindRow, "SELECT name, compartment, fields FROM record_kind ORDER BY name")]


class _KindRow(msgspec.Struct):
    name: str
    compartment: int
    fields: str

    @property
    def kind(self) -> Kind:
        return Kind(self.name, self.compartment, msgspec.json.decode(self.fields, type=tuple[Field, ...]))


class Alike(msgspec.Struct):
    ref: str
    what: str

    def __str__(self) -> str:
        return f"possible duplicate of {self.ref}: the same {ALIKE[self.what]}"


def duplicates(views: Views, kind: Kind, ref: str, values: Any) -> Iterator[Alike]:
    """Other records of the kind that may be this one, each for one reason. Those merged away do not count."""
    told: set[str] = set()
    for what, value in alike(kind, values):
        other = views.value(
            """SELECT ref FROM record_alike
            WHERE kind = ? AND what = ? AND value = ? AND compartment = ? AND ref != ? LIMIT 1""",
            kind.name, what, value, kind.compartment, ref,
        )  # fmt: skip
        if other is not None and other not in told:
            told.add(other)
            yield Alike(other, what)


def _row(recorded: Recorded, name: str, fields: str, text: str, whole: bool) -> tuple[Any, ...]:
    return (
        recorded.position, recorded.kind, recorded.key, recorded.compartment, name, fields, text, False, "", whole,
        recorded.at, recorded.person, recorded.command, recorded.reason,
    )  # fmt: skip


def _note(views: Views, recorded: Recorded, what: str, before: Any, after: Any) -> None:
    views.add(
        "record_change", recorded.position, recorded.kind, recorded.key, recorded.compartment, what, _json(before),
        _json(after), recorded.at, recorded.person, recorded.command, recorded.reason,
    )  # fmt: skip


def _json(values: Any) -> str:
    return msgspec.json.encode(values).decode()
