"""Backups come back whole, without what was erased since; damage and rollbacks are repaired only on purpose."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aggregates.core import Refused
from store import backup, repairing
from store.audit import verify
from store.blobplace import name_of
from store.control import Incident, RollbackAck, decode
from store.errors import RolledBack, StoreError, Tampered
from store.leaf import CONTROL
from store.soundness import open_sound
from store.sqlite import SQLiteStore
from tests.ledgers import Office, draft, erase, numbers
from tests.test_proofs_cli import command


def acts(office: Office) -> list[Any]:
    """All control acts of the log."""
    return [decode(leaf.body) for raw in office.ledger.store.commits(0) for leaf in raw.leaves if leaf.kind == CONTROL]


def replaced(office: Office, copy: Path) -> None:
    """Somebody puts an earlier copy in the place of the ledger."""
    office.close()
    shutil.rmtree(office.directory)
    copy.rename(office.directory)
    office.reopen()


def test_a_backup_is_the_ledger_and_private(office: Office, tmp_path: Path) -> None:
    office.issue_invoices(2)
    report = backup.backup(office.ledger.store, office.ledger.id, tmp_path / "b")
    assert report.findings == []
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"ledger.db", "blobs"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in [tmp_path / "b", *(tmp_path / "b").rglob("*")])
    with closing(open_sound(tmp_path / "b")) as copy:
        assert list(copy.commits(0)) == list(office.ledger.store.commits(0))
        assert sorted(copy.slots()) == sorted(office.ledger.store.slots())
    with pytest.raises(Refused, match="nothing is overwritten"):
        backup.backup(office.ledger.store, office.ledger.id, tmp_path / "b")


def test_a_backup_while_another_writes_is_of_one_moment(office: Office, tmp_path: Path) -> None:
    process = office.start("issue", "40")
    assert process.stdout is not None
    process.stdout.readline()
    for count in range(3):
        assert backup.backup(office.ledger.store, office.ledger.id, tmp_path / f"b{count}").findings == []
    process.communicate()


def test_a_backup_of_a_tampered_log_leaves_nothing(office: Office, tmp_path: Path) -> None:
    office.issue_invoices(1)
    damaged(office, "UPDATE leaf SET ordinal = ordinal + 1 WHERE idx = 20")
    with pytest.raises(Tampered):
        backup.backup(office.ledger.store, office.ledger.id, tmp_path / "b")
    assert not [path.name for path in tmp_path.iterdir() if "b" in path.name.split(".")]


def test_a_broken_off_backup_has_no_name(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_copy_blob", full)
    monkeypatch.setattr(backup, "_sync", full)
    with pytest.raises(OSError, match="No space"):
        backup.backup(office.ledger.store, office.ledger.id, tmp_path / "b")
    assert not list(tmp_path.glob("*b*partial*"))
    assert not (tmp_path / "b").exists()


def test_restoring_removes_again_what_was_erased_since(office: Office, tmp_path: Path) -> None:
    ledger = office.ledger
    ledger.commit(lambda tx: draft(tx, "D-GONE"))
    ledger.commit(lambda tx: draft(tx, "D-STAYS"))
    backup.backup(ledger.store, ledger.id, tmp_path / "b")
    with closing(open_sound(tmp_path / "b")) as store:
        before = dict(store.key_rows())
    erase(ledger, "D-GONE")
    ledger.pull()
    restored = backup.restore(tmp_path / "b", tmp_path / "r", ledger.people.shredded)
    assert restored.shredded == 1
    with closing(open_sound(tmp_path / "r")) as store:
        left = dict(store.key_rows())
    (gone,) = before.keys() - left.keys()
    raw = (tmp_path / "r" / "ledger.db").read_bytes()
    assert before[gone] not in raw  # not in a free page either
    assert before[gone] in (tmp_path / "b" / "ledger.db").read_bytes()
    with pytest.raises(Refused, match="nothing is overwritten"):
        backup.restore(tmp_path / "b", tmp_path / "r", ())


def test_a_damaged_backup_is_not_restored(office: Office, tmp_path: Path) -> None:
    backup.backup(office.ledger.store, office.ledger.id, tmp_path / "b")
    raw = bytearray((tmp_path / "b" / "ledger.db").read_bytes())
    raw[raw.index(b"bo.commit/1\n") + 20] ^= 1
    (tmp_path / "b" / "ledger.db").write_bytes(raw)
    with pytest.raises(StoreError):
        backup.restore(tmp_path / "b", tmp_path / "r", ())
    assert not (tmp_path / "r").exists()


def test_documents_are_part_of_a_backup(office: Office, tmp_path: Path) -> None:
    blob = _file(office, b"a contract")
    report = backup.backup(office.ledger.store, office.ledger.id, tmp_path / "b")
    assert (report.documents, report.findings) == (1, [])
    path, copy = office.blob_file(blob), tmp_path / "b" / "blobs" / name_of(blob)
    assert copy.read_bytes() == path.read_bytes()
    path.write_bytes(b"other")
    assert [found.kind for found in backup.backup(office.ledger.store, office.ledger.id, tmp_path / "c").findings] == [
        "document"
    ]


def _file(office: Office, content: bytes) -> bytes:
    """A document attached to a draft; the hash of its file."""
    from aggregates.invoice import Invoice

    sealed = office.ledger.seal(Invoice, "D-DOC", [content])

    def work(tx: Any) -> bytes:
        (standing,) = tx.attach(Invoice, "D-DOC", [sealed])
        draft(tx, "D-DOC")
        return bytes(standing.hash)

    return office.ledger.commit(work)


@pytest.mark.parametrize("harm", ["changed", "missing", "pipe", "stray"])
def test_documents_are_verified_by_their_files(office: Office, harm: str) -> None:
    path = office.blob_file(_file(office, b"a contract"))
    assert verify(office.ledger.store).findings == []
    if harm == "changed":
        path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    elif harm == "stray":
        (path.parent / ("0" * 64)).write_bytes(b"")
    else:
        path.unlink()
        if harm == "pipe":
            os.mkfifo(path)
    start = time.monotonic()
    assert [found.kind for found in verify(office.ledger.store).findings] == [
        "remark" if harm == "stray" else "document"
    ]
    assert time.monotonic() - start < 5


def test_a_rollback_is_accepted_on_purpose_only_and_leaves_evidence(office: Office, tmp_path: Path) -> None:
    office.issue_invoices(1)
    backup.backup(office.ledger.store, office.ledger.id, tmp_path / "b")
    office.issue_invoices(2)
    seen = office.ledger.home.pin(office.ledger.id.hex())
    assert seen is not None
    with pytest.raises(Refused, match="no rollback to accept"):
        repairing.lost(office.ledger)
    replaced(office, tmp_path / "b")
    with pytest.raises(RolledBack):
        office.ledger.pull()
    office.ledger.reason = "restored a backup"
    kept = repairing.accept_rollback(office.ledger, repairing.lost(office.ledger))
    assert seen.note in Path(kept).read_bytes()
    ack = acts(office)[-1]
    assert isinstance(ack, RollbackAck)
    assert ack.size == seen.size
    assert numbers(office.ledger) == ["INV-2026-0001"]
    assert office.issue_invoices(1) == ["INV-2026-0002"]
    assert verify(office.ledger.store, device=office.ledger.device).findings == []


def test_an_acceptance_that_was_broken_off_is_finished(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.backup(office.ledger.store, office.ledger.id, tmp_path / "b")
    office.issue_invoices(1)
    replaced(office, tmp_path / "b")

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(repairing, "_acknowledge", broken)
        with pytest.raises(KeyboardInterrupt):
            repairing.accept_rollback(office.ledger, repairing.lost(office.ledger))
    office.reopen()
    kept = repairing.accept_rollback(office.ledger, repairing.lost(office.ledger))
    assert "given-up" in kept
    assert isinstance(acts(office)[-1], RollbackAck)
    with pytest.raises(Refused):
        repairing.lost(office.ledger)


def damaged(office: Office, sql: str) -> None:
    office.close()  # another SQLite in one process would take away the locks of ours
    with closing(sqlite3.connect(office.directory / "ledger.db", isolation_level=None)) as db:
        db.execute(sql)
    office.reopen()


def test_repair_moves_a_planted_tail_aside_and_writes_an_incident(office: Office) -> None:
    office.issue_invoices(1)
    assert repairing.damage(office.ledger) is None
    good = office.ledger.verifier.size
    damaged(
        office,
        "INSERT INTO leaf SELECT MAX(idx) + 1, kind, compartment, epoch, stream, version + 9, count, ordinal, key_id,"
        " commitment, refs, body FROM leaf",
    )
    damaged(office, "INSERT INTO wrapped VALUES(randomblob(32), randomblob(48))")
    code, _, err = command(office, "repair")
    assert (code, "add --yes" in err) == (2, True)
    code, out, err = command(office, "repair", "--yes")
    assert code == 0, err
    assert len(Path(out.strip()).read_text().splitlines()) == 2
    office.reopen()
    (incident,) = [act for act in acts(office) if isinstance(act, Incident)]
    assert incident.first == good
    assert verify(office.ledger.store, device=office.ledger.device).findings == []
    assert command(office, "repair")[0] == 0
    assert numbers(office.ledger) == ["INV-2026-0001"]


def test_repair_of_what_was_verified_before_is_a_rollback_too(office: Office) -> None:
    office.issue_invoices(2)
    damaged(office, "UPDATE leaf SET body = zeroblob(400) WHERE idx = (SELECT MAX(idx) - 1 FROM leaf)")
    code, _, err = command(office, "repair", "--yes", "--reason", "a bad disk")
    assert code == 0, err
    assert "were verified here before" in err
    office.reopen()
    assert [type(act) for act in acts(office)][-2:] == [RollbackAck, Incident]
    assert numbers(office.ledger) == ["INV-2026-0001"]
    assert command(office, "audit", "verify", "--full")[0] == 0


def test_nothing_is_repaired_where_the_beginning_is_damaged(office: Office) -> None:
    damaged(office, "UPDATE leaf SET ordinal = 2 WHERE idx = 0")
    with pytest.raises(Tampered, match="restore a backup"):
        repairing.damage(office.ledger)


def test_backup_and_restore_by_command(office: Office, tmp_path: Path) -> None:
    office.ledger.commit(lambda tx: draft(tx, "D-GONE"))
    office.close()
    assert command(office, "backup", str(tmp_path / "b"))[0] == 0
    assert command(office, "backup", str(tmp_path / "b"))[0] == 3
    erase(office.reopen(), "D-GONE")
    office.close()
    code, out, err = command(office, "restore", str(tmp_path / "b"), str(tmp_path / "r"))
    assert (code, out) == (0, f"{tmp_path / 'r'}\n"), err
    assert "1 keys of what was erased since the backup were removed again" in err
    assert "accept-rollback" in err
    assert command(office, "audit", "verify", ledger=tmp_path / "r")[0] == 21
    assert command(office, "restore", str(tmp_path / "b"), str(tmp_path / "r"))[0] == 3
    assert command(office, "restore", str(tmp_path / "nothing"), str(tmp_path / "s"))[0] == 6
    with closing(SQLiteStore.open(tmp_path / "r")) as store:
        assert store.writable
