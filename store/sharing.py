"""One open ledger for the threads of a program: one at a time records, and on a server others read meanwhile."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from store.errors import Unavailable
from store.place import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.ledger import Ledger
    from store.readers import Readers

READERS = 4
"""Threads that read beside the one that records."""
PATIENCE = 90.0
"""Seconds to wait for other threads: a commit may take them in the server's queue and through a fail-over."""


class Shared:
    """Who finds the ledger free reads from it. Else he has a reader of his own, where there are; a folder is quick."""

    def __init__(self, ledger: Ledger, readers: int, wait: float) -> None:
        self._ledger, self._lock, self._wait = ledger, RLock(), wait
        self._readers: Readers | None = None
        if readers and isinstance(ledger.at, Server):
            from store.readers import Readers

            self._readers = Readers(ledger, ledger.at, readers, wait)

    @contextmanager
    def alone(self) -> Iterator[Ledger]:
        """The ledger for oneself. Raises Unavailable when other threads of this program hold it for too long."""
        if not self._lock.acquire(timeout=self._wait):
            held = f"other threads hold {self._ledger.at} for {self._wait:.0f} seconds"
            raise Unavailable(f"{held}; nothing was recorded")
        try:
            yield self._ledger
        finally:
            self._lock.release()

    @contextmanager
    def current(self) -> Iterator[Ledger]:
        """A ledger to read from, which has followed the log to its end."""
        with ExitStack() as stack:
            if self._readers is None:
                ledger = stack.enter_context(self.alone())
            elif self._lock.acquire(blocking=False):
                stack.callback(self._lock.release)
                ledger = self._ledger
            else:
                ledger = stack.enter_context(self._readers.one())
            ledger.pull()
            yield ledger

    def close(self) -> None:
        """Close the ledger when nobody is at work: SQLite does not survive it otherwise."""
        with self.alone() as ledger:
            if self._readers is not None:
                self._readers.close()
            ledger.close()
