"""Customers, vendors, products, employees and what else you define: add, change, find, import, erase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bo import options
from bo.record_reading import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bo.forms import Raw
    from bo.inputs import Source
    from store.ledger import Ledger
    from store.transaction import Transaction


@click.group(help=__doc__)
def record() -> None: ...


for command in COMMANDS:
    record.add_command(command)


RECORD = options.reference("ref", metavar="REF")
KIND = click.argument("kind", metavar="KIND")
SETS = click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="The value of a field; again for more.")


@record.command()
@KIND
@click.option("--field", "fields", multiple=True, metavar="NAME:TYPE[!]", help="A field; ! when it must be filled in.")
@click.option("--without", multiple=True, metavar="NAME", help="Take this field away; old values stay in the history.")
@click.option("--in", "compartment", metavar="COMPARTMENT", help="Where its records live, for ever; sales if not said.")
@options.dry_run
@options.ledger
def define(
    ledger: Ledger, kind: str, fields: tuple[str, ...], without: tuple[str, ...], compartment: str | None
) -> None:
    """Define KIND, or add fields to it; the built-in kinds can be added to as well.

    TYPE is text, integer, decimal, money, date, boolean, email, phone, country, currency, iban, vat, choice(a|b),
    reference(KIND), or list(TYPE) of one.

    \b
    Example: bo record define vehicle --field "plate:text!" --field "fuel:choice(petrol|electric)"
             bo record define customer --field "manager:reference(employee)"
    """
    from aggregates.fields import definition
    from aggregates.kind import Kind
    from bo import errors, records

    home = records.compartment(ledger, compartment) if compartment else 0
    wanted = tuple(map(definition, fields))

    def work(tx: Transaction) -> bool:
        return bool(tx.change(Kind, kind, Kind.define, kind, wanted, home, without))

    if not ledger.commit(work):
        errors.tell(f"{kind} is so already: nothing changes")
    click.echo(kind)


@record.command()
@KIND
@click.argument("ref")
@SETS
@options.from_file
@options.edit
@options.writes
def add(ledger: Ledger, kind: str, ref: str, sets: tuple[str, ...], source: Source | None, editor: bool) -> None:
    """Add a record of KIND under the reference REF.

    Personal values are better written in your editor, or read from a file or stdin (one JSON object): they stay out
    of the shell's history. The editor's file is private and removed; backups it keeps elsewhere are its own.

    \b
    Example: bo record add customer C-1 --set name="Miller Ltd" --set country=GB --set email=ap@miller.example
             bo record add employee E-1 --from employee.json
             bo record add employee E-2 --edit
    """
    from aggregates.record import Record
    from bo import records

    views = records.views(ledger)
    made = records.kind_named(ledger, kind)

    def take(raw: Raw) -> str:
        values = records.read(views, made, raw)

        def work(tx: Transaction) -> str:
            records.require_free(tx, made.home, f"{kind}/{ref}")
            added = tx.change(Record, f"{kind}/{ref}", Record.add, made, ref, values, compartment=made.home)
            records.require_targets(tx, views, made, added.fields)
            return added.ref

        return ledger.commit(work)

    raw = records.given(sets, source)
    if editor:
        from bo import forms

        records.require_addable(ledger, views, made, ref)
        given = forms.edited(made, ref, {}, raw, take)
        if given is None:
            raise click.Abort("nothing was written: nothing is recorded")
    else:
        given = take(raw)
    records.warn_alike(ledger, made, given)
    click.echo(given)


@record.command("set")
@RECORD
@SETS
@options.from_file
@options.edit
@options.reason
@options.writes
def set_(ledger: Ledger, ref: str, sets: tuple[str, ...], source: Source | None, editor: bool) -> None:
    """Change fields of a record; NAME= empties one.

    \b
    Example: bo record set C-1 --set city=Leeds --set phone= --reason "they moved"
             bo record set C-1 --edit
    """
    from aggregates.core import require
    from aggregates.record import Record
    from bo import errors, records

    views = records.views(ledger)
    found = records.standing(ledger, views, ref)
    made = records.kind_named(ledger, found.kind)
    raw = records.given(sets, source)
    if not raw and not editor:
        raise click.UsageError("nothing to set: say --set NAME=VALUE, --from FILE or --edit")
    old = ledger.load(Record, found.stream, found.compartment)

    def take(raw: Raw) -> bool:
        values = records.read(views, made, raw, dict(old.fields))

        def work(tx: Transaction) -> bool:
            unseen = editor and tx.state(Record, found.stream, found.compartment) != old
            require(not unseen, f"{found.ref} was changed while you wrote: close this, and edit it again")
            changed = tx.change(Record, found.stream, Record.set, made, values, compartment=found.compartment)
            for each in changed:
                records.require_targets(tx, views, made, each.fields)
            return bool(changed)

        return ledger.commit(work)

    if editor:
        from bo import forms

        records.require_writer(ledger, views, made)
        old.set(made, {})  # refuses now what cannot be changed
        done = forms.edited(made, found.ref, old.fields, raw, take)
    else:
        done = take(raw)
    if done:
        records.warn_alike(ledger, made, found.ref)
    else:
        errors.tell(f"{found.ref} says so already: nothing changes")
    click.echo(found.ref)


@record.command("import")
@KIND
@click.argument("file", metavar="FILE.csv|-")
@options.mapped
@click.option("--save-map", "save_as", metavar="NAME", help="Keep the mapping that was used under this name.")
@click.option("--accept-valid", is_flag=True, help="Import the rows that are right, leave out the others (exit 8).")
@options.reason_if_any
@options.dry_run
@options.ledger
def import_(
    ledger: Ledger, kind: str, file: str, map_name: str | None, save_as: str | None, accept_valid: bool
) -> None:
    """Add or change the records of KIND that a CSV file lists, all of them or none.

    Encoding, separator and header row are found out; without --map, columns are matched to fields by their names.
    A record that is there already is changed where the file says otherwise; an empty cell leaves what is there. What is
    wrong is listed row by row on stderr. The same file again changes nothing.

    \b
    Example: bo record import customer customers.csv --dry-run
             bo record import vendor suppliers.csv --map suppliers.json --save-map suppliers
    """
    from bo.importing import import_file

    click.echo(import_file(ledger, kind, file, map_name, save_as, accept_valid))


@record.command()
@RECORD
@options.reason
@options.writes
def archive(ledger: Ledger, ref: str) -> None:
    """Put a record away: it is not listed and cannot be changed until it is restored.

    \b
    Example: bo record archive C-1 --reason "no longer a customer"
    """
    from aggregates.record import Record

    _act(ledger, ref, Record.archive)


@record.command()
@RECORD
@options.reason
@options.writes
def restore(ledger: Ledger, ref: str) -> None:
    """Bring an archived record back.

    \b
    Example: bo record restore C-1 --reason "they are back"
    """
    from aggregates.record import Record

    _act(ledger, ref, Record.restore)


@record.command()
@RECORD
@options.reference("into", metavar="INTO")
@options.reason
@options.writes
def merge(ledger: Ledger, ref: str, into: str) -> None:
    """Let the record INTO stand for REF from now on; `unmerge` takes it back.

    \b
    Example: bo record merge C-7 C-3 --reason "the same company twice"
    """
    from aggregates.record import Record
    from bo import records

    views = records.views(ledger)
    found, target = records.standing(ledger, views, ref), records.standing(ledger, views, into)

    def work(tx: Transaction) -> None:
        other = tx.state(Record, target.stream, target.compartment)
        tx.change(Record, found.stream, Record.merge, other, compartment=found.compartment)

    ledger.commit(work)
    click.echo(target.ref)


@record.command()
@RECORD
@options.reason
@options.writes
def unmerge(ledger: Ledger, ref: str) -> None:
    """Undo a merge: REF stands for itself again.

    \b
    Example: bo record unmerge C-7 --reason "two branches after all"
    """
    from aggregates.record import Record

    _act(ledger, ref, Record.unmerge)


@record.command()
@RECORD
@options.reason
@options.yes
@options.dry_run
@options.ledger
def erase(ledger: Ledger, ref: str, yes: bool) -> None:
    """Destroy the keys of a record, so that nobody can ever read again what it said.

    What was issued or filed keeps its own copy of what it says. The reference is not given again.

    \b
    Example: bo record erase C-7 --reason "asked under article 17" --yes
    """
    from bo import errors, records

    found = records.standing(ledger, records.views(ledger), ref)
    if not ledger.dry_run:
        options.confirm(f"Erase {found.stream} for ever?", yes)
    proposal = records.erase(ledger, found)
    if proposal is not None:
        errors.tell(f"a second person has to approve it: bo approval give {proposal}")
    click.echo(found.ref)


def _act(ledger: Ledger, ref: str, verb: Callable[..., Any]) -> None:
    from aggregates.record import Record
    from bo import errors, records

    found = records.standing(ledger, records.views(ledger), ref)
    if not ledger.commit(lambda tx: bool(tx.change(Record, found.stream, verb, compartment=found.compartment))):
        errors.note(f"{found.ref} is so already: nothing changes")
    click.echo(found.ref)
