"""What an insider with a valid device and a changed program could do to the others, and no longer can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aggregates.core import AUDIT, DIRECTORY, DOCUMENTS, FINANCE, SALES
from aggregates.invoice import Invoice
from aggregates.journal import Denied
from bo.session import Session
from projections.core import open_views
from store.audit import verify
from store.control import POLICY, EpochOpen, PersonAdd, PolicySet, Shred, encode
from store.errors import NeedsNewer, Tampered, Unauthorised
from store.leaf import CONTROL, EVENT, JOURNAL, NO_HASH, NO_STREAM, Leaf
from store.seal import stream_id
from store.siderows import KEY
from store.soundness import open_sound
from tests.acts import NOON, World, addition, name, proposed, right
from tests.desks import Company
from tests.ledgers import LINES, Office, database, erase, forge

HUGE = 2**64 - 1
MARS = {"minor": 10**18, "currency": "EUR"}


def plain(event: object) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(event))


DRAFTED = plain(Invoice().draft("C-1", LINES, "EUR"))


def wrote(
    ledger: Session, compartment: int, stream: str, *events: Any, kind: int = EVENT, count: int = 0, **more: Any
) -> None:
    """Record what a changed program says in a stream, sealed and signed as it must be."""
    ledger.pull()
    epoch = ledger.keyring.epoch(compartment, ledger.people.epoch(compartment))
    assert epoch is not None
    blinded = stream_id(epoch.index_key, stream)
    standing = [leaf for leaf in ledger.store.stream(kind, compartment, blinded) if leaf.epoch == epoch.epoch]
    if standing:
        key_id = standing[-1].key_id
        key, rows = epoch.unwrap(blinded, key_id, ledger.store.wrapped(key_id)), []
    else:
        key, row = epoch.new_key(blinded)
        rows = [(key.key_id, row)]
    verifier = ledger.verifier
    version = verifier.streams.position((kind, compartment, blinded))[0]
    said = msgspec.msgpack.encode({"stream": stream, "at": NOON, "command": "x", "events": list(events), **more})
    leaf = Leaf(
        verifier.size, kind, compartment, epoch.epoch, blinded, version, count or len(events), verifier.ordinal,
        NO_HASH, NO_HASH, b"", b"",
    )  # fmt: skip
    forge(ledger, key.seal(ledger.id, leaf, said), wrapped=rows)


def verdicts(ledger: Session) -> list[str]:
    ledger.pull()
    return [row[0] for row in ledger.client.db.execute("SELECT verdict FROM verdict ORDER BY first").fetchall()]


def rejected(office: Office, ledger: Session | None = None) -> None:
    """Everybody reaches that verdict, those who come later too, and the ledger goes on."""
    for each in (ledger or office.ledger, office.fresh()):
        assert verdicts(each) == ["rejected"]
    assert office.issue_invoices(1)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    made = Company(tmp_path)
    made.alice("record", "add", "customer", "C-1", "--set", "name=Globex")
    return made


@pytest.fixture
def bob(company: Company) -> Iterator[Session]:
    """Who may write sales, read documents, and nothing else."""
    desk = company.enrol("bob")
    company.grant("bob", "write", "--on", "sales")
    company.grant("bob", "read", "--on", "documents")
    session = desk.session()
    yield session
    session.close()


PAID = {"type": "invoice.paid", "payment": "P", "amount": {"minor": 11900, "currency": "EUR"}, "on": "2026-01-31",
        "ref": ""}  # fmt: skip


def test_a_clerk_of_sales_books_nothing_in_finance(company: Company, bob: Session) -> None:
    number = company.bill("Consulting")
    [row] = company.alice.json("invoice", "list")
    wrote(bob, SALES, f"invoice/{row['draft']}", PAID)
    wrote(bob, SALES, "series/INV-2026", {"type": "series.taken", "last": 7, "number": "INV-2026-0007",
                                          "on": "2026-02-01"})  # fmt: skip
    assert [row["number"] for row in company.alice.json("invoice", "list")] == [number]
    payments = company.alice("invoice", "show", number)
    assert "11900" not in payments
    assert "paid" not in payments
    company.alice("audit", "verify", "--full", code=10)
    assert company.bill("Consulting") == "INV-2026-0002"


@pytest.mark.parametrize(
    ("compartment", "event"),
    [
        (DIRECTORY, {"type": "directory.compartment_named", "number": 6, "name": "mine", "confidential": False}),
        (DIRECTORY, PAID),
        (DOCUMENTS, {"type": "erasure.erased", "stream": "document/DOC-1"}),
        (SALES, {"type": "kind.defined", "name": "customer", "compartment": 3, "fields": []}),
    ],
)
def test_a_journal_takes_nothing_but_what_belongs_there(
    company: Company, bob: Session, compartment: int, event: dict[str, Any]
) -> None:
    wrote(bob, compartment, f"journal/{bob.device.id.hex()}", event, kind=JOURNAL)
    session = company.alice.session()
    assert verdicts(session) == ["rejected"]
    told = session.client.db.execute("SELECT stream FROM trail WHERE event = ?", (event["type"],)).fetchall()
    session.close()
    assert not [stream for (stream,) in told if stream.startswith("journal/")]


def test_who_may_write_cannot_say_that_something_was_erased(company: Company, bob: Session) -> None:
    wrote(bob, SALES, "erasure/customer/C-1", {"type": "erasure.erased", "stream": "customer/C-1"})
    assert [row["ref"] for row in company.alice.json("record", "list")] == ["C-1"]


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "series.opened", "start": 5, "reason": "x"}],
        [DRAFTED, {"type": "record.archived"}],
        [DRAFTED, *({**PAID, "amount": MARS} for _ in range(3))],
        [DRAFTED, {**PAID, "amount": {"minor": HUGE, "currency": "EUR"}}],
        [DRAFTED, {**PAID, "amount": {"minor": 1, "currency": "USD"}}, {**PAID, "amount": MARS}],
    ],
    ids=["another module", "a record's", "amounts beyond all bounds", "no 64 bits", "two currencies"],
)
def test_events_that_no_program_of_ours_writes_are_rejected_and_stop_nobody(office: Office, events: list[Any]) -> None:
    wrote(office.ledger, FINANCE, "invoice/D-1", *events)
    rejected(office)


def test_numbers_beyond_64_bits_are_rejected_where_no_rule_looks_at_them(office: Office) -> None:
    filed = {"type": "document.filed", "name": "x", "mime": "text/plain", "size": HUGE, "sha256": "", "blob": "",
             "title": "x"}  # fmt: skip
    wrote(office.ledger, DOCUMENTS, "document/DOC-1", filed)
    rejected(office)


@pytest.mark.parametrize("at", [HUGE, 253_402_300_800_000, -(2**63)])
def test_a_time_outside_the_calendar_is_rejected(office: Office, at: int) -> None:
    wrote(office.ledger, FINANCE, "invoice/D-1", DRAFTED, at=at)
    rejected(office)


def deep(levels: int) -> Any:
    found: Any = {}
    for _ in range(levels):
        found = {"x": found}
    return found


@pytest.mark.parametrize(
    "before",
    [[{}], [{"a": 1}] * 3, [{"a": msgspec.msgpack.Ext(5, b"x")}, {}], [{"a": b"x"}, {}], [{"a": {1: 2}}, {}],
     [{"a": 0.5}, {}], [deep(300), {}]],
    ids=["too few", "too many", "extension", "bytes", "keys", "float", "deep"],
)  # fmt: skip
def test_old_values_are_plain_and_as_many_as_the_events(office: Office, before: list[Any]) -> None:
    """Fewer of them hid the events that came after from every view."""
    wrote(office.ledger, FINANCE, "invoice/D-1", DRAFTED, {"type": "invoice.discarded", "reason": ""}, before=before)
    rejected(office)


def test_a_commit_that_claims_the_end_of_time_can_be_shown(company: Company) -> None:
    session = company.alice.session()
    session.clock = lambda: 2**53 - 1
    session.pull()
    session.commit(lambda tx: tx.act(PersonAdd(name(103), False)))
    session.close()
    for words in (["audit", "trail"], ["person", "list"], ["device", "list"], ["access", "list"], ["access", "review"],
                  ["whoami"], ["status"]):  # fmt: skip
        assert company.alice(*words)


def test_an_approval_of_no_number_stops_nobody(office: Office) -> None:
    wrote(office.ledger, AUDIT, "approval/mars", {"type": "approval.declined", "act": "x"})
    for ledger in (office.ledger, office.fresh()):
        open_views(ledger)
    assert office.issue_invoices(1)


def test_who_was_revoked_cannot_stop_the_others_with_a_newer_policy(company: Company, bob: Session) -> None:
    bob.pull()
    company.alice("device", "revoke", "bob", "--reason", "lost")
    bob.verifier.people.policy = POLICY + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(bob), "enrolled", lambda self: self.people.devices[self.device.id.hex()])
        patch.setattr(type(bob), "pull", lambda self: None)
        reread = company.alice.session()
        reread.pull()
        reread.verifier.people.policy = POLICY + 1
        bob.adopt(reread.verifier)
        forge(bob)
        reread.close()
    session = company.alice.session()
    assert verdicts(session) == ["unauthorised"]
    session.close()
    assert company.bill("Consulting")


def test_one_administrator_alone_stops_nobody_with_a_newer_policy() -> None:
    world = World()
    world.admin(2)
    with pytest.raises(Unauthorised, match="second person"):
        world.commit(0, PolicySet(POLICY + 1))
    approval = proposed(world, 0, PolicySet(POLICY + 1))
    with pytest.raises(NeedsNewer):
        world.commit(2, approval)


def test_a_wrong_clock_is_no_second_person() -> None:
    """A grant that ends counts until somebody's earlier commit shows that its end has come."""
    world = World()
    bob = world.member(2)
    world.commit(0, right(1000, bob, "admin", until=NOON + 1000))
    world.now = NOON + 2000
    with pytest.raises(Unauthorised, match="second person"):
        world.commit(0, PersonAdd(name(103), False))
    world.commit(0)
    world.commit(0, PersonAdd(name(103), False))


def test_a_proposal_ends_when_its_author_may_no_longer_propose_it() -> None:
    world = World()
    bob = world.member(2)
    world.commit(0, right(1000, bob, "admin", until=NOON + 1000))
    first, second = (proposed(world, 2, PersonAdd(name(number), False)) for number in (103, 104))
    world.commit(0, first)
    world.now = NOON + 2000
    with pytest.raises(Unauthorised, match="who proposed it may not any more"):
        world.commit(0, second)


def test_a_huge_first_leaf_is_told_in_a_sentence(office: Office) -> None:
    database(office.ledger).execute("UPDATE leaf SET body = zeroblob(100000) WHERE idx = 0")
    office.close()
    store = open_sound(office.directory)
    with pytest.raises(Tampered):
        verify(store)
    store.close()


@pytest.mark.parametrize("change", [str.upper, lambda text: text[:4] + " " + text[4:]])
def test_keys_are_hexadecimal_and_nothing_like_it(change: Any) -> None:
    world = World()
    person = world.add_person(102)
    added = addition(2, person)
    with pytest.raises(Unauthorised):
        world.commit(0, msgspec.structs.replace(added, sign=change(added.sign)))
    with pytest.raises(Unauthorised):
        world.commit(0, msgspec.structs.replace(added, kem=change(added.kem)))


def acted(ledger: Session, act: Any) -> None:
    """Record one control act that nobody judged."""
    ledger.pull()
    seen = ledger.verifier
    forge(ledger, Leaf(seen.size, CONTROL, 0, 0, NO_STREAM, seen.controls + 1, 1, seen.ordinal, NO_HASH, NO_HASH, b"",
                       encode(act)))  # fmt: skip


def test_a_reader_who_makes_an_epoch_of_nonsense_is_revoked_and_the_others_go_on(
    company: Company, bob: Session
) -> None:
    company.grant("bob", "read", "--on", "finance")
    company.bill("Consulting")
    bob.pull()
    last = bob.people.compartments[FINANCE][-1]
    slots = tuple((device, "22" * 32) for device in last.slots)
    acted(bob, EpochOpen(FINANCE, bob.people.epoch(FINANCE) + 1, "11" * 32, last.index_commitment, slots))
    company.alice("invoice", "draft", "C-1", "--line", "Later;1;5;19", code=22)
    company.alice("access", "revoke", "bob", "--reason", "done")
    assert company.bill("Consulting") == "INV-2026-0002"
    assert len(company.alice.json("invoice", "list")) == 2


def test_a_shredded_journal_leaves_no_key_row(office: Office) -> None:
    ledger = office.ledger
    ledger.commit(lambda tx: tx.journal(DIRECTORY, Denied("x", "y")))
    stream = ledger.keyring.stream_id(DIRECTORY, f"journal/{ledger.device.id.hex()}")
    assert stream is not None
    [leaf] = ledger.store.stream(JOURNAL, DIRECTORY, stream)
    ledger.commit(lambda tx: tx.act(Shred(((DIRECTORY, stream.hex()),))))
    assert ledger.store.wrapped(leaf.key_id) is None
    office.close()
    store = open_sound(office.directory)
    assert not verify(store).of(KEY)
    store.close()


def two_streams(ledger: Session) -> None:
    """A draft, and beside it a number that does not follow, in one commit."""
    ledger.pull()
    epoch, seen = ledger.keyring.any_epoch(FINANCE), ledger.verifier
    assert epoch is not None
    series, other = (stream_id(epoch.index_key, name) for name in ("series/INV-2026", "invoice/D-9"))
    last = ledger.store.stream(EVENT, FINANCE, series)[-1]
    standing = epoch.unwrap(series, last.key_id, ledger.store.wrapped(last.key_id))
    key, row = epoch.new_key(other)
    taken = {"type": "series.taken", "last": 500, "number": "INV-2026-0500", "on": "2026-01-31"}
    parts = ((standing, series, seen.streams.position((EVENT, FINANCE, series))[0], "series/INV-2026", taken),
             (key, other, 1, "invoice/D-9", DRAFTED))  # fmt: skip
    leaves = [
        used.seal(
            ledger.id,
            Leaf(seen.size + at, EVENT, FINANCE, epoch.epoch, stream, version, 1, seen.ordinal + at, NO_HASH, NO_HASH,
                 b"", b""),
            msgspec.msgpack.encode({"stream": called, "at": NOON, "command": "x", "events": [event]}),
        )
        for at, (used, stream, version, called, event) in enumerate(parts)
    ]  # fmt: skip
    forge(ledger, *leaves, wrapped=[(key.key_id, row)])


def test_who_comes_after_a_shred_rejects_the_number_that_does_not_follow_all_the_same(office: Office) -> None:
    office.issue_invoices(1)
    two_streams(office.ledger)
    assert verdicts(office.ledger) == ["rejected"]
    erase(office.ledger, "D-9")
    assert office.issue_invoices(1) == ["INV-2026-0002"]
    for ledger in (office.ledger, office.fresh()):
        assert verdicts(ledger) == ["rejected"]
        assert open_views(ledger).value("SELECT group_concat(number) FROM invoice") == "INV-2026-0001,INV-2026-0002"


def test_documents_stand_where_they_were_filed(office: Office) -> None:
    filed = {"type": "document.filed", "name": "x", "mime": "text/plain", "size": 1, "sha256": "", "blob": "",
             "title": "x"}  # fmt: skip
    wrote(office.ledger, FINANCE, "document/DOC-1", filed)
    assert verdicts(office.ledger) == []
