"""See documents and find them by their text, get them back, and check that they can be had."""

from __future__ import annotations

import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bo import options
from bo.filed import found_by, look, noted, version_of, views_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from bo.documents import Broken
    from projections.documentlists import Change, Hit, Listed, Shown
    from store.ledger import Ledger

_ref = options.reference("ref", "document", metavar="REF")
_BROKEN = "bo.doc.broken"


@click.command("list")
@click.option("--kind", default="", metavar="WORD", help="Only of this kind.")
@options.link("--link", kinds=(), default="", metavar="REF", help="Linked to this record or invoice.")
@options.rows
@options.ledger
def list_(
    ledger: Ledger, kind: str, link: str, as_of: date | None, known_at: int | date | None, limit: int | None
) -> list[Listed]:
    """List documents by the day they were filed.

    A document has no other date than that of its recording: --as-of shows it as it was recorded by then.

    \b
    Example: bo doc list --link C-1
             bo doc list --kind contract --columns reference,title,retain_until
    """
    from projections import documentlists
    from projections.references import resolve

    views = views_of(ledger, as_of, known_at)
    about = resolve(views, link) if link else None
    return noted(ledger, views, documentlists.listed(views, kind, about, as_of, limit))


@click.command()
@_ref
@options.shown
@options.ledger
def show(ledger: Ledger, ref: str, as_of: date | None, known_at: int | date | None) -> Shown:
    """Show what is known of a document: its versions, its links, how long it is kept.

    \b
    Example: bo doc show DOC-7K3FA
    """
    from projections import documentlists
    from store.errors import NotFound

    views = views_of(ledger, as_of, known_at)
    found = found_by(views, ref)
    shown = documentlists.shown(views, found.ref, found.compartment)
    if shown is None:
        raise NotFound(f"{found.ref} was erased")
    return noted(ledger, views, [shown])[0]


@click.command()
@_ref
@options.rows
@options.ledger
def history(ledger: Ledger, ref: str, as_of: date | None, known_at: int | date | None) -> list[Change]:
    """List what happened to a document, when, by whom and why.

    \b
    Example: bo doc history DOC-7K3FA
    """
    from projections import documentlists

    views = views_of(ledger, as_of, known_at)
    found = found_by(views, ref)
    look(ledger, views, found)
    return documentlists.changes(views, found.ref, found.compartment)


@click.command()
@click.argument("text", nargs=-1, required=True)
@options.rows
@options.ledger
def search(
    ledger: Ledger, text: tuple[str, ...], as_of: date | None, known_at: int | date | None, limit: int | None
) -> list[Hit]:
    """Find documents whose title, file name or text hold all the words; the best first.

    Accents and case do not matter. "a phrase" finds words side by side, begin* what begins so. Only the newest
    version of a document is searched.

    \b
    Example: bo doc search lease main
             bo doc search '"notice period"' terminat*
    """
    from projections import documentlists

    words = " ".join(text)
    if not documentlists.query_of(words):
        raise click.UsageError("there is no word to search for")
    views = views_of(ledger, as_of, known_at)
    return noted(ledger, views, documentlists.search(views, words, limit))


@click.command()
@_ref
@click.option("-o", "--output", metavar="PATH|-", help="A new file, or a folder for one; - is stdout.")
@click.option("--version", "number", type=click.IntRange(min=1), metavar="N", help="An earlier version.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@options.ledger
def get(ledger: Ledger, ref: str, output: str | None, number: int | None, force: bool) -> None:
    """Get a document back, checked to be what was filed; to standard output unless -o names a file.

    The file appears whole or not at all, and only you can read it.

    \b
    Example: bo doc get DOC-7K3FA -o lease.pdf
             bo doc get DOC-7K3FA --version 1 | less
    """
    from bo import documents, files, progress, render

    views = views_of(ledger)
    found = found_by(views, ref)
    kept = version_of(views, found, number)
    if output is None and sys.stdout.isatty() and not kept.mime.startswith("text/"):
        raise click.UsageError(f"{found.ref} is {kept.mime}, nothing for a terminal: name a file with -o")
    path = output or "-"
    if path != "-":
        if Path(path).is_dir():
            path = str(Path(path) / files.safe_name(kept.name))
        files.check_target(Path(path), force)
    look(ledger, views, found)
    pieces = documents.content(ledger, kept)
    files.write_output(path, progress.over(pieces, f"getting {found.ref}", kept.size >> 20), force=force)
    if path != "-":
        render.say(path)


def _ends_with_20(command: Callable[..., Any]) -> Callable[..., Any]:
    """After the listing, the code that tells a script."""

    @wraps(command)
    def ended(*args: Any, **given: Any) -> None:
        from store.errors import Tampered

        command(*args, **given)
        broken = click.get_current_context().meta.get(_BROKEN)
        if broken:
            what = "1 file" if broken == 1 else f"{broken} files"
            raise Tampered(f"{what} cannot be given back as filed: restore the blobs from a backup")

    return ended


@click.command()
@options.reference("ref", "document", metavar="[REF]", required=False)
@_ends_with_20
@options.rows
@options.ledger
def verify(ledger: Ledger, ref: str | None) -> list[Broken]:
    """Read every version of a document, or of all, and list those that are missing or damaged (exit 20).

    \b
    Example: bo doc verify
             bo doc verify DOC-7K3FA && echo fine
    """
    from bo import documents, errors
    from projections import documentlists

    views = views_of(ledger)
    found = found_by(views, ref) if ref else None
    versions = documentlists.kept(views, found.ref, found.compartment) if found else documentlists.kept(views)
    broken = documents.broken(ledger, versions, everything=found is None)
    click.get_current_context().meta[_BROKEN] = len(broken)
    if not broken:
        count = len(versions)
        errors.note(f"{count} version{' is' if count == 1 else 's are'} as filed")
    return broken


COMMANDS: tuple[click.Command, ...] = (list_, show, history, search, get, verify)
