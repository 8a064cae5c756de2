"""A simulation: writers queue for the lock of their ledger, and their commits take what they were measured to take."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Literal

from store.ledger import LATELY
from store.postgres import PLACES

Step = tuple[Literal["compute", "wait", "lock", "unlock", "flush"], float]
Steps = Iterator[Step]
POLLED = 0.0005, 0.01
"""Seconds between two looks at a lock that is a file: at first, and at most."""


@dataclass(frozen=True)
class Commit:
    """What one commit takes, in seconds; `trips` are round trips, of which the network decides the length."""

    outside: float
    """Processor of the client without the lock."""
    outside_idle: float
    """What it waits for without the lock: its own disk."""
    outside_trips: float
    inside: float
    """Processor of the client with the lock."""
    inside_trips: float
    server: float
    """Processor of the server with the lock."""
    disk: float
    """The fsync of the server, or of the folder; with a standby, also its own."""
    behind: float = 0.0
    """Processor of the client, when others have committed meanwhile."""
    behind_each: float = 0.0
    """The same for each of their commits."""
    busy: float = 1.0
    """How many times as long the same takes a processor while all processors of the machine are busy."""
    polled: bool = False
    """The lock is a file: who waits looks again and again, and nobody decides before he has it."""

    def following(self, commits: int) -> float:
        """Processor of the client to follow so many commits of others at a time."""
        return self.behind + commits * self.behind_each if commits else 0.0


@dataclass
class Result:
    """Commits in so many seconds, and how long each took from its beginning until it was recorded."""

    seconds: float
    waits: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.waits) / self.seconds

    def within(self, share: float) -> float:
        """Seconds within which this share of the commits was recorded."""
        return sorted(self.waits)[min(int(share * len(self.waits)), len(self.waits) - 1)] if self.waits else 0.0


class _Ledger:
    """A lock, who waits for it, and how many commits there are."""

    def __init__(self) -> None:
        self.held, self.commits = False, 0
        self.queue: deque[Steps] = deque()


class Simulation:
    """`writers` who commit as fast as they can, or each once `every` so many seconds on average, at random.

    With `cores` all of them and the server share the processors of one machine; without, each has his own.
    """

    def __init__(
        self, cost: Commit, writers: int, *, rtt: float = 0.0, cores: int | None = None, ledgers: int = 1,
        every: float = 0.0,
    ) -> None:  # fmt: skip
        self._cost, self._rtt, self._cores, self._every = cost, rtt, cores, every
        self._chance, self._order, self._now = random.Random(1), count(), 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._jobs: deque[tuple[float, Steps]] = deque()
        self._ledgers = [_Ledger() for _ in range(ledgers * (1 + PLACES))]
        """Those of the places before each ledger's lock come after the ledgers."""
        self._waits: list[float] = []
        self._flushing, self._flushed = False, list[Steps]()
        for number in range(writers):
            self._go(self._writer(number % ledgers, ledgers))

    def run(self, seconds: float = 30.0) -> Result:
        while self._events and self._events[0][0] <= seconds:
            self._now, _, happen = heappop(self._events)
            happen()
        return Result(seconds, self._waits)

    def _writer(self, at: int, ledgers: int) -> Steps:
        """The life of one: look, ask for the lock, follow the others, decide, send, and go on to the next.

        Who had nobody to follow the last time, or is a new program each time, decides first, and the lock is for what
        the server does. Who had to follow several commits lines up before the lock, and follows what he can there.
        """
        cost, rtt, ledger, seen, looked = self._cost, self._rtt, self._ledgers[at], 0, -LATELY
        place = ledgers + at * PLACES + self._chance.randrange(PLACES)
        alone, crowded = False, False
        yield "wait", self._chance.random() * (self._every or 0.01)
        while True:
            start, followed = self._now, 0
            if start - looked >= LATELY and ledger.commits > seen:
                missed, seen = ledger.commits - seen, ledger.commits
                yield "wait", rtt
                yield "compute", cost.following(missed)
            if self._every and not cost.polled:
                alone = True
            if alone:
                yield "compute", cost.inside
            elif crowded:
                yield "lock", place
                yield "wait", rtt
                followed, seen = ledger.commits - seen, ledger.commits
                yield "compute", cost.following(followed)
            yield "wait", cost.outside_trips * rtt
            yield "lock", at
            if alone and ledger.commits > seen:  # overtaken: once more, from the lock on
                yield "unlock", at
                yield "wait", cost.outside_trips * rtt
                yield "lock", at
                alone = False
            if crowded:
                yield "unlock", place
            missed = ledger.commits - seen
            if not alone:
                yield "compute", cost.inside + cost.following(missed)
                yield "wait", cost.inside_trips * rtt
            yield "compute", cost.server
            yield "flush", cost.disk
            ledger.commits += 1
            seen, looked = ledger.commits, self._now
            alone = not (followed or missed or cost.polled)
            crowded = followed + missed > 1 and not cost.polled
            yield "unlock", at
            yield "compute", cost.outside
            yield "wait", cost.outside_idle
            self._waits.append(self._now - start)
            if self._every:
                yield "wait", self._chance.expovariate(1 / self._every)

    def _go(self, steps: Steps) -> None:
        """One writer goes on until something takes time."""
        for what, value in steps:
            if what == "unlock":
                self._unlock(self._ledgers[int(value)])
                continue
            if what == "wait":
                self._later(value, lambda: self._go(steps))
            elif what == "compute":
                self._compute(value, steps)
            elif what == "flush":
                self._flush(value, steps)
            else:
                self._lock(self._ledgers[int(value)], steps)
            return

    def _later(self, seconds: float, happen: Callable[[], None]) -> None:
        heappush(self._events, (self._now + seconds, next(self._order), happen))

    def _compute(self, seconds: float, steps: Steps) -> None:
        if self._cores is None:
            self._later(seconds, lambda: self._go(steps))
        elif self._cores:
            self._cores -= 1
            self._later(seconds * (1.0 if self._cores else self._cost.busy), lambda: self._computed(steps))
        else:
            self._jobs.append((seconds, steps))

    def _computed(self, steps: Steps) -> None:
        assert self._cores is not None
        self._cores += 1
        if self._jobs:
            self._compute(*self._jobs.popleft())
        self._go(steps)

    def _flush(self, seconds: float, steps: Steps) -> None:
        """One flush at a time for all ledgers of a server: who comes while one runs shares the next."""
        self._flushed.append(steps)
        if not self._flushing:
            self._flushing, together, self._flushed = True, self._flushed, []
            self._later(seconds, lambda: self._durable(seconds, together))

    def _durable(self, seconds: float, together: list[Steps]) -> None:
        self._flushing = False
        if self._flushed:
            self._flush(seconds, self._flushed.pop())
        for steps in together:
            self._go(steps)

    def _lock(self, ledger: _Ledger, steps: Steps, pause: float = POLLED[0]) -> None:
        if not ledger.held:
            ledger.held = True
            self._go(steps)
        elif self._cost.polled:
            self._later(pause, lambda: self._lock(ledger, steps, min(2 * pause, POLLED[1])))
        else:
            ledger.queue.append(steps)

    def _unlock(self, ledger: _Ledger) -> None:
        ledger.held = False
        if ledger.queue:
            ledger.held, upcoming = True, ledger.queue.popleft()
            self._later(0.0, lambda: self._go(upcoming))
