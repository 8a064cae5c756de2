"""Following the log: verify what is new, open what this device may read, and hand it to the views."""

from __future__ import annotations

from itertools import islice, zip_longest
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from store import control
from store import note as notes
from store.authority import begin, judge
from store.calm import calm
from store.contents import Contents
from store.errors import RolledBack, Tampered
from store.leaf import CONTROL, EVENT, Commit, Leaf, leaf_hashes
from store.payload import Payload
from store.people import People
from store.recorded import Committed, Recorded
from store.streams import Streams, kept_hashes
from store.tree import Frontier
from store.verify import Judged, Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from store.backend import Raw
    from store.client import Client
    from store.ledger import Ledger

UNAUTHORISED, REJECTED, UNCHECKED = "unauthorised", "rejected", "unchecked"
CHUNK = 20_000
"""Leaves between two transactions of the client database."""


class Sink(Protocol):
    """Who is told what the log says, in order."""

    def prepare(self) -> None:
        """Called first, inside the transaction of the client database."""

    def rebuild(self) -> None:
        """Forget everything: it is told again from the beginning."""

    def apply(self, recorded: Recorded) -> None: ...

    def flush(self) -> None: ...


class Saved(msgspec.Struct):
    """A verifier's state between two runs, without its people: they are many, and seldom change."""

    ledger_id: bytes
    frontier: bytes
    ordinal: int
    controls: int
    sequence: int
    note: bytes
    times: dict[str, tuple[int, int]]
    """What each person's commits claimed, which changes with each of them."""


def restore(client: Client, ledger_id: bytes) -> Verifier:
    """The verifier as this client left it, or one at the beginning."""
    verifier = Verifier(Streams(client.db), ledger_id)
    raw = client.get("verifier")
    if raw is not None:
        saved = msgspec.msgpack.decode(raw, type=Saved)
        verifier.frontier = Frontier.from_bytes(saved.frontier)
        verifier.ordinal, verifier.controls, verifier.sequence = saved.ordinal, saved.controls, saved.sequence
        verifier.note, people = saved.note, msgspec.msgpack.decode(client.get("people") or b"", type=People)
        for name, (claimed, latest) in saved.times.items():
            people.persons[name].claimed, people.persons[name].latest = claimed, latest
        verifier.people = verifier.kept = people
    return verifier


def save(client: Client, verifier: Verifier) -> None:
    """Keep the verifier's state; the caller holds the transaction."""
    verifier.streams.flush()
    v = verifier
    if v.people is not v.kept:
        client.put("people", msgspec.msgpack.encode(v.people))
        v.kept = v.people
    times = {name: (person.claimed, person.latest) for name, person in v.people.persons.items()}
    saved = Saved(v.ledger_id, v.frontier.to_bytes(), v.ordinal, v.controls, v.sequence, v.note, times)
    client.put("verifier", msgspec.msgpack.encode(saved))
    client.put("note", v.note)
    client.put("size", v.size.to_bytes(8, "big"))


@calm()
def follow(ledger: Ledger) -> int:
    """Bring the client up to the newest commit, chunk by chunk; how many commits there were to verify.

    Raises RolledBack when the log is not an extension of what was seen, Tampered where structure fails.
    """
    contents: Contents | None = None
    sink = ledger.sink()
    more, taken = True, 0
    try:
        while more:
            with ledger.client.transaction():
                verifier = ledger.at_hand(ledger.client.get("note"))
                before = verifier.sequence
                contents = contents or Contents(ledger.store, ledger.client, ledger.keyring, ledger.lasts)
                sink.prepare()
                with ledger.store.hearing(verifier.size):
                    _check_pins(ledger, verifier)
                    more = _chunk(ledger, verifier, contents, sink)
                if not more and ledger.client.get("reopen"):
                    _reopen(ledger, sink)
                sink.flush()
                if verifier.sequence > before:
                    save(ledger.client, verifier)
                    if ledger.member() is not None:
                        ledger.client.put("enrolled", b"yes")
                taken += verifier.sequence - before
    except BaseException:
        ledger.forget()  # it may stand in the middle of a commit
        raise
    return taken


class Written(NamedTuple):
    """A commit this process has recorded: the log before and after it, and what its sealed leaves say."""

    before: Verifier
    after: Verifier
    judged: Judged
    said: list[tuple[Leaf, Payload]]
    wrapped: list[tuple[bytes, bytes]]
    """Its new key rows."""


def keep_up(ledger: Ledger, written: Written) -> bool:
    """Pin and follow a commit of our own without reading it again. False when `follow` has to be asked instead.

    It was judged before it was recorded, its content by `Transaction.check`. That holds only for a client that was
    followed up to it, and control acts are left to `follow`, for what else they have to bring about.
    """
    before, after, client = written.before, written.after, ledger.client
    if len(written.said) + 1 < len(written.judged.leaves):
        return False
    ledger.pinned(after.size, after.frontier.to_bytes(), after.note)
    with client.transaction():
        if client.get("note") != before.note:
            return False
        sink = ledger.sink()
        sink.prepare()
        _tell(sink, written.judged, written.said, before.ordinal, "", "")
        keys = dict(written.wrapped)
        ledger.lasts.follow((leaf, keys.get(leaf.key_id)) for leaf, _ in written.said)
        sink.flush()
        save(client, ledger.adopt(after))
    return True


def _check_pins(ledger: Ledger, verifier: Verifier) -> None:
    """The log still holds, unchanged, the newest head this client verified and the one it pinned."""
    pin = ledger.home.pin(ledger.id.hex())  # before the head: another process may be moving both
    size = _size(ledger.store.newest())
    if size < max(verifier.size, pin.size if pin else 0):  # that head was read before this client's, perhaps
        size = _size(ledger.store.newest(now=True))
    for seen, note in ((verifier.size, verifier.note), (pin.size, pin.note) if pin else (0, b"")):
        if size < seen:
            raise RolledBack(f"the log was rolled back: it ends at {size}, but {seen} leaves were seen before")
        if seen and ledger.store.head(seen) != note:
            raise RolledBack(f"the log was forked: at size {seen} it has another head than the one seen before")
    if ledger.device.checkpoint:  # what it saw when it asked to be enrolled
        asked, saw = int(ledger.device.checkpoint.split("\n")[1]), f"{ledger.device.checkpoint}\n".encode()
        if verifier.size < asked and not (ledger.store.head(asked) or b"").startswith(saw):
            raise RolledBack(f"this is not the log that this device asked to join, of which it saw {asked} leaves")


def _size(newest: tuple[int, bytes] | None) -> int:
    """How many leaves a head says there are: none where it says nonsense."""
    return newest[0] if newest and type(newest[0]) is int else 0


def _chunk(ledger: Ledger, verifier: Verifier, contents: Contents, sink: Sink) -> bool:
    until = verifier.size + CHUNK
    for raw in ledger.store.commits(verifier.size):
        _take(raw, ledger, verifier, contents, sink)
        if verifier.size >= until:
            return True
    return False


def _take(raw: Raw, ledger: Ledger, verifier: Verifier, contents: Contents, sink: Sink) -> None:
    ordinal, before = verifier.ordinal, verifier.people
    judged = verifier.take(raw.leaves, raw.note)
    people = ledger.keyring.people = verifier.people
    device = ledger.device.id.hex()
    if len(people.shredded) > len(before.shredded):
        ledger.client.put("sweep", b"due")  # key rows of these streams are deleted before the first read
        if any(device not in people.recipients(compartment) for compartment, _ in people.shredded - before.shredded):
            ledger.client.put("reopen", b"due")  # who cannot read what was erased forgets it all the same
    if _gives_past(judged, device):
        ledger.client.put("reopen", b"due")
    _weigh(judged, raw.wrapped, ledger.client, verifier.people, contents, sink, ordinal, before)


def _gives_past(judged: Judged, device: str) -> bool:
    """Whether a commit gives a device an epoch that others have written under already."""
    acts = [leaf.body for leaf in judged.leaves if leaf.kind == CONTROL and not judged.unauthorised]
    given = [act for act in map(control.decode, acts) if isinstance(act, control.Slot)]
    return any(slot.device == device for slot in given)


def _reopen(ledger: Ledger, sink: Sink) -> None:
    """Read everything again: this device was given keys of the past, or may not keep what was erased."""
    client, people = ledger.client, ledger.people
    client.db.execute("DELETE FROM verdict WHERE verdict != ?", (UNAUTHORISED,))
    refused = dict(client.db.execute("SELECT sequence, reason FROM verdict").fetchall())
    client.db.execute("DELETE FROM verdict")
    contents = Contents(ledger.store, client, ledger.keyring, ledger.lasts)
    ledger.verifier.streams.flush()
    sink.rebuild()
    after = People()
    for raw in _verified(ledger, ledger.verifier.size):
        commit = Commit.decode(raw.leaves[-1].body)
        judged = Judged(commit, raw.leaves, notes.parse(raw.note).root, raw.note, refused.get(commit.sequence, ""))
        before = after if commit.first else begin(raw.leaves)
        if not judged.unauthorised:
            after = judge(before, ledger.id, commit, raw.leaves[:-1], ledger.verifier.streams)
        _weigh(judged, raw.wrapped, client, people, contents, sink, raw.leaves[0].ordinal, before)
    client.db.execute("DELETE FROM state WHERE name = 'reopen'")


def _weigh(
    judged: Judged,
    wrapped: list[bytes | None],
    client: Client,
    people: People,
    contents: Contents,
    sink: Sink,
    ordinal: int,
    before: People,
) -> None:
    """Reach the verdict on a commit's content, note it, and tell the sink. `before` are the people before it."""
    commit, first = judged.commit, judged.commit.first
    verdict, reason = "", ""
    opened: list[tuple[Leaf, Payload]] = []

    def note(start: int, end: int, compartment: int, verdict: str, reason: str) -> None:
        row = (start, end, commit.sequence, compartment, verdict, reason)
        client.db.execute("INSERT INTO verdict VALUES(?, ?, ?, ?, ?, ?)", row)

    if judged.unauthorised:
        verdict, reason = UNAUTHORISED, judged.unauthorised
        note(first, first + commit.leaves - 1, 0, verdict, reason)
    else:
        opened, rejected, unchecked = contents.of(judged, wrapped, before)
        for idx in unchecked:  # no verdict on the commit: a shred that comes later in the log may explain it
            leaf = judged.leaves[idx - first]
            if (leaf.compartment, leaf.stream) not in people.shredded:
                note(idx, idx, leaf.compartment, UNCHECKED, "a key row is missing or damaged")
        for compartment, why in rejected.items():
            verdict, reason = REJECTED, why
            note(first, first + commit.leaves - 1, compartment, verdict, reason)
    _tell(sink, judged, opened, ordinal, verdict, reason)


def _tell(
    sink: Sink, judged: Judged, opened: Iterable[tuple[Leaf, Payload]], ordinal: int, verdict: str, reason: str
) -> None:
    """The records of a commit in their order: its acts, its events, each with who, when and why, its verdict.

    `ordinal` is the position before the commit.
    """
    commit = judged.commit
    person, device, sequence, tool = commit.person.hex(), commit.device.hex(), commit.sequence, commit.tool
    if verdict != UNAUTHORISED:
        for leaf in judged.leaves:
            if leaf.kind == CONTROL:
                told = Recorded(
                    control.decode(leaf.body), ordinal, leaf.idx, 0, "", leaf.version, {}, commit.at, "", "",
                    sequence, person, device, tool,
                )  # fmt: skip
                sink.apply(told)
    apply = sink.apply
    for (idx, kind, compartment, _, _, version, _, ordinal, *_), payload in opened:
        step, stream, at = kind == EVENT, payload.stream, payload.at
        command, why = payload.command, payload.reason
        befores = payload.before or [{}] * len(payload.events)
        for event, before in zip(payload.events, befores, strict=False):
            ordinal += step
            told = Recorded(
                event, ordinal, idx, compartment, stream, version, before, at, command, why,
                sequence, person, device, tool,
            )  # fmt: skip
            apply(told)
            version += 1
    last = judged.leaves[-1]
    done = Committed(sequence, commit.first, commit.leaves, judged.root.hex(), verdict, reason)
    sink.apply(Recorded(done, last.ordinal, last.idx, 0, "", 1, {}, commit.at, "", "", sequence, person, device, tool))


def _verified(ledger: Ledger, until: int) -> Iterator[Raw]:
    """The commits before leaf `until` as they were verified. Raises Tampered where one has changed."""
    hashes, ledger_id = kept_hashes(ledger.client.db), ledger.id
    for raw in ledger.store.commits(0):
        if raw.leaves[0].idx >= until:
            return
        found, kept = leaf_hashes(ledger_id, raw.leaves), list(islice(hashes, len(raw.leaves)))
        if found != kept:
            changed = next(at for at, (one, other) in enumerate(zip_longest(found, kept)) if one != other)
            raise Tampered("it is not the leaf that was verified", raw.leaves[changed].idx)
        yield raw


@calm()
def replay(ledger: Ledger, sink: Sink, until: int) -> None:
    """Tell a sink again what this client has verified, up to leaf `until`: for rebuilds and for the past.

    Every leaf is compared with the hash kept when it was verified.
    """
    client = ledger.client
    contents = Contents(ledger.store, client, ledger.keyring, ledger.lasts)
    verdicts = {
        (sequence, compartment): (verdict, reason)
        for sequence, compartment, verdict, reason in client.db.execute(
            "SELECT sequence, compartment, verdict, reason FROM verdict WHERE verdict != ?", (UNCHECKED,)
        )
    }
    troubled = {sequence for sequence, _ in verdicts}
    for raw in _verified(ledger, until):
        judged = Judged(Commit.decode(raw.leaves[-1].body), raw.leaves, notes.parse(raw.note).root, raw.note, "")
        sequence, verdict, reason = judged.commit.sequence, "", ""
        if sequence in troubled:
            verdict, reason = next(value for (number, _), value in verdicts.items() if number == sequence)
        opened = iter(()) if verdict == UNAUTHORISED else contents.opened(judged, raw.wrapped)
        if verdict == REJECTED:
            opened = (each for each in opened if (sequence, each[0].compartment) not in verdicts)
        _tell(sink, judged, opened, raw.leaves[0].ordinal, verdict, reason)
    sink.flush()
