"""Tables for people: fitted to the terminal, numbers at the right, nothing that moves the cursor."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import tabulate
from wcwidth import wcswidth

from bo.render import cell, clean

tabulate.MIN_PADDING = 0  # a head is no wider than it is: `_fitted` counts on that
_STYLES = {"table": "simple", "md": "pipe", "html": "html", "plain": "plain"}
_GAP = 2
_NAME, _SENTENCE, _CODE = 8, 14, 24
"""A name is cut to no less than 8; a sentence is wrapped at no less than 14; what has no space is whole up to 24."""
_LINES = 6
_LONGEST = 1000
"""A cell of a listing that has more letters is cut, wherever the table goes: programs ask for JSON or CSV."""


def draw(
    listed: list[dict[str, Any]], names: Sequence[str], numbers: set[str], format: str, *, asked: bool = False,
    whole: bool = True,
) -> None:  # fmt: skip
    """`asked`: the user chose the columns, so that none is left out; `whole`: nothing is cut off the terminal."""
    cells = [[clean(cell(row[name])) for name in names] for row in listed]
    if not whole:
        cells = [[text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…" for text in row] for row in cells]
    heads = [clean(name) for name in names]
    sides = ["right" if name in numbers else "left" for name in names]
    left_out: list[str] = []
    if format == "md":
        cells = [[text.replace("\\", "\\\\").replace("|", "\\|") for text in row] for row in cells]
    if format in ("table", "plain") and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        kept = list(range(len(heads))) if asked or not cells else _kept(heads, cells, numbers, width)
        left_out = [_summary(heads[at], [row[at] for row in cells]) for at in range(len(heads)) if at not in kept]
        heads, sides = [heads[at] for at in kept], [sides[at] for at in kept]
        cells = _fitted(heads, [[row[at] for at in kept] for row in cells], numbers, width)
        if not os.environ.get("NO_COLOR"):
            heads = [f"\x1b[1m{head}\x1b[0m" for head in heads]
    drawn = tabulate.tabulate(
        cells, heads, tablefmt=_STYLES[format], disable_numparse=True, colalign=sides if cells else None
    )
    print("\n".join(line.rstrip() for line in drawn.split("\n")))
    if left_out:
        from bo.errors import note

        note(f"left out to fit the terminal: {', '.join(left_out)}")


def _kept(heads: list[str], cells: list[list[str]], numbers: set[str], width: int) -> list[int]:
    """The columns a line has room for. A number, a date or a reference is whole, or its column is left out."""
    kept, columns = list(range(len(heads))), list(zip(*cells, strict=True))
    least = [_least(head, column, numbers) for head, column in zip(heads, columns, strict=True)]
    for at in _spare(heads, columns, numbers):
        if sum(least[each] for each in kept) + _GAP * (len(kept) - 1) <= width or len(kept) < 3:
            break
        kept.remove(at)
    return kept


def _spare(heads: list[str], columns: Sequence[Sequence[str]], numbers: set[str]) -> Iterator[int]:
    """What to leave out, in order: what is empty, what is the same in every row, then from the right what is text."""
    last_first = range(len(heads) - 1, 0, -1)
    empty = [at for at in last_first if not any(columns[at])]
    same = [at for at in last_first if len(columns[at]) > 1 and _is_same(columns[at])]
    return iter(dict.fromkeys([*empty, *same, *(at for at in last_first if heads[at] not in numbers)]))


def _summary(head: str, column: Sequence[str]) -> str:
    """A column that is left out: where all rows say the same, with what they say."""
    return f"{head} ({column[0] or 'empty'})" if _is_same(column) else head


def _is_same(column: Sequence[str]) -> bool:
    return len(set(column)) == 1 and wide(column[0]) <= _CODE


def _least(head: str, column: Sequence[str], numbers: set[str]) -> int:
    widest = max(map(wide, column), default=0)
    if head in numbers or (widest <= _CODE and not any(" " in text for text in column)):
        return max(widest, wide(head))
    return max(min(widest, _SENTENCE if _is_prose(column) else _NAME), wide(head))


def _is_prose(column: Sequence[str]) -> bool:
    return any(len(text) > 30 and " " in text for text in column)


def _fitted(heads: list[str], cells: list[list[str]], numbers: set[str], width: int) -> list[list[str]]:
    """Shorten the widest text columns until a line fits; a number is never cut, and a pair of columns is wrapped."""
    columns = list(zip(*cells, strict=True)) if cells else [() for _ in heads]
    widths = [max([wide(head), *map(wide, column)]) for head, column in zip(heads, columns, strict=True)]
    pair = len(heads) == 2
    least = [_least(head, column, numbers) for head, column in zip(heads, columns, strict=True)]
    if pair and heads[1] not in numbers:
        least[1] = _NAME
    over = sum(widths) + _GAP * (len(widths) - 1) - width
    while over > 0 and (elastic := [at for at, most in enumerate(widths) if most > least[at]]):
        at = max(elastic, key=lambda at: widths[at])
        widths[at] -= 1
        over -= 1
    shape = [wrapped if pair or _is_prose(column) else shortened for column in columns]
    return [[shape[at](text, widths[at]) for at, text in enumerate(row)] for row in cells]


def shortened(text: str, width: int) -> str:
    if wide(text) <= width:
        return text
    text = text[: 4 * width]
    while text and wide(text) > width - 1:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, width: int) -> str:
    """`text` in lines, broken between words where that can be; after some lines it is cut."""
    lines: list[str] = []
    while wide(text) > width and len(lines) < _LINES - 1:
        most = text[:width]
        while wide(most) > width:
            most = most[:-1]
        space = text.rfind(" ", 0, len(most) + 1)
        lines.append(text[:space] if space > 0 else most)
        text = text[len(lines[-1]) :].lstrip(" ")
    return "\n".join([*lines, shortened(text, width)])


def wide(text: str) -> int:
    return max(wcswidth(text), 0)
