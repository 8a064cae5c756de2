"""Documents on their way in and out: read once, sealed, described, given back checked."""

from __future__ import annotations

import io
import os
import secrets
import stat
import sys
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import msgspec

from aggregates.core import Refused
from aggregates.document import INLINE, Document
from bo import errors, files, mime, texts
from bo.progress import over
from store.errors import NotFound, StoreError, Tampered, Unauthorised, Unavailable, Unrecorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views
    from projections.documentlists import Kept
    from projections.references import Found
    from store.blobplace import Lying
    from store.blobs import SealedBlob
    from store.ledger import Ledger
    from store.transaction import Transaction

HELD = 32 << 20
"""So much of a pipe is held in memory for its text: a pipe is read but once."""
DAY = 86_400
"""Seconds after which no filing is still under way."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Taken(NamedTuple):
    """A file that was sealed and waits for the commit that refers to it."""

    reference: str
    name: str
    mime: str
    size: int
    sha256: str
    text: str
    sealed: tuple[SealedBlob, ...]

    def attach(self, tx: Transaction, compartment: int) -> dict[str, Any]:
        """Refer to it; the fields that the event tells of its content."""
        blob, *more = tx.attach(Document, self.reference, self.sealed, compartment)
        return {
            "name": self.name, "mime": self.mime, "size": self.size, "sha256": self.sha256, "blob": blob.hash.hex(),
            "text": self.text, "text_blob": more[0].hash.hex() if more else "",
        }  # fmt: skip


def take(ledger: Ledger, source: str, reference: str, compartment: int, name: str = "") -> Taken:
    """Seal a file, or standard input for `-`, as the next version of a document. In constant memory."""
    with opened(source) as (file, size):
        before = changed(file)
        if not name:
            name = named(source)
            if name != Path(source).name and source != "-":
                errors.note(f"{source} is filed under the name {name}")
        head = file.read(mime.HEAD)
        kind = mime.mime_of(head, name)
        held = io.BytesIO(head) if size is None else None
        label = f"filing {name}"
        pieces = Whole(file, label, size) if size else over(remembered(head, file, held), label)
        try:
            blob = ledger.seal(Document, reference, pieces, compartment=compartment)
        except OSError as problem:  # the disk is full, mostly: which file is then nowhere in it
            raise Unavailable(f"{source} cannot be filed: {files.reason(problem)}") from problem
        except Unavailable as problem:
            raise Unrecorded(str(problem)) from problem
        text, why = text_of(file, held, kind, blob.size)
        if size is not None and changed(file) != before:
            raise Refused(f"{source} was changed while it was read: file it again when it is finished")
    if why:
        filed = "would be filed" if ledger.dry_run else "is filed"
        errors.note(f"{name} {filed}, but not all of its text can be searched: {why}")
    sealed = [blob]
    if len(text.encode()) > INLINE:
        sealed.append(ledger.seal(Document, reference, [text.encode()], blob, compartment))
        text = ""
    return Taken(reference, name, kind, blob.size, blob.sha256.hex(), text, tuple(sealed))


@contextmanager
def opened(source: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The file and its size, None for standard input."""
    if source == "-":
        yield sys.stdin.buffer, None
        return
    if not source:
        raise Refused("nothing is no file name")
    with files.open_input(source) as file:
        yield file, os.fstat(file.fileno()).st_size


def changed(file: BinaryIO) -> tuple[int, int]:
    """What would tell that somebody wrote to the file."""
    about = os.fstat(file.fileno())
    return (about.st_size, about.st_mtime_ns) if stat.S_ISREG(about.st_mode) else (0, 0)


def named(source: str) -> str:
    """The file's own name if a document can have it, else one like it."""
    if source == "-":
        return "document"
    name = Path(source).name
    plain = name.isprintable() and not {"\\", "/"} & set(name) and len(name.encode(errors="replace")) <= files.LONGEST
    return name if plain else files.safe_name(name)


class Whole:
    """All pieces of a file, as often as they are asked for."""

    def __init__(self, file: BinaryIO, label: str, size: int) -> None:
        self._file, self._label, self._size = file, label, size

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        return over(files.chunks(self._file), self._label, self._size >> 20)


def remembered(head: bytes, file: BinaryIO, held: io.BytesIO | None) -> Iterator[bytes]:
    """All pieces of a file whose head was read; the first of them stay in `held`."""
    if head:
        yield head
    for piece in files.chunks(file):
        if held is not None and held.seek(0, os.SEEK_END) < HELD:
            held.write(piece)
        yield piece


def text_of(file: BinaryIO, held: io.BytesIO | None, kind: str, size: int) -> texts.Text:
    """The text to search, and why it is not all; a kind of file that has none is nothing to tell of."""
    from bo.readers import reader_of

    if reader_of(kind) is None:
        return texts.Text("")
    if held is None:
        return texts.extract(file, kind)
    if len(held.getbuffer()) < size and not kind.startswith("text/"):
        return texts.Text("", "it is too long to be read from a pipe: name the file instead")
    return texts.extract(held, kind)


def fresh(views: Views) -> str:
    """A reference that no document has."""
    while True:
        reference = "DOC-" + "".join(secrets.choice(LETTERS) for _ in range(5))
        if views.value("SELECT 1 FROM document WHERE reference = ?", reference) is None:
            return reference


def today(ledger: Ledger) -> date:
    """The day a commit made now will bear, UTC."""
    return datetime.fromtimestamp(ledger.clock() / 1000, UTC).date()


def place(views: Views, text: str) -> int:
    """The compartment of that name or number. Raises NotFound."""
    from projections.directory import compartments

    known = compartments(views)
    for one in known:
        if text in (one.name, str(one.number)):
            return one.number
    raise NotFound(f"there is no compartment {text}: there are {', '.join(one.name for one in known)}")


def must_write(ledger: Ledger, compartment: int, name: str) -> None:
    """Say no before a long file is read, and leave in the journal that it was tried."""
    from store.control import WRITE

    if not ledger.people.may(ledger.person, WRITE, compartment, ledger.clock()):
        refusal = Unauthorised(f"you may not write in {name}: `bo access grant` by an administrator would allow it")
        if not ledger.dry_run:
            ledger.home_compartment = compartment
            ledger.refused(refusal)
        raise refusal


def must_be_over(ledger: Ledger, views: Views, found: Found) -> None:
    """Refuse to erase what is still to be kept."""
    from projections.documentlists import shown

    document = shown(views, found.ref, found.compartment)
    until = document.retain_until if document else None
    if until and until >= today(ledger):
        raise Refused(f"{found.ref} is kept until {until}: `bo doc retain` can end that, with a reason")


def target(views: Views, text: str, own: str = "") -> str:
    """What a document is linked to, in full: `customer/C-1`. Raises NotFound, Refused for what is no such thing."""
    from projections.references import resolve

    found = resolve(views, text)
    if found.kind == "person":
        raise Refused("a document is linked to records, invoices and documents, not to persons: their names stay out")
    link = f"{found.kind}/{found.ref}"
    if link == f"document/{own}":
        raise Refused("a document is not linked to itself")
    return link


def content(ledger: Ledger, kept: Kept) -> Iterator[bytes]:
    """A version, piece by piece. The ciphertext is checked before the first, the file's own hash after the last."""
    found = sha256()
    for piece in opening(ledger, kept, kept.blob):
        found.update(piece)
        yield piece
    if found.hexdigest() != kept.sha256:
        raise Tampered(f"{called(kept)}: it is not the file that was filed")


def called(kept: Kept) -> str:
    return f"{kept.reference} version {kept.version}"


def opening(ledger: Ledger, kept: Kept, blob: str) -> Iterator[bytes]:
    """One of its blobs, with errors that name the document."""
    what = called(kept)
    try:
        yield from ledger.document(kept.compartment, f"{Document.kind}/{kept.reference}", bytes.fromhex(blob))
    except Tampered as problem:
        raise Tampered(f"{what}: {problem}") from None
    except OSError as problem:
        raise Unavailable(f"{what} cannot be read: {files.reason(problem)}") from problem


class Broken(msgspec.Struct):
    """What cannot be given back as it was filed. Without a key of yours, `reference` is the log's leaf."""

    reference: str
    version: int | None
    name: str
    problem: str


def broken(ledger: Ledger, versions: list[Kept], *, everything: bool) -> list[Broken]:
    """Read versions with their text; with `everything` also the files of what is not yours to read."""
    from store.sealing import damaged

    found = []
    for kept in over(versions, "checking", len(versions)):
        try:
            for _ in content(ledger, kept):
                pass
            for _ in opening(ledger, kept, kept.text_blob) if kept.text_blob else ():
                pass
        except StoreError as problem:
            found.append(
                Broken(kept.reference, kept.version, kept.name, str(problem).removeprefix(f"{called(kept)}: "))
            )
    if everything:
        read = {bytes.fromhex(blob) for kept in versions for blob in (kept.blob, kept.text_blob) if blob}
        found += [Broken(f"leaf {index}", None, "", problem) for index, problem in damaged(ledger, read)]
    return found


def orphans(ledger: Ledger) -> list[Lying]:
    """What killed filings left among the documents. A younger one may belong to a filing under way."""
    from store.sealing import strays

    return [lying for lying in strays(ledger) if time.time() - lying.modified > DAY]
