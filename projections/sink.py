"""Folding: one pass over the log is told to all projections, and new or changed ones are built again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from projections.core import Views, fingerprint, projections

if TYPE_CHECKING:
    from collections.abc import Callable

    from projections.core import Projection
    from store.client import Client
    from store.ledger import Ledger
    from store.recorded import Recorded

TABLES = """
CREATE TABLE IF NOT EXISTS projection(name TEXT PRIMARY KEY, version INTEGER, objects TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS currency(code TEXT PRIMARY KEY, digits INTEGER) WITHOUT ROWID;
"""


class Sink:
    """Feeds one pass over the log to all projections, or to some."""

    def __init__(
        self, client: Client, ledger: Ledger, only: frozenset[str] = frozenset(), until: int | None = None
    ) -> None:
        self._client, self._ledger, self._only, self._until = client, ledger, only, until
        self.views = Views(client, ledger)
        self._handlers: dict[type, tuple[Callable[[Any, Recorded, Views], None], ...]] = {}
        self._listeners: dict[str, list[Callable[[Any, Recorded, Views], None]]] = {}
        self._position = 0
        self._prepared = False

    def prepare(self) -> None:
        """Create the tables of new projections and build them from what was followed before."""
        if self._prepared:
            return
        self._prepared = True
        current = {name: cls() for name, cls in projections().items() if not self._only or name in self._only}
        if self._client.get("projections") != fingerprint():
            self._build(current)
        self._listen(current)

    def _build(self, current: dict[str, Projection]) -> None:
        """The same where this program has not done so yet."""
        self._statements(TABLES)
        self._fill_currencies()
        known = dict(self._client.db.execute("SELECT name, version FROM projection").fetchall())
        outdated = {name: one for name, one in current.items() if known.get(name) != one.version}
        if not self._only:
            for name in known.keys() - current.keys():
                self._drop(name)
        for name, projection in outdated.items():
            self._create(name, projection)
        if outdated and self._ledger.verifier.size and self._until is None:
            self._listen(outdated)
            from store.follow import replay

            replay(self._ledger, self, self._ledger.verifier.size)
            for warning in filter(None, (projection.rebuilt(self.views) for projection in current.values())):
                self._ledger.warn(warning)
        self._client.put("projections", fingerprint())

    def rebuild(self) -> None:
        """Empty every table: the log is told again from its beginning."""
        self.views.forget()
        current = {name: cls() for name, cls in projections().items()}
        for name, projection in current.items():
            self._create(name, projection)
        self._listen(current)

    def _listen(self, chosen: dict[str, Projection]) -> None:
        self._listeners, self._handlers = {}, {}
        for projection in chosen.values():
            for tag, method in projection.handlers():
                self._listeners.setdefault(tag, []).append(method)

    def _statements(self, script: str) -> None:
        for statement in script.split(";"):
            if statement.strip():
                self._client.db.execute(statement)

    def _create(self, name: str, projection: Projection) -> None:
        self._drop(name)
        before = self._objects()
        self._statements(projection.tables)
        made = [entry for entry in self._objects() if entry not in before]
        self._client.db.execute(
            "INSERT INTO projection VALUES(?, ?, ?)", (name, projection.version, ",".join(name for _, name in made))
        )

    def _objects(self) -> list[tuple[str, str]]:
        return self._client.db.execute(  # type: ignore[no-any-return]
            "SELECT type, name FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL"
        ).fetchall()

    def _drop(self, name: str) -> None:
        """Drop a projection's tables, not page by page: to overwrite them would need all of them in memory.

        What is shredded has the whole database written anew.
        """
        db = self._client.db
        row = db.execute("SELECT objects FROM projection WHERE name = ?", (name,)).fetchone()
        db.execute("PRAGMA secure_delete=OFF")
        for table in filter(None, row[0].split(",") if row else ()):
            db.execute(f'DROP TABLE IF EXISTS "{table}"')
        db.execute("PRAGMA secure_delete=ON")
        db.execute("DELETE FROM projection WHERE name = ?", (name,))

    def _fill_currencies(self) -> None:
        if self._client.db.execute("SELECT 1 FROM currency LIMIT 1").fetchone() is None:
            from aggregates.currencies import DIGITS

            self._client.db.executemany("INSERT INTO currency VALUES(?, ?)", DIGITS.items())

    def apply(self, recorded: Recorded) -> None:
        """Give a record to whoever folds its type."""
        kind = type(recorded.event)
        handlers = self._handlers.get(kind)
        if handlers is None:
            tag = _tag(kind)
            handlers = self._handlers[kind] = (*self._listeners.get(tag, ()), *self._listeners.get("*", ()))
        for handler in handlers:
            handler(recorded.event, recorded, self.views)
        self._position = recorded.position

    def flush(self) -> None:
        self.views.flush()
        if self._position:
            self._client.put("position", str(self._position).encode())


def _tag(kind: type) -> str:
    """The tag of an event; that of a control act after `control.`."""
    tag = str(kind.__struct_config__.tag)  # type: ignore[attr-defined]
    return tag if "." in tag else f"control.{tag}"
