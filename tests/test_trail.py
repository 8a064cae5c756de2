"""The audit trail: every change with its old and new value, refusals, reads, acts, and commits nobody accepts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from aggregates.act import Act, Explained
from aggregates.core import PEOPLE, Refused
from bo.journal import looked
from projections import trail
from projections.core import open_views
from store import authority, verify
from store.control import ALL, EVERYWHERE, Grant
from store.errors import NotFound
from store.people import People
from store.transaction import random_id
from tests.ledgers import Office, draft, erase


def forge(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next commit is written by a program that asks for no right."""
    real, asked = authority.judge, list[Any]()

    def once(people: People, *rest: Any) -> People:
        asked.append(rest)
        return people if len(asked) == 1 else real(people, *rest)

    monkeypatch.setattr(verify, "judge", once)


def entries(office: Office, **chosen: Any) -> list[trail.Entry]:
    return trail.entries(open_views(office.ledger), **chosen)[0]


def test_a_change_tells_old_and_new_value_who_when_how_and_why(office: Office) -> None:
    ledger = office.ledger
    ledger.clock = lambda: 1_769_860_800_000
    ledger.command, ledger.reason = "invoice edit", "a typo"
    reference = ledger.commit(lambda tx: draft(tx, "D-1"))
    ledger.commit(lambda tx: tx.append(Act, "x", Explained("one", "", "")))
    found = entries(office, stream=f"invoice/{reference}")
    assert [(one.at, one.who, one.device, one.command, one.what, one.subject, one.why) for one in found] == [
        ("2026-01-31T12:00:00Z", "alice", "alice", "invoice edit", "invoice.drafted", "invoice/D-1", "a typo")
    ]
    assert "total: 95.20 EUR" in found[0].changes


def test_old_values_stand_before_new_ones(office: Office) -> None:
    names = trail.Names(open_views(office.ledger))
    told = names._changes([{"fields": {"name": "Ada L", "city": "Graz"}}, {"name": "Ada", "city": None}], False)
    assert told == "name: Ada → Ada L; city: – → Graz"
    assert names._changes([{"pair": ["a", "b"]}], False) == 'pair: ["a","b"]'


def test_founding_reads_in_words(office: Office) -> None:
    found = {one.what: one.changes for one in entries(office)}
    assert found["grant"] == "person: alice; role: owner; compartment: everywhere; history: all"
    assert found["epoch open"] == "compartment: people; epoch: 1; slots: alice, recovery"
    assert found["genesis"] == "format: 1; policy: 1; person: alice; founder: alice; recovery: recovery"


def test_refused_attempts_and_reads_are_marked(office: Office) -> None:
    office.ledger.command = "invoice issue"
    office.ledger.refused(Refused("there is no such draft"))
    looked(office.ledger, PEOPLE, ["employee/E-1"])
    refused, read = entries(office)[-2:]
    assert (refused.mark, refused.changes) == ("refused", "command: invoice issue; why: there is no such draft")
    assert (read.mark, read.changes) == ("read", 'command: invoice issue; references: ["employee/E-1"]')


def test_an_unauthorised_commit_stands_in_the_trail_with_its_reason(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = office.ledger
    before = len(entries(office))
    forge(monkeypatch)
    mine = Grant(random_id(), ledger.person, "", "admin", EVERYWHERE, ALL, 0)
    ledger.commit(lambda tx: tx.acts.append((mine, None)))
    found = entries(office)
    assert len(found) == before + 1
    assert (found[-1].what, found[-1].who, found[-1].mark) == ("commit 2", "alice", "unauthorised")
    assert found[-1].why == "nobody grants to himself"


def test_the_trail_is_narrowed_by_actor_and_days(office: Office) -> None:
    office.issue_invoices(1)
    everything = entries(office)
    assert entries(office, actor="alice") == everything
    with pytest.raises(NotFound, match="nobody here is called bob: there is alice"):
        entries(office, actor="bob")
    today = date.fromisoformat(everything[-1].at[:10])
    assert entries(office, since=today, until=today) == everything
    assert entries(office, since=today + timedelta(days=1)) == []
    assert entries(office, until=today - timedelta(days=1)) == []
    assert entries(office, limit=2) == everything[-2:]


def test_of_what_was_erased_only_that_it_was_stays(office: Office) -> None:
    ledger = office.ledger
    ledger.reason = "Mrs Lovelace asked"
    ledger.commit(lambda tx: draft(tx, "D-GONE", customer="LOVELACE"))
    assert "LOVELACE" in entries(office, stream="invoice/D-GONE")[0].changes
    ledger.reason = ""
    erase(ledger, "D-GONE")
    assert entries(office, stream="invoice/D-GONE") == []
    assert entries(office)[-1].what == "erasure.erased"
    dump = repr(list(open_views(ledger).rows("SELECT * FROM trail")))
    assert "LOVELACE" not in dump
    assert "Lovelace" not in dump


def test_long_values_are_told_whole(office: Office) -> None:
    office.ledger.commit(lambda tx: tx.append(Act, "x", Explained("short", "", "long" * 5_000)))
    (found,) = entries(office, stream="act/x")
    assert found.changes == f"act: short; detail: {'long' * 5_000}"


def test_commits_and_their_times_are_kept(office: Office) -> None:
    office.issue_invoices(2)
    rows = list(open_views(office.ledger).rows("SELECT sequence, first, leaves, position, verdict FROM committed"))
    assert [row[0] for row in rows] == [1, 2, 3]
    assert all(first + leaves == rows[at + 1][1] for at, (_, first, leaves, _, _) in enumerate(rows[:-1]))
    assert rows[-1][3] == office.ledger.verifier.ordinal
