"""What the tax commands do inside a commit: codes are defined, and returns filed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.core import Refused, replace, require
from aggregates.money import Money
from aggregates.tax import Amount, Basis, Code, Definition, Direction, Rate, Returns
from bo import books
from projections import rates, taxes
from projections.core import open_views
from store.errors import NotFound

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from bo.dates import Period
    from store.ledger import Ledger
    from store.transaction import Transaction


def add(
    tx: Transaction, code: str, name: str, direction: Direction, category: str, rate: Rate, boxes: tuple[str, str, str]
) -> None:
    known = tx.state(Code, code).code
    if known:
        raise Refused(f"there is a tax code {code}, {known.name}: bo tax codes set {code}")
    tx.change(Code, code, Code.define, Definition(code, name, direction, category, (rate,), *boxes))


def change(
    tx: Transaction, code: str, rate: Decimal | None, since: date | None, name: str | None,
    boxes: tuple[str | None, str | None, str | None],
) -> bool:  # fmt: skip
    """Change what is given; whether anything was new."""
    known = tx.state(Code, code).code
    if known is None:
        raise NotFound(f"there is no tax code {code} of ours: bo tax codes add {code}")
    new = known
    if rate is not None:
        require(since, "say from which day the new rate is: --since DAY")
        others = tuple(each for each in known.rates if each.since != since)
        new = replace(new, rates=(*others, Rate(since or tx.today, rate)))
    given = {"name": name, **dict(zip(("base_box", "tax_box", "owed_box"), boxes, strict=True))}
    new = replace(new, **{field: value for field, value in given.items() if value is not None})
    return bool(tx.change(Code, code, Code.define, new))


def file(ledger: Ledger, tx: Transaction, period: Period, asked: Basis | None = None) -> list[str]:
    """Seal the return of a period as it stands: its days, then remarks."""
    tx.begin(Returns.compartment)
    views = open_views(ledger)
    own = rates.own(views)
    state = tx.state(Returns, "all")
    basis = asked or state.basis
    about = taxes.seen(views, period.first, period.last, basis)
    for each in rates.lacking(views, period.last):
        raise Refused(books.unstated(each, own))
    found = [] if about.until is not None else taxes.boxes(views, about)
    amounts = [Amount(row.box, row.part, _direction(row.direction), Money(int(row.amount), own)) for row in found]
    tx.change(Returns, "all", Returns.file, period.first, period.last, tx.today, views.position, amounts, basis)
    return [f"{period.first} to {period.last}", told(found, own)]


def told(found: list[taxes.Box], own: str) -> str:
    """What a return comes to, in words."""
    due = taxes.to_pay(found)
    return f"{Money(abs(due), own)} {'to be paid back' if due < 0 else 'to pay'}"


def _direction(text: str) -> Direction:
    return "input" if text == "input" else "output"
