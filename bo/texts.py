"""The searchable text of a file, read by a process of its own that cannot hang, swell or know a key."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from bo.files import open_input
from bo.readers import Text, reader_of

__all__ = ["LIMIT", "Text", "extract"]

LIMIT = 2_000_000
SECONDS = 4.5
MEMORY = 1 << 30
HOME = str(Path(__file__).resolve().parent.parent)
READ = """
import sys
sys.path.insert(0, sys.argv[1])
import bo
del sys.path[0]
from bo.readers import main
main(*sys.argv[2:])
"""


def extract(source: str | Path | BinaryIO, mime: str, limit_chars: int = LIMIT) -> Text:
    """The text of a file of this media type, and why it is less than the whole, if it is.

    Nothing in a file makes this raise. An open file is given back where it stood.
    """
    mime = mime.partition(";")[0].strip().lower()
    if reader_of(mime) is None:
        return Text("", f"text of {mime} is not read")
    if isinstance(source, str | Path):
        with open_input(source) as file:
            return extract(file, mime, limit_chars)
    try:
        handle = source.fileno()
    except io.UnsupportedOperation:
        place = source.tell()
        source.seek(0)
        data = source.read()
        source.seek(place)
        return run(mime, limit_chars, data=data)
    place = os.lseek(handle, 0, os.SEEK_CUR)  # the reader shares the position, not the buffer
    try:
        return run(mime, limit_chars, handle=handle)
    finally:
        os.lseek(handle, place, os.SEEK_SET)


def run(mime: str, limit: int, *, handle: int | None = None, data: bytes | None = None) -> Text:
    # -P: modules come from where Python is installed, never from a folder the user stands in
    command = [sys.executable, "-P", "-X", "utf8", "-c", READ, HOME, mime, str(limit), str(MEMORY)]
    known = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH") if name in os.environ
    }
    try:
        done = subprocess.run(
            command, stdin=handle, input=data, capture_output=True, timeout=SECONDS, env=known, check=False
        )
    except subprocess.TimeoutExpired:
        return Text("", "reading it takes too long")
    if done.returncode:
        return Text("", "reading it needs too much memory, or broke the reader")
    return msgspec.json.decode(done.stdout, type=Text)
