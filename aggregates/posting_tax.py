"""What tax returns post: the taxes they report leave their accounts, and are owed to the authority or by it."""

from datetime import date

from aggregates.posting import Facts, Posting, accounting_day, posts
from aggregates.tax import Filed, Withdrawn


def day(event: Filed | Withdrawn) -> date | None:
    """A return without taxes leaves the books as they are, as did all that were filed before returns posted."""
    return accounting_day(event) if event.cleared else None


@posts("tax.filed", rules=1, day=day)
def settled(event: Filed, facts: Facts) -> tuple[Posting, ...]:
    """What the boxes report leaves the tax accounts for the one it is settled on; rounding is a difference."""
    return event.cleared


@posts("tax.withdrawn", rules=1, day=day)
def taken_back(event: Withdrawn, facts: Facts) -> tuple[Posting, ...]:
    """A return that is taken back: its taxes stand on their own accounts again."""
    return event.cleared
