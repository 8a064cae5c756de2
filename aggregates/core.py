"""What every aggregate stands on: events, states, and how a rule refuses."""

from functools import cache, reduce
from typing import Any, ClassVar, Generic, Self, TypeVar, dataclass_transform

import msgspec

replace = msgspec.structs.replace
E = TypeVar("E")

DIRECTORY, AUDIT, SALES, FINANCE, DOCUMENTS, PEOPLE = range(1, 7)
"""The compartments every ledger begins with. What a ledger adds is numbered from 16."""

APPROVE = "approve"
"""The right of a second person: see `Event.right`."""


class Refused(Exception):
    """A business rule says no. The user reads the message as it is."""


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", gc=False):
    """A fact, named in the past tense. Its tag is its name on disk, for ever."""

    @property
    def right(self) -> str:
        """What its author must hold in the compartment besides the right to write, asked again at every replay."""
        return ""


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class State(msgspec.Struct, Generic[E], frozen=True, gc=False):
    """What an aggregate is after its events; `State()` is what it is before any.

    `kind` is the first word of its streams' names and `compartment` the number of the
    confidentiality domain they live in. A kind lives in one compartment for ever.
    """

    kind: ClassVar[str] = ""
    compartment: ClassVar[int] = 0
    anywhere: ClassVar[bool] = False
    """Its streams stand in any compartment; `compartment` is where they go unless somebody says."""
    last_is_all: ClassVar[bool] = False
    """The last event tells the whole state, so a long stream is never read from its beginning."""
    rechecked: ClassVar[tuple[type[Event], ...]] = ()
    """Events that every replay checks again with `contradiction`; the rest is believed."""
    gate: ClassVar[str] = ""
    """The reference of its one stream, where that stream decides what else its compartment may record.

    Such a stream is `rechecked`: it is followed as it changes.
    """

    def evolve(self, event: E) -> Self:
        """The state after `event`. It never refuses: what is recorded has happened."""
        raise NotImplementedError

    @classmethod
    def after(cls, *events: E) -> Self:
        """Fold events into a state: `Invoice.after(issued, paid).owing`."""
        return reduce(cls.evolve, events, cls())

    def before(self, event: E) -> dict[str, Any]:
        """The old values of what `event` changes, for the audit trail."""
        kind: type = type(event)
        old = {name: getattr(self, name) for name in _shared_fields(type(self), kind)}
        return {name: value for name, value in old.items() if value and value != getattr(event, name)}

    def contradiction(self, event: E, together: tuple[Event, ...] | None) -> str:
        """Why a `rechecked` event cannot follow this state, "" when it can.

        `together` are all events the same commit appends to the same compartment, None when this
        reader cannot have all of them: a rule that needs them says nothing then. The rules belong
        to the ledger's policy number: they use no clock, locale or Unicode table.
        """
        return ""

    @classmethod
    def concerns(cls, kind: type[Event]) -> bool:
        """Whether a gate has to be asked about events of a type at all."""
        return True

    def refusal(self, event: Event, at: int) -> str:
        """Why a gate does not let `event`, of any stream of its compartment, be recorded at a time (ms UTC)."""
        return ""


@cache
def _shared_fields(state: type, event: type) -> tuple[str, ...]:
    return tuple(name for name in event.__struct_fields__ if name in state.__struct_fields__)  # type: ignore[attr-defined]


def require(rule: object, message: str) -> None:
    """Refuse unless the rule holds."""
    if not rule:
        raise Refused(message)
