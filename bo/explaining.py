"""Which rule posted what: entries of a document beside what their rules say."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from aggregates import posting
from projections import entries, references
from store.errors import NotFound

if TYPE_CHECKING:
    from projections.core import Views
    from projections.entries import Explained


WITHIN = ("credit", "taxreturn")
"""What shares its stream with others, and is known there by its number."""


class Rule(msgspec.Struct):
    """A posting rule; of several for one event the newest in force on its day posts it."""

    event: str
    part: str
    rules: int
    since: date | None
    rule: str
    says: str


def rules() -> list[Rule]:
    """Every rule, by its event."""
    found = [
        Rule(each.tag, each.part, each.number, _since(each.number), each.name, each.says) for each in posting.rules()
    ]
    return sorted(found, key=lambda each: (each.event, each.part, each.rules))


def explained(views: Views, text: str) -> tuple[list[Explained], list[str]]:
    """What a document, or the event at a position, has posted, and what each of the rules says. Raises NotFound."""
    if text.isascii() and text.isdigit() and len(text) < 16:
        found = entries.explained(views, position=int(text))
        if not found:
            raise NotFound(f"the event at position {text} has posted nothing")
    else:
        thing = references.resolve(views, text)
        found = entries.explained(views, thing.stream, number=thing.ref if thing.kind in WITHIN else "")
    said = {(each.event, each.rule, each.rules): each for each in rules()}
    used = dict.fromkeys((row.event, row.rule, row.rules) for row in found)
    if not found:
        return found, [f"{text} has posted nothing"]
    return found, [f"{key[0]}, rule set {key[2]}, {key[1]}: {said[key].says}" for key in used if key in said]


def _since(number: int) -> date | None:
    since = posting.RULE_SETS[number]
    return None if since == date.min else since
