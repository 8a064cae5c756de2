"""Amounts and plain numbers as people type them, exactly."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_CURRENCY = re.compile(r"[A-Z]{3}")


class Amount(NamedTuple):
    """What was typed; the verb fits it to the precision of the document's currency."""

    decimal: Decimal
    currency: str | None = None


def amount(text: str) -> Amount:
    """Read `120`, `120.00` or `120.00 EUR`. Raises ValueError with a sentence."""
    number, *rest = text.split(" ") if text.strip() else [text]
    if len(rest) > 1 or (rest and not _CURRENCY.fullmatch(rest[0])):
        raise ValueError(f"{text} is no amount: write 120.00, or 120.00 EUR with the currency in three capitals")
    return Amount(decimal(number), rest[0] if rest else None)


def decimal(text: str) -> Decimal:
    """Read a number written out in ASCII digits. Raises ValueError with a sentence."""
    match = _NUMBER.fullmatch(text)
    if not match:
        hint = ", with a point and without thousands separators" if "," in text else " in the digits 0 to 9"
        raise ValueError(f"{text[:40] or 'nothing'} is no number: write it out like 1234.56{hint}")
    minus, whole, fraction = match.groups()
    if len(whole.lstrip("0")) > 15:
        raise ValueError(f"{text[:40]} is too large: there are at most 15 digits before the point")
    if len(fraction or "") > 12:
        raise ValueError(f"{text[:40]} is too precise: there are at most 12 digits after the point")
    number = Decimal(text)
    if minus and not number:
        raise ValueError(f"{text} is no number: zero has no sign")
    return number
