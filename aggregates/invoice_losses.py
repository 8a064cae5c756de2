"""What will not be paid of an invoice: bad debts, early payment discounts, small differences; and taking them back."""

from datetime import date
from decimal import Decimal

from aggregates import text
from aggregates.core import require
from aggregates.discounting import parts_of
from aggregates.en16931 import Tax, totals
from aggregates.invoice import Discounted, Forgone, Invoice, Reinstated, WrittenOff
from aggregates.legal import fitted
from aggregates.money import ZERO, Money
from aggregates.relief import shortfall, taxes_of


def write_off(
    invoice: Invoice, on: date, reason: str, amount: Decimal | Money | None = None, relief: bool = False
) -> WrittenOff:
    """Give up what is owing, or `amount` of it; with `relief`, its tax is taken back from the state."""
    invoice.require_issued("written off")
    require(reason.strip(), "a write-off needs a reason")
    require(on >= invoice.on, f"{invoice.number} is dated {invoice.on}: it cannot be written off on {on}")
    require(invoice.owing, f"{invoice.number} is settled: nothing is owing")
    amount = invoice.owing if amount is None else fitted(amount, invoice.currency, invoice.number)
    require(ZERO < amount <= invoice.owing, f"{invoice.owing} is owing on {invoice.number}, not {amount}")
    most = invoice.total - invoice.credited - invoice.written_off
    require(amount <= most, f"{most} of {invoice.number} is neither credited nor written off yet, not {amount}")
    return WrittenOff(amount, on, text.clean(reason), taxes=_taxes(invoice, amount) if relief else ())


def round_off(invoice: Invoice, on: date, paid: date, tolerance: Money) -> tuple[Forgone, ...]:
    """What is missing from a payment of the day `paid`: a discount in time, else a difference that is tolerated."""
    found = shortfall(invoice, paid, tolerance)
    if found is None:
        return ()
    if found.discounted:
        taxes = _taxes(invoice, invoice.owing)
        return (Discounted(invoice.owing, on, found.reason, taxes, parts_of(taxes, invoice.rest)),)
    return (WrittenOff(invoice.owing, on, found.reason, small=True),)


def reinstate(invoice: Invoice, on: date, reason: str) -> Reinstated:
    """Take back the last write-off or discount that stands."""
    invoice.require_issued("reinstated")
    require(reason.strip(), "taking back a write-off needs a reason")
    require(invoice.forgone, f"nothing of {invoice.number} is written off or discounted")
    was = invoice.forgone[-1]
    require(on >= was.on, f"it was written off on {was.on}: that cannot end on {on}")
    return Reinstated(was.amount, on, text.clean(reason), was)


def _taxes(invoice: Invoice, part: Money) -> tuple[Tax, ...]:
    """What of the tax that is not credited goes with a part of the total."""
    before = sum((each.amount for each in invoice.forgone if each.taxes), Money(0, invoice.currency))
    return taxes_of(totals(invoice.rest, invoice.currency).taxes, before, part)
