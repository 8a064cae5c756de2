"""The text of files: what is found in each kind, and that hostile ones end quietly."""

import io
import os
import subprocess
import sys
import time
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from bo import texts
from bo.encodings import decoded, plain
from bo.mime import DOCX, ODT, XLSX
from bo.readers import Text, read
from bo.texts import extract

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def pdf(*pages: str) -> bytes:
    """A small PDF written by hand, each page with one line of text."""
    numbers = range(3, 3 + 2 * len(pages), 2)
    kids = " ".join(f"{number} 0 R" for number in numbers)
    font = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"]
    for number, text in zip(numbers, pages, strict=True):
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        page = f"/Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources {font} /Contents {number + 1} 0 R"
        objects += [f"<< {page} >>", f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"]
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    out += f"xref\n0 {size}\n0000000000 65535 f \n{table}{end}"
    return out.encode("latin-1")


def encrypted(data: bytes, password: str) -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(data)))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def packed(parts: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in parts.items():
            pack.writestr(name, content)
    return out.getvalue()


def docx(body: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return packed(
        {"[Content_Types].xml": "<Types/>", "word/document.xml": f"{head}<w:document {W}>{body}</w:document>"}
    )


def odt(body: str) -> bytes:
    names = 'xmlns:office="urn:o" xmlns:text="urn:t"'
    return packed({"content.xml": f"<office:document-content {names}>{body}</office:document-content>"})


LETTER = b"""Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from
 Bonn
From: Bob <bob@b.example>
To: alice@a.example
Date: Sat, 31 Jan 2026 10:00:00 +0100
X-Secret: not wanted
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=B

--B
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Die Rechnung f=FCr Mai.
--B
Content-Type: text/html

<p>Same in <b>HTML</b></p><script>evil()</script>
--B
Content-Type: application/pdf
Content-Disposition: attachment; filename="Rechnung 17.pdf"
Content-Transfer-Encoding: base64

JVBERi0=
--B--
"""

PARAGRAPHS = (
    "<w:body><w:p><w:r><w:t>Lease</w:t></w:r><w:r><w:tab/><w:t xml:space='preserve'>of the </w:t></w:r>"
    "<w:r><w:t>hall</w:t></w:r></w:p><w:p><w:r><w:delText>old</w:delText><w:t>1 &amp; 2</w:t></w:r></w:p></w:body>"
)

GOOD: dict[str, tuple[str, bytes, str]] = {
    "text": ("text/plain", "Grüße\r\n\r\n\r\n\tund  mehr\0\x1b[0m\n".encode(), "Grüße\n\nund mehr[0m"),
    "windows": ("text/plain", "Müller; Straße; 100 €".encode("cp1252"), "Müller; Straße; 100 €"),
    "utf-16": ("text/plain", "Größe".encode("utf-16"), "Größe"),
    "csv": ("text/csv", b"name;price\nnut;1,20\n", "name;price\nnut;1,20"),
    "json": ("application/json", b'{"name": "nut"}', '{"name": "nut"}'),
    "html": (
        "text/html",
        b"<title>T</title><style>x{}</style><p>one&nbsp;&amp;\n <b>two</b><br>"
        b"three<script>if(a<b){}</script><td>x<td>y",
        "T\n\none & two\nthree x y",
    ),
    "html in latin-1": ("text/html", b'<meta charset="iso-8859-2"><p>\xb1', "ą"),
    "xml": ("application/xml", b"<a><b>one</b><c x='no'>two</c></a>", "one\ntwo"),
    "pdf": ("application/pdf", pdf("Hello lease", "page two"), "Hello lease\n\npage two"),
    "pdf for anyone": ("application/pdf", encrypted(pdf("Hello lease"), ""), "Hello lease"),
    "docx": (DOCX, docx(PARAGRAPHS), "Lease of the hall\n1 & 2"),
    "odt": (ODT, odt("<text:h>Lease</text:h><text:p>of<text:s/>the<text:tab/>hall</text:p>"), "Lease\nof the hall"),
    "xlsx": (XLSX, packed({"xl/sharedStrings.xml": "<sst><si><t>nut</t></si><si><t>bolt</t></si></sst>"}), "nut\nbolt"),
    "mail": (
        "message/rfc822",
        LETTER,
        "Subject: Grüße from Bonn\nFrom: Bob <bob@b.example>\nTo: alice@a.example\n"
        "Date: Sat, 31 Jan 2026 10:00:00 +0100\n\nDie Rechnung für Mai.\n\nSame in HTML\n\n[Rechnung 17.pdf]",
    ),
}


@pytest.mark.parametrize(("mime", "data", "text"), GOOD.values(), ids=GOOD)
def test_the_text_of_a_file(mime: str, data: bytes, text: str) -> None:
    assert read(io.BytesIO(data), mime, 10_000) == Text(text, "")


def test_it_is_the_same_through_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(GOOD["pdf"][1])
    found = extract(tmp_path / "a.pdf", "application/pdf")
    assert found == Text("Hello lease\n\npage two", "")
    assert extract(io.BytesIO(GOOD["docx"][1]), DOCX) == Text(GOOD["docx"][2], "")


def test_an_open_file_is_given_back_where_it_stood(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789" * 10_000)
    with (tmp_path / "a").open("rb") as file:
        file.seek(5)
        assert file.read(3) == b"567"
        assert len(extract(file, "text/plain").text) == 100_000
        assert file.read(4) == b"8901"
        assert file.seek(0) == 0
        assert file.read(2) == b"01"


BAD: dict[str, tuple[str, bytes, str]] = {
    "an encrypted pdf": ("application/pdf", encrypted(pdf("secret"), "pass"), "the PDF is encrypted"),
    "a scan": ("application/pdf", pdf(""), "no text on its pages"),
    "half a pdf": ("application/pdf", pdf("Hello")[:200], "damaged"),
    "no pdf": ("application/pdf", b"", "damaged"),
    "no zip": (DOCX, b"PK\x03\x04 and no more", "damaged"),
    "a zip of something else": (ODT, packed({"a.txt": "x"}), "the part with its text is missing"),
    "a zip bomb": (DOCX, packed({"word/document.xml": b"<a>" + b"x" * 49_000_000}), "must be a trap"),
    "a fat zip": (DOCX, packed({f"{n}.xml": os.urandom(1) * 26_000_000 for n in range(2)}), "more than 50 MB"),
    "many members": (DOCX, packed({str(n): b"" for n in range(10_001)}), "more than 50 MB"),
    "broken xml": (DOCX, docx("<w:p>"), "damaged"),
    "billion laughs": (
        "application/xml",
        b'<!DOCTYPE a [<!ENTITY b "lol"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
        "the file has a DTD",
    ),
    "a file from the disk": (
        DOCX,
        packed({"word/document.xml": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a><t>&b;</t></a>'}),
        "the file has a DTD",
    ),
    "an image": ("image/png", b"\x89PNG", "text of image/png is not read"),
}


@pytest.mark.parametrize(("mime", "data", "reason"), BAD.values(), ids=BAD)
def test_a_file_that_is_not_read_says_why(mime: str, data: bytes, reason: str) -> None:
    found = read(io.BytesIO(data), mime, 10_000)
    assert found.text == ""
    assert reason in found.reason


def test_a_nested_or_deep_document_ends_quietly() -> None:
    deep = b"<a>" * 200_000
    assert "damaged" in read(io.BytesIO(deep), "application/xml", 1000).reason
    nested = b"Subject: deep\nFrom: a\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=B%d\n\n--B%d\n" % (n, n) for n in range(2000)
    )
    assert "damaged" in read(io.BytesIO(nested), "message/rfc822", 1000).reason


def test_a_long_text_is_cut_and_says_so() -> None:
    found = read(io.BytesIO("é".encode() * 500_000), "text/plain", 1000)
    assert found == Text("é" * 1000, "only the first 1000 characters are read")
    pages = pdf(*["word " * 50] * 20)
    found = read(io.BytesIO(pages), "application/pdf", 500)
    assert len(found.text) <= 500
    assert "only the first 500" in found.reason


def test_a_short_text_in_an_old_encoding_keeps_its_last_letter() -> None:
    assert decoded(b"caf\xe9") == "café"
    assert decoded(b"x" * 70_000 + b"\xc3") == "x" * 70_000


@pytest.mark.parametrize("charset", ["rot13", "zlib", "no-such", "undefined", "a\0b", "é"])
def test_a_charset_that_is_none_is_guessed_over(charset: str) -> None:
    assert decoded(b"caf\xe9", charset) == "café"


def test_a_reader_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "READ", "import time; time.sleep(60)")
    monkeypatch.setattr(texts, "SECONDS", 0.5)
    begun = time.monotonic()
    assert extract(io.BytesIO(b"x"), "text/plain") == Text("", "reading it takes too long")
    assert time.monotonic() - begun < 5


def test_a_reader_that_swells_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MEMORY", 100 << 20)
    assert "too much memory" in extract(io.BytesIO(b"x" * (120 << 20)), "text/plain").reason


def test_a_folder_the_user_stands_in_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bo", "json", "pypdf", "zipfile"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert extract(io.BytesIO(GOOD["pdf"][1]), "application/pdf").text.startswith("Hello")
    assert not (tmp_path / "ran").exists()


def test_the_reader_knows_no_secret_of_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BO_PASSPHRASE_FILE", "/secret")
    monkeypatch.setattr(texts, "READ", "import json, os; print(json.dumps([' '.join(os.environ), '']))")
    assert "BO_" not in extract(io.BytesIO(b"x"), "text/plain").text


def test_texts_imports_no_reader_of_files_until_one_is_read() -> None:
    code = "import sys, bo.texts; print([m for m in ('pypdf', 'charset_normalizer', 'puremagic') if m in sys.modules])"
    home = Path(texts.__file__).parents[1]
    assert subprocess.check_output([sys.executable, "-c", code], cwd=home, text=True).strip() == "[]"


HEADS: dict[str, bytes] = {
    "text/plain": b"",
    "text/html": b"<p><script ",
    "application/xml": b"<a>",
    "application/pdf": pdf("Hello"),
    "message/rfc822": b"Subject: =?utf-8?",
    DOCX: GOOD["docx"][1],
    ODT: GOOD["odt"][1],
}


def spoiled(data: bytes) -> st.SearchStrategy[bytes]:
    """Random bytes, and the good file with a piece of it exchanged."""

    def exchange(place: int, piece: bytes) -> bytes:
        return data[:place] + piece + data[place + len(piece) :]

    return st.binary(max_size=300) | st.builds(exchange, st.integers(0, len(data)), st.binary(max_size=40))


@pytest.mark.parametrize("mime", HEADS)
def test_spoiled_files_of_every_kind_end_in_clean_text(mime: str) -> None:
    @settings(max_examples=60, deadline=5000)
    @given(spoiled(HEADS[mime]))
    def prove(data: bytes) -> None:
        found = read(io.BytesIO(data), mime, 200)
        assert len(found.text) <= 200
        assert found.text == found.text.strip()
        assert found.text == unicodedata.normalize("NFC", found.text)
        assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cs") for c in found.text)

    prove()


@given(st.text(st.characters(codec=None)))
def test_plain_text_is_plain_already(text: str) -> None:
    assert plain(plain(text)) == plain(text)
