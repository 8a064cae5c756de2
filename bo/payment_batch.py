"""Pay bills in batches: proposed, approved by another person, exported for the bank, confirmed line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.telling import tell

if TYPE_CHECKING:
    from datetime import date

    from projections.batches import Batch, Listed
    from store.ledger import Ledger

_batch = options.reference("number", "batch", metavar="BATCH")
FORMS = ("pain.001.001.03", "pain.001.001.09")
"""Versions of the SEPA credit transfer: what banks take everywhere, and its successor."""


@click.group(help=__doc__)
def batch() -> None: ...


@batch.command()
@options.link("--bank", kinds=("bank",), required=True, metavar="BANK", help="The bank account that pays.")
@click.option(
    "--until",
    type=options.LAST_DAY,
    default="today",
    metavar="DAY",
    help="Bills due or discounted until then; if not said, today.",
)
@options.link("--bill", "bills", kinds=("bill",), multiple=True, metavar="NUMBER", help="Only this bill, due or not.")
@options.on
@options.writes
def propose(ledger: Ledger, bank: str, until: date, bills: tuple[str, ...], on: date) -> None:
    """Propose to pay all bills that are due and may be paid, or those that are named, and print the batch's number.

    --on is the day the bank is to carry it out: what is discounted until then is paid less the discount. A bill stands
    in one batch at a time.

    \b
    Example: bo payment batch propose --bank MAIN --until 2026-02-28 --on 2026-02-20
    """
    from bo import batches, purchasing
    from projections.core import open_views
    from projections.references import resolve

    paying = resolve(open_views(ledger), bank, "bank").key
    tell(batches.propose(ledger, until, on, paying, [purchasing.bill(ledger, each) for each in bills]))


@batch.command()
@_batch
@click.option("--seen", default="", metavar="DIGEST", help="What `bo payment batch show` printed.")
@options.writes
def approve(ledger: Ledger, number: str, seen: str) -> None:
    """Approve BATCH, which another person proposed: it may be exported.

    \b
    Example: bo payment batch approve BATCH-2026-0001 --seen 3f2a9c1d
    """
    from bo import batches

    key = batches.batch(ledger, number)
    digest = seen or batches.digest(ledger, key)
    tell(ledger.commit(lambda tx: batches.approve(tx, key, digest)))


@batch.command()
@_batch
@click.option("--form", type=click.Choice(FORMS), default=FORMS[1], show_default=True, help="Which version of it.")
@options.output
@options.force
@options.dry_run
@options.ledger
def export(ledger: Ledger, number: str, form: str, output: str | None, force: bool) -> None:
    """Write BATCH as a SEPA credit transfer for the bank. Once written it is stored: again, it is the same bytes.

    \b
    Example: bo payment batch export BATCH-2026-0001 -o batch.xml
    """
    from bo import batches, files

    page = batches.export(ledger, batches.batch(ledger, number), form)
    files.hand_over(output, [page], force=force)


@batch.command()
@_batch
@click.argument("lines", type=click.IntRange(1), nargs=-1, metavar="[LINE]…")
@options.on
@options.writes
def confirm(ledger: Ledger, number: str, lines: tuple[int, ...], on: date) -> None:
    """Record that the bank carried out LINEs of BATCH, or all that are left: each becomes a payment of its bill.

    \b
    Example: bo payment batch confirm BATCH-2026-0001 1 3 --on 2026-02-20
    """
    from bo import batches

    key = batches.batch(ledger, number)
    tell(ledger.commit(lambda tx: batches.confirm(tx, key, lines, on)))


@batch.command()
@_batch
@click.argument("line", type=click.IntRange(1))
@options.reason
@options.writes
def fail(ledger: Ledger, number: str, line: int, reason: str) -> None:
    """Record that the bank did not carry out LINE of BATCH: its bill can be paid again.

    \b
    Example: bo payment batch fail BATCH-2026-0001 2 --reason "AC04, account closed"
    """
    from bo import batches

    key = batches.batch(ledger, number)
    tell(ledger.commit(lambda tx: batches.fail(tx, key, line, reason)))


@batch.command()
@_batch
@click.argument("file", metavar="FILE|-")
@options.writes
def answer(ledger: Ledger, number: str, file: str) -> None:
    """Take over what the bank answered to BATCH, a pain.002: the lines it rejects have failed, each with its reason.

    What it accepts is not paid yet: a statement says so, and `bo payment batch confirm`.

    \b
    Example: bo payment batch answer BATCH-2026-0001 status.xml
    """
    from bo import batches
    from bo.bank.importing import taken

    key, (_, data) = batches.batch(ledger, number), taken(file)
    tell(ledger.commit(lambda tx: batches.answered(tx, key, data)))


@batch.command()
@_batch
@options.reason
@options.writes
def cancel(ledger: Ledger, number: str, reason: str) -> None:
    """Give up BATCH before it is exported: its bills are free again.

    \b
    Example: bo payment batch cancel BATCH-2026-0001 --reason "paid by card"
    """
    from bo import batches

    key = batches.batch(ledger, number)
    tell(ledger.commit(lambda tx: batches.cancel(tx, key, reason)))


@batch.command("show")
@_batch
@options.shown
@options.ledger
def show(ledger: Ledger, number: str, known_at: int | date | None) -> Batch:
    """Show a batch, its lines, and the digest that an approval is bound to.

    \b
    Example: bo payment batch show BATCH-2026-0001
    """
    from projections import batches as all_batches
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Batches", "References", "Directory"))
    shown = all_batches.shown(views, resolve(views, number, "batch").key)
    if known_at is None:
        from bo import batches

        shown.digest = batches.digest(ledger, shown.number)
    return shown


@batch.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, known_at: int | date | None, limit: int | None) -> list[Listed]:
    """List batches, the newest first.

    \b
    Example: bo payment batch list
    """
    from projections import batches
    from projections.core import open_views

    return batches.listed(open_views(ledger, known_at, only=("Batches", "Directory")), limit)
