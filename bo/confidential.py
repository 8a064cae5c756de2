"""Reads of confidential compartments: who is shown something from one leaves a line in his journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from projections.core import Views
    from store.ledger import Ledger


AT_ONCE = 1_000
"""References in one entry."""


def looked(ledger: Ledger, views: Views, shown: Iterable[tuple[int | str, str]]) -> None:
    """Leave an entry for what is about to be shown, as (compartment's number or name, stream).

    Mostly there is nothing to note: only confidential compartments are watched.
    """
    from projections.directory import compartments

    watched = [each for each in compartments(views) if each.confidential]
    numbers: dict[int | str, int] = {key: each.number for each in watched for key in (each.number, each.name)}
    seen: dict[int, set[str]] = {}
    for place, stream in shown if watched else ():
        if place in numbers:
            seen.setdefault(numbers[place], set()).add(stream)
    if seen:
        from bo import journal

        for compartment, streams in seen.items():
            names = sorted(streams)
            for start in range(0, len(names), AT_ONCE):
                journal.looked(ledger, compartment, names[start : start + AT_ONCE])
