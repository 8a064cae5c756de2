"""Commits one after another, as cron runs them: what a rule refuses is told, and the rest is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aggregates.core import Refused
from bo import errors
from bo.errors import PartlyDone
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from store.ledger import Ledger
    from store.transaction import Transaction

T = TypeVar("T")


def run(ledger: Ledger, jobs: Iterable[tuple[object, Callable[[Transaction], T]]]) -> Iterator[T]:
    """The result of each job's commit. Raises PartlyDone after the last where a rule refused some."""
    planned, refused, count = list(ledger.planned), 0, 0
    for name, work in jobs:
        count += 1
        ledger.planned = []  # a commit of nothing plans nothing
        try:
            done = ledger.commit(work)
        except (Refused, NotFound) as no:
            errors.tell(f"{name} was refused: {no}")
            refused += 1
            continue
        planned += ledger.planned
        yield done
    ledger.planned = planned
    if refused:
        raise PartlyDone(f"{refused} of {count} could not be done")
