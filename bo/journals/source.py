"""A journal's file and those it includes, read as one: who keeps books for years keeps them in several files."""

from __future__ import annotations

import glob
import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from aggregates.core import Refused, require
from aggregates.text import shown
from bo import files
from store.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bo.findings import Findings

LONGEST = 256 << 20
"""Bytes of all files together."""
DEEPEST = 32
OTHERS = (".csv", ".ssv", ".tsv", ".timeclock", ".timedot", ".rules")
"""hledger reads these by their names as something else."""


class Source:
    """Numbers lines on through all files, in the order they are read, and makes one digest of all."""

    def __init__(self, findings: Findings) -> None:
        self._findings, self._digest, self._size, self._at = findings, sha256(), 0, 0
        self._open: list[Path] = []

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def opened(self, path: Path) -> list[str]:
        """The lines of a file, which those after it are included from."""
        text = self._text(path)
        self._open.append(path)
        return text.splitlines()

    def numbered(self, lines: Iterable[str]) -> Iterator[tuple[int, str]]:
        name, last = self._name(), -1
        for number, line in enumerate(lines, 1):
            if self._at != last:  # it begins, or goes on behind what it included
                self._findings.goes_on(self._at + 1, name, number)
            self._at = last = self._at + 1
            yield last, line

    def included(self, pattern: str) -> Iterator[list[str]]:
        """The lines of each file that an `include` means, seen from the file it stands in. Raises Refused."""
        for path in self._meant(pattern):
            require(path.suffix.lower() not in OTHERS, f"{path.name} is no journal")
            try:
                lines = self.opened(path)
            except Unavailable as no:
                raise Refused(str(no)) from None
            yield lines
            self._open.pop()

    def _meant(self, pattern: str) -> list[Path]:
        require(self._open, f"{pattern} is not read: put all into one file")
        require(len(self._open) < DEEPEST, f"{pattern} is included at a depth of more than {DEEPEST} files")
        folder = self._open[-1].parent
        try:
            path, above = Path(pattern).expanduser(), {os.path.realpath(each) for each in self._open}
            if not glob.has_magic(pattern):
                require(os.path.realpath(folder / path) not in above, f"{pattern} includes itself")
                return [folder / path]
            names = sorted(glob.glob(str(path), root_dir=folder, recursive=True))  # noqa: PTH207  # it may be absolute
        except (RuntimeError, ValueError):  # nobody's home, or a NUL
            raise Refused(f"{shown(pattern)} is no name of a file") from None
        found = [folder / name for name in names]
        found = [each for each in found if each.is_file() and os.path.realpath(each) not in above]
        require(found, f"no file is called {pattern}")
        return found

    def _text(self, path: Path) -> str:
        with files.open_input(path) as opened:
            data = opened.read(LONGEST + 1 - self._size)
        self._size += len(data)
        self._digest.update(data)
        require(self._size <= LONGEST, f"{path} is longer than {LONGEST >> 20} MiB, with what it includes")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Refused(f"{path} is not UTF-8 text: see byte {error.start}") from None

    def _name(self) -> str:
        """The file that is read, as the first one sees it."""
        if len(self._open) < 2:
            return self._findings.file
        path, first = self._open[-1], self._open[0].parent
        return str(path.relative_to(first) if path.is_relative_to(first) else path)
