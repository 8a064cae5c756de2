"""Sheets: CSV files of any real shape read row by row, whatever their encoding, separator and first lines."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aggregates.core import Refused, require
from aggregates.text import shown
from bo.encodings import guessed, is_charset
from bo.findings import Findings, Level
from store.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SAMPLE = 64 * 1024
LONGEST_LINE = 1024 * 1024
MOST_STDIN = 256 * 1024 * 1024
DELIMITERS = ",;\t|"
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Sheet:
    """A file with one header row. `rows` can be called again; what is wrong with them goes to `findings`."""

    def __init__(
        self,
        file: str,
        opened: Callable[[], BinaryIO],
        encoding: str,
        delimiter: str,
        header: int,
        doubled: Level = "error",
        heads: Callable[[Sequence[str]], bool] | None = None,
    ) -> None:
        """`heads` knows a header row by its names; without it, or where none is known, its shape tells it."""
        require(not encoding or is_charset(encoding), f"{shown(encoding)} is not an encoding, such as cp1252")
        single = len(delimiter) == 1 and delimiter not in '"\r\n\0'
        require(single or not delimiter, f"{shown(delimiter)} cannot separate cells")
        self.file = file
        self.findings = Findings(file)
        self._opened = opened
        with opened() as binary:
            self.sha256, self.encoding = _examined(binary, file, encoding)
        with self._text() as text:
            sample = self._read(text, SAMPLE)
        given = re.match(r'"?sep=(.)"?\r?\n', sample)
        self.delimiter = delimiter or (given[1] if given else _delimiter(sample))
        self.header_line, names = self._header(sample, header, heads)
        self.above = [cells for line, cells in _numbered(sample, self.delimiter) if line < self.header_line]
        """What stands above the header."""
        self.header = self._named(names, doubled)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The line each row begins on, and one cell for each name of the header. Empty lines are passed over."""
        width = len(self.header)
        least = max(at for at, name in enumerate(self.header, 1) if name)
        with self._text() as text:
            reader = csv.reader(self._lines(text), delimiter=self.delimiter, strict=True)
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    if line > self.header_line:
                        self.findings.add(line, "", "", f"the quotes do not match, or a cell is huge: {error}")
                    continue
                if line <= self.header_line or not cells:
                    continue
                if len(cells) > width and not any(map(str.strip, cells[width:])):
                    del cells[width:]
                elif least <= len(cells) < width:
                    cells += [""] * (width - len(cells))
                if len(cells) != width:
                    rule = f"the row has {len(cells)} cells, the header {width}"
                    self.findings.add(line, "", self.delimiter.join(cells), rule)
                    continue
                yield line, cells

    def _header(self, sample: str, at: int, heads: Callable[[Sequence[str]], bool] | None) -> tuple[int, list[str]]:
        """The first row that is filled like the others; title and empty lines before it are passed over."""
        found = list(_numbered(sample, self.delimiter))
        known = next((row for row in found if heads(row[1])), None) if heads and not at else None
        if known:
            return known
        widths = Counter(len(cells) for _, cells in found if any(map(str.strip, cells)))
        width = max(widths, key=lambda width: (widths[width], width), default=0)
        for line, cells in found:
            filled = sum(bool(cell.strip()) for cell in cells)
            if line == at or (not at and filled and filled * 2 > width and filled >= min(2, width)):
                return line, cells
        where = f"line {at}" if at else "the first lines"
        raise Refused(f"{self.file} has no header row in {where}: it is not a table, or not of this encoding")

    def _named(self, cells: list[str], doubled: Level) -> tuple[str, ...]:
        names: list[str] = []
        for cell in cells:
            name = unicodedata.normalize("NFC", " ".join(cell.split()))
            if name and name in names:
                self.findings.add(self.header_line, name, name, "two columns have this name", doubled)
            names.append(name)
        return tuple(names)

    def _text(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self._opened(), encoding=self.encoding, newline="")

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        number = 0
        while line := self._read(text, LONGEST_LINE, number, text.readline):
            number += 1
            if "\0" in line:
                raise Refused(f"{self.file} line {number} holds a NUL character: it is not a text file")
            if len(line) >= LONGEST_LINE:
                raise Refused(f"{self.file} line {number} is longer than {LONGEST_LINE} characters")
            yield line

    def _read(
        self, text: io.TextIOWrapper, size: int, number: int = 0, read: Callable[[int], str] | None = None
    ) -> str:
        try:
            return (read or text.read)(size)
        except UnicodeError:
            raise Refused(
                f"{self.file} is not {self.encoding} after line {number}: name its encoding in the mapping"
            ) from None


def open_sheet(path: str | Path, encoding: str = "", delimiter: str = "", header: int = 0) -> Sheet:
    """Look at the file once, for its encoding, separator and header, unless they are given. `-` is stdin."""
    if str(path) == "-":
        data = sys.stdin.buffer.read(MOST_STDIN + 1)
        require(len(data) <= MOST_STDIN, f"stdin is longer than {MOST_STDIN} bytes: import it as a file")
        return Sheet("-", lambda: io.BytesIO(data), encoding, delimiter, header)
    found = Path(path)
    require(found.is_file() or not found.exists(), f"{found} is not a file")
    try:
        return Sheet(found.name, lambda: found.open("rb"), encoding, delimiter, header)
    except OSError as error:
        raise Unavailable(f"{found} cannot be read: {error.strerror}") from error


def _examined(file: BinaryIO, name: str, encoding: str) -> tuple[str, str]:
    """The file's hash and its encoding: as given, by its mark, by the zeros of UTF-16, as UTF-8, else by a guess."""
    digest = hashlib.sha256()
    utf8 = codecs.getincrementaldecoder("utf-8")()
    lines = 0
    while chunk := file.read(1024 * 1024):
        if not lines and not encoding:
            encoding = next((found for mark, found in _MARKS.items() if chunk.startswith(mark)), "")
            encoding = encoding or _wide(chunk[:SAMPLE])
        digest.update(chunk)
        if not encoding:
            try:
                utf8.decode(chunk, final=len(chunk) < 1024 * 1024)
            except UnicodeDecodeError as error:
                encoding = _narrow(chunk, error.start, name, lines)
        lines += chunk.count(b"\n") or 1
    return digest.hexdigest(), {"": "utf-8-sig", "utf-8": "utf-8-sig"}.get(encoding, encoding)


def _narrow(chunk: bytes, start: int, name: str, lines: int) -> str:
    """The guess at what is not UTF-8. A file that mostly is has been damaged, and a guess would garble the rest."""
    sample = chunk[max(0, start - SAMPLE // 2) : start + SAMPLE // 2]
    high = [letter for letter in sample.decode("utf-8", errors="replace") if letter > "\x7f"]
    line = lines + chunk[:start].count(b"\n") + 1
    damaged = high.count("\ufffd") * 2 < len(high)
    require(not damaged, f"{name} is UTF-8 but for line {line}: mend it, or name its encoding in the mapping")
    return guessed(sample)


def _wide(sample: bytes) -> str:
    """UTF-16 without a mark: every other byte of mostly Latin text is zero."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    if odd * 4 > half and even * 50 < half:
        return "utf-16-le"
    return "utf-16-be" if even * 4 > half and odd * 50 < half else ""


def _numbered(sample: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sample and the lines they begin on, without the last, which may be cut off."""
    lines = sample.splitlines(keepends=True)
    whole = lines if len(sample) < SAMPLE or len(lines) < 2 else lines[:-1]
    reader = csv.reader(io.StringIO("".join(whole).replace("\0", " "), newline=""), delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except (StopIteration, csv.Error):
            return
        yield line, cells


def _delimiter(sample: str) -> str:
    """The separator that cuts most rows, from an early one on, into the same number of cells, and into many."""

    def fit(delimiter: str) -> float:
        widths = [len(cells) for _, cells in _numbered(sample, delimiter) if cells]
        if not widths:
            return 0.0
        width, times = Counter(widths).most_common(1)[0]
        return (times / len(widths)) ** 2 * (width - 1) / 2.0 ** min(widths.index(width), 50)

    return max(DELIMITERS, key=fit)
