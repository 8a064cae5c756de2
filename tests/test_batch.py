"""Batches of payments: two persons, and files that every bank's schema takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from sepaxml import SepaTransfer

from aggregates.batch import Approved, Batch, Confirmed, Item, Proposed
from aggregates.core import Refused, replace
from aggregates.money import Money, eur
from bo.pain import written
from bo.payment_batch import FORMS
from tests.desks import Company

DAY = date(2026, 1, 31)
NOON = 1769860800000
ALICE, BOB = "a" * 32, "b" * 32
IBANS = ("DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947", "GB29NWBK60161331926819")
SCHEMAS = Path(SepaTransfer.__init__.__code__.co_filename).parent / "schemas"


SIXTY = eur(60)


@pytest.fixture(autouse=True, scope="module")
def _built_once() -> Iterator[None]:
    """To build a schema takes a third of a second, for each file that is written."""
    with patch("xmlschema.XMLSchema", cache(xmlschema.XMLSchema)):
        yield


def item(amount: Money = SIXTY, bill: str = "BILL-2026-0001", **more: str) -> Item:
    return replace(Item(bill, "V-1", "Paper Ltd", IBANS[0], amount, "4711"), **more)


def proposed(*lines: Item) -> Proposed:
    return Batch().propose(
        "BATCH-2026-0001", DAY, "MAIN", "Acme GmbH", IBANS[0], "1200", lines or (item(), item(eur(40))), ALICE
    )


def exported(*lines: Item) -> Batch:
    state = Batch.after(proposed(*lines))
    return state.evolve(state.export(FORMS[0], "0" * 64, approval_needed=False))


def test_nobody_approves_what_he_proposed_and_an_approval_is_bound_to_what_was_seen() -> None:
    state = Batch.after(proposed())
    with pytest.raises(Refused, match="you proposed BATCH-2026-0001"):
        state.approve(state.digest, ALICE)
    for other in (item(eur(61)), item(iban=IBANS[1])):
        with pytest.raises(Refused, match="is not what you saw"):
            state.approve(Batch.after(proposed(other)).digest, BOB)
    assert state.evolve(state.approve(state.digest[:8], BOB)).approved_by == BOB


def test_only_an_approved_batch_leaves_where_two_can_approve() -> None:
    state = Batch.after(proposed())
    with pytest.raises(Refused, match="is not approved"):
        state.export(FORMS[0], "", approval_needed=True)
    done = state.evolve(state.approve(state.digest, BOB)).export(FORMS[0], "", approval_needed=True)
    assert (done.lines, done.total) == (2, eur(100))


def test_a_line_is_confirmed_once_and_only_after_the_export() -> None:
    with pytest.raises(Refused, match="the bank knows nothing of it"):
        Batch.after(proposed()).confirm(1, "PAY-2026-0001")
    state = exported().evolve(Confirmed(1, "PAY-2026-0001"))
    with pytest.raises(Refused, match="line 1 of BATCH-2026-0001 is done already"):
        state.fail(1, "closed")
    assert state.contradiction(Confirmed(1, "PAY-2026-0002"), ())
    assert state.contradiction(Confirmed(2, "PAY-2026-0002"), ()) == ""


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (item(iban=""), "V-1 has no IBAN"),
        (item(Money(100, "USD")), "SEPA carries EUR only"),
        (item(eur(0)), "more than zero"),
    ],
)
def test_what_a_bank_could_not_pay_stands_in_no_batch(line: Item, why: str) -> None:
    with pytest.raises(Refused, match=why):
        proposed(line)


def test_a_replay_rejects_an_approval_by_its_author_or_of_another_batch() -> None:
    state = Batch.after(proposed())
    assert "by who proposed it" in state.contradiction(Approved(state.digest, ALICE), ())
    assert "is not what was approved" in state.contradiction(Approved("0" * 64, BOB), ())
    assert state.contradiction(Approved(state.digest, BOB), ()) == ""


def schema(form: str) -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(SCHEMAS / f"{form}.xsd"))


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=90).filter(str.strip)
PAYMENTS = st.tuples(st.integers(1, 10**9), st.sampled_from(IBANS), TEXTS)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])
@example([(1, IBANS[0], "\U00011128"), (2, IBANS[1], "<&>")])
@given(st.lists(PAYMENTS, min_size=1, max_size=6))
def test_every_batch_is_valid_and_says_what_it_holds(form: str, payments: list[tuple[int, str, str]]) -> None:
    lines = [item(Money(minor, "EUR"), iban=iban, name=text, ref=text) for minor, iban, text in payments]
    page = written(exported(*lines), form, NOON)
    schema(form).validate(page.decode())
    tree = ElementTree.fromstring(page)
    space = f"{{urn:iso:std:iso:20022:tech:xsd:{form}}}"
    amounts = [Decimal(node.text or "") for node in tree.iter(f"{space}InstdAmt")]
    assert amounts == [each.amount.amount for each in lines]
    assert {node.text for node in tree.iter(f"{space}NbOfTxs")} == {str(len(lines))}
    assert {Decimal(node.text or "") for node in tree.iter(f"{space}CtrlSum")} == {sum(amounts)}
    assert [node.text for node in tree.iter(f"{space}EndToEndId")] == [
        f"BATCH-2026-0001-{place}" for place in range(1, len(lines) + 1)
    ]


LETTERS = re.compile(r"[A-Za-z0-9/?:().,'+ -]+")


@settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.generate])
@example("Müller & Söhne <GmbH> @home; //")
@given(TEXTS)
def test_every_name_and_text_is_in_the_letters_of_sepa(text: str) -> None:
    state = replace(exported(item(name=text * 3, ref=text * 5)), name=text)
    tree = ElementTree.fromstring(written(state, FORMS[1], NOON))
    for name, most in (("Nm", 70), ("Ustrd", 140)):
        for node in tree.iter(f"{{urn:iso:std:iso:20022:tech:xsd:{FORMS[1]}}}{name}"):
            said = node.text or ""
            assert LETTERS.fullmatch(said)
            assert len(said) <= most
            assert "//" not in said
            assert said.strip("/ ") == said.rstrip()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("ref", "sent"),
    [("RF18 5390 0754 7034", "RF18539007547034"), ("RF19 5390 0754 7034", ""), ("RF18", ""), ("4711", "")],
)
def test_a_creditor_reference_goes_as_one_and_any_other_as_a_text(form: str, ref: str, sent: str) -> None:
    page = written(exported(item(ref=ref), item()), form, NOON)
    schema(form).validate(page.decode())
    assert page.count(b"<Strd>") == bool(sent)
    assert page.count(b"<Ustrd>") == 2 - bool(sent)
    assert not sent or f"<Ref>{sent}</Ref>".encode() in page


def test_the_same_batch_at_the_same_time_is_the_same_file() -> None:
    assert written(exported(), FORMS[0], NOON) == written(exported(), FORMS[0], NOON)


def test_an_export_is_stored_and_gives_the_same_bytes_to_everybody_ever_after(tmp_path: Path) -> None:
    company = Company(tmp_path)
    alice = company.alice
    alice("record", "add", "vendor", "V-1", "--set", "name=Päper & Söhne", "--set", f"iban={IBANS[1]}")
    alice("bank", "add", "MAIN", "--name", "Main", "--iban", IBANS[0])
    for ref in ("1", "2"):
        line = ("--line", f"Paper;{ref};100;19", "--due", "2026-01-20")
        alice("bill", "add", "V-1", "--ref", ref, "--on", "2026-01-02", *line)
    assert alice.first("payment", "batch", "propose", "--bank", "MAIN") == "BATCH-2026-0001"
    files = [str(tmp_path / name) for name in ("one.xml", "two.xml")]
    alice("payment", "batch", "export", "BATCH-2026-0001", "-o", files[0])
    bob = company.enrol("bob")
    company.grant("bob", "accountant", "--history", "all")
    later = "2026-02-01T12:00:00Z"
    bob("payment", "batch", "export", "BATCH-2026-0001", "-o", files[1], "--form", FORMS[0], BO_NOW=later)
    one, two = (Path(name).read_bytes() for name in files)
    assert one == two
    assert b"<CtrlSum>357.00</CtrlSum>" in one
    alice("payment", "batch", "confirm", "BATCH-2026-0001", "2")
    alice("payment", "batch", "fail", "BATCH-2026-0001", "1", "--reason", "AC04")
    rows = {row["number"]: (row["status"], row["owing"]) for row in alice.json("bill", "list")}
    assert rows == {"BILL-2026-0001": ("open", "119.00"), "BILL-2026-0002": ("paid", "0.00")}
    assert [line["status"] for line in alice.json("payment", "batch", "show", "BATCH-2026-0001")["lines"]] == [
        "failed", "paid",
    ]  # fmt: skip
    alice("audit", "verify")
