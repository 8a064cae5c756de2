"""The text of a file of each kind. `bo/texts.py` runs this as a program of its own, under limits.

What hostile input does to it, by memory or time, it does to a process that holds no key and is ended.
"""

import io
import json
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from bo.encodings import decoded, plain
from bo.markup import Unreadable, text_of_html, text_of_xml

if TYPE_CHECKING:
    from email.message import Message

SOFT_SECONDS = 3.0
UNPACKED = 50_000_000
RATIO = 200
MEMBERS = 10_000


class Text(NamedTuple):
    """The text found, and in words why it is less than the whole ("" when it is not)."""

    text: str
    reason: str = ""


Pieces = Iterator[str]


def read(file: BinaryIO, mime: str, limit: int) -> Text:
    """At most `limit` characters of the file's text. Every failure becomes the reason."""
    reader = reader_of(mime)
    if reader is None:
        return Text("", f"text of {mime} is not read")
    pieces: list[str] = []
    size, why = 0, ""
    until = time.monotonic() + SOFT_SECONDS
    try:
        file.seek(0)
        for piece in reader(file, limit):
            pieces.append(piece[: 2 * limit - size])
            size += len(pieces[-1])
            if size >= 2 * limit:
                why = f"only the first {limit} characters are read"
                break
            if time.monotonic() > until:
                why = "reading it takes long: what comes later is left out"
                break
    except Unreadable as error:
        why = str(error)
    except MemoryError:
        pieces, why = [], "reading it needs too much memory"
    except Exception as error:  # the readers of others raise whatever they like on a damaged file
        why = f"the file is damaged, or not {mime} ({type(error).__name__})"
    text = plain("".join(pieces))
    if len(text) > limit:
        text, why = text[:limit].rstrip(), f"only the first {limit} characters are read"
    return Text(text, why)


def reader_of(mime: str) -> Callable[[BinaryIO, int], Pieces] | None:
    if mime in READERS:
        return READERS[mime]
    if mime.startswith("application/vnd.oasis.opendocument."):
        return read_odf
    if mime.startswith("application/vnd.openxmlformats-officedocument."):
        return read_office
    if mime.endswith("+xml"):
        return read_xml
    return read_text if mime.startswith("text/") else None


def read_text(file: BinaryIO, limit: int) -> Pieces:
    data = file.read(4 * limit)
    yield decoded(data)
    if file.read(1):
        raise Unreadable("the file is long: only its beginning is read")


def read_html(file: BinaryIO, limit: int) -> Pieces:
    data = file.read(8 * limit)
    declared = re.search(rb"charset=[\"']?([\w-]{1,40})", data[:2048], re.IGNORECASE)
    yield text_of_html(decoded(data, declared[1].decode("ascii", errors="replace") if declared else ""))
    if file.read(1):
        raise Unreadable("the file is long: only its beginning is read")


def read_mail(file: BinaryIO, limit: int) -> Pieces:
    from email import policy
    from email.parser import BytesParser

    letter = BytesParser(policy=policy.compat32).parsebytes(file.read(32_000_000))
    for name in ("Subject", "From", "To", "Cc", "Date"):
        if value := letter.get(name):
            yield f"{name}: {header_text(str(value))}\n"
    for part in letter.walk():
        attached = part.get_filename()
        if attached:
            yield f"\n[{header_text(attached)}]\n"
        elif part.get_content_type() in ("text/plain", "text/html"):
            yield "\n" + body_text(part)
    if file.read(1):
        raise Unreadable("the message is long: only its beginning is read")


def body_text(part: "Message") -> str:
    data = part.get_payload(decode=True)
    text = decoded(data if isinstance(data, bytes) else b"", part.get_content_charset() or "")
    return text_of_html(text) if part.get_content_type() == "text/html" else text


def header_text(value: str) -> str:
    """A header line with its `=?…?=` words decoded, as far as they can be."""
    from email.errors import HeaderParseError
    from email.header import decode_header

    try:
        words = decode_header(re.sub(r"\r?\n[ \t]*", " ", value)[:10_000])
    except (HeaderParseError, ValueError):
        return value
    return "".join(word if isinstance(word, str) else decoded(word, charset or "") for word, charset in words)


def read_pdf(file: BinaryIO, limit: int) -> Pieces:
    from pypdf import PasswordType, PdfReader

    document = PdfReader(file)
    if document.is_encrypted and document.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise Unreadable("the PDF is encrypted")
    found = False
    for page in document.pages:
        text = page.extract_text()
        found = found or bool(text.strip())
        yield text + "\n\n"
    if not found:
        raise Unreadable("the PDF has no text on its pages: it may be a scan")


def read_office(file: BinaryIO, limit: int) -> Pieces:
    word = r"word/(document|header\d*|footer\d*|footnotes|endnotes)\.xml"
    sheets = r"xl/(sharedStrings|worksheets/[^/]+)\.xml"
    lines = dict.fromkeys(("p", "br", "cr", "si", "row"), "\n")
    cells = dict.fromkeys(("tab", "c", "tc"), "\t")
    return read_packed(file, rf"{word}|{sheets}|ppt/slides/[^/]+\.xml", frozenset("t"), lines | cells)


def read_odf(file: BinaryIO, limit: int) -> Pieces:
    breaks = {"p": "\n", "h": "\n", "line-break": "\n", "tab": "\t", "s": " ", "table-cell": "\t"}
    return read_packed(file, r"content\.xml", frozenset(), breaks)


def read_packed(file: BinaryIO, wanted: str, only: frozenset[str], breaks: dict[str, str]) -> Pieces:
    """The text of some XML files in a ZIP file, unless it would unpack to far more than it is."""
    with zipfile.ZipFile(file) as pack:
        members = pack.infolist()
        if len(members) > MEMBERS or sum(member.file_size for member in members) > UNPACKED:
            raise Unreadable("the file unpacks to more than 50 MB and is not read")
        if any(member.file_size > 1_000_000 and member.file_size > RATIO * member.compress_size for member in members):
            raise Unreadable("the file is packed so densely that it must be a trap, and is not read")
        if any(member.flag_bits & 1 for member in members):
            raise Unreadable("the file is encrypted")
        parts = [member for member in members if re.fullmatch(wanted, member.filename)]
        if not parts:
            raise Unreadable("the file is damaged: the part with its text is missing")
        for member in sorted(parts, key=lambda part: (len(part.filename), part.filename)):
            with pack.open(member) as part:
                yield from text_of_xml(part, only, breaks)
            yield "\n"


def read_xml(file: BinaryIO, limit: int) -> Pieces:
    return text_of_xml(file, frozenset(), {})


READERS: dict[str, Callable[[BinaryIO, int], Pieces]] = {
    "text/html": read_html,
    "text/xml": read_xml,
    "application/xhtml+xml": read_html,
    "application/xml": read_xml,
    "application/json": read_text,
    "application/pdf": read_pdf,
    "message/rfc822": read_mail,
}


def main(mime: str, limit: str, memory: str) -> None:
    """Read standard input under limits; print `[text, reason]`."""
    import resource

    for what, most in ((resource.RLIMIT_AS, int(memory)), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(what)[1]
        with suppress(ValueError, OSError):  # a system without this limit; the caller's clock remains
            resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard),) * 2)
    file: BinaryIO = sys.stdin.buffer
    if not file.seekable():
        file = io.BytesIO(file.read())
    json.dump(read(file, mime, int(limit)), sys.stdout)
