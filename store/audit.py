"""Auditing a log: every leaf, head, key row and document; with a device also what they say.

Without keys only the hashes of slots and the presence of key rows can be checked beside the log.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from store.client import Client
from store.contents import Contents
from store.errors import Conflict, Malformed, RolledBack, Tampered, Unauthorised
from store.lasts import Lasts
from store.leaf import Commit, Leaf, check, leaf_hash
from store.siderows import REJECTED, REMARK, UNAUTHORISED, Finding, SideRows
from store.soundness import check_counts, check_pages
from store.streams import Streams, kept_hashes
from store.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from store.backend import Backend, Raw
    from store.device import Device
    from store.home import Home
    from store.keys import Keyring
    from store.ledger import Ledger

RETRIES = 20
CHUNK = 10_000
"""Leaves between two writings of what waits in memory."""

FULL = "every leaf, signature, right, key row and document"
WARM = "every leaf and head against what this device verified before; key rows are there; documents are there"
KEYLESS = "no device: contents unread; of slots the hashes, of key rows the presence was checked"

KEYED = "what this device holds keys of"


class Report(msgspec.Struct):
    """What an audit went over and found. `checked` and `content` say how far it could look."""

    ledger: str
    leaves: int
    commits: int
    events: int
    head: str
    policy: int
    slots: int
    keys: int
    shredded: int
    documents: int
    checked: str
    content: str
    findings: list[Finding]

    def of(self, *kinds: str) -> list[Finding]:
        return [found for found in self.findings if found.kind in kinds]


Seen = tuple[int, bytes]
"""Size and note of a head that was verified before."""


def seen_by(home: Home, ledger_id: bytes) -> list[Seen]:
    """What this home pinned."""
    pin = home.pin(ledger_id.hex())
    return [(pin.size, pin.note)] if pin else []


@contextmanager
def scratch() -> Iterator[Client]:
    """An encrypted database whose file has no name: it is gone with the process."""
    folder = Path(tempfile.mkdtemp(prefix="bo."))
    try:
        client = Client(folder / "audit", os.urandom(48).hex(), scratch=True)
        client.path.unlink()
    finally:
        folder.rmdir()
    client.db.execute("PRAGMA temp_store=FILE")
    client.db.execute("PRAGMA synchronous=OFF")
    client.db.execute("PRAGMA cache_size=-32000")
    client.db.execute("BEGIN")  # never ended: nothing of it is to be kept
    try:
        yield client
    finally:
        client.close()


class Audit:
    """Follows a whole log from leaf 0 and believes nothing but what `seen` says was verified before."""

    def __init__(self, store: Backend, client: Client, bound: bytes = b"", seen: Iterable[Seen] = ()) -> None:
        self.store, self.client = store, client
        self.verifier = Verifier(Streams(client.db, keep_hashes=False), bound)
        self.side = SideRows(client.db, client.db)
        self.findings: list[Finding] = []
        self.seen = dict(seen)
        self.keyring: Keyring | None = None
        self._contents: Contents | None = None
        self.good, self.people = 0, self.verifier.people
        """The size and the people after the last commit that held."""

    def open(self, device: Device) -> None:
        """Read with a device what it may read."""
        from store.keys import Keyring

        self.keyring = Keyring(self.store, device.ledger, device, self.verifier.people)
        self._contents = Contents(self.store, self.client, self.keyring, Lasts())

    def run(self, step: Callable[[int], None]) -> Report:
        """Raises Tampered or RolledBack at the first thing that is not as it was signed or seen."""
        verifier = self.verifier
        with self.store.snapshot():
            check_pages(self.store)
            self.follow(step)
            check_counts(self.store, verifier.size, verifier.sequence)
            beyond = max(self.seen, default=0)
            if beyond > verifier.size:
                raise RolledBack(f"the log was rolled back: it ends at {verifier.size}, but {beyond} leaves were seen")
            if not verifier.size:
                raise Tampered("the log is empty")
            return report(self, verifier, FULL, read=True)

    def follow(self, step: Callable[[int], None]) -> None:
        waiting = 0
        for raw in self.store.commits(0, keys=self.keyring is not None):
            self._take(raw)
            waiting += len(raw.leaves)
            step(len(raw.leaves))
            if waiting > CHUNK:
                waiting = 0
                self.verifier.streams.flush()
        self.verifier.streams.flush()

    def _take(self, raw: Raw) -> None:
        verifier, before = self.verifier, self.verifier.people
        try:
            judged = verifier.take(raw.leaves, raw.note)
        except (Malformed, Unauthorised) as problem:
            raise Tampered(str(problem), verifier.size) from None
        if self.seen.get(verifier.size, raw.note) != raw.note:
            raise RolledBack(
                f"the log was forked: at size {verifier.size} it has another head than the one seen before"
            )
        self.good, self.people = verifier.size, verifier.people
        for leaf in raw.leaves:
            self.side.note(leaf, not judged.unauthorised)
        commit = judged.commit
        last = commit.first + commit.leaves - 1
        if judged.unauthorised:
            self._exclude(commit, last, 0, UNAUTHORISED, judged.unauthorised)
        elif self._contents and self.keyring:
            self.keyring.people = verifier.people
            _, rejected, _ = self._contents.of(judged, raw.wrapped, before)
            for compartment, reason in rejected.items():
                self._exclude(commit, last, compartment, REJECTED, reason)

    def _exclude(self, commit: Commit, last: int, compartment: int, verdict: str, reason: str) -> None:
        row = (commit.first, last, commit.sequence, compartment, verdict, reason)
        self.client.db.execute("INSERT INTO verdict VALUES(?, ?, ?, ?, ?, ?)", row)
        self.findings.append(Finding(verdict, commit.first, f"commit {commit.sequence}: {reason}"))


class Recheck:
    """Compares the log with what this client verified: nothing is decrypted and no signature checked again."""

    def __init__(self, ledger: Ledger, client: Client) -> None:
        self.store, self.ledger = ledger.store, ledger
        self.side = SideRows(client.db, ledger.client.db)
        self.keyring = ledger.keyring
        rows = ledger.client.db.execute(
            "SELECT first, sequence, verdict, reason FROM verdict ORDER BY first"
        ).fetchall()
        self.findings = [
            Finding(verdict, first, f"commit {sequence}: {reason}")
            for first, sequence, verdict, reason in rows
            if verdict in (UNAUTHORISED, REJECTED)
        ]

    def run(self, step: Callable[[int], None]) -> Report:
        """Raises Tampered where the store has other rows than were verified."""
        self.store.check_schema()
        ledger, note, size = self.ledger, b"", 0
        refused = [first for first, _, place in ledger.client.excluded() if not place]
        hashes = kept_hashes(ledger.client.db)
        for raw in self.store.commits(0, keys=False):
            first = raw.leaves[0].idx
            for leaf in raw.leaves:
                if _hash(ledger.id, leaf) != next(hashes, None):
                    raise Tampered("it is not the leaf that was verified", leaf.idx)
                size += 1
                self.side.note(leaf, first not in refused)
            commit = Commit.decode(raw.leaves[-1].body)
            if note and commit.previous_note != sha256(note).digest():
                raise Tampered("the signed head before it is not the one that was verified", first)
            note = raw.note
            step(len(raw.leaves))
        if note != ledger.verifier.note or size != ledger.verifier.size:
            raise Tampered("the newest signed head is not the one that was verified", size)
        check_counts(self.store, size, ledger.verifier.sequence)
        return report(self, ledger.verifier, WARM, read=False)


def _hash(ledger_id: bytes, leaf: Leaf) -> bytes:
    """Of a leaf that may be anything: a column of another type has none."""
    try:
        check(leaf)
    except Malformed as problem:
        raise Tampered(str(problem), leaf.idx if type(leaf.idx) is int else None) from None
    return leaf_hash(ledger_id, leaf)


def report(audit: Audit | Recheck, verifier: Verifier, checked: str, *, read: bool) -> Report:
    """The rows beside the log, and all that was found."""
    store, side, people = audit.store, audit.side, verifier.people
    findings = [*audit.findings, *side.check_slots(store, people, audit.keyring)]
    findings += side.check_keys(store, people, audit.keyring)
    findings += side.check_documents(store.blobs, people, read=read)
    findings += (Finding(REMARK, -1, what) for what in store.foreign())
    _, _, root, *_ = verifier.note.decode().split("\n")
    return Report(
        verifier.ledger_id.hex(), verifier.size, verifier.sequence, verifier.ordinal, root, people.policy, side.slots,
        side.keys, len(people.shredded), side.documents, checked, KEYLESS if audit.keyring is None else KEYED, findings,
    )  # fmt: skip


def verify(
    store: Backend,
    *,
    bound: bytes = b"",
    seen: Iterable[Seen] = (),
    device: Device | None = None,
    step: Callable[[int], None] = lambda _: None,
) -> Report:
    """The whole log from leaf 0, with a device or without."""
    with scratch() as client:
        audit = Audit(store, client, bound, seen)
        if device is not None:
            audit.open(device)
        return audit.run(step)


def recheck(ledger: Ledger, step: Callable[[int], None] = lambda _: None) -> Report:
    """What is new is verified, the rest compared with what this client remembers of it."""
    for _ in range(RETRIES):
        ledger.catch_up()
        with ledger.store.snapshot(), scratch() as client:
            if ledger.is_current():  # else somebody has just written
                return Recheck(ledger, client).run(step)
    raise Conflict("others write so fast that there was no moment to look: run it again")
