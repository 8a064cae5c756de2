"""What is read again and again: a client's standing, streams with their keys, and large payloads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import msgspec
import pytest

from aggregates.core import FINANCE
from aggregates.invoice import Invoice
from aggregates.series import Taken
from store import payload
from store.client import Client
from store.errors import Malformed, Tampered
from store.follow import replay
from store.leaf import EVENT
from tests.ledgers import NoViews, Office, database, draft

VIEW_KEY = "ab" * 48
NOTE, LATER = b"note", b"a later note"


@pytest.fixture
def client(tmp_path: Path) -> Client:
    made = Client(tmp_path / "views" / "client.db", VIEW_KEY)
    with made.transaction():
        made.put("note", NOTE)
    return made


def test_a_client_sees_what_another_process_of_it_wrote(client: Client) -> None:
    assert client.standing() is client.standing()
    other = Client(client.path, VIEW_KEY)
    with other.transaction():
        other.put("note", LATER)
        other.db.execute("INSERT INTO verdict VALUES(3, 5, 2, ?, 'rejected', 'why')", (FINANCE,))
    assert client.standing().note == LATER
    assert client.excluded() == [(3, 5, FINANCE)]


def test_a_client_sees_what_it_wrote_itself(client: Client) -> None:
    assert not client.standing().enrolled
    with client.transaction():
        client.put("enrolled", b"yes")
        assert client.standing().enrolled
    assert client.standing().enrolled


def test_a_new_client_is_laid_out_once_however_many_open_it_at_once(tmp_path: Path) -> None:
    """Of commands that were started together in a new home, none may be told that the database is locked."""
    rounds, together = 30, 4
    ready = Barrier(together)

    def opened(number: int) -> bytes | None:
        ready.wait()
        client = Client(tmp_path / str(number) / "client.db", VIEW_KEY)
        try:
            return client.get("note")
        finally:
            client.close()

    with ThreadPoolExecutor(together) as pool:
        for number in range(rounds):
            assert list(pool.map(opened, [number] * together)) == [None] * together


def test_a_client_forgets_what_was_undone(client: Client) -> None:
    def undone() -> None:
        with client.transaction():
            client.put("note", LATER)
            assert client.standing().note == LATER
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert client.standing().note == NOTE


def test_what_was_swept_need_not_be_swept_again(client: Client) -> None:
    with client.transaction():
        client.put("sweep", b"due")
    assert client.standing().sweep
    with client.transaction():
        client.put("sweep", b"")
    assert not client.standing().sweep


def test_a_stream_is_read_with_its_keys(office: Office) -> None:
    reference = office.ledger.commit(draft)
    stream = office.ledger.keyring.stream_id(FINANCE, f"invoice/{reference}") or b""
    store = office.ledger.store
    [(leaf, wrapped)] = store.stream_with_keys(EVENT, FINANCE, stream)
    assert [leaf] == store.stream(EVENT, FINANCE, stream)
    assert wrapped == store.wrapped(leaf.key_id)
    with store.writing():
        store.shred([leaf.key_id])
        store.commit()
    assert store.stream_with_keys(EVENT, FINANCE, stream) == [(leaf, None)]


@pytest.mark.parametrize(
    ("column", "value"), [("key_id", bytes(33)), ("body", bytes(70_000)), ("refs", bytes(4_096)), ("epoch", 1 << 40)]
)
def test_a_planted_value_that_has_no_hash_is_tampering(office: Office, column: str, value: bytes | int) -> None:
    ledger, reference = office.ledger, office.ledger.commit(draft)
    last = "(SELECT MAX(idx) FROM leaf WHERE kind = 1)"
    database(ledger).execute(f"UPDATE leaf SET {column} = ? WHERE idx = {last}", (value,))
    with pytest.raises(Tampered, match=r"leaf \d+: a column has another type or is out of its range"):
        ledger.load(Invoice, reference)
    with pytest.raises(Tampered, match="a column has another type or is out of its range"):
        replay(ledger, NoViews(), ledger.verifier.size)


def _series(*numbers: int) -> bytes:
    events = [Taken(last, f"INV-2026-{last:04}", date(2026, 1, 31)) for last in numbers]
    return msgspec.msgpack.encode(payload.Payload("series/INV-2026", 1, "", events))


def test_numbers_that_only_look_huge_are_read() -> None:
    numbers = range(0x1CF, 0x1CF + 3 * 256, 256)  # 0xCF, then the name of the next field
    assert [event.last for event in payload.decode(_series(*numbers)).events] == list(numbers)


def test_one_huge_number_among_many_events_is_refused() -> None:
    with pytest.raises(Malformed, match="too large"):
        payload.decode(_series(1, 0x2CF, 2**63, 4))
