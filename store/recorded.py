"""What a projection is given: an event with its place in the log, who recorded it, when and why."""

from __future__ import annotations

from typing import Any

import msgspec


class Recorded(msgspec.Struct, gc=False):
    """One event, control act or verdict, as it stands in the log.

    `position` is the event's ordinal from 1; acts and journal entries carry the position before them.
    `at` is milliseconds UTC; `person` and `device` are ids in hexadecimal.
    """

    event: Any
    position: int
    leaf: int
    compartment: int
    stream: str
    version: int
    before: dict[str, Any]
    at: int
    command: str
    reason: str
    commit: int
    person: str
    device: str
    tool: str

    @property
    def kind(self) -> str:
        """The first word of the stream's name."""
        return self.stream.partition("/")[0]

    @property
    def key(self) -> str:
        """The reference: the stream's name after its kind."""
        return self.stream.partition("/")[2]


class Committed(msgspec.Struct, tag="ledger.committed", tag_field="type"):
    """A commit and the verdict on it: "" is accepted."""

    sequence: int
    first: int
    leaves: int
    root: str
    verdict: str = ""
    detail: str = ""
