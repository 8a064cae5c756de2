"""Following the log: verify what is new, open what this device may read, and hand it to the views.

The third verdict, content, is reached here: what key holders see is REJECTED when it is not what a
correct writer could have written, and `unchecked` when this device cannot have what the check needs.
"""

from __future__ import annotations

from functools import partial
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from aggregates.core import Refused
from store import control
from store import note as notes
from store.authority import author_may, begin, judge
from store.calm import calm
from store.errors import KeyRowDamaged, Malformed, RolledBack, Tampered
from store.leaf import CONTROL, EVENT, JOURNAL, Commit, Leaf, leaf_hashes
from store.payload import Payload, gates, overreach, rechecked_states
from store.people import People
from store.recorded import Committed, Recorded
from store.streams import Place, Streams, kept_hashes
from store.tree import Frontier
from store.verify import Judged, Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aggregates.core import Event, State
    from store.backend import Backend, Raw
    from store.client import Client
    from store.keys import Keyring
    from store.lasts import Lasts
    from store.ledger import Ledger

UNAUTHORISED, REJECTED, UNCHECKED = "unauthorised", "rejected", "unchecked"
CHUNK = 20_000
"""Leaves between two transactions of the client database."""
REMEMBERED = 2_000
"""Aggregates whose state is kept in memory while their events are checked again."""


class Sink(Protocol):
    """Who is told what the log says, in order."""

    def prepare(self) -> None:
        """Called first, inside the transaction of the client database."""

    def rebuild(self) -> None:
        """Forget everything: it is told again from the beginning."""

    def apply(self, recorded: Recorded) -> None: ...

    def flush(self) -> None: ...


class Saved(msgspec.Struct):
    """A verifier's state between two runs."""

    ledger_id: bytes
    frontier: bytes
    ordinal: int
    controls: int
    sequence: int
    note: bytes
    people: People


def restore(client: Client, ledger_id: bytes) -> Verifier:
    """The verifier as this client left it, or one at the beginning."""
    verifier = Verifier(Streams(client.db), ledger_id)
    raw = client.get("verifier")
    if raw is not None:
        saved = msgspec.msgpack.decode(raw, type=Saved)
        verifier.frontier = Frontier.from_bytes(saved.frontier)
        verifier.ordinal, verifier.controls, verifier.sequence = saved.ordinal, saved.controls, saved.sequence
        verifier.note, verifier.people = saved.note, saved.people
    return verifier


def save(client: Client, verifier: Verifier) -> None:
    """Keep the verifier's state; the caller holds the transaction."""
    verifier.streams.flush()
    v = verifier
    saved = Saved(v.ledger_id, v.frontier.to_bytes(), v.ordinal, v.controls, v.sequence, v.note, v.people)
    client.put("verifier", msgspec.msgpack.encode(saved))
    client.put("note", v.note)
    client.put("size", v.size.to_bytes(8, "big"))


class Contents:
    """Opens commits for one device and reaches the verdict on their content."""

    def __init__(self, store: Backend, client: Client, keyring: Keyring, lasts: Lasts) -> None:
        self._store, self._client, self._keyring, self._lasts = store, client, keyring, lasts
        self._states: dict[Place, State[Any]] = {}

    def of(
        self, judged: Judged, wrapped: list[bytes | None], people: People
    ) -> tuple[list[tuple[Leaf, Payload]], dict[int, str], list[int]]:
        """What an authorised commit says: opened leaves, reasons by rejected compartment, unchecked leaves.

        `people` are those before the commit.
        """
        opened: list[tuple[Leaf, Payload]] = []
        rejected: dict[int, str] = {}
        unchecked: list[int] = []
        unread: set[Place] = set()
        read, commit = self._keyring.read, judged.commit
        for leaf, row in zip(judged.leaves, wrapped, strict=True):
            if leaf[3]:  # only sealed leaves have an epoch
                try:
                    payload = read(leaf, row)
                except KeyRowDamaged:
                    unchecked.append(leaf.idx)
                    payload = None
                except Malformed as problem:
                    rejected.setdefault(leaf.compartment, str(problem))
                    continue
                if payload is not None:
                    opened.append((leaf, payload))
                    may = partial(author_may, people, commit, compartment=leaf.compartment)
                    reason = overreach(payload.events, commit.person.hex(), may)
                    if reason:
                        rejected.setdefault(leaf.compartment, reason)
                else:
                    unread.add(leaf.place)
                    self._states.pop(leaf.place, None)
        for compartment, why in self._gated(judged, opened).items():
            rejected.setdefault(compartment, why)
        self._recheck(judged, opened, rejected, unread)
        self._lasts.follow(zip(judged.leaves, wrapped, strict=True))
        if rejected:
            opened = [(leaf, payload) for leaf, payload in opened if leaf.compartment not in rejected]
        return opened, rejected, unchecked

    def opened(self, judged: Judged, wrapped: list[bytes | None]) -> Iterator[tuple[Leaf, Payload]]:
        """What can be read of a commit that was judged before, leaf by leaf: a large one is never in memory whole."""
        read = self._keyring.read
        for leaf, row in zip(judged.leaves, wrapped, strict=True):
            if leaf[3]:
                try:
                    payload = read(leaf, row)
                except (KeyRowDamaged, Malformed):
                    continue  # its verdict says so
                if payload is not None:
                    yield leaf, payload

    def _recheck(
        self, judged: Judged, opened: list[tuple[Leaf, Payload]], rejected: dict[int, str], unread: set[Place]
    ) -> None:
        """The short list of rules that every replay checks again.

        In a compartment of which a leaf cannot be read (it was shredded, say) only its own past contradicts an event:
        what would bear a number out may stand in that leaf.
        """
        rules, journal = rechecked_states(), f"journal/{judged.commit.device.hex()}"
        together: dict[int, tuple[Event, ...] | None] = {place[1]: None for place in unread}
        after: dict[Place, State[Any]] = {}
        for leaf, payload in opened:
            if leaf.kind == JOURNAL and payload.stream != journal:
                rejected.setdefault(leaf.compartment, "a journal entry stands in another device's journal")
            cls = rules.get(payload.stream.partition("/")[0]) if leaf.kind == EVENT else None
            place = leaf.place
            if cls is None or cls.compartment != leaf.compartment or place in unread:
                continue
            state = after.get(place) or self._state(cls, leaf)
            if state is None:
                continue
            if leaf.compartment not in together:
                together[leaf.compartment] = _together(opened, leaf.compartment)
            beside, rechecked = together[leaf.compartment], cls.rechecked
            try:
                for event in payload.events:
                    if isinstance(event, rechecked):
                        reason = state.contradiction(event, beside)
                        if reason:
                            rejected.setdefault(leaf.compartment, reason)
                    state = state.evolve(event)
            except (ArithmeticError, AttributeError, LookupError, Refused, TypeError, ValueError) as problem:
                rejected.setdefault(leaf.compartment, f"its events contradict one another: {problem}")
            else:
                after[place] = state
        if len(self._states) + len(after) > REMEMBERED:
            self._states.clear()
        self._states.update({place: state for place, state in after.items() if place[1] not in rejected})

    def _gated(self, judged: Judged, opened: list[tuple[Leaf, Payload]]) -> dict[int, str]:
        """Why gates do not take what a commit says, by compartment: each is asked as it stood before."""
        refused: dict[int, str] = {}
        for cls in gates():
            events = [event for event in _together(opened, cls.compartment) if cls.concerns(event)]
            gate = self._gate(cls, judged.commit.first) if events else None
            if gate is not None:
                reasons = (gate.refusal(event, judged.commit.at) for event in events)
                reason = next(filter(None, reasons), "")
                if reason:
                    refused.setdefault(cls.compartment, reason)
        return refused

    def _gate(self, cls: type[State[Any]], first: int) -> State[Any] | None:
        """A gate before leaf `first`, None where this device cannot read it."""
        stream = self._keyring.stream_id(cls.compartment, f"{cls.kind}/{cls.gate}")
        if stream is None:
            return None
        place = EVENT, cls.compartment, stream
        if place not in self._states:
            _, last = Streams(self._client.db).position(place)  # nothing there: the store need not be asked
            rows = [leaf for leaf in self._store.stream(*place) if leaf.idx < first] if last >= 0 else []
            state = self._state(cls, rows[-1]._replace(version=rows[-1].version + rows[-1].events)) if rows else cls()
            if state is None:
                return None
            self._states[place] = state
        return self._states[place]

    def _state(self, cls: type[State[Any]], leaf: Leaf) -> State[Any] | None:
        """The aggregate before `leaf`, None when this device cannot read all of it."""
        if leaf.version == 1:
            return cls()
        known = self._states.get(leaf.place)
        if known is not None:
            return known
        state = cls()
        for earlier, wrapped in self._accepted_before(leaf, cls.last_is_all):
            try:
                past = self._keyring.read(earlier, wrapped)
            except (KeyRowDamaged, Malformed):
                return None
            if past is None:
                return None
            for event in past.events:
                state = state.evolve(event)
        return state

    def _accepted_before(self, leaf: Leaf, last_only: bool) -> list[tuple[Leaf, bytes | None]]:
        """The earlier leaves of its stream that views see: all, or the last where that tells everything."""
        excluded = [(first, last) for first, last, place in self._client.excluded() if place in (0, leaf.compartment)]
        last_only = last_only and not excluded
        known = self._lasts.get(leaf.place)
        if last_only and known and known[0].version + known[0].events == leaf.version:
            return [known]
        rows = self._store.stream_with_keys(*leaf.place, last_only=last_only, before=leaf.version)
        if last_only and rows:
            self._lasts.keep(leaf.place, rows[-1])
        return [row for row in rows if not any(first <= row[0].idx <= last for first, last in excluded)]


def _together(opened: list[tuple[Leaf, Payload]], compartment: int) -> tuple[Event, ...]:
    return tuple(event for leaf, payload in opened if leaf.compartment == compartment for event in payload.events)


@calm()
def follow(ledger: Ledger) -> None:
    """Bring the client up to the newest commit, chunk by chunk.

    Raises RolledBack when the log is not an extension of what was seen, Tampered where structure fails.
    """
    contents: Contents | None = None
    sink = ledger.sink()
    more = True
    while more:
        with ledger.client.transaction():
            verifier = ledger.adopt(restore(ledger.client, ledger.id))
            _check_pins(ledger, verifier)
            contents = contents or Contents(ledger.store, ledger.client, ledger.keyring, ledger.lasts)
            sink.prepare()
            more = _chunk(ledger, verifier, contents, sink)
            if not more and ledger.client.get("reopen"):
                _reopen(ledger, sink)
            sink.flush()
            save(ledger.client, verifier)
            if ledger.member() is not None:
                ledger.client.put("enrolled", b"yes")


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
