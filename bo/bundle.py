"""An inspector's bundle: records in plain text, what proves them, and the program that checks it."""

from __future__ import annotations

import json
import os
import shutil
from base64 import b64encode
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec

from aggregates.core import Refused
from store import note as notes
from store.errors import KeyRowDamaged, Unauthorised
from store.leaf import EVENT, Commit, Leaf, encode
from store.proving import disclosed

if TYPE_CHECKING:
    from datetime import date

    from bo.session import Session
    from projections.core import Views
    from store.backend import Raw

README = """\
What was recorded in the ledger {ledger}{period}.

records.jsonl  every entry that was disclosed, one JSON object a line: who (person, device), when (`at`: milliseconds
               since 1970 UTC; `recorded`), with which command, why, in which stream, the event and the values before
leaves.jsonl   the leaves of the log behind them; salt and payload open the content of one leaf and of no other.
               Leaves without them could not be read by who made this bundle, or say nothing but who may do what
heads.jsonl    the signed heads (C2SP signed notes and checkpoints): size and root of the whole log
tree.txt       the hashes of all leaves of the log (RFC 6962), from which every head's root follows
keys.json      the ledger's id, and name, person and public key of every device
verify.py      checks all of it with Python alone: python3 verify.py [--all]

A change to any of these files is found by verify.py, except the names in keys.json, which stand for ids. It cannot
tell whether entries were left out on purpose: leaves.jsonl shows which leaves were disclosed. Compare the ledger's id
and the keys with what you were told in another way.
"""


class _Files(NamedTuple):
    records: IO[str]
    leaves: IO[str]
    heads: IO[str]
    tree: IO[str]


class Told(NamedTuple):
    """What went into the bundle; `streams` are those that were disclosed, by compartment."""

    records: int
    streams: set[tuple[int, str]]


def write(ledger: Session, views: Views, folder: Path, since: date | None, until: date | None) -> Told:
    """Fill a new folder. Raises Refused where something stands there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not a new or empty folder: nothing is overwritten")
    part = folder.absolute().with_name(f".{folder.name}.partial-{os.getpid()}")
    part.mkdir(mode=0o700, parents=True)
    try:
        told = _fill(ledger, views, part, since, until)
        if folder.exists():
            folder.rmdir()
        part.rename(folder.absolute())
    except BaseException:
        shutil.rmtree(part)
        raise
    return told


def _fill(ledger: Session, views: Views, part: Path, since: date | None, until: date | None) -> Told:
    names = dict(views.rows("SELECT id, name FROM person UNION ALL SELECT id, name FROM device"))
    period = f", from {since or 'its beginning'} to {until or 'its end'}" if since or until else ""
    _new(part / "README.txt", README.format(ledger=ledger.id.hex(), period=period))
    _new(part / "verify.py", Path(__file__).with_name("bundle_check.py").read_text(encoding="utf-8"))
    _new(part / "keys.json", json.dumps(_keys(ledger, names), indent=1) + "\n")
    told = Told(0, set())
    with ExitStack() as stack:
        files = _Files(
            *(stack.enter_context(_open(part / name)) for name in
              ("records.jsonl", "leaves.jsonl", "heads.jsonl", "tree.txt"))
        )  # fmt: skip
        size, hashes = ledger.verifier.size, ledger.verifier.streams.hash_of
        for raw in ledger.store.commits(0):
            if raw.leaves[0].idx >= size:
                break
            for leaf in raw.leaves:
                files.tree.write(f"{(hashes(leaf.idx) or b'').hex()}\n")
            last = raw.leaves[-1].idx + 1
            commit = Commit.decode(raw.leaves[-1].body)
            day = datetime.fromtimestamp(commit.at / 1000, UTC).date()
            chosen = (since is None or since <= day) and (until is None or day <= until)
            if chosen or last == size:
                files.heads.write(json.dumps({"size": last, "note": raw.note.decode()}, ensure_ascii=False) + "\n")
            if chosen:
                told = Told(told.records + _commit(ledger, raw, commit, names, files, told.streams), told.streams)
    return told


def _commit(
    ledger: Session, raw: Raw, commit: Commit, names: dict[str, str], files: _Files, streams: set[tuple[int, str]]
) -> int:
    """The leaves of a commit, and what they say."""
    count = 0
    for leaf in raw.leaves:
        shown: dict[str, Any] = {"leaf": leaf.idx, "bytes": b64encode(encode(ledger.id, leaf)).decode()}
        content = _content(ledger, leaf)
        if content is not None:
            payload, salt = content
            shown |= {"salt": b64encode(salt).decode(), "payload": b64encode(payload).decode()}
            said = msgspec.msgpack.decode(payload)
            streams.add((leaf.compartment, said["stream"]))
            for record in _records(leaf, said, commit, names):
                files.records.write(json.dumps(record, ensure_ascii=False) + "\n")
                count += 1
        files.leaves.write(json.dumps(shown) + "\n")
    return count


def _content(ledger: Session, leaf: Leaf) -> tuple[bytes, bytes] | None:
    """Payload and salt where this device can read the leaf and it was accepted."""
    if not leaf.epoch or any(first <= leaf.idx <= last for first, last in ledger.excluded(leaf.compartment)):
        return None
    try:
        return disclosed(ledger, leaf)
    except (Unauthorised, KeyRowDamaged):
        return None


def _records(leaf: Leaf, said: dict[str, Any], commit: Commit, names: dict[str, str]) -> list[dict[str, Any]]:
    befores = said.get("before") or [{}] * len(said["events"])
    recorded = datetime.fromtimestamp(said["at"] / 1000, UTC).isoformat().replace("+00:00", "Z")
    person, device = names.get(commit.person.hex(), ""), names.get(commit.device.hex(), "")
    return [
        {
            "leaf": leaf.idx, "position": leaf.ordinal + (place if leaf.kind == EVENT else 0), "at": said["at"],
            "recorded": recorded, "person": person, "device": device,
            "command": said["command"], "reason": said.get("reason", ""), "stream": said["stream"],
            "event": event, "before": before,
        }
        for place, (event, before) in enumerate(zip(said["events"], befores, strict=False), 1)
    ]  # fmt: skip


def _keys(ledger: Session, names: dict[str, str]) -> dict[str, Any]:
    origin = notes.origin_of(ledger.id)
    devices = {
        device: {
            "name": names.get(device, ""),
            "person": names.get(about.person, ""),
            "key": notes.verifier_key(notes.key_name(origin, bytes.fromhex(device)), about.sign),
        }
        for device, about in ledger.people.devices.items()
    }
    return {"ledger": ledger.id.hex(), "devices": devices}


def _open(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8", newline="\n")


def _new(path: Path, text: str) -> None:
    with _open(path) as file:
        file.write(text)
