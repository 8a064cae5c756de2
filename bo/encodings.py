"""Bytes as text, whatever encoding they are in, and text as it is searched."""

import codecs
import re
import unicodedata

SAMPLE = 65_536


def decoded(data: bytes, charset: str = "") -> str:
    """Bytes as text: by their mark, as UTF-8, as they say themselves, else by a guess."""
    for mark, name in (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(name, errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) > SAMPLE and error.end == len(data) and error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8-sig")  # a long file cut within a letter
        return data.decode(charset if is_charset(charset) else guessed(data[:SAMPLE]), errors="replace")


def is_charset(name: str) -> bool:
    """A text encoding that Python has: `rot13` and `zlib` are codecs as well, but none of text."""
    try:
        return bool(name) and isinstance(b"bo".decode(name, errors="replace"), str)
    except (LookupError, ValueError):
        return False


def guessed(sample: bytes) -> str:
    """Windows-1252 is by far the likeliest, and what a mostly plain text or a tie is taken for."""
    from charset_normalizer import from_bytes

    found = from_bytes(sample)
    best = found.best()
    if best is None:
        return "cp1252"
    western = next((match for match in found if "cp1252" in match.could_be_from_charset), None)
    if western is not None and western.chaos <= best.chaos:
        return "cp1252"
    high = sum(byte >= 0x80 for byte in sample)
    return "cp1252" if best.multi_byte_usage > 0 and high * 10 < len(sample) and 0 not in sample else best.encoding


def plain(text: str) -> str:
    """Composed letters, single spaces, no control, direction or other invisible characters."""
    text = re.sub(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", "\n", text)
    text = re.sub(
        r"[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
        r"|[\U000e0000-\U000e007f]",
        "",
        text,
    )
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"[^\S\n]+", " ", text)
    return re.sub(r"\n{3,}", "\n\n", text.replace(" \n", "\n").replace("\n ", "\n")).strip()
