"""Ledgers for tests: real files, real keys, no passphrase; and jobs for processes that work on them.

As a program, `python -m tests.ledgers FOLDER JOB …` does one of the jobs below on the ledger in FOLDER.
"""

from __future__ import annotations

import os
import resource
import secrets
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from aggregates.core import DIRECTORY, PEOPLE
from aggregates.erasure import Erasure
from aggregates.invoice import Invoice
from aggregates.legal import Party
from aggregates.lines import line
from aggregates.series import Series
from bo.session import Session
from store import device as devices
from store import found
from store import note as notes
from store.blobplace import name_of
from store.home import Home
from store.leaf import COMMIT, EVENT, NO_HASH, Leaf, leaf_hash
from store.ledger import Ledger
from store.place import place_of
from store.seal import stream_id
from store.shredding import Target, shred
from store.sqlite import SQLiteStore
from store.transaction import Transaction
from tests.transcripts import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from store.place import Place
    from store.postgres_session import Session as PostgresSession
    from store.recorded import Recorded
    from store.transaction import R, S

DAY = date(2026, 1, 31)
LINES = (line("Consulting;10;8.00;19"),)


class NoViews:
    """Takes part in each pull and keeps nothing."""

    def sink(self, ledger: Ledger) -> NoViews:
        return self

    def prepare(self) -> None: ...

    def rebuild(self) -> None: ...

    def apply(self, recorded: Recorded) -> None: ...

    def flush(self) -> None: ...


def founded(folder: Path, place: Place | None = None) -> Ledger:
    """A ledger in `folder`, or at a place of its own, without any event: its founder has every right."""
    place = place or folder / "ledger"
    founder, recovery = devices.new("founder", b""), devices.new("recovery", b"")
    first = found.genesis(founder, recovery)
    found.create(place, founder.ledger)
    home = Home({"BO_HOME": str(folder / "home")})
    founder.save(home.device_file("founder"), None)
    ledger = Ledger(place, home, founder, NoViews())
    found.found(ledger, first, range(DIRECTORY, PEOPLE + 1), lambda tx, roles: None)
    return ledger


def opened(folder: Path, home: str = "home") -> Session:
    """The ledger in `folder`, or at the URL that stands there, as another process of alice opens it."""
    url = folder / "url"
    return session(url.read_text() if url.exists() else str(folder / "ledger"), folder / home)


def session(place: str, home: Path) -> Session:
    """The ledger at a place, a folder or a URL, as the alice opens it whose files are in `home`."""
    at = Home({"BO_HOME": str(home)})
    return Session(place_of(place), at, devices.unlock(devices.read(at.device_file("alice")), lambda: ""))


class Office:
    """A new ledger in `folder/ledger` or at a URL, and its owner alice, who keeps her own files in `folder/home`."""

    def __init__(self, folder: Path, url: str = "") -> None:
        from bo.commands.ledger.init import init

        self.folder, self._sessions = folder, list[Session]()
        self.directory, self.home = folder / "ledger", folder / "home"
        if url:
            (folder / "url").write_text(url)
        words = [url or str(self.directory), "--name", "Acme GmbH", "--owner", "alice", "--no-passphrase"]
        with (
            patch.dict(os.environ, {"BO_HOME": str(self.home)}),
            redirect_stdout(StringIO()),
            redirect_stderr(StringIO()),
        ):
            init.main(words, standalone_mode=False)
        self.ledger = self.another()

    def another(self, home: str = "home") -> Session:
        """One more process of alice on this machine."""
        self._sessions.append(opened(self.folder, home))
        return self._sessions[-1]

    def reopen(self) -> Session:
        """`ledger` closed and opened again."""
        self.close()
        self.ledger = self.another()
        return self.ledger

    def fresh(self) -> Session:
        """Alice on a machine that has only her device file: it verifies from leaf 0."""
        home = f"home-{secrets.token_hex(4)}"
        (self.folder / home / "devices").mkdir(parents=True)
        shutil.copy2(self.home / "devices" / "alice.json", self.folder / home / "devices")
        return self.another(home)

    def issue_invoices(self, count: int, customer: str = "C-1") -> list[str]:
        """Invoices, each drafted and issued in a commit of its own; their numbers."""
        return [self.ledger.commit(lambda tx: issue(tx, customer)) for _ in range(count)]

    def run(self, *words: str, largest: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Do a job in another process, and wait for it."""
        process = self.start(*words, largest=largest, **environment)
        out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def start(self, *words: str, largest: int = 0, **environment: str) -> subprocess.Popen[str]:
        """Begin a job in another process, which can write no file larger than `largest` bytes when that is given."""

        def limited() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

        return subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.ledgers", str(self.folder), *words],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",  # where there is no room, half a file would be believed later
                "HOME": str(self.folder),
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limited if largest else None,
        )

    def found(self, what: bytes, *more: Path) -> dict[str, int]:
        """In which files of the ledger (or of other folders) some bytes stand, and how often.

        They are read in another process: to close a file that SQLite has open here would drop its locks.
        """
        count = (
            "import sys, pathlib\n"
            "what = bytes.fromhex(sys.argv[1])\n"
            "for root in map(pathlib.Path, sys.argv[2:]):\n"
            "    for path in [root, *root.rglob('*')]:\n"
            "        if path.is_file() and (found := path.read_bytes().count(what)): print(found, path)\n"
        )
        words = [sys.executable, "-c", count, what.hex(), *map(str, more or (self.directory,))]
        lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
        return {path: int(times) for times, _, path in (line.partition(" ") for line in lines)}

    def blob_file(self, blob: bytes) -> Path:
        """The file of an encrypted document."""
        return self.directory / "blobs" / name_of(blob)

    def close(self) -> None:
        for session in self._sessions:
            session.close()
        self._sessions.clear()


def draft(tx: Transaction, reference: str = "", customer: str = "C-1", lines: Sequence[object] = LINES) -> str:
    """A draft of 80.00 EUR and 19 % tax; its reference."""
    reference = reference or f"D-{secrets.token_hex(6).upper()}"
    tx.change(Invoice, reference, Invoice.draft, customer, lines, "EUR")
    return reference


def issue(tx: Transaction, customer: str = "C-1", reference: str = "") -> str:
    """An invoice drafted and issued in one commit; its number."""
    reference = draft(tx, reference, customer)
    taken = tx.change(Series, f"INV-{DAY.year}", Series.take, "INV", DAY.year, DAY)
    tx.change(Invoice, reference, Invoice.issue, taken.number, DAY, Party("Ada"), Party("Acme"))
    return taken.number


def change(ledger: Ledger, cls: type[S], reference: str, verb: Callable[..., R], *args: Any, **named: Any) -> R:
    """What one verb decides, in a commit of its own."""
    return ledger.commit(lambda tx: tx.change(cls, reference, verb, *args, **named))


def database(ledger: Ledger) -> Any:
    """The connection of a ledger in a folder, to plant, change and delete behind its back."""
    assert isinstance(ledger.store, SQLiteStore)
    return ledger.store._db


def connection(ledger: Ledger) -> PostgresSession:
    """The session of a ledger on a server with it."""
    from store.postgres import PostgresStore

    assert isinstance(ledger.store, PostgresStore)
    return ledger.store._session


def key_row(ledger: Ledger, reference: str) -> bytes:
    """The wrapped key of a draft or an invoice."""
    stream = ledger.keyring.stream_id(Invoice.compartment, f"invoice/{reference}")
    [leaf, *_] = ledger.store.stream(EVENT, Invoice.compartment, stream or b"")
    return ledger.store.wrapped(leaf.key_id) or b""


def forge(ledger: Ledger, *leaves: Leaf, wrapped: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Record and sign a commit of any leaves, as a program could that has the keys and keeps no rule."""
    ledger.pull()
    verifier = ledger.verifier
    with ledger.store.writing():
        header = Transaction(ledger, os.urandom(16)).header._replace(leaves=len(leaves) + 1)
        ordinal = verifier.ordinal + sum(leaf.events for leaf in leaves if leaf.kind == EVENT)
        size = verifier.size + len(leaves)
        last = Leaf(size, COMMIT, 0, 0, os.urandom(16), 1, 1, ordinal, NO_HASH, NO_HASH, b"", header.encode())
        frontier = verifier.frontier.copy()
        frontier.extend(leaf_hash(ledger.id, leaf) for leaf in (*leaves, last))
        origin = notes.origin_of(ledger.id)
        text = notes.checkpoint_text(origin, frontier.size, frontier.root())
        note = notes.sign(text, notes.key_name(origin, ledger.device.id), ledger.device.signer)
        ledger.store.insert([*leaves, last], wrapped, (), frontier.size, note)
        ledger.store.commit()


def sealed(ledger: Ledger, raw: bytes, reference: str, events: int = 1) -> tuple[Leaf, tuple[bytes, bytes]]:
    """A leaf of a new invoice's stream that says `raw`, and its key row, for `forge`."""
    epoch = ledger.keyring.any_epoch(Invoice.compartment)
    assert epoch is not None
    stream = stream_id(epoch.index_key, f"invoice/{reference}")
    key, row = epoch.new_key(stream)
    verifier = ledger.verifier
    leaf = Leaf(
        verifier.size, EVENT, Invoice.compartment, epoch.epoch, stream, 1, events, verifier.ordinal, b"", b"", b"", b""
    )
    return key.seal(ledger.id, leaf, raw), (key.key_id, row)


def contiguous(count: int) -> list[str]:
    """The numbers of so many invoices of a year."""
    return [f"INV-{DAY.year}-{number:04}" for number in range(1, count + 1)]


def numbers(ledger: Ledger) -> list[str]:
    """The numbers of all invoices, in the order of the log."""
    ledger.pull()
    found = []
    for leaf in (leaf for raw in ledger.store.commits(0) for leaf in raw.leaves if leaf.kind == EVENT):
        if (leaf.compartment, leaf.stream) in ledger.people.shredded:
            continue
        payload = ledger.keyring.read(leaf, ledger.store.wrapped(leaf.key_id))
        found += [event.number for event in payload.events if type(event).__name__ == "Issued"] if payload else []
    return found


def erase(ledger: Ledger, *references: str) -> None:
    """Shred drafts or invoices by their draft references, as `bo record erase` shreds records."""
    targets = [Target(Invoice.compartment, f"invoice/{reference}") for reference in references]

    def work(tx: Transaction) -> None:
        shred(tx, ledger, targets)
        for target in targets:
            tx.change(Erasure, target.name, Erasure.erase, target.name, compartment=target.compartment)

    ledger.commit(work)


def _job(folder: Path, job: str, *words: str) -> None:
    ledger = opened(folder)
    if job == "issue":  # prints each number after its commit was acknowledged
        for _ in range(int(words[0])):
            print(ledger.commit(issue), flush=True)
    elif job == "draft":
        print(ledger.commit(lambda tx: draft(tx, *words)), flush=True)
    elif job == "once":  # under an idempotency key
        ledger.key, ledger.request = words[0], b"an invoice"
        print(ledger.commit(issue), flush=True)
    elif job == "import":  # many drafts in one commit
        ledger.commit(lambda tx: [draft(tx, f"{words[0]}-{n:X}") for n in range(int(words[1]))])
    elif job == "file":
        blob = ledger.seal(Invoice, words[0], [b"a document"])
        ledger.commit(lambda tx: (tx.attach(Invoice, words[0], [blob]), draft(tx, words[0])))
        print(words[0], flush=True)
    elif job == "erase":
        erase(ledger, *words)
        print(*words, flush=True)
    elif job == "busy":  # invoices, and drafts that are erased again, until it is killed
        while True:
            print(ledger.commit(issue), flush=True)
            doomed = ledger.commit(draft)
            erase(ledger, doomed)
            print("erased", doomed, flush=True)
    elif job == "read":  # holds a read transaction until it is told to go on
        with ledger.store.snapshot():
            next(iter(ledger.store.key_rows()), None)
            print("reading", flush=True)
            sys.stdin.readline()
    else:
        raise SystemExit(f"there is no job {job}")
    ledger.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        _job(Path(sys.argv[1]), *sys.argv[2:])
    except Exception as problem:
        from bo.errors import report

        sys.exit(report(problem))
