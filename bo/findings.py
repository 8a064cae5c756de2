"""Findings: what is wrong or odd in a file to import, and where."""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

import msgspec

MOST = 10_000
"""So many are kept to show; all are counted."""

Level = Literal["error", "warning"]


class Finding(msgspec.Struct, frozen=True):
    file: str
    line: int
    column: str
    value: str
    rule: str
    level: Level = "error"


class Findings:
    """The findings of one file, in the order they were met, and how many there are."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.shown: list[Finding] = []
        self.errors = 0
        self.warnings = 0
        self._pieces: list[tuple[int, str, int]] = []

    def goes_on(self, at: int, file: str, line: int) -> None:
        """From line `at` on this is what stands in a file from `line` on: one file may include another."""
        self._pieces.append((at, file, line))

    def _place(self, line: int) -> tuple[str, int]:
        found = bisect_right(self._pieces, line, key=lambda piece: piece[0])
        if not found:
            return self.file, line
        at, file, first = self._pieces[found - 1]
        return file, first + line - at

    def add(self, line: int, column: str, value: str, rule: str, level: Level = "error") -> None:
        if level == "error":
            self.errors += 1
        else:
            self.warnings += 1
        if len(self.shown) < MOST:
            cut = value if len(value) <= 80 else value[:79] + "…"
            file, at = self._place(line)
            self.shown.append(Finding(file, at, column, cut, rule, level))

    def include(self, other: Findings) -> None:
        """Take over what was found in a further file, such as a joined one."""
        self.errors += other.errors
        self.warnings += other.warnings
        self.shown += other.shown[: MOST - len(self.shown)]

    def __str__(self) -> str:
        """`2 errors and 1 warning in customers.csv`."""
        counts = [_count(self.errors, "error")] * bool(self.errors)
        counts += [_count(self.warnings, "warning")] * bool(self.warnings)
        return f"{' and '.join(counts) or 'nothing wrong'} in {self.file}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
