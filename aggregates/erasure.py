"""Erasure: a stream's keys were destroyed, and nobody can read again what it said."""

from typing import ClassVar, Self

from aggregates.core import Event, State, require


class Erased(Event, tag="erasure.erased"):
    """`stream` is the name of what was erased, `kind/reference`: never a person's name."""

    stream: str


class Erasure(State[Erased]):
    """A stream `erasure/KIND/REFERENCE` in the compartment of what was erased."""

    kind: ClassVar[str] = "erasure"
    last_is_all: ClassVar[bool] = True

    stream: str = ""

    def erase(self, stream: str) -> Erased:
        require(not self.stream, f"{stream} was erased before")
        return Erased(stream)

    def evolve(self, event: Erased) -> Self:
        return type(self)(event.stream)
