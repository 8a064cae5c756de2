"""The third verdict, content: what key holders see is REJECTED when no correct writer could have written it.

What this device cannot have, though the check needs it, is `unchecked` and nobody's fault.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aggregates.core import Refused
from store.errors import KeyRowDamaged, Malformed
from store.leaf import EVENT, JOURNAL
from store.payload import concerned, gates, overreach, rechecked_states
from store.permits import author_may
from store.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregates.core import Event, State
    from store.backend import Backend
    from store.client import Client
    from store.keys import Keyring
    from store.lasts import Lasts
    from store.leaf import Leaf
    from store.payload import Payload
    from store.people import People
    from store.streams import Place
    from store.verify import Judged

REMEMBERED = 2_000
"""Aggregates whose state is kept in memory while their events are checked again."""


class Contents:
    """Opens commits for one device and reaches the verdict on their content."""

    def __init__(self, store: Backend, client: Client, keyring: Keyring, lasts: Lasts) -> None:
        self._store, self._client, self._keyring, self._lasts = store, client, keyring, lasts
        self._states: dict[Place, State[Any]] = {}

    def of(
        self, judged: Judged, wrapped: list[bytes | None], people: People
    ) -> tuple[list[tuple[Leaf, Payload]], dict[int, str], list[int]]:
        """What an authorised commit says: opened leaves, reasons by rejected compartment, unchecked leaves.

        `people` are those before the commit.
        """
        opened: list[tuple[Leaf, Payload]] = []
        rejected: dict[int, str] = {}
        unchecked: list[int] = []
        unread: set[Place] = set()
        read, commit, person = self._keyring.read, judged.commit, judged.commit.person.hex()
        may = partial(author_may, people, commit)
        for leaf, row in zip(judged.leaves, wrapped, strict=True):
            if leaf[3]:  # only sealed leaves have an epoch
                try:
                    payload = read(leaf, row)
                except KeyRowDamaged:
                    unchecked.append(leaf.idx)
                    payload = None
                except Malformed as problem:
                    rejected.setdefault(leaf.compartment, str(problem))
                    continue
                if payload is not None:
                    opened.append((leaf, payload))
                    reason = overreach(payload.events, person, leaf.compartment, may)
                    if reason:
                        rejected.setdefault(leaf.compartment, reason)
                else:
                    unread.add(leaf.place)
                    self._states.pop(leaf.place, None)
        together = _together(opened)
        for compartment, why in self._gated(judged, together).items():
            rejected.setdefault(compartment, why)
        self._recheck(judged, opened, together, rejected, unread)
        self._lasts.follow(zip(judged.leaves, wrapped, strict=True))
        if rejected:
            opened = [(leaf, payload) for leaf, payload in opened if leaf.compartment not in rejected]
        return opened, rejected, unchecked

    def opened(self, judged: Judged, wrapped: list[bytes | None]) -> Iterator[tuple[Leaf, Payload]]:
        """What can be read of a commit that was judged before, leaf by leaf: a large one is never in memory whole."""
        read = self._keyring.read
        for leaf, row in zip(judged.leaves, wrapped, strict=True):
            if leaf[3]:
                try:
                    payload = read(leaf, row)
                except (KeyRowDamaged, Malformed):
                    continue  # its verdict says so
                if payload is not None:
                    yield leaf, payload

    def _recheck(
        self,
        judged: Judged,
        opened: list[tuple[Leaf, Payload]],
        together: dict[int, tuple[Event, ...]],
        rejected: dict[int, str],
        unread: set[Place],
    ) -> None:
        """The short list of rules that every replay checks again.

        In a compartment of which a leaf cannot be read (it was shredded, say) only its own past contradicts an event:
        what would bear a number out may stand in that leaf.
        """
        rules, journal = rechecked_states(), f"journal/{judged.commit.device.hex()}"
        partly = {place[1] for place in unread}
        after: dict[Place, State[Any]] = {}
        for leaf, payload in opened:
            if leaf.kind == JOURNAL and payload.stream != journal:
                rejected.setdefault(leaf.compartment, "a journal entry stands in another device's journal")
            cls = rules.get(payload.stream.partition("/")[0]) if leaf.kind == EVENT else None
            place = leaf.place
            if cls is None or cls.compartment != leaf.compartment or place in unread:
                continue
            state = after.get(place) or self._state(cls, leaf)
            if state is None:
                continue
            beside = None if leaf.compartment in partly else together[leaf.compartment]
            rechecked = cls.rechecked
            try:
                for event in payload.events:
                    if isinstance(event, rechecked):
                        reason = state.contradiction(event, beside)
                        if reason:
                            rejected.setdefault(leaf.compartment, reason)
                    state = state.evolve(event)
            except (ArithmeticError, AttributeError, LookupError, Refused, TypeError, ValueError) as problem:
                rejected.setdefault(leaf.compartment, f"its events contradict one another: {problem}")
            else:
                after[place] = state
        if len(self._states) + len(after) > REMEMBERED:
            self._states.clear()
        self._states.update({place: state for place, state in after.items() if place[1] not in rejected})

    def _gated(self, judged: Judged, together: dict[int, tuple[Event, ...]]) -> dict[int, str]:
        """Why gates do not take what a commit says, by compartment: each is asked as it stood before."""
        refused: dict[int, str] = {}
        at = judged.commit.at
        for cls in gates():
            events = concerned(cls, together.get(cls.compartment, ()))
            gate = self._gate(cls, judged.commit.first) if events else None
            if gate is not None:
                reasons = (gate.refusal(event, at) for event in events)
                reason = next(filter(None, reasons), "")
                if reason:
                    refused.setdefault(cls.compartment, reason)
        return refused

    def _gate(self, cls: type[State[Any]], first: int) -> State[Any] | None:
        """A gate before leaf `first`, None where this device cannot read it."""
        stream = self._keyring.stream_id(cls.compartment, f"{cls.kind}/{cls.gate}")
        if stream is None:
            return None
        place = EVENT, cls.compartment, stream
        if place not in self._states:
            _, last = Streams(self._client.db).position(place)  # nothing there: the store need not be asked
            rows = [leaf for leaf in self._store.stream(*place) if leaf.idx < first] if last >= 0 else []
            state = self._state(cls, rows[-1]._replace(version=rows[-1].version + rows[-1].events)) if rows else cls()
            if state is None:
                return None
            self._states[place] = state
        return self._states[place]

    def _state(self, cls: type[State[Any]], leaf: Leaf) -> State[Any] | None:
        """The aggregate before `leaf`, None when this device cannot read all of it."""
        if leaf.version == 1:
            return cls()
        known = self._states.get(leaf.place)
        if known is not None:
            return known
        state = cls()
        for earlier, wrapped in self._accepted_before(leaf, cls.last_is_all):
            try:
                past = self._keyring.read(earlier, wrapped)
            except (KeyRowDamaged, Malformed):
                return None
            if past is None:
                return None
            for event in past.events:
                state = state.evolve(event)
        return state

    def _accepted_before(self, leaf: Leaf, last_only: bool) -> list[tuple[Leaf, bytes | None]]:
        """The earlier leaves of its stream that views see: all, or the last where that tells everything."""
        excluded = [(first, last) for first, last, place in self._client.excluded() if place in (0, leaf.compartment)]
        last_only = last_only and not excluded
        known = self._lasts.get(leaf.place)
        if last_only and known and known[0].version + known[0].events == leaf.version:
            return [known]
        rows = self._store.stream_with_keys(*leaf.place, last_only=last_only, before=leaf.version)
        if last_only and rows:
            self._lasts.keep(leaf.place, rows[-1])
        return [row for row in rows if not any(first <= row[0].idx <= last for first, last in excluded)]


def _together(opened: list[tuple[Leaf, Payload]]) -> dict[int, tuple[Event, ...]]:
    """All events of a commit by compartment."""
    found: dict[int, list[Event]] = {}
    for leaf, payload in opened:
        found.setdefault(leaf.compartment, []).extend(payload.events)
    return {compartment: tuple(events) for compartment, events in found.items()}
