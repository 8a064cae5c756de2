"""What a view database holds: rows and a digest of every table, and where two of them differ."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views

_encode = msgspec.json.Encoder().encode


class Table(msgspec.Struct):
    """`digest` depends on the rows alone, not on their order in the file."""

    projection: str
    table: str
    rows: int
    digest: str


class Difference(msgspec.Struct):
    """A row that only one of two view databases has: `-` the first, `+` the second."""

    table: str
    side: str
    row: str


class _Made(msgspec.Struct):
    name: str
    version: int
    objects: str


class _Name(msgspec.Struct):
    name: str


def made(views: Views) -> list[_Made]:
    """Every projection, its version and the tables it made."""
    return views.all(_Made, "SELECT name, version, objects FROM projection ORDER BY name")


def tables(views: Views) -> Iterator[tuple[str, str]]:
    """Projection and name of every table; not what full-text search keeps behind one."""
    shadow = {row.name for row in views.all(_Name, "SELECT name FROM pragma_table_list WHERE type = 'shadow'")}
    for one in made(views):
        yield from ((one.name, table) for table in sorted(one.objects.split(",")) if table and table not in shadow)


def digests(views: Views) -> list[Table]:
    """Every table, and all of them together in a last row."""
    found = [_digest(views, projection, table) for projection, table in tables(views)]
    whole = sha256(_encode([[one.projection, one.table, one.digest] for one in found])).hexdigest()
    return [*found, Table("all", "", sum(one.rows for one in found), whole)]


def _digest(views: Views, projection: str, table: str) -> Table:
    count, total = 0, sha256()
    for row in _sorted(views, table):
        count += 1
        total.update(row + b"\n")
    return Table(projection, table, count, total.hexdigest())


def _sorted(views: Views, table: str) -> Iterator[bytes]:
    """The rows of a table as JSON, in an order of their own."""
    names = [row.name for row in views.all(_Name, "SELECT name FROM pragma_table_info(?)", table)]
    order = ", ".join(str(number) for number in range(1, len(names) + 1))
    for row in views.rows(f'SELECT * FROM "{table}" ORDER BY {order}'):  # noqa: S608
        yield _encode({name: _plain(value) for name, value in zip(names, row, strict=True)})


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def differences(first: Views, second: Views, wanted: frozenset[str] = frozenset()) -> Iterator[Difference]:
    """The rows that are not in both, table by table."""
    known = dict.fromkeys(table for _, table in (*tables(first), *tables(second)))
    has = [{table for _, table in tables(views)} for views in (first, second)]
    for table in known:
        if wanted and table not in wanted:
            continue
        rows = [sorted(_sorted(views, table)) if table in has[at] else [] for at, views in enumerate((first, second))]
        before, after = set(rows[0]), set(rows[1])
        yield from (Difference(table, "-", row.decode()) for row in rows[0] if row not in after)
        yield from (Difference(table, "+", row.decode()) for row in rows[1] if row not in before)
