"""File documents encrypted, link them, find them by their text, and get them back as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.document_reading import COMMANDS
from bo.filed import change, found_by, name_of, version_of, views_of

if TYPE_CHECKING:
    from store.ledger import Ledger
    from store.transaction import Transaction

_ref = options.reference("ref", "document", metavar="REF")


@click.group(help=__doc__)
def doc() -> None: ...


for command in COMMANDS:
    doc.add_command(command)


@doc.command()
@click.argument("paths", metavar="PATH|-…", nargs=-1, required=True, type=click.Path())
@click.option("--title", default="", metavar="TEXT", help="What it is; the file's name, if not said.")
@click.option("--kind", default="", metavar="WORD", help="contract, letter, receipt, …")
@options.link("--link", "links", kinds=(), multiple=True, metavar="REF", help="What it is about; may be repeated.")
@click.option("--in", "place", default="documents", show_default=True, metavar="COMPARTMENT", help="Who may read it.")
@click.option("--retain", default="", metavar="10y|6m|90d|DATE", help="Keep it at least so long.")
@click.option("--name", default="", metavar="NAME", help="Its file name, for what comes from standard input.")
@options.reason_if_any
@options.writes
def file(
    ledger: Ledger, paths: tuple[str, ...], title: str, kind: str, links: tuple[str, ...], place: str, retain: str,
    name: str,
) -> None:  # fmt: skip
    """File documents, all in one commit, and print their references, one a line.

    What they say is indexed: text, PDF, e-mail, office files. The files themselves stay where they are.

    \b
    Example: bo doc file lease.pdf --title "Lease, Main Street 1" --kind contract --link V-7 --retain 10y
             scan | bo doc file - --name letter.pdf --link C-1
    """
    from aggregates.document import Document, retention
    from bo import documents, errors, render
    from projections import documentlists
    from store.errors import Conflict

    if len(paths) > 1 and (title or name):
        raise click.UsageError(f"{'--title' if title else '--name'} goes with one file; here are {len(paths)}")
    if paths.count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    views = views_of(ledger)
    compartment = documents.place(views, place)
    documents.must_write(ledger, compartment, place)
    targets = tuple(documents.target(views, text) for text in links)
    until = retention(retain, documents.today(ledger)) if retain else None
    taken = [documents.take(ledger, path, documents.fresh(views), compartment, name) for path in paths]
    before = [documentlists.same_content(views, each.sha256) if each.size else "" for each in taken]

    def work(tx: Transaction) -> list[str]:
        for each in taken:
            if tx.exists(Document, each.reference, compartment):
                raise Conflict(f"{each.reference} was given away meanwhile: run it again")
            content = each.attach(tx, compartment)
            tx.change(
                Document, each.reference, Document.file, **content,
                title=title, kind=kind, links=targets, retain_until=until, compartment=compartment,
            )  # fmt: skip
        return [f"{each.reference} {each.name}" if len(taken) > 1 else each.reference for each in taken]

    printed = ledger.commit(work)
    for line, each, known in zip(printed, taken, before, strict=True):
        render.say(line)
        if known and line.startswith(each.reference):  # under a repeated --key it is the first result
            errors.note(f"{each.reference}: this very file was filed before, as {known}")


@doc.command()
@_ref
@click.argument("path", metavar="PATH|-", type=click.Path())
@click.option("--name", default="", metavar="NAME", help="Its file name; the path's, if not said.")
@options.reason
@options.writes
def replace(ledger: Ledger, ref: str, path: str, name: str) -> None:
    """File a new version of a document. Earlier versions stay readable.

    \b
    Example: bo doc replace DOC-7K3FA lease-signed.pdf --reason "signed by both"
    """
    from aggregates.document import Document
    from bo import documents, errors

    views = views_of(ledger)
    found = found_by(views, ref)
    newest = version_of(views, found, None)
    documents.must_write(ledger, found.compartment, name_of(views, found.compartment))
    if path == "-":
        name = name or newest.name
    taken = documents.take(ledger, path, found.ref, found.compartment, name)

    def work(tx: Transaction) -> tuple[int, bool]:
        there = tx.state(Document, found.ref, found.compartment)
        if there.sha256 == taken.sha256:
            return there.version, False
        content = taken.attach(tx, found.compartment)
        return tx.change(Document, found.ref, Document.replace, **content, compartment=found.compartment).version, True

    version, changed = ledger.commit(work)
    if not changed:
        errors.note(f"version {version} is this very file: nothing changes")
    click.echo(f"{found.ref} version {version}")


@doc.command()
@_ref
@options.reference("targets", metavar="TARGET…", nargs=-1, required=True)
@options.reason_if_any
@options.writes
def link(ledger: Ledger, ref: str, targets: tuple[str, ...]) -> None:
    """Link a document to the records and invoices it is about.

    \b
    Example: bo doc link DOC-7K3FA C-1 INV-2026-0001
    """
    from aggregates.document import Document
    from bo import documents

    views = views_of(ledger)
    found = found_by(views, ref)
    links = [documents.target(views, target, found.ref) for target in targets]
    change(ledger, found, [(Document.link, each) for each in links])


@doc.command()
@_ref
@options.reference("targets", metavar="TARGET…", nargs=-1, required=True)
@options.reason_if_any
@options.writes
def unlink(ledger: Ledger, ref: str, targets: tuple[str, ...]) -> None:
    """Take links of a document away.

    \b
    Example: bo doc unlink DOC-7K3FA C-1 --reason "wrong customer"
    """
    from aggregates.document import Document
    from bo import documents
    from projections.documentlists import links_of

    views = views_of(ledger)
    found = found_by(views, ref)
    held = links_of(views, found.ref, found.compartment)
    meant = [[link for link in held if target in (link, link.partition("/")[2])] for target in targets]
    links = [
        same[0] if len(same) == 1 else documents.target(views, target)
        for same, target in zip(meant, targets, strict=True)
    ]
    change(ledger, found, [(Document.unlink, each) for each in links])


@doc.command()
@_ref
@click.argument("title", metavar="TITLE")
@options.reason_if_any
@options.writes
def retitle(ledger: Ledger, ref: str, title: str) -> None:
    """Give a document another title.

    \b
    Example: bo doc retitle DOC-7K3FA "Lease, Main Street 1, signed"
    """
    from aggregates.document import Document

    change(ledger, found_by(views_of(ledger), ref), [(Document.retitle, title)])


@doc.command()
@_ref
@click.argument("until", metavar="DATE|10y|6m|90d")
@options.reason
@options.writes
def retain(ledger: Ledger, ref: str, until: str) -> None:
    """Keep a document until a day; a term counts from the day it was filed.

    \b
    Example: bo doc retain DOC-7K3FA 2036-12-31 --reason "the lawsuit"
    """
    from aggregates.document import Document, retention
    from projections.documentlists import shown

    views = views_of(ledger)
    found = found_by(views, ref)
    document = shown(views, found.ref, found.compartment)
    day = retention(until, document.filed) if document else None
    change(ledger, found, [(Document.retain, day, ledger.reason)])


@doc.command()
@_ref
@options.reason
@options.yes
@options.dry_run
@options.ledger
def erase(ledger: Ledger, ref: str, yes: bool) -> None:
    """Destroy the keys of a document and its files, all versions, so that nobody can ever read it again.

    Not before its retention has ended: `bo doc retain` ends that. What is linked to it stays.

    \b
    Example: bo doc erase DOC-7K3FA --reason "asked under article 17" --yes
    """
    from bo import documents, errors, records

    views = views_of(ledger)
    found = found_by(views, ref)
    documents.must_be_over(ledger, views, found)
    if not ledger.dry_run:
        options.confirm(f"Erase {found.ref}, “{found.label}”, for ever?", yes)
    proposal = records.erase(ledger, found)
    if proposal is not None:
        errors.tell(f"proposed as {proposal}: it is erased when a second person approves that")
    click.echo(found.ref)


@doc.command()
@click.option("--dry-run", is_flag=True, help="Name them, and remove nothing.")
@options.ledger
def sweep(ledger: Ledger, dry_run: bool) -> None:
    """Remove encrypted files that belong to no document: their filing was broken off more than a day ago.

    \b
    Example: bo doc sweep
    """
    from bo import documents, errors

    views_of(ledger)
    left = documents.orphans(ledger)
    for each in left:
        if not dry_run:
            ledger.store.blobs.remove(each.name)
        click.echo(each.name)
    if not left:
        errors.note("nothing was left behind more than a day ago")
