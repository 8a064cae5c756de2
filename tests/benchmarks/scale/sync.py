"""What a client's first command costs, and what many ledgers on one server do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from aggregates.invoice import Invoice
from aggregates.series import Series
from bo.session import Session
from store import postgres_schema
from store.ledger import Ledger
from tests.benchmarks import sample
from tests.benchmarks.checking import structure
from tests.benchmarks.measure import tell
from tests.benchmarks.offices import Office, Programs
from tests.benchmarks.program import DRAFT
from tests.benchmarks.scale.delay import Delay
from tests.benchmarks.scale.speed import DELAYS, round_trip, url
from tests.benchmarks.scale.writers import machine
from tests.ledgers import NoViews, session
from tests.servers import Server

IMPORTED, WORKED = 10_000, 1_000
COMMANDS = 7
SCHEMAS = (1, 100, 1_000)
TOUCHED = 100
"""Ledgers that one connection looks at, to see what that leaves in its memory."""


def measure(folder: Path) -> dict[str, object]:
    programs, server = Programs(folder / "programs"), Server(durable=True)
    try:
        imported, worked = Office(programs, folder / "sync-imported"), Office(programs, folder / "sync-worked")
        imported.fill(folder, IMPORTED)
        tell(f"sync: {WORKED:,} invoices day by day")
        _work(session(str(worked.directory), worked.home), WORKED)
        firsts = [
            _first(folder, server, office, name, schema)
            for office, name, schema in (
                (imported, f"{IMPORTED:,} imported invoices", "imported"),
                (worked, f"{WORKED:,} invoices in three commits each", "worked"),
            )
        ]
        commands = _commands(folder, programs, server)
        return {"first": firsts, "commands": commands, "many": _many(server)}
    finally:
        server.close()


def _work(ledger: Session, count: int) -> None:
    """Invoices, each drafted, issued and paid in a commit of its own."""
    for each in sample.invoices(1, count):
        draft, issued, *paid = each.events
        ledger.command = "invoice draft"
        ledger.commit(lambda tx: tx.append(Invoice, each.reference, draft))  # noqa: B023  # called at once
        ledger.command = "invoice issue"
        ledger.commit(
            lambda tx: (tx.append(Series, each.series, each.taken), tx.append(Invoice, each.reference, issued))  # noqa: B023
        )
        ledger.command = "invoice pay"
        ledger.commit(lambda tx: tx.append(Invoice, each.reference, *paid))  # noqa: B023
    ledger.close()


def _first(folder: Path, server: Server, office: Office, name: str, schema: str) -> dict[str, object]:
    """A machine that has nothing but its device file reads all of it."""
    tell(f"sync: first command, {name}")
    office.run("copy", str(office.directory), server.url(schema=schema))
    with Delay(folder / f"n{schema}", server.socket, 0.0) as network:
        near = _client(office, url(server, network, schema), f"{schema}-near")
    with Delay(folder / f"f{schema}", server.socket, 0.02) as network:
        distant = _client(office, url(server, network, schema), f"{schema}-far")
    folder_only = _client(office, str(office.directory), f"{schema}-folder")
    bare = session(str(office.directory), machine(office.home.parent, f"{schema}-bare"))
    ledger = Ledger(office.directory, bare.home, bare.device, NoViews())
    verified = _timed(ledger.pull)
    events = ledger.verifier.ordinal
    ledger.close()
    checked = _timed(lambda: structure(office.directory))
    views = office.home.parent / f"{schema}-folder" / "views"
    return {
        "name": name, "events": events, "bytes": network.bytes, "server": near, "far": distant, "folder": folder_only,
        "without_views": verified, "structure": checked,
        "client": sum(each.stat().st_size for each in views.rglob("*.db*")),
    }  # fmt: skip


def _client(office: Office, place: str, name: str) -> float:
    ledger = session(place, machine(office.home.parent, name))
    seconds = _timed(ledger.pull)
    ledger.close()
    return seconds


def _timed(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def _commands(folder: Path, programs: Programs, server: Server) -> list[dict[str, object]]:
    """Whole commands, from the shell and back, on a ledger near and on one far away."""
    tell("sync: whole commands")
    rows: list[dict[str, object]] = []
    for milliseconds in (0, *DELAYS):
        with Delay(folder / f"c{milliseconds}", server.socket, milliseconds / 1000) as network:
            place = url(server, network, f"commands{milliseconds}")
            office = Office(programs, folder / f"commands-{milliseconds}", place)
            office.run("record", "add", "customer", "C-5", "--set", "name=Ada")
            reads, writes = list[float](), list[float]()
            for _ in range(COMMANDS):
                writes.append(office.run(*DRAFT).seconds)
                reads.append(office.run("record", "show", "C-5").seconds)
            rows.append({"rtt": round_trip(place), "write": median(writes), "read": median(reads)})
    return rows


def _many(server: Server) -> list[dict[str, object]]:
    """Empty ledgers, each in its schema, in a database of their own."""
    found = []
    server.sql("CREATE DATABASE many")
    [(empty,)] = server.sql("SELECT pg_database_size('many')")
    made = 0
    with server.connect("many") as db:
        db.execute("SET synchronous_commit = off")
        for count in SCHEMAS:
            tell(f"sync: {count:,} ledgers in one database")
            for n in range(made, count):
                with db.transaction():
                    db.execute(f"CREATE SCHEMA m{n}")
                    for statement in postgres_schema.statements(f"m{n}"):
                        db.execute(statement)
            made = count
            db.execute("ANALYZE")
            [(size,)] = server.sql("SELECT pg_database_size('many')")
            files = sum(1 for _ in (server.data / "base").rglob("*"))
            space = {"bytes": size - empty, "files": files}
            found.append({"ledgers": count, "opening": _opening(server, made), **space, **_memory(server, made)})
    return found


def _opening(server: Server, made: int) -> float:
    """Seconds in which a new connection is made and compares a schema with what it should be."""
    taken = []
    for n in range(9):
        start = perf_counter()
        server.sql(postgres_schema.FOUND.format(schema=f"m{n * 97 % made}"), database="many")
        taken.append(perf_counter() - start)
    return median(taken)


def _memory(server: Server, made: int) -> dict[str, int]:
    """Bytes that are one connection's own, after one ledger and after many."""
    with server.connect("many") as db:
        db.execute("SELECT count(*) FROM m0.leaf")
        one = _own(db.info.backend_pid)
        for n in range(min(made, TOUCHED)):
            db.execute(f"SELECT (SELECT max(idx) FROM m{n}.leaf), (SELECT max(size) FROM m{n}.head)")
        return {"connection": one, "connection_after": _own(db.info.backend_pid)}


def _own(pid: int) -> int:
    time.sleep(0.05)
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return sum(int(lines[name].split()[0]) for name in ("Private_Clean", "Private_Dirty")) * 1024
