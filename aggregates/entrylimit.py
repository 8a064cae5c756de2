"""Limits: the amounts from which on a journal entry needs another person's approval."""

from collections.abc import Sequence
from typing import ClassVar, Self

from aggregates.core import APPROVE, FINANCE, Event, State, replace, require
from aggregates.money import Money
from aggregates.written import Limit, Written, floors


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
    def concerns(cls, kind: type[Event]) -> bool:
        return issubclass(kind, Written)

    def refusal(self, event: Event, at: int) -> str:
        """An entry names the limit that was in force when it was made; once approved, it was asked that before."""
        if not isinstance(event, Written) or event.limit == self.amounts:
            return ""
        approved = getattr(event, "approved_by", "")
        return "" if approved else f"{event.number} names another limit than the one in force"

    def contradiction(self, event: Changed, together: tuple[Event, ...] | None) -> str:
        agreed = event.amounts == self.proposed and event.by != self.proposed_by
        if _looser(event.amounts, self.amounts) and not agreed:
            return "a limit was loosened without another person's proposal"
        return ""

    def evolve(self, event: Changed) -> Self:
        by = "" if event.proposed is None else event.by
        return replace(self, amounts=event.amounts, proposed=event.proposed, proposed_by=by)


def _looser(new: Limit, old: Limit) -> bool:
    """Whether some entry needs an approval under the old limit and none under the new."""
    if not (new and old):
        return bool(old)
    after, before = floors(new), floors(old)
    return any(after.get(currency, 0) > before.get(currency, 0) for currency in after)
