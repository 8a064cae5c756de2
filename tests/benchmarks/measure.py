"""Interleaved timing, medians, and the rows of the table."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import NamedTuple


class Row(NamedTuple):
    """One figure: what was measured, on both sides, and what the ratio should be."""

    what: str
    ours: str
    theirs: str
    ratio: float | None
    target: str = ""
    note: str = ""

    @property
    def met(self) -> str:
        """`yes`, `NO`, or nothing where there is no target."""
        if not self.target or self.ratio is None:
            return ""
        sign, _, number = self.target.partition(" ")
        limit = float(number)
        return "yes" if (self.ratio >= limit if sign == "≥" else self.ratio <= limit) else "NO"


def interleaved(rounds: int, *runs: Callable[[], object]) -> list[float]:
    """The median seconds of each run, all of them once in each round, so that the machine's moods fall on all."""
    taken: list[list[float]] = [[] for _ in runs]
    for number in range(rounds):
        order = list(zip(runs, taken, strict=True))
        for run, times in order if number % 2 == 0 else reversed(order):
            gc.collect()
            start = perf_counter()
            run()
            times.append(perf_counter() - start)
    return [median(times) for times in taken]


def faster(what: str, ours: float, theirs: float, times: int, unit: str, target: str = "", note: str = "") -> Row:
    """How many times as fast ours is; the times are shown for one of `times`."""
    return Row(what, shown(ours / times, unit), shown(theirs / times, unit), theirs / ours, target, note)


def slower(what: str, ours: float, theirs: float, target: str = "", note: str = "") -> Row:
    """How many times as long ours takes."""
    return Row(what, shown(ours), shown(theirs), ours / theirs, target, note)


def shown(seconds: float, unit: str = "") -> str:
    """Seconds in a scale that can be read."""
    per = f"/{unit}" if unit else ""
    for scale, name in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {name}{per}"
    return f"{seconds * 1e6:.3g} µs{per}"


def tell(text: str) -> None:
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)
