from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from store import note, proof, tree
from store.errors import Malformed
from store.tree import EMPTY, Frontier, ProofError

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
ORIGIN = note.origin_of(bytes(16))
NAME = note.key_name(ORIGIN, bytes(16))
LEAVES = [b"leaf %d" % number for number in range(40)]
HASHES = [tree.leaf_hash(leaf) for leaf in LEAVES]


def root(size: int) -> bytes:
    frontier = Frontier()
    frontier.extend(HASHES[:size])
    return frontier.root()


def head(size: int, of: bytes | None = None) -> bytes:
    return note.sign(note.checkpoint_text(ORIGIN, size, of or root(size)), NAME, PRIVATE)


INCLUDED = proof.inclusion(LEAVES[5], 5, HASHES, head(11))
GREW = proof.consistency(6, HASHES, head(11))


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def test_an_inclusion_proof_is_a_tlog_proof_with_the_leaf_in_extra() -> None:
    path = tree.inclusion_proof(HASHES, 5, 11)
    lines = ["c2sp.org/tlog-proof@v1", f"extra {b64(LEAVES[5])}", "index 5", *map(b64, path), ""]
    assert ("\n".join(lines) + "\n").encode() + head(11) == INCLUDED


def test_a_consistency_proof_is_the_body_of_add_checkpoint() -> None:
    lines = ["old 6", *map(b64, tree.consistency_proof(HASHES, 6, 11)), ""]
    assert ("\n".join(lines) + "\n").encode() + head(11) == GREW


def test_the_example_of_the_witness_protocol_is_read_up_to_its_head() -> None:
    body = (
        b"old 20852014\n"
        b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
        b"jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
        b"5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
        b"/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\n"
    ) + head(11)
    found = proof.parse_consistency(body)
    assert (found.old, len(found.hashes), found.hashes[0][:2], found.note) == (20852014, 4, b"\x3e\x54", head(11))


def test_every_leaf_of_every_tree_is_proved() -> None:
    for size in (1, 2, 3, 7, 8, 9, 40):
        for index in range(size):
            data = proof.inclusion(LEAVES[index], index, iter(HASHES), head(size))
            assert proof.check_inclusion(data, ORIGIN, PUBLIC) == LEAVES[index]


def test_every_growth_is_proved() -> None:
    for new in (0, 1, 2, 7, 8, 9, 40):
        for old in range(new + 1):
            data = proof.consistency(old, iter(HASHES), head(new))
            assert proof.check_consistency(data, old, root(old), ORIGIN, PUBLIC).root == root(new)


def test_the_largest_leaf_fits() -> None:
    leaf = b"x" * 65_535
    frontier = Frontier(1, [tree.leaf_hash(leaf)])
    data = proof.inclusion(leaf, 0, frontier.hashes, head(1, frontier.root()))
    assert proof.check_inclusion(data, ORIGIN, PUBLIC) == leaf


def test_a_proof_that_would_not_hold_is_not_written() -> None:
    with pytest.raises(ProofError, match="leaf 4 is not in the tree"):
        proof.inclusion(LEAVES[5], 4, HASHES, head(11))
    with pytest.raises(ProofError, match="no leaf 11"):
        proof.inclusion(LEAVES[11], 11, HASHES, head(11))
    with pytest.raises(ProofError, match="does not begin with 12 leaves"):
        proof.consistency(12, HASHES, head(11))


def test_another_leaf_place_key_or_ledger_is_not_proved() -> None:
    with pytest.raises(ProofError, match="leaf 5 is not in the tree"):
        proof.check_inclusion(INCLUDED.replace(b64(LEAVES[5]).encode(), b64(LEAVES[6]).encode()), ORIGIN, PUBLIC)
    with pytest.raises(ProofError, match="leaf 4 is not in the tree"):
        proof.check_inclusion(INCLUDED.replace(b"index 5", b"index 4"), ORIGIN, PUBLIC)
    with pytest.raises(ProofError, match="another ledger"):
        proof.check_inclusion(INCLUDED, note.origin_of(bytes(15) + b"\1"), PUBLIC)
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    with pytest.raises(ProofError, match="another key"):
        proof.check_inclusion(INCLUDED, ORIGIN, stranger)
    with pytest.raises(ProofError, match="another key"):
        proof.check_consistency(GREW, 6, root(6), ORIGIN, stranger)


def test_growth_from_another_log_is_not_proved() -> None:
    with pytest.raises(ProofError, match="does not begin with the tree of 6"):
        proof.check_consistency(GREW, 6, root(5), ORIGIN, PUBLIC)
    with pytest.raises(ProofError, match="a log of 6 leaves, not 7"):
        proof.check_consistency(GREW, 7, root(7), ORIGIN, PUBLIC)
    same = proof.consistency(11, HASHES, head(11))
    with pytest.raises(ProofError, match="not the same"):
        proof.check_consistency(same, 11, root(10), ORIGIN, PUBLIC)
    shorter = GREW.replace(b"old 6", b"old 12")
    with pytest.raises(ProofError, match="cannot be shown to begin with 12"):
        proof.check_consistency(shorter, 12, root(12), ORIGIN, PUBLIC)


def test_from_nothing_no_proof_is_needed_and_none_may_stand() -> None:
    from_nothing = proof.consistency(0, HASHES, head(11))
    assert proof.check_consistency(from_nothing, 0, EMPTY, ORIGIN, PUBLIC).size == 11
    with pytest.raises(ProofError, match="empty log"):
        proof.check_consistency(from_nothing, 0, root(1), ORIGIN, PUBLIC)
    with pytest.raises(ProofError, match="empty log"):
        proof.check_consistency(GREW.replace(b"old 6", b"old 0"), 0, EMPTY, ORIGIN, PUBLIC)
    with pytest.raises(ProofError, match="empty log"):
        proof.check_consistency(b"old 0\n\n" + head(0, root(1)), 0, EMPTY, ORIGIN, PUBLIC)


INDEX = b"index 5\n"
HASH_LINE = INCLUDED.split(b"\n")[3] + b"\n"
BAD_INCLUSIONS = {
    "empty": b"",
    "another version": INCLUDED.replace(b"@v1", b"@v2"),
    "no leaf": INCLUDED.replace(b"extra " + b64(LEAVES[5]).encode() + b"\n", b""),
    "two leaves": INCLUDED.replace(b"extra", b"extra AAAA\nextra"),
    "leaf not canonical": INCLUDED.replace(b64(LEAVES[5]).encode(), b64(LEAVES[5]).encode() + b"="),
    "no index": INCLUDED.replace(INDEX, b""),
    "leading zero": INCLUDED.replace(INDEX, b"index 05\n"),
    "negative index": INCLUDED.replace(INDEX, b"index -5\n"),
    "no blank": INCLUDED.replace(INDEX, b"index5\n"),
    "huge index": INCLUDED.replace(INDEX, b"index 9007199254740992\n"),
    "CRLF": INCLUDED.replace(b"\n", b"\r\n"),
    "one CR": INCLUDED.replace(INDEX, b"index 5\r\n"),
    "hash too short": INCLUDED.replace(HASH_LINE, b"AAAA\n"),
    "hash not base64": INCLUDED.replace(HASH_LINE, b"!" + HASH_LINE[1:]),
    "64 hashes": INCLUDED.replace(HASH_LINE, HASH_LINE * 64),
    "hash missing": INCLUDED.replace(HASH_LINE, b""),
    "hash doubled": INCLUDED.replace(HASH_LINE, HASH_LINE * 2),
    "no head": INCLUDED.split(b"\n\n")[0],
    "two blank lines": INCLUDED.replace(b"\n\n", b"\n\n\n", 1),
    "final newline missing": INCLUDED[:-1],
    "trailing bytes": INCLUDED + b"x\n",
    "blank line first": b"\n" + INCLUDED,
    "not ASCII": "é".encode() + INCLUDED,
    "too long": INCLUDED.replace(b"extra ", b"extra " + b"AAAA" * 65_536),
}


@pytest.mark.parametrize("data", BAD_INCLUSIONS.values(), ids=BAD_INCLUSIONS.keys())
def test_an_inclusion_proof_written_in_any_other_way_is_refused(data: bytes) -> None:
    assert data != INCLUDED
    with pytest.raises(Malformed):
        proof.check_inclusion(data, ORIGIN, PUBLIC)


@pytest.mark.parametrize(("size", "why"), [(262_144, "a blank line"), (262_145, "at most 262144 bytes, not 262145")])
def test_a_proof_has_at_most_256_kib(size: int, why: str) -> None:
    for parse in (proof.parse_inclusion, proof.parse_consistency):
        with pytest.raises(Malformed, match=why):
            parse(b"x" * size)


BAD_CONSISTENCIES = {
    "empty": b"",
    "no old": GREW.removeprefix(b"old 6\n"),
    "leading zero": GREW.replace(b"old 6", b"old 06"),
    "two blanks": GREW.replace(b"old 6", b"old  6"),
    "blank line first": b"\n\n" + GREW,
    "64 hashes": GREW.replace(b"old 6\n", b"old 6\n" + HASH_LINE * 64),
    "one hash more": GREW.replace(b"old 6\n", b"old 6\n" + HASH_LINE),
    "an empty line": GREW.replace(b"old 6\n", b"old 6\n\n"),
    "trailing bytes": GREW + b"\0",
    "no note": GREW.split(b"\n\n")[0] + b"\n\n",
}


@pytest.mark.parametrize("data", BAD_CONSISTENCIES.values(), ids=BAD_CONSISTENCIES.keys())
def test_a_consistency_proof_written_in_any_other_way_is_refused(data: bytes) -> None:
    assert data != GREW
    with pytest.raises(Malformed):
        proof.check_consistency(data, 6, root(6), ORIGIN, PUBLIC)


@given(st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3), st.booleans())
@example(0, b"", 0, True)
def test_no_edited_proof_is_believed_and_only_our_errors_come_out(at: int, put: bytes, take: int, kind: bool) -> None:
    whole = INCLUDED if kind else GREW
    at %= len(whole)
    edited = whole[:at] + put + whole[at + take :]
    if edited == whole:
        return
    if kind:
        with pytest.raises(Malformed):
            proof.check_inclusion(edited, ORIGIN, PUBLIC)
    else:
        with pytest.raises(Malformed):
            proof.check_consistency(edited, 6, root(6), ORIGIN, PUBLIC)


@given(st.binary(max_size=200))
def test_only_our_errors_come_out_of_any_bytes(data: bytes) -> None:
    for start in (b"", b"old 1\n", b"c2sp.org/tlog-proof@v1\n"):
        with pytest.raises(Malformed):
            proof.parse_inclusion(start + data)
        with pytest.raises(Malformed):
            proof.parse_consistency(start + data)
