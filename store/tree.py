"""The hash tree over all leaves (RFC 6962, RFC 9162, SHA-256): its root, and proofs about it."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import islice

from store.errors import Malformed

EMPTY = sha256(b"").digest()
"""The root of the tree without leaves."""

LIMIT = 2**53
"""Every size and index is below it."""


class ProofError(Malformed):
    """A proof or a signature does not show what it should show."""


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a tree: enough to append to it and to know its root.

    `hashes` holds one hash for each bit set in `size`: the roots of the perfect subtrees,
    the largest first.
    """

    __slots__ = ("_root", "hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        self._root: tuple[int, bytes] = (0, EMPTY)
        """The size at which the root was asked for last, and what it was."""
        if not 0 <= size < LIMIT or len(self.hashes) != size.bit_count():
            raise Malformed(f"a tree of {size} leaves does not have {len(self.hashes)} subtrees")

    def append(self, leaf_hash: bytes) -> None:
        hashes = self.hashes
        size = self.size
        self.size = size + 1
        while size & 1:
            leaf_hash = sha256(b"\x01" + hashes.pop() + leaf_hash).digest()
            size >>= 1
        hashes.append(leaf_hash)

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """The same as `append` for each, faster."""
        digest_of, hashes = sha256, self.hashes
        push, pop = hashes.append, hashes.pop
        size = self.size
        try:
            for digest in leaf_hashes:
                bits = size
                while bits & 1:
                    digest = digest_of(b"\x01" + pop() + digest).digest()
                    bits >>= 1
                push(digest)
                size += 1
        finally:
            self.size = size

    def root(self) -> bytes:
        if self._root[0] != self.size:
            *larger, root = self.hashes
            for left in reversed(larger):
                root = node_hash(left, root)
            self._root = (self.size, root)
        return self._root[1]

    def copy(self) -> "Frontier":
        other = Frontier(self.size, self.hashes)
        other._root = self._root
        return other

    def to_bytes(self) -> bytes:
        return self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Frontier":
        size, rest = int.from_bytes(data[:8], "big"), data[8:]
        if len(data) < 8 or len(rest) % 32:
            raise Malformed(f"{len(data)} bytes are not the right edge of a tree")
        return cls(size, (rest[at : at + 32] for at in range(0, len(rest), 32)))


def inclusion_proof(hashes: Iterable[bytes], index: int, size: int) -> list[bytes]:
    """The path from leaf `index` to the root of the first `size` leaves, read once from the first leaf hash on."""
    if not 0 <= index < size < LIMIT:
        raise ProofError(f"there is no leaf {index} in a tree of {size} leaves")
    start, end = 0, size
    siblings: list[tuple[int, int]] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    return _roots(hashes, siblings[::-1])


def consistency_proof(hashes: Iterable[bytes], old: int, new: int) -> list[bytes]:
    """What shows that the first `new` leaves begin with the first `old`, read once from the first leaf hash on."""
    if not 0 <= old <= new < LIMIT:
        raise ProofError(f"a tree of {new} leaves does not begin with {old} leaves")
    if old in (0, new):
        return []
    start, end = 0, new
    parts: list[tuple[int, int]] = []
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            parts.append((middle, end))
            end = middle
        else:
            parts.append((start, middle))
            start = middle
    if start:  # else the remaining part is the old tree, whose root the reader has
        parts.append((start, end))
    return _roots(hashes, parts[::-1])


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise ProofError unless `proof` leads from the leaf to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size < LIMIT:
        raise ProofError(f"there is no leaf {index} in a tree of {size} leaves")
    _check_lengths([leaf_hash, *proof])
    node, last = index, size - 1
    digest = leaf_hash
    for sibling in proof:
        if not last:
            raise ProofError("the inclusion proof is too long")
        if node & 1 or node == last:
            digest = node_hash(sibling, digest)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            digest = node_hash(digest, sibling)
        node >>= 1
        last >>= 1
    if last:
        raise ProofError("the inclusion proof is too short")
    if digest != root:
        raise ProofError(f"leaf {index} is not in the tree of {size} leaves with this root")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Raise ProofError unless `proof` shows that the new tree begins with the old one (RFC 9162, 2.1.4.2).

    An old tree without leaves proves nothing and is refused.
    """
    if not 0 < old <= new < LIMIT:
        raise ProofError(f"a tree of {new} leaves cannot be shown to begin with {old} leaves")
    _check_lengths(proof)
    if old == new:
        if proof or old_root != new_root:
            raise ProofError(f"two trees of {new} leaves are not the same")
        return
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise ProofError("the consistency proof is too short")
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    before = after = path[0]
    for part in path[1:]:
        if not last:
            raise ProofError("the consistency proof is too long")
        if node & 1 or node == last:
            before = node_hash(part, before)
            after = node_hash(part, after)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            after = node_hash(after, part)
        node >>= 1
        last >>= 1
    if last:
        raise ProofError("the consistency proof is too short")
    if before != old_root or after != new_root:
        raise ProofError(f"the tree of {new} leaves does not begin with the tree of {old} leaves")


def _split(size: int) -> int:
    """The largest power of two below `size`: where RFC 6962 divides a tree."""
    return 1 << (size - 1).bit_length() - 1


def _roots(hashes: Iterable[bytes], ranges: list[tuple[int, int]]) -> list[bytes]:
    """The root of each range of leaves, in the order given; no two overlap."""
    leaves, position = iter(hashes), 0
    roots: dict[tuple[int, int], bytes] = {}
    for start, end in sorted(ranges):
        subtree = Frontier()
        subtree.extend(islice(leaves, start - position, end - position))
        position = end
        if subtree.size != end - start:
            raise ProofError(f"there are fewer than {end} leaf hashes")
        roots[start, end] = subtree.root()
    return [roots[each] for each in ranges]


def _check_lengths(hashes: Iterable[bytes]) -> None:
    """Roots need no check: they are compared with what was computed."""
    if any(len(each) != 32 for each in hashes):
        raise ProofError("a hash in a proof has 32 bytes")
