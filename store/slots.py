"""Slots: a compartment's keys sealed to one device, post-quantum hybrid (docs/design.md, 4)."""

import hmac
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

from store.errors import KeyRowDamaged, Malformed
from store.seal import EpochKey, context

SUITE = 1
FIELD = 2**255 - 19
PUBLIC_SIZE, SLOT_SIZE = 1184 + 32, 1088 + 32 + 64 + 16
_HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def private_key(mlkem_seed: bytes, x25519_seed: bytes) -> MLKEM768X25519PrivateKey:
    return MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(mlkem_seed), X25519PrivateKey.from_private_bytes(x25519_seed)
    )


def public_bytes(mlkem_seed: bytes, x25519_seed: bytes) -> bytes:
    """The public key as it stands in the log: ML-KEM-768, then X25519."""
    return (
        MLKEM768PrivateKey.from_seed_bytes(mlkem_seed).public_key().public_bytes_raw()
        + X25519PrivateKey.from_private_bytes(x25519_seed).public_key().public_bytes_raw()
    )


def public_key(raw: bytes) -> MLKEM768X25519PublicKey:
    """Raises Malformed for anything that is not a usable public key."""
    if len(raw) != PUBLIC_SIZE:
        raise Malformed("a key for receiving has the wrong length")
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:1184]), X25519PublicKey.from_public_bytes(raw[1184:])
        )
    except ValueError:
        raise Malformed("a key for receiving is not valid") from None


def check_public_key(raw: bytes) -> None:
    """Raises Malformed for what nobody can seal to: no key, a point of small order, another encoding of one."""
    public_key(raw)
    if int.from_bytes(raw[1184:], "little") >= FIELD:
        raise Malformed("a key for receiving is not written canonically")
    try:
        X25519PrivateKey.from_private_bytes(bytes(32)).exchange(X25519PublicKey.from_public_bytes(raw[1184:]))
    except ValueError:
        raise Malformed("a key for receiving is of small order") from None


def _info(key_context: bytes, device: bytes, kem: bytes, epoch_commitment: bytes) -> bytes:
    return b"".join((b"bo.slot/1\n", key_context, device, bytes([SUITE]), sha256(kem).digest(), epoch_commitment))


def seal(epoch: EpochKey, device: bytes, kem: bytes) -> bytes:
    """The slot that gives `device`, whose public key is `kem`, this epoch of a compartment."""
    info = _info(context(epoch.ledger_id, epoch.compartment, epoch.epoch), device, kem, epoch.epoch_commitment)
    return _HPKE.encrypt(epoch.index_key + epoch.epoch_key, public_key(kem), info)


def open_slot(
    slot: bytes,
    ledger_id: bytes,
    compartment: int,
    epoch: int,
    device: bytes,
    kem: bytes,
    private: MLKEM768X25519PrivateKey,
    epoch_commitment: bytes,
    index_commitment: bytes,
) -> EpochKey:
    """The keys in `slot`. Raises KeyRowDamaged unless both commitments in the log hold."""
    try:
        keys = _HPKE.decrypt(
            slot, private, _info(context(ledger_id, compartment, epoch), device, kem, epoch_commitment)
        )
    except (InvalidTag, ValueError):
        raise KeyRowDamaged(f"the slot of compartment {compartment}, epoch {epoch} does not open") from None
    if len(keys) != 64:
        raise KeyRowDamaged(f"the slot of compartment {compartment}, epoch {epoch} is damaged")
    opened = EpochKey(ledger_id, compartment, epoch, keys[:32], keys[32:])
    if not (
        hmac.compare_digest(opened.epoch_commitment, epoch_commitment)
        and hmac.compare_digest(opened.index_commitment, index_commitment)
    ):
        raise KeyRowDamaged(f"the slot of compartment {compartment}, epoch {epoch} holds other keys than the log says")
    return opened
