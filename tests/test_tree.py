import json
import os
from base64 import b64decode
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from store import tree
from store.errors import Malformed
from store.tree import EMPTY, Frontier, ProofError

VECTORS = Path(os.environ.get("BO_SHARED", Path(__file__).parents[2] / "shared/data")) / "merkle"

LEAVES = [b"leaf %d" % number for number in range(130)]
HASHES = [tree.leaf_hash(leaf) for leaf in LEAVES]
EDGES = sorted({0, 1} | {2**power + step for power in range(1, 8) for step in (-1, 0, 1)})


def root(size: int) -> bytes:
    """The definition of RFC 6962, 2.1."""
    return subtree(0, size)


def subtree(start: int, end: int) -> bytes:
    if start == end:
        return EMPTY
    if end - start == 1:
        return HASHES[start]
    half = 1
    while half * 2 < end - start:
        half *= 2
    return tree.node_hash(subtree(start, start + half), subtree(start + half, end))


def subproof(old: int, start: int, end: int, complete: bool) -> list[bytes]:
    """The definition of RFC 6962, 2.1.2, with `old` counted from `start`."""
    if old == end - start:
        return [] if complete else [subtree(start, end)]
    half = 1
    while half * 2 < end - start:
        half *= 2
    if old <= half:
        return [*subproof(old, start, start + half, complete), subtree(start + half, end)]
    return [*subproof(old - half, start + half, end, False), subtree(start, start + half)]


def reference(leaves: list[bytes]) -> InmemoryTree:
    other = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        other.append_entry(leaf)
    return other


def vectors(name: str) -> list[dict[str, Any]]:
    if not VECTORS.is_dir():
        pytest.skip("the public vectors are not here: set BO_SHARED to the folder that holds merkle/")
    cases: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())
    assert len(cases) == 98
    return cases


def proof_of(case: dict[str, Any]) -> list[bytes]:
    return [b64decode(each) for each in case["proof"] or []]


def wrong(verdicts: Iterator[tuple[str, bool, bool]]) -> list[str]:
    return [name for name, refused, wanted in verdicts if refused is not wanted]


def refuses(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except ProofError:
        return True
    return False


def test_public_inclusion_vectors() -> None:
    verdicts = (
        (
            case["case"],
            refuses(
                tree.verify_inclusion,
                case["leafIdx"],
                case["treeSize"],
                b64decode(case["leafHash"]),
                proof_of(case),
                b64decode(case["root"]),
            ),
            case["wantErr"],
        )
        for case in vectors("inclusion")
    )
    assert wrong(verdicts) == []


def test_public_consistency_vectors() -> None:
    verdicts = (
        (
            case["case"],
            refuses(
                tree.verify_consistency,
                case["size1"],
                case["size2"],
                proof_of(case),
                b64decode(case["root1"]),
                b64decode(case["root2"]),
            ),
            case["wantErr"],
        )
        for case in vectors("consistency")
    )
    assert wrong(verdicts) == []


def test_the_empty_tree_and_one_leaf() -> None:
    assert Frontier().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert tree.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize("size", EDGES)
def test_roots_are_those_of_the_definition_and_of_pymerkle(size: int) -> None:
    one_by_one, at_once = Frontier(), Frontier()
    for each in HASHES[:size]:
        one_by_one.append(each)
    at_once.extend(iter(HASHES[:size]))
    assert one_by_one.to_bytes() == at_once.to_bytes()
    assert one_by_one.size == size
    assert one_by_one.root() == at_once.root() == root(size) == reference(LEAVES[:size]).get_root()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=70), st.data())
def test_proofs_on_random_histories_are_those_of_pymerkle(leaves: list[bytes], data: st.DataObject) -> None:
    other = reference(leaves)
    hashes = [tree.leaf_hash(leaf) for leaf in leaves]
    size = data.draw(st.integers(1, len(leaves)))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    path = tree.inclusion_proof(iter(hashes), index, size)
    base, *expected = other.prove_inclusion(index + 1, size).path
    assert (base, expected) == (hashes[index], path)
    tree.verify_inclusion(index, size, hashes[index], path, other.get_root(size))
    growth = tree.consistency_proof(iter(hashes), old, size)
    tree.verify_consistency(old, size, growth, other.get_root(old), other.get_root(size))


def test_consistency_proofs_are_those_of_the_definition() -> None:
    for new in range(1, 34):
        for old in range(1, new + 1):
            proof = tree.consistency_proof(HASHES, old, new)
            assert proof == subproof(old, 0, new, True)
            tree.verify_consistency(old, new, proof, root(old), root(new))


def test_a_proof_is_true_of_one_leaf_one_place_and_one_tree() -> None:
    for size in EDGES[2:15]:
        for index in range(size):
            proof = tree.inclusion_proof(HASHES, index, size)
            tree.verify_inclusion(index, size, HASHES[index], proof, root(size))
            for other in range(size + 3):
                if other != index:
                    assert refuses(tree.verify_inclusion, other, size, HASHES[index], proof, root(size))
            assert refuses(tree.verify_inclusion, index, size, HASHES[size], proof, root(size))
            assert refuses(tree.verify_inclusion, index, size, HASHES[index], proof, root(size + 1))
            assert refuses(tree.verify_inclusion, index, size, HASHES[index], proof[:-1], root(size))
            assert refuses(tree.verify_inclusion, index, size, HASHES[index], [*proof, EMPTY], root(size))


@given(st.integers(2, 64), st.data())
def test_a_changed_consistency_proof_is_refused(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    proof = tree.consistency_proof(HASHES, old, new)
    assert refuses(tree.verify_consistency, old, new, proof[:-1], root(old), root(new))
    assert refuses(tree.verify_consistency, old, new, [*proof, EMPTY], root(old), root(new))
    assert refuses(tree.verify_consistency, old, new, proof, root(new), root(old))
    at, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(proof[at], "big") ^ 1 << bit).to_bytes(32, "big")
    assert refuses(tree.verify_consistency, old, new, [*proof[:at], flipped, *proof[at + 1 :]], root(old), root(new))


def test_hashes_of_another_length_are_refused_even_where_they_would_be_joined_to_the_same_bytes() -> None:
    left, right = HASHES[0], HASHES[1]
    tree.verify_inclusion(0, 2, left, [right], root(2))
    with pytest.raises(ProofError, match="32 bytes"):
        tree.verify_inclusion(0, 2, left[:31], [left[31:] + right], root(2))
    with pytest.raises(ProofError, match="32 bytes"):
        tree.verify_consistency(1, 2, [right + b"\0"], left, root(2))


def test_two_histories_have_no_proof() -> None:
    forked = [*HASHES[:10], *reversed(HASHES[10:20])]
    other = Frontier()
    other.extend(forked)
    with pytest.raises(ProofError, match="does not begin with the tree of 15 leaves"):
        tree.verify_consistency(15, 20, tree.consistency_proof(forked, 15, 20), root(15), other.root())


def test_proofs_need_all_leaves_and_places_inside_the_tree() -> None:
    with pytest.raises(ProofError, match="fewer than 8 leaf hashes"):
        tree.inclusion_proof(HASHES[:7], 1, 8)
    with pytest.raises(ProofError, match="there is no leaf 8 in a tree of 8 leaves"):
        tree.inclusion_proof(HASHES, 8, 8)
    with pytest.raises(ProofError, match="does not begin with 9 leaves"):
        tree.consistency_proof(HASHES, 9, 8)
    with pytest.raises(ProofError, match="there is no leaf"):
        tree.verify_inclusion(2**53, 2**53 + 1, EMPTY, [EMPTY] * 54, EMPTY)


def test_a_frontier_survives_being_stored_and_copied() -> None:
    frontier = Frontier()
    stored = []
    for each in HASHES:
        stored.append(frontier.to_bytes())
        copy = frontier.copy()
        frontier.append(each)
        assert (copy.size, copy.to_bytes()) == (frontier.size - 1, stored[-1])
    for before, after in pairwise(stored):
        restored = Frontier.from_bytes(before)
        restored.append(HASHES[restored.size])
        assert restored.to_bytes() == after


def test_a_broken_source_of_leaves_leaves_the_frontier_whole() -> None:
    def broken() -> Iterator[bytes]:
        yield from HASHES[:5]
        raise OSError

    frontier = Frontier()
    with pytest.raises(OSError):
        frontier.extend(broken())
    assert (frontier.size, frontier.root()) == (5, root(5))


@given(st.binary(max_size=200))
@example(b"")
@example(bytes(7))
@example(bytes(7) + b"\3" + bytes(32))
@example(bytes(7) + b"\1" + bytes(33))
@example(b"\x00\x20" + bytes(6) + bytes(32))
def test_only_exact_bytes_are_a_frontier(data: bytes) -> None:
    try:
        frontier = Frontier.from_bytes(data)
    except Malformed:
        return
    assert frontier.to_bytes() == data
    assert len(data) == 8 + 32 * frontier.size.bit_count()
    assert frontier.size < 2**53
