"""MT940, OFX and CSV: what banks write, what the library would make of it, and what cannot be read."""

from __future__ import annotations

import random
import re
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.money import eur
from bo.bank import mt940, ofx
from bo.bank.reading import read
from bo.bank.statement import Statement
from bo.findings import Findings
from bo.mapping import Mapping
from tests.transcripts import SHARED

FILES = sorted((SHARED / "bank").glob("*/*.sta")) + sorted((SHARED / "bank").glob("*/*.xml"))
REFUSED = {"betterplace-amount_formats.sta", "self-provided-sparkassen.sta"}
"""They hold fields, but no statement: no account is named."""

MT940 = """:20:STARTUMS
:25:37040044/0532013000
:28C:5/1
:60F:C260130EUR100,00
:61:2601310131DR20,50NTRFNONREF//BANK1
:86:177?00UEBERWEISUNG?109310?20EREF+E2E-1?21SVWZ+Rechnung 7?22 vom Januar?30COBADEFF?31DE75512108001245126199?32Paper
Mill?33 GmbH
:61:2601310131CR19,NTRFKREF+
:86:Ada Ltd INV-2026-0001
:62F:C260131EUR98,50
:86:about the statement
-
"""
OFX = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
ENCODING:USASCII
CHARSET:1252

<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>121<ACCTID>999988</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260101120000[-5:EST]<DTEND>20260131
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260115120000.000[0:GMT]<TRNAMT>+200.00<FITID>F1<MEMO>
<NAME>Ada &amp; Sons</STMTTRN>
<STMTTRN><TRNTYPE>CHECK<DTPOSTED>20260116<TRNAMT>-300.50<FITID>F2<CHECKNUM>1025<NAME>Mill<MEMO>paper</STMTTRN>
</BANKTRANLIST><LEDGERBAL><BALAMT>-100.50<DTASOF>20260131</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
CSV = (
    "Date;Name;Purpose;Amount;Balance\n31.01.2026;Ada;RG 1;1.190,00;1.190,00\n31.01.2026;Bank;Entgelt;-7,50;1.182,50\n"
)


def parsed(text: str | bytes, given: Mapping | None = None, wrong: int = 0) -> Statement:
    findings = Findings("x")
    data = text if isinstance(text, bytes) else text.encode()
    [statement] = read(data, findings, given, "EUR")
    assert findings.errors == wrong, findings.shown
    return statement


@pytest.mark.skipif(not FILES, reason="the public data sets are not here: BO_SHARED names their folder")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_published_file_is_read_or_refused_with_a_reason(path: Path) -> None:
    findings = Findings(path.name)
    if path.name in REFUSED:
        with pytest.raises(Refused, match="no statement that says its account"):
            read(path.read_bytes(), findings)
        return
    statements = read(path.read_bytes(), findings)
    assert statements
    assert all(statement.lines or statement.opening or findings.errors for statement in statements)
    assert all(found.rule and found.line for found in findings.shown)
    text = path.read_text(encoding="latin-1")
    bookings = text.count("<Ntry>") + text.count("\n:61:")
    assert sum(len(statement.lines) for statement in statements) + findings.errors == bookings


XML = """<Document><BkToCstmrStmt><Stmt><Acct><Id><Othr><Id>999988</Id></Othr></Id></Acct>
<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><BookgDt><Dt>2026-01-31</Dt></BookgDt></Ntry></Stmt>
</BkToCstmrStmt></Document>"""


@pytest.mark.parametrize(
    ("text", "old", "new", "wrong"),
    [
        (MT940, "DR20,50", "DR20,505", 1),
        (OFX, "<CURDEF>USD", "<CURDEF>DEM", 3),
        (XML, "Ccy=\"EUR\"", "Ccy=\"DEM\"", 1),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_statement_of_another_account_is_no_matter(
    text: str, old: str, new: str, wrong: int
) -> None:
    of_two = text.replace(old, new)
    assert of_two != text
    findings = Findings("x")
    [statement] = read(of_two.encode(), findings)
    assert findings.errors + findings.warnings == wrong
    findings = Findings("x")
    assert read(of_two.encode(), findings, ours=lambda *asked: asked != (statement.account, statement.at)) == []
    assert not findings.shown


# MT940


def test_an_mt940_statement_is_read_field_by_field() -> None:
    found = parsed(MT940)
    assert (found.account, found.number, found.currency, found.info) == (
        "37040044/0532013000", "5/1", "EUR", "about the statement",
    )  # fmt: skip
    assert (found.opening is None, found.closing is None, found.unsound()) == (False, False, "")
    out, came = found.lines
    assert (out.on, out.amount, out.reference, out.end_to_end) == (date(2026, 1, 31), eur("-20.50"), "BANK1", "E2E-1")
    assert (out.counterpart, out.iban, out.text) == (
        "PaperMill GmbH",
        "DE75512108001245126199",
        "Rechnung 7 vom Januar",
    )
    assert (came.amount, came.text, came.reference) == (eur(19), "Ada Ltd INV-2026-0001", "")


def replaced(old: str, new: str, wrong: int = 0) -> Statement:
    assert old in MT940
    return parsed(MT940.replace(old, new), wrong=wrong)


def test_reversals_go_the_other_way() -> None:
    """The library signs a reversed credit as the credit it takes back."""
    lines = replaced("DR20,50", "RC20,50").lines
    assert (lines[0].amount, lines[0].reversal) == (eur("-20.50"), True)
    assert replaced("DR20,50", "RD20,50").lines[0].amount == eur("20.50")


def test_years_of_the_last_century_stay_there() -> None:
    assert replaced("C260130", "C990130").opening.on == date(1999, 1, 30)  # type: ignore[union-attr]  # it has one


def test_an_amount_that_is_too_long_is_not_cut() -> None:
    assert len(replaced("DR20,50", "DR1234567890123456,50", wrong=1).lines) == 1


def test_a_balance_without_currency_is_not_guessed_at() -> None:
    found = replaced(":62F:C260131EUR98,50", ":62F:C26013198,50")
    assert found.closing is None
    assert "cannot be read" in found.unsound()


def test_a_remark_behind_the_balance_is_no_part_of_the_last_line() -> None:
    assert parsed(MT940).lines[-1].text == "Ada Ltd INV-2026-0001"


def test_a_thirtieth_of_february_is_its_last_and_told() -> None:
    findings = Findings("x")
    data = MT940.replace(":61:2601310131DR", ":61:2602300301DR").encode()
    [found] = mt940.read(data, findings)
    assert (found.lines[0].on, found.lines[0].value_on) == (date(2026, 3, 1), date(2026, 2, 28))
    assert [each.level for each in findings.shown] == ["warning"]


def test_a_booking_of_december_seen_from_january_is_of_the_year_before() -> None:
    line = replaced(":61:2601310131DR", ":61:2601021231DR").lines[0]
    assert (line.on, line.value_on) == (date(2025, 12, 31), date(2026, 1, 2))


def test_two_statements_in_one_file_keep_their_balances() -> None:
    findings = Findings("x")
    first, second = mt940.read((MT940 + MT940.replace("100,00", "200,00")).encode(), findings)
    assert (first.unsound(), second.unsound() != "") == ("", True)


def test_mt942_has_no_balances_and_its_currency_from_the_floor_limit() -> None:
    text = ":20:X\n:25:123456\n:28C:1\n:34F:EUR0,\n:13D:2601311200+0100\n:61:260131C5,NMSCR1//B1\n:86:x\n:90C:1EUR5,\n"
    found = parsed(text)
    assert (found.format, found.currency, found.lines[0].amount) == ("MT942", "EUR", eur(5))


def test_an_iban_in_place_of_a_reference_says_with_whom() -> None:
    """ASN and SNS write it there, longer than a reference may be, and the name on the line below."""
    line = replaced("CR19,NTRFKREF+\n", "C19,NOVBDE75512108001245126199\nada ltd\n").lines[1]
    assert (line.iban, line.counterpart, line.end_to_end) == ("DE75512108001245126199", "ada ltd", "")
    assert (line.amount, line.text) == (eur(19), "Ada Ltd INV-2026-0001")


def test_a_reference_that_is_too_long_is_read_to_its_end() -> None:
    line = replaced("NTRFKREF+\n", "NTRFPAYMENT-OF-20-JANUARY\nextra\n").lines[1]
    assert (line.end_to_end, line.iban) == ("PAYMENT-OF-20-JANUARY", "")


def test_an_amount_may_have_a_point_for_its_comma() -> None:
    text = MT940.replace("C260131EUR98,50", "C260131EUR000000000098.50").replace("DR20,50", "D000000000020.50")
    found = parsed(text)
    assert (found.lines[0].amount, found.lines[0].reference, found.unsound()) == (eur("-20.50"), "BANK1", "")
    assert len(replaced("DR20,50", "D1.020,50", wrong=1).lines) == 1


def test_dutch_banks_mark_fields_with_slashes() -> None:
    text = MT940.replace(":86:Ada Ltd INV-2026-0001", ":86:/EREF/E9/BENM//NAME/JOHN DOE/REMI/INV 7/ISDT/2026-01-31")
    line = parsed(text).lines[1]
    assert (line.end_to_end, line.counterpart, line.text) == ("E9", "JOHN DOE", "INV 7")


def test_long_remittance_texts_are_whole() -> None:
    """The library cuts them after nine lines unless told otherwise."""
    line = replaced(":86:Ada Ltd INV-2026-0001", ":86:" + "\n".join(f"line {n} " + "x" * 50 for n in range(14))).lines[
        1
    ]
    assert "line 13" in line.text


# OFX


def test_ofx_of_sgml_and_of_xml_says_the_same() -> None:
    sgml = parsed(OFX)
    [came, went] = sgml.lines
    assert (sgml.account, sgml.currency, sgml.first, sgml.last) == (
        "999988",
        "USD",
        date(2026, 1, 1),
        date(2026, 1, 31),
    )
    assert (came.counterpart, str(came.amount), came.reference, came.text) == ("Ada & Sons", "200.00 USD", "F1", "")
    assert (went.text, went.end_to_end, went.on) == ("paper", "1025", date(2026, 1, 16))
    head = '<?xml version="1.0"?>\n<?OFX OFXHEADER="200" VERSION="211"?>\n'
    leaf = r"<(CURDEF|BANKID|ACCTID|DT\w+|TRN\w+|FITID|CHECKNUM|NAME|MEMO|BALAMT)>([^<\n]*)"
    xml = head + re.sub(leaf, r"<\1>\2</\1>", OFX[OFX.index("<OFX>") :])
    again = parsed(xml)
    assert [(line.on, line.amount, line.reference, line.counterpart) for line in again.lines] == [
        (line.on, line.amount, line.reference, line.counterpart) for line in sgml.lines
    ]


def test_a_list_of_ofx_that_is_never_ended_has_its_lines() -> None:
    assert parsed(OFX.replace("</BANKTRANLIST>", "")).lines == parsed(OFX).lines


def test_ofx_of_securities_is_refused_for_what_it_is() -> None:
    text = (
        "<OFX><INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><CURDEF>USD</INVSTMTRS></INVSTMTTRNRS></INVSTMTMSGSRSV1></OFX>"
    )
    with pytest.raises(Refused, match="only those of banks and credit cards"):
        ofx.read(text.encode(), Findings("x"))


@pytest.mark.parametrize(
    "text",
    ["<OFX></OFX>", "<OFX>" + "<A>" * 5000, "<!DOCTYPE x [<!ENTITY e 'f'>]><OFX></OFX>", "OFXHEADER:100"],
)
def test_ofx_without_a_statement_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        ofx.read(text.encode(), Findings("x"))


# CSV


def test_columns_dates_and_decimals_of_a_table_are_found() -> None:
    found = parsed(CSV)
    assert [line.amount for line in found.lines] == [eur(1190), eur("-7.50")]
    assert (found.lines[0].on, found.lines[0].counterpart, found.lines[0].text) == (date(2026, 1, 31), "Ada", "RG 1")
    assert found.opening is not None
    assert (found.opening.amount, found.unsound()) == (eur(0), "")


def test_the_newest_row_may_stand_first() -> None:
    head, first, second, _ = CSV.split("\n")
    assert parsed("\n".join((head, second, first, ""))).unsound() == ""


def test_a_balance_that_does_not_run_on_is_told() -> None:
    assert "the balance of a row" in parsed(CSV.replace("1.182,50", "1.180,50")).unsound()


def test_money_in_and_out_may_have_columns_of_their_own() -> None:
    lines = parsed("Date,Details,Money in,Money out\n2026-01-31,a,5.00,\n2026-01-31,b,,7.00\n").lines
    assert [line.amount for line in lines] == [eur(5), -eur(7)]


def test_the_sign_may_stand_beside_the_amount() -> None:
    lines = parsed('Datum;Bedrag;"Af Bij"\n20260131;5,00;Bij\n20260131;7,00;Af\n').lines
    assert [line.amount for line in lines] == [eur(5), -eur(7)]


def test_a_mapping_tells_what_cannot_be_found() -> None:
    given = Mapping(
        columns={"on": "When", "amount": "What"}, dates="%d/%m/%Y", decimals=",", constants={"currency": "CHF"}
    )
    line = parsed("When|What\n02/03/2026|1.000,50\n", given).lines[0]
    assert (line.on, str(line.amount)) == (date(2026, 3, 2), "1000.50 CHF")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Date,Text\n2026-01-31,x\n", "no column of x is the amount"),
        ("Amount,Text\n5.00,x\n", "no column of x gives on"),
        ("", "x is empty"),
        ("%PDF-1.7\n", "neither camt, MT940 nor OFX, and a table of unknown columns"),
    ],
)
def test_a_table_that_is_no_statement_is_refused(text: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        parsed(text)


def test_rows_that_are_not_booked_are_left_out() -> None:
    findings = Findings("x")
    text = (
        '"Buchungstag";"Verwendungszweck";"Betrag";"Waehrung";"Info"\n'
        '"05.01.26";"a";"-12,50";"EUR";"Umsatz gebucht"\n'
        '"";"b";"-3,00";"EUR";"Umsatz vorgemerkt"\n'
    )
    [found] = read(text.encode(), findings, None, "EUR")
    assert [line.text for line in found.lines] == ["a"]
    assert [(each.line, each.level) for each in findings.shown] == [(3, "warning")]


def test_a_fee_besides_the_amount_is_taken_off_where_a_bank_writes_so() -> None:
    head = "Started Date,Completed Date,Description,Amount,Fee,State,Balance\n"
    rows = (
        "2026-01-03 10:12:01,2026-01-04 09:00:00,Paper,-13.99,0.00,COMPLETED,486.01\n"
        "2026-01-04 10:12:01,2026-01-05 09:00:00,Cash,-100.00,2.00,COMPLETED,384.01\n"
        "2026-01-06 10:12:01,,Later,-9.99,0.00,PENDING,\n"
    )
    found = parsed(head + rows)
    assert [(line.on, line.amount) for line in found.lines] == [
        (date(2026, 1, 4), eur("-13.99")),
        (date(2026, 1, 5), eur(-102)),
    ]
    assert (found.opening is None, found.unsound()) == (False, "")
    within = parsed("Date,Amount,Fee\n2026-01-05,-100.00,2.00\n")
    assert within.lines[0].amount == eur(-100)


ABOVE = "Kontoumsätze;Stand: 31.01.2026\n;neu geladen\n\nKontoname;Konto\nBank;Bank\nKunde;Ada\nSaldo;7,00;EUR\n\n"
GERMAN = ABOVE + (
    "Buchung;Wertstellungsdatum;Auftraggeber/Empfänger;Buchungstext;Verwendungszweck;Saldo;Währung;Betrag;Währung\n"
    "09.01.2026;09.01.2026;Ada;Gutschrift;RG 1;7,00;EUR;-1,62;EUR\n"
)


def test_the_names_of_columns_are_found_below_whatever_stands_above() -> None:
    line = parsed(GERMAN).lines[0]
    assert (line.on, line.amount, line.counterpart) == (date(2026, 1, 9), eur("-1.62"), "Ada")
    assert (line.text, line.kind, line.at) == ("RG 1", "Gutschrift", 10)
    given = Mapping(columns={"on": "Valuta", "amount": "Wert"}, dates="%d.%m.%Y", decimals=",")
    assert parsed(ABOVE + "Valuta;Wert\n09.01.2026;-1,62\n", given).lines[0].amount == eur("-1.62")


def test_a_counterparty_beside_a_name_is_an_account() -> None:
    head = "Date;Name / Description;Account;Counterparty;Code;Debit/credit;Amount (EUR);Transaction type;Notifications"
    rows = (
        "20260109;Ada Ltd;;DE02120300000000202051;OV;Credit;5,00;Transfer;RG 1\n20260110;Till;;;BA;Debit;7,00;POS;Pen"
    )
    [came, went] = parsed(f"{head};Resulting balance\n" + "".join(f"{row};\n" for row in rows.split("\n"))).lines
    assert (came.counterpart, came.iban, came.text) == ("Ada Ltd", "DE02120300000000202051", "RG 1")
    assert (came.amount, went.amount, went.kind) == (eur(5), eur(-7), "POS")
    [line] = parsed("Date,Payee,Counterparty,Amount\n2026-01-09,Ada,Ada Ltd in London,5.00\n").lines
    assert (line.counterpart, line.iban) == ("Ada", "")
    [line] = parsed("Date,Counterparty,Amount\n2026-01-09,Ada,5.00\n").lines
    assert (line.counterpart, line.iban) == ("Ada", "")


def test_what_was_kept_back_of_an_amount_stands_within_its_line() -> None:
    head = "Date,Name,Type,Status,Currency,Gross,Fee,Net,Transaction ID,Invoice Number,Balance\n"
    rows = (
        "2026-01-09,Ada,Payment,Completed,EUR,100.00,-2.50,97.50,T1,RG 1,97.50\n"
        "2026-01-10,Ada,Refund,Completed,EUR,-100.00,2.50,-97.50,T2,,0.00\n"
        "2026-01-11,Bob,Payment,Completed,EUR,5.00,0.00,5.00,T3,,5.00\n"
    )
    found = parsed(head + rows)
    assert [line.amount for line in found.lines] == [eur("97.50"), eur("-97.50"), eur(5)]
    assert [[part.amount for part in line.parts] for line in found.lines] == [
        [eur(100), eur("-2.50")], [eur(-100), eur("2.50")], [],
    ]  # fmt: skip
    assert (found.lines[0].text, found.lines[0].reference, found.unsound()) == ("RG 1", "T1", "")
    [other] = parsed("Date,Amount,Gross,Invoice number\n2026-01-09,5.00,6.00,RG 1\n").lines
    assert (other.parts, other.text) == ((), "")


OTHER = "NL91ABNA0417164300"
OURS = "DE89370400440532013000"


def accounts_of(text: str, given: Mapping | None = None) -> list[tuple[str, list[int]]]:
    """Every statement of a table by its account, with the amounts of its lines."""
    findings = Findings("x")
    statements = read(text.encode(), findings, given, "EUR", ours=lambda number, at: number in ("", OURS, "12345678"))
    assert not findings.errors, findings.shown
    return [(each.account, [line.amount.minor for line in each.lines]) for each in statements]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"IBAN:;{OURS}\nDate;Amount\n2026-01-09;5.00\n", [(OURS, [500])]),
        ("Account of Ada: NL91 ABNA 0417 1643 00\n\nDate;Amount\n2026-01-09;5.00\n", []),
        (f"{OURS} {OTHER};x\nDate;Amount\n2026-01-09;5.00\n", [("", [500])]),
        ("DE00370400440532013000;x\nDate;Amount\n2026-01-09;5.00\n", [("", [500])]),
        (f"IBAN;{OTHER}\nDate;Amount\n", []),
        (f"IBAN {OTHER} EUR;x\nDate;Amount\n2026-01-09;5.00\n", []),
        (f"Date;Rekening;Amount\n2026-01-09;{OTHER};5.00\n", []),
        (f"Date;Account;Amount\n2026-01-09;{OURS};5.00\n2026-01-10;{OURS};6.00\n", [(OURS, [500, 600])]),
        ("Date;Account;Amount\n2026-01-09;Checking;5.00\n", [("", [500])]),
        ("Date;Account;Amount\n2026-01-09;XXXX1234;5.00\n", [("", [500])]),
        ("Date;Sort Code;Account Number;Amount\n2026-01-09;'30-00-00;12345678;5.00\n", [("12345678", [500])]),
        ("Date;Account Name;Account Number;Amount\n2026-01-09;Ada;'300000-12345678;5.00\n", [("12345678", [500])]),
        (f"Date;Payee;Account number;Amount\n2026-01-09;Ada;{OTHER};5.00\n", [("", [500])]),
        (f"Date;Account;Amount\n2026-01-09;{OURS};5.00\n2026-01-09;{OTHER};6.00\n", [("", [500, 600])]),
    ],
)
def test_a_table_says_whose_it_is(text: str, found: list[tuple[str, list[int]]]) -> None:
    assert accounts_of(text) == found


def test_rows_of_other_accounts_are_left_out() -> None:
    head = "Date,Account,Counterparty,Name,Amount,Balance\n"
    rows = f"2026-01-09,{OTHER},,Ada,6.00,6.00\n2026-01-09,{OURS},,Ada,5.00,5.00\n2026-01-10,{OTHER},,Ada,1.00,7.00\n"
    assert accounts_of(f"{head}{rows}2026-01-10,{OURS},,Ada,-2.00,3.00\n") == [(OURS, [500, -200])]
    given = Mapping(columns={"on": "Day", "amount": "Sum", "account": "Of"})
    assert accounts_of(f"Day,Of,Sum\n2026-01-09,{OTHER},5.00\n2026-01-09,{OURS},6.00\n", given) == [(OURS, [600])]


def test_the_party_is_who_is_on_the_other_side() -> None:
    text = (
        '"Buchungsdatum";"Zahlungspflichtige*r";"Zahlungsempfänger*in";"Betrag (€)"\n'
        '"31.01.26";"We";"Mill";"-1.015,18"\n"30.01.26";"Ada";"We";"50,5 €"\n'
    )
    found = parsed(text)
    assert [(line.counterpart, line.amount) for line in found.lines] == [
        ("Mill", eur("-1015.18")),
        ("Ada", eur("50.50")),
    ]


@pytest.mark.parametrize(
    ("amount", "code"), [("Amount (GBP)\n5.00", "GBP"), ("Amount\n€5.00", "EUR"), ("Amount\n-$5.00", "CHF")]
)
def test_a_currency_stands_in_a_name_or_beside_the_amount(amount: str, code: str) -> None:
    name, value = amount.split("\n")
    [found] = read(f"Date,{name}\n2026-01-31,{value}\n".encode(), Findings("x"), None, "CHF")
    assert str(abs(found.lines[0].amount)) == f"5.00 {code}"


def test_two_columns_of_one_name_are_used_only_where_they_agree() -> None:
    head = "Buchung;Saldo;Währung;Betrag;Währung\n"
    findings = Findings("x")
    [found] = read(f"{head}09.01.2026;7,00;USD;-1,62;USD\n".encode(), findings, None, "EUR")
    assert (str(found.lines[0].amount), findings.errors) == ("-1.62 USD", 0)
    given = Mapping(columns={"on": "Buchung", "amount": "Betrag", "currency": "Währung"}, dates="%d.%m.%Y")
    for mapping in (None, given):
        with pytest.raises(Refused, match="x has two columns Währung"):
            parsed(f"{head}09.01.2026;7,00;USD;-1,62;GBP\n", mapping)


def test_debit_and_credit_are_signs_where_no_amount_has_one() -> None:
    head = "Date,Amount,Transaction Type\n"
    unsigned = parsed(head + "2026-01-31,5.00,debit\n2026-01-31,7.00,credit\n")
    assert [line.amount for line in unsigned.lines] == [eur(-5), eur(7)]
    signed = parsed(head + "2026-01-31,-5.00,credit\n2026-01-31,7.00,debit\n")
    assert [line.amount for line in signed.lines] == [eur(-5), eur(7)]


@pytest.mark.parametrize(
    ("days", "on"),
    [
        ("31/01/2026 02/03/2026", date(2026, 3, 2)),
        ("01/31/2026 02/03/2026", date(2026, 2, 3)),
        ("31-01-2026 02-03-2026", date(2026, 3, 2)),
        ("1/31/26 2/3/26", date(2026, 2, 3)),
        ("2026/1/31 2026/2/3", date(2026, 2, 3)),
    ],
)
def test_one_day_after_the_twelfth_shows_how_all_are_written(days: str, on: date) -> None:
    first, second = days.split()
    assert parsed(f"Date,Amount\n{first},5.00\n{second},5.00\n").lines[1].on == on


def test_days_between_slashes_are_not_guessed_at() -> None:
    findings = Findings("x")
    read(b"Date,Amount\n02/03/2026,5.00\n", findings, None, "EUR")
    assert "name its form in a mapping" in findings.shown[0].rule


# Anything

SEEDS = [MT940.encode(), OFX.encode(), CSV.encode()]
SPLICES = [b"<", b">", b":61:", b"\n:86:", b"<!DOCTYPE a>", b"9" * 30, "٣".encode(), b"\0", b",", b"NaN", b"-", b"\xff"]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 9))
def test_no_bytes_raise_anything_but_a_refusal(seed: int, cuts: int) -> None:
    chance = random.Random(seed)
    data = bytearray(chance.choice(SEEDS))
    for _ in range(cuts):
        at = chance.randrange(len(data))
        data[at : at + chance.choice((0, 1, 20))] = chance.choice(
            (chance.randbytes(1), chance.choice(SPLICES), data[at : at + 40])
        )
        data = data or bytearray(b"x")
    with suppress(Refused):  # whatever else came would fail here
        for statement in read(bytes(data), Findings("x"), None, "EUR"):
            statement.unsound()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_of_no_format_are_refused_or_a_table(data: bytes) -> None:
    with suppress(Refused):
        read(data, Findings("x"), None, "EUR")
