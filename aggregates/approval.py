"""Approvals: what a second person decided about a proposal, where the log has no act for it."""

from typing import ClassVar, Self

from aggregates.core import AUDIT, Event, State, replace, require


class Declined(Event, tag="approval.declined"):
    """Somebody refused the proposal, or its author withdrew it."""

    act: str


class Approval(State[Declined]):
    """A stream `approval/NUMBER`, the number being the leaf of the proposal."""

    kind: ClassVar[str] = "approval"
    compartment: ClassVar[int] = AUDIT

    declined: bool = False

    def decline(self, act: str) -> Declined:
        self.open()
        return Declined(act)

    def open(self) -> None:
        require(not self.declined, "this proposal was refused")

    def evolve(self, event: Declined) -> Self:
        return replace(self, declined=True)
