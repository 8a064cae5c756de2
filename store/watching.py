"""Waiting for a ledger to grow: a server tells it, a file is looked at again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from store.place import Server

if TYPE_CHECKING:
    from store.place import Place


class Watch(Protocol):
    """What was recorded after `connect` is not slept through. Raises Unavailable while a server is away."""

    def connect(self) -> None: ...

    def wait(self) -> None:
        """Until something was recorded, or for a while."""

    def close(self) -> None: ...


class Glances:
    """To look at a file costs nothing worth saving."""

    every = 1.0

    def connect(self) -> None:
        """There is nothing to connect to."""

    def wait(self) -> None:
        time.sleep(self.every)

    def close(self) -> None:
        """Nothing is held open."""


def watch(place: Place) -> Watch:
    """Not connected yet."""
    if isinstance(place, Server):
        from store.postgres_listen import Listener

        return Listener(place)
    return Glances()
