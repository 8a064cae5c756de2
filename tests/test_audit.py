"""Attackers who can write the store: what they do is named, with the right code, and never passed over."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from bo.auditing import judged
from bo.errors import code_of
from store import audit, siderows
from store.audit import seen_by
from store.control import ALL, EVERYWHERE, Grant
from store.errors import RolledBack, StoreError
from store.soundness import open_sound
from store.sqlite_file import SCHEMA
from store.transaction import random_id
from tests.ledgers import Office, draft, erase
from tests.test_proofs_cli import command
from tests.test_trail import forge

TAMPERED, ROLLED_BACK, DAMAGED = 20, 21, 22
LAX = {
    "leaf": "CREATE TABLE leaf(idx INTEGER PRIMARY KEY, kind, compartment, epoch, stream, version, count, ordinal,"
    " key_id, commitment, refs, body)",
    "head": "CREATE TABLE head(size INTEGER PRIMARY KEY, note)",
    "wrapped": "CREATE TABLE wrapped(key_id PRIMARY KEY, wrapped) WITHOUT ROWID",
    "slot": "CREATE TABLE slot(compartment, epoch, device, sealed, PRIMARY KEY(compartment, epoch, device))"
    " WITHOUT ROWID",
}


class Victim:
    """A small ledger with its owner's home; attacks happen on copies."""

    def __init__(self, folder: Path) -> None:
        office = Office(folder)
        office.issue_invoices(2)
        office.ledger.commit(lambda tx: draft(tx, "D-GONE"))
        erase(office.ledger, "D-GONE")
        office.ledger.command = "invoice credit"
        office.ledger.refused(ValueError("no"))
        office.issue_invoices(1)
        office.ledger.store.checkpoint()
        self.folder, self.home, self.id = folder, office.ledger.home, office.ledger.id
        self.device, self.directory = office.ledger.device, office.directory
        office.close()
        with closing(sqlite3.connect(self.directory / "ledger.db")) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._copies = 0

    def copy(self) -> Path:
        self._copies += 1
        target = self.folder / f"copy-{self._copies}"
        (target / "blobs").mkdir(parents=True)
        shutil.copyfile(self.directory / "ledger.db", target / "ledger.db")
        (target / "ledger.db").chmod(0o600)
        return target

    def code(self, directory: Path, *, keys: bool = True, pinned: bool = True) -> int:
        """The exit code of `bo audit verify --full`."""
        device = self.device if keys else None
        try:
            with closing(open_sound(directory)) as store:
                seen = seen_by(self.home, self.id) if pinned else ()
                problem = judged(audit.verify(store, bound=self.id if pinned else b"", seen=seen, device=device))
        except StoreError as error:  # kept in no variable of this frame, which it holds together with the whole audit
            return code_of(error)
        return code_of(problem) if problem else 0


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    return Victim(tmp_path_factory.mktemp("victim"))


@contextmanager
def attacker(directory: Path, *, lax: bool = True) -> Iterator[sqlite3.Connection]:
    """The database as one who has only the file edits it; `lax` takes the types off while he does."""
    path = directory / "ledger.db"
    if lax:
        _schema(path, LAX)
    with closing(_connect(path)) as db:
        yield db
    if lax:
        strict = {name: text for name in LAX for text in SCHEMA if text.startswith(f"CREATE TABLE {name}(")}
        _schema(path, strict)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    return db


def _schema(path: Path, texts: dict[str, str]) -> None:
    with closing(_connect(path)) as db:
        db.execute("PRAGMA writable_schema=ON")
        for name, text in texts.items():
            db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (text, name))


def changed(value: Any, other: Any) -> dict[str, Any]:
    """What an attacker might write in place of a value."""
    huge = bytes(1 << 20)
    if isinstance(value, int):
        return {
            "bit flip": value ^ 1, "+1": value + 1, "NULL": None, "empty": b"", "another row's": other,
            "other type": str(value), "equal float": float(value), "2^63": 2**63 - 1, "-2^63": -(2**63),
            "float 2^63": 2.0**63, "huge": huge,
        }  # fmt: skip
    return {
        "bit flip": value[:-1] + bytes([value[-1] ^ 1]) if value else b"\1", "+1": _next(value), "NULL": None,
        "empty": b"", "another row's": other, "other type": value.decode("latin-1"), "2^63": 2**63 - 1, "huge": huge,
        "longer": value + b"\0", "shorter": value[:-1], "not UTF-8": Text(b"\xff\xfe"),
    }  # fmt: skip


def _next(value: bytes) -> bytes:
    return ((int.from_bytes(value, "big") + 1) % (1 << 8 * len(value))).to_bytes(len(value), "big") if value else b"\0"


class Text(bytes):
    """Bytes to be written as text."""


COLUMNS = [
    (table, column)
    for table, columns in {
        "leaf": "idx kind compartment epoch stream version count ordinal key_id commitment refs body",
        "head": "size note", "wrapped": "key_id wrapped", "slot": "compartment epoch device sealed",
    }.items()
    for column in columns.split()
]  # fmt: skip
KEYS = {"leaf": "idx", "head": "size", "wrapped": "key_id", "slot": "hex(device) || compartment || '-' || epoch"}


def all_rows(db: sqlite3.Connection) -> list[str]:
    """Every value with its type."""
    db.text_factory = lambda raw: ("text", raw)
    return [repr(row) for table in LAX for row in db.execute(f"SELECT * FROM {table}")]


def rows_to_attack(db: sqlite3.Connection, table: str) -> list[Any]:
    """The keys of one leaf of each kind, or of the last row."""
    if table == "leaf":
        return [row[0] for row in db.execute("SELECT MAX(idx) FROM leaf GROUP BY kind")]
    return [db.execute(f"SELECT {KEYS[table]} FROM {table} ORDER BY 1 DESC LIMIT 1").fetchone()[0]]


def test_the_unharmed_ledger_verifies_with_keys_and_without(victim: Victim) -> None:
    copy = victim.copy()
    assert victim.code(copy) == victim.code(copy, keys=False) == victim.code(copy, pinned=False) == 0
    with attacker(copy) as db:
        assert db.execute("SELECT COUNT(DISTINCT kind) FROM leaf").fetchone()[0] == 4
    assert victim.code(copy) == 0  # taking the types off and on again leaves nothing


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_no_column_can_be_changed(victim: Victim, table: str, column: str) -> None:
    tried = 0
    with closing(_connect(victim.directory / "ledger.db")) as db:
        keys, before = rows_to_attack(db, table), all_rows(db)
    for key in keys:
        with closing(_connect(victim.directory / "ledger.db")) as db:
            value = db.execute(f"SELECT {column} FROM {table} WHERE {KEYS[table]} = ?", (key,)).fetchone()[0]
            others = db.execute(f"SELECT {column} FROM {table} WHERE {column} != ? LIMIT 1", (value,)).fetchone()
        for name, new in changed(value, others[0] if others else None).items():
            copy = victim.copy()
            given = "CAST(? AS TEXT)" if isinstance(new, Text) else "?"
            with attacker(copy) as db:
                try:
                    db.execute(f"UPDATE {table} SET {column} = {given} WHERE {KEYS[table]} = ?", (new, key))
                except sqlite3.Error:
                    continue  # SQLite itself does not write that
                same = all_rows(db) == before
            if not same:
                tried += 1
                assert victim.code(copy) in (TAMPERED, ROLLED_BACK, DAMAGED), (table, column, name)
            shutil.rmtree(copy)
    assert tried >= 2 * len(keys)


def leaves_of(db: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return db.execute("SELECT * FROM leaf ORDER BY idx").fetchall()


def last_commit(db: sqlite3.Connection) -> tuple[int, int]:
    """The sizes before and after the newest commit."""
    sizes = [size for (size,) in db.execute("SELECT size FROM head ORDER BY size")]
    return sizes[-2], sizes[-1]


def put(db: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    db.executemany("INSERT INTO leaf VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


@pytest.mark.parametrize("table", LAX)
@pytest.mark.parametrize("which", ["MIN", "MAX"])
def test_no_row_can_be_deleted(victim: Victim, table: str, which: str) -> None:
    copy, key = victim.copy(), KEYS[table]
    with attacker(copy, lax=False) as db:
        db.execute(f"DELETE FROM {table} WHERE {key} = (SELECT {which}({key}) FROM {table})")
    assert victim.code(copy) == victim.code(copy, keys=False) in (TAMPERED, ROLLED_BACK, DAMAGED)


@pytest.mark.parametrize(
    "row",
    [
        "INSERT INTO leaf SELECT -1, kind, compartment, epoch, stream, 999, count, ordinal, key_id, commitment, refs,"
        " body FROM leaf WHERE kind = 1 LIMIT 1",
        "INSERT INTO leaf SELECT MAX(idx) + 1, kind, compartment, epoch, stream, 999, count, ordinal, key_id,"
        " commitment, refs, body FROM leaf",
        "INSERT INTO head SELECT -1, note FROM head",
        "INSERT INTO head SELECT MAX(size) + 1, note FROM head",
        "INSERT INTO head SELECT MAX(size) - 1, note FROM head",
        "INSERT INTO wrapped VALUES(randomblob(32), randomblob(48))",
        "INSERT INTO slot SELECT compartment + 1, epoch + 1, device, sealed FROM slot LIMIT 1",
        "INSERT INTO slot SELECT compartment, epoch, randomblob(16), sealed FROM slot LIMIT 1",
    ],
)
def test_no_row_can_be_added(victim: Victim, row: str) -> None:
    copy = victim.copy()
    with attacker(copy, lax=False) as db:
        db.execute(row.replace("FROM head", "FROM head LIMIT 1") if "SELECT -1, note" in row else row)
    assert victim.code(copy) == victim.code(copy, keys=False) in (TAMPERED, DAMAGED)


@pytest.mark.parametrize("planted", [
    "CREATE TRIGGER t AFTER INSERT ON leaf BEGIN DELETE FROM wrapped; END", "CREATE VIEW v AS SELECT * FROM leaf",
    "CREATE INDEX i ON leaf(ordinal)", "CREATE TABLE extra(a)", "ALTER TABLE head ADD COLUMN more INTEGER",
    "ANALYZE", "PRAGMA user_version=2", "PRAGMA application_id=1", "PRAGMA journal_mode=DELETE",
    "DROP INDEX leaf_stream",
])  # fmt: skip
def test_nothing_can_be_planted_in_the_schema(victim: Victim, planted: str) -> None:
    copy = victim.copy()
    with attacker(copy, lax=False) as db:
        db.execute(planted)
    assert victim.code(copy) == TAMPERED


def test_a_clean_cut_is_seen_by_the_pin_alone(victim: Victim) -> None:
    copy = victim.copy()
    with attacker(copy, lax=False) as db:
        before, _ = last_commit(db)
        db.execute("DELETE FROM wrapped WHERE key_id IN (SELECT key_id FROM leaf WHERE idx >= ?) AND key_id NOT IN"
                   " (SELECT key_id FROM leaf WHERE idx < ?)", (before, before))  # fmt: skip
        db.execute("DELETE FROM leaf WHERE idx >= ?", (before,))
        db.execute("DELETE FROM head WHERE size > ?", (before,))
    assert victim.code(copy, pinned=False) == 0
    assert victim.code(copy) == ROLLED_BACK


def test_leaves_cannot_be_reordered(victim: Victim) -> None:
    copy = victim.copy()
    with attacker(copy, lax=False) as db:
        first, second = (row[0] for row in db.execute("SELECT idx FROM leaf WHERE kind = 1 LIMIT 2").fetchall())
        for old, new in ((first, 10**6), (second, first), (10**6, second)):
            db.execute("UPDATE leaf SET idx = ? WHERE idx = ?", (new, old))
    assert victim.code(copy) == TAMPERED


@pytest.mark.parametrize(
    "columns", ["body", "body commitment", "body commitment key_id", "stream", "ordinal", "refs body"]
)
def test_bodies_cannot_be_swapped_between_streams(victim: Victim, columns: str) -> None:
    copy, names = victim.copy(), columns.split()
    with attacker(copy, lax=False) as db:
        one, other = db.execute("SELECT MIN(idx), MAX(idx) FROM leaf WHERE kind = 1").fetchone()
        rows = [
            db.execute(f"SELECT {', '.join(names)} FROM leaf WHERE idx = ?", (idx,)).fetchone() for idx in (one, other)
        ]
        for idx, row in zip((other, one), rows, strict=True):
            db.execute(f"UPDATE leaf SET {', '.join(f'{name} = ?' for name in names)} WHERE idx = ?", (*row, idx))
    assert victim.code(copy) == TAMPERED


def test_two_commits_cannot_be_swapped(victim: Victim) -> None:
    copy = victim.copy()
    with attacker(copy, lax=False) as db:
        sizes = [size for (size,) in db.execute("SELECT size FROM head ORDER BY size")]
        notes = dict(db.execute("SELECT size, note FROM head").fetchall())
        rows = leaves_of(db)
        start, middle, end = sizes[0], sizes[1], sizes[2]
        moved = [*rows[middle:end], *rows[start:middle]]
        db.execute("DELETE FROM leaf WHERE idx >= ? AND idx < ?", (start, end))
        put(db, [(start + place, *row[1:]) for place, row in enumerate(moved)])
        db.execute("DELETE FROM head WHERE size IN (?, ?)", (middle, end))
        db.executemany("INSERT INTO head VALUES(?, ?)", [(start + end - middle, notes[end]), (end, notes[middle])])
    assert victim.code(copy) == TAMPERED


@pytest.mark.parametrize("renumbered", [False, True])
def test_an_old_commit_cannot_be_replayed_at_the_tail(victim: Victim, renumbered: bool) -> None:
    copy = victim.copy()
    with attacker(copy, lax=False) as db:
        before, after = last_commit(db)
        rows = leaves_of(db)[before:]
        (note,) = db.execute("SELECT note FROM head WHERE size = ?", (after,)).fetchone()
        events = sum(row[6] for row in rows if row[1] == 1)
        again = []
        for place, (_, kind, *places, stream, version, count, ordinal) in enumerate(row[:8] for row in rows):
            stream = os.urandom(16) if kind == 3 else stream
            version += count if kind in (1, 4) else 0
            ordinal += events * renumbered
            again.append((after + place, kind, *places, stream, version, count, ordinal, *rows[place][8:]))
        put(db, again)
        db.execute("INSERT INTO head VALUES(?, ?)", (after + len(rows), note))
    assert victim.code(copy) == victim.code(copy, keys=False) == TAMPERED


def changed_notes(note: bytes) -> dict[str, bytes]:
    text, signature = note.rsplit(b"\n\n", 1)
    origin, size, root = text.split(b"\n")
    name, encoded = signature.strip().rsplit(b" ", 1)

    def of(origin: bytes = origin, size: bytes = size, root: bytes = root, lines: bytes = signature) -> bytes:
        return b"\n".join((origin, size, root)) + b"\n\n" + lines

    return {
        "extra signature": note + signature, "CRLF": note.replace(b"\n", b"\r\n"), "no final newline": note[:-1],
        "wrong origin": of(origin=origin[:-1] + b"0" if origin[-1:] != b"0" else origin[:-1] + b"1"),
        "leading zero": of(size=b"0" + size), "other size": of(size=str(int(size) + 1).encode()),
        "non-canonical base64": of(root=root[:-2] + bytes([root[-2] ^ 1]) + root[-1:]), "a blank": of(size=size + b" "),
        "extension line": of(root=root + b"\nmore"), "no signature": text + b"\n\n",
        "no dash": note.replace("— ".encode(), b"- "),
        "another name": of(lines=name[:-1] + b"z " + encoded + b"\n"), "BOM": b"\xef\xbb\xbf" + note,
        "not UTF-8": note.replace(b"bo.internal", b"bo\xffinternal"), "newline at the end": note + b"\n",
    }  # fmt: skip


def test_the_signed_note_cannot_be_written_in_another_way(victim: Victim) -> None:
    with closing(_connect(victim.directory / "ledger.db")) as db:
        size, note = db.execute("SELECT size, note FROM head ORDER BY size DESC").fetchone()
    changes = changed_notes(note)
    for name, new in changes.items():
        copy = victim.copy()
        with attacker(copy, lax=False) as db:
            db.execute("UPDATE head SET note = ? WHERE size = ?", (new, size))
        assert victim.code(copy, pinned=False) == TAMPERED, name
        assert victim.code(copy) in (TAMPERED, ROLLED_BACK), name
    assert len(set(changes.values()) | {note}) == len(changes) + 1


def test_key_rows_of_two_streams_cannot_be_swapped(victim: Victim) -> None:
    copy = victim.copy()
    with attacker(copy, lax=False) as db:
        (one, first), (other, second) = db.execute("SELECT * FROM wrapped LIMIT 2").fetchall()
        db.execute("UPDATE wrapped SET wrapped = ? WHERE key_id = ?", (second, one))
        db.execute("UPDATE wrapped SET wrapped = ? WHERE key_id = ?", (first, other))
    assert victim.code(copy) == DAMAGED
    assert victim.code(copy, keys=False) == 0  # and the summary says that without keys presence alone was checked


def test_a_key_row_restored_after_a_shred_is_seen(victim: Victim) -> None:
    copy = victim.copy()
    with attacker(copy, lax=False) as db:
        missing = db.execute(
            "SELECT key_id FROM leaf WHERE kind = 1 AND key_id NOT IN (SELECT key_id FROM wrapped)"
        ).fetchall()
        assert missing
        db.execute("INSERT INTO wrapped VALUES(?, randomblob(48))", missing[0])
    assert victim.code(copy) == victim.code(copy, keys=False) == DAMAGED


def test_a_slot_cannot_be_replaced(victim: Victim) -> None:
    copy = victim.copy()
    with attacker(copy, lax=False) as db:
        (sealed,) = db.execute("SELECT sealed FROM slot LIMIT 1").fetchone()
        db.execute("UPDATE slot SET sealed = randomblob(?) WHERE epoch = 1 AND compartment = 3", (len(sealed),))
    assert victim.code(copy) == victim.code(copy, keys=False) == DAMAGED


def test_another_ledger_under_the_same_path_is_21(victim: Victim, tmp_path: Path) -> None:
    other = Office(tmp_path)
    other.close()
    copy = victim.copy()
    with closing(_connect(other.directory / "ledger.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(other.directory / "ledger.db", copy / "ledger.db")
    assert victim.code(copy, keys=False) == ROLLED_BACK


def test_yesterdays_copy_and_a_fork_are_21(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.issue_invoices(1)
    office.ledger.store.checkpoint()
    shutil.copytree(office.directory, tmp_path / "yesterday")
    (tmp_path / "yesterday" / "ledger.db").chmod(0o600)
    office.issue_invoices(1)
    seen = seen_by(office.ledger.home, office.ledger.id)
    with closing(open_sound(tmp_path / "yesterday")) as store, pytest.raises(RolledBack, match="rolled back"):
        audit.verify(store, seen=seen)
    office.close()
    shutil.rmtree(tmp_path / "ledger")
    (tmp_path / "yesterday").rename(tmp_path / "ledger")
    shutil.rmtree(office.home / "pins")
    shutil.rmtree(office.home / "views")  # whoever has seen nothing goes on from yesterday
    office.reopen()
    office.issue_invoices(2)
    with closing(open_sound(office.directory)) as store:
        assert judged(audit.verify(store)) is None
        with pytest.raises(RolledBack, match="forked"):
            audit.verify(store, seen=seen)
    office.close()


def test_a_flipped_bit_anywhere_in_the_file_is_seen_or_changes_nothing(victim: Victim) -> None:
    size = (victim.directory / "ledger.db").stat().st_size
    with closing(_connect(victim.directory / "ledger.db")) as db:
        unharmed = all_rows(db)
    seen = 0
    for place in [*range(100), *range(100, size, max(1, size // 150))]:
        copy = victim.copy()
        with (copy / "ledger.db").open("r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << place % 8]))
        code = victim.code(copy)
        if code == 0:
            with closing(_connect(copy / "ledger.db")) as db:
                assert all_rows(db) == unharmed, place
        else:
            assert code in (TAMPERED, ROLLED_BACK, DAMAGED, 6), place
            seen += 1
        shutil.rmtree(copy)
    assert seen > 50


@pytest.mark.parametrize("cut", [0, 50, 100, 4096, -1, -4096])
def test_a_truncated_or_longer_file_is_seen(victim: Victim, cut: int) -> None:
    copy = victim.copy()
    raw = (copy / "ledger.db").read_bytes()
    (copy / "ledger.db").write_bytes(raw[:cut] if cut else raw + bytes(4096))
    assert victim.code(copy) == TAMPERED


def edited(office: Office, sql: str, *values: object) -> None:
    """An attacker edits the ledger between two commands."""
    office.close()
    with attacker(office.directory, lax=False) as db:
        db.execute(sql, values)
    office.reopen()


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("UPDATE leaf SET commitment = randomblob(32) WHERE idx = 30 AND kind = 1", TAMPERED),
        ("UPDATE leaf SET body = randomblob(10) WHERE idx = 0", TAMPERED),
        ("UPDATE head SET note = (SELECT note FROM head ORDER BY size DESC) WHERE size = 26", TAMPERED),
        ("DELETE FROM head WHERE size = 26", TAMPERED),
        ("INSERT INTO head SELECT -1, note FROM head LIMIT 1", TAMPERED),
        ("DELETE FROM leaf WHERE idx = 30", TAMPERED),
        ("UPDATE wrapped SET wrapped = randomblob(48)", DAMAGED),
        ("DELETE FROM wrapped", DAMAGED),
        ("DELETE FROM slot WHERE compartment = 3", DAMAGED),
        ("UPDATE slot SET sealed = randomblob(1200) WHERE compartment = 3", DAMAGED),
        ("DELETE FROM head WHERE size > 30", ROLLED_BACK),
        ("CREATE VIEW planted AS SELECT * FROM head", TAMPERED),
    ],
)
def test_the_quick_verification_compares_everything_too(office: Office, sql: str, code: int) -> None:
    office.issue_invoices(3)
    assert command(office, "audit", "verify")[0] == 0
    edited(office, sql)
    assert command(office, "audit", "verify")[0] == code
    assert command(office, "audit", "verify", "--full")[0] in (TAMPERED, ROLLED_BACK, DAMAGED)


def test_unauthorised_commits_end_with_10_and_are_listed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.issue_invoices(1)
    with monkeypatch.context() as patched:
        forge(patched)
        mine = Grant(random_id(), office.ledger.person, "", "admin", EVERYWHERE, ALL, 0)
        office.ledger.commit(lambda tx: tx.acts.append((mine, None)))
    office.issue_invoices(1)
    for words in ((), ("--full",), ("--keyless",)):
        code, out, err = command(office, "audit", "verify", "--json", *words)
        assert code == 10, err
        (found,) = json.loads(out)["findings"]
        assert (found["kind"], found["what"]) == ("unauthorised", "commit 3: nobody grants to himself")
        assert err == "bo: unauthorised commit 3: nobody grants to himself\n"


def test_an_unauthorised_epoch_and_its_slots_are_no_damage(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an unauthorised commit brings along is nobody's, and nothing is missing for it."""
    with monkeypatch.context() as patched:
        forge(patched)
        mine = Grant(random_id(), office.ledger.person, "", "admin", EVERYWHERE, ALL, 0)

        def work(tx: Any) -> None:
            tx.open_epoch(4)
            draft(tx, "D-1")
            tx.acts.append((mine, None))

        office.ledger.commit(work)
    for words in ((), ("--full",), ("--keyless",)):
        assert command(office, "audit", "verify", *words)[0] == 10


def test_a_copy_is_verified_without_a_device_and_without_writing(office: Office, tmp_path: Path) -> None:
    office.issue_invoices(1)
    office.close()
    shutil.copytree(office.directory, tmp_path / "copy")
    (tmp_path / "copy" / "ledger.db").chmod(0o400)
    (tmp_path / "copy").chmod(0o500)
    before = (tmp_path / "copy" / "ledger.db").read_bytes()
    with patch.object(office, "home", tmp_path / "nobody"):
        code, out, err = command(office, "audit", "verify", "--full", "--json", ledger=tmp_path / "copy")
    assert code == 0, err
    assert json.loads(out)["content"].startswith("no device: contents unread; of slots the hashes")
    assert (tmp_path / "copy" / "ledger.db").read_bytes() == before
    (tmp_path / "copy").chmod(0o700)


def test_foreign_files_and_open_ones_are_remarked(office: Office) -> None:
    office.close()
    (office.directory / "notes.txt").write_text("x")
    (office.directory / "ledger.db").chmod(0o644)
    code, out, _ = command(office, "audit", "verify", "--keyless", "--json")
    found = json.loads(out)["findings"]
    assert (code, [one["kind"] for one in found]) == (0, ["remark", "remark"])
    assert "notes.txt does not belong to the ledger" in found[0]["what"]


def test_memory_stays_within_its_budget(office: Office) -> None:
    """Ten times the log, the same memory: what an audit remembers lies in a file."""
    import tracemalloc

    def peak() -> int:
        tracemalloc.start()
        audit.verify(office.ledger.store)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    def many(count: int) -> None:
        office.ledger.commit(lambda tx: [draft(tx) for _ in range(count)])

    with patch.object(audit, "CHUNK", 50), patch.object(siderows, "BATCH", 50):
        for _ in range(2):
            many(50)
        small = peak()
        for _ in range(18):
            many(50)
        assert peak() < small + 400_000
