"""What a revaluation posts."""

from aggregates.posting import Facts, Posting, posts
from aggregates.revaluation import Made


@posts("revaluation.made", rules=1)
def revalued(event: Made, facts: Facts) -> tuple[Posting, ...]:
    """No amount in any currency: only what accounts are worth, as `bo rate differences` lists it."""
    return ()
