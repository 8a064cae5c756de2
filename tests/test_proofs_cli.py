"""Proofs, heads and bundles as files: what others check, and what no forger gets through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64decode, b64encode
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from bo import bundle_check, settings
from bo.cli import run
from bo.errors import code_of, report
from store import comparing, proving
from store.errors import Malformed, NotFound, RolledBack
from store.proof import check_inclusion
from tests.ledgers import Office, draft


def command(office: Office, *words: str, ledger: Path | None = None) -> tuple[int, str, str]:
    """A command of alice in this process: exit code, stdout, stderr."""
    out, err = StringIO(), StringIO()
    environment = {"BO_HOME": str(office.home), "BO_LEDGER": str(ledger or office.ledger.at)}
    said = settings.current()
    with patch.dict(os.environ, environment), redirect_stdout(out), redirect_stderr(err):
        try:
            code = run(list(words))
        except BaseException as problem:
            code = code_of(problem)
            report(problem)
        finally:
            settings.use(said)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def proof(office: Office) -> proving.Proof:
    office.ledger.commit(lambda tx: draft(tx, "D-1"))
    office.ledger.commit(lambda tx: draft(tx, "D-2"))
    office.ledger.pull()
    return proving.prove_stream(office.ledger, 4, "invoice/D-1")


def test_a_proof_shows_what_was_recorded_without_ledger_and_keys(proof: proving.Proof) -> None:
    checked = proving.check(proving.file_of(proof))
    assert [(one.stream, one.events[0]["type"], one.events[0]["customer"]) for one in checked.entries] == [
        ("invoice/D-1", "invoice.drafted", "C-1")
    ]
    assert checked.key == proof.key


def test_its_tlog_proof_is_the_plain_one_that_others_read(office: Office, proof: proving.Proof) -> None:
    (entry,) = proof.entries
    lines = entry.proof.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ")
    device = office.ledger.device
    leaf = check_inclusion(entry.proof.encode(), f"bo.internal/{office.ledger.id.hex()}", device.sign_public)
    assert b64encode(leaf).decode() == lines[1].removeprefix("extra ")


def changed(whole: proving.Proof, /, **fields: str) -> bytes:
    return proving.file_of(
        msgspec.structs.replace(whole, entries=[msgspec.structs.replace(whole.entries[0], **fields)])
    )


def test_no_other_content_fits_the_leaf(proof: proving.Proof) -> None:
    (entry,) = proof.entries
    payload, salt = b64decode(entry.payload), b64decode(entry.salt)
    for other in (payload.replace(b"C-1", b"C-9"), payload + b"\0", payload[:-1], b""):
        with pytest.raises(Malformed, match="does not say what is disclosed"):
            proving.check(changed(proof, payload=b64encode(other).decode()))
    for wrong in (salt[::-1], salt + b"\0", salt[:-1], b""):  # HMAC pads its key with zeros: the length counts
        with pytest.raises(Malformed):
            proving.check(changed(proof, salt=b64encode(wrong).decode()))


def test_no_line_of_the_proof_can_be_changed(proof: proving.Proof) -> None:
    lines = proof.entries[0].proof.split("\n")
    for at, line in enumerate(lines):
        if line:
            for other in (line[:-1], line[:-1] + ("A" if line[-1] != "A" else "B"), line + "A", f"{line}\n{line}"):
                with pytest.raises(Malformed):
                    proving.check(changed(proof, proof="\n".join([*lines[:at], other, *lines[at + 1 :]])))


def test_another_key_than_expected_is_refused(office: Office, proof: proving.Proof, tmp_path: Path) -> None:
    other = Office(tmp_path / "other")
    other.issue_invoices(1)
    foreign = proving.prove_position(other.ledger, other.ledger.verifier.ordinal)
    other.close()
    assert proving.check(proving.file_of(foreign), foreign.key).key == foreign.key
    with pytest.raises(Malformed, match="another key"):
        proving.check(proving.file_of(foreign), proof.key)
    with pytest.raises(Malformed):
        proving.check(proving.file_of(msgspec.structs.replace(foreign, key=proof.key)))
    mixed = msgspec.structs.replace(foreign, entries=[*foreign.entries, *proof.entries])
    with pytest.raises(Malformed):
        proving.check(proving.file_of(mixed))


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"format":"bo.proof/1","key":"","entries":[]}']
)
def test_what_is_no_proof_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(Malformed):
        proving.check(data)


def test_a_position_and_a_reference_are_proved_by_command(office: Office, tmp_path: Path) -> None:
    office.issue_invoices(2)
    file, bare = tmp_path / "proof", tmp_path / "bare"
    assert command(office, "audit", "prove", "INV-2026-0002", "-o", str(file), "--bare", str(bare))[0] == 0
    code, out, err = command(office, "audit", "check", str(file))
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [event["type"] for event in events] == ["invoice.drafted", "invoice.issued"]
    assert bare.read_text().startswith("c2sp.org/tlog-proof@v1\n")
    file.write_bytes(file.read_bytes().replace(b'"salt": "', b'"salt": "A'))
    assert command(office, "audit", "check", str(file))[0] == 20
    assert command(office, "audit", "prove", "99999", "-o", str(tmp_path / "x"))[0] == 7
    assert command(office, "audit", "prove", "1", "-o", str(file))[0] != 0  # nothing is overwritten
    assert "leaves" in err


def test_heads_are_the_same_a_prefix_ahead_or_forked(office: Office, tmp_path: Path) -> None:
    ledger = office.ledger
    office.issue_invoices(1)
    old = comparing.head(ledger.store, ledger.id)
    assert comparing.compare(ledger, old) == "same"
    size = ledger.verifier.size
    office.close()
    subprocess.run(["cp", "-a", str(office.directory), str(tmp_path / "fork")], check=True)
    ledger = office.reopen()
    office.issue_invoices(1)
    ledger.pull()
    assert comparing.compare(ledger, old) == "prefix"
    ahead, grown = comparing.head(ledger.store, ledger.id), comparing.head(ledger.store, ledger.id, size)
    assert comparing.compare(ledger, grown) == "same"
    with pytest.raises(NotFound):
        comparing.head(ledger.store, ledger.id, ledger.verifier.size + 1)
    office.close()
    for gone in ("views", "pins"):
        subprocess.run(["rm", "-r", str(office.home / gone)], check=True)
    subprocess.run(["rm", "-r", str(office.directory)], check=True)
    (tmp_path / "fork").rename(office.directory)
    ledger = office.reopen()
    ledger.pull()
    for newer in (ahead, grown):
        with pytest.raises(RolledBack, match="ahead"):
            comparing.compare(ledger, newer)
    office.issue_invoices(2)
    ledger.pull()
    with pytest.raises(RolledBack, match="forked"):
        comparing.compare(ledger, ahead)
    assert comparing.compare(ledger, old) == "prefix"
    other = b"E=\n" if ahead.endswith(b"A=\n") else b"A=\n"
    for wrong in (ahead[:-3] + other, ahead.replace(b"bo.internal", b"bo.external"), b"", b"old x\n\n" + ahead):
        with pytest.raises(Malformed):
            comparing.compare(ledger, wrong)


@pytest.fixture
def bundle(office: Office, tmp_path: Path) -> Path:
    office.issue_invoices(2)
    folder = tmp_path / "bundle"
    code, _, err = command(office, "audit", "export", str(folder))
    assert code == 0, err
    return folder


def verified(folder: Path) -> subprocess.CompletedProcess[str]:
    """The bundle's own program, with nothing of ours in reach."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), "--all"], capture_output=True, text=True, check=False
    )


def test_a_bundle_is_checked_by_python_alone(bundle: Path) -> None:
    done = verified(bundle)
    assert (done.returncode, done.stdout[:3]) == (0, "ok:"), done.stderr
    records = [json.loads(line) for line in (bundle / "records.jsonl").read_text().splitlines()]
    assert [one["event"]["number"] for one in records if one["event"]["type"] == "invoice.issued"] == [
        "INV-2026-0001",
        "INV-2026-0002",
    ]
    assert {one["person"] for one in records} == {"alice"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in [bundle, *bundle.iterdir()])


def edited(bundle: Path, name: str, old: str, new: str) -> None:
    text = (bundle / name).read_text()
    assert old in text
    (bundle / name).write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("records.jsonl", "INV-2026-0001", "INV-2026-0009"), ("records.jsonl", '"at": 1', '"at": 2'),
        ("records.jsonl", '"command": "', '"command": "x'), ("records.jsonl", '"person": "alice"', '"person": "bob"'),
        ("records.jsonl", '"device": "alice"', '"device": "bob"'), ("records.jsonl", '"position": 3', '"position": 4'),
        ("records.jsonl", '"recorded": "2', '"recorded": "1'), ("leaves.jsonl", '"salt": "', '"salt": "AAAA'),
        ("leaves.jsonl", '{"leaf": 3,', '{"leaf": 4,'), ("heads.jsonl", "\\n\\n— ", "\\n\\n- "),
        ("heads.jsonl", '{"size": ', '{"size": 1'), ("keys.json", '"ledger": "', '"ledger": "0'),
        ("tree.txt", "\n", "\n" + "00" * 32 + "\n"),
    ],
)  # fmt: skip
def test_a_changed_bundle_is_not_ok(bundle: Path, name: str, old: str, new: str) -> None:
    edited(bundle, name, old, new)
    done = verified(bundle)
    assert done.returncode == 1
    assert done.stderr.startswith("NOT OK: ")


def test_a_record_left_out_or_added_is_not_ok(bundle: Path) -> None:
    lines = (bundle / "records.jsonl").read_text().splitlines(keepends=True)
    for other in (lines[:-1], lines[1:], [*lines, lines[-1]]):
        (bundle / "records.jsonl").write_text("".join(other))
        assert verified(bundle).returncode == 1


def test_a_head_signed_by_somebody_else_is_not_ok(bundle: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from store import note

    heads = [json.loads(line) for line in (bundle / "heads.jsonl").read_text().splitlines()]
    head = note.parse(heads[-1]["note"].encode())
    forged = note.sign(head.text, head.name, Ed25519PrivateKey.generate()).decode()
    genuine = json.loads((bundle / "keys.json").read_text())["devices"][head.device.hex()]["key"]
    with_its_key_id = forged.replace(forged.split(" ")[-1][:5], heads[-1]["note"].split(" ")[-1][:5])
    for text in (forged, with_its_key_id):
        heads[-1]["note"] = text
        (bundle / "heads.jsonl").write_text("".join(json.dumps(one) + "\n" for one in heads))
        assert verified(bundle).returncode == 1
    assert genuine.startswith(head.name)


def test_the_small_ed25519_agrees_with_the_large_one() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    for size in (0, 1, 64, 1000):
        key, message = Ed25519PrivateKey.generate(), os.urandom(size)
        public, signature = key.public_key().public_bytes_raw(), key.sign(message)
        assert bundle_check.signed(public, message, signature)
        assert not bundle_check.signed(public, message + b"x", signature)
        assert not bundle_check.signed(public, message, signature[:-1] + bytes([signature[-1] ^ 1]))
        s = int.from_bytes(signature[32:], "little") + bundle_check.L  # the same S, not below the order
        assert not bundle_check.signed(public, message, signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize(
    "value", [{}, [], 0, 127, 128, 65_536, 2**63, -1, -32, -33, -129, -(2**40), "", "x" * 40, "é" * 70_000, None, True,
              {"a": [{"b": [1] * 20}] * 70}, {str(n): n for n in range(40)}, False]
)  # fmt: skip
def test_the_small_msgpack_agrees_with_the_large_one(value: Any) -> None:
    raw = msgspec.msgpack.encode(value)
    assert bundle_check.unpack(raw) == (value, len(raw))


def test_replay_digests_are_the_same_wherever_it_is_folded(office: Office) -> None:
    office.issue_invoices(1)
    office.ledger.pull()
    position = office.ledger.verifier.ordinal
    _, first, _ = command(office, "audit", "replay", "--to", str(position), "--json")
    office.issue_invoices(1)
    code, again, _ = command(office, "audit", "replay", "--to", str(position), "--json")
    assert code == 0
    assert json.loads(first) == json.loads(again)
    _, now, _ = command(office, "audit", "replay", "--to", str(position + 3), "--json")
    assert json.loads(now)[-1]["digest"] != json.loads(first)[-1]["digest"]
    _, diff, _ = command(office, "audit", "replay", "--to", str(position), "--diff", "--json")
    rows = [row for row in json.loads(diff) if row["table"] == "invoice"]
    assert [row["side"] for row in rows] == ["+"]
    assert json.loads(rows[0]["row"])["number"] == "INV-2026-0002"


def test_views_that_were_changed_are_found_and_rebuilt(office: Office) -> None:
    office.issue_invoices(1)
    assert command(office, "view", "verify")[0] == 0
    office.ledger.client.db.execute("UPDATE invoice SET owing = owing + 1")
    code, _, err = command(office, "view", "verify")
    assert code == 20
    assert "invoice" in err
    assert command(office, "view", "rebuild", "Invoices") == (0, "Invoices\n", "")
    assert command(office, "view", "verify")[0] == 0
    assert command(office, "view", "rebuild", "Nothing")[0] == 7
