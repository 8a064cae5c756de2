"""Documents as they are listed, shown, searched and read back."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from projections.documents import identify

if TYPE_CHECKING:
    from projections.core import Views
    from projections.references import Found

MOST_WORDS = 200
WORDS = re.compile(r'"([^"]*)(?:"|$)(\*?)|([^\s"]+)')
MOMENT = "strftime('%Y-%m-%dT%H:%M:%SZ', {} / 1000, 'unixepoch')"


class Listed(msgspec.Struct):
    reference: str
    title: str
    kind: str
    filed: date
    version: int
    size: int
    retain_until: date | None
    compartment: str
    links: str


class Version(msgspec.Struct):
    version: int
    name: str
    mime: str
    size: int
    sha256: str
    recorded: str
    by: str
    reason: str


class Shown(msgspec.Struct):
    reference: str
    title: str
    kind: str
    name: str
    mime: str
    size: int
    sha256: str
    version: int
    filed: date
    by: str
    retain_until: date | None
    compartment: str
    text: str
    partial: bool
    links: list[str] = []
    versions: list[Version] = []


class Change(msgspec.Struct):
    position: int
    recorded: str
    what: str
    detail: str
    by: str
    command: str
    reason: str


class Hit(msgspec.Struct):
    reference: str
    title: str
    kind: str
    filed: date
    compartment: str
    found: str


class Kept(msgspec.Struct):
    """One version, and where it is kept."""

    reference: str
    compartment: int
    version: int
    name: str
    mime: str
    size: int
    sha256: str
    blob: str
    text_blob: str


TITLE = "iif(d.title = '', d.name, d.title) AS title"
PLACE = "COALESCE(c.name, CAST(d.compartment AS TEXT)) AS compartment"
BY = "COALESCE(p.name, substr({}.person, 1, 8)) AS by"


NAMES = """
    SELECT ? UNION SELECT kind || '/' || ref FROM reference WHERE stream = ? AND compartment = CAST(? AS INTEGER)
    AND kind IN ('invoice', 'draft') AND ? IN ('invoice', 'draft')"""
"""All that one thing may have been linked by: an invoice was a draft before it had its number."""


class _Name(msgspec.Struct):
    name: str


def listed(
    views: Views, kind: str = "", link: Found | None = None, as_of: date | None = None, limit: int | None = None
) -> list[Listed]:
    """Documents by the day they were filed; those of a kind, or linked to something."""
    conditions, values = ["(? = '' OR kind = ?)"], [kind, kind]
    if link is not None:
        conditions.append(f"d.id IN (SELECT document FROM document_link WHERE link IN ({NAMES}))")  # noqa: S608
        values += [f"{link.kind}/{link.ref}", link.stream, str(link.compartment), link.kind]
    if as_of is not None:
        conditions.append("d.filed <= ?")
        values.append(str(as_of))
    return views.all(
        Listed,
        f"""SELECT reference, {TITLE}, kind, filed, version, size, retain_until, {PLACE}, COALESCE((
            SELECT group_concat(link, ', ') FROM (SELECT link FROM document_link WHERE document = d.id ORDER BY link)
            ), '') AS links
        FROM document d LEFT JOIN compartment c ON c.number = d.compartment
        WHERE {" AND ".join(conditions)} ORDER BY filed, d.id LIMIT ?""",  # noqa: S608
        *values,
        -1 if limit is None else limit,
    )


def shown(views: Views, reference: str, compartment: int) -> Shown | None:
    """One document with its links and versions."""
    found = views.one(
        Shown,
        f"""SELECT reference, {TITLE}, kind, d.name, mime, size, sha256, version, filed, {BY.format("d")},
            retain_until, {PLACE}, text, partial
        FROM document d LEFT JOIN compartment c ON c.number = d.compartment LEFT JOIN person p ON p.id = d.person
        WHERE reference = ? AND d.compartment = ?""",  # noqa: S608
        reference,
        compartment,
    )
    document = identify(views, reference, compartment)
    if found is not None:
        found.links = links_of(views, reference, compartment)
        found.versions = views.all(
            Version,
            f"""SELECT version, v.name, mime, size, sha256, {MOMENT.format("at")} AS recorded, {BY.format("v")}, reason
            FROM document_version v LEFT JOIN person p ON p.id = v.person
            WHERE document = ? ORDER BY version""",  # noqa: S608
            document,
        )
    return found


def links_of(views: Views, reference: str, compartment: int) -> list[str]:
    """What a document is linked to."""
    links = views.all(
        _Name,
        "SELECT link AS name FROM document_link WHERE document = ? ORDER BY link",
        identify(views, reference, compartment),
    )
    return [link.name for link in links]


def changes(views: Views, reference: str, compartment: int) -> list[Change]:
    """What happened to a document, in order."""
    return views.all(
        Change,
        f"""SELECT position, {MOMENT.format("at")} AS recorded, what, detail, {BY.format("h")}, command, reason
        FROM document_change h LEFT JOIN person p ON p.id = h.person WHERE document = ? ORDER BY position""",  # noqa: S608
        identify(views, reference, compartment),
    )


def search(views: Views, text: str, limit: int | None = None) -> list[Hit]:
    """Documents whose title, name or text hold all the words, the best first; `"a phrase"`, `begin*`."""
    wanted = query_of(text)
    if not wanted:
        return []
    found = views.all(
        Hit,
        f"""SELECT reference, {TITLE}, kind, filed, {PLACE}, snippet(document_text, -1, '[', ']', '…', 12) AS found
        FROM document_text JOIN document d ON d.id = document_text.rowid
        LEFT JOIN compartment c ON c.number = d.compartment
        WHERE document_text MATCH ? ORDER BY bm25(document_text, 10, 5, 1), d.id LIMIT ?""",  # noqa: S608
        wanted,
        -1 if limit is None else limit,
    )
    for hit in found:
        hit.found = " ".join(hit.found.split())
    return found


def query_of(text: str) -> str:
    """What a user typed as an FTS5 query that means just that: every word quoted, `*` at the end kept."""
    terms = []
    for phrase, star, word in WORDS.findall(text):
        plain = phrase or word.rstrip("*")
        if any(char.isalnum() for char in plain):
            terms.append(f'"{plain}"' + "*" * bool(star or word.endswith("*")))
    return " ".join(terms[:MOST_WORDS])


def kept(views: Views, reference: str = "", compartment: int = 0) -> list[Kept]:
    """Every version of a document, or of all."""
    return views.all(
        Kept,
        """SELECT reference, compartment, v.version, v.name, v.mime, v.size, v.sha256, blob, text_blob
        FROM document d JOIN document_version v ON v.document = d.id
        WHERE ? = '' OR (reference = ? AND compartment = ?) ORDER BY d.id, v.version""",
        reference,
        reference,
        compartment,
    )


def same_content(views: Views, sha256: str) -> str:
    """The reference under which this very file is filed already, "" if it is not."""
    return str(
        views.value(
            "SELECT reference FROM document_version v JOIN document d ON d.id = v.document WHERE v.sha256 = ?", sha256
        )
        or ""
    )
