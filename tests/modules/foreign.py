"""What the library's own test cases store: free topics and bytes, which no real module of ours would take."""

from typing import ClassVar, Self

from aggregates.core import SALES, Event, State


class Stored(Event, tag="foreign.stored"):
    topic: str
    state: str


class Foreign(State[Stored]):
    kind: ClassVar[str] = "foreign"
    compartment: ClassVar[int] = SALES

    topics: tuple[str, ...] = ()

    def evolve(self, event: Stored) -> Self:
        return type(self)((*self.topics, event.topic))
