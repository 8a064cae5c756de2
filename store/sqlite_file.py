"""The file of a ledger in SQLite: its layout, how it is connected to, and what its faults mean to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlcipher3.dbapi2 as sqlite

from store.errors import Tampered, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = 1
APPLICATION_ID = 0x626F2E31
SCHEMA = (
    """CREATE TABLE leaf(
  idx INTEGER PRIMARY KEY, kind INTEGER NOT NULL, compartment INTEGER NOT NULL, epoch INTEGER NOT NULL,
  stream BLOB NOT NULL, version INTEGER NOT NULL, count INTEGER NOT NULL, ordinal INTEGER NOT NULL,
  key_id BLOB NOT NULL, commitment BLOB NOT NULL, refs BLOB NOT NULL, body BLOB NOT NULL) STRICT""",
    "CREATE UNIQUE INDEX leaf_stream ON leaf(kind, compartment, stream, version)",
    "CREATE TABLE head(size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT",
    "CREATE TABLE wrapped(key_id BLOB PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE slot(compartment INTEGER NOT NULL, epoch INTEGER NOT NULL, device BLOB NOT NULL,
  sealed BLOB NOT NULL, PRIMARY KEY(compartment, epoch, device)) STRICT, WITHOUT ROWID""",
)
NAMES = [("head", "head"), ("leaf", "leaf"), ("leaf_stream", "leaf"), ("slot", "slot"), ("wrapped", "wrapped")]
PAGE = 16_384
"""Bytes in a page: nine invoices. Of the usual 4,096, two would fill one and leave much of it empty."""
PATIENCE = 10_000
"""Milliseconds to wait for another connection's lock."""


class faults:  # noqa: N801  # used like a function; as a generator it would cost as much as a statement
    """Turn what the library raises into sentences with the right exit code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, problem: BaseException | None, at: object) -> None:
        match problem:
            case sqlite.OperationalError():
                raise Unavailable(f"{self.path}: {problem}") from None
            case sqlite.DatabaseError():
                raise Tampered(f"{self.path}: {problem}") from None
            case OverflowError() | UnicodeDecodeError():
                raise Tampered(f"{self.path}: a value is out of its range") from None


def connect(path: Path, mode: str) -> Any:
    """A connection that believes no schema, and overwrites what it deletes."""
    db = sqlite.connect(
        f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False,
        cached_statements=64,
    )  # fmt: skip
    db.text_factory = _text
    db.execute(f"PRAGMA busy_timeout={PATIENCE}")
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA cell_size_check=ON")
    if mode.startswith("rw"):
        db.execute("PRAGMA synchronous=FULL")
        (secure,) = db.execute("PRAGMA secure_delete=ON").fetchone()
        if secure != 1:
            raise Unavailable(f"{path}: this SQLite does not overwrite what it deletes")
    return db


def _text(raw: bytes) -> str:
    """No column of ours holds text; what was planted is still text, whatever its bytes."""
    return raw.decode(errors="replace")
