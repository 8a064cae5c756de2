"""What a commit asks of a server: the lock with what is new, the rows with COMMIT, and nothing in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from aggregates.core import Refused
from aggregates.invoice import Invoice
from store import follow, postgres, postgres_reading, writing
from store.audit import verify
from store.errors import RolledBack, Tampered
from store.lasts import LARGE, MOST, Lasts
from store.leaf import EVENT, Leaf
from store.ledger import Ledger
from store.place import Server as Place
from store.transaction import Transaction
from store.verify import Judged, Verifier
from tests.cuts import Wire
from tests.ledgers import Office, connection, contiguous, draft, issue, numbers
from tests.servers import Server
from tests.test_budget import imported

pytest.importorskip("psycopg")
from store.postgres_connect import Connection
from store.postgres_session import Session

NUMBERS = contiguous(99)


@pytest.fixture
def office(tmp_path: Path, postgres_url: str) -> Iterator[Office]:
    made = Office(tmp_path, postgres_url)
    yield made
    made.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The single questions, each a round trip of its own."""
    told, read = list[str](), Session.read

    def noted(self: Session, sql: str, values: Sequence[object] = (), role: str = "reader") -> list[tuple[Any, ...]]:
        told.append(sql)
        return read(self, sql, values, role)

    monkeypatch.setattr(Session, "read", noted)
    return told


@pytest.fixture
def sql(postgres_server: Server, office: Office) -> Callable[[str], list[tuple[Any, ...]]]:
    """What a superuser does in the schema of the office's ledger, which he calls `S`."""
    assert isinstance(office.ledger.at, Place)
    schema = office.ledger.at.schema
    return lambda statement: postgres_server.sql(statement.replace("S.", f"{schema}."))


def test_who_writes_alone_asks_nothing_between_the_lock_and_the_commit(office: Office, asked: list[str]) -> None:
    office.issue_invoices(2)
    asked.clear()
    office.issue_invoices(3)
    assert asked == []
    assert numbers(office.fresh()) == NUMBERS[:5]


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """An entry for each round trip."""
    made, wait = list[None](), Connection.wait

    def noted(self: Connection, *how: Any, **more: Any) -> Any:
        made.append(None)
        return wait(self, *how, **more)

    monkeypatch.setattr(Connection, "wait", noted)
    return made


def test_who_reads_asks_once_whether_there_is_anything_new_and_once_for_all_of_it(
    office: Office, trips: list[None]
) -> None:
    other = office.fresh()

    def read() -> int:
        trips.clear()
        other.pull()
        return len(trips)

    for _ in range(2):  # then it has asked for the series, in which a number has to follow the one before
        office.issue_invoices(1)
        other.pull()
    assert read() == 1
    for count in (1, 3):
        office.issue_invoices(count)
        assert read() == 2
    assert numbers(other) == NUMBERS[:6]


def test_a_whole_command_takes_one_connection_and_few_questions(
    tmp_path: Path, postgres_server: Server, postgres_url: str
) -> None:
    """One who is up to date. Over TLS, a connection alone takes five round trips."""
    with Wire(postgres_server) as wire:
        office = Office(tmp_path, wire.url(postgres_url))
        for reference in ("C-1", "C-2"):
            wire.met = wire.said = 0
            imported(office, "record", "add", "customer", reference, "--set", f"name={reference}")
            assert (wire.met, wire.said) == (1, 6)  # hello, schema, head, keys, commit, good-bye
        office.close()


def test_what_others_wrote_comes_with_the_lock(office: Office, asked: list[str]) -> None:
    """Numbers of one series, taken in turns on two machines; each is within a second of the other."""
    other, told = office.fresh(), list[str]()
    for turn in range(4):
        asked.clear()
        told += [office.ledger.commit(issue), other.commit(issue), other.commit(issue)]
        assert turn < 2 or asked == []  # by then all have asked for the series
    assert told == NUMBERS[:12]
    assert numbers(office.fresh()) == told


@pytest.mark.parametrize("ahead", [1, 3, 4, 5, 9])
def test_who_is_far_behind_reads_the_rest_by_a_cursor(
    office: Office, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    other = office.fresh()
    told = [office.ledger.commit(issue), other.commit(issue)]
    monkeypatch.setattr(postgres_reading, "AHEAD", ahead)
    told += [*(office.ledger.commit(issue) for _ in range(3)), other.commit(issue)]
    assert told == NUMBERS[:6]


@pytest.fixture
def another(office: Office, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A client that writes so often that the office's own finds several of its commits whenever it has the lock."""
    monkeypatch.setattr(writing, "LATELY", 60.0)
    other = office.fresh()
    for _ in range(2):
        office.ledger.commit(issue)
        other.commit(issue)
        other.commit(issue)
    return other


def test_where_others_write_one_catches_up_before_the_lock(
    office: Office, another: Ledger, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = list[bool]()

    def noted(ledger: Ledger) -> int:
        locked.append(connection(ledger).within)
        return follow.follow(ledger)

    monkeypatch.setattr(writing, "follow", noted)
    assert office.ledger.commit(issue) == NUMBERS[6]
    assert (locked, asked) == ([False], [])


def test_what_comes_between_the_place_before_the_lock_and_the_lock_asks_for_nothing_more(
    office: Office, another: Ledger, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, locked = office.ledger.store, office.ledger.store.writing

    def late(*how: Any) -> Any:
        another.commit(issue)
        asked.clear()
        return locked(*how)

    another.commit(issue)
    monkeypatch.setattr(store, "writing", late)
    assert office.ledger.commit(issue) == NUMBERS[8]
    assert asked == []


def test_the_place_before_the_lock_is_given_up_whatever_happens(
    office: Office, another: Ledger, sql: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    held = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid >= {postgres.NEXT}"
    for work in (issue, refuse):
        with suppress(Refused):
            office.ledger.commit(work)
        assert sql(held) == [(0,)]
        another.commit(issue)


def refuse(tx: Transaction) -> str:
    raise Refused("this is refused")


def test_who_holds_the_place_before_the_lock_for_ever_stops_nobody(office: Office, another: Ledger) -> None:
    assert isinstance(office.ledger.at, Place)
    holder = Session(office.ledger.at)
    for place in range(postgres.NEXT, postgres.NEXT + postgres.PLACES):
        holder.run(postgres._LINE_UP.format(schema=office.ledger.at.schema, place=place))
    start = monotonic()
    assert office.ledger.commit(issue) == NUMBERS[6]
    assert 1.0 <= monotonic() - start < 10.0
    holder.drop()


def test_what_one_process_of_a_client_recorded_no_other_verifies_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, verified, take = office.another(), list[bytes](), Verifier.take

    def noted(verifier: Verifier, leaves: Sequence[Leaf], note: bytes) -> Judged:
        verified.append(note)
        return take(verifier, leaves, note)

    monkeypatch.setattr(Verifier, "take", noted)
    told = [ledger.commit(issue) for _ in range(3) for ledger in (office.ledger, other)]
    assert (told, verified) == (NUMBERS[:6], [])
    assert numbers(office.fresh()) == told
    assert len(verified) > 6


def test_a_head_heard_in_line_may_be_older_than_what_this_client_saw_since(office: Office, another: Ledger) -> None:
    with office.ledger.store.lining_up(office.ledger.verifier.size):
        told, _ = office.start("issue", "1").communicate(timeout=60)  # another process of the same client
        follow.follow(office.ledger)
    assert told.split() == NUMBERS[6:7]
    assert numbers(office.ledger) == NUMBERS[:7]


def test_what_comes_with_the_lock_is_judged_like_the_rest(
    office: Office, sql: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    other = office.fresh()
    office.issue_invoices(1)
    assert other.commit(issue) == NUMBERS[1]
    office.issue_invoices(1)
    sql("INSERT INTO S.head SELECT max(size) - 1, decode('00', 'hex') FROM S.head")
    with pytest.raises(Tampered, match="a signed head stands where no commit ends"):
        other.commit(issue)
    sql("DELETE FROM S.head WHERE length(note) = 1")
    assert other.commit(issue) == NUMBERS[3]


# the last leaves that are kept


def test_a_leaf_that_is_kept_is_compared_with_what_was_verified(office: Office) -> None:
    office.issue_invoices(2)
    lasts = office.ledger.lasts
    assert lasts
    for place, (leaf, wrapped) in list(lasts.items()):
        lasts[place] = (leaf._replace(body=leaf.body[:-1] + bytes([leaf.body[-1] ^ 1])), wrapped)
    with pytest.raises(Tampered, match="not the leaf that was verified"):
        office.ledger.commit(issue)


def test_only_what_was_asked_for_is_kept_up_and_not_too_much_of_it() -> None:
    def row(stream: bytes, version: int = 1, key: bytes = b"k", body: bytes = b"") -> tuple[Leaf, bytes | None]:
        return Leaf(version, EVENT, 3, 1, stream, version, 1, 0, key, b"", b"", body), b"wrapped"

    lasts = Lasts()
    lasts.follow([row(b"other")])
    assert not lasts
    place = (EVENT, 3, b"one")
    lasts.keep(place, row(b"one"))
    (leaf, _), (other, _) = row(b"one", 2), row(b"one", 3, b"another key")
    lasts.follow([(leaf, None), row(b"other")])
    assert lasts == {place: (leaf, b"wrapped")}  # under the key it had
    lasts.follow([(other, None)])
    assert lasts == {place: (other, None)}
    lasts.follow([row(b"one", 4, body=bytes(LARGE + 1))])
    assert not lasts
    for number in range(3 * MOST):
        lasts.keep((EVENT, 3, b"%d" % number), row(b"%d" % number))
    assert 0 < len(lasts) <= MOST


class Tries:
    """Work that counts how often it is done."""

    def __init__(self, work: Callable[[Transaction], str]) -> None:
        self._work, self.count = work, 0

    def __call__(self, tx: Transaction) -> str:
        self.count += 1
        return self._work(tx)


@pytest.fixture
def alone(office: Office, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A client that found nobody before it when it wrote last, and so decides before it takes the lock."""
    monkeypatch.setattr(writing, "LATELY", 60.0)
    office.issue_invoices(2)
    return office.ledger


def test_who_found_nobody_before_him_records_in_one_round_trip(
    alone: Ledger, office: Office, trips: list[None]
) -> None:
    for number in NUMBERS[2:6]:
        trips.clear()
        assert alone.commit(issue) == number
        assert len(trips) == 1
    assert numbers(office.fresh()) == NUMBERS[:6]


def test_who_was_overtaken_decides_again_under_the_lock(alone: Ledger, office: Office) -> None:
    other, work = office.fresh(), Tries(issue)
    for number in (3, 6):
        assert other.commit(issue) == NUMBERS[number - 1]
        assert alone.commit(work) == NUMBERS[number]
        assert alone.commit(issue) == NUMBERS[number + 1]  # under the lock too: the last time he was not alone
    assert work.count == 4
    assert numbers(office.fresh()) == NUMBERS[:8]


def test_a_large_commit_that_is_overtaken_leaves_nothing_behind(alone: Ledger, office: Office) -> None:
    def drafts(tx: Transaction) -> str:
        return " ".join(draft(tx, f"D-{number:X}") for number in range(2 * postgres.MANY))

    other, work = office.fresh(), Tries(drafts)
    other.commit(issue)
    size = other.standing_at()
    alone.commit(work)
    assert (work.count, alone.standing_at() - size) == (2, 2 * postgres.MANY + 1)
    assert not verify(alone.store).findings


def test_what_is_refused_is_refused_at_the_newest_head(alone: Ledger, office: Office) -> None:
    other = office.fresh()
    other.commit(lambda tx: draft(tx, "D-1"))
    alone.commit(lambda tx: tx.change(Invoice, "D-1", Invoice.discard, "no longer wanted"))
    work = Tries(refuse)
    alone.commit(issue)
    with pytest.raises(Refused, match="this is refused"):
        alone.commit(work)
    assert work.count == 2  # before the lock, and under it
    assert alone.commit(issue) == NUMBERS[3]


@pytest.mark.parametrize("statement", [
    "DELETE FROM S.head WHERE size = (SELECT max(size) FROM S.head)",
    "DELETE FROM S.head",
    "UPDATE S.head SET note = overlay(note placing 'x' from 1) WHERE size = (SELECT max(size) FROM S.head)",
    "INSERT INTO S.head SELECT size + 1, note FROM S.head ORDER BY size DESC LIMIT 1",
])  # fmt: skip
def test_nothing_is_recorded_on_a_head_that_was_tampered_with(
    statement: str, alone: Ledger, sql: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    leaves = sql("SELECT count(*) FROM S.leaf")
    sql(statement)
    with pytest.raises((Tampered, RolledBack)):
        alone.commit(issue)
    assert sql("SELECT count(*) FROM S.leaf") == leaves


def test_a_compartment_that_is_made_anew_blinds_names_with_its_new_key(alone: Ledger, office: Office) -> None:
    other, names = office.fresh(), list[bytes | None]()

    def work(tx: Transaction) -> str:
        tx.new_compartment(77)
        names.append(tx.blinded(77, "document/DOC-1"))
        return issue(tx)

    other.commit(issue)
    alone.commit(work)
    other.pull()
    assert len(set(names)) == 2
    assert other.keyring.stream_id(77, "document/DOC-1") == alone.keyring.stream_id(77, "document/DOC-1") == names[1]
