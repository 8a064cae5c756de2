"""What every store of a ledger can do: the narrow interface that SQLite and PostgreSQL implement.

A store keeps rows and returns them. Nothing it returns is trusted: whoever asks verifies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from store.leaf import LIMIT, Leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from store.blobplace import BlobPlace

WAIT = 30.0
"""Seconds a writer queues before it gives up."""


def short(column: str, most: int) -> str:
    """A planted value may be huge: what is too long is not fetched, and NULL is then noticed."""
    return f"CASE WHEN length({column}) <= {most} THEN {column} END"


LEAF = ", ".join((
    "l.idx, l.kind, l.compartment, l.epoch", short("l.stream", 16), "l.version, l.count, l.ordinal",
    short("l.key_id", 32), short("l.commitment", 32), short("l.refs", 2048), short("l.body", 65_535),
))  # fmt: skip
NOTE, WRAPPED, SEALED = short("note", 4096), short("wrapped", 48), short("sealed", 4096)


class Overtaken(Exception):
    """Somebody else committed first: what was decided without the lock is to be decided again."""


class Raw(NamedTuple):
    """One commit as it stands in the store: its leaves, the wrapped key of each, and its note."""

    leaves: list[Leaf]
    wrapped: list[bytes | None]
    note: bytes


class Backend(Protocol):
    """An open store. Where it cannot be reached it raises Unavailable, where it is not a ledger's Tampered."""

    @property
    def name(self) -> str:
        """How messages call it."""

    @property
    def writable(self) -> bool: ...

    @property
    def standby(self) -> bool:
        """Whether it is a copy that others write to elsewhere, and may be a little behind."""

    @property
    def blobs(self) -> BlobPlace:
        """Where its documents lie."""

    def check_schema(self) -> None:
        """The tables are exactly ours: nothing added, nothing changed, the layout known. Raises Tampered."""

    def close(self) -> None: ...

    # reading

    def newest(self, *, now: bool = False) -> tuple[int, bytes] | None:
        """Size and note of the newest head; `now`: not as it came along with something else a moment ago."""

    def hearing(self, since: int) -> AbstractContextManager[None]:
        """Around what follows the log from leaf `since` on: a server tells at once what is new, if it is not much."""

    def head(self, size: int) -> bytes | None:
        """The note at a size."""

    def commits(self, start: int, *, keys: bool = True) -> Iterator[Raw]:
        """Whole commits from leaf `start`, in order, from one snapshot; without `keys` no wrapped key is looked up.

        Raises Tampered for leaves that no commit closes and heads that close nothing.
        """

    def stream(
        self, kind: int, compartment: int, stream: bytes, last_only: bool = False, before: int = LIMIT
    ) -> list[Leaf]:
        """The leaves of a stream by version, or the last one; only those before a version."""

    def stream_with_keys(
        self, kind: int, compartment: int, stream: bytes, last_only: bool = False, before: int = LIMIT
    ) -> list[tuple[Leaf, bytes | None]]:
        """The same, each leaf with its wrapped key, None where there is no row of it."""

    def leaf(self, index: int) -> Leaf | None: ...

    def referring(self, start: int) -> Iterator[Leaf]:
        """The leaves from `start` on that refer to documents."""

    def end_of_commit(self, position: int) -> int:
        """The index after the commit that holds an event's position; 0 for position 0."""

    def leaf_after(self, position: int) -> int:
        """An index from which on the events after `position` stand."""

    def wrapped(self, key_id: bytes) -> bytes | None: ...

    def slots_of(self, device: bytes, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """A device's sealed slots at these compartments and epochs, as far as there are any."""

    def key_rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Every wrapped key in the order of their ids, for an audit."""

    def slots(self) -> Iterator[tuple[int, int, bytes, bytes]]:
        """Every slot, for an audit."""

    def rows(self, table: str) -> Iterator[tuple[Any, ...]]:
        """A whole table as it stands, for copies."""

    def integrity(self) -> list[str]:
        """What the database itself finds wrong with its pages, nothing when they are sound."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Everything read inside is of one moment."""

    def counts(self) -> tuple[int, int]:
        """All rows of leaves and heads, also those that following the log would never meet."""

    def foreign(self) -> Iterator[str]:
        """What lies beside the ledger and does not belong to it, or is open to others; a sentence each."""

    def room(self) -> int:
        """The bytes that the ledger takes."""

    # writing

    def lining_up(self, since: int) -> AbstractContextManager[None]:
        """Around `writing`, where many write at once: there is time inside to follow the log before the lock.

        Who has followed it to leaf `since` is brought what came after it.
        """

    def writing(self, since: int | None = None, believed: bytes | None = None) -> AbstractContextManager[None]:
        """Queue for the write lock and hold one transaction; the caller calls `commit`, else it is undone.

        Who has followed the log to leaf `since` and says so is brought what came after it along with the lock. With
        `believed`, the note of the head at `since`, a server is asked for nothing before `commit`, which raises
        Overtaken where that is not the newest head any more.
        """

    def insert(
        self,
        leaves: Sequence[Leaf],
        wrapped: Iterable[tuple[bytes, bytes]],
        slots: Iterable[tuple[int, int, bytes, bytes]],
        size: int,
        note: bytes,
    ) -> None:
        """Insert one commit inside `writing`, its head last."""

    def pour(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Fill a table of a new store inside `writing`: the other end of `rows`."""

    def merge(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """The same, but rows whose key stands there already stay as they are."""

    def commit(self) -> None:
        """Make the transaction durable. Raises Interrupted when no answer came: then nobody knows."""

    def settle(self) -> None:
        """Inside `writing`, after a commit in doubt was found: what it recorded is to be as durable as any other."""

    def shred(self, keys: Iterable[bytes]) -> int:
        """Delete key rows, inside `writing`; how many there were."""

    def tail(self, size: int) -> Iterator[tuple[Any, ...]]:
        """What `cut` removes: table and values of every row."""

    def cut(self, size: int, slots: Iterable[tuple[Any, ...]] = ()) -> None:
        """Remove every leaf and head from `size` on, the keys of streams that begin there, and some slots.

        For `bo repair`, inside `writing`.
        """

    def vacuum(self) -> None:
        """Write the database anew: what deleted rows left in its pages is gone."""

    def checkpoint(self) -> bool:
        """Whether no old state is left; False while a reader still holds on to one."""


class _Leaves(Protocol):
    """The part of a store that `beyond` asks."""

    def newest(self) -> tuple[int, bytes] | None: ...

    def leaf(self, index: int) -> Leaf | None: ...


def beyond(store: _Leaves, position: int) -> int:
    """The first leaf with an ordinal of at least `position`: it comes after the event there."""
    newest = store.newest()
    low, high = 0, newest[0] if newest else 0
    while low < high:
        middle = (low + high) // 2
        leaf = store.leaf(middle)
        if leaf is not None and leaf.ordinal < position:
            low = middle + 1
        else:
            high = middle
    return low
