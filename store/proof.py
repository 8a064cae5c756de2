"""Proofs as files: a leaf is in the log (C2SP tlog-proof), a head grew from another (C2SP tlog-witness)."""

from collections.abc import Iterable

import msgspec

from store import note as notes
from store import tree
from store.errors import Malformed
from store.note import Checkpoint, decimal, decode64, encode64
from store.tree import ProofError

LARGEST = 256 * 1024
"""A longer file is refused unread."""

MOST = 63
"""No tree below 2^53 leaves needs more hashes."""

FIRST = "c2sp.org/tlog-proof@v1"


class Inclusion(msgspec.Struct, frozen=True):
    """What a proof of inclusion says. Believe it after `check_inclusion` only."""

    leaf: bytes
    index: int
    hashes: tuple[bytes, ...]
    head: Checkpoint
    note: bytes


class Consistency(msgspec.Struct, frozen=True):
    """What a proof of consistency says. Believe it after `check_consistency` only."""

    old: int
    hashes: tuple[bytes, ...]
    head: Checkpoint
    note: bytes


def inclusion(leaf: bytes, index: int, hashes: Iterable[bytes], note: bytes) -> bytes:
    """The file that shows `leaf` at `index`, from all leaf hashes under the head in `note`; it has been tried."""
    head = notes.parse(note)
    path = tree.inclusion_proof(hashes, index, head.size)
    tree.verify_inclusion(index, head.size, tree.leaf_hash(leaf), path, head.root)
    return _write([FIRST, f"extra {encode64(leaf)}", f"index {index}"], path, note)


def parse_inclusion(data: bytes) -> Inclusion:
    lines, note = _read(data)
    if len(lines) < 3 or lines[0] != FIRST:
        raise Malformed(f"a proof begins with {FIRST}, the leaf and its index")
    leaf = decode64(_after("extra ", lines[1]))
    index = decimal(_after("index ", lines[2]))
    return Inclusion(leaf, index, _hashes(lines[3:]), notes.parse(note), note)


def check_inclusion(data: bytes, origin: str, public_key: bytes) -> bytes:
    """The leaf; ProofError unless it is in the log that the key's owner signed."""
    found = parse_inclusion(data)
    head = _believed(found.head, origin, public_key)
    tree.verify_inclusion(found.index, head.size, tree.leaf_hash(found.leaf), found.hashes, head.root)
    return found.leaf


def consistency(old: int, hashes: Iterable[bytes], note: bytes) -> bytes:
    """The file that shows how the log grew from `old` leaves to the head in `note`, from all leaf hashes under it."""
    return _write([f"old {old}"], tree.consistency_proof(hashes, old, notes.parse(note).size), note)


def parse_consistency(data: bytes) -> Consistency:
    lines, note = _read(data)
    old = decimal(_after("old ", lines[0]))
    return Consistency(old, _hashes(lines[1:]), notes.parse(note), note)


def check_consistency(data: bytes, old: int, old_root: bytes, origin: str, public_key: bytes) -> Checkpoint:
    """The new head; ProofError unless its log begins with the `old` leaves under `old_root`."""
    found = parse_consistency(data)
    head = _believed(found.head, origin, public_key)
    if found.old != old:
        raise ProofError(f"the proof is for a log of {found.old} leaves, not {old}")
    if old:
        tree.verify_consistency(old, head.size, found.hashes, old_root, head.root)
    elif found.hashes or old_root != tree.EMPTY or (not head.size and head.root != tree.EMPTY):
        raise ProofError("an empty log has the root of an empty tree and needs no proof")
    return head


def _believed(head: Checkpoint, origin: str, public_key: bytes) -> Checkpoint:
    if head.origin != origin:
        raise ProofError("the proof is about another ledger")
    notes.verify(head, public_key)
    return head


def _write(lines: list[str], hashes: Iterable[bytes], note: bytes) -> bytes:
    return "".join(f"{line}\n" for line in [*lines, *map(encode64, hashes), ""]).encode() + note


def _read(data: bytes) -> tuple[list[str], bytes]:
    """The lines before the first blank one, and the note after it."""
    if len(data) > LARGEST:
        raise Malformed(f"a proof has at most {LARGEST} bytes, not {len(data)}")
    above, blank, note = data.partition(b"\n\n")
    if not blank or not above.isascii():
        raise Malformed("a proof has lines of ASCII, a blank line and a signed head")
    return above.decode().split("\n"), note


def _after(word: str, line: str) -> str:
    if not line.startswith(word):
        raise Malformed(f"a line of the proof begins with '{word}'")
    return line.removeprefix(word)


def _hashes(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > MOST:
        raise Malformed(f"a proof has at most {MOST} hashes, not {len(lines)}")
    return tuple(decode64(line, 32) for line in lines)
