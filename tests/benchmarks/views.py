"""Building all views again against writing the same rows plainly, and how much memory long passes need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import sqlcipher3.dbapi2 as sqlite

from projections.sink import Sink
from store.client import Client
from store.follow import replay
from store.ledger import Ledger
from tests.benchmarks.measure import Row, interleaved, shown, tell
from tests.benchmarks.offices import Office, number
from tests.ledgers import opened

MOST = 100
"""Megabytes that replay, rebuild and verify may need."""


def measure(folder: Path, office: Office, rounds: int) -> list[Row]:
    tell("views: built again")
    ledger = opened(office.directory.parent)
    ledger.pull()
    rows, tables = _rows(ledger.client)
    runs = iter(range(1_000_000))
    built, plain = interleaved(
        rounds,
        lambda: _rebuild(ledger, folder / f"views-{next(runs)}.db"),
        lambda: _write(folder / f"plain-{next(runs)}.db", tables, rows),
    )
    count = sum(map(len, rows.values()))
    ledger.close()
    return [
        Row(
            f"rebuild all views, {count:,} rows : executemany",
            shown(built),
            shown(plain),
            plain / built,
            "≥ 0.3",
            "rate",
        ),
        *_memory(office),
    ]


def _rebuild(ledger: Ledger, path: Path) -> None:
    client = Client(path, os.urandom(48).hex())
    sink = Sink(client, ledger, until=ledger.verifier.size)
    with client.transaction():
        sink.prepare()
        replay(ledger, sink, ledger.verifier.size)
    client.close()


def _rows(client: Client) -> tuple[dict[str, list[tuple[Any, ...]]], list[str]]:
    """What the views hold, and the statements that make their tables and indexes. Text indexes are left out."""
    made = {name for (names,) in client.db.execute("SELECT objects FROM projection") for name in names.split(",")}
    known = client.db.execute(
        "SELECT tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC"
    ).fetchall()
    texts = [name for name, sql in known if sql.upper().startswith("CREATE VIRTUAL")]
    made = {name for name in made if name and not any(name == text or name.startswith(f"{text}_") for text in texts)}
    rows = {name: client.db.execute(f'SELECT * FROM "{name}"').fetchall() for name in sorted(made)}
    return rows, [sql for name, sql in known if name in made]


def _write(path: Path, tables: list[str], rows: dict[str, list[tuple[Any, ...]]]) -> None:
    db = sqlite.connect(str(path), isolation_level=None)
    db.execute(f"PRAGMA key=\"x'{os.urandom(48).hex()}'\"")
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute("BEGIN IMMEDIATE")
    for statement in tables:
        db.execute(statement)
    for name, values in rows.items():
        if values:
            db.executemany(f'INSERT INTO "{name}" VALUES({",".join("?" * len(values[0]))})', values)
    db.execute("COMMIT")
    db.close()


def _memory(office: Office) -> list[Row]:
    """The peaks of whole commands."""
    tell("memory: rebuild, replay, verify")
    fresh = office.home.parent / "fresh"
    (fresh / "devices").mkdir(parents=True)
    shutil.copy2(office.home / "devices" / "alice.json", fresh / "devices")
    runs = {
        "bo view rebuild": office.run("view", "rebuild"),
        "bo invoice show --known-at": office.run("invoice", "show", number(1), "--known-at", "today", "--json"),
        "bo audit verify --full": office.run("audit", "verify", "--full"),
        "bo audit verify --keyless": office.run("audit", "verify", "--full", "--keyless"),
        "the first command of a new client": office.run("invoice", "show", number(1), "--json", home=fresh),
    }
    return [
        Row(f"{name}: memory", f"{done.peak:.0f} MB", f"{MOST} MB", done.peak / MOST, "≤ 1", shown(done.seconds))
        for name, done in runs.items()
    ]
