"""Leaves: every column survives, every other value is refused, and bytes have one meaning."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import Malformed
from store.leaf import (
    COMMIT,
    CONTROL,
    EVENT,
    JOURNAL,
    LIMIT,
    MAX_LEAF,
    MAX_REFS,
    NO_HASH,
    NO_STREAM,
    ROOM,
    Commit,
    Leaf,
    associated,
    check,
    decode,
    encode,
    leaf_hash,
)

LEDGER = bytes(range(16))
BODY = b"\x5a" * (12 + 32 + 256 + 16)
SAMPLE = Leaf(7, EVENT, 4, 2, b"s" * 16, 3, 2, 11, b"k" * 32, b"c" * 32, b"r" * 64, BODY)
SAMPLES = {
    "event": SAMPLE,
    "journal": SAMPLE._replace(kind=JOURNAL),
    "control": Leaf(1, CONTROL, 0, 0, NO_STREAM, 2, 1, 0, NO_HASH, b"c" * 32, b"", b"{}"),
    "commit": Leaf(2, COMMIT, 0, 0, b"i" * 16, 1, 1, 0, NO_HASH, NO_HASH, b"", b"commit"),
}

numbers = st.integers(0, LIMIT - 1)
places = st.integers(1, (1 << 32) - 1)
sealed = st.builds(
    Leaf,
    idx=numbers,
    kind=st.sampled_from((EVENT, JOURNAL)),
    compartment=places,
    epoch=places,
    stream=st.binary(min_size=16, max_size=16),
    version=st.integers(1, LIMIT - 1),
    events=st.integers(1, 65_535),
    ordinal=numbers,
    key_id=st.binary(min_size=32, max_size=32),
    commitment=st.binary(min_size=32, max_size=32),
    refs=st.integers(0, MAX_REFS).flatmap(lambda n: st.binary(min_size=32 * n, max_size=32 * n)),
    body=st.binary(min_size=len(BODY), max_size=2_000),
)
controls = st.builds(
    lambda idx, version, ordinal, commitment, body: Leaf(
        idx, CONTROL, 0, 0, NO_STREAM, version, 1, ordinal, NO_HASH, commitment, b"", body
    ),
    numbers, st.integers(1, LIMIT - 1), numbers, st.binary(min_size=32, max_size=32), st.binary(max_size=500),
)  # fmt: skip
commits = st.builds(
    lambda idx, name, ordinal, body: Leaf(idx, COMMIT, 0, 0, name, 1, 1, ordinal, NO_HASH, NO_HASH, b"", body),
    numbers, st.binary(min_size=16, max_size=16), numbers, st.binary(max_size=300),
)  # fmt: skip
any_leaf = sealed | controls | commits


@given(any_leaf)
def test_a_leaf_comes_back_as_it_was(leaf: Leaf) -> None:
    raw = encode(LEDGER, leaf)
    assert decode(LEDGER, raw) == leaf
    assert len(raw) <= MAX_LEAF
    assert leaf_hash(LEDGER, leaf) == sha256(b"\0" + raw).digest()


def test_the_bytes_are_those_of_the_format() -> None:
    """Written out by hand from docs/design.md: a reordered or widened column is noticed here."""
    expected = b"".join((
        b"bo.leaf/1\n", LEDGER, (7).to_bytes(8, "big"), b"\x01", (4).to_bytes(4, "big"), (2).to_bytes(4, "big"),
        b"s" * 16, (3).to_bytes(8, "big"), (2).to_bytes(2, "big"), (11).to_bytes(8, "big"), b"k" * 32, b"c" * 32,
        (2).to_bytes(2, "big"), b"r" * 64, len(BODY).to_bytes(4, "big"), BODY,
    ))  # fmt: skip
    assert encode(LEDGER, SAMPLE) == expected
    end = len(expected) - len(BODY) - 4
    unplaced = SAMPLE._replace(idx=0, ordinal=0)
    assert associated(LEDGER, SAMPLE) == encode(LEDGER, unplaced)[:end]


@given(any_leaf, any_leaf)
def test_two_leaves_never_share_their_bytes(one: Leaf, other: Leaf) -> None:
    assert (encode(LEDGER, one) == encode(LEDGER, other)) == (one == other)


OUT_OF_RANGE: dict[str, list[Any]] = {
    "idx": [-1, LIMIT, 1 << 63, 1 << 64, 1 << 200, None, "7", 7.0, True, b"7"],
    "kind": [-1, 0, 5, 255, 256, 1 << 63, None, "1", 1.0],
    "compartment": [-1, 0, 1 << 32, 1 << 63, None, "4", 4.0],
    "epoch": [-1, 0, 1 << 32, None, "2", 2.0],
    "stream": [b"", b"s" * 15, b"s" * 17, b"s" * (1 << 20), None, "s" * 16, 16, bytearray(16)],
    "version": [-1, 0, LIMIT, 1 << 64, None, "3", 3.0],
    "events": [-1, 0, 65_536, 1 << 63, None, "2", 2.0],
    "ordinal": [-1, LIMIT, 1 << 64, None, "11", 11.0],
    "key_id": [b"", b"k" * 31, b"k" * 33, None, "k" * 32, 0],
    "commitment": [b"", b"c" * 31, b"c" * 33, None, "c" * 32, 0],
    "refs": [b"r", b"r" * 31, b"r" * 65, b"r" * 32 * (MAX_REFS + 1), None, "r" * 32, 0],
    "body": [b"", BODY[:-1], b"b" * (ROOM - 63), b"b" * (1 << 24), None, "b" * 316, 0, bytearray(BODY)],
}


@pytest.mark.parametrize("column", Leaf._fields)
def test_every_other_value_of_an_event_is_refused(column: str) -> None:
    check(SAMPLE)
    for value in OUT_OF_RANGE[column]:
        with pytest.raises(Malformed):
            check(SAMPLE._replace(**{column: value}))


FIXED: dict[str, dict[str, list[Any]]] = {
    "control": {
        "compartment": [1], "epoch": [1], "stream": [b"s" * 16], "events": [2], "key_id": [b"k" * 32],
        "refs": [b"r" * 32], "version": [0], "body": [None, b"b" * (ROOM + 1)],
    },
    "commit": {
        "compartment": [1], "epoch": [1], "version": [2], "events": [2], "key_id": [b"k" * 32],
        "commitment": [b"c" * 32], "refs": [b"r" * 32], "body": [None, b"b" * (ROOM + 1)],
    },
    "journal": {"compartment": [0], "epoch": [0], "body": [b""]},
}  # fmt: skip


@pytest.mark.parametrize("name", FIXED)
def test_the_fixed_columns_of_a_kind_are_fixed(name: str) -> None:
    check(SAMPLES[name])
    for column, values in FIXED[name].items():
        for value in values:
            with pytest.raises(Malformed):
                check(SAMPLES[name]._replace(**{column: value}))


def test_the_largest_leaf_fits_and_one_byte_more_does_not() -> None:
    largest = SAMPLE._replace(refs=b"r" * 32 * MAX_REFS, body=b"b" * (ROOM - 32 * MAX_REFS))
    assert len(encode(LEDGER, largest)) == MAX_LEAF
    assert decode(LEDGER, encode(LEDGER, largest)) == largest
    with pytest.raises(Malformed):
        check(largest._replace(body=largest.body + b"b"))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_flipped_bit_is_another_leaf_or_none(name: str) -> None:
    raw = encode(LEDGER, SAMPLES[name])
    for at in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[at] ^= 1 << bit
            _same_or_refused(bytes(changed), raw)


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_and_lengthened_leaves_are_refused(name: str) -> None:
    raw = encode(LEDGER, SAMPLES[name])
    for end in range(len(raw)):
        with pytest.raises(Malformed):
            decode(LEDGER, raw[:end])
    for more in (b"\0", b"x", raw):
        with pytest.raises(Malformed):
            decode(LEDGER, raw + more)
    with pytest.raises(Malformed):
        decode(bytes(16), raw)


@given(st.binary(max_size=700))
@settings(max_examples=300)
def test_arbitrary_bytes_are_no_leaf(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decode(LEDGER, raw)


def _same_or_refused(changed: bytes, raw: bytes) -> None:
    try:
        leaf = decode(LEDGER, changed)
    except Malformed:
        return
    assert encode(LEDGER, leaf) == changed != raw


bodies = st.builds(
    Commit,
    sequence=numbers,
    first=numbers,
    leaves=st.integers(0, (1 << 32) - 1),
    previous_root=st.binary(min_size=32, max_size=32),
    previous_note=st.binary(min_size=32, max_size=32),
    person=st.binary(min_size=16, max_size=16),
    device=st.binary(min_size=16, max_size=16),
    device_key=st.binary(min_size=32, max_size=32),
    claimed=numbers,
    policy=st.integers(0, (1 << 32) - 1),
    flags=st.integers(0, 3),
    tool=st.text(max_size=40),
)
COMMITTED = Commit(5, 40, 3, b"r" * 32, b"n" * 32, b"p" * 16, b"d" * 16, b"k" * 32, 1_769_860_800_000, 1, 2, "bo 1.0")


@given(bodies)
def test_a_commit_comes_back_as_it_was(commit: Commit) -> None:
    assert Commit.decode(commit.encode()) == commit


def test_the_bytes_of_a_commit_are_those_of_the_format() -> None:
    assert COMMITTED.encode() == b"".join((
        b"bo.commit/1\n", (5).to_bytes(8, "big"), (40).to_bytes(8, "big"), (3).to_bytes(4, "big"), b"r" * 32, b"n" * 32,
        b"p" * 16, b"d" * 16, b"k" * 32, (1_769_860_800_000).to_bytes(8, "big"), (1).to_bytes(4, "big"), b"\x02",
        (6).to_bytes(2, "big"), b"bo 1.0",
    ))  # fmt: skip


def test_a_changed_commit_is_another_or_none() -> None:
    raw = COMMITTED.encode()
    for at in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[at] ^= 1 << bit
            try:
                commit = Commit.decode(bytes(changed))
            except Malformed:
                continue
            assert commit.encode() == bytes(changed)
    for end in range(len(raw)):
        with pytest.raises(Malformed):
            Commit.decode(raw[:end])
    with pytest.raises(Malformed):
        Commit.decode(raw + b"\0")


@pytest.mark.parametrize("field", ["sequence", "first", "claimed"])
def test_numbers_of_a_commit_stay_below_2_to_the_53(field: str) -> None:
    beyond: dict[str, Any] = {field: LIMIT}
    with pytest.raises(Malformed):
        Commit.decode(COMMITTED._replace(**beyond).encode())
    with pytest.raises(Malformed):
        Commit.decode(COMMITTED._replace(flags=4).encode())


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_commit(raw: bytes) -> None:
    with pytest.raises(Malformed):
        Commit.decode(raw)
