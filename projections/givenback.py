"""What lines are worth that give back what others took: to the cent what those were, once all of it is given back."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from projections.bookkeys import LINES_OF

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from projections.core import Views

Place = tuple[str, str, str, str]
"""Account, party, tax and dimensions: lines of a stream that share them are one sum."""

DOCUMENTS = {"invoice.issued", "invoice.imported", "bill.added", "bill.edited"}
NOTES = {"invoice.credited": "discount", "bill.credited": "discount-received"}
"""With the account of the discounts that they give back."""
_DOCUMENT = {*DOCUMENTS, *NOTES, "invoice.voided", "bill.voided"}
GIVES_BACK = {
    **dict.fromkeys(("bill.edited", *NOTES, "invoice.voided", "bill.voided"), _DOCUMENT),
    "invoice.reinstated": {"invoice.written_off", "invoice.discounted", "invoice.reinstated"},
    "bill.reinstated": {"bill.tolerated", "bill.discounted", "bill.reinstated"},
    "payment.voided": {"payment.recorded", "payment.voided"},
}
"""By what gives lines back: the events of the same stream whose lines these are."""
DISCOUNTS = {f"{kind}.{what}" for kind in ("invoice", "bill") for what in ("discounted", "reinstated")}


class Line(NamedTuple):
    account: str
    party: str
    currency: str
    minor: int
    tax: str
    dimensions: str

    @property
    def place(self) -> Place:
        return self.account, self.party, self.tax, self.dimensions


class Stood(NamedTuple):
    """What lines came to so far, and were worth."""

    minor: int
    base: int


def stood(
    views: Views, entry: int, tag: str, currency: str, lines: Sequence[Line] = (), discount: str = ""
) -> dict[Place, Stood] | None:
    """What an entry may give back of earlier ones of its stream; None while the worth of some is not known.

    A note with a line on the account of discounts gives these back too.
    """
    events = GIVES_BACK.get(tag, set())
    if tag in NOTES and any(line.account == discount for line in lines):
        events = events | DISCOUNTS
    rows = list(
        views.rows(
            f"""SELECT p.account, p.party, p.tax, p.dimensions, SUM(p.minor), SUM(coalesce(late.base, p.base)),
                COUNT(*) = COUNT(p.base) FROM entry e JOIN posting p ON {LINES_OF} LEFT JOIN late ON posting = p.id
            WHERE e.source = (SELECT source FROM entry WHERE id = ?1) AND e.id < ?1 AND p.currency = ?2
                AND e.event IN ({", ".join(f"'{event}'" for event in sorted(events))}) GROUP BY 1, 2, 3, 4""",  # noqa: S608
            entry, currency,
        )
    ) if events else []  # fmt: skip
    if not all(known for *_, known in rows):
        return None
    return {(account, party, tax, tags): Stood(minor, base) for account, party, tax, tags, minor, base, _ in rows}


def owed(before: Mapping[Place, Stood]) -> Stood:
    """What a party still owes, or is owed, of it."""
    found = [stands for (_, party, _, _), stands in before.items() if party]
    return Stood(sum(each.minor for each in found), sum(each.base for each in found))


def ended(before: Mapping[Place, Stood], lines: Sequence[Line], value: Callable[[int], int]) -> dict[int, int]:
    """By their number, the worth of lines that leave nothing of what stood in their place: all that is left of it."""
    numbers = defaultdict[Place, list[int]](list)
    for at, line in enumerate(lines):
        numbers[line.place].append(at)
    known: dict[int, int] = {}
    for place, (*others, last) in numbers.items():
        stands = before.get(place)
        if stands and stands.minor and not stands.minor + sum(lines[at].minor for at in (*others, last)):
            known |= {at: value(lines[at].minor) for at in others}
            known[last] = -stands.base - sum(known[at] for at in others)
    return known
