"""A ledger as a recorder of the `eventsourcing` library: what is written to that library's interfaces runs on it.

Nothing is configured by environment variables and no name that was stored leads to an import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from threading import Event as Signal
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from eventsourcing.application import Application
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    JSONTranscoder,
    Mapper,
    Notification,
    NotSupportedError,
    StoredEvent,
    Subscription,
)
from eventsourcing.utils import Environment

from aggregates.core import Event, Refused, State
from store import payload
from store.errors import Malformed, StoreError, Unauthorised
from store.history import past, stream_name, told
from store.leaf import EVENT
from store.seal import stream_id
from store.sharing import PATIENCE, READERS, Shared
from store.together import Part, Together

if TYPE_CHECKING:
    from uuid import UUID

    from store.ledger import Ledger
    from store.transaction import Transaction

S = TypeVar("S", bound=State[Any])


class Happened(NamedTuple):
    """An event at its place, as the library wants it: `4/invoice/D-7K3F` is that invoice in compartment 4."""

    originator_id: str
    originator_version: int
    event: Event


def originator(compartment: int, stream: str) -> str:
    """The library's id of a stream."""
    return f"{compartment}/{stream}"


def stream_of(originator_id: UUID | str) -> tuple[int, str]:
    """Compartment and stream name in an id of the library."""
    compartment, _, name = str(originator_id).partition("/")
    kind, _, reference = name.partition("/")
    if not (compartment.isascii() and compartment.isdigit() and kind and reference):
        raise IntegrityError(f"{originator_id} is no stream: write it as compartment/kind/reference")
    return int(compartment), name


class LedgerMapper(Mapper[str]):
    """Encodes and decodes events by their tags. What is secret is sealed by the ledger, not here."""

    def __init__(self) -> None:
        """Takes no transcoder, cipher or compressor, so that none can be slipped in."""

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        event: Event = domain_event.event
        return StoredEvent(
            domain_event.originator_id,
            domain_event.originator_version,
            payload.tag_of(event),
            payload.encode_event(event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        return Happened(
            str(stored_event.originator_id), stored_event.originator_version, payload.decode_event(stored_event.state)
        )


class _Apart(Exception):
    """What was to be recorded together is refused: one part of it, or several."""


class LedgerRecorder(ApplicationRecorder):
    """Events of the library in the leaves of a ledger. Threads may share it: those that record at once share a commit.

    Who finds the ledger free reads from it. On a server others read beside it meanwhile, `readers` at a time, over
    connections of a pool; a folder is quick, and there they wait.
    """

    def __init__(self, ledger: Ledger, readers: int = READERS, wait: float = PATIENCE) -> None:
        self._ledger, self._shared = ledger, Shared(ledger, readers, wait)
        self._together = Together(self._record, wait)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Record events in one commit. Raises IntegrityError for a gap, a repetition, or what a replay would reject."""
        if any(value is not None for value in kwargs.values()):
            raise NotSupportedError("a ledger records no positions of other applications")
        if not stored_events:
            return None
        return self._together.record(Part(stored_events))

    def _record(self, parts: Sequence[Part]) -> None:
        """Record what several threads have at hand in one commit; where one of them is refused, each by itself."""
        with self._shared.alone() as ledger:
            if len(parts) > 1:
                try:
                    recorded = ledger.commit(lambda tx: self._put_all(tx, parts))
                except _Apart:
                    pass
                else:
                    for part, ids in zip(parts, recorded, strict=True):
                        part.ids = ids
                    return
            for part in parts:
                try:
                    [part.ids] = ledger.commit(partial(self._put, parts=[part]))
                except Refused as refusal:
                    part.problem = IntegrityError(str(refusal))
                except (IntegrityError, StoreError) as problem:
                    part.problem = problem

    def _put_all(self, tx: Transaction, parts: Sequence[Part]) -> list[list[int]]:
        """The same as `_put`. Raises _Apart where something is refused: nobody is to answer for another's events."""
        try:
            ids = self._put(tx, parts)
            tx.check()
        except (IntegrityError, Refused, Unauthorised):
            raise _Apart from None
        return ids

    def _put(self, tx: Transaction, parts: Sequence[Part]) -> list[list[int]]:
        """Put each event into its stream; the ids they will have. No stream is in two parts."""
        ids, position = [], self._ledger.verifier.ordinal + 1
        for part in parts:
            ids.append(self._append(tx, part.events, position))
            position += len(part.events)
        return ids

    def _append(self, tx: Transaction, stored_events: Sequence[StoredEvent], position: int) -> list[int]:
        """The same for one part, whose first id is `position`."""
        streams: dict[tuple[int, str], tuple[int, list[Event]]] = {}
        order = []
        for stored in stored_events:
            place = stream_of(stored.originator_id)
            if place not in streams:
                streams[place] = self._next_version(*place), []
            version, events = streams[place]
            if stored.originator_version != version + len(events):
                raise IntegrityError(
                    f"{stored.originator_id} goes on with version {version + len(events)},"
                    f" not {stored.originator_version}"
                )
            order.append((place, len(events)))
            events.append(_decoded(stored))
        first: dict[tuple[int, str], int] = {}
        for (compartment, name), (_, events) in streams.items():
            cls = _aggregate(compartment, name, events)
            tx.append(cls, name.removeprefix(f"{cls.kind}/"), *events, compartment=compartment)
            first[compartment, name] = position
            position += len(events)
        return [first[place] + number for place, number in order]

    def _next_version(self, compartment: int, name: str) -> int:
        key = self._ledger.keyring.any_epoch(compartment)
        if key is None:
            raise IntegrityError(f"you hold no key of compartment {compartment}")
        stream = stream_id(key.index_key, name)
        return self._ledger.verifier.streams.position((EVENT, compartment, stream))[0]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        compartment, name = stream_of(originator_id)
        with self._shared.current() as ledger:
            found = past(ledger, compartment, name)
        events = [
            StoredEvent(str(originator_id), version, payload.tag_of(event), payload.encode_event(event))
            for leaf, said in found
            for version, event in enumerate(said.events, leaf.version)
            if (gt is None or version > gt) and (lte is None or version <= lte)
        ]
        return (events[::-1] if desc else events)[:limit]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events by their position in the log, as far as this device can read them."""
        after = (start or 0) - (inclusive_of_start and start is not None)
        found: list[Notification] = []
        with self._shared.current() as ledger:
            for leaf, said in told(ledger, after):
                stream = originator(leaf.compartment, said.stream)
                for place, event in enumerate(said.events):
                    position = leaf.ordinal + 1 + place
                    tag = payload.tag_of(event)
                    if len(found) >= limit or (stop is not None and position > stop):
                        return found
                    if position > after and (not topics or tag in topics):
                        state = payload.encode_event(event)
                        found.append(Notification(stream, leaf.version + place, tag, state, position))
        return found

    def max_notification_id(self) -> int | None:
        with self._shared.current() as ledger:
            return ledger.verifier.ordinal or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> LedgerSubscription:
        return LedgerSubscription(self, gt, topics)

    def close(self) -> None:
        """Close the ledger when nobody is at work: SQLite does not survive it otherwise."""
        self._shared.close()


def _aggregate(compartment: int, name: str, events: list[Event]) -> type[State[Any]]:
    """The aggregate whose stream this is. Raises IntegrityError when the stream or an event is out of its place."""
    cls = payload.state_of(name)
    if not cls.anywhere and cls.compartment not in (0, compartment):
        raise IntegrityError(f"{name} lives in compartment {cls.compartment}, not in {compartment}")
    for event in events:
        if type(event).__module__ != cls.__module__:
            raise IntegrityError(f"a {payload.tag_of(event)} does not belong into {name}")
    return cls


def _decoded(stored: StoredEvent) -> Event:
    try:
        event = payload.decode_event(stored.state)
    except Malformed as problem:
        raise IntegrityError(str(problem)) from None
    if payload.tag_of(event) != stored.topic:
        raise IntegrityError(f"a {payload.tag_of(event)} is stored as {stored.topic}")
    return event


class LedgerSubscription(Subscription[LedgerRecorder]):
    """Asks again, ever more slowly up to half a second, until there is something new."""

    def __init__(self, recorder: LedgerRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._stopped = Signal()
        self._waiting: list[Notification] = []

    def stop(self) -> None:
        super().stop()
        self._stopped.set()

    def __next__(self) -> Notification:
        pause = 0.01
        while not self._waiting and not self._stopped.is_set():
            after = self._last_notification_id or 0
            new = self._recorder.select_notifications(after, 500, topics=self._topics, inclusive_of_start=False)
            self._waiting = list(new[::-1])
            if not new:
                self._stopped.wait(pause)
                pause = min(2 * pause, 0.5)
        if self._stopped.is_set():
            raise StopIteration
        found = self._waiting.pop()
        self._last_notification_id = found.id
        return found


class LedgerFactory(InfrastructureFactory[Any]):
    """Gives the library our mapper and recorder, and nothing that an environment variable names."""

    def __init__(self, ledger: Ledger, readers: int = READERS) -> None:
        super().__init__(Environment())
        self._ledger, self._readers = ledger, readers

    @cached_property
    def _recorder(self) -> LedgerRecorder:
        """One for all purposes: two would not know of each other's threads."""
        return LedgerRecorder(self._ledger, self._readers)

    def transcoder(self) -> JSONTranscoder:
        """The library asks for one; our mapper takes none."""
        return JSONTranscoder()

    def cipher(self) -> None:
        return None

    def compressor(self) -> None:
        return None

    def mapper(self, transcoder: Any = None, mapper_class: Any = None) -> Any:
        return LedgerMapper()

    def application_recorder(self) -> LedgerRecorder:
        return self._recorder

    def aggregate_recorder(self, purpose: str = "events") -> LedgerRecorder:
        if purpose != "events":
            raise NotSupportedError(f"a ledger keeps no {purpose}: state outside the log cannot be verified")
        return self._recorder

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> NoReturn:
        raise NotSupportedError("a ledger records no positions of other applications")

    def process_recorder(self) -> NoReturn:
        raise NotSupportedError("a ledger records no positions of other applications")

    def is_snapshotting_enabled(self) -> bool:
        return False


class LedgerApplication(Application[str]):
    """An application of the library on a ledger. `save` takes what `Happened` describes.

    `readers` is how many threads read beside the one that records, where the ledger is on a server.
    """

    def __init__(self, ledger: Ledger, env: dict[str, str] | None = None, *, readers: int = READERS) -> None:
        self._ledger, self._readers = ledger, readers
        super().__init__(env)

    def construct_env(self, name: str, env: Any = None) -> Environment:
        """What the caller passes; the process environment decides nothing."""
        return Environment(name, env)

    def construct_factory(self, env: Environment) -> LedgerFactory:
        return LedgerFactory(self._ledger, self._readers)

    def get(self, cls: type[S], reference: str, compartment: int | None = None) -> S:
        """An aggregate by its reference. Raises AggregateNotFoundError."""
        id_ = originator(compartment or cls.compartment, stream_name(cls, reference))
        found: S = self.repository.get(id_, projector_func=folded(cls))
        return found


def folded(cls: type[S]) -> Callable[[Any, Iterable[Any]], Any]:
    """The library's projector function for an aggregate: None without events."""

    def project(state: S | None, happened: Iterable[Happened]) -> S | None:
        for each in happened:
            state = (state or cls()).evolve(each.event)
        return state

    return project
