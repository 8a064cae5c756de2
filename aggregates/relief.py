"""What will not be paid of an invoice: bad debts, small differences and early payment discounts, with their tax."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from aggregates.core import require
from aggregates.en16931 import Tax, added, difference
from aggregates.legal import due_date
from aggregates.money import Money, exact, proportion, rounded
from aggregates.text import shown

_TERMS = re.compile("([0-9.]+) ?%? ?/ ?([0-9]{1,3})")
_MOST = 100


class Discount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many percent may be deducted by who pays until this day."""

    percent: Decimal
    until: date

    def of(self, total: Money) -> Money:
        return rounded(total.amount * self.percent.scaleb(-2), total.currency)


def offered(text: str, on: date) -> Discount:
    """Parse `2/10`: 2 percent within 10 days of the invoice."""
    found = _TERMS.fullmatch(text.strip())
    require(found, f"a discount is written PERCENT/DAYS, such as 2/10, not {shown(text)}")
    assert found is not None
    percent = exact(found[1])
    require(
        0 < percent < _MOST and round(percent, 2) == percent, f"a discount lies between 0 and 100 %, not at {percent}"
    )
    return Discount(percent, due_date(on, None, int(found[2])))


def taxes_of(taxes: Sequence[Tax], before: Money, part: Money) -> tuple[Tax, ...]:
    """What of the taxes of a document goes with a part of its total, after a part `before` took its own along.

    Parts that come to the whole take all of every tax, to the cent.
    """
    return difference(_upto(taxes, before + part), _upto(taxes, before))


def _upto(taxes: Sequence[Tax], part: Money) -> list[Tax]:
    """Bases and taxes of so much of the total, category by category."""
    currency = part.currency
    whole = added((each.basis + each.amount for each in taxes), currency).minor
    found, seen, taken = [], 0, 0
    for each in taxes:
        gross = (each.basis + each.amount).minor
        seen += gross
        here = proportion(seen, part.minor, whole) - taken
        taken += here
        tax = proportion(each.amount.minor, here, gross) if gross else 0
        found.append(Tax(each.category, each.rate, Money(here - tax, currency), Money(tax, currency)))
    return found
