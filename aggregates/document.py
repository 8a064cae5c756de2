"""Documents: files kept encrypted, version by version, linked to what they are about."""

import re
from calendar import monthrange
from datetime import date, timedelta
from typing import Self, assert_never

from aggregates.core import DOCUMENTS, Event, State, replace, require

INLINE = 16_384
"""Bytes of text an event carries itself; longer text goes into a blob of its own."""

LINK = re.compile(r"[a-z][a-z0-9-]*/\S(?:[^\x00-\x1f\x7f]{0,198}\S)?")


class Filed(Event, tag="document.filed"):
    """The first version. `sha256` is of the file, `blob` of the ciphertext it is kept in."""

    name: str
    mime: str
    size: int
    sha256: str
    blob: str
    title: str
    kind: str = ""
    links: tuple[str, ...] = ()
    retain_until: date | None = None
    text: str = ""
    text_blob: str = ""


class Replaced(Event, tag="document.replaced"):
    version: int
    name: str
    mime: str
    size: int
    sha256: str
    blob: str
    text: str = ""
    text_blob: str = ""


class Retitled(Event, tag="document.retitled"):
    title: str


class Linked(Event, tag="document.linked"):
    link: str


class Unlinked(Event, tag="document.unlinked"):
    link: str


class Retained(Event, tag="document.retained"):
    retain_until: date


Events = Filed | Replaced | Retitled | Linked | Unlinked | Retained


class Document(State[Events]):
    kind = "document"
    compartment = DOCUMENTS
    anywhere = True

    version: int = 0
    name: str = ""
    mime: str = ""
    size: int = 0
    sha256: str = ""
    blob: str = ""
    title: str = ""
    links: tuple[str, ...] = ()
    retain_until: date | None = None

    def file(
        self,
        name: str,
        mime: str,
        size: int,
        sha256: str,
        blob: str,
        title: str = "",
        kind: str = "",
        links: tuple[str, ...] = (),
        retain_until: date | None = None,
        text: str = "",
        text_blob: str = "",
    ) -> Filed:
        """The title is the file's name unless one is given."""
        require(not self.version, f"this document is filed already, as “{self.title}”")
        require(
            not kind or re.fullmatch(r"[a-z][a-z0-9-]{0,39}", kind),
            f"a kind is one word in small letters, like “contract”, not “{kind}”",
        )
        check_content(name, mime, size, sha256, blob, text, text_blob)
        for link in links:
            check_link(link)
        links = tuple(dict.fromkeys(links))
        title = checked_title(title or name)
        return Filed(name, mime, size, sha256, blob, title, kind, links, retain_until, text, text_blob)

    def replace(
        self,
        name: str,
        mime: str,
        size: int,
        sha256: str,
        blob: str,
        text: str = "",
        text_blob: str = "",
    ) -> Replaced:
        """A new version. The earlier ones stay readable."""
        self.must_exist()
        require(sha256 != self.sha256, f"version {self.version} is this very file: there is nothing to replace")
        check_content(name, mime, size, sha256, blob, text, text_blob)
        return Replaced(self.version + 1, name, mime, size, sha256, blob, text, text_blob)

    def retitle(self, title: str) -> tuple[Retitled, ...]:
        """Nothing when that is its title; so `link` and `retain` where it is so already."""
        self.must_exist()
        title = checked_title(title)
        return (Retitled(title),) if title != self.title else ()

    def link(self, link: str) -> tuple[Linked, ...]:
        self.must_exist()
        check_link(link)
        return (Linked(link),) if link not in self.links else ()

    def unlink(self, link: str) -> Unlinked:
        self.must_exist()
        require(link in self.links, f"this document is not linked to {link}")
        return Unlinked(link)

    def retain(self, until: date, reason: str = "") -> tuple[Retained, ...]:
        """Keep it until another day. Keeping it shorter than promised needs a reason."""
        self.must_exist()
        if until == self.retain_until:
            return ()
        if self.retain_until and until < self.retain_until:
            require(reason.strip(), f"it is kept until {self.retain_until}; ending that on {until} needs a reason")
        return (Retained(until),)

    def must_exist(self) -> None:
        require(self.version, "there is no such document")

    def evolve(self, event: Events) -> Self:
        match event:
            case Filed(name, mime, size, sha256, blob, title, _, links, retain_until):
                return replace(
                    self, version=1, name=name, mime=mime, size=size, sha256=sha256, blob=blob,
                    title=title, links=links, retain_until=retain_until,
                )  # fmt: skip
            case Replaced(version, name, mime, size, sha256, blob):
                return replace(self, version=version, name=name, mime=mime, size=size, sha256=sha256, blob=blob)
            case Retitled(title):
                return replace(self, title=title)
            case Linked(link):
                return replace(self, links=(*self.links, link))
            case Unlinked(link):
                return replace(self, links=tuple(kept for kept in self.links if kept != link))
            case Retained(until):
                return replace(self, retain_until=until)
            case _:
                assert_never(event)


def check_content(name: str, mime: str, size: int, sha256: str, blob: str, text: str, text_blob: str) -> None:
    """Refuse a version that could not be given back as it came."""
    require(
        0 < len(name.encode(errors="replace")) <= 255
        and name not in (".", "..")
        and not re.search(r"[\x00-\x1f\x7f/\\]", name),
        "the name of a document is a plain file name: no folder, no control character, at most 255 bytes",
    )
    require(re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+_-]+", mime), f"“{mime}” is not a media type")
    require(size >= 0, "a file cannot be smaller than nothing")
    for digest in (sha256, blob, *([text_blob] if text_blob else [])):
        require(re.fullmatch(r"[0-9a-f]{64}", digest), f"“{digest}” is not a SHA-256 digest")
    require(not (text and text_blob), "the text stands in the event or in a blob, not in both")
    require(len(text.encode(errors="replace")) <= INLINE, f"text of more than {INLINE} bytes goes into a blob")


def checked_title(title: str) -> str:
    title = " ".join(title.split())
    require(title, "a title has at least one letter")
    require(len(title) <= 300, f"a title has at most 300 characters, this one has {len(title)}")
    return title


def check_link(link: str) -> None:
    require(LINK.fullmatch(link), f"a link is written like customer/C-1 or invoice/INV-2026-0001, not “{link}”")


def retention(text: str, filed: date) -> date:
    """The day `10y`, `6m` or `90d` after filing, or the date itself. A month after 31 January is 28 February."""
    wrong = f"retention is written 10y, 6m, 90d or as a date like 2036-12-31, not “{text}”"
    if term := re.fullmatch(r"([0-9]{1,5})([ymd])", text.strip().lower()):
        count, unit = int(term[1]), term[2]
        require(count, wrong)
        try:
            until = (
                filed + timedelta(days=count)
                if unit == "d"
                else months_later(filed, count * (12 if unit == "y" else 1))
            )
        except (ValueError, OverflowError):
            until = date.max
        require(until < date.max, f"{text} after {filed} is past the end of the calendar")
        return until
    require(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip()), wrong)
    try:
        until = date.fromisoformat(text.strip())
    except ValueError:
        until = date.min
    require(until > date.min, wrong)
    require(until >= filed, f"retention until {until} would end before the document is filed, on {filed}")
    return until


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last: the month decides, as the calendar does."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
