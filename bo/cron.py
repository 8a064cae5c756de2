"""Commits one after another, as cron runs them: what a rule refuses is told, and the rest is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aggregates.core import Refused
from bo import errors
from bo.errors import PartlyDone
from bo.parts import Parts
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from store.ledger import Ledger
    from store.transaction import Transaction

T = TypeVar("T")


def run(ledger: Ledger, what: str, jobs: Sequence[tuple[object, Callable[[Transaction], T]]]) -> Iterator[T]:
    """The result of each job's commit. Raises PartlyDone after the last where a rule refused some.

    Where the store fails, it says how many of `what` are recorded; running it again has to leave those alone.
    """
    planned, refused, skipped = list(ledger.planned), 0, (Refused, NotFound)
    parts = Parts(ledger, what, len(jobs), "run it again")
    parts.shown = False  # no bar: what is done is printed as it is done
    for name, work in jobs:
        ledger.planned = []  # a commit of nothing plans nothing
        try:
            done = parts.commit(work, 1, str(name), skipped)
        except skipped as no:
            errors.tell(f"{name} was refused: {no}")
            refused += 1
            continue
        planned += ledger.planned
        yield done
    ledger.planned = planned
    if refused:
        raise PartlyDone(f"{refused} of {len(jobs)} could not be done")
