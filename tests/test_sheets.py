import io
import json
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.fields import Field, definition
from aggregates.kind import built_in
from aggregates.record import check
from bo import mapping
from bo.findings import MOST, Findings
from bo.mapping import Mapping
from bo.sheets import LONGEST_LINE, Sheet, open_sheet
from store.errors import Unavailable

SHARED = Path(os.environ.get("BO_SHARED", Path(__file__).parent.parent.parent / "shared" / "data"))
real = pytest.mark.skipif(not SHARED.is_dir(), reason="the public test data is not beside the project")
REF = Field("ref", "text", True)


def sheet(text: str | bytes, encoding: str = "", delimiter: str = "", header: int = 0) -> Sheet:
    data = text.encode() if isinstance(text, str) else text
    return Sheet("x.csv", lambda: io.BytesIO(data), encoding, delimiter, header)


def rules(found: Findings) -> list[tuple[int, str, str]]:
    return [(each.line, each.column, each.rule) for each in found.shown]


TABLE = "name,city\nMüller,Köln\nÉtienne,São Paulo\nNuñez,Århus\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_encoding_is_found(encoding: str) -> None:
    assert list(sheet(TABLE.encode(encoding)).rows()) == [
        (2, ["Müller", "Köln"]),
        (3, ["Étienne", "São Paulo"]),
        (4, ["Nuñez", "Århus"]),
    ]


def test_the_first_letter_that_is_not_ascii_may_stand_far_down() -> None:
    table = "name,city\n" + "Miller,Bath\n" * 200_000 + "Müller,Köln\n"
    *_, (line, cells) = sheet(table.encode("cp1252")).rows()
    assert (line, cells) == (200_002, ["Müller", "Köln"])


def test_damaged_utf8_is_not_taken_for_something_else() -> None:
    with pytest.raises(Refused, match=r"x\.csv is UTF-8 but for line 3"):
        sheet(TABLE.encode().replace("É".encode(), b"\xc9"))
    assert sheet(TABLE.encode().replace("É".encode(), b"\xc9"), "latin-1").encoding == "latin-1"


def test_a_wrong_encoding_is_refused_in_a_sentence() -> None:
    for name in ("ascii", "utf-8", "utf-16"):
        with pytest.raises(Refused, match=f"is not {name}"):
            list(sheet(TABLE.encode("cp1252"), name).rows())
    for name in ("rot13", "nonsense"):
        with pytest.raises(Refused, match="is not an encoding"):
            sheet(TABLE, name)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_found(delimiter: str) -> None:
    rows = [["name", "price", "note"], ["Tea", "1,50", "a|b"], ["Jam", "2,75", "x; y"]]
    text = "\n".join(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in rows)
    assert [cells for _, cells in sheet(text).rows()] == rows[1:]


def test_a_first_line_may_name_the_separator() -> None:
    assert list(sheet("sep=;\nname;city\nA,B;C\n").rows()) == [(3, ["A,B", "C"])]


def test_title_and_empty_lines_before_the_header_are_passed_over() -> None:
    found = sheet("\nSpending over 500,,,\n\nRef,Name,City,Amount\n1,A,,2\n\n,,,\n2,B,C,3\n")
    assert (found.header_line, found.header) == (4, ("Ref", "Name", "City", "Amount"))
    assert [line for line, _ in found.rows()] == [5, 7, 8]
    assert sheet("a,b\nc,d\ne,f\n", header=2).header == ("c", "d")


def test_quotes_hold_separators_and_lines() -> None:
    found = sheet('name,note\n"A ""x"" B","one\r\ntwo, three"\r\nC,d\n')
    assert list(found.rows()) == [(2, ['A "x" B', "one\r\ntwo, three"]), (4, ["C", "d"])]


def test_old_line_ends_are_line_ends() -> None:
    assert list(sheet("a,b\rc,d\re,f").rows()) == [(2, ["c", "d"]), (3, ["e", "f"])]


def test_rows_of_another_length_are_findings() -> None:
    found = sheet("a,b,c\n1,2,3\n1,2\n1,2,3,4\n1,2,3,,\n")
    assert [line for line, _ in found.rows()] == [2, 5]
    assert rules(found.findings) == [
        (3, "", "the row has 2 cells, the header 3"),
        (4, "", "the row has 4 cells, the header 3"),
    ]
    assert str(found.findings) == "2 errors in x.csv"


def test_nameless_last_columns_may_be_left_out() -> None:
    assert [cells for _, cells in sheet("a,b,\n1,2\n1,2,3\n1,2,3\n").rows()] == [["1", "2", ""], *[["1", "2", "3"]] * 2]


def test_an_open_quote_is_a_finding() -> None:
    found = sheet('a,b\n1,2\n"x,3\n4,5\n')
    assert [line for line, _ in found.rows()] == [2]
    assert found.findings.errors == 1
    assert found.findings.shown[0].line == 3


def test_a_column_name_twice_is_a_finding() -> None:
    assert rules(sheet("a,b,a\n1,2,3\n").findings) == [(1, "a", "two columns have this name")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,b\n1,\x002\n", "x.csv line 2 holds a NUL character"),
        (b"a,b\n" + b"x" * (LONGEST_LINE + 1), "line 2 is longer than"),
        (b"", "has no header row"),
        (b"\n\n \n", "has no header row"),
    ],
)
def test_what_is_no_table_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(Refused, match=message):
        list(sheet(data).rows())


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        open_sheet(tmp_path / "none.csv")
    with pytest.raises(Refused, match="is not a file"):
        open_sheet(tmp_path)


def test_stdin_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(TABLE.encode("utf-16"))

    monkeypatch.setattr("sys.stdin", Stdin)
    found = open_sheet("-")
    assert len(list(found.rows())) == len(list(found.rows())) == 3


def test_many_rows_take_little_memory() -> None:
    import tracemalloc

    data = b"a,b,c\n" + b'1,"two, three",4\n' * 100_000
    tracemalloc.start()
    found = sheet(data)
    assert sum(1 for _ in found.rows()) == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


def test_a_flood_of_findings_is_counted_and_cut() -> None:
    found = sheet("a,b\n1,2\n" + "1,2\n" * 3000 + "1\n" * (MOST + 500))
    assert sum(1 for _ in found.rows()) == 3001
    assert (len(found.findings.shown), found.findings.errors) == (MOST, MOST + 500)


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_are_a_table_or_are_refused(data: bytes) -> None:
    with suppress(Refused):
        found = sheet(data)
        for _, cells in found.rows():
            assert len(cells) == len(found.header)


CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


@given(
    st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12), st.sampled_from(("utf-8", "utf-16", "utf-8-sig"))
)
@settings(deadline=None)
def test_any_table_written_by_csv_reads_back(rows: list[tuple[str, str, str]], encoding: str) -> None:
    import csv

    text = io.StringIO()
    csv.writer(text).writerows([("first", "second", "third"), *rows])
    found = sheet(text.getvalue().encode(encoding), encoding, ",", 1)
    assert [tuple(cells) for _, cells in found.rows()] == rows
    assert found.findings.errors == 0


FIELDS = (REF, *map(definition, ("name:text!", "country:country", "price:money", "on:date", "count:integer")))


def applied(rules: dict[str, object], text: str, folder: Path | None = None) -> tuple[list[dict[str, str]], Findings]:
    found = sheet(text)
    rows = mapping.apply(mapping.load(json.dumps(rules).encode()), found, FIELDS, folder)
    return [row for _, row in rows], found.findings


def test_a_mapping_renames_fills_translates_and_reads_dates_and_decimals() -> None:
    rows, findings = applied(
        {
            "columns": {"name": "Company", "country": "Land", "price": "Preis", "on": "Tag", "count": "Zahl"},
            "templates": {"ref": "C-{Nr}", "name": "{First} {Last}"},
            "constants": {"country": "DE"},
            "values": {"country": {"UK": "GB"}},
            "dates": "%d.%m.%Y",
            "decimals": ",",
        },
        "Nr;Company;First;Last;Land;Preis;Tag;Zahl\n"
        "1;Acme;Ann;Lee;UK;1.234,50 EUR;31.01.2026;1.000\n"
        "2;;Ann;;;7,5;1.2.2026;7\n"
        "\n;;;;;;;\n",
    )
    assert rows == [
        {"ref": "C-1", "name": "Acme", "country": "GB", "price": "1234.50 EUR", "on": "2026-01-31", "count": "1000"},
        {"ref": "C-2", "name": "Ann", "country": "DE", "price": "7.5", "on": "2026-02-01", "count": "7"},
    ]
    assert findings.errors == 0


def test_a_date_or_a_number_of_another_form_is_a_finding() -> None:
    rows, findings = applied(
        {"columns": {"ref": "r", "name": "r", "on": "d", "price": "p"}, "dates": "%d.%m.%Y", "decimals": ","},
        "r;d;p\n1;2026-01-31;1\n2;31.02.2026;1\n3;31.01.2026;12.50\n4;31.01.2026;1\n",
    )
    assert [row["ref"] for row in rows] == ["4"]
    assert [(each.line, each.column) for each in findings.shown] == [(2, "d"), (3, "d"), (4, "p")]
    assert findings.shown[0].rule == "on: “2026-01-31” is not written as %d.%m.%Y"


def test_without_a_named_decimal_sign_nothing_is_guessed() -> None:
    rows, _ = applied({"columns": {"ref": "r", "name": "r", "price": "p"}}, "r;p\n1;1,234\n2;1.234,5\n3;2.50\n")
    assert [row["price"] for row in rows] == ["1,234", "1.234,5", "2.50"]


def test_midnight_is_no_time() -> None:
    rows, _ = applied(
        {"columns": {"ref": "r", "name": "r", "on": "d"}}, "r,d\n1,1996-07-04 00:00:00.000\n2,2020-01-01\n"
    )
    assert [row["on"] for row in rows] == ["1996-07-04", "2020-01-01"]


def test_a_further_file_is_joined_by_key(tmp_path: Path) -> None:
    (tmp_path / "Track.csv").write_text("TrackId,Name,Price\n1,Tea,9\n2,Jam,8\n")
    rows, findings = applied(
        {
            "columns": {"ref": "Id"},
            "templates": {"name": "{Track.Name} ({Price})"},
            "join": {"file": "Track.csv", "on": "TrackId", "key": "TrackId", "columns": {"price": "Price"}},
        },
        "Id,TrackId,Price\n7,2,1\n8,3,1\n9,1,2\n",
        tmp_path,
    )
    assert [(row["ref"], row["name"], row["price"]) for row in rows] == [("7", "Jam (1)", "8"), ("9", "Tea (2)", "9")]
    assert rules(findings) == [(3, "TrackId", "Track.csv has no row whose TrackId is this")]


def test_rows_without_what_matters_can_be_skipped() -> None:
    rules: dict[str, object] = {"columns": {"ref": "r", "name": "n"}, "skip_without": ["n"]}
    assert [row["ref"] for row in applied(rules, "r,n\n1,A\n2, \n3,B\n")[0]] == ["1", "3"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"columns": {"name": "n", "ref": "r", "colour": "n"}}, "“colour”, which is not a field; there are ref, name"),
        ({"columns": {"name": "n"}}, "no column of x.csv gives ref: say which in a mapping"),
        ({"columns": {"name": "N", "ref": "r"}}, "wants column “N”: x.csv has r, n"),
        ({"columns": {"name": "n"}, "templates": {"ref": "{q}"}}, "wants column “q”"),
        (
            {"columns": {"name": "n", "ref": "r"}, "join": {"file": "../x", "on": "r", "key": "r"}},
            "not the name of a file",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_the_file_is_refused(rules: dict[str, object], message: str) -> None:
    with pytest.raises(Refused, match=message):
        applied(rules, "r,n\n1,A\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"column": {}}', "the mapping cannot be read: Object contains unknown field `column`"),
        (b'{"columns": {"a": 1}}', "the mapping cannot be read: Expected `str`"),
        (b'{"dates": "a", "dates": "b"}', "the same name twice"),
        (b'{"decimals": "x"}', "the mapping cannot be read"),
        (b'{"values":' * 10_000, "nested too deeply"),
        (b"\xff", "the mapping cannot be read"),
        (b"{} x", "the mapping cannot be read"),
        (b" " * 2_000_000, "the mapping is longer than"),
    ],
)
def test_a_mapping_that_is_none_is_refused(data: bytes, message: str) -> None:
    began = time.monotonic()
    with pytest.raises(Refused, match=message):
        mapping.load(data)
    assert time.monotonic() - began < 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(Mapping.__struct_fields__), inner),
    max_leaves=8,
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_mapping_or_are_refused(data: bytes) -> None:
    try:
        found = mapping.load(data)
    except Refused:
        return
    assert mapping.load(mapping.dump(found)) == found


def test_without_a_mapping_columns_are_matched_by_name() -> None:
    found = sheet("Customer ID,Company Name,E_Mail,Zip,Fax\n1,A,a@b,2,3\n")
    fields = (REF, *built_in()["customer"].open)
    automatic = mapping.automatic(found, fields, "customer")
    assert automatic.columns == {"ref": "Customer ID", "name": "Company Name", "email": "E_Mail", "postcode": "Zip"}
    assert rules(found.findings) == [(1, "Fax", "column “Fax” is not used")]
    assert found.findings.errors == 0


@real
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("name", ["northwind/Customers.csv", "northwind/Suppliers.csv", "chinook/Album.csv"])
def test_real_tables_read_the_same_in_every_encoding(name: str, encoding: str) -> None:
    data = (SHARED / name).read_bytes()
    plain, other = sheet(data), sheet(data.decode().encode(encoding))
    assert list(other.rows()) == list(plain.rows())
    assert other.header == plain.header
    assert other.findings.errors == plain.findings.errors == 0


@real
@pytest.mark.parametrize(
    ("kind", "name", "count"),
    [
        ("customer", "northwind/Customers.csv", 93),
        ("vendor", "northwind/Suppliers.csv", 29),
        ("product", "northwind/Products.csv", 77),
        ("employee", "northwind/Employees.csv", 9),
        ("employee", "chinook/Employee.csv", 8),
        ("customer", "chinook/Customer.csv", 59),
    ],
)
def test_the_real_shops_are_understood_without_a_mapping(kind: str, name: str, count: int) -> None:
    found = open_sheet(SHARED / name)
    fields = (REF, *built_in()[kind].open)
    rows = list(mapping.apply(mapping.automatic(found, fields, kind), found, fields))
    assert len({row.pop("ref") for _, row in rows}) == count
    errors = [
        each for _, row in rows for each in check(built_in()[kind], row, currency="USD")[1] if each.level == "error"
    ]
    assert (errors, found.findings.errors) == ([], 0)


@real
def test_every_real_payment_of_the_county_is_read() -> None:
    found = open_sheet(SHARED / "devon" / "DCCSpendingOver500_202503.csv")
    assert found.header[0] == "Body"
    assert sum(1 for _ in found.rows()) == 14_183
