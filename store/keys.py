"""The keyring: what this device can open, through its slots and the wrapped keys of streams."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from store import payload as payloads
from store import slots
from store.device import WRONG
from store.errors import KeyProblem, KeyRowDamaged, Malformed
from store.seal import EpochKey, StreamKey

if TYPE_CHECKING:
    from store.backend import Backend
    from store.device import Device
    from store.leaf import Leaf
    from store.payload import Payload
    from store.people import People


class Keyring:
    """Opens compartments for one device. `people` says which slots are genuine."""

    def __init__(self, store: Backend, ledger_id: bytes, device: Device, people: People) -> None:
        self._store, self._ledger_id, self._device = store, ledger_id, device
        self.people = people
        self._epochs: dict[tuple[int, int], EpochKey | None] = {}
        self._names: dict[int, EpochKey] = {}
        self._blinding: dict[int, EpochKey] = {}
        self._slots: dict[tuple[int, int], bytes] = {}
        """Sealed slots that came along with another."""

    def epoch(self, compartment: int, epoch: int) -> EpochKey | None:
        """The keys of an epoch; None when this device was not given them. Raises KeyRowDamaged."""
        at = (compartment, epoch)
        if at not in self._epochs or self._epochs[at] is None:
            self._epochs[at] = self._open(compartment, epoch)
        return self._epochs[at]

    def learn(self, key: EpochKey) -> None:
        """An epoch this device has just made: it can blind names before it is recorded, or is made anew instead."""
        self._names[key.compartment] = self._blinding[key.compartment] = key

    def _open(self, compartment: int, epoch: int) -> EpochKey | None:
        epochs = self.people.compartments.get(compartment, [])
        device = self._device.id.hex()
        if not 0 < epoch <= len(epochs) or device not in epochs[epoch - 1].slots:
            return None
        about, where = epochs[epoch - 1], f"the slot of compartment {compartment}, epoch {epoch}"
        slot = self._slot((compartment, epoch))
        if type(slot) is not bytes or sha256(slot).hexdigest() != about.slots[device]:
            raise KeyRowDamaged(f"{where} is missing or not the one the log names")
        try:
            return slots.open_slot(
                slot, self._ledger_id, compartment, epoch, self._device.id, self._device.kem_public,
                self._device.receiver, bytes.fromhex(about.epoch_commitment), bytes.fromhex(about.index_commitment),
            )  # fmt: skip
        except KeyRowDamaged:
            if self._device.kem_public != self.people.devices[device].kem:
                raise KeyProblem(WRONG) from None
            raise

    def _slot(self, at: tuple[int, int]) -> bytes | None:
        """This device's slot of a compartment and epoch. The newest of its other compartments come along."""
        if at not in self._slots:
            given = {each: self.people.epochs_of(self._device.id.hex(), each) for each in self.people.compartments}
            newest = {(compartment, epochs[-1]) for compartment, epochs in given.items() if epochs}
            self._slots = self._store.slots_of(self._device.id, {at} | (newest - self._epochs.keys()))
        return self._slots.pop(at, None)

    def any_epoch(self, compartment: int) -> EpochKey | None:
        """The newest epoch that opens, for the key that blinds names. Raises KeyRowDamaged where none does.

        Who opened an epoch may have sealed nonsense to the others: those before are as good for this.
        """
        damage: KeyRowDamaged | None = None
        for number in reversed(self.people.epochs_of(self._device.id.hex(), compartment)):
            try:
                return self.epoch(compartment, number)
            except KeyRowDamaged as problem:
                damage = damage or problem
        if damage is not None:
            raise damage
        return self._names.get(compartment)

    def stream_id(self, compartment: int, name: str) -> bytes | None:
        """The blinded name of a stream, None when this device never held the compartment."""
        if compartment not in self._blinding:
            key = self.any_epoch(compartment)
            if key is None:
                return None
            self._blinding[compartment] = key  # names are blinded by the same key in all epochs
        return self._blinding[compartment].stream_id(name)

    def stream_key(self, leaf: Leaf, wrapped: bytes | None) -> StreamKey | None:
        """The key of a leaf's body; None without the epoch's keys. Raises KeyRowDamaged, also for what was shredded."""
        epoch = self.epoch(leaf.compartment, leaf.epoch)
        return None if epoch is None else self._unwrap(epoch, leaf, wrapped)

    def _unwrap(self, epoch: EpochKey, leaf: Leaf, wrapped: bytes | None) -> StreamKey:
        if (leaf.compartment, leaf.stream) in self.people.shredded:  # its rows may not be deleted yet
            raise KeyRowDamaged("the stream was shredded")
        return epoch.unwrap(leaf.stream, leaf.key_id, wrapped)

    def read(self, leaf: Leaf, wrapped: bytes | None) -> Payload | None:
        """What a leaf says; None without the epoch's keys.

        Raises KeyRowDamaged when its key row is missing or wrong, Malformed when the content is.
        """
        epoch = self.epoch(leaf.compartment, leaf.epoch)
        if epoch is None:
            return None
        payload = payloads.decode(self._unwrap(epoch, leaf, wrapped).open(self._ledger_id, leaf)[0])
        if epoch.stream_id(payload.stream) != leaf.stream:
            raise Malformed("the stream's name is not the one its leaf blinds")
        if len(payload.events) != leaf.events:
            raise Malformed("there are other events than the leaf counts")
        wrong = payloads.misplaced(payload, leaf.kind, leaf.compartment)
        if wrong:
            raise Malformed(wrong)
        if payload.stream.startswith("erasure/") and any(
            payload.stream != f"erasure/{event.stream}"
            or (leaf.compartment, epoch.stream_id(event.stream)) not in self.people.shredded
            for event in payload.events
        ):
            raise Malformed(f"{payload.stream} says that something was erased which was not")
        return payload
