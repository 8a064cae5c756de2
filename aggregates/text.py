"""Text as it is kept: one Unicode form, no control characters, bounded length."""

import re
import unicodedata

from aggregates.core import Refused, require

LONGEST = 16 * 1024
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` trimmed, in NFC, its lines ended by a newline only; refused when it holds other control characters."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not plain.isascii():
        plain = unicodedata.normalize("NFC", plain)
    if found := _CONTROL.search(plain):
        if "\ud800" <= found[0] <= "\udfff":
            raise Refused(f"{shown(text)} is not valid UTF-8")
        raise Refused(f"{shown(text)} holds the control character {shown(found[0])[1:-1]}")
    if len(plain) * 4 > LONGEST and len(plain.encode()) > LONGEST:
        raise Refused(f"{shown(text)} is longer than {LONGEST // 1024} KiB")
    return plain


def line(text: str, most: int = 1024) -> str:
    """`clean` text of one line and at most `most` characters."""
    plain = clean(text)
    if "\n" in plain:  # imports come here for every cell: the message is made only when it is needed
        raise Refused(f"{shown(text)} is more than one line")
    if len(plain) > most:
        raise Refused(f"{shown(text)} is longer than {most} characters")
    return plain


def reference(text: str) -> str:
    """What a thing is called by: 1 to 64 printable characters, no slash, not like an option."""
    plain = line(text)
    require(plain, "a reference is not empty")
    require(len(plain) <= 64, f"{shown(plain)} is longer than 64 characters, too long for a reference")
    require(plain.isprintable(), f"{shown(plain)} holds characters that do not print: not good for a reference")
    require("/" not in plain, f"{shown(plain)} holds a slash, which separates a kind from a reference")
    require(not plain.startswith("-"), f"{shown(plain)} begins with a hyphen, like an option")
    return plain


def shown(text: str) -> str:
    """What the user gave, for a message: quoted, escaped, cut short."""
    safe = text[:60]
    if not safe.isprintable():
        safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in safe)
    return f"“{safe}…”" if len(text) > 60 else f"“{safe}”"
