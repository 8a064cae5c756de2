"""See records: their kinds, what they say and said, and all of a kind as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.confidential import looked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import msgspec

    from projections.core import Rows, Views
    from projections.recordlists import Change
    from projections.recordtext import Kind
    from store.ledger import Ledger

_ref = options.reference("ref", metavar="REF")


@click.command()
@click.argument("kind", required=False)
@options.rows
@options.ledger
def kinds(ledger: Ledger, kind: str | None, known_at: int | date | None) -> Sequence[msgspec.Struct]:
    """List the kinds of record there are, with their fields.

    \b
    Example: bo record kinds customer
    """
    from bo import records
    from projections import recordlists

    views = records.views(ledger, known_at)
    if kind:
        records.kind_shown(ledger, views, kind)
    return recordlists.fields(views, kind)


@click.command()
@_ref
@options.shown
@options.ledger
def show(ledger: Ledger, ref: str, as_of: date | None, known_at: int | date | None) -> msgspec.Struct:
    """Show all that a record says, and what it leads to.

    \b
    Example: bo record show C-1
             bo record show customer/C-1 --known-at 2026-03 --json
    """
    from bo import records
    from projections import recordlists

    views = records.views(ledger, known_at, as_of)
    found = records.find(ledger, views, ref)
    looked(ledger, views, [(found.compartment, found.stream)])
    return recordlists.shown(views, found)


@click.command()
@_ref
@options.rows
@options.ledger
def history(ledger: Ledger, ref: str, as_of: date | None, known_at: int | date | None) -> list[Change]:
    """List every change of a record: when, who, before and after, why.

    \b
    Example: bo record history C-1
    """
    from bo import records
    from projections import recordlists

    views = records.views(ledger, known_at, as_of)
    found = records.find(ledger, views, ref)
    looked(ledger, views, [(found.compartment, found.stream)])
    return recordlists.history(views, found)


@click.command("list")
@click.argument("kind", required=False)
@click.option("--all", "closed", is_flag=True, help="Archived and merged ones too.")
@options.rows
@options.ledger
def list_(
    ledger: Ledger, kind: str | None, closed: bool, as_of: date | None, known_at: int | date | None, limit: int | None
) -> Sequence[msgspec.Struct]:
    """List the records of KIND with their fields, or those of all kinds.

    \b
    Example: bo record list customer --columns ref,name,city --sort name
             bo record list --all --json
    """
    from bo import records
    from projections import recordlists
    from projections.core import Rows

    views = records.views(ledger, known_at, as_of)
    if kind is None:
        found = recordlists.cards(views, closed, limit)
        looked(ledger, views, [(place, f"{card.kind}/{card.ref}") for place, card in found])
        return Rows(recordlists.Card, [card for _, card in found])
    shape = records.kind_shown(ledger, views, kind)
    return _noted(ledger, views, shape, recordlists.listed(views, shape, closed, limit))


@click.command()
@click.argument("text", nargs=-1, required=True)
@options.rows
@options.ledger
def find(
    ledger: Ledger, text: tuple[str, ...], as_of: date | None, known_at: int | date | None, limit: int | None
) -> Sequence[msgspec.Struct]:
    """Find records that hold all words of TEXT, or words that begin so; case and accents do not matter.

    Where no word begins so, TEXT is looked for anywhere.

    \b
    Example: bo record find muller
             bo record find @miller.example --json
    """
    from bo import records
    from projections import recordlists
    from projections.core import Rows

    views = records.views(ledger, known_at, as_of)
    found = recordlists.hits(views, " ".join(text), limit)
    looked(ledger, views, [(place, f"{hit.kind}/{hit.ref}") for place, hit in found])
    return Rows(recordlists.Hit, [hit for _, hit in found])


@click.command()
@click.argument("kind", metavar="KIND")
@options.rows
@options.ledger
def export(ledger: Ledger, kind: str, as_of: date | None, known_at: int | date | None) -> Sequence[msgspec.Struct]:
    """Print the records of KIND as CSV that `bo record import` takes again.

    \b
    Example: bo record export customer > customers.csv
    """
    from bo import records
    from projections import recordlists

    views = records.views(ledger, known_at, as_of)
    shape = records.kind_shown(ledger, views, kind)
    return _noted(ledger, views, shape, recordlists.exported(views, shape))


def _noted(ledger: Ledger, views: Views, kind: Kind, rows: Rows) -> Rows:
    """The records of a kind, once the journal tells who saw them; that there is none is told to its readers only."""
    from bo import records

    if not rows:
        records.require_reader(ledger, views, kind)
    looked(ledger, views, [(kind.compartment, f"{kind.name}/{row.ref}") for row in rows])
    return rows


next(option for option in export.params if option.name == "format").default = "csv"

COMMANDS: tuple[click.Command, ...] = (kinds, show, history, list_, find, export)
