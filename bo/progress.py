"""A bar for long work, on a terminal's stderr only."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from bo import settings

T = TypeVar("T")
_EVERY = 0.1  # seconds between two drawings
_WIDTH = 24


class Progress:
    """`with Progress("importing", 412) as bar: bar.step()`; without a total it counts."""

    def __init__(self, label: str, total: int = 0) -> None:
        self.label, self.total, self.done = label, total, 0
        self.shown = sys.stderr is not None and sys.stderr.isatty() and not settings.current().quiet
        self._next = time.monotonic() + 3 * _EVERY  # short work shows nothing
        self._drawn = False

    def step(self, by: int = 1) -> None:
        self.done += by
        if self.shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            self._draw()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self) -> None:
        text = f"{self.label} {self.done}"
        if self.total:
            share = min(self.done / self.total, 1)
            text = f"{self.label} [{'#' * int(share * _WIDTH):{_WIDTH}}] {self.done} of {self.total}"
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()
        self._drawn = True


def over(items: Iterable[T], label: str, total: int = 0) -> Iterator[T]:
    """The items, one step each."""
    with Progress(label, total) as bar:
        for item in items:
            yield item
            bar.step()
