"""What we need not pay of a bill: a discount for paying early, a small difference; and taking them back."""

from datetime import date

from aggregates import text
from aggregates.bill import Bill, Discounted, Forgone, Reinstated, Tolerated
from aggregates.core import replace, require
from aggregates.discounting import RECIPIENT, Kind, bases, gross, parts_of, standing
from aggregates.en16931 import Tax, tax_on, totals
from aggregates.money import Money
from aggregates.relief import shortfall, taxes_of


def round_off(bill: Bill, on: date, paid: date, tolerance: Money) -> tuple[Forgone, ...]:
    """What is missing from a payment of the day `paid`: a discount in time, else a difference that is tolerated."""
    found = shortfall(bill, paid, tolerance)
    if found is None:
        return ()
    if found.discounted:
        taxes = _taxes(bill, bill.owing)
        return (Discounted(bill.owing, on, found.reason, taxes, parts_of(taxes, bill.rest)),)
    return (Tolerated(bill.owing, on, found.reason),)


def reinstate(bill: Bill, on: date, reason: str) -> Reinstated:
    """Take back the last discount or difference that stands."""
    require(bill.number, "there is no such bill")
    require(reason.strip(), "taking back a discount needs a reason")
    require(bill.forgone, f"nothing of {bill.number} is discounted")
    was = bill.forgone[-1]
    require(on >= was.on, f"it was discounted on {was.on}: that cannot end on {on}")
    return Reinstated(was.amount, on, text.clean(reason), was)


def _taxes(bill: Bill, part: Money) -> tuple[Tax, ...]:
    """Bases and taxes that go with a part of what a bill asks for. What we owe ourselves is no part of that."""
    taken, currency = standing(bill.forgone), bill.currency
    asked = {(each.category, each.rate): each.amount for each in totals(bill.rest, currency).taxes}
    of = [
        Tax(*kind, Money(basis, currency), Money(0, currency) if kind[0] in RECIPIENT else asked[kind])
        for kind, basis in sorted(bases(bill.rest).items())
    ]
    parts = taxes_of(of, gross(taken.values(), currency), part)
    left = {(each.category, each.rate): each.basis for each in of}
    return tuple(_owed(each, left, taken) if each.category in RECIPIENT else each for each in parts)


def _owed(part: Tax, left: dict[Kind, Money], taken: dict[Kind, Tax]) -> Tax:
    """With the tax that we owe less: parts that come to the whole take all of it."""
    kind = part.category, part.rate
    before = left[kind] - taken[kind].basis if kind in taken else left[kind]
    return replace(part, amount=tax_on(before, part.rate) - tax_on(before - part.basis, part.rate))
