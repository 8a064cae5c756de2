"""Limits: the amounts from which on a journal entry needs another person's approval."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

from aggregates.core import APPROVE, FINANCE, Event, State, replace, require
from aggregates.money import Money
from aggregates.posting import Posting

Limit = tuple[Money, ...]
"""One amount a currency, in the order of their codes; empty for no limit at all."""


class Changed(Event, tag="entrylimit.changed"):
    """Tells all that holds after it: the amounts in force, and what somebody proposes, None for nothing."""

    right = APPROVE

    amounts: Limit
    proposed: Limit | None
    by: str


class Limits(State[Changed]):
    """The one stream `entrylimit/journal`, and the gate of what journal entries say of it.

    One person tightens the limit; to loosen it takes two, or one alone could lift it for an entry of his own.
    """

    kind: ClassVar[str] = "entrylimit"
    compartment: ClassVar[int] = FINANCE
    gate: ClassVar[str] = "journal"
    last_is_all: ClassVar[bool] = True
    rechecked: ClassVar[tuple[type[Event], ...]] = (Changed,)

    amounts: Limit = ()
    proposed: Limit | None = None
    proposed_by: str = ""

    def change(self, amounts: Sequence[Money], by: str) -> tuple[Changed, ...]:
        """Set the limit, propose to loosen it, or agree to what another person proposed. The same again ends that."""
        new = tuple(sorted(amounts, key=lambda each: each.currency))
        for each in new:
            require(each.minor > 0, f"a limit is more than zero, not {each}")
        require(len({each.currency for each in new}) == len(new), "a currency has one limit: give each one amount")
        if new == self.amounts and self.proposed is None:
            return ()
        if not _looser(new, self.amounts):
            return (Changed(new, None, by),)
        if new != self.proposed:
            return (Changed(self.amounts, new, by),)
        require(by != self.proposed_by, "you proposed this yourself: another person has to agree")
        return (Changed(new, None, by),)

    @classmethod
    def concerns(cls, event: Event) -> bool:
        return hasattr(event, "limit")

    def refusal(self, event: Event, at: int) -> str:
        """An entry names the limit that was in force when it was made; once approved, it was asked that before."""
        if getattr(event, "limit", ()) == self.amounts or getattr(event, "approved_by", ""):
            return ""
        return f"{getattr(event, 'number', 'an entry')} names another limit than the one in force"

    def contradiction(self, event: Changed, together: tuple[Event, ...] | None) -> str:
        agreed = event.amounts == self.proposed and event.by != self.proposed_by
        if _looser(event.amounts, self.amounts) and not agreed:
            return "a limit was loosened without another person's proposal"
        return ""

    def evolve(self, event: Changed) -> Self:
        by = "" if event.proposed is None else event.by
        return replace(self, amounts=event.amounts, proposed=event.proposed, proposed_by=by)


def reached(lines: Iterable[Posting], limit: Limit) -> bool:
    """Whether the debits of an entry come to a limit. Where there is one, a currency that it does not name has zero."""
    if not limit:
        return False
    floors, sums = _floors(limit), dict[str, int]()
    for each in lines:
        sums[each.amount.currency] = sums.get(each.amount.currency, 0) + max(each.amount.minor, 0)
    return any(minor >= floors.get(currency, 0) for currency, minor in sums.items())


def _looser(new: Limit, old: Limit) -> bool:
    """Whether some entry needs an approval under the old limit and none under the new."""
    if not (new and old):
        return bool(old)
    after, before = _floors(new), _floors(old)
    return any(after.get(currency, 0) > before.get(currency, 0) for currency in after)


def _floors(limit: Limit) -> dict[str, int]:
    return {each.currency: each.minor for each in limit}
