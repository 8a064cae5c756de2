"""Group commit: what threads want to record at the same time is recorded in one commit, by one of them.

A commit costs a lock, a signature and a durable write, whatever stands in it. Nobody waits for company: who finds the
ledger free records what there is by then, and what comes meanwhile goes into the next commit.
"""

from __future__ import annotations

from threading import Condition
from typing import TYPE_CHECKING

from store.errors import Unavailable, Unrecorded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Sequence

    from eventsourcing.persistence import StoredEvent

LARGEST = 1_000
"""Events from which on a group takes no more in."""


class Part:
    """What one thread wants recorded, all of it or nothing; in the end the ids of its events, or what was wrong."""

    def __init__(self, events: Sequence[StoredEvent]) -> None:
        self.events = events
        self.streams: Collection[Hashable] = {each.originator_id for each in events}
        self.ids: Sequence[int] = ()
        self.problem: Exception | None = None
        self.done = False


class Together:
    """Threads that queue with their parts; the first takes along who stands behind it."""

    def __init__(self, record: Callable[[Sequence[Part]], None], wait: float) -> None:
        """`record` is called by one thread at a time, with the parts of one commit, and says in each how it went.

        What it raises is the problem of all of them. Who is not taken along within `wait` seconds gives up.
        """
        self._record, self._wait = record, wait
        self._waiting: list[Part] = []
        self._changed, self._busy = Condition(), False

    def record(self, part: Part) -> Sequence[int]:
        """The ids of the events when they are durable. Raises the part's problem."""
        with self._changed:
            self._waiting.append(part)
        while group := self._group(part):
            try:
                self._record(group)
            except Exception as problem:
                _tell(group, problem)
            except BaseException:  # Ctrl-C, say: the others still have to hear something
                _tell(group, Unrecorded("the thread that recorded it was interrupted", known=False))
                raise
            finally:
                with self._changed:
                    self._busy = False
                    for each in group:
                        each.done = True
                    self._changed.notify_all()
        if part.problem is not None:
            raise part.problem
        return part.ids

    def _group(self, part: Part) -> list[Part]:
        """Wait for one's turn, and take it; nothing when the part was taken along by another thread, and is done."""
        with self._changed:
            in_time = False
            try:
                in_time = self._changed.wait_for(lambda: part.done or not self._busy, self._wait)
            finally:
                given_up = not in_time and part in self._waiting  # Ctrl-C, say: nobody is to record it afterwards
                if given_up:
                    self._waiting.remove(part)
            if given_up:
                raise Unavailable(f"other threads record for {self._wait:.0f} seconds; nothing was recorded")
            self._changed.wait_for(lambda: part.done or not self._busy)  # who has it will say
            if part.done:
                return []
            self._busy = True
            return self._next()

    def _next(self) -> list[Part]:
        """Those in front, each stream in one part only, so that what one thread recorded stands together."""
        group: list[Part] = []
        streams: set[Hashable] = set()
        while self._waiting and not streams.intersection(self._waiting[0].streams):
            group.append(self._waiting.pop(0))
            streams.update(group[-1].streams)
            if sum(len(each.events) for each in group) >= LARGEST:
                break
        return group


def _tell(group: Sequence[Part], problem: Exception) -> None:
    """Give a problem to all parts of which nothing is known yet."""
    for part in group:
        if not part.ids and part.problem is None:
            part.problem = problem
