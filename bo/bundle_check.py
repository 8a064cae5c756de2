#!/usr/bin/env python3
"""Check an inspector's bundle: `python3 verify.py [--all]`. It needs Python 3.8 and nothing else.

It checks that every signed head has the root of the leaf hashes in tree.txt, that the newest head (with --all: every
one) is signed by its device, that every leaf is the one in the tree, that every disclosed content is the one its
leaf commits to, and that records.jsonl says what these contents say.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple  # noqa: UP035  # Python 3.8

Point = Tuple[int, int, int, int]  # noqa: UP006
Json = Dict[str, Any]  # noqa: UP006
Hashes = List[bytes]  # noqa: UP006

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
EVENT, COMMIT = 1, 3
LEAF_HEAD = 10 + 16 + 8 + 1 + 4 + 4 + 16 + 8 + 2 + 8 + 32  # what stands before the content commitment
COMMIT_DEVICE = LEAF_HEAD + 32 + 2 + 4 + 12 + 8 + 8 + 4 + 32 + 32 + 16  # where a COMMIT leaf names the device


class Wrong(Exception):
    """The bundle does not hold."""


def need(rule: object, message: str) -> None:
    if not rule:
        raise Wrong(message)


# Ed25519 (RFC 8032), extended coordinates


def add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def decompress(raw: bytes) -> Point:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    need(y < P, "a point is not written canonically")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    need((x * x - square) % P == 0 and not (x == 0 and sign), "a key is not a point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def compress(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature fits; S below the order, R compared as bytes."""
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    x, y, z, t = decompress(public)
    return compress(add(times(s, BASE), times(h, (P - x, y, z, P - t)))) == signature[:32]


# the tree (RFC 6962)


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """Grows leaf by leaf; keeps the roots of its perfect subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self.hashes: Hashes = []

    def append(self, leaf: bytes) -> None:
        bits = self.size
        while bits & 1:
            leaf = node(self.hashes.pop(), leaf)
            bits >>= 1
        self.hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.hashes:
            return hashlib.sha256(b"").digest()
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node(left, root)
        return root


# signed notes (C2SP)


def check_head(text: str, tree: Tree, devices: Json, ledger: str, verify: bool) -> None:
    """A head whose tree is ours, and with `verify` its signature."""
    body, _, last = text.rpartition("\n\n")
    lines = body.split("\n")
    need(len(lines) == 3 and last.count("\n") == 1, "a head is not three lines and one signature")
    need(lines[0] == "bo.internal/" + ledger, "a head is of another ledger")
    need(lines[1] == str(tree.size), "a head has another size")
    need(base64.b64decode(lines[2]) == tree.root(), f"the head at {tree.size} has another root than its leaves")
    dash, name, encoded = last.rstrip("\n").split(" ")
    device = name.rpartition("/")[2]
    need(dash == "—" and name == lines[0] + "/" + device and device in devices, "a head is signed by nobody known")
    key_name, key_id, material = devices[device]["key"].split("+", 2)
    key, signature = base64.b64decode(material), base64.b64decode(encoded)
    expected = hashlib.sha256(key_name.encode() + b"\n" + key).digest()[:4]
    need(key_name == name and key[:1] == b"\x01", "a device's key has another name")
    need(key_id == expected.hex() and signature[:4] == expected, "a head is signed with another key")
    if verify:
        need(signed(key[1:], (body + "\n").encode(), signature[4:]), f"the signature at {tree.size} does not fit")


# msgpack, as far as payloads use it

NUMBERS = {
    0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
TEXTS = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
LISTS = {0xDC: ">H", 0xDD: ">I"}
MAPS = {0xDE: ">H", 0xDF: ">I"}
CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def unpack(raw: bytes, at: int = 0) -> tuple[Any, int]:
    """A value and where the next begins."""

    def number(form: str) -> tuple[int, int]:
        size = struct.calcsize(form)
        return struct.unpack(form, raw[at + 1 : at + 1 + size])[0], at + 1 + size

    first = raw[at]
    if first <= 0x7F:
        return first, at + 1
    if first >= 0xE0:
        return first - 256, at + 1
    if first in CONSTANTS:
        return CONSTANTS[first], at + 1
    if first in NUMBERS:
        return number(NUMBERS[first])
    if first <= 0x8F or first in MAPS:
        count, at = (first & 15, at + 1) if first <= 0x8F else number(MAPS[first])
        found = {}
        for _ in range(count):
            key, at = unpack(raw, at)
            found[key], at = unpack(raw, at)
        return found, at
    if first <= 0x9F or first in LISTS:
        count, at = (first & 15, at + 1) if first <= 0x9F else number(LISTS[first])
        listed = []
        for _ in range(count):
            value, at = unpack(raw, at)
            listed.append(value)
        return listed, at
    need(first <= 0xBF or first in TEXTS, "a content holds something else than payloads do")
    length, at = (first & 31, at + 1) if first <= 0xBF else number(TEXTS[first])
    need(at + length <= len(raw), "a content is cut short")
    return raw[at : at + length].decode(), at + length


def padded(payload: bytes) -> bytes:
    """As it was sealed: 0x80 and zeros, in steps of 256, above 4 KiB Padmé."""
    size = len(payload) + 1
    if size <= 4096:
        size = -(-size // 256) * 256
    else:
        exponent = size.bit_length() - 1
        mask = (1 << (exponent - exponent.bit_length())) - 1
        size = (size + mask) & ~mask
    return (payload + b"\x80").ljust(size, b"\0")


def lines(folder: Path, name: str) -> Iterator[Json]:
    with (folder / name).open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def check_tree(folder: Path, keys: Json, every: bool) -> tuple[Hashes, int]:
    """All leaf hashes, with each head checked when the tree has its size."""
    tree, count = Tree(), 0
    hashes: Hashes = []
    heads = {head["size"]: head["note"] for head in lines(folder, "heads.jsonl")}
    need(heads, "there is no signed head")
    newest = max(heads)
    with (folder / "tree.txt").open(encoding="ascii") as file:
        for line in file:
            hashes.append(bytes.fromhex(line))
            tree.append(hashes[-1])
            if tree.size in heads:
                check_head(heads[tree.size], tree, keys["devices"], keys["ledger"], every or tree.size == newest)
                count += 1
    need(count == len(heads) and tree.size == newest, "a head has no leaves, or leaves have no head")
    return hashes, count


def check_leaf(entry: Json, hashes: Hashes) -> list[Json]:
    """The leaf stands in the tree, and its content is the one it commits to. Its events, if it is disclosed."""
    raw = base64.b64decode(entry["bytes"])
    need(hashlib.sha256(b"\0" + raw).digest() == hashes[entry["leaf"]], f"leaf {entry['leaf']} is not in the tree")
    need(int.from_bytes(raw[26:34], "big") == entry["leaf"], f"leaf {entry['leaf']} has another index")
    if "payload" not in entry:
        return []
    payload, salt = base64.b64decode(entry["payload"]), base64.b64decode(entry["salt"])
    commitment = hmac.new(salt, padded(payload), hashlib.sha256).digest()
    need(len(salt) == 32, "a salt has another length")
    need(commitment == raw[LEAF_HEAD : LEAF_HEAD + 32], f"leaf {entry['leaf']} does not say what is disclosed")
    said, end = unpack(payload)
    need(end == len(payload), f"leaf {entry['leaf']} has bytes after its content")
    befores = said.get("before") or [{}] * len(said["events"])
    need(len(befores) == len(said["events"]), f"leaf {entry['leaf']} has old values for other events")
    step, ordinal = int(raw[34] == EVENT), int.from_bytes(raw[69:77], "big")
    return [
        {"leaf": entry["leaf"], "position": ordinal + step * place, "stream": said["stream"], "at": said["at"],
         "recorded": moment(said["at"]), "command": said["command"], "reason": said.get("reason", ""),
         "event": event, "before": before}
        for place, (event, before) in enumerate(zip(said["events"], befores), 1)  # noqa: B905  # Python 3.8
    ]  # fmt: skip


def moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, timezone.utc).isoformat().replace("+00:00", "Z")  # noqa: UP017


def author(raw: bytes, devices: Json) -> Json:
    """Who made a commit, by its COMMIT leaf: the names that keys.json gives to the device."""
    device = raw[COMMIT_DEVICE : COMMIT_DEVICE + 16].hex()
    return {"person": devices[device]["person"], "device": devices[device]["name"]}


def main(words: list[str]) -> None:
    folder = Path(__file__).resolve().parent
    keys = json.loads((folder / "keys.json").read_text(encoding="utf-8"))
    hashes, heads = check_tree(folder, keys, "--all" in words)
    records, leaves, count = lines(folder, "records.jsonl"), 0, 0
    waiting: list[Json] = []
    for entry in lines(folder, "leaves.jsonl"):
        leaves += 1
        waiting += check_leaf(entry, hashes)
        raw = base64.b64decode(entry["bytes"])
        if raw[34] == COMMIT:
            who = author(raw, keys["devices"])
            for said in waiting:
                told = next(records, {})
                need(told == {**said, **who}, f"record {count + 1} is missing or was changed")
                count += 1
            waiting = []
    need(not waiting and next(records, None) is None, "records.jsonl has records without a commit")
    print(f"ok: {len(hashes)} leaves, {heads} heads, {leaves} leaves shown, {count} records disclosed")
    print(f"ledger {keys['ledger']}: compare it, and the keys in keys.json, with what you were told another way")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Wrong, LookupError, ArithmeticError, ValueError, TypeError, AttributeError, RecursionError, OSError,
            struct.error) as problem:  # fmt: skip
        sys.exit(f"NOT OK: {problem}")
