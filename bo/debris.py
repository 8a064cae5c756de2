"""What binary arithmetic leaves behind an amount, as 977.5999999999999, told from decimals that somebody meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.core import require
from aggregates.money import Money, digits_of, exact, rounded

if TYPE_CHECKING:
    from decimal import Decimal

SIGNIFICANT = 15
"""So many decimal digits a binary float keeps of any number: what is off only behind them was never meant."""


def cleaned(text: str, currency: str, take_off: bool) -> tuple[Money, str]:
    """The amount, and what to say where debris was taken off it.

    Refused when there is debris that is not to be taken off, or when what is too precise is no debris.
    """
    amount = exact(text)
    whole = rounded(amount, currency)
    if whole.amount == amount:
        return whole, ""
    require(_is_debris(amount, whole.amount), f"{text} has more than {digits_of(currency)} decimals")
    advice = 'say "debris": "round" in the mapping to take it off'
    require(take_off, f"{text} is {whole} and what a float left behind it: {advice}")
    return whole, f"{text} is taken as {whole}: the rest is what a float left behind"


def _is_debris(amount: Decimal, whole: Decimal) -> bool:
    """Whether the two are the same number to the digits that a float can tell apart."""
    return abs(amount - whole).adjusted() <= max(amount.adjusted(), whole.adjusted()) - SIGNIFICANT + 1
