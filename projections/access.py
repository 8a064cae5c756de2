"""Who was given what, by whom, from when to when: persons, devices, roles, grants, keys and approvals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from projections.core import Projection, on

if TYPE_CHECKING:
    from aggregates.act import Explained
    from aggregates.approval import Declined
    from projections.core import Views
    from store.control import (
        Approve,
        DeviceAdd,
        DeviceRevoke,
        EpochOpen,
        Genesis,
        Grant,
        PersonAdd,
        PersonLeave,
        PolicySet,
        Propose,
        Revoke,
        Role,
        Slot,
    )  # fmt: skip
    from store.recorded import Recorded

DAY = 86_400_000
ACTS = (
    "control.genesis", "control.person-add", "control.person-leave", "control.device-add", "control.device-revoke",
    "control.role", "control.grant", "control.revoke", "control.policy-set", "control.propose", "control.approve",
)  # fmt: skip
"""What only people who administer do; own devices and grants apart."""


class Access(Projection):
    """Times are milliseconds UTC, `ended` and `until` 0 while there is no end; compartment 0 is everywhere."""

    version = 3
    tables = """
        CREATE TABLE access_person(id TEXT PRIMARY KEY, service INTEGER, since INTEGER, ended INTEGER) WITHOUT ROWID;
        CREATE TABLE access_device(id TEXT PRIMARY KEY, person TEXT, unattended INTEGER, request TEXT, by TEXT,
            since INTEGER, ended INTEGER) WITHOUT ROWID;
        CREATE TABLE access_role(role TEXT, may TEXT, compartment INTEGER, since INTEGER, ended INTEGER);
        CREATE TABLE access_grant(id TEXT PRIMARY KEY, person TEXT, role TEXT, may TEXT, compartment INTEGER,
            history TEXT, until INTEGER, by TEXT, since INTEGER, ended INTEGER, sequence INTEGER, reason TEXT)
            WITHOUT ROWID;
        CREATE TABLE access_epoch(compartment INTEGER, epoch INTEGER, since INTEGER, by TEXT, leaf INTEGER);
        CREATE TABLE access_slot(device TEXT, compartment INTEGER, epoch INTEGER, since INTEGER);
        CREATE TABLE access_use(person TEXT, device TEXT, compartment INTEGER, day INTEGER, wrote INTEGER, at INTEGER,
            PRIMARY KEY(device, compartment, day, wrote)) WITHOUT ROWID;
        CREATE TABLE access_policy(policy INTEGER, since INTEGER, by TEXT);
        CREATE TABLE access_proposal(number INTEGER PRIMARY KEY, act TEXT, body TEXT, person TEXT, since INTEGER,
            state TEXT, by TEXT, decided INTEGER, sequence INTEGER, reason TEXT);
    """

    def __init__(self) -> None:
        self._used: set[tuple[str, int, int, bool]] = set()

    @on("control.genesis")
    def genesis(self, act: Genesis, recorded: Recorded, views: Views) -> None:
        views.add("access_person", act.person, 0, recorded.at, 0)
        for keys, person in ((act.founder, act.person), (act.recovery, "")):
            views.add("access_device", keys.device, person, 0, "", recorded.person, recorded.at, 0)
        views.add("access_policy", act.policy, recorded.at, recorded.person)

    @on("control.person-add")
    def person_add(self, act: PersonAdd, recorded: Recorded, views: Views) -> None:
        views.add("access_person", act.person, act.service, recorded.at, 0)

    @on("control.person-leave")
    def person_leave(self, act: PersonLeave, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE access_person SET ended = ? WHERE id = ?", recorded.at, act.person)
        for table in ("access_device", "access_grant"):
            views.run(f"UPDATE {table} SET ended = ? WHERE person = ? AND ended = 0", recorded.at, act.person)  # noqa: S608
        _lapse(views, recorded, act.person)

    @on("control.device-add")
    def device_add(self, act: DeviceAdd, recorded: Recorded, views: Views) -> None:
        views.add("access_device", act.device, act.person, act.unattended, act.request, recorded.person, recorded.at, 0)

    @on("control.device-revoke")
    def device_revoke(self, act: DeviceRevoke, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE access_device SET ended = ? WHERE id = ? AND ended = 0", recorded.at, act.device)

    @on("control.role")
    def role(self, act: Role, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE access_role SET ended = ? WHERE role = ? AND ended = 0", recorded.at, act.role)
        for right, compartment in act.rights:
            views.add("access_role", act.role, right, compartment, recorded.at, 0)

    @on("control.grant")
    def grant(self, act: Grant, recorded: Recorded, views: Views) -> None:
        views.add(
            "access_grant", act.grant, act.person, act.role, act.right, act.compartment, act.history, act.until,
            recorded.person, recorded.at, 0, recorded.commit, "",
        )  # fmt: skip

    @on("control.revoke")
    def revoke(self, act: Revoke, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE access_grant SET ended = ? WHERE id = ?", recorded.at, act.grant)
        _lapse(views, recorded, str(views.value("SELECT person FROM access_grant WHERE id = ?", act.grant)))

    @on("control.epoch-open")
    def epoch_open(self, act: EpochOpen, recorded: Recorded, views: Views) -> None:
        views.add("access_epoch", act.compartment, act.epoch, recorded.at, recorded.person, recorded.leaf)
        for device, _ in act.slots:
            views.add("access_slot", device, act.compartment, act.epoch, recorded.at)

    @on("control.slot")
    def slot(self, act: Slot, recorded: Recorded, views: Views) -> None:
        views.add("access_slot", act.device, act.compartment, act.epoch, recorded.at)

    @on("control.policy-set")
    def policy_set(self, act: PolicySet, recorded: Recorded, views: Views) -> None:
        views.add("access_policy", act.policy, recorded.at, recorded.person)
        _lapse(views, recorded)

    @on("control.propose")
    def propose(self, act: Propose, recorded: Recorded, views: Views) -> None:
        views.add(
            "access_proposal", recorded.leaf, _tag(act.act), msgspec.json.encode(act.act).decode(), recorded.person,
            recorded.at, "open", "", 0, recorded.commit, "",
        )  # fmt: skip

    @on("control.approve")
    def approve(self, act: Approve, recorded: Recorded, views: Views) -> None:
        """The proposed act takes effect here."""
        from store import control

        body = views.value("SELECT body FROM access_proposal WHERE number = ?", act.index)
        decided = "UPDATE access_proposal SET state = 'approved', by = ?, decided = ? WHERE number = ?"
        views.run(decided, recorded.person, recorded.at, act.index)
        proposed: Any = msgspec.json.decode(body, type=control.Proposable)
        handlers = {tag: method for tag, method in self.handlers() if tag != "*"}
        handler = handlers.get(f"control.{_tag(proposed)}")
        if handler is not None:
            handler(proposed, recorded, views)

    @on("approval.declined")
    def declined(self, event: Declined, recorded: Recorded, views: Views) -> None:
        views.run(
            "UPDATE access_proposal SET state = 'refused', by = ?, decided = ?"
            " WHERE CAST(number AS TEXT) = ? AND state = 'open'",
            recorded.person, recorded.at, recorded.key,
        )  # fmt: skip

    @on("act.explained")
    def explained(self, event: Explained, recorded: Recorded, views: Views) -> None:
        """Who may read the audit trail sees why; nobody else's views hold it."""
        views.run("UPDATE access_grant SET reason = ? WHERE sequence = ?", recorded.reason, recorded.commit)
        views.run("UPDATE access_proposal SET reason = ? WHERE sequence = ?", recorded.reason, recorded.commit)

    @on("*")
    def used(self, event: object, recorded: Recorded, views: Views) -> None:
        """The first of each day by a device in a compartment; compartment 0 is administering, a journal no writing."""
        if recorded.compartment or (recorded.stream == "" and f"control.{_tag(event)}" in ACTS):
            wrote = not recorded.stream.startswith("journal/")
            mark = (recorded.device, recorded.compartment, recorded.at // DAY, wrote)
            if mark not in self._used:
                self._used.add(mark)
                views.run(
                    "INSERT OR IGNORE INTO access_use VALUES(?, ?, ?, ?, ?, ?)",
                    recorded.person, *mark, recorded.at,
                )  # fmt: skip


def _tag(act: Any) -> str:
    return str(act.__struct_config__.tag)


def _lapse(views: Views, recorded: Recorded, person: str | None = None) -> None:
    """Open proposals end: all of them, or a person's."""
    views.run(
        "UPDATE access_proposal SET state = 'lapsed', decided = ? WHERE state = 'open' AND (? IS NULL OR person = ?)",
        recorded.at, person, person,
    )  # fmt: skip
