"""Check the log, and see who did what, when and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bo import options, params

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from bo.inputs import Source
    from bo.session import Session
    from projections.contents import Difference, Table
    from projections.trail import Entry


LARGEST = 1 << 20
"""Bytes of a head or a proof of consistency."""


@click.group(help=__doc__)
def audit() -> None: ...


@audit.command()
@options.reference("reference", default="", metavar="[REF]")
@click.option("--actor", default="", metavar="NAME", help="Only what this person or device did.")
@options.since
@options.until
@options.rows
@options.ledger
def trail(
    ledger: Session, reference: str, actor: str, since: date | None, until: date | None, known_at: int | date | None,
    limit: int | None,
) -> list[Entry]:  # fmt: skip
    """Who did what, when, with which device and command; what it was before and after, and why.

    All of it, or what concerns REF; the newest last. Refused attempts and reads of confidential records stand
    between the changes, and so do commits that were not accepted. Control acts, such as grants, are told in words.

    \b
    Example: bo audit trail INV-2026-0001
             bo audit trail --actor alice --since 2026-Q1 --json
    """
    from projections import references
    from projections import trail as trails
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Trail", "Directory", "References", "Periods"))
    stream = references.resolve(views, reference).stream if reference else ""
    found, streams = trails.entries(views, stream, actor, since, until, limit)
    _confess(ledger, trails.confidential(views, streams))
    return found


def _confess(ledger: Session, shown: dict[int, set[str]]) -> None:
    """Who reads what is confidential leaves a note of it."""
    if shown:
        from bo.journal import looked

        for compartment, names in shown.items():
            looked(ledger, compartment, names)


@audit.command()
@click.option("--full", is_flag=True, help="From leaf 0, with every signature and document, as if for the first time.")
@click.option("--keyless", is_flag=True, help="Use no device: structure and authority only.")
@click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object.")
@click.pass_context
def verify(context: click.Context, full: bool, keyless: bool, as_json: bool) -> None:
    """Verify the log: structure, authority and content.

    With a device, what is new is verified and everything older is compared with what this device verified
    before; --full believes nothing. Without a device, as on a copy, structure and authority are verified from
    leaf 0, and beside the log the hashes of slots and the presence of key rows, nothing more.

    \b
    Ends with 0 when all is well, 10 when unauthorised commits or rejected events exist, 20 for a log that was
    tampered with, 21 for one that was rolled back or forked, 22 when rows that hold keys are damaged.

    \b
    Example: bo audit verify --full
             bo -L /mnt/copy audit verify --keyless
    """
    from bo import auditing, render
    from bo.progress import Progress
    from store import audit as audits

    opened = auditing.opened(context, keyless=keyless)
    newest = opened.store.newest()
    with Progress("verifying", newest[0] if newest and type(newest[0]) is int else 0) as bar:
        if full or opened.ledger is None:
            device = opened.ledger.device if opened.ledger else None
            report = audits.verify(opened.store, bound=opened.bound, seen=opened.seen, device=device, step=bar.step)
        else:
            report = audits.recheck(opened.ledger, bar.step)
    render.one(report, render.How("json" if as_json else "table"))
    problem = auditing.judged(report)
    if problem:
        raise problem


@audit.command()
@click.option("--since", "size", type=click.IntRange(min=0), metavar="SIZE", help="Prove that the log grew from there.")
@click.option("--seen", is_flag=True, help="What was verified here before, though the log may be another now.")
@click.pass_context
def head(context: click.Context, size: int | None, seen: bool) -> None:
    """Print the newest signed head, so that a colleague can compare it with his.

    With --since it is a consistency proof from a log of SIZE leaves (C2SP tlog-witness). After a rollback --seen
    prints the newest head that was seen on this machine.

    \b
    Example: bo audit head > head.txt
    """
    from bo import auditing, errors
    from store import comparing
    from store.errors import NotFound

    if seen and size is not None:
        raise click.UsageError("--seen and --since do not go together")
    opened = auditing.opened(context)
    if seen:
        known = max(opened.seen, default=None)
        if known is None:
            raise NotFound("nothing of this ledger was verified on this machine")
        click.echo(known[1].decode(), nl=False)
        return
    if opened.ledger is not None:
        opened.ledger.catch_up()
    else:
        errors.note("there is no device here: this head is not verified, `bo audit verify` does that")
    click.echo(comparing.head(opened.store, opened.id, size).decode(), nl=False)


@audit.command()
@click.argument("source", metavar="FILE", type=params.From())
@options.ledger
def compare(ledger: Session, source: Source) -> None:
    """Compare the head or proof in FILE, from a colleague's `bo audit head`, with this log.

    Prints `same`, or `prefix` when his is an earlier state of this log. Ends with 21 when the two were forked,
    or when his log is longer: then this one is older than what he has seen, or it was rolled back.

    \b
    Example: bo audit compare head.txt
    """
    from bo.errors import BadInput
    from store import comparing
    from store.errors import Malformed

    ledger.pull()
    try:
        click.echo(comparing.compare(ledger, source.bytes(LARGEST)))
    except Malformed as problem:
        raise BadInput(f"{source.told}: {problem}") from None


@audit.command()
@click.option("--to", "point", type=params.KnownAt(), required=True, metavar="DAY|POSITION", help="How far.")
@click.option("--diff", is_flag=True, help="List the rows that differ between then (-) and now (+).")
@options.rows
@options.ledger
def replay(ledger: Session, point: int | date, diff: bool) -> Sequence[Table | Difference]:
    """Fold the log again up to a point of the past, and count what was known then.

    Every table is shown with its rows and a digest, which is the same whenever and wherever it is folded.

    \b
    Example: bo audit replay --to 2026-03-31
             bo audit replay --to 120 --diff
    """
    from projections import contents
    from projections.core import open_views

    then = open_views(ledger, point)
    return list(contents.differences(then, open_views(ledger))) if diff else contents.digests(then)


@audit.command()
@options.reference("what", metavar="REF|POSITION")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Where to.")
@click.option("--bare", type=click.Path(path_type=Path), metavar="FILE", help="The newest as C2SP tlog-proof alone.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@options.ledger
def prove(ledger: Session, what: str, output: Path, bare: Path | None, force: bool) -> None:
    """Write a file that shows an inspector what was recorded, without any key: `bo audit check FILE`.

    It discloses every entry of REF, or the one that holds the event at POSITION, and nothing else. Each is
    given with a proof that it stands in the signed log (C2SP tlog-proof).

    \b
    Example: bo audit prove INV-2026-0001 -o invoice.proof
             bo audit prove 17 -o event.proof
    """
    from bo.files import write_output
    from projections import references
    from projections.core import open_views
    from store import proving

    views = open_views(ledger)
    if what.isascii() and what.isdigit():
        proof = proving.prove_position(ledger, int(what))
    else:
        found = references.resolve(views, what)
        proof = proving.prove_stream(ledger, found.compartment, found.stream)
    write_output(output, [proving.file_of(proof)], force=force)
    if bare is not None:
        write_output(bare, [proof.entries[-1].proof.encode()], force=force)
    click.echo(output)


@audit.command()
@click.argument("source", metavar="FILE", type=params.From())
@click.option("--key", default="", metavar="KEY", help="The verifier key you were told: another is refused.")
def check(source: Source, key: str) -> None:
    """Check a file of `bo audit prove`, offline and without keys, and print what it discloses.

    It proves that the device named signed a log that holds these entries with just this content. Compare the
    printed verifier key with one you were given by another way, or give it with --key.

    \b
    Example: bo audit check invoice.proof
    """
    import msgspec

    from bo import errors
    from store import proving

    try:
        checked = proving.check(source.bytes(), key)
    except proving.NoProof as problem:
        raise errors.BadInput(f"{source.told}: {problem}") from None
    for entry in checked.entries:
        for event in entry.events:
            shown = {"leaf": entry.leaf, "stream": entry.stream, "recorded": entry.recorded, **event}
            click.echo(msgspec.json.encode(shown).decode())
    errors.note(f"these stand in the log {checked.origin} of {checked.size} leaves, root {checked.root}")
    errors.note(f"its head is signed with {checked.key}")


@audit.command("accept-rollback")
@click.option(
    "--head", "source", metavar="FILE", type=params.From(), help="What a colleague has seen and you have not."
)
@options.reason
@options.yes
@options.ledger
def accept_rollback(ledger: Session, source: Source | None, yes: bool) -> None:
    """Accept that this log is shorter than, or other than, what was seen before.

    Only after you know why: a restored backup, for example. An administrator accepts it first, which is recorded
    in the log; then everybody can whose machine has seen what is gone. Where no administrator's has, a colleague
    sends his `bo audit head --seen`. The head that is given up is kept as evidence beside your pins.

    \b
    Example: bo audit accept-rollback --reason "restored the backup of 3 May" --yes
             bo audit accept-rollback --head bob.txt --reason "restored the backup of 3 May"
    """
    from bo.errors import BadInput
    from store import repairing
    from store.errors import Malformed

    try:
        lost = repairing.lost_elsewhere(ledger, source.bytes(LARGEST)) if source else repairing.lost(ledger)
    except Malformed as problem:
        raise BadInput(f"{source.told if source else ledger.at}: {problem}") from None
    options.confirm(f"{lost.told} Accept this log as it is?", yes)
    ledger.explained()
    click.echo(repairing.accept_for_others(ledger, lost) if source else repairing.accept_rollback(ledger, lost))


@audit.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@options.since
@options.until
@options.ledger
def export(ledger: Session, folder: Path, since: date | None, until: date | None) -> None:
    """Write a bundle for an inspector: records, their proofs, the signed heads, and a program that checks them.

    It holds what you may read of the time asked for, in plain text; the check needs Python alone, no bo.

    \b
    Example: bo audit export inspection --since 2026-01-01 --until 2026-12-31
    """
    from bo import bundle, errors
    from projections import trail as trails
    from projections.core import open_views

    views = open_views(ledger)
    told = bundle.write(ledger, views, folder, since, until)
    _confess(ledger, trails.confidential(views, told.streams))
    click.echo(folder)
    errors.note(f"{told.records} records in plain text: keep the folder as you would keep the books")
