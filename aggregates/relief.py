"""What will not be paid of a document: bad debts, small differences and early payment discounts, with their tax."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import msgspec

from aggregates.core import Event, require
from aggregates.discounting import Deducted
from aggregates.en16931 import Tax, added, difference
from aggregates.legal import due_date
from aggregates.money import ZERO, Money, exact, proportion, rounded
from aggregates.text import shown

_TERMS = re.compile("([0-9.]+) ?%? ?/ ?([0-9]{1,3})")
_MOST = 100


class Discount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many percent may be deducted by who pays until this day."""

    percent: Decimal
    until: date

    @property
    def says(self) -> str:
        return f"{self.percent} % until {self.until}"

    def of(self, total: Money) -> Money:
        return rounded(total.amount * self.percent.scaleb(-2), total.currency)


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many percent may be deducted by who pays within so many days of a document."""

    percent: Decimal
    days: int

    def offered(self, on: date) -> Discount:
        """For a document of a day."""
        return Discount(self.percent, due_date(on, None, self.days))

    def __str__(self) -> str:
        return f"{self.percent}/{self.days}"


def offered(text: str, on: date) -> Discount:
    """Parse `2/10`: 2 percent within 10 days of the invoice."""
    return terms(text).offered(on)


def terms(text: str) -> Terms:
    """Parse `2/10`."""
    found = _TERMS.fullmatch(text.strip())
    require(found, f"a discount is written PERCENT/DAYS, such as 2/10, not {shown(text)}")
    assert found is not None
    percent = exact(found[1])
    require(
        0 < percent < _MOST and round(percent, 2) == percent, f"a discount lies between 0 and 100 %, not at {percent}"
    )
    return Terms(percent, int(found[2]))


def in_time(number: str, due: date, discount: Discount | None) -> None:
    """Refused unless a discount ends by the day on which all is due."""
    late = f"{number} is due on {due}: a discount ends by then, not on {discount and discount.until}"
    require(discount is None or discount.until <= due, late)


class Document(Protocol):
    """An invoice or bill."""

    @property
    def owing(self) -> Money: ...
    @property
    def total(self) -> Money: ...
    @property
    def credited(self) -> Money: ...
    @property
    def discount(self) -> Discount | None: ...
    @property
    def forgone(self) -> tuple[Any, ...]: ...


def given_up(document: Document, kind: type[Any] = Event) -> Money:
    """What will not be paid, for whatever reason or only for one."""
    return sum((each.amount for each in document.forgone if isinstance(each, kind)), Money(0, document.total.currency))


def deductible(document: Document, paid: date) -> Money:
    """What may still be deducted by who pays on a day."""
    terms = document.discount
    if terms is None or paid > terms.until:
        return Money(0, document.total.currency)
    return terms.of(document.total - document.credited) - given_up(document, Deducted)


def payable(document: Document, on: date) -> Money:
    """What is to be paid on a day: what is owing, less the discount while it may be deducted."""
    less = deductible(document, on)
    return document.owing - less if ZERO < less < document.owing else document.owing


class Shortfall(NamedTuple):
    discounted: bool
    """Else it is a difference that is tolerated."""
    reason: str


def shortfall(document: Document, paid: date, tolerance: Money) -> Shortfall | None:
    """Why what is owing after a payment of a day need not be paid, if it need not."""
    missing = document.owing
    if not missing or missing > document.total - document.credited - given_up(document):
        return None
    if document.discount and missing <= deductible(document, paid):
        return Shortfall(True, document.discount.says)
    return Shortfall(False, f"a difference within {tolerance}") if missing <= tolerance else None


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
