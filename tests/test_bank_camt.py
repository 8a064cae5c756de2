"""camt files: every field of the published ones beside what another program makes of them, and what banks vary."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aggregates.core import Refused
from aggregates.money import Money, eur
from bo.bank import camt
from bo.bank.statement import Balance, Line, Part, Statement
from bo.findings import Findings
from tests.transcripts import SHARED

FILES = sorted((SHARED / "bank" / "camt").glob("*.xml"))
LEFT_TO_THE_FILE = re.compile(
    r"""\.getGroupHeader\..*            # about the message, not the account
    |.*\.getPagination\..*|.*\.getCopyDuplicateIndicator|.*\.getCreatedOn\..*|.*\.getIndex
    |.*\.getElectronicSequenceNumber    # the legal one is the statement's number
    |.*\.getRecord\.getId
    |.*\.getAddress\..*|.*\.getRelatedPartyType\.getIdentification\..*|.*\.getRelatedAgent.*
    |.*\.getInstructionId|.*\.getPaymentInformationId|.*\.getProprietaries\[\]\..*
    |.*\.getTransactionDetails?(\[\])?\.getBankTransactionCode\..*|.*\.getProprietary\.getIssuer
    |.*\.getCharges\.getRecord\..*|.*\.getAmountDetails\..*
    |.*\.getCreditorReferenceInformation\.(getCode|getProprietary)""",
    re.VERBOSE,
)
"""What a line of ours does not have; the filed document keeps it."""
BALANCES = {"expected": "expected_credit", "previous": "opening"}
"""Ours, where the other program has another word; it calls what was closed before the opening balance."""
STATUSES = {"BOOK": "booked", "PDNG": "pending", "INFO": "information"}


def read(path: Path) -> list[Statement]:
    findings = Findings(path.name)
    found = camt.read(path.read_bytes(), findings)
    assert not findings.shown
    return found


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name != "__CLASS__":
                yield from leaves(each, f"{path}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, f"{path}[]")
    elif value not in (None, "", "__RECURSIVITY__"):
        yield path, value


def money(said: dict[str, Any]) -> Money:
    return Money(int(said["getAmount"]), said["getCurrency"]["getCode"])


def day(said: dict[str, str]) -> date:
    return date.fromisoformat(said["0"][:10])


def same_entry(line: Line, said: dict[str, Any], seen: set[str]) -> None:
    """Compare every field of an entry that a line has, and note which those were."""

    def has(name: str, ours: object, theirs: object) -> None:
        assert ours == theirs, name
        seen.add(name)

    has("getAmount", line.amount, money(said["getAmount"]))
    has("getBookingDate", line.on, day(said["getBookingDate"]))
    has("getValueDate", line.value_on, day(said["getValueDate"]))
    has("getAccountServicerReference", line.reference, said["getAccountServicerReference"] or "")
    has("getCreditDebitIndicator", "DBIT" if line.amount.minor < 0 else "CRDT", said["getCreditDebitIndicator"])
    has("getReversalIndicator", line.reversal, said["getReversalIndicator"])
    has("getStatus", line.status, STATUSES[said["getStatus"]])
    has("getBatchPaymentId", line.batch, said["getBatchPaymentId"] or "")
    domain = said["getBankTransactionCode"]["getDomain"]
    family = domain and domain["getFamily"]
    kind = (
        f"{domain['getCode']}/{family['getCode']}/{family['getSubFamilyCode']}"
        if domain
        else said["getBankTransactionCode"]["getProprietary"]["getCode"]
    )
    has("getBankTransactionCode", line.kind, kind)
    details = said["getTransactionDetails"]
    details = [said["getTransactionDetail"] if each == "__RECURSIVITY__" else each for each in details]
    assert len(details) == len(line.parts)
    for part, detail in zip(line.parts, details, strict=True):
        same_part(part, detail, line.amount.minor < 0, has)
    if said["getAdditionalInfo"] and not line.parts[0].text:
        has("getAdditionalInfo", line.text, said["getAdditionalInfo"])


def same_part(part: Part, said: dict[str, Any], outward: bool, has: Any) -> None:
    if said["getAmount"]:
        has("detail.getAmount", part.amount, money(said["getAmount"]))
    has("detail.getEndToEndId", part.end_to_end, (said["getReference"] or {}).get("getEndToEndId") or "")
    if said["getCharges"]:
        has("detail.getCharges", part.charges, money(said["getCharges"]["getTotalChargesAndTaxAmount"]))
    role = "Creditor" if outward else "Debtor"
    parties = said["getRelatedParties"]
    party = next((each for each in parties if each["getRelatedPartyType"]["__CLASS__"].endswith(f"\\{role}")), None)
    if party is None:
        assert (part.counterpart, part.iban) == ("", "")
    else:
        has("party.getName", part.counterpart, party["getRelatedPartyType"]["getName"] or "")
        has("party.getAccount", part.iban, (party["getAccount"] or {}).get("getIdentification") or "")
    told = said["getRemittanceInformation"]
    if told:
        blocks = [
            told["getStructuredBlock"] if each == "__RECURSIVITY__" else each for each in told["getStructuredBlocks"]
        ]
        free = [
            told["getUnstructuredBlock"] if each == "__RECURSIVITY__" else each
            for each in told["getUnstructuredBlocks"]
        ]
        references = []
        for block in blocks:
            reference = block["getCreditorReferenceInformation"]
            references.append(
                (told["getCreditorReferenceInformation"] if reference == "__RECURSIVITY__" else reference)["getRef"]
            )
        more = [block["getAdditionalRemittanceInformation"] for block in blocks]
        texts = [each["getMessage"] for each in free] + [each for each in more if each]
        has("remittance.getRef", part.reference, " ".join(references))
        has("remittance.getMessage", part.text, " ".join(texts) or " ".join(references))


@pytest.mark.skipif(not FILES, reason="the public data sets are not here: BO_SHARED names their folder")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_published_file_says_what_the_json_beside_it_says(path: Path) -> None:
    """The JSON was written by genkgo/camt. Of several statements it has the entries of the last."""
    said = json.loads(path.with_suffix(".json").read_text())
    statements = read(path)
    entries = said["getEntries"]
    lines = [(statements[-1], line) for line in statements[-1].lines]
    assert sum(len(statement.lines) for statement in statements) == path.read_text().count("<Ntry>")
    assert len(entries) == len(lines)
    seen: set[str] = set()
    record: dict[str, Any] = {}
    for entry, (statement, line) in zip(entries, lines, strict=True):
        record = entry["getRecord"] if isinstance(entry["getRecord"], dict) else record
        account = record["getAccount"]
        assert statement.account == account["getIdentification"]
        assert statement.number == (
            record["getLegalSequenceNumber"] or record["getElectronicSequenceNumber"] or record["getId"]
        )
        assert statement.info == (record["getAdditionalInformation"] or "")
        period = [record["getFromDate"], record["getToDate"]]
        assert [statement.first, statement.last] == [each and day(each) for each in period]
        ours = [(BALANCES.get(each.kind, each.kind.replace("-", "_")), each) for each in statement.balances]
        assert [(kind, each.amount, each.on) for kind, each in ours] == [
            (each["getType"], money(each["getAmount"]), day(each["getDate"]))
            for each in record.get("getBalances") or []
        ]
        same_entry(line, entry, seen)
    assert {"getAmount", "getBookingDate", "getBankTransactionCode", "detail.getEndToEndId"} <= seen


COMPARED = re.compile(
    r"""\.getEntries\[\]\.(getRecord\.(getAccount\..*|getBalances\[\]\..*|getAdditionalInformation|getFromDate\.0
    |getToDate\.0|getLegalSequenceNumber)
    |getAccountServicerReference|getAdditionalInfo|getAmount\..*|getBankTransactionCode\..*|getBatchPaymentId
    |getBookingDate\.0|getValueDate\.0|getCreditDebitIndicator|getReversalIndicator|getStatus
    |getTransactionDetails?(\[\])?\.(getAmount\..*|getCreditDebitIndicator|getReference\.getEndToEndId
    |getCharges\.getTotalChargesAndTaxAmount\..*|getRelatedParties\[\]\.(getAccount\..*|getRelatedPartyType\.getName)
    |getRemittanceInformation\..*))""",
    re.VERBOSE,
)


@pytest.mark.skipif(not FILES, reason="the public data sets are not here: BO_SHARED names their folder")
def test_no_field_of_the_json_is_passed_over_by_mistake() -> None:
    paths = {path for file in FILES for path, _ in leaves(json.loads(file.with_suffix(".json").read_text()))}
    assert {path for path in paths if not COMPARED.fullmatch(path) and not LEFT_TO_THE_FILE.fullmatch(path)} == set()
    assert len({path for path in paths if COMPARED.fullmatch(path)}) > 40


def message(
    entries: str, balances: str = "", namespace: str = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"
) -> bytes:
    return (
        f'<Document xmlns="{namespace}"><BkToCstmrStmt><Stmt><Id>1</Id>'
        f"<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>{balances}{entries}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def entry(amount: str, sign: str = "CRDT", more: str = "", details: str = "") -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{more}<Sts>BOOK</Sts>'
        f"<BookgDt><Dt>2026-01-31</Dt></BookgDt><NtryDtls>{details}</NtryDtls></Ntry>"
    )


def balance(code: str, amount: str, sign: str = "CRDT") -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>'
        f"<CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>2026-01-31</Dt></Dt></Bal>"
    )


def one(data: bytes) -> Statement:
    findings = Findings("x")
    [statement] = camt.read(data, findings)
    assert not findings.shown
    return statement


def test_every_version_of_the_namespace_is_read() -> None:
    for version in range(1, 14):
        found = one(message(entry("1.00"), namespace=f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version:02}"))
        assert found.lines[0].amount == eur(1)


def test_newer_versions_put_status_and_names_a_level_deeper() -> None:
    details = "<TxDtls><RltdPties><Dbtr><Pty><Nm>Ada</Nm></Pty></Dbtr></RltdPties></TxDtls>"
    data = message(entry("1.00", details=details)).replace(b"<Sts>BOOK</Sts>", b"<Sts><Cd>PDNG</Cd></Sts>")
    [line] = one(data).lines
    assert (line.counterpart, line.status) == ("Ada", "pending")


def test_a_reversal_keeps_the_parties_of_what_it_takes_back() -> None:
    details = "<TxDtls><RltdPties><Dbtr><Nm>Ada</Nm></Dbtr><Cdtr><Nm>Us</Nm></Cdtr></RltdPties></TxDtls>"
    [line] = one(message(entry("5.00", "DBIT", "<RvslInd>true</RvslInd>", details))).lines
    assert (line.amount, line.reversal, line.counterpart) == (-eur(5), True, "Ada")


def test_a_batch_is_one_line_with_its_payments() -> None:
    parts = "".join(
        f'<TxDtls><Refs><EndToEndId>E{n}</EndToEndId></Refs><Amt Ccy="EUR">{n}.00</Amt></TxDtls>' for n in (1, 2)
    )
    [line] = one(message(entry("3.00", details=parts))).lines
    assert [(part.end_to_end, part.amount) for part in line.parts] == [("E1", eur(1)), ("E2", eur(2))]
    assert line.amount == eur(3)


def test_an_amount_ordered_in_another_currency_is_told_beside_the_one_that_moved() -> None:
    details = (
        '<TxDtls><AmtDtls><InstdAmt><Amt Ccy="USD">11.00</Amt></InstdAmt>'
        '<TxAmt><Amt Ccy="EUR">10.00</Amt></TxAmt></AmtDtls></TxDtls>'
    )
    [part] = one(message(entry("10.00", "DBIT", details=details))).lines[0].parts
    assert (part.amount, part.original) == (-eur(10), Money(-1100, "USD"))


def test_a_page_of_a_long_statement_adds_up_between_interim_balances() -> None:
    first = one(message(entry("5.00"), balance("OPBD", "10.00") + balance("ITBD", "15.00")))
    last = one(message(entry("5.00", "DBIT"), balance("ITBD", "15.00") + balance("CLBD", "10.00")))
    assert (first.unsound(), last.unsound()) == ("", "")
    assert first.closing == Balance("interim", eur(15), date(2026, 1, 31))


def test_a_statement_that_does_not_add_up_says_by_what() -> None:
    found = one(message(entry("5.00"), balance("OPBD", "10.00") + balance("CLBD", "16.00")))
    assert (
        found.unsound() == "it opens with 10.00 EUR and moves 5.00 EUR, which is 15.00 EUR, and closes with 16.00 EUR"
    )


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (entry("1.005"), "1.005 EUR has 3 decimals, EUR has 2"),
        (entry("1e3"), "is not a number"),
        (entry("1.00", "BOTH"), "it says neither CRDT nor DBIT, but BOTH"),
        (entry("1.00").replace("2026-01-31", "2026-02-31"), "“2026-02-31” is not a date"),
        (entry("1.00").replace("<BookgDt><Dt>2026-01-31</Dt></BookgDt>", ""), "the entry has no date"),
        (entry("1.00").replace("EUR", "EUX"), "“EUX” is not a currency"),
        (entry("1.00").replace("BOOK", "<Prtry>HELD</Prtry>"), "the status HELD is unknown"),
        (entry("1.00").replace("BOOK", "GONE"), "the status GONE is unknown"),
    ],
)
def test_a_wrong_entry_is_found_with_its_line_and_left_out(wrong: str, rule: str) -> None:
    findings = Findings("x")
    [statement] = camt.read(message(f"\n\n{wrong}\n{entry('2.00')}"), findings)
    assert [line.amount for line in statement.lines] == [eur(2)]
    [found] = findings.shown
    assert rule in found.rule
    assert found.line == 3


@pytest.mark.parametrize("status", ["PDNG", "<Cd>PDNG</Cd>", "INFO", "<Cd>FUTR</Cd>"])
def test_what_is_not_booked_yet_may_lack_what_a_booking_has(status: str) -> None:
    findings = Findings("x")
    early = entry("1.00").replace("<BookgDt><Dt>2026-01-31</Dt></BookgDt>", "").replace("BOOK", status)
    [statement] = camt.read(message(early + entry("2.00")), findings)
    assert [line.amount for line in statement.lines] == [eur(2)]
    [found] = findings.shown
    assert found.level == "warning"
    assert re.fullmatch("the entry has no date, and it is .*, not booked: it comes again when it is", found.rule)


def test_a_message_in_an_envelope_is_read() -> None:
    data = b"<BizMsgEnvlp><AppHdr/>" + message(entry("1.00")) + b"</BizMsgEnvlp>"
    assert one(data).lines[0].amount == eur(1)


BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Document>&b;</Document>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>'


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (BOMB, "the file has a DTD"),
        (OUTSIDE, "the file has a DTD"),
        (b"<a>" * 5000, "nested too deeply"),
        (b"<Document/>", "none of camt.052"),
        (b"<Document", "line 1 is not XML"),
        (b"<Document>&x;</Document>", "line 1 is not XML"),
        (b'<?xml version="1.0" encoding="klingon"?><Document/>', "encoding of the file is unknown"),
    ],
)
def test_what_no_bank_writes_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(Refused, match=told):
        camt.read(data, Findings("x"))
