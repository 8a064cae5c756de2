"""What changes the worth of accounts and no amount: revaluation, and the end of a year."""

from aggregates.posting import Facts, Posting, posts
from aggregates.revaluation import Made
from aggregates.year_end import Carried


@posts("revaluation.made", rules=1)
def revalued(event: Made, facts: Facts) -> tuple[Posting, ...]:
    """No amount in any currency: only what accounts are worth, as `bo rate differences` lists it."""
    return ()


@posts("year_end.carried", rules=1)
def carried(event: Carried, facts: Facts) -> tuple[Posting, ...]:
    """No amount: what income and expenses are worth follows them to retained earnings (`bo rate differences`)."""
    return ()
