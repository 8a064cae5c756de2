"""The invoices that are measured: drafted, issued, paid, and the payment allocated; four events each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from aggregates.core import Event
from aggregates.invoice import Invoice
from aggregates.legal import Party
from aggregates.lines import Line, line
from aggregates.money import eur
from aggregates.series import Series

SELLER = Party("Acme GmbH", "Hauptstraße 1", "10115", "Berlin", "DE", vat_id="DE123456788")
GOODS = ("Consulting", "Travel", "Licence", "Paper A4", "Coffee", "Maintenance")
YEAR = 2026


class Sample(NamedTuple):
    """An invoice's reference and events, and the number that its issue takes from a series."""

    reference: str
    events: tuple[Event, ...]
    series: str
    taken: Event


def invoices(first: int, count: int, year: int = YEAR) -> Iterator[Sample]:
    """Invoices number `first` and on of a year's series, each with two lines; the same for the same numbers."""
    name = f"INV-{year}"
    series = Series(last=first - 1, number=f"{name}-{first - 1:04}", on=date(YEAR, 1, 31))
    for number in range(first, first + count):
        on = date(YEAR, 1, 31)
        taken = series.take("INV", year, on)
        series = series.evolve(taken)
        draft = Invoice().draft(f"C-{number % 997}", _lines(number), "EUR", f"order {number}")
        buyer = Party(f"Customer {number % 997} Ltd", "12 St James's Square", "SW1Y 4JH", "London", "GB")
        issued = Invoice.after(draft).issue(taken.number, on, buyer, SELLER)
        paid = Invoice.after(draft, issued).pay(eur(Decimal("10.00")), on, f"bank {number}")
        yield Sample(f"D-{year}-{number}", (draft, issued, *paid), name, taken)


def _lines(number: int) -> list[Line]:
    goods = GOODS[number % 6]
    return [line(f"{goods};{number % 7 + 1};{number % 500 + 10}.50;19"), line(f"Delivery of {goods};1;8.90;7")]
