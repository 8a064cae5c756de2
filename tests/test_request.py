"""Device requests: what is signed, what is refused, and that nobody joins another log than the admin sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import canonical, device, note, request
from store.device import Device
from store.errors import Malformed, RolledBack, StoreError
from store.request import HEADER, Request, make, parse
from tests.desks import Company

LEDGER = bytes(range(16))
SEEN = note.checkpoint_text(note.origin_of(LEDGER), 7, bytes(32))


def asking() -> Device:
    return device.new("laptop", LEDGER)


MADE = asking()
FILE = make(MADE, SEEN)


def signed(changed: dict[str, object], by: Device = MADE, header: str = HEADER) -> bytes:
    """A request with other fields, and a signature that is right for it."""
    fields = {**canonical.decode(FILE.split(b"\n")[1], dict), **changed}
    text = f"{header}\n{canonical.encode(fields).decode()}\n"
    return note.sign(text, f"bo.internal/{fields['ledger']}/{fields['device']}", by.signer)


def test_a_request_says_who_asks_to_join_what_and_binds_its_maker() -> None:
    made = asking()
    asked = parse(make(made, SEEN))
    assert asked.request == Request(1, made.sign_public.hex(), made.kem_public.hex(), made.id.hex(), LEDGER.hex(), SEEN)
    assert (asked.hash.hex(), SEEN) == (made.request, made.checkpoint)
    assert request.seen(asked.request) == (7, bytes(32))
    assert asked.addition("ab" * 16).request == made.request


def test_the_same_fields_signed_again_are_the_same_request() -> None:
    assert parse(signed({})).hash.hex() == MADE.request


@pytest.mark.parametrize(
    "changed",
    [
        {"suite": 2},
        {"device": "0" * 31},
        {"device": "G" * 32},
        {"sign": "01" + "00" * 31},
        {"sign": asking().sign_public.hex()},
        {"kem": "00" * 10},
        {"kem": "ff" * 1216},
        {"checkpoint": ""},
        {"checkpoint": SEEN + "more\n"},
        {"checkpoint": SEEN.replace("\n7\n", "\n07\n")},
        {"checkpoint": SEEN.replace("bo.internal/00", "bo.internal/01")},
        {"name": "a field that nobody knows"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_request_that_is_not_as_it_must_be_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        parse(signed(changed))


def test_another_header_another_signer_and_an_endless_file_are_refused() -> None:
    with pytest.raises(Malformed, match="not a device request"):
        parse(signed({}, header="bo/something-else/v1"))
    with pytest.raises(Malformed, match="has not signed"):
        parse(signed({}, by=asking()))
    with pytest.raises(Malformed, match="at most"):
        parse(FILE + b" " * 10_000)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(FILE) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_no_changed_byte_goes_unnoticed(at: int, put: bytes, cut: int) -> None:
    changed = FILE[:at] + put + FILE[at + cut :]
    if changed == FILE:
        return
    with pytest.raises(StoreError):
        parse(changed)


@given(st.binary(max_size=300))
def test_noise_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


# both sides


def test_both_screens_show_the_same_fingerprint(tmp_path: Path) -> None:
    company = Company(tmp_path)
    bob = company.desk("bob")
    file = company.request(bob)
    asked = bob.said
    company.alice("person", "add", "bob")
    company.alice("device", "approve", file, "--person", "bob", "--yes")
    assert asked.splitlines()[0] == company.alice.said.splitlines()[0]
    shown = bob.json("whoami")["device_fingerprint"]
    assert f"device {shown}" in asked
    assert shown in [row["fingerprint"] for row in company.alice.json("device", "list")]


def test_a_request_for_another_ledger_is_refused(tmp_path: Path) -> None:
    one, other = Company(tmp_path / "one"), Company(tmp_path / "other")
    file = one.request(one.desk("bob"))
    other.alice("person", "add", "bob")
    other.alice("device", "approve", file, "--person", "bob", "--yes", code=3)
    assert "another ledger" in other.alice.said


def test_a_request_whose_maker_saw_another_log_is_refused(tmp_path: Path) -> None:
    """Two copies of the store that were extended apart: one of them was given to Bob."""
    import shutil

    company = Company(tmp_path)
    company.alice("person", "add", "bob")
    shutil.copytree(company.directory, tmp_path / "copy")
    shutil.copytree(company.alice.home, tmp_path / "alice-too")
    forged = company.desk("alice-too")
    forged.directory = tmp_path / "copy"
    forged("person", "add", "mallory")
    bob = company.desk("bob")
    bob.directory = tmp_path / "copy"
    file = company.request(bob)
    company.alice("device", "approve", file, "--person", "bob", "--yes", code=21)
    assert "saw" in company.alice.said  # a longer log than ours
    company.alice("person", "add", "carol")
    company.alice("device", "approve", file, "--person", "bob", "--yes", code=21)
    assert "another log" in company.alice.said
    bob.directory = company.directory
    bob("person", "list", code=21)


def test_until_its_request_is_in_the_log_a_device_verifies_and_nothing_else(tmp_path: Path) -> None:
    company = Company(tmp_path)
    bob = company.desk("bob")
    file = company.request(bob)
    for words in (("person", "list"), ("record", "add", "customer", "C-1", "--set", "name=x"), ("whoami",)):
        bob(*words, code=3)
        assert "is not enrolled: send the file" in bob.said
    bob("audit", "verify")
    company.alice("person", "add", "bob")
    asked = parse(Path(file).read_bytes())
    session = company.alice.session()
    session.pull()
    person = next(name for name in session.people.persons if name != session.person)
    other = request.Asked(asked.request, bytes(32))
    session.commit(lambda tx: tx.act(other.addition(person)))  # enrolled, but not by the request that Bob compared
    session.close()
    bob("person", "list", code=3)


def test_the_log_a_device_asked_to_join_stays_the_one_it_joins_even_without_its_pin(tmp_path: Path) -> None:
    import shutil

    company = Company(tmp_path)
    shutil.copytree(company.directory, tmp_path / "old")
    company.alice("person", "add", "bob")
    bob = company.desk("bob")
    company.request(bob)
    for folder in ("pins", "places", "views"):
        shutil.rmtree(bob.home / folder)
    bob.directory = tmp_path / "old"
    session = bob.session()
    with pytest.raises(RolledBack, match="not the log that this device asked to join"):
        session.pull()
    session.close()
