"""What kind of file this is: its content decides, its name only breaks ties."""

import codecs
import csv
import json
import re

HEAD = 65_536
"""How much of a file's beginning is worth giving to `mime_of`."""

UNKNOWN = "application/octet-stream"
OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = OFFICE + "wordprocessingml.document"
XLSX = OFFICE + "spreadsheetml.sheet"
PPTX = OFFICE + "presentationml.presentation"
ODF = "application/vnd.oasis.opendocument."
ODT = ODF + "text"

OLD_OFFICE = {
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
    ".msg": "application/vnd.ms-outlook",
}
FOLDERS = {b"word/": (DOCX, ".docx"), b"xl/": (XLSX, ".xlsx"), b"ppt/": (PPTX, ".pptx")}
LOOKS_LIKE = (  # texts that begin in a way of their own
    (r"\{\\rtf", "application/rtf"),
    (r"%!ps", "application/postscript"),
    (r"begin:vcard\s", "text/vcard"),
    (r"begin:vcalendar\s", "text/calendar"),
    (r"from [^\n]{3,200} \d\d:\d\d(:\d\d)?[^\n]*\n[a-z-]+:", "application/mbox"),
)
ENDINGS = {".csv": "text/csv", ".tsv": "text/tab-separated-values", ".md": "text/markdown", ".eml": "message/rfc822"}
HEADERS = {"from", "to", "cc", "subject", "date", "message-id", "received", "mime-version", "return-path", "reply-to"}


def mime_of(head: bytes, name: str = "") -> str:
    """The media type of a file that begins with `head`. It never fails: what nothing knows is octets."""
    head = head[:HEAD]
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return mime_of_zip(head, ending)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return OLD_OFFICE.get(ending, "application/x-ole-storage")
    text = as_text(head)
    if text is not None:
        return mime_of_text(text, ending, len(head) < HEAD) if text.strip() else ENDINGS.get(ending, "text/plain")
    return mime_of_bytes(head, ending)


def mime_of_zip(head: bytes, ending: str) -> str:
    """Office files by the names packed in them, as far as the head shows them."""
    if declared := re.match(rb"PK\x03\x04.{22}\x08\x00..mimetype([a-z0-9.+/-]{5,100})", head, re.DOTALL):
        kind = declared[1].decode()
        if kind.startswith((ODF, "application/epub+zip")):
            return kind
    names = [match[1] for match in re.finditer(rb"PK\x03\x04.{26}([\x20-\x7e]{1,200})", head, re.DOTALL)]
    if any(name.startswith(b"[Content_Types].xml") for name in names):
        for folder, (kind, _) in FOLDERS.items():
            if any(name.startswith(folder) for name in names):
                return kind
        return next((kind for kind, usual in FOLDERS.values() if usual == ending), "application/zip")
    return "application/zip"


def as_text(head: bytes) -> str | None:
    """The head as text if it is any: UTF-8, UTF-16 with its mark, or an old single-byte encoding."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            text = codecs.getincrementaldecoder("utf-16")().decode(head)
        except UnicodeDecodeError:
            return None
        return None if re.search(r"[\x00-\x08\x0e-\x1a]", text) else text
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", head):
        return None
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        high = sum(byte >= 0x80 for byte in head)
        return head.decode("cp1252", errors="replace") if high * 3 < len(head) else None


def mime_of_text(text: str, ending: str, whole: bool) -> str:
    start = text.lstrip()[:8192]
    for pattern, kind in LOOKS_LIKE:
        if re.match(pattern, start, re.IGNORECASE):
            return kind
    if start.startswith("<") and (kind := mime_of_markup(start, ending)):
        return kind
    if is_json(text, whole):
        return "application/json"
    if is_mail(start, ending):
        return "message/rfc822"
    if ending in (".csv", ".tsv", ".md"):
        return ENDINGS[ending]
    return "text/csv" if is_table(text, whole) else "text/plain"


def mime_of_markup(start: str, ending: str) -> str:
    """By the first element, behind what may stand before it."""
    declared = start[:5].lower() == "<?xml"
    rest, page = start, False
    for opening, closing in (("<?", "?>"), ("<!--", "-->"), ("<!", ">")) * 20:
        while rest.startswith(opening) and not (opening == "<!" and rest.startswith("<!--")):
            page = page or rest[:14].lower() == "<!doctype html"
            rest = rest.partition(closing)[2].lstrip()
    found = re.match(r"<([a-z_][\w:.-]{0,80})[\s/>]", rest, re.IGNORECASE)
    root = found[1].lower() if found else ""
    if page or root in ("html", "head", "body"):
        return "application/xhtml+xml" if declared else "text/html"
    if root == "svg":
        return "image/svg+xml"
    if declared or (root and ending == ".xml"):
        return "application/xml"
    return "text/html" if root and ending in (".html", ".htm") else ""


def is_json(text: str, whole: bool) -> bool:
    if not re.match(r'\s*(\{\s*["}]|\[\s*["\[\]{\d.tfn-])', text):
        return False
    if not whole:
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def is_mail(start: str, ending: str) -> bool:
    """Two of a letter's usual header lines in its head, or one if the file is called `.eml`."""
    lines = re.split(r"\r?\n", start.split("\n\n")[0].split("\r\n\r\n")[0])
    if not re.match(r"[!-9;-~]+:", lines[0]):
        return False
    known = {found[1].lower() for line in lines if (found := re.match(r"([!-9;-~]+):", line))} & HEADERS
    return len(known) >= (1 if ending == ".eml" else 2) and bool(known & {"from", "date", "received", "message-id"})


def is_table(text: str, whole: bool) -> bool:
    """Two or more rows, all as wide as a first row of names that are all filled in."""
    lines = text.splitlines() if whole else text.splitlines()[:-1]
    lines = [line for line in lines if line.strip()][:20]
    if len(lines) < 2 or max(map(len, lines)) > 10_000:
        return False
    for delimiter in ";\t|,":
        try:
            rows = list(csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            continue
        if len(rows) > 1 and len(rows[0]) > 1 and all(rows[0]) and len({len(row) for row in rows}) == 1:
            return True
    return False


def mime_of_bytes(head: bytes, ending: str) -> str:
    """What puremagic knows. Two bytes alike are chance, unless the name says the same."""
    import puremagic

    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    likely = [match for match in found if match.mime_type and match.confidence == found[0].confidence]
    named = [match for match in found if match.mime_type and match.extension == ending]
    same = [match for match in named if any(match.byte_match == other.byte_match for other in likely)]
    if same:
        return str(same[0].mime_type)
    if likely and likely[0].confidence >= 0.3:
        return str(likely[0].mime_type)
    return str(named[0].mime_type) if named else UNKNOWN
