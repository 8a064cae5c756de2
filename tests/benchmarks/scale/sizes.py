"""Bytes: what an invoice takes that was imported among many, and one that was worked on day by day."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from tests.benchmarks.measure import tell
from tests.benchmarks.offices import Office, Programs
from tests.benchmarks.program import DRAFT
from tests.servers import Server

IMPORTED = (1_000, 10_000, 100_000)
WORKED = 100
"""Invoices that are drafted, issued and paid in a commit each."""


def measure(folder: Path) -> dict[str, object]:
    programs, server = Programs(folder / "programs"), Server()
    try:
        found: list[dict[str, object]] = []
        for count in IMPORTED:
            office = Office(programs, folder / f"imported-{count}")
            office.fill(folder, count)
            found.append(_sizes(f"{count:,} imported", count, office, server))
            shutil.rmtree(office.home.parent)
        office = Office(programs, folder / "worked")
        tell(f"sizes: {WORKED} invoices day by day")
        _work(office, WORKED)
        found.append(_sizes(f"{WORKED:,} in three commits each", WORKED, office, server))
        return {"sizes": found}
    finally:
        server.close()


def _work(office: Office, count: int) -> None:
    """Invoices drafted, issued and paid by the ordinary commands, renderings included."""
    office.run("record", "add", "customer", "C-5", "--set", "name=Ada", "--set", "street=1 Byron Row")
    for _ in range(count):
        draft = office.run(*DRAFT).out.split()[-1]
        number = office.run("invoice", "issue", draft).out.split()[0]
        office.run("invoice", "pay", number, "95.20", "--on", "today")


def _sizes(name: str, invoices: int, office: Office, server: Server) -> dict[str, object]:
    office.run("status")  # brings the views up to date
    path = office.directory / "ledger.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    [(leaves, commits)] = db.execute("SELECT (SELECT count(*) FROM leaf), (SELECT count(*) FROM head)").fetchall()
    [(events,)] = db.execute("SELECT sum(count) FROM leaf WHERE kind = 1").fetchall()
    db.close()
    schema = f"t{invoices}"
    tell(f"sizes: {name}, to a server")
    office.run("copy", str(office.directory), server.url(schema=schema))
    server.sql("VACUUM")
    relations = dict(
        server.sql(
            "SELECT relname, CASE WHEN relname IN ('blob', 'blob_piece') THEN pg_total_relation_size(oid)"
            " ELSE pg_relation_size(oid) END FROM pg_class"
            " WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'i')", schema,
        )
    )  # fmt: skip
    indexes = ("leaf_pkey", "leaf_stream", "head_pkey", "wrapped_pkey", "slot_pkey")
    parts = {
        "leaves": ("leaf",), "heads": ("head",), "keys": ("wrapped", "slot"), "indexes": indexes,
        "documents": ("blob", "blob_piece"),
    }  # fmt: skip
    files = [path, *(each for each in (office.directory / "blobs").rglob("*") if each.is_file())]
    return {
        "name": name, "invoices": invoices, "leaves": leaves, "commits": commits, "events": events,
        "sqlite": sum(each.stat().st_size for each in files),
        "postgres": {part: sum(int(relations[each]) for each in tables) for part, tables in parts.items()},
        "client": sum(each.stat().st_size for each in (office.home / "views").rglob("*.db*")),
    }  # fmt: skip
