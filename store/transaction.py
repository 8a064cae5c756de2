"""What a command changes in one commit: events of streams and control acts, decided under the lock."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from aggregates.core import Event, State, require
from store import control, slots
from store.authority import Session
from store.errors import NotFound, Unauthorised
from store.history import leaves, leaves_with_keys, load, past, stream_name
from store.leaf import EVENT, JOURNAL, NO_HASH, PASSPHRASE, UNATTENDED, Commit
from store.payload import concerned, gates, overreach
from store.people import NOBODY
from store.seal import EpochKey, StreamKey, stream_id
from store.sealing import renew

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from store.blobs import SealedBlob
    from store.ledger import Ledger

S = TypeVar("S", bound=State[Any])
R = TypeVar("R")
NOTHING: dict[str, Any] = {}
"""What was there before the first event of a stream."""


class Planned(NamedTuple):
    """What a dry run would have recorded."""

    stream: str
    event: Any
    before: dict[str, Any]


class Share:
    """A stream's part of a commit: its new events, and where its next leaf stands."""

    def __init__(self, kind: int, compartment: int, name: str) -> None:
        self.kind, self.compartment, self.name = kind, compartment, name
        self.events: list[tuple[Event, dict[str, Any]]] = []
        self.blobs: list[SealedBlob] = []


class Transaction:
    """Handed to the `work` of `Ledger.commit`; everything it changes is one commit."""

    def __init__(self, ledger: Ledger, commit_id: bytes) -> None:
        self._ledger, self.commit_id = ledger, commit_id
        self.now = ledger.clock()
        self.person, self.device = ledger.person, ledger.device.id.hex()
        me = ledger.enrolled()
        verifier = ledger.verifier
        self.header = Commit(
            verifier.sequence + 1, verifier.size, 0, verifier.frontier.root(),
            sha256(verifier.note).digest() if verifier.note else NO_HASH, bytes.fromhex(me.person or NOBODY),
            ledger.device.id, sha256(me.sign).digest(), self.now, verifier.people.policy,
            UNATTENDED * me.unattended | PASSPHRASE * ledger.reentered, ledger.tool,
        )  # fmt: skip
        self._session = Session(verifier.people, ledger.id, self.header)
        self.acts: list[tuple[control.Acts, Share | None]] = []
        self.slots: list[tuple[int, int, bytes, bytes]] = []
        self.shares: dict[tuple[int, int, str], Share] = {}
        self._states: dict[tuple[int, str], State[Any]] = {}
        self._blanks: dict[type[State[Any]], State[Any]] = {}
        self._streams: dict[tuple[int, str], bytes] = {}
        self._rechecked: list[tuple[int, State[Any], Event]] = []
        self.epochs: dict[int, EpochKey] = {}
        self.home = 0

    @property
    def today(self) -> date:
        """The day of the commit, UTC."""
        return datetime.fromtimestamp(self.now / 1000, UTC).date()

    @property
    def people(self) -> Any:
        """Persons and rights after the acts of this transaction, also of those that are still to come."""
        self._session.keep_before()
        return self._session.after

    # events

    def state(self, cls: type[S], reference: str, compartment: int | None = None) -> S:
        """An aggregate as this transaction leaves it so far."""
        return self._state(cls, compartment or cls.compartment, stream_name(cls, reference))

    def _state(self, cls: type[S], at: int, name: str) -> S:
        self._touch(at)
        known = self._states.get((at, name))
        if known is None:
            known = self._blank(cls)
            stream = self.blinded(at, name)
            for _, payload in past(self._ledger, at, name, last_only=cls.last_is_all, stream=stream):
                for event in payload.events:
                    known = known.evolve(event)
            self._states[at, name] = known
        return known  # type: ignore[return-value]  # the stream's kind decides its class

    def _blank(self, cls: type[State[Any]]) -> State[Any]:
        """What an aggregate is before any event, the same object each time."""
        if cls not in self._blanks:
            self._blanks[cls] = cls()
        return self._blanks[cls]

    def blinded(self, compartment: int, name: str) -> bytes | None:
        """The stream id of a name, worked out once; None without the compartment's key."""
        known = self._streams.get((compartment, name))
        if known is None:
            known = self._ledger.keyring.stream_id(compartment, name)
            if known is not None:
                self._streams[compartment, name] = known
        return known

    def exists(self, cls: type[State[Any]], reference: str, compartment: int | None = None) -> bool:
        """Whether the stream has events, in the log or in this transaction."""
        at, name = compartment or cls.compartment, stream_name(cls, reference)
        self._touch(at)
        if (EVENT, at, name) in self.shares and self.shares[EVENT, at, name].events:
            return True
        stream = self.blinded(at, name)
        return stream is not None and bool(leaves(self._ledger, EVENT, at, stream, last_only=True))

    def change(
        self,
        cls: type[S],
        reference: str,
        verb: Callable[..., R],
        *args: Any,
        compartment: int | None = None,
        **named: Any,
    ) -> R:
        """Let a verb of the aggregate decide, and keep the events it returns."""
        state = self.state(cls, reference, compartment)
        decided = verb(state, *args, **named)
        self.append(cls, reference, *_events(decided), compartment=compartment)
        return decided

    def append(self, cls: type[State[Any]], reference: str, *events: Event, compartment: int | None = None) -> Share:
        """Add events to a stream without asking its verbs."""
        at, name = compartment or cls.compartment, stream_name(cls, reference)
        if not self._session.may(control.WRITE, at):
            raise Unauthorised(f"you may not write {self.called(at)}")
        state = self._state(cls, at, name)
        share = self.shares.get((EVENT, at, name))
        if share is None:
            share = self.shares[EVENT, at, name] = Share(EVENT, at, name)
        blank = self._blank(cls)
        for event in events:
            share.events.append((event, NOTHING if state is blank else state.before(event)))
            if isinstance(event, cls.rechecked):
                self._rechecked.append((at, state, event))
            state = state.evolve(event)
        self._states[at, name] = state
        return share

    def journal(self, compartment: int, event: Event) -> Share:
        """Note an access or a refusal in this device's journal."""
        name = f"journal/{self.device}"
        share = self.shares.setdefault((JOURNAL, compartment, name), Share(JOURNAL, compartment, name))
        share.events.append((event, {}))
        return share

    def called(self, compartment: int) -> str:
        """The name of a compartment, for messages."""
        return self._ledger.called(compartment)

    def attach(
        self, cls: type[State[Any]], reference: str, blobs: Iterable[SealedBlob], compartment: int | None = None
    ) -> list[SealedBlob]:
        """Refer to documents sealed beforehand by `Ledger.seal` for this stream.

        Returns them as they will stand: sealed anew where the epoch or the version has passed meanwhile, under
        another hash. So attach first, then append the event that names them.
        """
        at, name = compartment or cls.compartment, stream_name(cls, reference)
        self._touch(at)
        share = self.shares.setdefault((EVENT, at, name), Share(EVENT, at, name))
        if self._session.after.is_due(at, self.now):
            self.open_epoch(at)
        epoch = self.current_epoch(at)
        stream = stream_id(epoch.index_key, name)
        version = self._ledger.verifier.streams.position((EVENT, at, stream))[0]
        for blob in blobs:
            share.blobs.append(blob)
            key, wrapped = self.stream_key(share, stream, epoch)
            share.blobs[-1] = renew(self._ledger, blob, key, wrapped, epoch.epoch, version)
        return share.blobs

    def begin(self, compartment: int) -> None:
        """Say where the command is at home before it looks at anything: a request made before ends here."""
        self._touch(compartment)

    def _touch(self, compartment: int) -> None:
        """The first compartment touched is the command's own: its journal and its keys stand there."""
        if not self.home:
            self.home = self._ledger.home_compartment = compartment
            self._ledger.once(self)

    # control acts

    def act(self, act: control.Acts, explained: Share | None = None) -> None:
        """Record a control act; `explained` is the share that holds its names and reason.

        Raises Unauthorised at once when this person may not do it.
        """
        if isinstance(act, control.Propose):
            raise TypeError("use `propose`")
        self._session.keep_before()
        self._session.enact(act)
        self.acts.append((act, explained))

    def needs_second(self, act: control.Proposable) -> bool:
        """Whether this person may propose the act but not do it alone. Raises Unauthorised when neither."""
        self._session.permit(act, proposing=True)
        try:
            self._session.permit(act)
        except Unauthorised:
            return True
        return False

    def propose(self, act: control.Proposable, explained: Share | None = None) -> int:
        """Propose an act that needs a second person; the number under which it can be approved."""
        proposal = control.Propose(act)
        self._session.consider(proposal)
        self.acts.append((proposal, explained))
        return self._ledger.verifier.size + len(self.acts) - 1

    def new_compartment(self, compartment: int) -> None:
        """The first epoch of a compartment, for everybody who may read it."""
        self._open_epoch(EpochKey.new(self._ledger.id, compartment, 1))

    def open_epoch(self, compartment: int) -> None:
        """A new epoch for those who may still read, and for whom this transaction granted reading."""
        current = self.people.epoch(compartment)
        held = self.epochs.get(compartment) or self._ledger.keyring.any_epoch(compartment)
        if held is None or self.device not in self.people.recipients(compartment):
            raise Unauthorised(self._lacking(compartment))
        self._open_epoch(EpochKey.new(self._ledger.id, compartment, current + 1, held.index_key))

    def _open_epoch(self, key: EpochKey) -> None:
        people, compartment = self.people, key.compartment
        readers = people.readers(compartment, self.now) if not self._session.founding else set(people.devices)
        if key.epoch > 1:
            before = set(people.recipients(compartment))
            newcomer = self._session.granted_now
            readers = {device for device in readers if device in before or newcomer(device, compartment)}
        sealed = {
            device: slots.seal(key, bytes.fromhex(device), people.devices[device].kem) for device in sorted(readers)
        }
        commitments = (key.epoch_commitment.hex(), key.index_commitment.hex())
        hashes = tuple((device, sha256(slot).hexdigest()) for device, slot in sealed.items())
        self.act(control.EpochOpen(compartment, key.epoch, *commitments, hashes))
        self.slots.extend((compartment, key.epoch, bytes.fromhex(device), slot) for device, slot in sealed.items())
        self.epochs[compartment] = key
        self._ledger.keyring.learn(key)

    def give_slots(self, device: str, compartment: int, epochs: Iterable[int]) -> None:
        """Give a device existing epochs of a compartment."""
        for number in epochs:
            made = self.epochs.get(compartment)
            key = made if made and made.epoch == number else self._ledger.keyring.epoch(compartment, number)
            if key is None:
                raise Unauthorised(
                    f"you do not hold epoch {number} of compartment {compartment}, so you cannot give it"
                )
            slot = slots.seal(key, bytes.fromhex(device), self.people.devices[device].kem)
            commitments = (key.epoch_commitment.hex(), key.index_commitment.hex())
            self.act(control.Slot(compartment, number, *commitments, device, sha256(slot).hexdigest()))
            self.slots.append((compartment, number, bytes.fromhex(device), slot))

    # sealing

    @property
    def empty(self) -> bool:
        return not self.acts and not any(share.events for share in self.shares.values())

    def check(self) -> None:
        """Raises Refused where a replay would reject what stands here."""
        together: dict[int, tuple[Event, ...]] = {}
        for compartment, state, event in self._rechecked:
            if compartment not in together:
                together[compartment] = self._together(compartment)
            reason = state.contradiction(event, together[compartment])
            require(not reason, reason)
        for share in self.shares.values():
            events, person = (event for event, _ in share.events), self.header.person.hex()
            reason = overreach(events, person, share.compartment, self._session.may)
            require(not reason, reason)
        self._pass_gates()

    def _pass_gates(self) -> None:
        """Ask each gate as it stood before: no commit opens one for itself."""
        for cls in gates():
            events = concerned(cls, self._together(cls.compartment))
            gate = load(self._ledger, cls, cls.gate) if events else self._blank(cls)
            for event in events:
                reason = gate.refusal(event, self.now)
                require(not reason, reason)

    def _together(self, compartment: int) -> tuple[Event, ...]:
        shares = [share for share in self.shares.values() if share.compartment == compartment]
        return tuple(event for share in shares for event, _ in share.events)

    def refresh_epochs(self) -> None:
        """Open the epochs that are due in the compartments this transaction writes to."""
        for compartment in {share.compartment for share in self.shares.values()}:
            if self._session.after.is_due(compartment, self.now):
                self.open_epoch(compartment)

    def current_epoch(self, compartment: int) -> EpochKey:
        """The keys to write with now."""
        made = self.epochs.get(compartment)
        epoch = self._session.after.epoch(compartment)
        if made is not None and made.epoch == epoch:
            return made
        key = self._ledger.keyring.epoch(compartment, epoch)
        if key is None:
            if not epoch:
                raise NotFound(f"there is no compartment {compartment}")
            raise Unauthorised(self._lacking(compartment))
        return key

    def _lacking(self, compartment: int) -> str:
        return (
            f"this device lacks the present keys of {self.called(compartment)}: an admin who holds them gives them "
            "with `bo device keys`"
        )

    def stream_key(self, share: Share, stream: bytes, epoch: EpochKey) -> tuple[StreamKey, bytes | None]:
        """The key its stream already has in this epoch, or a new one with the row that keeps it."""
        standing = leaves_with_keys(self._ledger, share.kind, share.compartment, stream, last_only=True)
        if standing and standing[-1][0].epoch == epoch.epoch:
            last, wrapped = standing[-1]
            return epoch.unwrap(stream, last.key_id, wrapped), None
        for blob in share.blobs:
            if blob.epoch == epoch.epoch and blob.wrapped:
                return blob.key, blob.wrapped
        key, row = epoch.new_key(stream)
        self._ledger.verifier.streams.made(key.key_id)
        return key, row


def _events(decided: object) -> tuple[Event, ...]:
    if decided is None:
        return ()
    return decided if isinstance(decided, tuple) else (decided,)


def random_id() -> str:
    """A fresh id for a person, device, role or grant."""
    return os.urandom(16).hex()
