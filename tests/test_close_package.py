"""A close's package verified by docs/close-package.md alone: with Python's library and `cryptography`, without bo."""

from __future__ import annotations

import hmac
import json
import struct
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.desks import Company

FEBRUARY = "2026-02-10T12:00:00Z"
Lines = list[tuple[str, str, int, str, str, int]]
"""Account, day, id, party, currency, minor."""


class Files(NamedTuple):
    """What the third party was given."""

    package: bytes
    proof: bytes
    entries: bytes
    key: str


class Wrong(Exception):
    """What was given does not verify."""


def need(rule: object, what: str) -> None:
    if not rule:
        raise Wrong(what)


# What the document says


def verify(files: Files) -> None:
    package = json.loads(files.package)
    written = json.dumps(package, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    need(written.encode() == files.package and package["form"] == "bo.close/1", "it is not canonical")
    figures(package)
    entries(package, files.entries)
    size = head(package["note"], package["ledger"], files.key)[0]
    named(package, files, size)


def figures(package: Any) -> None:
    sums: dict[str, Counter[str]] = {}
    for each in package["accounts"]:
        need(each["closing"] == each["opening"] + each["debit"] - each["credit"], "an account does not close")
        sums.setdefault(each["currency"], Counter()).update({key: each[key] for key in COLUMNS})
    for currency, found in sums.items():
        need(found["opening"] == found["closing"] == 0 and found["debit"] == found["credit"], f"{currency} is off")
    totals = [{"currency": key, "debit": sums[key]["debit"], "credit": sums[key]["credit"]} for key in sorted(sums)]
    need(package["totals"] == totals, "the totals are others")
    worth = package["worth"] or []
    need(sum(each["debit"] - each["credit"] for each in worth) == 0, "the worth is off")
    for list_, keys in (
        ("accounts", ("account", "currency")), ("parties", ("account", "party", "currency")),
        ("worth", ("account", "currency")), ("accepted", ("check",)),
    ):  # fmt: skip
        rows = [tuple(each[key] for key in keys) for each in package[list_] or []]
        need(rows == sorted(rows), f"{list_} are in another order")
    balances = Counter[tuple[str, str]]()
    for each in package["parties"]:
        balances[each["party"], each["currency"]] += each["balance"]
    if "parties" not in [each["check"] for each in package["accepted"]]:
        for each in package["parties"]:
            tied = each["items"] + each["entries"]
            need(tied == balances[each["party"], each["currency"]], f"{each['party']} is not tied")


COLUMNS = ("opening", "debit", "credit", "closing")


def entries(package: Any, exported: bytes) -> None:
    found = [entry for entry in map(json.loads, exported.splitlines()) if "position" in entry]
    lines: Lines = []
    for entry in found:
        need(package["first"] <= entry["on"] <= package["last"], "an entry is of another day")
        first = (entry["position"] * 16 + entry.get("part", 0)) * 65536
        for place, line in enumerate(entry["lines"]):
            minor = int(line["amount"].replace(".", ""))
            named = line.get("party", "")
            lines.append((line["account"], entry["on"], first + place, named, line["currency"], minor))
    lines.sort()
    need((len(found), len(lines)) == (package["entries"], package["postings"]), "there are more or fewer entries")
    text = "".join(
        f"{id} {account} {day} {party} {currency} {minor}\n" for account, day, id, party, currency, minor in lines
    )
    need(sha256(text.encode()).hexdigest() == package["digest"], "the postings are others")
    moved = {(each["account"], each["currency"]): [each["debit"], each["credit"]] for each in package["accounts"]}
    sums = {key: [0, 0] for key in moved}
    for account, _, _, _, currency, minor in lines:
        sums.setdefault((account, currency), [0, 0])[minor < 0] += abs(minor)
    need(sums == moved, "the turnovers are others")


def head(note: str, ledger: str, key: str) -> tuple[int, bytes]:
    """The size and root that a signed note tells."""
    text, _, signed = note.rpartition("\n\n")
    origin, size, root = text.split("\n")
    name, _, material = key.partition("+")
    device = b64decode(material.partition("+")[2])
    dash, signer, signature = signed.rstrip("\n").split(" ")
    need(
        origin == f"bo.internal/{ledger}" and dash == "—" and signer == name, "the head is of another ledger or device"
    )
    need(device[:1] == b"\x01", "the key is no Ed25519 key")
    raw = b64decode(signature)
    need(raw[:4] == sha256(name.encode() + b"\n" + device).digest()[:4], "the head is signed with another key")
    try:
        Ed25519PublicKey.from_public_bytes(device[1:]).verify(raw[4:], f"{text}\n".encode())
    except InvalidSignature:
        raise Wrong("the signature does not fit") from None
    return int(size), b64decode(root)


def named(package: Any, files: Files, before: int) -> None:
    """The log has an event that names the package."""
    proof = json.loads(files.proof)
    need(proof["format"] == "bo.proof/1" and proof["key"] == files.key, "the proof is of another kind or key")
    closes = [event for entry in proof["entries"] for event in opened(entry, package, files.key, before)]
    seal = sha256(files.package).hexdigest()
    said = [(each["type"], each["what"], each["through"], each["package"]) for each in closes]
    need(("period.changed", "closed", package["last"], seal) in said, "the log names another package")


def opened(entry: Any, package: Any, key: str, before: int) -> list[Any]:
    path, _, note = entry["proof"].partition("\n\n")
    kind, extra, index, *hashes = path.split("\n")
    need(kind == "c2sp.org/tlog-proof@v1", "it is no proof of inclusion")
    leaf, at = b64decode(extra.removeprefix("extra ")), int(index.removeprefix("index "))
    size, root = head(note, package["ledger"], key)
    need(before <= at < size, "it was written before the package")
    need(climbed(leaf, at, size, [b64decode(each) for each in hashes]) == root, "the leaf is not in the log")
    need(leaf[:26] == b"bo.leaf/1\n" + bytes.fromhex(package["ledger"]), "it is a leaf of another ledger")
    index_, kind_ = struct.unpack(">QB", leaf[26:35])
    need((index_, kind_) == (at, 1), "it is another leaf")
    payload, salt = b64decode(entry["payload"]), b64decode(entry["salt"])
    commitment = leaf[35 + 4 + 4 + 16 + 8 + 2 + 8 + 32 :][:32]
    need(hmac.digest(salt, padded(payload), "sha256") == commitment, "the leaf says something else")
    said = unpacked(payload)
    need(said["stream"] == "period/books", "it is another stream")
    return list(said["events"])


def climbed(leaf: bytes, at: int, size: int, path: list[bytes]) -> bytes:
    """The root over a leaf (RFC 6962, as RFC 9162, 2.1.3.2 walks it)."""
    found, last = sha256(b"\x00" + leaf).digest(), size - 1
    for other in path:
        need(last, "the path is too long")
        if at & 1 or at == last:
            found = sha256(b"\x01" + other + found).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = sha256(b"\x01" + found + other).digest()
        at, last = at >> 1, last >> 1
    need(not last, "the path is too short")
    return found


def padded(payload: bytes) -> bytes:
    length = len(payload) + 1
    if length <= 4096:
        length = -(-length // 256) * 256
    else:
        exponent = length.bit_length() - 1
        step = 1 << (exponent - exponent.bit_length())
        length = -(-length // step) * step
    return (payload + b"\x80").ljust(length, b"\x00")


def unpacked(data: bytes) -> Any:
    """MessagePack, as far as payloads need it."""
    numbers = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
    sizes = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}

    def take(at: int) -> tuple[Any, int]:
        first = data[at]
        if first < 0x80 or first >= 0xE0:
            return (first if first < 0x80 else first - 256), at + 1
        if first in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[first], at + 1
        if first in numbers:
            [value] = struct.unpack_from(numbers[first], data, at + 1)
            return value, at + 1 + struct.calcsize(numbers[first])
        if first < 0xC0:
            count, at = first & (0x1F if first >= 0xA0 else 0x0F), at + 1
        else:
            [count] = struct.unpack_from(sizes[first], data, at + 1)
            at += 1 + struct.calcsize(sizes[first])
        if 0xA0 <= first < 0xC0 or first in (0xD9, 0xDA, 0xDB):
            return data[at : at + count].decode(), at + count
        is_map = first < 0x90 or first in (0xDE, 0xDF)
        values = []
        for _ in range(count * (2 if is_map else 1)):
            value, at = take(at)
            values.append(value)
        return (dict(zip(values[::2], values[1::2], strict=True)) if is_map else values), at

    return take(0)[0]


# What bo gives out


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A January with documents, an accrual that takes itself back, and two more currencies, one without a rate."""
    company = Company(tmp_path_factory.mktemp("package"))
    alice = company.alice
    alice("rate", "add", "USD", "1.25", "--on", "2026-01-01")
    alice("record", "add", "customer", "C-1", "--set", "name=Ada")
    alice("record", "add", "vendor", "V-1", "--set", "name=Paper")
    alice("journal", "add", "--on", "2025-12-01", "--line", "1200;500;;Capital", "--line", "3100;;500")
    alice("period", "close", "2025", BO_NOW="2026-01-31T12:00:00Z")
    for day, currency in (("2026-01-10", "USD"), ("2026-01-12", "EUR")):
        draft = alice("invoice", "draft", "C-1", "--line", "Wörk;1;100;19", "--currency", currency).split()[-1]
        alice("invoice", "issue", draft, "--on", day)
    alice("invoice", "pay", "INV-2026-0002", "30", "--on", "2026-01-20")
    alice("bill", "add", "V-1", "--ref", "1", "--on", "2026-01-15", "--line", "Paper;1;50;19")
    accrual = ("--line", "6200;9;;Rent", "--line", "2400;;9")
    alice("journal", "add", "--on", "2026-01-20", "--reverse-on", "2026-01-31", *accrual)
    alice("journal", "add", "--on", "2026-01-21", "--line", "6200;700 JPY;;Rent", "--line", "1200;;700 JPY")
    alice("period", "close", "2026-01", "--accept", "rates", "--reason", 'a "slip"\nis late \\ …', BO_NOW=FEBRUARY)
    position = max(row["position"] for row in alice.json("audit", "trail", BO_NOW=FEBRUARY))
    alice("journal", "add", "--on", "2026-02-01", "--line", "6200;1;;x", "--line", "1200;;1", BO_NOW=FEBRUARY)
    package = company.written("period", "seal", "2026-01", BO_NOW=FEBRUARY)
    proof = company.written("audit", "prove", str(position), BO_NOW=FEBRUARY)
    exported = company.written("export", "jsonl", "--period", "2026-01", BO_NOW=FEBRUARY)
    return Files(package, proof, exported, json.loads(proof)["key"])


def test_a_package_is_verified_by_its_description_alone(files: Files) -> None:
    verify(files)
    package = json.loads(files.package)
    assert all(package[field] for field in ("parties", "worth", "accepted"))
    assert package["reason"].startswith('a "slip"\n')
    assert any(json.loads(line).get("part") for line in files.entries.splitlines())


def _changed(old: str, new: str, count: int = 1) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old.encode() in data
        return data.replace(old.encode(), new.encode(), count)

    return change


FORGED: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "another blank": ("package", _changed(":", ": "), "it is not canonical"),
    "a figure": ("package", _changed('"opening":0', '"opening":1'), "an account does not close"),
    "a total": ("package", _changed('"debit":700}', '"debit":701}'), "the totals are others"),
    "a reason": ("package", _changed("slip", "slap"), "the log names another package"),
    "an amount": ("entries", _changed('"amount":"9.00"', '"amount":"8.00"'), "the postings are others"),
    "an entry less": ("entries", lambda data: b"\n".join(data.splitlines()[:-1]), "there are more or fewer entries"),
    "a head": ("package", _changed("bo.internal/", "bo.external/"), "the head is of another ledger or device"),
    "a leaf": ("proof", _changed("index ", "index 1"), "it was written before the package"),
}


@pytest.mark.parametrize(("which", "change", "why"), FORGED.values(), ids=FORGED)
def test_what_was_changed_does_not_verify(files: Files, which: str, change: Callable[[bytes], bytes], why: str) -> None:
    with pytest.raises(Wrong, match=why):
        verify(Files(**{**files._asdict(), which: change(getattr(files, which))}))


def test_a_package_of_another_key_does_not_verify(files: Files) -> None:
    name, hash_, material = files.key.split("+", 2)
    other = f"{name}+{hash_}+{material[:-2]}{'A' if material[-2] != 'A' else 'B'}{material[-1]}"
    with pytest.raises(Wrong, match="the head is signed with another key"):
        verify(files._replace(key=other))


def test_nothing_of_bo_is_used_to_verify() -> None:
    imports = [line for line in Path(__file__).read_text().splitlines() if line.startswith(("import ", "from "))]
    assert not [
        line for line in imports if line.split()[1].split(".")[0] in ("aggregates", "bo", "projections", "store")
    ]
