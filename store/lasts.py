"""The last leaves of the streams that a process keeps asking for: a series of numbers need not be fetched each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.leaf import Leaf
    from store.streams import Place

Row = tuple["Leaf", bytes | None]
"""A leaf and its wrapped key."""
MOST = 1_000
LARGE = 8_192
"""Longer bodies are not kept."""


class Lasts(dict["Place", Row]):
    """By stream. Who uses one compares it with what was verified, as if the store had given it."""

    def keep(self, place: Place, row: Row) -> None:
        """From now on it is kept up with the log."""
        if len(self) >= MOST:
            self.clear()
        if len(row[0].body) <= LARGE:
            self[place] = row

    def follow(self, rows: Iterable[Row]) -> None:
        """What was verified or recorded just now; None for the key it had before."""
        if self:
            for leaf, wrapped in rows:
                known = self.pop(leaf.place, None)
                if known is not None:
                    same = known[0].key_id == leaf.key_id
                    self.keep(leaf.place, (leaf, known[1] if wrapped is None and same else wrapped))
