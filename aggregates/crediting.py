"""What a credit note takes back: which lines of an invoice, and how much of what remains of each."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from aggregates.core import Refused, replace, require
from aggregates.discounting import alike, gross, less, lessened, overdrawn, parts_back, share, standing
from aggregates.en16931 import Tax, Totals, added, difference, line_net, plain, totals
from aggregates.lines import FORM, NONE, Line, line
from aggregates.money import ZERO, Money, exact
from aggregates.text import shown


class Claim(msgspec.Struct, frozen=True):
    """What to credit: a line by its number or by being written like it, and how much of it (None: the rest)."""

    line: int = 0
    quantity: Decimal | None = None
    net: Decimal | None = None
    like: Line | None = None


def claim(text: str) -> Claim:
    """Parse what to credit: `LINE`, `LINE;QUANTITY`, `LINE;QUANTITY;NET AMOUNT`, or the line as it was drafted."""
    parts = [part.strip() for part in text.split(";")]
    if len(parts) > 3:
        return Claim(like=line(text))
    place, *amounts = parts
    form = f"a line to credit is “LINE NUMBER;QUANTITY;NET AMOUNT” or “{FORM}”, not {shown(text)}"
    require(re.fullmatch("[0-9]{1,9}", place), form)
    quantity, net = (*map(exact, amounts), None, None)[:2]
    return Claim(int(place), quantity and plain(quantity), net)


def credit_note(
    number: str, lines: Sequence[Line], rest: Sequence[Line], claims: Sequence[Claim], forgone: Sequence[Any]
) -> dict[str, Any]:
    """Lines, taxes and totals of a credit note on the document `number`, of whose `lines` `rest` remains.

    Of an early payment discount that was taken its share goes back with them: only what was charged is credited. A net
    that was given is credited as it is.
    """
    taken, at_price = credited(rest, claims)
    require(taken, f"nothing is left to credit of {number}")
    currency = rest[0].net.currency
    left, back = after(rest, taken), share(forgone, rest, at_price)
    kept = standing(lessened(forgone, back)).values()
    for was, stays in zip(totals(rest, currency).taxes, totals(left, currency).taxes, strict=True):
        nobody_paid = added((each.basis for each in alike(was, kept)), currency)
        low, high = sorted((nobody_paid, was.basis))
        kind = f"tax category {was.category} at {was.rate} %"
        message = f"{was.basis - nobody_paid} net can still be credited in {kind}, not {was.basis - stays.basis}"
        require(low <= stays.basis <= high, message)
    before, now = gone(lines, rest), gone(lines, left)
    total = now.total - before.total - gross(back, currency)
    written_off = added((each.amount for each in forgone), currency)
    most = totals(lines, currency).total - before.total - written_off
    require(total > ZERO, f"a credit note comes to more than zero, not {total}")
    require(total <= most, f"{most} can still be credited, not {total}")
    taxes = less(difference(now.taxes, before.taxes), back)
    return {
        "lines": taken, "taxes": taxes, "net": added((each.basis for each in taxes), currency),
        "tax": added((each.amount for each in taxes), currency), "total": total, "discounted": back,
        "discounted_parts": parts_back(forgone, rest, at_price),
    }  # fmt: skip


def gone(lines: Sequence[Line], rest: Sequence[Line]) -> Totals:
    """What has been credited so far.

    The tax of a credit note is the growth of this, so all notes together never differ from the invoice by a cent.
    """
    pairs = zip(lines, rest, strict=True)
    return totals([replace(line, net=line.net - left.net) for line, left in pairs], lines[0].net.currency)


def credited(rest: Sequence[Line], claims: Sequence[Claim]) -> tuple[tuple[Line, ...], list[Line]]:
    """The lines of a credit note that takes `claims` from the `rest` of an invoice, without any all of it; and those
    that are at the invoice's price, not at a net that was given."""
    if not claims:
        claims = [Claim(place) for place, each in enumerate(rest, 1) if each.quantity or each.net]
    taken: dict[int, Line] = {}
    at_price = []
    for claimed in claims:
        place, wanted = _resolved(claimed, rest)
        require(place not in taken, f"line {place} is given twice")
        taken[place] = _taken(rest[place - 1], place, wanted)
        if wanted.net is None:
            at_price.append(taken[place])
    return tuple(taken.values()), at_price


def after(rest: Sequence[Line], taken: Sequence[Line]) -> tuple[Line, ...]:
    """What remains to be credited of each line."""
    left = list(rest)
    for each in taken:
        of = left[each.of - 1]
        left[each.of - 1] = replace(of, quantity=of.quantity - each.quantity, net=of.net - each.net)
    return tuple(left)


def overtaken(rest: Sequence[Line], taken: Sequence[Line]) -> str:
    """Why lines of a credit note cannot be taken from the `rest` of an invoice, "" when they can."""
    if any(not 0 < each.of <= len(rest) for each in taken):
        return "a line is credited that the invoice does not have"
    for place, (was, left) in enumerate(zip(rest, after(rest, taken), strict=True), 1):
        quantities, nets = sorted((NONE, was.quantity)), sorted((was.net - was.net, was.net))
        if not (quantities[0] <= left.quantity <= quantities[1] and nets[0] <= left.net <= nets[1]):
            return f"more of line {place} is credited than remains of it"
    return ""


def miscounted(
    number: str, lines: Sequence[Line], rest: Sequence[Line], taken: Sequence[Line], total: Money,
    discounted: Sequence[Tax] = (), forgone: Sequence[Any] = (),
) -> str:  # fmt: skip
    """Why the credit note `number` over `taken` cannot come to `total`, "" when it does."""
    try:
        wrong = overtaken(rest, taken)
        if overdrawn(forgone, discounted):
            wrong = wrong or "more of a discount goes back than was taken"
        left = rest if wrong else after(rest, taken)
        comes_to = gone(lines, left).total - gone(lines, rest).total - gross(discounted, total.currency)
    except (ArithmeticError, TypeError, Refused):  # what no verb makes: not a number, another currency
        return f"{number} cannot be added up"
    if not wrong and comes_to != total:
        return f"{number} comes to {comes_to}, not {total}"
    return wrong and f"{number}: {wrong}"


def _resolved(claimed: Claim, rest: Sequence[Line]) -> tuple[int, Claim]:
    if claimed.like is None:
        require(0 < claimed.line <= len(rest), f"the lines are 1 to {len(rest)}: there is no line {claimed.line}")
        return claimed.line, claimed
    like = claimed.like
    alike = [
        place
        for place, each in enumerate(rest, 1)
        if (each.description, each.category, each.rate) == (like.description, like.category, like.rate)
    ]
    require(alike, f"no line is called {shown(like.description)} with a tax of {like.rate} %: name it by its number")
    require(len(alike) == 1, f"lines {', '.join(map(str, alike))} are written like that: name one by its number")
    of = rest[alike[0] - 1]
    if like.price == of.price:
        return alike[0], Claim(quantity=like.quantity)
    lower = line_net(like.quantity, like.price, of.discount, of.net.currency)
    return alike[0], Claim(quantity=NONE, net=lower.amount)


def _taken(of: Line, place: int, wanted: Claim) -> Line:
    quantity = of.quantity if wanted.quantity is None else wanted.quantity
    require(
        min(NONE, of.quantity) <= quantity <= max(NONE, of.quantity),
        f"line {place} has {of.quantity} left to credit, not {quantity}",
    )
    currency = of.net.currency
    if wanted.net is not None:
        net = Money.of(wanted.net, currency)
    elif quantity == of.quantity:
        net = of.net
    else:  # a difference, so that the parts of a line never come to more than the line
        whole, left = (
            line_net(each, of.price, of.discount, currency) for each in (of.quantity, of.quantity - quantity)
        )
        net = whole - left
    nothing = Money(0, currency)
    require(min(nothing, of.net) <= net <= max(nothing, of.net), f"line {place} has {of.net} left to credit, not {net}")
    require(quantity or net, f"nothing is left to credit of line {place}")
    return replace(of, quantity=quantity, net=net, of=place)
