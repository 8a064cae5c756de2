"""The journal of a device: attempts that were refused, and reads of what is confidential."""

from aggregates.core import Event


class Denied(Event, tag="journal.denied"):
    """A rule or a right refused a command."""

    command: str
    why: str


class Looked(Event, tag="journal.looked"):
    """A command showed records of a confidential compartment; references only, never what they say."""

    command: str
    references: tuple[str, ...]
