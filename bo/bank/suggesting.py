"""Suggestions as a listing, the sure ones confirmed line by line, and the rules they come from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aggregates.core import Refused
from aggregates.match import Rules
from aggregates.match_rules import Rule
from bo import books, errors
from bo.bank import confirming, matching
from bo.parts import Parts
from projections import accounts, bankitems
from projections.core import open_views
from store.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from projections.bankitems import Suggestion
    from store.ledger import Ledger
    from store.transaction import Transaction

ALL = "rules"
"""The reference of the one stream of rules."""
MOST = 5
"""So many that could not be confirmed are told of one by one."""


def suggest(ledger: Ledger, bank: str, only: str, confirm: bool, limit: int | None) -> list[Suggestion]:
    """What each open line may be; with `confirm` the sure ones are confirmed, and only these are listed."""
    views = open_views(ledger)
    matcher = matching.Matcher(views)
    names = [rule.name for rule in matcher.rules]
    if only and only not in names:
        raise NotFound(f"there is no rule {only}: there are {', '.join(names)}")
    found = matcher.suggestions(bankitems.open_lines(views, bank))
    chosen = [(line, match) for line, match in found if only in ("", match.rule.name)][:limit]
    if not confirm:
        return matching.rows(chosen)
    chart, sure = books.chart(views), [each for each in chosen if each[1].sure]
    done, failed, planned, skipped = [], [], [], (Refused, Conflict, NotFound)
    with Parts(ledger, "lines", len(sure), "confirm again", "confirming") as parts:
        for line, match in sure:
            choice = confirming.suggested(line, match, matcher.version)
            work = partial(confirming.confirmed, chart=chart, choice=choice)
            try:
                parts.commit(work, 1, f"line {line.id}", skipped)
                planned += ledger.planned
                done.append((line, match))
            except skipped as problem:
                failed.append(f"{line.id}: {problem}")
    ledger.planned = planned
    for each in failed[:MOST]:
        errors.tell(each)
    if failed:
        raise errors.PartlyDone(f"{len(done)} lines are confirmed, {len(failed)} are not: confirm them by hand")
    return matching.rows(done)


def adding(
    ledger: Ledger, name: str, by: Any, days: int, text: str, account: str, direction: Any, bank: str, sure: bool,
    place: int,
) -> Callable[[Transaction], list[str]]:  # fmt: skip
    """The work that puts a rule in its place."""
    views = open_views(ledger)
    number = books.chart(views).open(accounts.find(views, account)).number if account else ""
    rule = Rule(name, by, days, text.strip(), number, direction, bank, sure)

    def work(tx: Transaction) -> list[str]:
        made = tx.change(Rules, ALL, Rules.add, rule, place)
        return [name, f"version {made.version} of the rules: {rule.says}"]

    return work


def removing(name: str) -> Callable[[Transaction], list[str]]:
    def work(tx: Transaction) -> list[str]:
        made = tx.change(Rules, ALL, Rules.drop, name)
        return [name, f"version {made.version} of the rules"]

    return work
