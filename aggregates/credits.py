"""Credit of a customer: what is left of each payment and credit note, and how it is drawn on."""

from datetime import date

import msgspec

from aggregates.core import require
from aggregates.money import ZERO, Money


class Credit(msgspec.Struct, frozen=True):
    """What is left of a payment or credit note, and from when on it can settle something."""

    left: Money
    on: date


Credits = dict[str, Credit]
"""By payment or credit note, in the order they came."""


def held(credits: Credits) -> Money:
    return sum((each.left for each in credits.values()), ZERO)


def drawn(credits: Credits, wanted: Money, only: str = "") -> list[tuple[str, Money, date]]:
    """From which sources to take `wanted`, and when each came: the oldest first, or `only` one of them."""
    if only:
        credits = {only: credits[only]} if only in credits else {}
    available = held(credits)
    require(available, "no credit is held here")
    require(wanted > ZERO, f"an allocation is more than zero, not {wanted}")
    require(wanted <= available, f"{available} of credit are held here, not {wanted}")
    parts = []
    for source, credit in credits.items():
        part = min(wanted, credit.left)
        if part:
            parts.append((source, part, credit.on))
            wanted -= part
    return parts


def changed(credits: Credits, source: str, by: Money, on: date) -> Credits:
    """More or less left of `source`; `on` says since when, if it is new."""
    before = credits.get(source, Credit(ZERO, on))
    return {**credits, source: Credit(before.left + by, before.on)}
