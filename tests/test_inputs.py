"""Files that are read and written, and the bar that shows how far."""

from __future__ import annotations

import io
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from bo import errors, progress
from bo.inputs import Source, writing


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b'{"a":1,"a":2}', "gives a twice"),
        (b"[" * 10_000, "nested too deeply"),
        (b"[" * 300 + b"]" * 300, "nested more than 200 levels"),
        (b'{"a":NaN}', "holds NaN, which is no number"),
        (b"\xff\xfe", "is not UTF-8 text: see byte 0"),
        (b"{} x", "is not JSON: line 1, column 4"),
        (b"9" * 10_000, "is not JSON we can use"),
        (b"", "is not JSON"),
    ],
)
def test_json_that_is_none_gets_a_sentence(data: bytes, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_bytes(data)
    with pytest.raises(errors.BadInput, match=sentence):
        Source(str(file)).json()


def test_json_reads_numbers_exactly(tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_bytes(b'\xef\xbb\xbf{"price": 0.10, "names": ["\xc3\xa9"]}')
    assert Source(str(file)).json() == {"price": Decimal("0.10"), "names": ["é"]}


def test_a_file_appears_whole_or_not_at_all_and_follows_no_symlink(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("mine")
    link.symlink_to(victim)
    with writing(str(link)) as file:
        file.write(b"ours")
    assert (victim.read_text(), link.read_text(), link.is_symlink()) == ("mine", "ours", False)
    assert link.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ZeroDivisionError), writing(str(link)) as file:
        file.write(b"%d" % (1 // 0))
    assert link.read_text() == "ours"
    assert {path.name for path in tmp_path.iterdir()} == {"victim", "link"}


def test_a_source_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "big"
    file.write_bytes(b"x" * (1 << 20))
    with pytest.raises(errors.BadInput, match="larger than 0 MiB"):
        Source(str(file)).bytes(limit=1000)


def test_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    now = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: float(next(now)))
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        assert list(progress.over([1, 2, 3], "importing", 3)) == [1, 2, 3]
        assert ("importing [########################] 3 of 3" in stream.getvalue()) is shown
        assert stream.getvalue().endswith("\r\x1b[K") is shown
