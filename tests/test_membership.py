"""Members come and go: the keys that go with rights, what takes two persons, and what nobody does to himself."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import control
from store.leaf import CONTROL, NO_HASH
from store.people import People
from tests.desks import Company, Desk

TODAY, LATER = "2026-01-31T12:00:00Z", "2026-03-01T12:00:00Z"


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


def people(desk: Desk) -> People:
    session = desk.session()
    session.pull()
    found = session.people
    session.close()
    return found


def held(desk: Desk, place: int) -> list[int]:
    """The epochs of a compartment that this desk's device has keys of, tried one by one."""
    session = desk.session()
    session.pull()
    found = [n for n in range(1, 1 + session.people.epoch(place)) if session.keyring.epoch(place, n)]
    session.close()
    return found


def second_owner(company: Company) -> Desk:
    bob = company.enrol("bob")
    company.grant("bob", "owner")
    return bob


def proposed(desk: Desk) -> str:
    """The number in what a command said about a second person."""
    return desk.said.split("bo approval give ")[1].split()[0]


# keys


def test_everybody_enrolled_reads_the_directory_from_its_beginning(company: Company) -> None:
    bob = company.enrol("bob")
    assert held(bob, 1) == [1]
    assert [row["name"] for row in bob.json("person", "list")] == ["alice", "bob"]
    assert all(held(bob, place) == [] for place in range(2, 7))


def test_a_grant_made_before_the_device_takes_effect_with_it(company: Company) -> None:
    company.alice("person", "add", "bob")
    company.grant("bob", "read", "--on", "finance", "--history", "from-now")
    company.grant("bob", "read", "--on", "sales")
    bob = company.desk("bob")
    company.alice("device", "approve", company.request(bob), "--person", "bob", "--yes")
    assert (held(bob, 4), held(bob, 3), held(bob, 5)) == ([2], [1], [])


def test_a_second_device_of_a_from_now_reader_gets_what_the_first_has(company: Company) -> None:
    bob = company.enrol("bob")
    company.grant("bob", "read", "--on", "finance", "--history", "from-now")
    company.bill("one") if company.alice("record", "add", "customer", "C-1", "--set", "name=x") else None
    laptop = company.desk("laptop")
    company.alice("device", "approve", company.request(laptop), "--person", "bob", "--yes")
    assert held(laptop, 4) == held(bob, 4) == [2]
    assert len(laptop.json("invoice", "list")) == 1


def test_what_an_admin_cannot_read_he_neither_grants_nor_gives_to_a_device(company: Company) -> None:
    carol, bob = company.enrol("carol"), company.enrol("bob")
    company.grant("carol", "admin")
    company.grant("bob", "read", "--on", "finance")
    carol("access", "grant", "bob", "read", "--on", "sales", "--reason", "asks", code=3)
    assert "you cannot grant sales, which you cannot read" in carol.said
    laptop = company.desk("laptop")
    file = company.request(laptop)
    carol("device", "approve", file, "--person", "bob", "--yes")
    company.alice("approval", "give", proposed(carol))  # alice holds finance: it is complete
    assert held(laptop, 4) == [1]
    tablet = company.desk("tablet")
    company.alice("device", "approve", company.request(tablet), "--person", "bob", "--yes")
    carol("approval", "give", proposed(company.alice))
    assert "bob-3 still lacks keys of finance" in carol.said
    assert (held(tablet, 1), held(tablet, 4)) == ([1], [])
    assert "1 key given" in bob("device", "keys", "bob-3") + bob.said, "he gives to his own device what he has"
    assert held(tablet, 4) == [1]
    company.alice("device", "keys", "bob-3")
    assert "it has what it may have" in company.alice.said


def test_all_history_is_granted_only_by_who_has_it(company: Company) -> None:
    carol, bob = company.enrol("carol"), company.enrol("bob")
    company.grant("carol", "admin")
    company.grant("carol", "read", "--on", "finance", "--history", "from-now")
    carol("access", "grant", "bob", "read", "--on", "finance", "--reason", "asks", code=3)
    assert "grant it from now on, with --history from-now" in carol.said
    company.grant("bob", "read", "--on", "finance", "--history", "from-now", by=carol)
    assert held(bob, 4) == [3]


def test_a_revocation_opens_new_epochs_at_once_and_the_rest_is_due(company: Company) -> None:
    carol, bob = company.enrol("carol"), company.enrol("bob")
    company.grant("carol", "admin")
    company.grant("carol", "read", "--on", "sales")
    company.grant("bob", "read", "--on", "finance")
    company.grant("bob", "read", "--on", "sales")
    carol("access", "revoke", "bob", "--reason", "over")
    assert "you hold no keys of finance" in carol.said
    after = people(carol)
    assert (after.epoch(3), after.epoch(4)) == (2, 1)
    assert (held(bob, 3), held(carol, 3)) == ([1], [1, 2])
    assert [row["name"] for row in company.alice.json("compartment", "list") if row["due"]] == ["finance"]
    [due] = [row for row in company.alice.json("access", "review") if row["kind"] == "compartment"]
    assert due["where"] == "finance"
    assert "bob may no longer read" in due["remark"]
    company.alice("record", "add", "customer", "C-1", "--set", "name=Globex")
    assert people(carol).epoch(4) == 1
    company.bill("one")
    assert people(carol).epoch(4) == 2
    assert held(bob, 4) == [1]


def test_when_a_grant_expires_the_next_writer_opens_the_epoch(company: Company) -> None:
    bob = company.enrol("bob")
    company.alice("record", "add", "customer", "C-1", "--set", "name=Globex")
    company.grant("bob", "read", "--on", "finance", "--until", "2026-02-15")
    first = company.bill("one")
    assert [row["number"] for row in bob.json("invoice", "list")] == [first]
    draft = company.alice("invoice", "draft", "C-1", "--line", "two;1;1;19", BO_NOW=LATER).split()[-1]
    company.alice("invoice", "issue", draft, "--on", "2026-01-31", BO_NOW=LATER)
    assert people(company.alice).epoch(4) == 2
    assert held(bob, 4) == [1]
    assert [row["number"] for row in bob.json("invoice", "list")] == [first]
    assert company.alice.json("access", "list", "--person", "bob", BO_NOW=LATER) == []
    assert len(company.alice.json("access", "list", "--person", "bob", "--as-of", "2026-02-15")) == 1
    remarks = {row["who"]: row["remark"] for row in company.alice.json("access", "review", BO_NOW=LATER)}
    assert remarks["bob"] in ("expired: revoke it", "never used")


def test_who_may_write_but_lacks_the_present_keys_is_told_what_to_ask_for(company: Company) -> None:
    carol, bob = company.enrol("carol"), company.desk("bob")
    company.alice("person", "add", "bob")
    company.grant("bob", "write", "--on", "documents")
    company.grant("carol", "admin")
    carol("device", "approve", company.request(bob), "--person", "bob", "--yes")
    assert "bob still lacks keys of documents" in carol.said
    path = company.folder / "note.txt"
    path.write_text("text")
    bob("doc", "file", str(path), code=3)
    assert "documents" in bob.said
    company.alice("device", "keys", "bob")
    bob("doc", "file", str(path))


def test_a_changed_role_takes_and_gives_keys(company: Company) -> None:
    bob = company.enrol("bob")
    company.alice("role", "define", "filer", "--right", "write:documents", "--right", "read:sales")
    company.grant("bob", "filer")
    assert (held(bob, 3), held(bob, 4), held(bob, 5)) == ([1], [], [1])
    company.alice("role", "define", "filer", "--right", "write:documents", "--right", "read:finance")
    assert (held(bob, 3), held(bob, 4), held(bob, 5)) == ([1], [1], [1])
    assert people(company.alice).epoch(3) == 2
    company.alice("role", "define", "owner", "--right", "write", code=3)
    assert "nobody would be left who may administer" in company.alice.said


def test_a_new_compartment_is_closed_to_all_but_those_who_read_everything(company: Company) -> None:
    bob = company.enrol("bob")
    company.grant("bob", "clerk")
    assert company.alice.first("compartment", "add", "board", "--confidential") == "board"
    company.alice("compartment", "add", "board", code=3)
    assert (held(company.alice, 16), held(bob, 16)) == ([1], [])
    company.grant("bob", "read", "--on", "board")
    assert held(bob, 16) == [1]
    shown = company.alice.json("compartment", "show", "board")
    assert sorted(row["person"] for row in shown["rights"]) == ["alice", "bob"]


# what nobody does to himself


def test_nobody_takes_the_last_right_to_administer_away(company: Company) -> None:
    alice = company.alice
    for words in (("access", "revoke", "alice"), ("access", "revoke", "alice", "owner")):
        alice(*words, "--reason", "tired", code=3)
        assert "nobody would be left who may administer" in alice.said
    alice("person", "leave", "alice", "--reason", "tired", code=3)
    alice("device", "revoke", "alice", "--reason", "tired", code=3)
    alice("person", "add", "bob")
    company.grant("bob", "owner", "--until", "2026-12-31")
    alice("access", "revoke", "alice", "--reason", "tired", code=3)
    assert people(alice).holders(control.ADMIN, 2**52)


def test_an_owner_hands_over_and_is_let_go_by_the_next(company: Company) -> None:
    bob = second_owner(company)
    company.alice("person", "leave", "alice", "--reason", "retires", code=3)
    assert "nobody leaves by his own hand" in company.alice.said
    bob("person", "leave", "alice", "--reason", "she retires")
    assert held(company.alice, 1) == [1]
    company.alice("record", "add", "customer", "C-1", "--set", "name=x", code=3)
    assert [row["left"] for row in bob.json("person", "list") if row["name"] == "alice"] == ["2026-01-31"]
    assert bob.json("access", "list", "--person", "alice") == []
    bob("audit", "verify", "--full")


def test_his_own_lost_device_anybody_revokes_from_another(company: Company) -> None:
    bob, laptop, carol = company.enrol("bob"), company.desk("laptop"), company.enrol("carol")
    company.alice("device", "approve", company.request(laptop), "--person", "bob", "--yes")
    carol("device", "revoke", "bob-2", "--reason", "spite", code=3)
    bob("device", "revoke", "bob", "--reason", "lost", code=3)
    assert "a device does not revoke itself" in bob.said
    bob("device", "revoke", "bob-2", "--reason", "left on the train")
    assert (held(bob, 1), held(laptop, 1)) == ([1, 2], [1])
    told = [row for row in company.alice.json("audit", "trail", "--actor", "bob") if row["what"] == "act.explained"]
    assert [row["why"] for row in told] == ["left on the train"]
    company.alice("device", "revoke", "bob-2", "--reason", "again", code=3)


def test_what_one_was_granted_one_gives_back_alone(company: Company) -> None:
    bob = company.enrol("bob")
    company.grant("bob", "clerk")
    bob("access", "revoke", "alice", "--reason", "coup", code=3)
    bob("access", "revoke", "bob", "clerk", "--reason", "too much")
    assert "new keys are made by whoever writes next" in bob.said
    assert bob.json("access", "list", "--person", "bob") == []
    company.alice("record", "add", "customer", "C-1", "--set", "name=x")
    assert held(bob, 3) == [1]


# four eyes


def test_a_grant_by_two_takes_effect_with_its_keys_in_the_second_commit(company: Company) -> None:
    bob, carol = second_owner(company), company.desk("carol")
    file = company.request(carol)
    bob("person", "add", "carol")
    number = proposed(bob)
    assert [row["name"] for row in bob.json("person", "list")] == ["alice", "bob"]
    bob("approval", "give", number, code=3)
    assert "you proposed this yourself" in bob.said
    company.alice("approval", "give", number)
    company.alice("device", "approve", file, "--person", "carol", "--yes")
    bob("access", "grant", "carol", "audit", "--reason", "inspects")
    assert held(carol, 2) == []
    [waiting] = company.alice.json("approval", "list")
    assert (waiting["act"], waiting["body"], waiting["reason"]) == ("grant", "carol: audit", "inspects")
    company.alice("approval", "give", proposed(bob))
    assert held(carol, 2) == [1]
    assert company.alice.json("approval", "list") == []
    assert carol.json("access", "list", "--person", "carol")[0]["what"] == "audit"
    company.alice("approval", "give", waiting["number"].__str__(), code=3)
    carol("audit", "verify", "--full")


def test_a_refused_proposal_is_not_approved_by_a_third(company: Company) -> None:
    bob = second_owner(company)
    bob("person", "add", "mallory")
    number = proposed(bob)
    company.alice("approval", "refuse", number, "--reason", "who is that?")
    bob("approval", "refuse", number, "--reason", "oh", code=3)
    shown = bob.json("approval", "show", number)
    assert (shown["state"], shown["decided_by"], shown["body"]) == ("refused", "alice", "mallory")
    company.alice("approval", "give", number, code=3)
    assert "was refused" in company.alice.said
    company.alice("approval", "give", "99999", code=7)


def test_the_log_never_waits_for_a_service(company: Company) -> None:
    """A service that administers is not the second of two: alice alone goes on alone."""
    company.alice("person", "add", "robot", "--service")
    company.grant("robot", "admin")
    company.alice("device", "new", "robots", "--person", "robot", "--no-passphrase")
    company.alice("person", "add", "bob")
    assert "approval" not in company.alice.said
    company.alice("--device", "robots", "approval", "refuse", "1", "--reason", "x", code=7)


# cron


def test_an_unattended_device_writes_and_does_not_administer(company: Company) -> None:
    alice = company.alice
    alice("person", "add", "cron", "--service")
    company.grant("cron", "owner")
    assert alice.first("device", "new", "nightly", "--unattended", "--person", "cron") == "nightly"
    alice("device", "new", "nightly", "--unattended", "--person", "cron", code=2)
    alice("--device", "nightly", "record", "add", "customer", "C-1", "--set", "name=x")
    for words in (
        ("person", "add", "bob"),
        ("access", "grant", "alice", "read", "--reason", "x"),
        ("device", "revoke", "alice", "--reason", "x"),
        ("device", "new", "other", "--person", "cron", "--no-passphrase"),
    ):
        alice("--device", "nightly", *words, code=3)
        assert "an unattended device" in alice.said
    assert not (alice.home / "devices" / "other.json").exists()
    assert alice.json("--device", "nightly", "whoami")["unattended"]


# the record of it


def test_every_act_of_membership_points_to_its_names_and_its_reason(company: Company) -> None:
    bob = second_owner(company)
    company.grant("bob", "read", "--on", "people")
    company.alice("access", "revoke", "bob", "read", "--reason", "asked back")
    bob("person", "add", "carol")
    company.alice("approval", "give", proposed(bob))
    company.alice("device", "revoke", "bob", "--reason", "lost")
    session = company.alice.session()
    session.pull()
    checked = 0
    for raw in list(session.store.commits(0))[1:]:
        events = {leaf.commitment for leaf in raw.leaves if leaf.epoch}
        for leaf in raw.leaves:
            if leaf.kind == CONTROL and not isinstance(control.decode(leaf.body), control.EpochOpen | control.Slot):
                assert leaf.commitment != NO_HASH
                assert leaf.commitment in events
                checked += 1
    session.close()
    assert checked >= 8
    reasons = [row["why"] for row in company.alice.json("audit", "trail") if row["what"] == "act.explained"]
    assert reasons == ["", "", "needs it", "needs it", "asked back", "", "", "lost"]


def test_an_attempt_without_the_right_is_refused_and_journalled(company: Company) -> None:
    bob = company.enrol("bob")
    attempts = (
        ("person", "add", "eve"),
        ("person", "leave", "alice", "--reason", "x"),
        ("device", "revoke", "alice", "--reason", "x"),
        ("device", "keys", "alice"),
        ("device", "new", "mine", "--no-passphrase"),
        ("role", "define", "king", "--right", "admin"),
        ("access", "grant", "bob", "owner", "--reason", "x"),
        ("compartment", "add", "mine"),
        ("policy", "set", "2", "--reason", "x"),
    )
    for words in attempts:
        bob(*words, code=3)
        assert "this takes the right `admin`, which you do not have" in bob.said
    marked = [
        row["command"] for row in company.alice.json("audit", "trail", "--actor", "bob") if row["mark"] == "refused"
    ]
    assert marked == [" ".join(words[:2]) for words in attempts]


def test_who_could_read_a_thing_on_a_day(company: Company) -> None:
    alice = company.alice
    alice("record", "add", "customer", "C-1", "--set", "name=Globex", BO_NOW="2026-01-01T12:00:00Z")
    bob, carol = company.enrol("bob"), company.enrol("carol")
    alice("access", "grant", "bob", "read", "--on", "sales", "--reason", "x", BO_NOW="2026-02-01T12:00:00Z")
    now = ("read", "--on", "sales", "--history", "from-now", "--reason", "x")
    alice("access", "grant", "carol", *now, BO_NOW="2026-02-02T12:00:00Z")
    alice("record", "set", "C-1", "--set", "city=Graz", "--reason", "moved", BO_NOW="2026-02-03T12:00:00Z")
    alice("access", "revoke", "bob", "--reason", "x", BO_NOW="2026-02-05T12:00:00Z")

    def who(day: str) -> list[tuple[str, str, bool]]:
        rows = alice.json("access", "who", "C-1", "--at", day, BO_NOW="2026-02-09T12:00:00Z")
        return [(row["person"], row["sees"], row["may_read"]) for row in rows if row["person"] in ("bob", "carol")]

    assert who("2026-01-31") == []
    assert who("2026-02-01") == [("bob", "2026-01-01", True)]
    assert who("2026-02-02") == [("bob", "2026-01-01", True)]
    assert who("2026-02-04") == [("bob", "2026-01-01", True), ("carol", "2026-02-03", True)]
    assert who("2026-02-06") == [("carol", "2026-02-03", True), ("bob", "2026-01-01", False)]
    alice("access", "who", "C-1", "--at", "2025-12-31", code=7)
    assert bob.json("record", "list")
    assert [row["ref"] for row in carol.json("record", "list")] == ["C-1"]


def test_a_review_says_what_deserves_a_look(company: Company) -> None:
    company.enrol("bob")
    company.grant("bob", "clerk")
    company.grant("bob", "read", "--on", "people", "--until", "2026-02-10")
    found = company.alice.json("access", "review")
    remarks = {(row["kind"], row["who"], row["what"]): row["remark"] for row in found}
    assert remarks["right", "bob", "clerk"] == "never used"
    assert remarks["right", "bob", "read"] == "ends soon"
    assert remarks["right", "alice", "owner"] == ""
    assert remarks["device", "alice", "device"] == "has no passphrase"
    assert remarks["device", "bob", "device"] == "never used"


# the command line's habits


def test_a_dry_run_changes_nothing_and_a_key_makes_it_once(company: Company) -> None:
    alice = company.alice
    alice("person", "add", "bob", "--dry-run")
    assert "would record control" in alice.said
    assert [row["name"] for row in alice.json("person", "list")] == ["alice"]
    assert alice("person", "add", "bob", "--key", "k1") == alice("person", "add", "bob", "--key", "k1") == "bob\n"
    alice("person", "add", "bob", code=3)
    alice("access", "grant", "bob", "clerk", "--reason", "x", "--key", "k2")
    alice("access", "grant", "bob", "clerk", "--reason", "x", "--key", "k2")
    assert len(alice.json("access", "list", "--person", "bob")) == 1


def test_a_passphrase_is_changed_and_the_old_one_opens_no_more(company: Company, tmp_path: Path) -> None:
    alice, file = company.alice, tmp_path / "secret"
    file.write_text("correct horse\n")
    with file.open() as new:
        alice("device", "passphrase", "--new-fd", str(new.fileno()))
    alice("person", "list", code=5)
    alice("person", "list", BO_PASSPHRASE_FILE=str(file))
    (tmp_path / "wrong").write_text("battery staple\n")
    alice("person", "list", code=5, BO_PASSPHRASE_FILE=str(tmp_path / "wrong"))
    alice("device", "passphrase", "--no-passphrase", BO_PASSPHRASE_FILE=str(file))
    alice("person", "list")
