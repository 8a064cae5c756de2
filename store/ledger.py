"""The ledger as commands see it. Light to import: reading views wakes no cryptography.

`Ledger` binds a place, a device and the client's own state; the work of following, writing and
administering stands in modules that are imported when they are needed.
"""

from __future__ import annotations

from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import sqlcipher3.dbapi2 as sqlite

from store.client import Client
from store.errors import NoLedger, RolledBack, Unauthorised
from store.home import Binding, Home, Pin
from store.place import Server, key_of, open_store, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aggregates.core import State
    from store.backend import Backend
    from store.blobs import SealedBlob
    from store.device import Device
    from store.follow import Sink
    from store.keys import Keyring
    from store.lasts import Lasts
    from store.people import Device as Member
    from store.people import People
    from store.place import Place
    from store.transaction import Planned, Transaction
    from store.verify import Verifier

NOT_ENROLLED = (
    "the device {name} is not enrolled: send the file that `bo device request` wrote to an admin, who runs "
    "`bo device approve FILE --person YOU`"
)

GONE = "the ledger that this home knows at {place} is gone: restore a backup, or name the place where it is now"
NEVER = float("-inf")
LATELY = 1.0
"""Seconds for which a client counts as up to date that was: what came meanwhile is followed under the lock."""
T = TypeVar("T")
S = TypeVar("S", bound="State[Any]")


class Views(Protocol):
    """What the ledger asks of the projections: to take part in each pull."""

    def sink(self, ledger: Ledger) -> Sink: ...


class Ledger:
    """One ledger, opened by one device.

    `command`, `reason`, `key` and `request` describe what the user asked for and are written into the
    events; `dry_run` makes `commit` leave its plan in `planned` and write nothing. `home_compartment` is
    the first one a command touched: its journal and its idempotency keys stand there. `looked` is when this client
    last stood at the newest head; `crowded` says whether several others had written when it wrote the last time,
    `unrivalled` that on the server nobody had, as is expected at first. `recording` tells that the command is to record
    something: then the store is needed in any case, and a server is not asked for news before each thing looked up.
    """

    def __init__(self, at: Place, home: Home, device: Device, views: Views) -> None:
        self.at, self.home, self.device, self._views = at, home, device, views
        self.id = device.ledger
        self.place = key_of(at)
        self.command = self.reason = self.key = self.tool = ""
        self.request = b""
        self.reentered = self.dry_run = False
        self.home_compartment = 0
        self.planned: list[Planned] = []
        self.loose: dict[bytes, int] = {}
        self.looked, self.crowded, self.unrivalled, self.recording = NEVER, False, isinstance(at, Server), False
        self.clock: Callable[[], int] = _now
        binding = home.binding(self.place)
        self._bound = binding is not None
        if binding is not None and binding.ledger != self.id.hex():
            raise RolledBack(f"the device {device.name} belongs to another ledger than the one at {settled(at)}")

    @cached_property
    def store(self) -> Backend:
        try:
            return open_store(self.at)
        except NoLedger:
            if self.home.binding(self.place) is None:
                raise
            raise NoLedger(GONE.format(place=settled(self.at))) from None

    @cached_property
    def client(self) -> Client:
        """The client database of this device; built again when it is not readable."""
        return Client(self.home.views / self.id.hex() / f"{self.device.id.hex()}.db", self.device.view_key)

    def is_current(self) -> bool:
        """Whether the newest head is the one this client verified last, byte for byte.

        Raises RolledBack when the log is shorter than, or other than, what was pinned.
        """
        return self._stands_at(self.client.get("note"))

    def _stands_at(self, note: bytes | None) -> bool:
        pin, newest = self.home.pin(self.id.hex()), self._newest()
        self.looked = NEVER
        if newest is None:
            raise RolledBack("the log is empty: it was rolled back, or its creation never finished")
        if "verifier" in self.__dict__:
            self.at_hand(note)
        if note is not None and newest == (size_of(note), note) and (pin is None or pin.size <= newest[0]):
            if pin is not None and pin.size == newest[0] and pin.note != note:
                raise RolledBack(f"the log was forked at size {pin.size}: another head was pinned")
            self.looked = monotonic()
            return True
        return False

    def _stood_just_now(self, note: bytes | None) -> bool:
        """Whether a command that records something need not ask a server once more."""
        if not self.recording or self.looked < monotonic() - LATELY or not isinstance(self.at, Server):
            return False
        if "verifier" in self.__dict__:
            self.at_hand(note)
        return True

    def _newest(self) -> tuple[int, bytes] | None:
        """The newest head. A server that is asked for nothing else is asked in the light way first."""
        if "store" not in self.__dict__ and not self.recording and isinstance(self.at, Server):
            from store import libpq

            found = libpq.newest(self.at)
            if found is not None:
                return found
        return self.store.newest()

    def pull(self) -> None:
        """Verify what is new and bring the views up to it. Raises Unauthorised for a device that is not enrolled."""
        self.mended(self._pull)

    def catch_up(self) -> None:
        """The same for any device: one that is not enrolled verifies the log as well as another."""
        self.mended(self._catch_up)

    def mended(self, work: Callable[[], T]) -> T:
        """Do `work`; where the client database proves damaged, throw it away and do it once more from the log."""
        try:
            return work()
        except sqlite.DatabaseError as problem:  # a raw one is the client's: the store has made sentences of its own
            self.client.give_up(problem)
        for name in ("verifier", "keyring", "lasts"):
            self.__dict__.pop(name, None)
        return work()

    def _catch_up(self) -> bool:
        """Whether this device is known to be enrolled, after the last commit."""
        known = self.client.standing()
        if (self._stood_just_now(known.note) or self._stands_at(known.note)) and not known.sweep:
            return known.enrolled
        from store.writing import pull

        pull(self)
        return self.client.get("enrolled") is not None

    def _pull(self) -> None:
        if not self._catch_up():
            self.enrolled()

    @cached_property
    def verifier(self) -> Verifier:
        """The state of the log as this client verified it; `pull` moves it."""
        from store.follow import restore

        return restore(self.client, self.id)

    def adopt(self, verifier: Verifier) -> Verifier:
        """Go on from a newer state of the log, perhaps reached by another process of this client."""
        self.verifier = verifier
        self.keyring.people = verifier.people
        return verifier

    def standing_at(self) -> int:
        """How many leaves this client has verified, in this process or another."""
        return int.from_bytes(self.client.get("size") or b"", "big")

    def at_hand(self, note: bytes | None) -> Verifier:
        """The verifier at the head this client verified last: another process of it may have gone on."""
        if self.verifier.note != (note or b""):
            self.forget()
        return self.adopt(self.verifier)

    def forget(self) -> None:
        """Drop what was worked out ahead of the log: it is restored from the client when it is asked for."""
        self.__dict__.pop("verifier", None)

    @cached_property
    def keyring(self) -> Keyring:
        from store.keys import Keyring

        return Keyring(self.store, self.id, self.device, self.people)

    @cached_property
    def lasts(self) -> Lasts:
        from store.lasts import Lasts

        return Lasts()

    def excluded(self, compartment: int) -> list[tuple[int, int]]:
        """Leaves that no view sees in a compartment: unauthorised commits and rejected content."""
        return [(first, last) for first, last, place in self.client.excluded() if place in (0, compartment)]

    @property
    def people(self) -> People:
        """Persons, devices and rights after the last pull."""
        return self.verifier.people

    @property
    def person(self) -> str:
        """The id of the person this device belongs to; "" while the device is not enrolled."""
        device = self.people.devices.get(self.device.id.hex())
        return device.person if device else ""

    def member(self) -> Member | None:
        """This device as the log has it; None unless it was enrolled by the very request its owner made."""
        known = self.people.devices.get(self.device.id.hex())
        ours = known is not None and (known.request, known.sign) == (self.device.request, self.device.sign_public)
        return known if ours else None

    def enrolled(self) -> Member:
        """The same. Raises Unauthorised unless it may write: enrolled, and not revoked."""
        known = self.member()
        if known is None:
            raise Unauthorised(NOT_ENROLLED.format(name=self.device.name))
        if not known.active:
            raise Unauthorised(f"the device {self.device.name} was revoked: ask an admin to approve another")
        return known

    def sink(self) -> Sink:
        return self._views.sink(self)

    def commit(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` under the write lock and record what it changed as one commit, all or nothing.

        Raises Refused from a verb's rule (and records the refusal), Unauthorised for a missing right.
        """
        from store.writing import commit

        return self.mended(lambda: commit(self, work))

    def load(self, cls: type[S], reference: str, compartment: int | None = None) -> S:
        """An aggregate as the log has it now."""
        from store.history import load

        def work() -> S:
            with self.client.reading():
                self._pull()
                return load(self, cls, reference, compartment)

        return self.mended(work)

    def seal(
        self,
        cls: type[State[Any]],
        reference: str,
        pieces: Iterable[bytes],
        like: SealedBlob | None = None,
        compartment: int | None = None,
    ) -> SealedBlob:
        """Encrypt a document for the next version of a stream, before the lock is taken.

        `like` is another document of the same commit, whose key it shares. What no commit refers to when the
        ledger is closed is removed.
        """
        from store.sealing import seal_document

        self.pull()
        return seal_document(self, cls, reference, pieces, like, compartment)

    def document(self, compartment: int, name: str, blob: bytes) -> Iterator[bytes]:
        """A document of a stream by the hash of its ciphertext, in pieces. Raises Tampered."""
        from store.sealing import open_document

        return open_document(self, compartment, name, blob)

    # what the layer above adds

    def once(self, tx: Transaction) -> None:
        """Called when a transaction touches its first compartment: find a request that was made before."""

    def finished(self, tx: Transaction, result: object) -> None:
        """Called when the work is done, before it is sealed."""

    def refused(self, refusal: Exception) -> None:
        """Called when a rule or a right refused."""

    def called(self, compartment: int) -> str:
        """The name of a compartment, for messages."""
        return f"compartment {compartment}"

    def warn(self, message: str) -> None:
        """Called when something went wrong that does not undo what was recorded."""

    def pinned(self, size: int, frontier: bytes, note: bytes) -> None:
        """Remember the newest head that was verified, and what stands at this place."""
        self.home.advance(self.id.hex(), Pin(size, frontier, note))
        if not self._bound and self.home.binding(self.place) is None:
            self.home.bind(self.place, Binding(self.id.hex(), self.device.name))
        self._bound = True

    def close(self) -> None:
        if self.loose:
            from store.sealing import discard

            discard(self)
        for name in ("store", "client"):
            if name in self.__dict__:
                getattr(self, name).close()
                del self.__dict__[name]
        self.home.settle()


def size_of(note: bytes) -> int:
    """How many leaves a signed head that was verified is of."""
    return int(note.split(b"\n", 2)[1])


def _now() -> int:
    import time

    return time.time_ns() // 1_000_000
