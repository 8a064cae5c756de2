"""Elements of an audit file as text."""

from __future__ import annotations

import re

from bo import exporting

CODE, SHORT, MIDDLE, LONGER, LONG = 9, 18, 35, 70, 256
"""The longest texts of the schema."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def element(name: str, text: object, most: int = LONG) -> str:
    """An element with its text, cut to the longest that the schema takes."""
    plain = _NOT_XML.sub("", exporting.words(str(text)))[:most].translate(_SPECIAL)
    return f"<{name}>{plain}</{name}>"


def around(name: str, *inner: str) -> str:
    return f"<{name}>{''.join(inner)}</{name}>"
