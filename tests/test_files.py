"""The user's files: opened, named and written without surprises."""

import hashlib
import io
import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.core import Refused
from bo.files import digest, open_input, safe_name, write_output
from store.errors import Unavailable


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_is_read_and_its_digest_leaves_it_at_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    with open_input(tmp_path / "a") as file:
        assert digest(file) == (hashlib.sha256(b"x" * 3_000_000).hexdigest(), 3_000_000)
        assert file.tell() == 0


def test_a_link_to_a_file_is_followed_when_reading(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text")
    (tmp_path / "b").symlink_to("a")
    with open_input(str(tmp_path / "b")) as file:
        assert file.read() == b"text"


def test_a_pipe_a_folder_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path / "pipe", "a pipe or a device"), (tmp_path, "a folder"), ("/dev/zero", "a pipe")):
        with pytest.raises(Refused, match=f"is {what}"):
            open_input(path)


def test_a_file_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"gone\.pdf cannot be read: no such file"):
        open_input(tmp_path / "gone.pdf")
    with pytest.raises(Refused, match="NUL"):
        open_input("a\0b")


def test_a_written_file_is_whole_and_private(tmp_path: Path) -> None:
    write_output(tmp_path / "out", iter([b"one ", b"two"]))
    assert (tmp_path / "out").read_bytes() == b"one two"
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["out"]


def test_an_existing_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    with pytest.raises(Refused, match="exists already: choose another name, or --force"):
        write_output(target, [b"new"])
    assert target.read_bytes() == b"old"
    write_output(target, [b"new"], force=True)
    assert target.read_bytes() == b"new"


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"mine"
        (tmp_path / "out").write_bytes(b"theirs")

    with pytest.raises(Refused, match="exists already"):
        write_output(tmp_path / "out", pieces())
    assert (tmp_path / "out").read_bytes() == b"theirs"
    assert names_in(tmp_path) == ["out"]


def test_without_hard_links_a_file_is_renamed_into_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: object, **__: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", no_link)
    write_output(tmp_path / "out", [b"text"])
    assert (tmp_path / "out").read_bytes() == b"text"
    with pytest.raises(Refused, match="exists already"):
        write_output(tmp_path / "out", [b"other"])


@pytest.mark.parametrize("force", [False, True])
def test_no_link_is_followed_and_no_folder_or_pipe_written(tmp_path: Path, force: bool) -> None:
    (tmp_path / "victim").write_bytes(b"keep")
    (tmp_path / "link").symlink_to("victim")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, what in (("link", "symbolic"), ("dangling", "symbolic"), ("pipe", "pipe"), ("folder", "folder")):
        with pytest.raises(Refused, match=what):
            write_output(tmp_path / name, [b"new"], force=force)
    assert (tmp_path / "victim").read_bytes() == b"keep"
    assert not (tmp_path / "nowhere").exists()


def test_a_source_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise Refused("the blob is damaged")

    with pytest.raises(Refused, match="damaged"):
        write_output(tmp_path / "out", pieces())
    assert names_in(tmp_path) == []


def test_a_folder_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written: no such file or directory"):
        write_output(tmp_path / "no" / "out", [b"x"])
    with pytest.raises(Refused, match="NUL"):
        write_output("a\0b", [b"x"])


def test_a_dash_is_standard_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shown = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(shown))
    write_output("-", [b"\x00\xff", b"\n"])
    assert shown.getvalue() == b"\x00\xff\n"
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("lease.pdf", "lease.pdf"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\bob\\a b.txt", "a b.txt"),
        ("..", "document"),
        ("", "document"),
        ("-", "document"),
        ("a/", "document"),
        (".bashrc", "bashrc"),
        ("a\0b\x1b[31m.pdf", "ab[31m.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("console.txt", "console.txt"),
        ('a<b>:"c"|?*.txt', "a_b___c____.txt"),
        ("ends. . ", "ends"),
        ("Mu\u0308ller.pdf", "Müller.pdf"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("é" * 200 + ".pdf", "é" * 125 + ".pdf"),
        ("x" * 300, "x" * 255),
        ("a." + "x" * 300, "a." + "x" * 253),
    ],
    ids=lambda name: repr(name[:12]),
)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(st.characters(codec=None), max_size=400) | st.from_regex(r"\A[./\\ CONcon1\x00-\x20<>~-]*\Z"))
def test_any_name_becomes_one_that_stays_in_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= 255
    assert safe == Path(safe).name
    assert not set(safe) & set('/\\<>:"|?*')
    assert safe[0] not in " .-"
    assert safe[-1] not in " ."
    assert safe.upper().split(".")[0] not in ("CON", "PRN", "AUX", "NUL", "COM1", "LPT1")
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in safe)
    assert safe_name(safe) == safe
