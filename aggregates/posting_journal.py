"""What journal entries post: their own lines, and on a later day an accrual's opposite."""

from datetime import date

from aggregates.entry import Posted, Proposed, Reversed
from aggregates.posting import Facts, Posting, posts, turned


def reversal_day(event: Posted | Proposed) -> date | None:
    return event.reverse_on


@posts("entry.posted", rules=1)
def posted(event: Posted, facts: Facts) -> tuple[Posting, ...]:
    """The lines as they were written."""
    return event.lines


@posts("entry.posted", rules=1, part="reversal", day=reversal_day)
def taken_back(event: Posted, facts: Facts) -> tuple[Posting, ...]:
    """An accrual takes itself back on the day it names."""
    return turned(event.lines) if event.reverse_on else ()


@posts("entry.proposed", rules=1)
def waits(event: Proposed, facts: Facts) -> tuple[Posting, ...]:
    """Nothing, until another person approves it and it is posted."""
    return ()


@posts("entry.proposed", rules=1, part="reversal", day=reversal_day)
def waits_too(event: Proposed, facts: Facts) -> tuple[Posting, ...]:
    """Nothing: what an accrual takes back by itself is approved with it."""
    return ()


@posts("entry.reversed", rules=1)
def noted(event: Reversed, facts: Facts) -> tuple[Posting, ...]:
    """No entry of its own: the one that takes it back has the lines."""
    return ()
