"""Work in several commits: where one of them fails, the user is told what stands there and how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aggregates.core import Refused
from bo import errors
from bo.progress import Progress
from store.errors import StoreError, Unrecorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.ledger import Ledger
    from store.transaction import Transaction

T = TypeVar("T")


class Parts(Progress):
    """`with Parts(ledger, "rows", 412) as parts: parts.commit(work, 100, "line 101")`, with a bar.

    `again` is what the user is to do once more; it has to leave alone what is recorded.
    """

    def __init__(
        self, ledger: Ledger, what: str, total: int, again: str = "import the file again", doing: str = "importing"
    ) -> None:
        super().__init__(f"{doing} {what}", total)
        self._ledger, self._what, self._again = ledger, what, again
        self._commits, self._last = 0, ""

    def commit(
        self, work: Callable[[Transaction], T], count: int, last: str, skipped: tuple[type[Exception], ...] = ()
    ) -> T:
        """Record `count` more, the last of them called `last`. Raises PartlyDone when it is not the first commit.

        What is `skipped` is raised as it is: the caller leaves that one out and goes on.
        """
        try:
            done = self._ledger.commit(work)
        except skipped:
            raise
        except (Refused, StoreError) as problem:
            if not self._commits:
                raise
            raise errors.PartlyDone(self._told(problem)) from problem
        except KeyboardInterrupt:
            if self._commits and not self._ledger.dry_run:
                errors.tell(f"{self._stands}: {self._again} for the rest")
            raise
        self._commits += 1
        self._last = last
        self.step(count)
        return done

    @property
    def _stands(self) -> str:
        commits = "1 commit" if self._commits == 1 else f"{self._commits} commits"
        are = "would be" if self._ledger.dry_run else "are"
        return f"{self.done} of {self.total} {self._what} {are} recorded, in {commits}, up to {self._last}"

    def _told(self, problem: Refused | StoreError) -> str:
        why, rest = str(problem), "none of the others"
        if self._ledger.dry_run:
            return f"{self._stands}, {rest}: {why}"
        if isinstance(problem, Unrecorded):
            why = problem.why
            rest = rest if problem.known else "whether those of the next commit are too is not known"
        return f"{self._stands}, {rest}: {why}; mend that and {self._again}, what is recorded is not doubled"
