"""Idempotency keys: the same request is done once, and answered with its first result ever after."""

from typing import ClassVar, Self

from aggregates.core import Event, State, require


class Done(Event, tag="once.done"):
    """`request` is the SHA-256 of what was asked, `result` its answer as JSON."""

    request: str
    result: str


class Once(State[Done]):
    """A stream `once/KEY` in the compartment of the command."""

    kind: ClassVar[str] = "once"
    last_is_all: ClassVar[bool] = True

    request: str = ""
    result: str = ""

    def repeat(self, request: str) -> str:
        """The first result, "" when the key is new."""
        require(self.request in ("", request), "this key was used for another request: choose a new one")
        return self.result

    def evolve(self, event: Done) -> Self:
        return type(self)(event.request, event.result)
