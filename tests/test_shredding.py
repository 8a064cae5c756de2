"""Shredding: of a shredded stream no key is left, every hash stays, and nothing else is touched."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from aggregates.core import Refused
from aggregates.invoice import Invoice
from aggregates.legal import Party
from aggregates.series import Series
from projections.core import open_views
from store import failpoints
from store.errors import NotFound, Unauthorised
from store.leaf import CONTROL, EVENT
from store.ledger import Ledger
from store.shredding import Target, shred
from store.transaction import Transaction
from tests.ledgers import DAY, Office, database, draft, erase, forge, key_row, numbers, opened
from tests.test_crash import KILLED, tables

CIPHERTEXT = 64
"""Of a body, so much is looked for: what is shredded stays in the log, unreadable."""


def leaves_of(ledger: Ledger, reference: str) -> list[bytes]:
    stream = ledger.keyring.stream_id(Invoice.compartment, f"invoice/{reference}")
    return [leaf.body for leaf in ledger.store.stream(EVENT, Invoice.compartment, stream or b"")]


def whole(office: Office) -> None:
    """A client that knows nothing verifies all of the log, and finds nothing to complain of."""
    fresh = office.fresh()
    fresh.pull()
    assert fresh.client.db.execute("SELECT * FROM verdict").fetchall() == []
    assert not fresh.client.get("sweep")
    assert fresh.verifier.frontier.root() == office.ledger.verifier.frontier.root()
    open_views(office.ledger)
    open_views(fresh)
    warm, cold = tables(office.ledger.client), tables(fresh.client)
    for found in (warm, cold):
        del found["access_use"]  # the first use on a day may be one that nobody can read any more
    assert cold == warm


def test_no_copy_of_the_wrapped_key_is_left(office: Office) -> None:
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    office.ledger.commit(lambda tx: draft(tx, "D-2"))
    row, kept = key_row(office.ledger, "D-1"), key_row(office.ledger, "D-2")
    [body] = leaves_of(office.ledger, "D-1")
    assert office.found(row)  # else this proves nothing
    hashes = [office.ledger.verifier.streams.hash_of(at) for at in range(office.ledger.verifier.size)]
    erase(office.ledger, "D-1")
    assert not office.found(row)
    assert not office.found(row, office.folder)
    assert office.ledger.client.get("sweep") == b""
    assert office.found(kept)
    assert office.found(body[:CIPHERTEXT])  # the leaf is there, its hash with it
    assert [office.ledger.verifier.streams.hash_of(at) for at in range(len(hashes))] == hashes
    whole(office)


def test_an_open_reader_makes_it_incomplete_until_it_has_gone(office: Office) -> None:
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    row = key_row(office.ledger, "D-1")
    reader = office.start("read")
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    erase(office.ledger, "D-1")
    assert office.ledger.client.get("sweep")
    assert office.found(row)
    office.ledger.pull()  # each command tries again
    assert office.ledger.client.get("sweep")
    assert reader.communicate("go on\n", timeout=60) == ("", "")
    assert office.run("issue", "1").returncode == 0
    assert not office.found(row)
    office.ledger.pull()
    assert office.ledger.client.get("sweep") == b""
    whole(office)


def test_other_clients_delete_what_they_meet_again(office: Office) -> None:
    """A store restored from before the shred, to which the log since then was copied back."""
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    stream = office.ledger.keyring.stream_id(Invoice.compartment, "invoice/D-1")
    [leaf] = office.ledger.store.stream(EVENT, Invoice.compartment, stream or b"")
    row = key_row(office.ledger, "D-1")
    erase(office.ledger, "D-1")
    with office.ledger.store.writing():
        database(office.ledger).execute("INSERT INTO wrapped VALUES(?, ?)", (leaf.key_id, row))
        office.ledger.store.commit()
    assert office.found(row)
    fresh = office.fresh()
    fresh.pull()
    assert not office.found(row)
    assert open_views(fresh).value("SELECT COUNT(*) FROM invoice") == 0


def test_nothing_more_is_written_to_an_erased_stream(office: Office) -> None:
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    erase(office.ledger, "D-1")
    for ledger in (office.ledger, office.fresh()):
        for work in (
            lambda tx: tx.change(Invoice, "D-1", Invoice.discard, "x"),
            lambda tx: draft(tx, "D-1"),
            lambda tx: tx.state(Invoice, "D-1"),
        ):
            with pytest.raises(Refused, match=r"invoice/D-1 was erased"):
                ledger.commit(work)
        with pytest.raises(Refused, match=r"invoice/D-1 was erased"):
            ledger.load(Invoice, "D-1")
        with pytest.raises(Refused, match="erased before"):
            erase(ledger, "D-1")
        with pytest.raises(Refused, match=r"there is no invoice/D-7 to erase"):
            erase(ledger, "D-7")
    assert office.issue_invoices(1) == ["INV-2026-0001"]


def test_what_is_forged_into_an_erased_stream_is_unauthorised(office: Office) -> None:
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    stream = office.ledger.keyring.stream_id(Invoice.compartment, "invoice/D-1") or b""
    [leaf] = office.ledger.store.stream(EVENT, Invoice.compartment, stream)
    erase(office.ledger, "D-1")
    verifier = office.ledger.verifier
    late = leaf._replace(idx=verifier.size, version=leaf.version + leaf.events, ordinal=verifier.ordinal)
    forge(office.ledger, late)
    for ledger in (office.ledger, office.fresh()):
        ledger.pull()
        [found] = ledger.client.db.execute("SELECT verdict, reason FROM verdict").fetchall()
        assert found == ("unauthorised", "its stream was shredded")


def test_a_forged_leaf_does_not_take_another_streams_key_along(office: Office) -> None:
    """A leaf of the doomed stream that names the key of another: that key's row stays."""
    for reference in ("D-1", "D-2"):
        office.ledger.commit(partial(draft, reference=reference))
    ledger = office.ledger
    streams = [ledger.keyring.stream_id(Invoice.compartment, f"invoice/{name}") or b"" for name in ("D-1", "D-2")]
    [one], [two] = (ledger.store.stream(EVENT, Invoice.compartment, stream) for stream in streams)
    verifier = ledger.verifier
    version = one.version + one.events
    forge(ledger, one._replace(idx=verifier.size, ordinal=verifier.ordinal, version=version, key_id=two.key_id))
    ledger.pull()
    assert [row[4] for row in ledger.client.db.execute("SELECT * FROM verdict")] == ["unauthorised"]
    erase(ledger, "D-1")
    assert not ledger.store.wrapped(one.key_id)
    assert ledger.store.wrapped(two.key_id)
    assert ledger.load(Invoice, "D-2").customer == "C-1"


def test_a_documents_file_goes_with_its_stream(office: Office) -> None:
    assert office.run("file", "D-1").returncode == 0
    assert office.run("file", "D-2").returncode == 0
    ledger = office.ledger
    ledger.pull()
    [gone, kept] = [leaf.refs for leaf in ledger.store.referring(0)]
    assert b"".join(ledger.document(Invoice.compartment, "invoice/D-1", gone)) == b"a document"
    erase(ledger, "D-1")
    assert not office.blob_file(gone).exists()
    assert b"".join(ledger.document(Invoice.compartment, "invoice/D-2", kept)) == b"a document"
    with pytest.raises(NotFound, match=r"invoice/D-1 was erased"):
        list(ledger.document(Invoice.compartment, "invoice/D-1", gone))
    whole(office)


def test_a_document_that_another_stream_refers_to_stays(office: Office) -> None:
    assert office.run("file", "D-2").returncode == 0
    ledger = office.ledger
    ledger.commit(lambda tx: draft(tx, "D-1"))
    [victim] = ledger.store.referring(0)
    stream = ledger.keyring.stream_id(Invoice.compartment, "invoice/D-1") or b""
    [leaf] = ledger.store.stream(EVENT, Invoice.compartment, stream)
    verifier = ledger.verifier
    late = leaf._replace(idx=verifier.size, ordinal=verifier.ordinal, version=leaf.version + leaf.events)
    forge(ledger, late._replace(refs=victim.refs))
    erase(ledger, "D-1")
    assert b"".join(ledger.document(Invoice.compartment, "invoice/D-2", victim.refs)) == b"a document"


def _issued(tx: Transaction, reference: str) -> None:
    draft(tx, reference)
    taken = tx.change(Series, "INV-2026", Series.take, "INV", 2026, DAY)
    tx.change(Invoice, reference, Invoice.issue, taken.number, DAY, Party("Ada"), Party("Acme"))


def test_what_is_erased_contradicts_nothing_that_stays(office: Office) -> None:
    """The number of an erased invoice was taken in a commit whose other half nobody can read: not rejected."""
    for reference in ("D-1", "D-2", "D-3"):
        office.ledger.commit(partial(_issued, reference=reference))
    erase(office.ledger, "D-2")
    office.ledger.commit(lambda tx: _issued(tx, "D-4"))
    for ledger in (office.ledger, office.fresh()):
        assert numbers(ledger) == ["INV-2026-0001", "INV-2026-0003", "INV-2026-0004"]
        assert ledger.client.db.execute("SELECT * FROM verdict").fetchall() == []
        assert ledger.load(Series, "INV-2026").last == 4
        assert open_views(ledger).value("SELECT COUNT(*) FROM invoice") == 3


def test_a_lost_key_row_contradicts_nothing_that_stays(office: Office) -> None:
    """Deleted by somebody who can write the store: shown as unchecked, and the rest goes on."""
    for reference in ("D-1", "D-2", "D-3"):
        office.ledger.commit(partial(_issued, reference=reference))
    row = key_row(office.ledger, "D-2")
    with office.ledger.store.writing():
        database(office.ledger).execute("DELETE FROM wrapped WHERE wrapped = ?", (row,))
        office.ledger.store.commit()
    fresh = office.fresh()
    fresh.pull()
    assert [each[4] for each in fresh.client.db.execute("SELECT * FROM verdict")] == ["unchecked"]
    assert fresh.load(Invoice, "D-3").number == "INV-2026-0003"
    fresh.commit(lambda tx: _issued(tx, "D-4"))
    assert fresh.load(Series, "INV-2026").last == 4
    assert fresh.client.excluded() == []


def test_many_streams_go_in_one_act(office: Office) -> None:
    names = [f"D-{n:X}" for n in range(40)]
    office.ledger.commit(lambda tx: [draft(tx, name) for name in names])
    rows = [key_row(office.ledger, name) for name in names]
    start = office.ledger.verifier.size
    erase(office.ledger, *names[:39])
    assert sum(leaf.kind == CONTROL for raw in office.ledger.store.commits(start) for leaf in raw.leaves) == 1
    assert not any(office.found(row) for row in rows[:39:6])
    assert office.found(rows[39])
    whole(office)


def test_only_who_may_shred_can(office: Office) -> None:
    """And the act alone, without an event that names it, is enough to make the keys go."""
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    row = key_row(office.ledger, "D-1")

    def refused(tx: Transaction) -> None:
        shred(tx, office.ledger, [Target(99, "invoice/D-1")])

    with pytest.raises(Unauthorised, match="you hold no key of the compartment where invoice/D-1 lives"):
        office.ledger.commit(refused)
    assert office.found(row)
    office.ledger.commit(lambda tx: shred(tx, office.ledger, [Target(Invoice.compartment, "invoice/D-1")]))
    assert not office.found(row)


AT = (
    "before-commit", "after-commit", "pin-written", "views-before-commit", "views-updated", "shred-recorded",
    "shred-rows-deleted", "blob-written",
)  # fmt: skip


@pytest.mark.parametrize("name", AT)
def test_a_crash_while_shredding_is_made_up_for(office: Office, name: str) -> None:
    """Killed at every step: the act is there or not, and when it is the next command finishes the work."""
    office.run("file", "D-1")
    office.ledger.pull()
    row, [file] = key_row(office.ledger, "D-1"), [leaf.refs for leaf in office.ledger.store.referring(0)]
    office.close()
    killed = office.run("erase", "D-1", BO_FAILPOINT=name)
    if name == "blob-written":
        assert killed.returncode == 0  # no document is written here
    else:
        assert (killed.returncode, killed.stdout) == (KILLED, ""), f"{name} was never reached"
    assert office.run("issue", "1").stdout == "INV-2026-0001\n"
    ledger = office.reopen()
    ledger.pull()
    recorded = bool(ledger.people.shredded)
    assert recorded == (
        name == "blob-written" or failpoints.NAMES.index(name) >= failpoints.NAMES.index("after-commit")
    )
    assert bool(office.found(row)) != recorded
    assert office.blob_file(file).exists() != recorded
    assert not ledger.client.get("sweep")
    whole(office)


def test_a_copy_that_cannot_be_written_has_no_false_alarm(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has only a read-only copy sees what was erased as erased, not as damaged."""
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    erase(office.ledger, "D-1")
    office.close()
    copy = tmp_path / "copy"
    copy.mkdir()
    subprocess.run(["cp", "-a", str(office.directory), str(copy / "ledger")], check=True)
    shutil.copytree(office.home, copy / "home")
    shutil.rmtree(copy / "home" / "views")
    ledger = opened(copy)
    monkeypatch.setattr(ledger.store, "writable", False)
    ledger.pull()
    assert ledger.client.db.execute("SELECT * FROM verdict").fetchall() == []
    assert ledger.client.get("sweep")  # deleting waits for somebody who can write
    ledger.close()
