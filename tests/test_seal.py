"""Sealing: the primitives are the published ones, a body opens in its own place alone, and under one key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from store.errors import KeyRowDamaged, Malformed
from store.leaf import EVENT, JOURNAL, Leaf, associated
from store.seal import MAX_PADDED, EpochKey, StreamKey, expand, mac, padded_size, stream_id, unpad

LEDGER = bytes(range(16))
STREAM = b"s" * 16
EPOCH = EpochKey(LEDGER, 4, 2, b"i" * 32, b"e" * 32)


def fields(path: str) -> Iterator[dict[str, str]]:
    """The `Name = value` lines in a file of published vectors; a vector ends where a name comes again."""
    with cryptography_vectors.open_vector_file(path, "r") as file:
        found: dict[str, str] = {}
        for name, equals, value in (line.partition("=") for line in file if not line.startswith(("#", "["))):
            if name.strip() in found:
                yield found
                found = {}
            if equals:
                found[name.strip()] = value.strip()
        yield found


def raw(vector: dict[str, str], name: str) -> bytes:
    return bytes.fromhex(vector.get(name, ""))


# the primitives


def test_mac_is_the_hmac_of_rfc_4231() -> None:
    done = 0
    for each in fields("HMAC/rfc-4231-sha256.txt"):
        if len(raw(each, "Key")) <= 64:  # ours takes no longer key: none is ever used
            assert mac(raw(each, "Key"), raw(each, "Msg")).hex().startswith(each["MD"])
            done += 1
    assert done >= 4


def test_expand_is_the_hkdf_of_rfc_5869() -> None:
    done = 0
    for path in ("KDF/rfc-5869-HKDF-SHA256.txt", "KDF/hkdf-generated.txt"):
        for each in fields(path):
            prk = mac(raw(each, "salt").ljust(32, b"\0"), raw(each, "IKM")) if len(raw(each, "salt")) <= 64 else b""
            assert prk.hex() in ("", each.get("PRK", prk.hex()))
            prk = prk or raw(each, "PRK")
            assert expand(prk, raw(each, "info"), int(each["L"])) == raw(each, "OKM")
            done += 1
    assert done >= 4


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(1, 8_160))
def test_mac_and_expand_agree_with_the_library(key: bytes, info: bytes, length: int) -> None:
    theirs = HMAC(key, SHA256())
    theirs.update(info)
    assert mac(key, info) == theirs.finalize()
    assert expand(key, info, length) == HKDFExpand(SHA256(), length, info).derive(key)


def test_the_siv_mode_is_the_published_one() -> None:
    done = 0
    for each in fields("ciphers/AES/SIV/openssl.txt"):
        key = raw(each, "Key")
        extra = [raw(each, name) for name in ("AAD", "AAD2", "AAD3") if name in each]
        if len(key) == 64 and each.get("Plaintext"):
            sealed = AESSIV(key).encrypt(raw(each, "Plaintext"), extra)
            assert sealed == raw(each, "Tag") + raw(each, "Ciphertext")
            done += 1
    assert done


def test_the_gcm_mode_is_the_published_one() -> None:
    done = 0
    with cryptography_vectors.open_vector_file("ciphers/AES/GCM/gcmEncryptExtIV256.rsp", "r") as file:
        text = file.read()
    for section in text.split("[Keylen = 256]")[1:]:
        if "[IVlen = 96]" in section and "[Taglen = 128]" in section:
            for part in section.split("Count = ")[1:]:
                each = {
                    name.strip(): value.strip()
                    for name, _, value in (line.partition("=") for line in part.splitlines())
                }
                sealed = AESGCM(raw(each, "Key")).encrypt(raw(each, "IV"), raw(each, "PT"), raw(each, "AAD"))
                assert sealed == raw(each, "CT") + raw(each, "Tag")
                done += 1
    assert done > 100


# what is derived, written once more from docs/design.md with the library's own HKDF


def derived(key: bytes, label: bytes, length: int = 32) -> bytes:
    return HKDFExpand(SHA256(), length, label).derive(key)


def test_every_derivation_is_the_documented_one() -> None:
    prefix = LEDGER + (4).to_bytes(4, "big") + (2).to_bytes(4, "big")
    context = prefix + STREAM
    key, wrapped = EPOCH.new_key(STREAM)
    [dek] = [AESSIV(derived(b"e" * 32, b"bo.wrap/1\n" + prefix, 64)).decrypt(wrapped, [context + key.key_id])]
    assert key.key_id == derived(dek, b"bo.key-id/1\n" + context)
    assert key.blob_key == derived(dek, b"bo.blob-key/1\n" + context)
    assert EPOCH.epoch_commitment == derived(b"e" * 32, b"bo.epoch/1\n" + prefix)
    assert EPOCH.index_commitment == derived(b"i" * 32, b"bo.index/1\n" + LEDGER + (4).to_bytes(4, "big"))
    name = HMAC(b"i" * 32, SHA256())
    name.update("customer/Ä-1".encode())
    assert stream_id(b"i" * 32, "customer/Ä-1") == name.finalize()[:16]

    leaf = key.seal(LEDGER, unsealed(), b"what is said")
    plain = AESGCM(derived(dek, b"bo.event-key/1\n" + context)).decrypt(
        leaf.body[:12], leaf.body[12:], associated(LEDGER, leaf)
    )
    salt, padded = plain[:32], plain[32:]
    commitment = HMAC(salt, SHA256())
    commitment.update(padded)
    assert leaf.commitment == commitment.finalize()
    assert padded == b"what is said\x80".ljust(256, b"\0")


# bodies


def unsealed(kind: int = EVENT) -> Leaf:
    return Leaf(9, kind, 4, 2, STREAM, 3, 1, 12, b"", b"", b"r" * 64, b"")


@pytest.fixture(scope="module")
def sealed() -> tuple[StreamKey, Leaf]:
    key, _ = EPOCH.new_key(STREAM)
    return key, key.seal(LEDGER, unsealed(), b"what is said")


def test_what_was_sealed_opens(sealed: tuple[StreamKey, Leaf]) -> None:
    key, leaf = sealed
    said, salt = key.open(LEDGER, leaf)
    assert said == b"what is said"
    assert mac(salt, said + b"\x80" + bytes(256 - len(said) - 1)) == leaf.commitment
    assert leaf.key_id == key.key_id


CHANGED: dict[str, list[Callable[[Leaf], Any]]] = {
    "kind": [lambda leaf: JOURNAL],
    "compartment": [lambda leaf: 5, lambda leaf: 1 << 31],
    "epoch": [lambda leaf: 1, lambda leaf: 3],
    "stream": [lambda leaf: b"t" * 16],
    "version": [lambda leaf: leaf.version + 1, lambda leaf: leaf.version - 1],
    "events": [lambda leaf: 2],
    "key_id": [lambda leaf: bytes(32), lambda leaf: leaf.commitment],
    "commitment": [lambda leaf: bytes(32), lambda leaf: leaf.commitment[:12] + bytes(20)],
    "refs": [lambda leaf: b"", lambda leaf: leaf.refs[:32], lambda leaf: leaf.refs[::-1] + b"r" * 32],
    "body": [
        lambda leaf: b"", lambda leaf: leaf.body[:-1], lambda leaf: leaf.body + b"\0", lambda leaf: leaf.body[:11],
        lambda leaf: bytes(len(leaf.body)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("column", CHANGED)
def test_a_body_opens_in_its_own_place_alone(sealed: tuple[StreamKey, Leaf], column: str) -> None:
    key, leaf = sealed
    for change in CHANGED[column]:
        with pytest.raises(Malformed):
            key.open(LEDGER, leaf._replace(**{column: change(leaf)}))
    with pytest.raises(Malformed):
        key.open(bytes(16), leaf)


def test_only_index_and_ordinal_may_move(sealed: tuple[StreamKey, Leaf]) -> None:
    """A lost race seals nothing anew; what stands there is in the leaf's hash instead."""
    key, leaf = sealed
    assert key.open(LEDGER, leaf._replace(idx=1_000, ordinal=5_000))[0] == b"what is said"


@pytest.mark.parametrize("column", ["stream", "key_id", "commitment", "refs", "body"])
def test_every_flipped_byte_is_refused(sealed: tuple[StreamKey, Leaf], column: str) -> None:
    key, leaf = sealed
    value = getattr(leaf, column)
    for at in range(len(value)):
        changed = bytearray(value)
        changed[at] ^= 1 << (at % 8)
        other: dict[str, Any] = {column: bytes(changed)}
        with pytest.raises(Malformed):
            key.open(LEDGER, leaf._replace(**other))


def test_a_commitment_to_other_content_is_refused_even_by_its_author() -> None:
    """Whoever has the key can encrypt what he likes, but not commit to one thing and say another."""
    key, _ = EPOCH.new_key(STREAM)
    other = key.seal(LEDGER, unsealed(), b"another")
    lying = unsealed()._replace(key_id=key.key_id, commitment=other.commitment)
    nonce = other.commitment[:12]
    for salt, padded in ((bytes(32), b"x\x80".ljust(256, b"\0")), (b"", b""), (bytes(32), b"")):
        body = nonce + key.cipher.encrypt(nonce, salt + padded, associated(LEDGER, lying))
        with pytest.raises(Malformed):
            key.open(LEDGER, lying._replace(body=body))


def test_the_nonce_comes_from_the_content_and_differs_each_time() -> None:
    key, _ = EPOCH.new_key(STREAM)
    leaves = [key.seal(LEDGER, unsealed(), b"the same") for _ in range(500)]
    assert all(leaf.body[:12] == leaf.commitment[:12] for leaf in leaves)
    assert len({leaf.body[:12] for leaf in leaves}) == len(leaves)


def test_even_with_the_same_salt_other_content_has_another_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was cloned or restored repeats its random numbers, never a nonce over other content."""
    key, _ = EPOCH.new_key(STREAM)
    monkeypatch.setattr("os.urandom", bytes)
    nonces = {key.seal(LEDGER, unsealed(), f"content {n}".encode()).body[:12] for n in range(200)}
    assert len(nonces) == 200


# one leaf, one key


def test_a_leaf_never_opens_under_a_second_key() -> None:
    """Each key row opens what was sealed with it, and nothing else."""
    key, wrapped = EPOCH.new_key(STREAM)
    other, other_wrapped = EPOCH.new_key(STREAM)
    leaf = key.seal(LEDGER, unsealed(), b"what is said")
    assert EPOCH.unwrap(STREAM, leaf.key_id, wrapped).open(LEDGER, leaf)[0] == b"what is said"
    with pytest.raises(KeyRowDamaged):
        EPOCH.unwrap(STREAM, leaf.key_id, other_wrapped)
    with pytest.raises(Malformed):
        other.open(LEDGER, leaf)


def test_a_key_row_that_unwraps_to_another_key_is_refused() -> None:
    """An insider wraps another key under the key_id a leaf names: the commitment is computed again."""
    prefix = LEDGER + (4).to_bytes(4, "big") + (2).to_bytes(4, "big")
    wrapper = AESSIV(derived(b"e" * 32, b"bo.wrap/1\n" + prefix, 64))
    key, _ = EPOCH.new_key(STREAM)
    for dek in (b"d" * 32, b"d" * 16, b"", b"d" * 64):
        with pytest.raises(KeyRowDamaged):
            EPOCH.unwrap(STREAM, key.key_id, wrapper.encrypt(dek, [prefix + STREAM + key.key_id]) if dek else b"")


def times(a: int, b: int) -> int:
    """The product in the field of GCM, whose bits run from the left."""
    product = 0
    for bit in range(127, -1, -1):
        if b >> bit & 1:
            product ^= a
        a = a >> 1 ^ (0xE1 << 120 if a & 1 else 0)
    return product


def power(a: int, exponent: int) -> int:
    found = 1 << 127
    while exponent:
        if exponent & 1:
            found = times(found, a)
        a, exponent = times(a, a), exponent >> 1
    return found


def block(key: bytes, counter: bytes) -> int:
    return int.from_bytes(Cipher(AES(key), ECB()).encryptor().update(counter), "big")


def forked(one: bytes, two: bytes, nonce: bytes, data: bytes, blocks: int) -> bytes:
    """A ciphertext with its tag that AES-GCM accepts under both keys: one block of it solves a linear equation."""
    places, sums = [], []
    for key in (one, two):
        h, tag = block(key, bytes(16)), block(key, nonce + b"\0\0\0\1")
        padded = data + bytes(-len(data) % 16) + bytes(16 * blocks)
        padded += (8 * len(data)).to_bytes(8, "big") + (8 * 16 * blocks).to_bytes(8, "big")
        total = 0
        for at in range(0, len(padded), 16):
            total = times(total ^ int.from_bytes(padded[at : at + 16], "big"), h)
        places.append(power(h, 2))  # the last block before the lengths
        sums.append(total ^ tag)
    solved = times(sums[0] ^ sums[1], power(places[0] ^ places[1], 2**128 - 2))
    tag = sums[0] ^ times(solved, places[0])
    return bytes(16 * (blocks - 1)) + solved.to_bytes(16, "big") + tag.to_bytes(16, "big")


def test_a_body_that_gcm_opens_under_two_keys_is_refused() -> None:
    """GCM alone can be made to say two things. Here the key row and the content's commitment say which one."""
    prefix = LEDGER + (4).to_bytes(4, "big") + (2).to_bytes(4, "big")
    keys = [StreamKey(bytes([n]) * 32, prefix + STREAM) for n in (1, 2)]
    inner = [derived(bytes([n]) * 32, b"bo.event-key/1\n" + prefix + STREAM) for n in (1, 2)]
    leaf = unsealed()._replace(key_id=keys[0].key_id, commitment=b"c" * 32)
    body = leaf.commitment[:12] + forked(inner[0], inner[1], leaf.commitment[:12], associated(LEDGER, leaf), 18)
    said = [AESGCM(key).decrypt(body[:12], body[12:], associated(LEDGER, leaf)) for key in inner]
    assert said[0] != said[1]  # the attack works on what we stand on
    for key in keys:
        with pytest.raises(Malformed, match="commits to"):
            key.open(LEDGER, leaf._replace(body=body))
    wrapper = AESSIV(derived(b"e" * 32, b"bo.wrap/1\n" + prefix, 64))
    with pytest.raises(KeyRowDamaged, match="commits to"):
        EPOCH.unwrap(STREAM, leaf.key_id, wrapper.encrypt(b"\2" * 32, [prefix + STREAM + leaf.key_id]))


def test_a_key_row_belongs_to_its_stream_epoch_compartment_and_ledger() -> None:
    key, wrapped = EPOCH.new_key(STREAM)
    assert EPOCH.unwrap(STREAM, key.key_id, wrapped).key_id == key.key_id
    for other in (
        EpochKey(bytes(16), 4, 2, b"i" * 32, b"e" * 32), EpochKey(LEDGER, 5, 2, b"i" * 32, b"e" * 32),
        EpochKey(LEDGER, 4, 3, b"i" * 32, b"e" * 32), EpochKey(LEDGER, 4, 2, b"i" * 32, b"f" * 32),
    ):  # fmt: skip
        with pytest.raises(KeyRowDamaged):
            other.unwrap(STREAM, key.key_id, wrapped)
    for at in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[at] ^= 1
        with pytest.raises(KeyRowDamaged):
            EPOCH.unwrap(STREAM, key.key_id, bytes(changed))
    for stream, name, row in (
        (b"t" * 16, key.key_id, wrapped), (STREAM, bytes(32), wrapped), (STREAM, key.key_id, None),
        (STREAM, key.key_id, b""), (STREAM, key.key_id, wrapped[:-1]), (STREAM, key.key_id, wrapped + b"\0"),
    ):  # fmt: skip
        with pytest.raises(KeyRowDamaged):
            EPOCH.unwrap(stream, name, row)


# padding


@given(st.integers(0, MAX_PADDED - 1))
def test_padded_lengths_are_those_of_padme(length: int) -> None:
    size = padded_size(length)
    assert size > length
    if size <= 4096:
        assert size % 256 == 0
        assert size - length <= 256
    else:  # Padmé: as many significant bits as the exponent has
        exponent = size.bit_length() - 1
        assert size & ((1 << (exponent - exponent.bit_length())) - 1) == 0
        assert size <= (length + 1) * 1.12
    assert padded_size(size - 1) == size


def test_padding_hides_the_length() -> None:
    assert len({padded_size(length) for length in range(MAX_PADDED)}) < 120
    assert padded_size(MAX_PADDED - 1) == MAX_PADDED


@given(st.binary(max_size=9_000))
def test_what_was_padded_is_unpadded(payload: bytes) -> None:
    padded = (payload + b"\x80").ljust(padded_size(len(payload)), b"\0")
    assert unpad(padded) == payload


@given(st.binary(max_size=6_000), st.integers(-600, 600).filter(bool))
def test_only_the_canonical_padding_is_accepted(payload: bytes, off: int) -> None:
    size = padded_size(len(payload)) + off
    if size > len(payload):
        with pytest.raises(Malformed):
            unpad((payload + b"\x80").ljust(size, b"\0"))
    with pytest.raises(Malformed):
        unpad(payload.ljust(padded_size(len(payload)), b"\0").replace(b"\x80", b"\x81"))


@pytest.mark.parametrize(
    "padded", [b"", b"\0", bytes(256), b"\x80", b"\x80" * 255, b"x" * 256, b"\x80".ljust(512, b"\0")]
)
def test_what_is_no_padding_is_refused(padded: bytes) -> None:
    with pytest.raises(Malformed):
        unpad(padded)


def test_the_largest_content_fits_and_one_byte_more_is_refused() -> None:
    key, _ = EPOCH.new_key(STREAM)
    largest = b"x" * (MAX_PADDED - 1)
    leaf = key.seal(LEDGER, unsealed(), largest)
    assert key.open(LEDGER, leaf)[0] == largest
    with pytest.raises(Malformed, match="too long"):
        key.seal(LEDGER, unsealed(), largest + b"x")
