"""Early payment discounts that were taken, and what of them goes back with a credit note: nobody paid that."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

import msgspec

from aggregates.core import Event, replace
from aggregates.en16931 import Tax, added
from aggregates.lines import Line
from aggregates.money import ZERO, Money, proportion

RECIPIENT = ("AE", "K")
"""Categories in which the recipient owes the tax: it is part of no price."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What of the basis of a discount is for lines that bear these dimensions."""

    category: str
    rate: Decimal
    dimensions: tuple[str, ...]
    basis: Money


class Deducted(Event, tag=False, omit_defaults=True):
    """A discount that was taken: by how much each basis and its tax became less. They come to the amount."""

    amount: Money
    on: date
    reason: str
    taxes: tuple[Tax, ...]
    parts: tuple[Part, ...] = ()
    """Of the bases; what is in none of them bears no dimensions, as all that was deducted before there were parts."""


Kind = tuple[str, Decimal]
"""Category and rate; where the recipient owes the tax, the rate at which he does."""
Place = tuple[str, Decimal, tuple[str, ...]]
"""The same, and dimensions."""
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


def placed(lines: Iterable[Line]) -> Counter[Place]:
    """The net of lines by category, rate and dimensions; what bears none comes last."""
    found = Counter[Place]()
    for each in sorted(lines, key=lambda each: not each.dimensions):
        found[each.category, each.owed or each.rate, each.dimensions] += each.net.minor
    return found


def parts_of(taxes: Iterable[Tax], lines: Sequence[Line]) -> tuple[Part, ...]:
    """The bases of a discount on lines, spread over the dimensions that these bear."""
    whole, seen, found = bases(lines), Counter[Kind](), list[Part]()
    off = {_kind(each): each.basis for each in taxes}
    for (category, rate, dimensions), net in placed(lines).items():
        kind = category, rate
        if kind in off and whole[kind]:
            before = proportion(off[kind].minor, seen[kind], whole[kind])
            seen[kind] += net
            here = proportion(off[kind].minor, seen[kind], whole[kind]) - before
            found.append(Part(*kind, dimensions, replace(off[kind], minor=here)))
    return tuple(each for each in found if each.dimensions and each.basis)


def spread(tax: Tax, parts: Iterable[Part]) -> Iterator[tuple[Money, tuple[str, ...]]]:
    """The basis of one of the taxes of a discount, by the dimensions that its parts bear."""
    rest = tax.basis
    for each in parts:
        if (each.category, each.rate) == _kind(tax):
            yield each.basis, each.dimensions
            rest -= each.basis
    yield rest, ()


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


def parts_back(forgone: Iterable[Event], rest: Sequence[Line], taken: Sequence[Line]) -> tuple[Part, ...]:
    """What of the parts of the discounts goes with these lines, as `share` says it of the whole."""
    left, here = placed(rest), placed(taken)
    stands: dict[Place, Money] = defaultdict(lambda: ZERO)
    for each in (part for event in forgone if isinstance(event, Deducted) for part in event.parts):
        stands[_place(each)] += each.basis
    found = []
    for place, basis in stands.items():
        part = sorted((0, here[place], left[place]))[1]
        if part:
            found.append(Part(*place, replace(basis, minor=proportion(basis.minor, part, left[place]))))
    return tuple(each for each in found if each.basis)


def overdrawn(forgone: Iterable[Event], back: Sequence[Tax]) -> bool:
    """Whether more would go back than stands of a discount."""
    stands = standing(forgone)
    return len({_kind(each) for each in back}) < len(back) or not all(
        _kind(each) in stands
        and _within(each.basis, stands[_kind(each)].basis)
        and _within(each.amount, stands[_kind(each)].amount)
        for each in back
    )


def lessened(forgone: Sequence[F], back: Iterable[Tax], back_parts: Iterable[Part] = ()) -> tuple[F, ...]:
    """What stands of discounts after `back` went back, of the last one first."""
    left, found = {_kind(each): each for each in back}, list[F]()
    parts_left = {_place(each): each.basis for each in back_parts}
    for event in reversed(forgone):
        if isinstance(event, Deducted):
            taxes = tuple(each for tax in event.taxes if (each := _without(tax, left)).basis or each.amount)
            parts = [_part_without(each, parts_left) for each in event.parts]
            event = replace(
                event, amount=gross(taxes, event.amount.currency), taxes=taxes,
                parts=tuple(each for each in parts if each.basis),
            )  # fmt: skip
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


def _part_without(part: Part, left: dict[Place, Money]) -> Part:
    """A part less what is left of its place, which is less by that from then on."""
    place = _place(part)
    off = min(part.basis, left.get(place, ZERO), key=abs)
    left[place] = left.get(place, ZERO) - off
    return replace(part, basis=part.basis - off)


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


def _place(part: Part) -> Place:
    return part.category, part.rate, part.dimensions


def _plus(tax: Tax, basis: Money, amount: Money) -> Tax:
    return replace(tax, basis=tax.basis + basis, amount=tax.amount + amount)


def _within(part: Money, whole: Money) -> bool:
    low, high = sorted((whole - whole, whole))
    return low <= part <= high
