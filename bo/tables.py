"""Tables for people: fitted to the terminal, numbers at the right, nothing that moves the cursor."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import tabulate
from wcwidth import wcswidth

from bo.render import cell, clean

tabulate.MIN_PADDING = 0  # a head is no wider than it is: `_fitted` counts on that
_STYLES = {"table": "simple", "md": "pipe", "html": "html", "plain": "plain"}
_NARROWEST = 8


def draw(listed: list[dict[str, Any]], names: Sequence[str], numbers: set[str], format: str) -> None:
    cells = [[clean(cell(row[name])) for name in names] for row in listed]
    heads = [clean(name) for name in names]
    if format == "md":
        cells = [[text.replace("\\", "\\\\").replace("|", "\\|") for text in row] for row in cells]
    if format in ("table", "plain") and sys.stdout.isatty():
        cells = _fitted(heads, cells, numbers, shutil.get_terminal_size().columns)
        if not os.environ.get("NO_COLOR"):
            heads = [f"\x1b[1m{head}\x1b[0m" for head in heads]
    sides = ["right" if name in numbers else "left" for name in names]
    drawn = tabulate.tabulate(
        cells, heads, tablefmt=_STYLES[format], disable_numparse=True, colalign=sides if cells else None
    )
    print("\n".join(line.rstrip() for line in drawn.split("\n")))


def _fitted(heads: list[str], cells: list[list[str]], numbers: set[str], width: int) -> list[list[str]]:
    """Shorten the widest text columns until a line fits; a number is never cut."""
    widths = [max([wide(head), *(wide(row[at]) for row in cells)]) for at, head in enumerate(heads)]
    elastic = [at for at, head in enumerate(heads) if head not in numbers]
    over = sum(widths) + 2 * (len(widths) - 1) - width
    while over > 0 and elastic:
        at = max(elastic, key=lambda at: widths[at])
        if widths[at] <= max(_NARROWEST, wide(heads[at])):
            elastic.remove(at)
            continue
        widths[at] -= 1
        over -= 1
    return [[shortened(text, widths[at]) for at, text in enumerate(row)] for row in cells]


def shortened(text: str, width: int) -> str:
    if wide(text) <= width:
        return text
    text = text[: 4 * width]
    while text and wide(text) > width - 1:
        text = text[:-1]
    return text + "…"


def wide(text: str) -> int:
    return max(wcswidth(text), 0)
