"""Attackers who can write the store: what they do is named, with the right code, and never passed over."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bo.auditing import judged
from bo.errors import code_of
from store import audit
from store.audit import seen_by
from store.errors import StoreError
from store.soundness import open_sound
from store.sqlite import SCHEMA
from tests.ledgers import Office, erase

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
        erased = office.ledger.commit(lambda tx: _draft(tx, "D-GONE"))
        erase(office.ledger, erased)
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
            store = open_sound(directory)
            with closing(store):
                seen = seen_by(self.home, self.id) if pinned else ()
                problem = judged(audit.verify(store, bound=self.id if pinned else b"", seen=seen, device=device))
        except StoreError as error:
            problem = error
        return code_of(problem) if problem else 0


def _draft(tx: Any, reference: str) -> str:
    from tests.ledgers import draft

    return draft(tx, reference)


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
        "longer": value + b"\0", "shorter": value[:-1], "not UTF-8": _text(b"\xff\xfe"),
    }  # fmt: skip


def _next(value: bytes) -> bytes:
    return ((int.from_bytes(value, "big") + 1) % (1 << 8 * len(value))).to_bytes(len(value), "big") if value else b"\0"


class _text(bytes):
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
            given = "CAST(? AS TEXT)" if isinstance(new, _text) else "?"
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
