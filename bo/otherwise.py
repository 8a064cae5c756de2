"""What a file says otherwise of a document that is here already, in words: what stands, then what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.money import Money
from projections import bills, invoices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from aggregates.bill import Added
    from aggregates.invoice import Imported
    from aggregates.relief import Discount


def of_invoice(here: invoices.Known, event: Imported, due: bool) -> str:
    """When it is due and its discount count only where the file says so: `due`, and an event with terms."""
    other = [
        *_differs("customer", here.customer, event.customer),
        *_papers(here, event, due),
        *(["other lines"] if here.lines != invoices.lines_of(event) else []),
    ]
    return "; ".join(other)


def of_bill(here: bills.Known, event: Added) -> str:
    """What makes it another paper."""
    return "; ".join(_papers(here, event, due=False, discount=False))


def stays(here: bills.Known, event: Added, due: bool, paid: date | None, amount: Money) -> str:
    """What is said of the same paper, and is not taken over: it may have been changed here since."""
    other = [
        *_differs("due", here.due, event.due.isoformat() if due else here.due),
        *_offered(here, event.discount),
        *(["other lines"] if here.lines != bills.lines_of(event) else []),
    ]
    owing = Money(here.owing, here.currency)
    if paid and owing > abs(event.total) - amount:
        other.append(f"{owing} is owing, though the file says that it was paid on {paid}")
    return "; ".join(other)


def _papers(
    here: invoices.Known | bills.Known, event: Imported | Added, due: bool, discount: bool = True
) -> Iterator[str]:
    yield from _differs("date", here.on, event.on.isoformat())
    yield from _differs("total", str(Money(here.total, here.currency)), str(event.total))
    yield from _differs("due", here.due, event.due.isoformat() if due else here.due)
    yield from _offered(here, event.discount if discount else None)


def _offered(here: invoices.Known | bills.Known, said: Discount | None) -> Iterator[str]:
    stands = f"{here.discount} % until {here.discount_until}" if here.discount else "none"
    yield from _differs("discount", stands, said.says if said else stands)


def _differs(what: str, here: str, said: str) -> Iterator[str]:
    if here != said:
        yield f"{what} {here}, not {said}"
