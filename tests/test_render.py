"""How rows, single things and errors are shown."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NewType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bo import errors, render, settings, tables
from bo.render import How
from tests.transcripts import ROOT

Minor = NewType("Minor", int)


class Line(msgspec.Struct):
    text: str
    amount: Minor


class Row(msgspec.Struct):
    name: str
    on: date | None
    owing: Minor | None
    currency: str
    share: Decimal = Decimal("1E-7")
    paid: bool = False
    count: int = 3


class Shown(msgspec.Struct):
    number: str
    currency: str
    total: Minor
    lines: list[Line]
    tags: list[str]


ACME = Row("Acme", date(2026, 1, 31), Minor(12050), "EUR")
NIPPON = Row("Nippon", None, Minor(500), "JPY", paid=True)
GULF = Row("Gulf", date(2026, 1, 1), Minor(-5), "KWD")
INVOICE = Shown("INV-1", "EUR", Minor(999), [Line("a|b", Minor(999))], ["x", "y"])


@pytest.fixture(autouse=True)
def _digits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(render, "digits_of", {"EUR": 2, "JPY": 0, "KWD": 3}.__getitem__)
    before = settings.current()
    yield
    settings.use(before)


def test_json_has_exact_amounts_as_strings_and_iso_days(capsys: pytest.CaptureFixture[str]) -> None:
    render.rows([ACME, NIPPON, GULF], How("json"))
    found = json.loads(capsys.readouterr().out)
    assert [row["owing"] for row in found] == ["120.50", "500", "-0.005"]
    assert found[0] == {
        "name": "Acme",
        "on": "2026-01-31",
        "owing": "120.50",
        "currency": "EUR",
        "share": "0.0000001",
        "paid": False,
        "count": 3,
    }
    assert found[1]["on"] is None


@pytest.mark.parametrize(("format", "whole"), [("table", False), ("md", False), ("json", True), ("csv", True)])
def test_a_long_cell_is_whole_for_programs_and_cut_for_people(
    format: str, whole: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "long" * 1_000
    render.rows([msgspec.structs.replace(ACME, name=long)], How(format))
    out = capsys.readouterr().out
    assert (long in out) == whole
    assert ("…" in out) == (not whole)


def test_an_empty_listing_is_an_empty_array(capsys: pytest.CaptureFixture[str]) -> None:
    render.rows([], How("json"))
    assert capsys.readouterr().out == "[]\n"


def test_an_empty_listing_that_knows_its_struct_keeps_the_header(capsys: pytest.CaptureFixture[str]) -> None:
    class Rows(list[Line]):
        struct = Line

    render.rows(Rows(), How("csv"))
    assert capsys.readouterr().out == "text,amount\n"


def test_jsonl_is_an_object_a_line_and_an_envelope_stands_around_an_array(capsys: pytest.CaptureFixture[str]) -> None:
    render.rows([ACME, GULF], How("jsonl", columns=("name",)))
    assert capsys.readouterr().out == '{"name":"Acme"}\n{"name":"Gulf"}\n'
    render.rows([ACME], How("json", columns=("name",), envelope=(7, "abc")))
    assert capsys.readouterr().out == '{"position":7,"head":"abc","rows":[{"name":"Acme"}]}\n'


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("name", "Acme Gulf Nippon"),
        ("-name", "Nippon Gulf Acme"),
        ("owing", "Gulf Acme Nippon"),  # by value, not by minor units
        ("on", "Gulf Acme Nippon"),  # what is missing is last
        ("-on", "Acme Gulf Nippon"),
        ("paid,-name", "Gulf Acme Nippon"),
    ],
)
def test_rows_are_sorted_by_value(sort: str, names: str, capsys: pytest.CaptureFixture[str]) -> None:
    render.rows([ACME, NIPPON, GULF], How("jsonl", columns=("name",), sort=tuple(sort.split(","))))
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == names.split()


def test_limit_counts_after_sorting(capsys: pytest.CaptureFixture[str]) -> None:
    render.rows([ACME, NIPPON, GULF], How("csv", columns=("name",), sort=("-name",), limit=1))
    assert capsys.readouterr().out == "name\nNippon\n"


def test_an_unknown_column_gets_a_sentence() -> None:
    with pytest.raises(errors.BadInput, match="there is no column nme: there are name, on, owing"):
        render.rows([ACME], How("json", columns=("nme",)))
    with pytest.raises(errors.BadInput, match="there is no column x"):
        render.rows([ACME], How("json", sort=("-x",)))


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-a", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_a_spreadsheet_runs_no_cell(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    render.rows([Row(text, None, Minor(-100), "EUR")], How("csv"))
    row = next(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert row["name"] == "'" + text
    assert row["owing"] == "-1.00"


def test_a_row_without_amounts_needs_no_known_currency() -> None:
    assert render.record(Row("Acme", None, None, "no currency"))["owing"] is None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.text(max_size=8))
def test_csv_reads_back_as_it_was(first: str, second: str) -> None:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        render.rows([Row(first, None, None, second)], How("csv", columns=("name", "currency")))
    rows = list(csv.reader(io.StringIO(out.getvalue(), newline=""), strict=True))
    assert rows[0] == ["name", "currency"]
    assert [text.removeprefix("'") for text in rows[1]] == [text.removeprefix("'") for text in (first, second)]
    assert not any(text.startswith(("=", "@")) for text in rows[1])


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b2J", r"\x9b2J"),
        ("a\r\nb\tc\x00", r"a\r\nb\tc\x00"),
        ("\u202eevil\u2069", r"\u202eevil\u2069"),
        ("a\u200bb\ufeff\u200d", r"a\u200bb\ufeff\u200d"),
        ("\U000e0041", r"\U000e0041"),
        ("\udcff", r"\udcff"),
        ("Zoë 東京 שלום", "Zoë 東京 שלום"),
    ],
)
def test_nothing_hidden_reaches_the_terminal(text: str, seen: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert render.clean(text) == seen
    for format in ("table", "plain", "tsv"):
        render.rows([Row(text, None, None, "EUR")], How(format, columns=("name",)))
        assert capsys.readouterr().out.splitlines()[-1] == seen


def test_json_keeps_hidden_characters_exact(capsys: pytest.CaptureFixture[str]) -> None:
    render.rows([Row("\x1b\u202e", None, None, "EUR")], How("json"))
    assert json.loads(capsys.readouterr().out)[0]["name"] == "\x1b\u202e"


def test_numbers_stand_at_the_right_and_are_never_reread(capsys: pytest.CaptureFixture[str]) -> None:
    render.rows([ACME, Row("1e5", None, Minor(5), "EUR")], How(columns=("name", "owing")))
    assert capsys.readouterr().out.splitlines() == [
        "name   owing",
        "----  ------",
        "Acme  120.50",
        "1e5     0.05",
    ]


def test_markdown_and_html_cannot_be_broken_out_of(capsys: pytest.CaptureFixture[str]) -> None:
    render.rows([Row("a|b<i>", None, None, "EUR")], How("md", columns=("name",)))
    assert capsys.readouterr().out.splitlines()[-1] == r"| a\|b<i> |"
    render.rows([Row("<script>", None, None, "EUR")], How("html", columns=("name",)))
    assert "<script>" not in capsys.readouterr().out


def test_one_thing_is_an_object_with_its_lists(capsys: pytest.CaptureFixture[str]) -> None:
    render.one(INVOICE, How("json"))
    assert json.loads(capsys.readouterr().out) == {
        "number": "INV-1",
        "currency": "EUR",
        "total": "9.99",
        "lines": [{"text": "a|b", "amount": "9.99"}],
        "tags": ["x", "y"],
    }


def test_one_thing_is_two_columns_and_a_table_for_each_list(capsys: pytest.CaptureFixture[str]) -> None:
    render.one(INVOICE, How())
    shown = capsys.readouterr().out
    assert "total     9.99" in shown
    assert "tags      x, y" in shown
    assert shown.endswith("lines\ntext  amount\n----  ------\na|b     9.99\n")


def test_a_cut_cell_says_so_and_counts_wide_characters() -> None:
    assert tables.shortened("東京都庁", 5) == "東京…"
    assert tables.shortened("Acme", 4) == "Acme"


def in_terminal(code: str, **environment: str) -> str:
    """What a program prints on a terminal of 40 columns."""
    ours, theirs = pty.openpty()
    variables = {"PATH": os.environ["PATH"], "COLUMNS": "40", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    done = subprocess.Popen([sys.executable, "-P", "-c", code], stdout=theirs, env={**variables, **environment})
    os.close(theirs)
    read = b""
    try:
        while data := os.read(ours, 65536):
            read += data
    except OSError:  # the other end of a terminal was closed
        pass
    assert done.wait() == 0
    os.close(ours)
    return read.decode().replace("\r\n", "\n")


WIDE = """
import msgspec
from bo import render
class Row(msgspec.Struct):
    name: str
    text: str
    count: int
render.rows([Row("acme", "x" * 100, 123456789)], render.How())
"""


def test_a_table_fits_the_terminal_and_its_head_is_bold() -> None:
    head, _, row = in_terminal(WIDE).splitlines()
    assert row == "acme  " + "x" * 22 + "…  123456789"
    assert "\x1b[1mname\x1b[0m" in head


NARROW = """
import msgspec
from bo import render
class Row(msgspec.Struct):
    number: str
    party: str
    on: str
    currency: str
    total: int
    why: str
    due: str
rows = [Row(f"I-000{n}", f"Harbour Theatre {n}", f"2026-01-0{n}", "EUR", n, "", f"2026-02-0{n}") for n in (1, 2)]
render.rows(rows, render.How(columns=COLUMNS))
"""


def test_a_reference_or_date_is_whole_or_its_column_is_left_out_and_named() -> None:
    shown = in_terminal(NARROW.replace("COLUMNS", "()"), NO_COLOR="1").splitlines()
    assert shown[0].split() == ["number", "party", "on", "total"]
    assert shown[2].split() == ["I-0001", "Harbour", "Thea…", "2026-01-01", "1"]
    assert max(map(len, shown)) <= 40


def test_columns_that_were_asked_for_are_not_left_out() -> None:
    asked = in_terminal(NARROW.replace("COLUMNS", "('number', 'on', 'due', 'why')"), NO_COLOR="1").splitlines()
    assert asked[0].split() == ["number", "on", "due", "why"]
    assert asked[2].split() == ["I-0001", "2026-01-01", "2026-02-01"]


def test_a_sentence_is_wrapped_and_not_cut() -> None:
    text = "the recovery key is still on this machine"
    assert tables.wrapped(text, 14) == "the recovery\nkey is still\non this\nmachine"
    assert tables.wrapped("/a/path/without/spaces", 10) == "/a/path/wi\nthout/spac\nes"
    assert tables.wrapped("a " * 100, 3).endswith("…")


def test_no_color_is_honoured() -> None:
    assert "\x1b" not in in_terminal(WIDE, NO_COLOR="1")


@pytest.mark.parametrize("format", ["json", "jsonl", "csv"])
def test_what_programs_read_is_utf8_in_every_locale(format: str) -> None:
    code = WIDE.replace("acme", "Café").replace("How()", f"How({format!r})")
    environment = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-P", "-c", code], env=environment, capture_output=True, check=True)
    assert "Café".encode() in done.stdout


def test_a_piped_table_is_whole() -> None:
    done = subprocess.run([sys.executable, "-c", WIDE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "x" * 100 in done.stdout
    assert "\x1b" not in done.stdout
