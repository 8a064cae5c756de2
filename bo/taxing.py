"""What the tax commands do inside a commit: codes are defined, and returns filed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.core import Refused, replace, require
from aggregates.money import Money
from aggregates.posting import Posting
from aggregates.tax import Amount, Basis, Code, Definition, Direction, Rate, Returns, Rounding
from bo import books
from bo.clock import today
from projections import rates, taxes
from projections.core import open_views
from store.errors import NotFound

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from bo.dates import Period
    from projections.core import Views
    from projections.taxed import Seen
    from store.ledger import Ledger
    from store.transaction import Transaction


def add(
    tx: Transaction, code: str, name: str, direction: Direction, category: str, rate: Rate, boxes: tuple[str, str, str],
    standard: str = "",
) -> None:  # fmt: skip
    known = tx.state(Code, code).code
    if known:
        raise Refused(f"there is a tax code {code}, {known.name}: bo tax codes set {code}")
    tx.change(Code, code, Code.define, Definition(code, name, direction, category, (rate,), *boxes, standard))


def change(
    tx: Transaction, code: str, rate: Decimal | None, since: date | None, name: str | None,
    boxes: tuple[str | None, str | None, str | None], standard: str | None = None,
) -> bool:  # fmt: skip
    """Change what is given; whether anything was new."""
    known = tx.state(Code, code).code
    if known is None:
        raise NotFound(f"there is no tax code {code} of ours: bo tax codes add {code}")
    new = known
    if rate is not None:
        require(since, "say from which day the new rate is: --since DAY")
        assert since is not None
        others = tuple(each for each in known.rates if each.since != since)
        new = replace(new, rates=(*others, Rate(since, rate)))
    given = {"name": name, "standard": standard, **dict(zip(("base_box", "tax_box", "owed_box"), boxes, strict=True))}
    new = replace(new, **{field: value for field, value in given.items() if value is not None})
    return bool(tx.change(Code, code, Code.define, new))


def file(
    ledger: Ledger, tx: Transaction, period: Period, asked: Basis | None = None, rounding: Rounding | None = None,
    booked: date | None = None,
) -> list[str]:  # fmt: skip
    """Seal the return of a period as it stands, and clear the taxes it reports: its days, then remarks."""
    tx.begin(Returns.compartment)
    views = open_views(ledger)
    own = rates.own(views)
    state = tx.state(Returns, "all")
    basis, rounded = asked or state.basis, rounding or state.rounding
    about = taxes.seen(views, period.first, period.last, basis, rounded)
    for each in rates.lacking(views, period.last):
        raise Refused(books.unstated(each, own))
    found: list[taxes.Box] = [] if about.filed else taxes.boxes(views, about)
    amounts = [Amount(row.box, row.part, _direction(row.direction), Money(int(row.amount), own)) for row in found]
    cleared = () if about.filed else _cleared(views, about, taxes.to_pay(found), own)
    late = None if booked else books.late(tx, "tax", period.last)
    filed = tx.change(
        Returns, "all", Returns.file, period.first, period.last, today(), views.position, amounts, basis, rounded,
        cleared, booked or late,
    )  # fmt: skip
    told_of = books.booked_late(period.last, late) or [f"{filed.number} is posted on {filed.booked}"]
    return [f"{period.first} to {period.last}", told(found, own), *(told_of if cleared else [])]


def _cleared(views: Views, about: Seen, due: int, own: str) -> tuple[Posting, ...]:
    """The taxes in the boxes leave their accounts; what is due is settled, and rounding is a difference."""
    chart, text = books.chart(views), f"Tax return {about.first} to {about.last}"
    found = [Posting(account, Money(-minor, own), text=text) for account, minor in taxes.taxes(views, about).items()]
    exact = sum(each.amount.minor for each in found)
    found.append(Posting(chart.number("@tax-settlement"), Money(-due, own), text=text))
    found.append(Posting(chart.number("@rounding"), Money(due - exact, own), text=text))
    return tuple(each for each in found if each.amount)


def withdraw(tx: Transaction, number: str, on: date, reason: str) -> list[str]:
    """Take back the last return and what it posted: its number, then remarks."""
    state = tx.state(Returns, "all")
    made = next((each for each in state.standing if each.number == number), None)
    day = made.booked if made else None
    late = books.late(tx, "tax", day) if day else None
    tx.change(Returns, "all", Returns.withdraw, number, on, reason, late)
    again = "what it reported stands on the tax accounts again, for `bo tax file`"
    return [number, again, *(books.booked_late(day, late) if day else [])]


def told(found: list[taxes.Box], own: str) -> str:
    """What a return comes to, in words."""
    due = taxes.to_pay(found)
    return f"{Money(abs(due), own)} {'to be paid back' if due < 0 else 'to pay'}"


def _direction(text: str) -> Direction:
    return "input" if text == "input" else "output"
