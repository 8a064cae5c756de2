"""What lines of bank statements post once they are matched."""

from datetime import date

from aggregates.match import Confirmed, Undone
from aggregates.posting import Facts, Posting, accounting_day, posts


def day(event: Confirmed | Undone) -> date | None:
    """A match of payments alone leaves the books as they are: it may be of a closed period."""
    return accounting_day(event) if event.postings else None


@posts("match.confirmed", rules=1, day=day)
def confirmed(event: Confirmed, facts: Facts) -> tuple[Posting, ...]:
    """What of a bank line goes to accounts, as it was confirmed; what is a payment is posted by the payment."""
    return event.postings


@posts("match.undone", rules=1, day=day)
def undone(event: Undone, facts: Facts) -> tuple[Posting, ...]:
    """A match that was taken back: what it posted, the other way round."""
    return event.postings
