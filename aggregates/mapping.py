"""Mappings of imports, kept under a name: how the columns of somebody else's file become fields."""

from typing import ClassVar, Self

from aggregates.core import Event, State, require
from aggregates.text import reference


class Saved(Event, tag="mapping.saved"):
    """`mapping` is the JSON that an import reads; `kind` is what it was made for."""

    kind: str
    mapping: str


class Mapping(State[Saved]):
    """A stream `mapping/NAME` in the compartment of what is imported with it."""

    kind: ClassVar[str] = "mapping"
    last_is_all: ClassVar[bool] = True

    of: str = ""
    text: str = ""

    def save(self, name: str, kind: str, text: str) -> tuple[Saved, ...]:
        """Nothing when it is kept already, word for word."""
        reference(name)
        require(self.of in ("", kind), f"{name} is a mapping for {self.of}: keep this one under another name")
        return () if text == self.text else (Saved(kind, text),)

    def evolve(self, event: Saved) -> Self:
        return type(self)(event.kind, event.mapping)
