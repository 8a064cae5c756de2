"""The directory: persons, devices, roles and compartments with their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from projections.core import Projection, on

if TYPE_CHECKING:
    from aggregates.directory import CompartmentNamed, DeviceNamed, LedgerNamed, PersonNamed, RoleNamed
    from projections.core import Views
    from store.recorded import Recorded


class Directory(Projection):
    version = 1
    tables = """
        CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
        CREATE TABLE person(id TEXT PRIMARY KEY, name TEXT, service INTEGER) WITHOUT ROWID;
        CREATE TABLE device(id TEXT PRIMARY KEY, person TEXT, name TEXT) WITHOUT ROWID;
        CREATE TABLE role(id TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID;
        CREATE TABLE compartment(number INTEGER PRIMARY KEY, name TEXT, confidential INTEGER);
    """

    @on("directory.ledger_named")
    def ledger_named(self, event: LedgerNamed, recorded: Recorded, views: Views) -> None:
        views.run("INSERT OR REPLACE INTO setting VALUES('name', ?), ('currency', ?)", event.name, event.currency)

    @on("directory.person_named")
    def person_named(self, event: PersonNamed, recorded: Recorded, views: Views) -> None:
        views.run("INSERT OR REPLACE INTO person VALUES(?, ?, ?)", event.person, event.name, event.service)

    @on("directory.device_named")
    def device_named(self, event: DeviceNamed, recorded: Recorded, views: Views) -> None:
        views.run("INSERT OR REPLACE INTO device VALUES(?, ?, ?)", event.device, event.person, event.name)

    @on("directory.role_named")
    def role_named(self, event: RoleNamed, recorded: Recorded, views: Views) -> None:
        views.run("INSERT OR REPLACE INTO role VALUES(?, ?)", event.role, event.name)

    @on("directory.compartment_named")
    def compartment_named(self, event: CompartmentNamed, recorded: Recorded, views: Views) -> None:
        views.run("INSERT OR REPLACE INTO compartment VALUES(?, ?, ?)", event.number, event.name, event.confidential)


class Compartment(msgspec.Struct):
    number: int
    name: str
    confidential: bool


def compartments(views: Views) -> list[Compartment]:
    """All compartments by number."""
    return views.all(Compartment, "SELECT number, name, confidential FROM compartment ORDER BY number")


def setting(views: Views, name: str) -> str:
    """The ledger's `name` or base `currency`."""
    return str(views.value("SELECT value FROM setting WHERE name = ?", name) or "")


def person_name(views: Views, person: str) -> str:
    """The name of a person's id, its beginning when the directory does not have it."""
    return str(views.value("SELECT name FROM person WHERE id = ?", person) or person[:8])
