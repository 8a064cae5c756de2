"""Acts explained: what a control act did, in words, for those who read the audit trail."""

from typing import ClassVar, Self

from aggregates.core import AUDIT, Event, State


class Explained(Event, tag="act.explained"):
    """`act` is the type of the control act, `subject` the id of the person, device or stream it is about."""

    act: str
    subject: str
    detail: str


class Act(State[Explained]):
    """One stream a commit; nothing is ever decided on it."""

    kind: ClassVar[str] = "act"
    compartment: ClassVar[int] = AUDIT

    def evolve(self, event: Explained) -> Self:
        return self
