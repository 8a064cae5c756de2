"""Statements that are missing: told by balances that do not go on, and by numbers that are left out."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from projections.core import Views

_NUMBER = re.compile(r"([0-9]{1,5})(?:/[0-9]+)?")
"""What a bank counts; longer ones are names."""


class Gap(msgspec.Struct):
    """What is missing before a statement."""

    statement: str
    bank: str
    on: date
    problem: str


class _Statement(msgspec.Struct):
    ref: str
    bank: str
    number: str
    format: str
    first: date
    last: date
    opening: int
    closing: int
    overlaps: bool


def gaps(views: Views, bank: str = "", as_of: date | None = None) -> list[Gap]:
    """The oldest first."""
    rows = views.all(
        _Statement,
        """SELECT ref, bank, number, format, first, last, opening, closing, new < lines AS overlaps
            FROM bank_statement WHERE opening IS NOT NULL AND closing IS NOT NULL AND unsound = '' AND first IS NOT NULL
            AND last IS NOT NULL AND ?1 IN ('', bank) AND (?2 IS NULL OR last <= ?2) ORDER BY bank, first, last, id""",
        bank, as_of,
    )  # fmt: skip
    found = []
    before: list[_Statement] = []
    for each in rows:
        if before and before[0].bank != each.bank:
            before = []
        problem = "; ".join(_missing(before, each))
        if problem:
            found.append(Gap(each.ref, each.bank, each.first, problem))
        latest = max((one.last for one in before), default=each.last)
        before = [one for one in before if one.last >= latest] if each.last < latest else []
        before.append(each)
    return found


def _missing(before: Sequence[_Statement], each: _Statement) -> Iterator[str]:
    """`before` are those that reach furthest."""
    if not before:
        return
    last = before[-1]
    touches = max(one.last for one in before)
    if touches > each.first or (touches == each.first and each.overlaps):
        return
    if all(one.closing != each.opening for one in before):
        yield f"it does not open with what statement {last.number or last.ref} of {last.last} closes with"
    here, there = _NUMBER.fullmatch(last.number), _NUMBER.fullmatch(each.number)
    if here and there and last.format == each.format and last.last.year == each.last.year:
        missing = range(int(here[1]) + 1, int(there[1]))
        if missing:
            many = f"numbers {missing[0]} to {missing[-1]} are" if len(missing) > 1 else f"number {missing[0]} is"
            yield f"{many} not here"
