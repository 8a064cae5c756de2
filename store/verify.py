"""The first verdict, structure, and the second through `authority`: one commit after the other.

Anybody can do this with a copy of the store. The same code follows the log, audits it, and looks at a
commit before it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from store import note as notes
from store.authority import begin, judge
from store.errors import Malformed, RolledBack, Tampered, Unauthorised
from store.leaf import COMMIT, CONTROL, EVENT, NO_HASH, Commit, Leaf, check, leaf_hashes
from store.people import People
from store.tree import Frontier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from store.streams import Streams


@dataclass(slots=True)
class Judged:
    """A commit whose structure holds, and what authority says of it ("" is authorised)."""

    commit: Commit
    leaves: list[Leaf]
    root: bytes
    note: bytes
    unauthorised: str

    @property
    def events(self) -> int:
        return sum(leaf.events for leaf in self.leaves if leaf.kind == EVENT)


def ledger_id_of(genesis: bytes) -> bytes:
    return sha256(b"bo.ledger/1\n" + genesis).digest()[:16]


class Verifier:
    """The state of a log as far as it has been followed."""

    def __init__(self, streams: Streams, ledger_id: bytes = b"") -> None:
        self.streams, self.ledger_id = streams, ledger_id
        self.frontier, self.people = Frontier(), People()
        self.kept: People | None = None
        """The people as they were kept last: acts make new ones, and other commits only tell their times."""
        self.ordinal = self.controls = self.sequence = 0
        self.note = b""

    @property
    def size(self) -> int:
        return self.frontier.size

    def take(self, leaves: Sequence[Leaf], note: bytes) -> Judged:
        """Judge the next commit and move on. Raises Tampered at the first thing that is not as it must be."""
        first = self.size
        try:
            hashes, commit = self._structure(leaves)
            self._head(commit, note)
        except (Malformed, Unauthorised) as problem:  # the latter of a genesis whose keys are none
            raise Tampered(str(problem), first) from None
        judged = Judged(commit, list(leaves), self.frontier.root(), note, "")
        try:
            self.people = judge(self.people, self.ledger_id, commit, leaves[:-1], self.streams)
        except Unauthorised as refusal:
            judged.unauthorised = str(refusal)
        self._advance(judged, hashes)
        return judged

    def ahead(self) -> Verifier:
        """Another one that may go on from here. It shares the memory of streams: whoever goes on must be kept."""
        other = Verifier(self.streams, self.ledger_id)
        other.frontier, other.people, other.kept, other.note = self.frontier.copy(), self.people, self.kept, self.note
        other.ordinal, other.controls, other.sequence = self.ordinal, self.controls, self.sequence
        return other

    def write(self, leaves: Sequence[Leaf], sign: Callable[[int, bytes], bytes]) -> Judged:
        """The same for a commit of our own before it is recorded; `sign` makes its note.

        Raises Unauthorised where the others would find it so.
        """
        hashes, commit = self._structure(leaves)
        self.people = judge(self.people, self.ledger_id, commit, leaves[:-1], self.streams)
        judged = Judged(commit, list(leaves), self.frontier.root(), sign(self.size, self.frontier.root()), "")
        self._advance(judged, hashes)
        return judged

    def _structure(self, leaves: Sequence[Leaf]) -> tuple[list[bytes], Commit]:
        """The hashes of the leaves, and the commit they are."""
        first, before = self.size, self.frontier.copy()
        if not first:
            self._begin(leaves)
        return self._follow(leaves), self._commit(leaves, first, before)

    def _advance(self, judged: Judged, hashes: list[bytes]) -> None:
        """Remember what was judged."""
        self.streams.advance(judged.leaves, hashes, accepted=not judged.unauthorised)
        self.sequence, self.note = judged.commit.sequence, judged.note

    def _begin(self, leaves: Sequence[Leaf]) -> None:
        """The first leaf names the ledger; one that was bound before must be the same."""
        check(leaves[0])
        found = ledger_id_of(leaves[0].body)
        if self.ledger_id and found != self.ledger_id:
            raise RolledBack("another ledger stands where this one was")
        self.ledger_id = found
        self.people = begin(leaves)

    def _follow(self, leaves: Sequence[Leaf]) -> list[bytes]:
        """Indexes, ordinals and versions follow on; the frontier grows by each leaf."""
        index, ordinal, controls = self.size, self.ordinal, self.controls
        expected: dict[tuple[int, int, bytes], int] = {}
        position = self.streams.position
        for leaf in leaves:
            try:
                check(leaf)
                kind, version = leaf[1], leaf[5]
                if leaf[0] != index or leaf[7] != ordinal:
                    raise Malformed("leaves or their ordinals do not follow on")
                if kind == CONTROL:
                    controls += 1
                    wanted = controls
                elif kind == COMMIT:
                    wanted = 1
                else:
                    place = (kind, leaf[2], leaf[4])
                    wanted = expected.get(place) or position(place)[0]
                    expected[place] = version + leaf[6]
                    if kind == EVENT:
                        ordinal += leaf[6]
                if version != wanted:
                    raise Malformed(f"version {version} stands where {wanted} belongs")
            except Malformed as problem:
                raise Tampered(str(problem), index) from None
            index += 1
        hashes = leaf_hashes(self.ledger_id, leaves)
        self.frontier.extend(hashes)
        self.ordinal, self.controls = ordinal, controls
        return hashes

    def _commit(self, leaves: Sequence[Leaf], first: int, before: Frontier) -> Commit:
        commit = Commit.decode(leaves[-1].body)
        previous = sha256(self.note).digest() if self.note else NO_HASH
        if (commit.sequence, commit.first, commit.leaves) != (self.sequence + 1, first, len(leaves)):
            raise Malformed("the commit does not follow the one before, or has other leaves than it says")
        if commit.previous_root != before.root() or commit.previous_note != previous:
            raise Malformed("the commit names another head before it")
        if self.streams.position((COMMIT, 0, leaves[-1].stream))[1] >= 0:
            raise Malformed("a commit id is used twice")
        return commit

    def _head(self, commit: Commit, note: bytes) -> None:
        """The signed head is that of this tree, by the device the commit names."""
        if type(note) is not bytes:
            raise Malformed("a head is not a note")
        device = self.people.devices.get(commit.device.hex())
        if device is None or bytes.fromhex(device.person) != commit.person:
            raise Malformed("the commit names a device and person that do not belong together")
        if sha256(device.sign).digest() != commit.device_key:
            raise Malformed("the commit names another key than its device's")
        head = notes.parse(note, notes.origin_of(self.ledger_id))
        if head.size != self.size or head.root != self.frontier.root() or head.device != commit.device:
            raise Malformed("the signed head is not that of these leaves")
        notes.verify(head, device.sign)
