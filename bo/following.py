"""Staying with a ledger: views kept up, events printed, servers that go away waited for, signals heeded."""

from __future__ import annotations

import errno
import math
import os
import select
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aggregates.core import Refused
from bo import errors
from store.errors import NoLedger, NotFound, Unavailable
from store.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bo.session import Session
    from projections.core import Views
    from store.watching import Watch

PAGE = 1_000
"""Events in memory at a time."""


class Ended(Exception):
    """Somebody asked us to end, as services are ended."""


class Signals:
    """SIGTERM and Ctrl-C raise at once, but between two lines while lines are printed; a second one at once."""

    def __init__(self) -> None:
        self._printing, self._waiting = False, 0

    @contextmanager
    def heeded(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._told) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def put_off(self) -> Iterator[None]:
        self._printing = True
        try:
            yield
        finally:
            self._printing = False
        if self._waiting:
            self._end(self._waiting)

    def _told(self, number: int, frame: Any) -> None:
        if not self._printing or self._waiting:
            self._end(number)
        self._waiting = number

    def _end(self, number: int) -> None:
        raise KeyboardInterrupt if number == signal.SIGINT else Ended


class Follower:
    """Brings the views up to the newest commit and, if wanted, prints what happened since a position."""

    def __init__(self, ledger: Session, watch: Watch, signals: Signals, *, printing: bool, since: int | None) -> None:
        self._ledger, self._watch, self._signals, self._printing = ledger, watch, signals, printing
        self._watch.connect()
        views = self._views()
        self._position = views.position if since is None else since
        if self._position > views.position:
            raise NotFound(f"there is no position {since}: the ledger ends at {views.position}")

    def catch_up(self) -> None:
        views = self._views()
        if self._printing:
            self._print(views)

    def stay(self) -> None:
        """Until a signal ends it. A server that goes away is waited for."""
        errors.note(f"following {self._ledger.at} from position {self._position}")
        while True:
            try:
                self.catch_up()
                _require_reader()
                self._watch.wait()
            except NoLedger:
                raise
            except Unavailable as gone:
                self._outlast(gone)

    def _outlast(self, gone: Unavailable) -> None:
        errors.tell(f"{gone}; waiting for it")
        since, patience = time.monotonic(), Patience(math.inf)
        while patience.wait():
            try:
                self._watch.connect()
                self.catch_up()
            except NoLedger:
                raise
            except Unavailable:
                _require_reader()
            else:
                break
        errors.tell(f"going on after {time.monotonic() - since:.0f} seconds")

    def _views(self) -> Views:
        from projections.core import open_views

        return open_views(self._ledger)

    def _print(self, views: Views) -> None:
        from bo import render
        from projections import trail

        while True:
            found, streams = trail.happened(views, self._position, PAGE)
            self._confess(trail.confidential(views, streams))
            with self._signals.put_off():
                render.rows(found, render.How("jsonl"))
                sys.stdout.flush()
            if found:
                self._position = found[-1].position
            if len(found) < PAGE:
                return

    def _confess(self, shown: dict[int, set[str]]) -> None:
        """Who prints what is confidential leaves a note of it."""
        from bo.journal import looked

        if shown and not self._ledger.store.writable:
            raise Refused(
                "to print what is confidential is noted in the log, which cannot be written here: follow it without "
                "--json, or with a device that may not read that"
            )
        for compartment, names in shown.items():
            looked(self._ledger, compartment, names)


def _require_reader() -> None:
    """Raises BrokenPipeError when nobody can read any more what is printed: there may be nothing to print for days."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if any(events & select.POLLERR for _, events in poll.poll(0)):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
