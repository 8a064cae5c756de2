"""Rules that suggest what a line of a bank statement is: data, in an order, so that a ledger can have its own."""

from fnmatch import translate
from functools import lru_cache
from re import IGNORECASE, Pattern, compile
from typing import Literal

import msgspec

from aggregates.core import require
from aggregates.text import line, reference, shown

By = Literal["recorded", "own", "returned", "reference", "party", "amount", "text"]
Direction = Literal["in", "out", "any"]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`by` says how it compares; `text` is a pattern in which `*` is anything, `days` how far dates may lie apart."""

    name: str
    by: By
    days: int = 0
    text: str = ""
    account: str = ""
    direction: Direction = "any"
    bank: str = ""
    sure: bool = True
    """Whether `bo bank match --confirm` goes by it."""

    @property
    def says(self) -> str:
        """What it does, for people."""
        match self.by:
            case "recorded":
                return f"a payment recorded by hand within {self.days} days, of the same amount"
            case "own":
                return f"a transfer to or from another account of ours, or its other half within {self.days} days"
            case "returned":
                return f"a payment of the last {self.days} days that comes back: same amount, and its reference"
            case "reference":
                return "numbers of invoices or bills in the references or the text, which come to the amount"
            case "party":
                return "one open document of the amount, of a party with the same IBAN or name"
            case "amount":
                return f"one open document of the amount, dated or due within {self.days} days"
            case _:
                return f"“{self.text}” in the text or the name, to account {self.account}"


BUILT_IN = (
    Rule("recorded", "recorded", days=10),
    Rule("own", "own", days=5),
    Rule("returned", "returned", days=60, sure=False),
    Rule("reference", "reference"),
    Rule("party", "party"),
    Rule("amount", "amount", days=30, sure=False),
)
"""In force before a ledger has rules of its own."""


def checked(rule: Rule) -> Rule:
    """Refuse a rule that could not be applied."""
    reference(rule.name)
    require(rule.by != "text" or (rule.text.strip(" *") and rule.account), "such a rule has a text and an account")
    require(len(line(rule.text)) <= 200, f"{shown(rule.text)} is longer than 200 characters")
    require(0 <= rule.days <= 366, f"a rule looks at most 366 days back and forth, not {rule.days}")
    return rule


def fits(rule: Rule, *texts: str) -> bool:
    """Whether the pattern of a rule stands in one of the texts, whatever the case."""
    return any(_pattern(rule.text).search(text) for text in texts)


@lru_cache(maxsize=1000)
def _pattern(text: str) -> Pattern[str]:
    """Only `*` means more than itself: no pattern a user writes can take for ever."""
    plain = translate(text.replace("[", "[[]").replace("?", "[?]"))
    return compile(plain.removesuffix(r"\Z").removesuffix(r"\z"), IGNORECASE)
