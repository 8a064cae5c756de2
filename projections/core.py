"""Projections: what folds the log into tables, and the views that queries read."""

from __future__ import annotations

import os
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NewType, TypeVar

import msgspec

from store.client import Client
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from projections.sink import Sink
    from store.ledger import Ledger
    from store.recorded import Recorded

Minor = NewType("Minor", int)
"""An amount in minor units of the `currency` beside it; printed as an exact decimal."""

Row = TypeVar("Row", bound=msgspec.Struct)
Handler = TypeVar("Handler", bound="Callable[..., None]")

BATCH = 5_000


def on(*tags: str) -> Callable[[Handler], Handler]:
    """Mark a method as the one that folds events, acts (`control.grant`) or everything (`*`)."""

    def mark(method: Handler) -> Handler:
        method.__dict__["tags"] = tags
        return method

    return mark


class Projection:
    """A set of tables and how events change them. Raise `version` when either changes: it alone is rebuilt.

    A module of projections imports no aggregates at run time: what only reads views must stay light.
    """

    version: ClassVar[int] = 1
    tables: ClassVar[str] = ""

    def handlers(self) -> list[tuple[str, Callable[[Any, Recorded, Views], None]]]:
        """Each tag with the method that folds it."""
        return [(tag, getattr(self, name)) for tag, name in self._marked()]

    @classmethod
    @cache
    def _marked(cls) -> list[tuple[str, str]]:
        """Each tag with the name of the method, looked up once: a commit asks all projections."""
        return [(tag, name) for name in dir(cls) for tag in getattr(getattr(cls, name), "tags", ())]

    def rebuilt(self, views: Views) -> str:
        """Asked after any tables were built again: a warning to the user where they say what they must not, else ""."""
        return ""


class Rows(list[Any]):
    """Rows that know their columns: where there are none, a listing of them still has its header."""

    def __init__(self, struct: type[msgspec.Struct], rows: Iterable[msgspec.Struct] = ()) -> None:
        super().__init__(rows)
        self.struct = struct


class Views:
    """The tables of a client database: written while following the log, read by queries."""

    def __init__(self, client: Client, ledger: Ledger | None = None) -> None:
        self._client, self._db, self._ledger = client, client.db, ledger
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._sums: dict[str, dict[tuple[Any, ...], list[int]]] = {}
        self._digits: dict[str, int] = {}

    def add(self, table: str, *values: Any) -> None:
        """Insert a row; rows wait and are written together."""
        rows = self._rows.get(table)
        if rows is None:
            rows = self._rows[table] = []
        rows.append(values)
        if len(rows) >= BATCH:
            self._write(table)

    def tally(self, table: str, key: tuple[Any, ...], *amounts: int) -> None:
        """Add to the row of a key. In `turnover(account, debit, credit)` the last columns are sums, the others the key.

        They are added up in memory and written together.
        """
        sums = self._sums.get(table)
        if sums is None:
            sums = self._sums[table] = {}
        known = sums.get(key)
        if known is None:
            sums[key] = list(amounts)
        else:
            for at, amount in enumerate(amounts):
                known[at] += amount

    def run(self, sql: str, *values: Any) -> None:
        """Execute a statement after the rows that wait for its tables."""
        self._before(sql)
        self._db.execute(sql, values)

    def _before(self, sql: str) -> None:
        """Write the rows that a statement may want to see; those of other tables go on waiting."""
        if self._rows or self._sums:
            words = _words(sql)
            for table in [table for table in self._rows if table.partition("(")[0] in words]:
                self._write(table)
            for table in [table for table in self._sums if table.partition("(")[0] in words]:
                self._write_sums(table)

    def _write(self, table: str) -> None:
        rows = self._rows.pop(table)
        self._db.executemany(f"INSERT INTO {table} VALUES({','.join('?' * len(rows[0]))})", rows)

    def _write_sums(self, table: str) -> None:
        sums = self._sums.pop(table)
        _, *columns = re.findall(r"\w+", table)
        added = columns[-len(next(iter(sums.values()))) :]
        more = ", ".join(f"{name} = {name} + excluded.{name}" for name in added)
        marks = ",".join("?" * len(columns))
        self._db.executemany(
            f"INSERT INTO {table} VALUES({marks}) ON CONFLICT DO UPDATE SET {more}",
            ((*key, *amounts) for key, amounts in sums.items()),
        )

    def forget(self) -> None:
        """Drop the rows that wait."""
        self._rows.clear()
        self._sums.clear()

    def flush(self) -> None:
        for table in list(self._rows):
            self._write(table)
        for table in list(self._sums):
            self._write_sums(table)

    def all(self, shape: type[Row], sql: str, *values: Any) -> list[Row]:
        """The rows of a query, as structs of `shape`, column by column."""
        rows = self.named(sql, *values)
        return msgspec.convert(rows, list[shape], strict=False) if rows else Rows(shape)  # type: ignore[valid-type]

    def named(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of a query, each by the names of its columns."""
        self._before(sql)
        found = self._db.execute(sql, values)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    def rows(self, sql: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query as SQLite has them."""
        self._before(sql)
        yield from self._db.execute(sql, values)

    def one(self, shape: type[Row], sql: str, *values: Any) -> Row | None:
        """The first row of a query."""
        found = self.all(shape, f"{sql} LIMIT 1" if "LIMIT" not in sql.upper() else sql, *values)
        return found[0] if found else None

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, None without rows."""
        self._before(sql)
        row = self._db.execute(sql, values).fetchone()
        return row[0] if row else None

    def document(self, recorded: Recorded, blob: str) -> Iterator[bytes]:
        """A document that an event being folded refers to, in pieces. Raises a StoreError where it cannot be had."""
        from store.sealing import document_of_leaf

        if self._ledger is None:
            raise NotFound("documents are read while the log is followed")
        return document_of_leaf(self._ledger, recorded.leaf, bytes.fromhex(blob))

    def complete(self, compartment: int) -> bool:
        """Asked while the log is followed: whether this device may read a compartment from its beginning."""
        return self._ledger is not None and self._ledger.keyring.epoch(compartment, 1) is not None

    def digits(self, currency: str) -> int:
        """Decimals of a currency, without loading the table of all of them."""
        known = self._digits.get(currency)
        if known is None:
            known = self._digits[currency] = self.value("SELECT digits FROM currency WHERE code = ?", currency) or 0
        return known

    @property
    def position(self) -> int:
        """The position these views have reached."""
        return int(self.value("SELECT value FROM state WHERE name = 'position'") or 0)

    def close(self) -> None:
        self._client.close()


def digits(currency: str) -> int:
    """Decimals of a currency, as the views opened last have them."""
    return _latest[-1].digits(currency) if _latest else 2


_latest: list[Views] = []


@cache
def _words(sql: str) -> frozenset[str]:
    """All that may be the name of a table."""
    return frozenset(re.findall(r"\w+", sql))


@cache
def projections() -> dict[str, type[Projection]]:
    """Every projection by its class name, found by listing this folder."""
    found: dict[str, type[Projection]] = {}
    for module in _modules():
        loaded = import_module(f"projections.{module}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Projection) and value.__module__ == loaded.__name__:
                if value.__name__ in found:
                    raise TypeError(f"two projections are called {value.__name__}")
                found[value.__name__] = value
    return found


def _folders() -> list[str]:
    import projections as package

    return list(package.__path__)


def _modules() -> list[str]:
    names = {entry.name[:-3] for folder in _folders() for entry in os.scandir(folder) if entry.name.endswith(".py")}
    return sorted(names - {"__init__", "core"})


@cache
def fingerprint() -> bytes:
    """Changes when any projection's file does; cheap enough for every reading command."""
    entries = sorted(
        (entry.name, entry.stat().st_mtime_ns, entry.stat().st_size)
        for folder in _folders()
        for entry in os.scandir(folder)
        if entry.name.endswith(".py")
    )
    return repr(entries).encode()


class Projections:
    """What the ledger is given to keep the views up."""

    def sink(self, ledger: Ledger) -> Sink:
        from projections.sink import Sink

        return Sink(ledger.client, ledger)


def open_views(ledger: Ledger, known_at: int | date | None = None, only: tuple[str, ...] = ()) -> Views:
    """The views after the newest commit, or as the ledger knew things at a position or on a date.

    The past is folded into a scratch file under a key of its own, which is gone with the process; `only`
    names the projections it needs.
    """
    ledger.pull()
    if ledger.client.get("projections") != fingerprint():
        from store.writing import pull

        pull(ledger)
    views = Views(ledger.client)
    if known_at is not None:
        views = _past(ledger, views, known_at, only)
    _latest[:] = [views]
    return views


def _past(ledger: Ledger, views: Views, known_at: int | date, only: tuple[str, ...]) -> Views:
    import tempfile

    from projections.sink import Sink
    from store.follow import replay

    until = _leaf_after(ledger, views, known_at)
    folder = Path(tempfile.mkdtemp(prefix="scratch.", dir=ledger.client.path.parent))
    client = Client(folder / "views.db", os.urandom(48).hex(), scratch=True)
    client.path.unlink()
    folder.rmdir()
    sink = Sink(client, ledger, frozenset(only), until)
    with client.transaction():
        sink.prepare()
        replay(ledger, sink, until)
    return sink.views


def _leaf_after(ledger: Ledger, views: Views, known_at: int | date) -> int:
    """The index after the commit that holds a position, or after the last one up to the end of a day."""
    if isinstance(known_at, int):
        newest = views.position
        if not 0 <= known_at <= newest:
            raise NotFound(f"there is no position {known_at}: the ledger ends at {newest}")
        return ledger.store.end_of_commit(known_at)
    later = views.value("SELECT MIN(first) FROM committed WHERE date(at / 1000, 'unixepoch') > ?", known_at)
    return ledger.verifier.size if later is None else int(later)
