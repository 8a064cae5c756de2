"""Slots: what the sealing standard says they are, by a second implementation; and open to one device alone."""

from __future__ import annotations

import hmac
import json
from hashlib import sha3_256, sha256, shake_256
from typing import Any

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from store import device as devices
from store import slots
from store.device import Device
from store.errors import KeyRowDamaged, Malformed
from store.seal import EpochKey

LEDGER = bytes(range(16))
X_WING, HKDF_SHA256, AES_256_GCM, CHACHA = 0x647A, 1, 2, 3


def xwing(seed: bytes, x25519: bytes, enc: bytes) -> bytes:
    """Decapsulation of X-Wing (draft-connolly-cfrg-xwing-kem)."""
    mlkem, x = MLKEM768PrivateKey.from_seed_bytes(seed), X25519PrivateKey.from_private_bytes(x25519)
    other = enc[1088:]
    inner, outer = mlkem.decapsulate(enc[:1088]), x.exchange(X25519PublicKey.from_public_bytes(other))
    return sha3_256(inner + outer + other + x.public_key().public_bytes_raw() + b"\\.//^\\").digest()


def schedule(shared: bytes, info: bytes, aead: int) -> tuple[bytes, bytes]:
    """Key and first nonce of RFC 9180, base mode, for KEM 0x647a and HKDF-SHA256."""
    suite = b"HPKE" + b"".join(each.to_bytes(2, "big") for each in (X_WING, HKDF_SHA256, aead))

    def extract(salt: bytes, label: bytes, secret: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")

    def expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac.digest(secret, info + b"\1", "sha256")[:length]

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    return expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)


def vectors() -> list[dict[str, Any]]:
    with cryptography_vectors.open_vector_file("HPKE/hpke-pq-test-vectors.json", "r") as file:
        found = json.load(file)
    return [each for each in found if (each["kem_id"], each["kdf_id"]) == (X_WING, HKDF_SHA256)]


def test_the_second_implementation_agrees_with_the_published_vectors() -> None:
    """There is none for AES-256-GCM with this KEM; the key schedule differs by the number of the AEAD alone."""
    assert vectors()
    for vector in vectors():
        keys = shake_256(bytes.fromhex(vector["skRm"])).digest(96)
        assert slots.public_bytes(keys[:64], keys[64:]).hex() == vector["pkRm"]
        shared = xwing(keys[:64], keys[64:], bytes.fromhex(vector["enc"]))
        assert shared.hex() == vector["shared_secret"]
        key, nonce = schedule(shared, bytes.fromhex(vector["info"]), vector["aead_id"])
        assert (key.hex(), nonce.hex()) == (vector["key"], vector["base_nonce"])
        assert vector["aead_id"] == CHACHA
        for at, sent in enumerate(vector["encryptions"]):
            turn = (int.from_bytes(nonce, "big") ^ at).to_bytes(12, "big")
            assert turn.hex() == sent["nonce"]
            plain = ChaCha20Poly1305(key).decrypt(turn, bytes.fromhex(sent["ct"]), bytes.fromhex(sent["aad"]))
            assert plain.hex() == sent["pt"]


def test_the_second_implementation_opens_our_slots() -> None:
    epoch, device = EpochKey.new(LEDGER, 4, 2), devices.new("bob", LEDGER)
    slot = slots.seal(epoch, device.id, device.kem_public)
    assert len(slot) == slots.SLOT_SIZE
    info = b"".join((
        b"bo.slot/1\n", LEDGER, (4).to_bytes(4, "big"), (2).to_bytes(4, "big"), device.id, b"\1",
        sha256(device.kem_public).digest(), epoch.epoch_commitment,
    ))  # fmt: skip
    enc, sealed = slot[:1120], slot[1120:]
    shared = xwing(bytes.fromhex(device.secrets.mlkem), bytes.fromhex(device.secrets.x25519), enc)
    key, nonce = schedule(shared, info, AES_256_GCM)
    assert AESGCM(key).decrypt(nonce, sealed, b"") == epoch.index_key + epoch.epoch_key


def opened(slot: bytes, key: EpochKey, mine: Device, **other: Any) -> EpochKey:
    wanted: dict[str, Any] = {
        "ledger_id": LEDGER, "compartment": 4, "epoch": 2, "device": mine.id, "kem": mine.kem_public,
        "private": mine.receiver, "epoch_commitment": key.epoch_commitment, "index_commitment": key.index_commitment,
    }  # fmt: skip
    return slots.open_slot(slot, **{**wanted, **other})


@pytest.fixture(scope="module")
def sealed() -> tuple[bytes, EpochKey, Device]:
    epoch, device = EpochKey.new(LEDGER, 4, 2), devices.new("bob", LEDGER)
    return slots.seal(epoch, device.id, device.kem_public), epoch, device


def test_a_slot_gives_its_device_the_keys(sealed: tuple[bytes, EpochKey, Device]) -> None:
    slot, epoch, device = sealed
    found = opened(slot, epoch, device)
    assert (found.index_key, found.epoch_key) == (epoch.index_key, epoch.epoch_key)
    assert slots.seal(epoch, device.id, device.kem_public) != slot


def test_a_slot_changed_anywhere_does_not_open(sealed: tuple[bytes, EpochKey, Device]) -> None:
    slot, epoch, device = sealed
    for at in [*range(0, len(slot), 7), 1087, 1088, 1119, 1120, len(slot) - 17, len(slot) - 1]:
        changed = bytearray(slot)
        changed[at] ^= 1 << (at % 8)
        with pytest.raises(KeyRowDamaged):
            opened(bytes(changed), epoch, device)
    for wrong in (b"", slot[:-1], slot + b"\0", slot[:1120], bytes(len(slot)), slot * 2):
        with pytest.raises(KeyRowDamaged):
            opened(wrong, epoch, device)


def test_a_slot_opens_at_its_place_alone(sealed: tuple[bytes, EpochKey, Device]) -> None:
    slot, epoch, device = sealed
    stranger = devices.new("eve", LEDGER)
    for other in (
        {"ledger_id": bytes(16)}, {"compartment": 5}, {"epoch": 3}, {"device": stranger.id},
        {"kem": stranger.kem_public}, {"private": stranger.receiver},
        {"epoch_commitment": bytes(32)}, {"index_commitment": bytes(32)},
    ):  # fmt: skip
        with pytest.raises(KeyRowDamaged):
            opened(slot, epoch, device, **other)


def test_a_slot_with_other_keys_than_the_log_names_is_refused(sealed: tuple[bytes, EpochKey, Device]) -> None:
    """An author who seals one key and commits to another gives nobody a key that is believed."""
    _, epoch, device = sealed
    liar = EpochKey.new(LEDGER, 4, 2, epoch.index_key)
    forged = EpochKey(LEDGER, 4, 2, liar.index_key, liar.epoch_key)
    forged.__class__ = type("Forged", (EpochKey,), {"epoch_commitment": epoch.epoch_commitment})
    slot = slots.seal(forged, device.id, device.kem_public)
    with pytest.raises(KeyRowDamaged, match="other keys"):
        opened(slot, epoch, device)
    renamed = EpochKey(LEDGER, 4, 2, bytes(32), epoch.epoch_key)
    with pytest.raises(KeyRowDamaged, match="other keys"):
        opened(slots.seal(renamed, device.id, device.kem_public), epoch, device)


def test_what_is_no_public_key_is_refused() -> None:
    device = devices.new("bob", LEDGER)
    raw = device.kem_public
    assert len(raw) == slots.PUBLIC_SIZE
    for wrong in (b"", raw[:-1], raw + b"\0", b"\xff" * len(raw), b"\xff" * 1184 + raw[1184:]):
        with pytest.raises(Malformed):
            slots.public_key(wrong)


SMALL_ORDER = [
    0, 1, 325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823, 2**255 - 20,
]  # fmt: skip
"""The u-coordinates of small order, as https://cr.yp.to/ecdh.html lists them."""


@pytest.mark.parametrize("u", [*SMALL_ORDER, 2**255 - 19, 2**255 - 18, 2**255 + 9])
def test_a_key_of_small_order_or_written_otherwise_is_refused(u: int) -> None:
    device = devices.new("bob", LEDGER)
    slots.check_public_key(device.kem_public)
    with pytest.raises(Malformed, match=r"small order|canonically"):
        slots.check_public_key(device.kem_public[:1184] + u.to_bytes(32, "little"))
