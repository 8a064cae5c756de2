"""Documents: what is filed, each version, what it is linked to, its text to search; `documentlists` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.core import Projection, on
from store.errors import StoreError

if TYPE_CHECKING:
    from aggregates.document import Filed, Linked, Replaced, Retained, Retitled, Unlinked
    from aggregates.erasure import Erased
    from projections.core import Views
    from store.recorded import Recorded

LONGEST = 8_000_000
"""Bytes of text that are indexed; more than that no reader of ours has written."""


class Documents(Projection):
    """`partial` where the beginning is not open to this device; `text` is indexed, none or unreadable."""

    version = 1
    tables = """
        CREATE TABLE document(id INTEGER PRIMARY KEY, reference TEXT, compartment INTEGER, title TEXT, kind TEXT,
            name TEXT, mime TEXT, size INTEGER, sha256 TEXT, version INTEGER, filed TEXT, person TEXT,
            retain_until TEXT, text TEXT, partial INTEGER, UNIQUE(reference, compartment));
        CREATE TABLE document_version(document INTEGER, version INTEGER, name TEXT, mime TEXT, size INTEGER,
            sha256 TEXT, blob TEXT, text_blob TEXT, at INTEGER, person TEXT, reason TEXT,
            PRIMARY KEY(document, version)) WITHOUT ROWID;
        CREATE INDEX document_content ON document_version(sha256);
        CREATE TABLE document_link(document INTEGER, link TEXT, PRIMARY KEY(link, document)) WITHOUT ROWID;
        CREATE INDEX document_linked ON document_link(document);
        CREATE TABLE document_change(document INTEGER, position INTEGER, at INTEGER, what TEXT, detail TEXT,
            person TEXT, command TEXT, reason TEXT);
        CREATE INDEX document_changed ON document_change(document);
        CREATE VIRTUAL TABLE document_text
            USING fts5(title, name, body, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');
        INSERT INTO document_text(document_text, rank) VALUES('secure-delete', 1);
    """

    @on("document.filed")
    def filed(self, event: Filed, recorded: Recorded, views: Views) -> None:
        document = _known(views, recorded)
        views.run(
            "UPDATE document SET title = ?, kind = ?, retain_until = ?, partial = 0 WHERE id = ?",
            event.title, event.kind, event.retain_until, document,
        )  # fmt: skip
        for link in event.links:
            views.run("INSERT OR IGNORE INTO document_link VALUES(?, ?)", document, link)
        _content(views, recorded, document, event, 1)
        _note(views, recorded, document, "filed", event.name)

    @on("document.replaced")
    def replaced(self, event: Replaced, recorded: Recorded, views: Views) -> None:
        document = _known(views, recorded)
        _content(views, recorded, document, event, event.version)
        _note(views, recorded, document, "replaced", f"version {event.version}: {event.name}")

    @on("document.retitled")
    def retitled(self, event: Retitled, recorded: Recorded, views: Views) -> None:
        document = _known(views, recorded)
        views.run("UPDATE document SET title = ? WHERE id = ?", event.title, document)
        _index(views, document, None)
        _note(views, recorded, document, "retitled", _changed(recorded, "title", event.title))

    @on("document.linked")
    def linked(self, event: Linked, recorded: Recorded, views: Views) -> None:
        document = _known(views, recorded)
        views.run("INSERT OR IGNORE INTO document_link VALUES(?, ?)", document, event.link)
        _note(views, recorded, document, "linked", event.link)

    @on("document.unlinked")
    def unlinked(self, event: Unlinked, recorded: Recorded, views: Views) -> None:
        document = _known(views, recorded)
        views.run("DELETE FROM document_link WHERE document = ? AND link = ?", document, event.link)
        _note(views, recorded, document, "unlinked", event.link)

    @on("document.retained")
    def retained(self, event: Retained, recorded: Recorded, views: Views) -> None:
        document = _known(views, recorded)
        views.run("UPDATE document SET retain_until = ? WHERE id = ?", event.retain_until, document)
        _note(views, recorded, document, "retained", _changed(recorded, "retain_until", f"{event.retain_until}"))

    @on("erasure.erased")
    def erased(self, event: Erased, recorded: Recorded, views: Views) -> None:
        kind, _, reference = event.stream.partition("/")
        document = identify(views, reference, recorded.compartment) if kind == "document" else None
        if document is not None:
            views.run("DELETE FROM document WHERE id = ?", document)
            views.run("DELETE FROM document_text WHERE rowid = ?", document)
            for table in ("document_version", "document_link", "document_change"):
                views.run(f"DELETE FROM {table} WHERE document = ?", document)  # noqa: S608


def identify(views: Views, reference: str, compartment: int) -> int | None:
    """The document's row in these tables."""
    found = views.value("SELECT id FROM document WHERE reference = ? AND compartment = ?", reference, compartment)
    return None if found is None else int(found)


def _known(views: Views, recorded: Recorded) -> int:
    """The document's row. Who may read only from some day on meets documents without their beginning."""
    found = identify(views, recorded.key, recorded.compartment)
    if found is None:
        views.run(
            "INSERT INTO document VALUES(NULL, ?, ?, '', '', '', '', 0, '', 0, date(? / 1000, 'unixepoch'), ?, NULL,"
            " 'none', 1)",
            recorded.key, recorded.compartment, recorded.at, recorded.person,
        )  # fmt: skip
        found = int(views.value("SELECT last_insert_rowid()"))
    return found


def _content(views: Views, recorded: Recorded, document: int, event: Filed | Replaced, version: int) -> None:
    body, state = _text(views, recorded, event)
    views.run(
        "INSERT OR REPLACE INTO document_version VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        document, version, event.name, event.mime, event.size, event.sha256, event.blob, event.text_blob,
        recorded.at, recorded.person, recorded.reason,
    )  # fmt: skip
    views.run(
        "UPDATE document SET name = ?, mime = ?, size = ?, sha256 = ?, version = ?, text = ? WHERE id = ?",
        event.name, event.mime, event.size, event.sha256, version, state, document,
    )  # fmt: skip
    _index(views, document, body)


def _index(views: Views, document: int, body: str | None) -> None:
    """Title, name and text for the search; without a new `body` the one it had."""
    views.run(
        """INSERT OR REPLACE INTO document_text(rowid, title, name, body)
        SELECT id, title, name, COALESCE(?, (SELECT body FROM document_text WHERE rowid = id), '')
        FROM document WHERE id = ?""",
        body,
        document,
    )


def _text(views: Views, recorded: Recorded, event: Filed | Replaced) -> tuple[str, str]:
    """The text to index, and how that went: a blob that is gone or damaged leaves the rest of the log readable."""
    if not event.text_blob:
        return event.text, "indexed" if event.text else "none"
    data = b""
    try:
        for piece in views.document(recorded, event.text_blob):
            data += piece
            if len(data) > LONGEST:
                return "", "unreadable"
        return data.decode(), "indexed"
    except (StoreError, OSError, ValueError):
        return "", "unreadable"


def _changed(recorded: Recorded, field: str, new: str) -> str:
    old = recorded.before.get(field)
    return f"{old} → {new}" if old else new


def _note(views: Views, recorded: Recorded, document: int, what: str, detail: str) -> None:
    views.add(
        "document_change", document, recorded.position, recorded.at, what, detail,
        recorded.person, recorded.command, recorded.reason,
    )  # fmt: skip
