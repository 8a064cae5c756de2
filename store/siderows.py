"""What stands beside the log and can be deleted: wrapped keys, slots and documents, held against it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from store import blobs, control
from store.blobplace import blob_of
from store.errors import KeyRowDamaged, Malformed, NeedsNewer, Tampered
from store.leaf import CONTROL, Leaf
from store.sealing import refs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.backend import Backend
    from store.blobplace import BlobPlace
    from store.keys import Keyring
    from store.people import People

TABLES = """
CREATE TABLE spare_key(key_id BLOB PRIMARY KEY, kind INTEGER, compartment INTEGER, stream BLOB, epoch INTEGER)
  WITHOUT ROWID;
CREATE TABLE named_blob(blob BLOB, compartment INTEGER, stream BLOB, leaf INTEGER,
  PRIMARY KEY(blob, compartment, stream)) WITHOUT ROWID;
CREATE TABLE lying(name TEXT, blob BLOB);
CREATE INDEX lying_blob ON lying(blob);
"""
BATCH = 10_000
Named = tuple[bytes, int, int, bytes, int]
"""A key and what names it: its id, and kind, compartment, stream and epoch of the leaf."""
WRAPPED_SIZE = 48

REMARK, UNAUTHORISED, REJECTED, KEY, DOCUMENT = "remark", "unauthorised", "rejected", "key", "document"


class Finding(msgspec.Struct, frozen=True):
    """Something an audit reports. `leaf` is where in the log, -1 where that means nothing."""

    kind: str
    leaf: int
    what: str


class SideRows:
    """Gathers what the leaves name, then compares the rows and files with it. Kept in a scratch database.

    The keys that accepted leaves name stand in `verified`, the database of the streams, already.
    """

    def __init__(self, database: Any, verified: Any) -> None:
        self._db, self._verified = database, verified
        for statement in TABLES.split(";"):
            if statement.strip():
                database.execute(statement)
        self._keys: list[tuple[bytes, int, int, bytes, int]] = []
        self._blobs: list[tuple[bytes, int, bytes, int]] = []
        self._spare_slots: set[tuple[int, int, str, str]] = set()
        self.keys = self.slots = self.documents = 0

    def note(self, leaf: Leaf, accepted: bool) -> None:
        """Remember the key and the documents that a leaf names."""
        if leaf[3]:
            if not accepted:
                self._keys.append((leaf.key_id, leaf.kind, leaf.compartment, leaf.stream, leaf.epoch))
            elif leaf.refs:
                self._blobs += [(blob, leaf.compartment, leaf.stream, leaf.idx) for blob in refs(leaf.refs)]
            if len(self._keys) + len(self._blobs) >= BATCH:
                self.flush()
        elif leaf[1] == CONTROL and not accepted:
            self._spare(leaf.body)

    def _spare(self, body: bytes) -> None:
        """Slots of an unauthorised commit may lie about: nobody uses them."""
        try:
            act = control.decode(body)
        except (Malformed, NeedsNewer):
            return
        match act:
            case control.EpochOpen(compartment=place, epoch=epoch, slots=given):
                self._spare_slots.update((place, epoch, device, hashed) for device, hashed in given)
            case control.Slot(compartment=place, epoch=epoch, device=device, hash=hashed):
                self._spare_slots.add((place, epoch, device, hashed))

    def flush(self) -> None:
        self._db.executemany("INSERT OR IGNORE INTO spare_key VALUES(?, ?, ?, ?, ?)", self._keys)
        self._db.executemany("INSERT OR IGNORE INTO named_blob VALUES(?, ?, ?, ?)", self._blobs)
        self._keys.clear()
        self._blobs.clear()

    def check_keys(self, store: Backend, people: People, keyring: Keyring | None) -> Iterator[Finding]:
        """Rows too many, too few, or not what their leaves commit to: both sides in the order of their keys."""
        self.flush()
        columns = "key_id, kind, compartment, stream, epoch"
        names = self._verified.execute(f"SELECT {columns} FROM stream_key ORDER BY key_id")  # noqa: S608
        name: Named | None = names.fetchone()
        for key_id, wrapped in store.key_rows():
            if type(key_id) is not bytes:
                yield Finding(KEY, -1, "there is a malformed key row")
                continue
            while name is not None and name[0] < key_id:
                yield from _missing(store, name, people)
                name = names.fetchone()
            if name is not None and name[0] == key_id:
                named, name = name, names.fetchone()
            else:
                sql = f"SELECT {columns} FROM spare_key WHERE key_id = ?"  # noqa: S608
                named = self._db.execute(sql, (key_id,)).fetchone()
                if named is None:
                    yield Finding(KEY, -1, "there is a key row that no leaf names")
                    continue
            self.keys += 1
            problem = self._problem(key_id, wrapped, named, people, keyring)
            if problem:
                yield Finding(KEY, _naming(store, named), problem)
        while name is not None:
            yield from _missing(store, name, people)
            name = names.fetchone()

    def _problem(self, key_id: bytes, wrapped: Any, named: Named, people: People, keyring: Keyring | None) -> str:
        _, _, compartment, stream, epoch = named
        if (compartment, stream) in people.shredded:
            return "the key row of a shredded stream stands there again"
        if type(wrapped) is not bytes or len(wrapped) != WRAPPED_SIZE:
            return "its key row is damaged"
        try:
            key = keyring.epoch(compartment, epoch) if keyring else None
        except KeyRowDamaged:
            return ""  # the slot is reported
        try:
            if key is not None:
                key.unwrap(stream, key_id, wrapped)
        except KeyRowDamaged:
            return "its key row is not the one it commits to"
        return ""

    def check_slots(self, store: Backend, people: People, keyring: Keyring | None) -> Iterator[Finding]:
        """Every slot has the hash its leaf names, and none is missing."""
        wanted = {
            (place, number, device): hashed
            for place, epochs in people.compartments.items()
            for number, epoch in enumerate(epochs, 1)
            for device, hashed in epoch.slots.items()
        }
        bad: set[tuple[int, int]] = set()
        for place, number, device, sealed in store.slots():
            if not (type(place) is type(number) is int and type(device) is type(sealed) is bytes):
                yield Finding(KEY, -1, "there is a malformed slot")
                continue
            hashed, at = sha256(sealed).hexdigest(), (place, number, device.hex())
            if wanted.get(at) == hashed:
                del wanted[at]
                self.slots += 1
            elif (*at, hashed) not in self._spare_slots:
                yield Finding(KEY, -1, f"the slot of {_slot(*at)} is not one the log names")
                wanted.pop(at, None)
                bad.add((place, number))
        for at in wanted:
            yield Finding(KEY, -1, f"the slot of {_slot(*at)} is missing")
            bad.add(at[:2])
        epochs = {(place, number) for place, many in people.compartments.items() for number in range(1, len(many) + 1)}
        for place, number in sorted(epochs - bad) if keyring else ():
            try:
                keyring.epoch(place, number)  # type: ignore[union-attr]  # without one there is nothing to go over
            except KeyRowDamaged as problem:
                yield Finding(KEY, -1, str(problem))

    def check_documents(self, place: BlobPlace, people: People, *, read: bool) -> Iterator[Finding]:
        """Every document is there, and with `read` it has the hash that names it; others are remarked."""
        self.flush()
        lying = ((each.name.encode(errors="backslashreplace").decode(), each.blob) for each in place.listed())
        self._db.executemany("INSERT INTO lying VALUES(?, ?)", lying)
        there = "EXISTS(SELECT 1 FROM lying l WHERE l.blob = n.blob)"
        for blob, compartment, stream, leaf, listed in self._db.execute(f"SELECT *, {there} FROM named_blob n"):  # noqa: S608
            if (compartment, stream) in people.shredded:
                continue
            self.documents += 1
            try:
                if read:
                    blobs.check(place, blob)
                elif not (listed or place.has(blob)):
                    raise Tampered(f"the document file {blob.hex()} is missing")
            except Tampered as problem:
                yield Finding(DOCUMENT, leaf, str(problem))
        for (name,) in self._db.execute("SELECT name FROM lying ORDER BY name"):
            named = self._db.execute("SELECT 1 FROM named_blob WHERE blob = ?", (blob_of(name),)).fetchone()
            if named is None:
                yield Finding(REMARK, -1, f"no entry refers to blobs/{name}")


def _missing(store: Backend, named: Named, people: People) -> Iterator[Finding]:
    if (named[2], named[3]) not in people.shredded:
        yield Finding(KEY, _naming(store, named), "the key row it names is missing")


def _naming(store: Backend, named: Named) -> int:
    """The first leaf that names a key."""
    key_id, kind, compartment, stream, _ = named
    return next((leaf.idx for leaf in store.stream(kind, compartment, stream) if leaf.key_id == key_id), -1)


def _slot(place: int, number: int, device: str) -> str:
    return f"compartment {place}, epoch {number}, device {device[:8]}…"
