"""The directory: names for the pseudonymous ids of the log, which every active person may read."""

from typing import ClassVar, Self

from aggregates.core import DIRECTORY, Event, State


class LedgerNamed(Event, tag="directory.ledger_named"):
    name: str
    currency: str


class PersonNamed(Event, tag="directory.person_named"):
    person: str
    name: str
    service: bool = False


class DeviceNamed(Event, tag="directory.device_named"):
    device: str
    person: str
    name: str


class RoleNamed(Event, tag="directory.role_named"):
    role: str
    name: str


class CompartmentNamed(Event, tag="directory.compartment_named"):
    number: int
    name: str
    confidential: bool = False


Events = LedgerNamed | PersonNamed | DeviceNamed | RoleNamed | CompartmentNamed


class Entry(State[Events]):
    """A stream `directory/ID`: what its last event says is all there is to know."""

    kind: ClassVar[str] = "directory"
    compartment: ClassVar[int] = DIRECTORY
    last_is_all: ClassVar[bool] = True

    name: str = ""

    def evolve(self, event: Events) -> Self:
        return type(self)(event.name)
