"""What the document commands share: which document is meant, which version, who was shown it. Light to import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from datetime import date

    from projections.core import Views
    from projections.documentlists import Kept
    from projections.references import Found
    from store.ledger import Ledger
    from store.transaction import Transaction


class Row(Protocol):
    """What tells which document a row is about; its compartment by name."""

    reference: str
    compartment: str


R = TypeVar("R", bound=Row)
NEEDED = ("Documents", "Directory", "References")


def views_of(ledger: Ledger, as_of: date | None = None, known_at: int | date | None = None) -> Views:
    """The views as they are, or as they were recorded by a day or position."""
    from projections.core import open_views

    return open_views(ledger, as_of if known_at is None else known_at, only=NEEDED)


def found_by(views: Views, ref: str) -> Found:
    """The document of that reference, or whose reference begins so. Raises NotFound."""
    from projections.references import resolve
    from store.errors import NotFound

    found = resolve(views, ref, "document")
    if found.erased:
        raise NotFound(f"{found.ref} was erased")
    return found


def version_of(views: Views, found: Found, number: int | None) -> Kept:
    """A version of it, the newest unless told."""
    from projections.documentlists import kept
    from store.errors import NotFound

    versions = kept(views, found.ref, found.compartment)
    chosen = [one for one in versions if one.version == number] if number else versions[-1:]
    if not versions:
        raise NotFound(f"{found.ref} has no version that you can read")
    if not chosen:
        there = ", ".join(str(one.version) for one in versions)
        raise NotFound(f"{found.ref} has no version {number}: it has {there}")
    return chosen[0]


def change(ledger: Ledger, found: Found, changes: list[tuple[Any, ...]]) -> None:
    """Verbs of one document in one commit."""
    from aggregates.document import Document
    from bo import errors

    def work(tx: Transaction) -> bool:
        done = [
            tx.change(Document, found.ref, verb, *values, compartment=found.compartment) for verb, *values in changes
        ]
        return any(done)

    if not ledger.commit(work):
        errors.note(f"{found.ref} is so already: nothing changes")
    click.echo(found.ref)


def name_of(views: Views, compartment: int) -> str:
    """What a compartment is called."""
    from projections.directory import compartments

    return next((one.name for one in compartments(views) if one.number == compartment), str(compartment))


def noted(ledger: Ledger, views: Views, rows: list[R]) -> list[R]:
    """The rows, once the journal tells who saw them where that is to be told."""
    from bo.confidential import looked

    looked(ledger, views, ((row.compartment, f"document/{row.reference}") for row in rows))
    return rows


def look(ledger: Ledger, views: Views, found: Found) -> None:
    """Note that one document is about to be shown."""
    from bo.confidential import looked

    looked(ledger, views, [(name_of(views, found.compartment), f"document/{found.ref}")])
