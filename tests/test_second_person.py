"""A second person on the same store sees what he was granted and nothing else, because he lacks the keys."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from aggregates.core import FINANCE
from aggregates.invoice import Invoice
from aggregates.lines import line
from bo.session import Session
from store import verify
from store.errors import KeyRowDamaged
from store.follow import follow
from store.leaf import EVENT
from store.transaction import Transaction
from store.writing import record
from tests.desks import Company, Desk

EARLY, LATE, LAST = "Zebrafish counting", "Walrus polishing", "Narwhal tuning"
EMPLOYEE, CUSTOMER, REASON = "Xaverius Quill", "Ypsilon Brothers", "suspicion of Uriah"


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """Customers, an employee, an invoice, and Bob, who then was granted finance from now on."""
    made = Company(tmp_path)
    alice = made.alice
    alice("record", "add", "customer", "C-1", "--set", "name=Globex")
    alice("record", "add", "customer", "C-2", "--set", f"name={CUSTOMER}")
    alice("record", "add", "employee", "E-1", "--set", f"name={EMPLOYEE}")
    made.bill(EARLY)
    return made


def granted(company: Company) -> Desk:
    bob = company.enrol("bob")
    company.alice("access", "grant", "bob", "read", "--on", "finance", "--history", "from-now", "--reason", REASON)
    return bob


def numbers(desk: Desk) -> list[str]:
    return [row["number"] for row in desk.json("invoice", "list")]


def test_he_reads_later_invoices_no_earlier_ones_and_no_people(company: Company) -> None:
    bob = granted(company)
    assert numbers(bob) == []
    late = company.bill(LATE)
    assert numbers(bob) == [late]
    assert LATE in bob("invoice", "show", late)
    assert bob.json("record", "list") == []
    bob("record", "show", "E-1", code=7)
    bob("invoice", "show", "INV-2026-0001", code=7)


def test_his_view_database_holds_nothing_that_he_was_not_granted(company: Company) -> None:
    bob = granted(company)
    company.bill(LATE)
    seen, whole = bob.seen(), company.alice.seen()
    assert LATE in seen
    for marker in (EARLY, EMPLOYEE, CUSTOMER, REASON):
        assert marker in whole, "the search would not find it anywhere"
        assert marker not in seen


def test_he_cannot_issue_and_the_attempt_is_journalled(company: Company) -> None:
    bob = granted(company)
    company.bill(LATE)
    draft = company.alice("invoice", "draft", "C-1", "--line", "Later;1;5;19").split()[-1]
    bob("invoice", "issue", draft, code=3)
    assert "you hold no keys of sales, where customer/C-1 lives" in bob.said
    company.grant("bob", "read", "--on", "sales")
    bob("invoice", "issue", draft, code=3)
    assert "you may not write finance" in bob.said
    trail = company.alice.json("audit", "trail", "--actor", "bob")
    assert [(row["command"], row["mark"]) for row in trail if row["mark"]] == [("invoice issue", "refused")] * 2
    assert draft not in numbers(company.alice)


def test_of_a_document_that_began_before_he_sees_only_what_came_later(company: Company) -> None:
    alice = company.alice
    draft = alice("invoice", "draft", "C-2", "--line", f"{LAST};1;7;19").split()[-1]
    bob = granted(company)
    alice("invoice", "pay", "INV-2026-0001", "10.00")
    number = alice.first("invoice", "issue", draft)
    assert number in numbers(bob), "an issued invoice carries the whole document"
    assert EARLY not in bob.seen()


def test_after_the_revocation_he_reads_nothing_new_even_where_he_could_read_before(company: Company) -> None:
    bob = granted(company)
    late = company.bill(LATE)
    assert numbers(bob) == [late]
    company.alice("access", "revoke", "bob", "read", "--on", "finance", "--reason", "done")
    paid = company.alice("invoice", "pay", late, "50.00")
    assert paid
    last = company.bill(LAST)
    assert numbers(bob) == [late]
    assert last in numbers(company.alice)
    assert LAST not in bob.seen()
    [shown] = bob.json("invoice", "list")
    assert shown["owing"] == "119.00", "the payment came after his time"


def test_none_of_his_old_keys_opens_any_later_event(company: Company) -> None:
    bob = granted(company)
    company.bill(LATE)
    company.alice("access", "revoke", "bob", "--reason", "done")
    end = company.alice.session()
    end.pull()
    size = end.verifier.size
    end.close()
    company.bill(LAST)
    session = bob.session()
    session.pull()
    later = [leaf for raw in session.store.commits(size) for leaf in raw.leaves if leaf.compartment == FINANCE]
    assert [leaf.kind for leaf in later].count(EVENT) >= 2
    for leaf in later:
        wrapped = session.store.wrapped(leaf.key_id)
        for epoch in filter(None, (session.keyring.epoch(FINANCE, number) for number in range(1, 9))):
            with pytest.raises(KeyRowDamaged, match=r"unwrap|wrapped|damaged"):
                epoch.unwrap(leaf.stream, leaf.key_id, wrapped)
    session.close()


def forge(session: Session) -> None:
    """What a changed program would write with the device in `session`: an entry that nobody judged."""

    def judged_by_nobody(people: object, *rest: object) -> object:
        return people

    session.pull()
    with patch.object(verify, "judge", judged_by_nobody), session.store.writing():
        follow(session)
        with patch.object(type(session), "enrolled", lambda self: self.people.devices[self.device.id.hex()]):
            tx = Transaction(session, os.urandom(16))
        with (
            patch.object(tx._session, "may", lambda *rest: True),
            patch.object(tx, "refresh_epochs", lambda: None),
            patch.object(type(tx.people), "epoch", lambda people, place: people.epochs_of(tx.device, place)[-1]),
        ):
            tx.append(Invoice, "D-FORGED", Invoice().draft("C-1", (line("Nothing;1;9999;19"),), "EUR"))
            record(session, tx)
        session.store.commit()


@pytest.mark.parametrize("ended", ["device", "grant", "person"])
def test_a_commit_forged_with_his_old_device_is_unauthorised_and_says_so(company: Company, ended: str) -> None:
    alice, bob = company.alice, granted(company)
    company.grant("bob", "write", "--on", "finance", "--history", "from-now")
    company.bill(LATE)
    session = bob.session()
    session.pull()
    {
        "device": lambda: alice("device", "revoke", "bob", "--reason", "lost"),
        "grant": lambda: alice("access", "revoke", "bob", "--reason", "done"),
        "person": lambda: alice("person", "leave", "bob", "--reason", "gone"),
    }[ended]()
    before = numbers(alice)
    forge(session)
    session.close()
    assert numbers(alice) == before
    why = {"grant": "its author may not write compartment 4"}.get(ended, "its device was revoked")
    watcher = alice.session()
    watcher.pull()
    verdicts = watcher.client.db.execute("SELECT verdict, reason, compartment FROM verdict").fetchall()
    watcher.close()
    assert [tuple(row) for row in verdicts] == [("unauthorised", why, 0)]
    alice("audit", "verify", code=10)
    company.bill(LAST)
    assert len(numbers(alice)) == len(before) + 1, "the ledger goes on"
    alice("audit", "verify", "--full", code=10)


def test_an_honest_program_does_not_write_with_a_revoked_device(company: Company) -> None:
    bob = granted(company)
    company.grant("bob", "clerk", "--history", "all")
    bob("record", "add", "customer", "C-9", "--set", "name=Nine")
    company.alice("device", "revoke", "bob", "--reason", "lost")
    bob("record", "add", "customer", "C-10", "--set", "name=Ten", code=3)
    assert "was revoked" in bob.said
    assert [row["ref"] for row in bob.json("record", "list")] == ["C-1", "C-2", "C-9"], "what he read he has read"


def test_all_history_granted_later_opens_what_was_followed_without_keys(company: Company) -> None:
    bob = granted(company)
    late = company.bill(LATE)
    assert numbers(bob) == [late]
    company.grant("bob", "read", "--on", "finance", "--history", "all")
    assert sorted(numbers(bob)) == ["INV-2026-0001", late]
    assert EARLY in bob.seen()
    assert EMPLOYEE not in bob.seen()


def test_a_second_person_writes_and_both_see_it(company: Company) -> None:
    bob = granted(company)
    company.grant("bob", "clerk")
    number = company.bill(LAST, by=bob)
    assert number == "INV-2026-0002"
    assert numbers(company.alice) == numbers(bob)
    company.alice("audit", "verify", "--full")
    bob("audit", "verify")
