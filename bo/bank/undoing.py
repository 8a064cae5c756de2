"""Taking back what a line of a statement was found to be, inside one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.core import require
from aggregates.match import Link, Match
from aggregates.payment import Payment
from bo import paying
from bo.bank import returning
from projections import banklists
from projections.core import open_views

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from store.ledger import Ledger
    from store.transaction import Transaction

Said = list[str]
"""What a commit gives back: the result, then remarks."""


def undoing(ledger: Ledger, text: str, on: date | None) -> Callable[[Transaction], Said]:
    """The work of one commit: the match goes, and with it the payments it made."""
    views = open_views(ledger)
    line = banklists.find(views, text).line

    def work(tx: Transaction) -> Said:
        said: Said = [line]
        match = tx.state(Match, line).matched
        require(match, f"{line} is not matched: there is nothing to undo")
        assert match is not None
        for account in {each.account for each in match.postings}:
            other = next(iter(tx.state(Link, f"match/{line}/{account}").lines), "")
            require(not other, f"{line} is what {other} was found to be: `bo bank undo {other}` first")
        for target in match.targets:
            if not target.to.startswith("account/"):
                tx.change(Link, target.to, Link.unlink, line)
            if target.made:
                said += _unmade(tx, target.to.partition("/")[2], on, ledger.reason)
            if target.returns:
                said += returning.settle_again(tx, target, on or match.on)
        tx.change(Match, line, Match.undo, line, on, ledger.reason)
        return said

    return work


def _unmade(tx: Transaction, number: str, on: date | None, reason: str) -> Said:
    """Void a payment that a match made, once nothing is settled with it any more."""
    payment = tx.state(Payment, number)
    if payment.voided:
        return []
    day = on or payment.on
    for allocation, made in payment.allocations.items():
        day = max(day, made.on)
        paying.unsettle(tx, number, allocation, day)
    tx.change(Payment, number, Payment.void, day, reason)
    return [f"{number} is void"]
