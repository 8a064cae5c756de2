"""Early payment discounts that were taken, and what of them goes back with a credit note: nobody paid that."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from aggregates.core import Event, replace
from aggregates.en16931 import Tax, added
from aggregates.lines import Line
from aggregates.money import Money, proportion

RECIPIENT = ("AE", "K")
"""Categories in which the recipient owes the tax: it is part of no price."""


class Deducted(Event, tag=False):
    """A discount that was taken: by how much each basis and its tax became less. They come to the amount."""

    amount: Money
    on: date
    reason: str
    taxes: tuple[Tax, ...]


Kind = tuple[str, Decimal]
"""Category and rate; where the recipient owes the tax, the rate at which he does."""
F = TypeVar("F", bound=Event)


def gross(taxes: Iterable[Tax], currency: str) -> Money:
    return added((each.basis + charged(each) for each in taxes), currency)


def charged(tax: Tax) -> Money:
    """What of a tax its document asks for."""
    return tax.amount if tax.category not in RECIPIENT else tax.amount - tax.amount


def bases(lines: Iterable[Line]) -> dict[Kind, int]:
    """The net of lines by category and rate."""
    found: dict[Kind, int] = {}
    for each in lines:
        kind = each.category, each.owed or each.rate
        found[kind] = found.get(kind, 0) + each.net.minor
    return found


def standing(forgone: Iterable[Event]) -> dict[Kind, Tax]:
    """All discounts that were taken, as one."""
    found: dict[Kind, Tax] = {}
    for each in (tax for event in forgone if isinstance(event, Deducted) for tax in event.taxes):
        other = found.get(_kind(each))
        found[_kind(each)] = _plus(each, other.basis, other.amount) if other else each
    return found


def share(forgone: Iterable[Event], rest: Sequence[Line], taken: Sequence[Line]) -> tuple[Tax, ...]:
    """What of the discounts goes with the lines `taken` of the `rest` of a document: of all of it, all that is left."""
    left, here = bases(rest), bases(taken)
    found = []
    for kind, tax in standing(forgone).items():
        whole = left.get(kind, 0)
        part = sorted((0, here.get(kind, 0), whole))[1]
        if part:
            basis, amount = (proportion(each.minor, part, whole) for each in (tax.basis, tax.amount))
            found.append(replace(tax, basis=replace(tax.basis, minor=basis), amount=replace(tax.amount, minor=amount)))
    return tuple(found)


def overdrawn(forgone: Iterable[Event], back: Sequence[Tax]) -> bool:
    """Whether more would go back than stands of a discount."""
    stands = standing(forgone)
    return len({_kind(each) for each in back}) < len(back) or not all(
        _kind(each) in stands
        and _within(each.basis, stands[_kind(each)].basis)
        and _within(each.amount, stands[_kind(each)].amount)
        for each in back
    )


def lessened(forgone: Sequence[F], back: Iterable[Tax]) -> tuple[F, ...]:
    """What stands of discounts after `back` went back, of the last one first."""
    left, found = {_kind(each): each for each in back}, list[F]()
    for event in reversed(forgone):
        if isinstance(event, Deducted):
            taxes = tuple(each for tax in event.taxes if (each := _without(tax, left)).basis or each.amount)
            event = replace(event, amount=gross(taxes, event.amount.currency), taxes=taxes)
        if not isinstance(event, Deducted) or event.taxes:
            found.append(event)
    return tuple(reversed(found))


def _without(tax: Tax, left: dict[Kind, Tax]) -> Tax:
    """A tax less what is left of its kind, which is less by that from then on."""
    off = left.get(_kind(tax))
    if off is None:
        return tax
    basis, amount = min(tax.basis, off.basis, key=abs), min(tax.amount, off.amount, key=abs)
    left[_kind(tax)] = _plus(off, -basis, -amount)
    return _plus(tax, -basis, -amount)


def less(taxes: Iterable[Tax], back: Sequence[Tax]) -> tuple[Tax, ...]:
    """The taxes of a document without those of the discount that goes with it."""
    found = []
    for tax in taxes:
        of, currency = alike(tax, back), tax.basis.currency
        found.append(_plus(tax, -added((each.basis for each in of), currency), -added(map(charged, of), currency)))
    return tuple(each for each in found if each.basis or each.amount)


def full(taxes: Iterable[Tax], back: Iterable[Tax]) -> Iterable[Tax]:
    """The taxes of a credit note at full price, with what goes back of a discount."""
    found = {_kind(each): each for each in taxes}
    for each in back:
        kind = each.category, each.rate if each.category not in RECIPIENT else Decimal(0)
        none = Money(0, each.basis.currency)
        found[kind] = _plus(found.get(kind, Tax(*kind, none, none)), each.basis, charged(each))
    return found.values()


def alike(tax: Tax, of: Iterable[Tax]) -> list[Tax]:
    """Those of a document's tax: where the recipient owes it the document names no rate."""
    return [each for each in of if each.category == tax.category and tax.rate in (each.rate, 0)]


def _kind(tax: Tax) -> Kind:
    return tax.category, tax.rate


def _plus(tax: Tax, basis: Money, amount: Money) -> Tax:
    return replace(tax, basis=tax.basis + basis, amount=tax.amount + amount)


def _within(part: Money, whole: Money) -> bool:
    low, high = sorted((whole - whole, whole))
    return low <= part <= high
