"""What record commands share: kinds, values as the user gave them, references that must exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bo import errors
from projections import references

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from aggregates.fields import Value
    from aggregates.kind import Kind
    from aggregates.record import Values
    from bo.inputs import Source
    from projections import recordtext
    from projections.core import Views
    from projections.references import Found
    from store.control import Shred
    from store.ledger import Ledger
    from store.transaction import Transaction

SHOWN = ("kind", "ref", "status", "merged", "links")
"""What `record show --json` prints beside the fields; not read when it is given back."""

PROJECTIONS = ("Directory", "References", "Records")


def views(ledger: Ledger, known_at: int | date | None = None, as_of: date | None = None) -> Views:
    """The views now or as they were; what records say holds from when it is recorded, so both dates mean that."""
    from projections.core import open_views

    if as_of is not None and known_at is not None:
        raise click.UsageError("what records say holds from when it is recorded: give --as-of or --known-at")
    return open_views(ledger, as_of if known_at is None else known_at, only=PROJECTIONS)


def kind_named(ledger: Ledger, name: str) -> Kind:
    """The kind as it is defined now. Raises NotFound."""
    from aggregates.core import Refused
    from aggregates.kind import Kind, known
    from store.errors import NotFound

    stored = ledger.load(Kind, name)
    try:
        return known(name, stored)
    except Refused as unknown:
        raise NotFound(str(unknown)) from None


def given(sets: Sequence[str], source: Source | None) -> dict[str, str | list[str]]:
    """The texts of `--set NAME=VALUE …`, over those of a JSON object."""
    found: dict[str, str | list[str]] = {}
    if source is not None:
        read = source.json()
        if not isinstance(read, dict):
            raise errors.BadInput(f'{source.told} is not one object, such as {{"name": "Acme"}}')
        found = {name: _texts(source, name, value) for name, value in read.items() if name not in SHOWN}
    several: dict[str, list[str]] = {}
    for each in sets:
        name, equals, text = each.partition("=")
        if not equals or not name.strip():
            raise click.UsageError("--set takes NAME=VALUE, such as --set city=Berlin")
        several.setdefault(name.strip(), []).append(text)
    return found | {name: texts[0] if len(texts) == 1 else texts for name, texts in several.items()}


def _texts(source: Source, name: str, value: Any) -> str | list[str]:
    if isinstance(value, list):
        return [_text(source, name, part) for part in value]
    return _text(source, name, value)


def _text(source: Source, name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    if type(value).__name__ == "Decimal":
        return f"{value:f}"
    raise errors.BadInput(f"{source.told}: {name} is neither a text, a number nor a list of them")


def read(
    views: Views, kind: Kind, raw: dict[str, str | list[str]], old: dict[str, Value] | None = None
) -> dict[str, Value | None]:
    """The values to keep; what is odd about them goes to stderr. Raises Refused."""
    from aggregates.record import check, checked
    from projections.directory import setting

    region = str((old or {}).get("country", ""))
    currency = str((old or {}).get("currency", "")) or setting(views, "currency")
    values, problems = check(kind, raw, region, currency, new=old is None)
    for problem in checked(problems):
        errors.tell(problem.rule)
    return values


def require_addable(ledger: Ledger, views: Views, kind: Kind, ref: str) -> None:
    """Refuse before a form is filled in for nothing."""
    from aggregates.record import Record
    from aggregates.text import reference

    require_writer(ledger, views, kind)
    there = ledger.load(Record, f"{kind.name}/{reference(ref)}", kind.home)
    if there.ref:
        there.add(kind, ref, {})  # refuses, and says why


def require_free(tx: Transaction, home: int, stream: str) -> None:
    """A reference that was erased is never given again."""
    from aggregates.core import require
    from aggregates.erasure import Erasure

    gone = tx.exists(Erasure, stream, home)
    require(not gone, f"{stream.partition('/')[2]} was erased: its reference is not given again")


def require_targets(tx: Transaction, views: Views, kind: Kind, values: Values) -> None:
    """Refuse values that lead to records that are not there."""
    from aggregates.core import Refused, require
    from aggregates.erasure import Erasure
    from aggregates.kind import Kind as Stored
    from aggregates.kind import known
    from aggregates.record import Record
    from aggregates.record import references as targets
    from store.control import READ

    for field, stream in targets(kind, values):
        other, _, ref = stream.partition("/")
        home = known(other, tx.state(Stored, other)).home
        if not tx.people.may(tx.person, READ, home, tx.now):
            raise Refused(f"{field}: you may not read {other} records, so {stream} cannot be checked")
        require(not tx.exists(Erasure, stream, home), f"{field}: {stream} was erased")
        if not tx.exists(Record, stream, home):
            raise Refused(f"{field}: {missing(views, other, ref)}")


def missing(views: Views, kind: str, ref: str) -> str:
    """That there is no such record, and which are near."""
    return f"there is no {kind} {ref}{references.near(views, ref, kind)}"


def warn_alike(ledger: Ledger, kind: Kind, ref: str) -> None:
    """Tell of records that may be the same one."""
    from msgspec import json

    from projections.core import open_views
    from projections.records import duplicates, kind_of, standing

    views = open_views(ledger)
    stands, shape = standing(views, kind.name, ref, kind.home), kind_of(views, kind.name)
    for each in duplicates(views, shape, ref, json.decode(stands.fields)) if stands and shape else ():
        errors.tell(f"{ref}: {each}")


def find(ledger: Ledger, views: Views, text: str) -> Found:
    """The record that a reference or its beginning means. Raises NotFound, Unauthorised where you may not look."""
    from projections.records import kind_of, kinds
    from store.errors import NotFound

    try:
        return references.resolve(views, text, *(kind.name for kind in kinds(views)))
    except NotFound:
        kind = kind_of(views, text.partition("/")[0]) if "/" in text else None
        if kind:
            require_reader(ledger, views, kind)
        raise


def standing(ledger: Ledger, views: Views, text: str) -> Found:
    """A record that can still be changed: one that was erased is refused."""
    from aggregates.core import require

    found = find(ledger, views, text)
    require(not found.erased, f"{found.ref} was erased: nothing is left of it")
    return found


def compartment(ledger: Ledger, text: str) -> int:
    """The number of a compartment by its name. Raises NotFound."""
    from projections.core import open_views
    from projections.directory import compartments
    from store.errors import NotFound

    known = {each.name: each.number for each in compartments(open_views(ledger))}
    if text not in known:
        raise NotFound(f"there is no compartment {text}: there are {', '.join(known)}")
    return known[text]


def kind_shown(ledger: Ledger, views: Views, name: str) -> recordtext.Kind:
    """A kind to list."""
    from projections.records import kind_of, kinds
    from store.errors import NotFound

    kind = kind_of(views, name)
    if kind is None:
        raise NotFound(f"there is no kind {name}: there are {', '.join(each.name for each in kinds(views))}")
    return kind


def require_reader(ledger: Ledger, views: Views, kind: recordtext.Kind) -> None:
    """Refuse, and record it, when what is not there is not there because it may not be seen."""
    from store.control import READ

    _require(ledger, views, kind.name, kind.compartment, READ)


def require_writer(ledger: Ledger, views: Views, kind: Kind) -> None:
    """Refuse before a long file is read for nothing."""
    from store.control import WRITE

    _require(ledger, views, kind.name, kind.home, WRITE)


def _require(ledger: Ledger, views: Views, kind: str, compartment: int, right: str) -> None:
    from projections.directory import compartments
    from store.errors import Unauthorised

    if ledger.people.may(ledger.person, right, compartment, ledger.clock()):
        return
    name = next((each.name for each in compartments(views) if each.number == compartment), str(compartment))
    refusal = Unauthorised(f"you may not {right} {kind} records: they live in {name}, which was not granted to you")
    ledger.home_compartment = compartment
    ledger.refused(refusal)
    raise refusal


def erase(ledger: Ledger, found: Found) -> int | None:
    """Shred a record's stream. Where that takes two persons it is proposed, and the proposal's number returned."""
    from aggregates.erasure import Erasure
    from bo.membership import explain
    from store.shredding import Target, shred

    def work(tx: Transaction) -> int | None:
        require_free(tx, found.compartment, found.stream)
        said = explain(tx, "shred", found.stream, ledger.reason)
        proposal = shred(tx, ledger, [Target(found.compartment, found.stream)], said)
        if proposal is None:
            tx.change(Erasure, found.stream, Erasure.erase, found.stream, compartment=found.compartment)
        return proposal

    return ledger.commit(work)


def mark_erased(tx: Transaction, ledger: Ledger, views: Views, act: Shred) -> None:
    """Say which streams an approved act destroys, so that the views of everybody let go of them."""
    from aggregates.erasure import Erasure

    doomed = {(place, bytes.fromhex(stream)) for place, stream in act.streams}
    for place in {place for place, _ in doomed}:
        for name in references.streams(views, place):
            if (place, ledger.keyring.stream_id(place, name)) in doomed:
                tx.change(Erasure, name, Erasure.erase, name, compartment=place)
