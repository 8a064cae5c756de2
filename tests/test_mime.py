"""Media types: the content decides, the name only breaks ties."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bo.mime import DOCX, HEAD, ODT, PPTX, UNKNOWN, XLSX, mime_of


def packed(*names: str, mimetype: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as pack:
        if mimetype:
            pack.writestr("mimetype", mimetype, zipfile.ZIP_STORED)
        for name in names:
            pack.writestr(name, "<x/>")
    return file.getvalue()


OFFICE = ("[Content_Types].xml", "_rels/.rels")


@pytest.mark.parametrize(
    ("head", "name", "mime"),
    [
        (b"%PDF-1.7\n\xe2\xe3", "a.txt", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.pdf", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "", "image/jpeg"),
        (packed(*OFFICE, "word/document.xml"), "a.zip", DOCX),
        (packed(*OFFICE, "xl/workbook.xml"), "", XLSX),
        (packed(*OFFICE, "ppt/presentation.xml"), "", PPTX),
        (packed(*OFFICE, "docProps/app.xml"), "a.docx", DOCX),
        (packed(*OFFICE, "docProps/app.xml"), "a.bin", "application/zip"),
        (packed("content.xml", mimetype=ODT), "a.docx", ODT),
        (packed("word/document.xml"), "", "application/zip"),
        (packed(), "a.docx", "application/zip"),
        (b"Dear Bob,\n\nthanks.\n", "a.pdf", "text/plain"),
        (b"Dear Bob,\nthanks,\n", "", "text/plain"),
        ("Grüße\n".encode(), "", "text/plain"),
        ("Grüße aus München\n".encode("cp1252"), "", "text/plain"),
        ("Grüße\n".encode("utf-16"), "", "text/plain"),
        (b"# Title\n", "a.md", "text/markdown"),
        (b"name;price\nnut;1,20\nbolt;3\n", "", "text/csv"),
        (b"only one column\nof text\n", "a.csv", "text/csv"),
        (b"", "a.csv", "text/csv"),
        (b"", "", "text/plain"),
        (b' {"a": [1, 2]}', "a.txt", "application/json"),
        (b"{not json}", "a.json", "text/plain"),
        (b"[" * 20_000, "", "text/plain"),
        (b"<!DOCTYPE html><p>x", "a.xml", "text/html"),
        (b"<!-- x --><html><p>x", "", "text/html"),
        (b"<?xml version='1.0'?><!-- a --><Invoice xmlns='x'/>", "a.html", "application/xml"),
        (b"<Invoice/>", "a.xml", "application/xml"),
        (b"<Invoice/> is a tag", "", "text/plain"),
        (b"<?xml version='1.0'?><svg xmlns='x'/>", "", "image/svg+xml"),
        (b"<?xml version='1.0'?><!DOCTYPE html><html xmlns='x'/>", "", "application/xhtml+xml"),
        (b"Received: x\r\nFrom: a@b.example\r\nSubject: hi\r\n\r\nbody", "", "message/rfc822"),
        (b"Date: x\n\nbody", "a.eml", "message/rfc822"),
        (b"Note: from\nDate: today\n", "", "text/plain"),
        (b"{\\rtf1\\ansi x}", "a.doc", "application/rtf"),
        (b"BEGIN:VCARD\nVERSION:4.0\n", "", "text/vcard"),
        (b"\x00\x01\x02\x03" * 20, "a.pdf", UNKNOWN),
    ],
)
def test_the_media_type_of(head: bytes, name: str, mime: str) -> None:
    assert mime_of(head, name) == mime


def test_the_name_breaks_the_tie_between_old_office_files() -> None:
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)
    assert mime_of(head, "a.doc") == "application/msword"
    assert mime_of(head, "a.xls") == "application/vnd.ms-excel"
    assert mime_of(head, "a.pdf") == "application/x-ole-storage"


def test_a_letter_cut_at_the_end_of_the_head_is_still_utf8_text() -> None:
    assert mime_of(("x" * (HEAD - 1) + "é").encode(), "") == "text/plain"


def test_a_long_run_of_comments_is_no_trap() -> None:
    assert mime_of(b"<?xml?>" + b"<!---->" * 5000, "") == "application/xml"


@given(
    st.binary(max_size=300) | st.text().map(str.encode) | st.binary(max_size=60).map(lambda tail: b"PK\x03\x04" + tail),
    st.text(max_size=8) | st.sampled_from(["a.csv", "a.docx", "a.xml", "a.eml"]),
)
def test_any_bytes_have_some_media_type(head: bytes, name: str) -> None:
    kind, slash, rest = mime_of(head, name).partition("/")
    assert kind
    assert slash
    assert rest
