import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates import countries
from aggregates.core import Refused
from aggregates.fields import TYPES, Field, Value, definition, doubt, e164, parse
from aggregates.money import Money, eur
from aggregates.text import LONGEST, clean, reference


def field(type: str) -> Field:
    return definition(f"x:{type}")


@pytest.mark.parametrize(
    "text",
    [
        "name:text!",
        "colour:choice(red|dark green)",
        "owner:reference(employee)",
        "about:reference",
        "tags:list(text)",
        "sizes:list(choice(S|M))!",
        *(f"x:{word}" for word in TYPES if word != "choice"),
    ],
)
def test_a_definition_is_spelled_as_it_was_read(text: str) -> None:
    assert str(definition(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name", "is not NAME:TYPE"),
        ("name:", "is not NAME:TYPE"),
        ("a:list(text", "is not NAME:TYPE"),
        ("a:text)", "is not NAME:TYPE"),
        ("name:words", "“words” is not a type; there are text, integer"),
        ("Name:text", "“Name” is not a field name"),
        ("ref:text", "ref means something else"),
        ("phone_e164:text", "are kept for phone numbers"),
        ("x:text(long)", "text takes nothing in brackets"),
        ("x:choice", "needs its choices"),
        ("x:choice(a||b)", "needs its choices"),
        ("x:choice(a|A)", "the same choice twice"),
        ("x:list(list(text))", "is not a type"),
    ],
)
def test_a_definition_that_is_wrong_says_why(text: str, message: str) -> None:
    with pytest.raises(Refused, match=message.replace("(", r"\(")):
        definition(text)


GOOD: list[tuple[str, str, str, Value]] = [
    ("text", "  Cafe\u0301\r\nBar ", "", "Café\nBar"),
    ("integer", "-0", "", 0),
    ("integer", "+12", "", 12),
    ("decimal", "-1.500", "", "-1.5"),
    ("decimal", "-0.0", "", "0"),
    ("decimal", "100", "", "100"),
    ("money", "60", "", eur(60)),
    ("money", "60 JPY", "", Money(60, "JPY")),
    ("date", "2024-02-29", "", "2024-02-29"),
    ("boolean", "Yes", "", True),
    ("boolean", "0", "", False),
    ("choice(red|green)", "RED", "", "red"),
    ("email", "a.b+c@example.test", "", "a.b+c@example.test"),
    ("email", "root@localhost", "", "root@localhost"),
    ("phone", " 030 / 12 34 56 ", "DE", "030 / 12 34 56"),
    ("country", "U.K.", "", "GB"),
    ("country", "usa", "", "US"),
    ("country", "DEU", "", "DE"),
    ("country", "Côte d’Ivoire", "", "CI"),
    ("country", "The Netherlands", "", "NL"),
    ("country", "St. Lucia", "", "LC"),
    ("country", "Venezuela", "", "VE"),
    ("currency", "chf", "", "CHF"),
    ("iban", "gb29 nwbk 6016 1331 9268 19", "", "GB29NWBK60161331926819"),
    ("vat", "de 136.695.976", "", "DE136695976"),
    ("vat", "136695976", "DE", "DE136695976"),
    ("vat", "094259216", "GR", "EL094259216"),
    ("reference(employee)", "E-1", "", "employee/E-1"),
    ("reference(employee)", "employee/E-1", "", "employee/E-1"),
    ("reference", "customer/C 1", "", "customer/C 1"),
    ("list(text)", "a; b;;c", "", ("a", "b", "c")),
    ("list(integer)", "1\n2", "", (1, 2)),
    ("list(choice(S|M))", "s;m", "", ("S", "M")),
]


@pytest.mark.parametrize(("type", "text", "region", "value"), GOOD)
def test_a_value_is_kept_in_one_form(type: str, text: str, region: str, value: Value) -> None:
    kept = parse(field(type), text, region, "EUR")
    assert kept == value
    assert isinstance(kept, bool) == isinstance(value, bool)
    again = ";".join(map(str, kept)) if isinstance(kept, tuple) else str(kept)
    assert parse(field(type), again, region, "EUR") == value


@pytest.mark.parametrize(
    ("type", "text", "message"),
    [
        ("text", "a\tb", r"control character \\t"),
        ("text", "a\x9bb", "control character"),
        ("text", "a\udc80", "not valid UTF-8"),
        ("text", "é" * (LONGEST // 2 + 1), "longer than 16 KiB"),
        ("integer", "1.0", "“1.0” is not a whole number"),
        ("integer", "1" + "0" * 19, "at most"),
        ("integer", "١٢", "not a whole number"),
        ("decimal", "1e400", "not a number"),
        ("decimal", "NaN", "not a number"),
        ("money", "12.345 EUR", "12.345 EUR has 3 decimals, EUR has 2"),
        ("date", "2026-02-30", "“2026-02-30” is not a day: write it as 2026-01-31"),
        ("date", "0000-01-01", "is not a day"),
        ("date", "9999-12-31", "not in the years 1500 to 2999"),
        ("date", "20260131", "is not a day"),
        ("boolean", "maybe", "neither yes nor no"),
        ("choice(red|green)", "blue", "“blue” is not one of red, green"),
        ("email", "a@@b", "not an e-mail address"),
        ("email", "a..b@c.de", "not an e-mail address"),
        ("country", "Atlantis", "“Atlantis” is not a country"),
        ("currency", "EURO", "not a currency"),
        ("iban", "GB29NWBK60161331926818", "its check digits do not fit"),
        ("iban", "XX", "is not an IBAN"),
        ("vat", "DE136695977", "is not a VAT number of DE"),
        ("reference", "C-1", "names no kind"),
        ("reference(employee)", "customer/C-1", "a reference to employee, not to customer"),
        ("reference(employee)", "a/b/c", "not a kind of record"),
        ("list(integer)", "1;two", "“two” is not a whole number"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence(type: str, text: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        parse(field(type), text)


def test_a_doubtful_phone_number_is_kept_and_said() -> None:
    assert doubt(field("phone"), "030 123456", "DE") == ""
    assert "cannot be read as a phone number" in doubt(field("phone"), "ask reception", "DE")
    assert "not a number in use" in doubt(field("phone"), "(5) 555-4729", "MX")
    assert "cannot be read" in doubt(field("list(phone)"), ("+49 30 123456", "none"))


def test_a_phone_number_is_read_in_the_country_of_the_record() -> None:
    assert e164("030 123456", "DE") == "+4930123456"
    assert e164("030 123456", "") == ""
    assert e164("+49 30 123456", "US") == "+4930123456"


def test_a_tax_number_nobody_can_check_is_kept_and_said() -> None:
    assert parse(field("vat"), "631045774") == "631045774"
    assert "unchecked" in doubt(field("vat"), "631045774")
    assert doubt(field("vat"), "DE136695976") == ""


SPELLINGS = [*(word for word in TYPES if word != "choice"), "choice(a|b)", "reference(employee)", "list(text)"]


@given(st.sampled_from(SPELLINGS), st.text(max_size=60), st.sampled_from(("", "DE", "US", "??")))
def test_any_text_is_a_value_or_is_refused(type: str, text: str, region: str) -> None:
    try:
        value = parse(field(type), text, region)
    except Refused:
        return
    doubt(field(type), value, region)
    for part in value if isinstance(value, tuple) else (value,):
        assert not isinstance(part, str) or part == unicodedata.normalize("NFC", part)


@given(st.text(max_size=60) | st.from_regex(r"[a-z]+:(list\()?[a-z]+(\([a-z|]*\))?\)?!?"))
def test_any_text_is_a_definition_or_is_refused(text: str) -> None:
    try:
        found = definition(text)
    except Refused:
        return
    assert definition(str(found)) == found


@given(st.text(max_size=80))
def test_a_reference_reads_back_as_itself(text: str) -> None:
    try:
        kept = reference(text)
    except Refused:
        return
    assert reference(kept) == kept == clean(kept)
    assert kept
    assert "/" not in kept


@pytest.mark.parametrize("text", ["", "  ", "a/b", "a\nb", "a\u202eb", "a\u200bb", "x" * 65, "-7d"])
def test_a_bad_reference_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        reference(text)


def test_a_reference_is_trimmed() -> None:
    assert reference("Val2 ") == "Val2"


def test_every_country_is_found_by_each_of_its_names() -> None:
    assert len(countries.names()) == 249
    for alpha2, name in countries.names().items():
        assert countries.code(alpha2) == countries.code(name) == countries.code(name.upper()) == alpha2
