"""What the invoice commands do inside a commit, and how a stored document is found again."""

from __future__ import annotations

import os
from base64 import b32encode
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aggregates import invoice_losses
from aggregates.core import FINANCE, SALES, require
from aggregates.directory import Entry
from aggregates.discounting import gross
from aggregates.invoice import Allocated, Credited, Invoice, Issued, Paid
from aggregates.legal import Party, fitted
from aggregates.money import ZERO, Money
from aggregates.record import Record
from aggregates.series import Series
from bo.rendering import credit_note_html, invoice_html
from projections import receivables, references
from projections.core import open_views
from store.control import WRITE
from store.history import past

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from aggregates.crediting import Claim
    from aggregates.lines import Line
    from aggregates.relief import Discount
    from bo.amounts import Amount
    from projections.references import Found
    from store.ledger import Ledger
    from store.transaction import Transaction

BUYER = ("name", "street", "postcode", "city", "country", "vat_id")
"""What a document says of its buyer: no more of the record than a legal document needs."""

Said = list[str]
"""What a commit gives back: the result, then remarks."""


# Finding


def customer(ledger: Ledger, text: str) -> str:
    """The reference of the customer that is meant."""
    found = references.resolve(open_views(ledger), text, "customer")
    require(not found.erased, f"{found.ref} was erased: there is nobody to invoice")
    return found.ref


def invoice(ledger: Ledger, text: str) -> str:
    """The stream of the invoice or draft that is meant."""
    return references.resolve(open_views(ledger), text, "invoice").key


def fitting(amount: Amount) -> Decimal | Money:
    """An amount as typed, with the currency that stood beside it."""
    return Money.of(amount.decimal, amount.currency) if amount.currency else amount.decimal


# Drafts


def draft(tx: Transaction, to: str, lines: Sequence[Line], currency: str, ref: str, base: str) -> Said:
    """A draft in the currency given, else the customer's, else the ledger's."""
    reference = unused(tx)
    record = _record(tx, to)
    drafted = tx.change(
        Invoice, reference, Invoice.draft, record.ref, lines, currency or str(record.fields.get("currency", base)),
        ref, _terms(record),
    )  # fmt: skip
    return [reference, f"{drafted.total} for {record.ref}, to be issued"]


def edit(tx: Transaction, key: str, to: str, changes: dict[str, Any]) -> Said:
    """Change a draft; another customer brings his own terms."""
    tx.state(Invoice, key)
    if to:
        record = _record(tx, to)
        changes = {"terms": _terms(record), **changes, "customer": record.ref}
    edited = tx.change(Invoice, key, Invoice.edit, **changes)
    if not edited:
        return [key, f"{key} says so already: nothing changes"]
    return [key, f"{edited[0].total} for {edited[0].customer}, to be issued"]


def discard(tx: Transaction, key: str, reason: str) -> Said:
    tx.change(Invoice, key, Invoice.discard, reason)
    return [key]


def unused(tx: Transaction) -> str:
    """A reference that no draft has."""
    while True:
        reference = f"D-{b32encode(os.urandom(4)).decode()[:5]}"
        if not tx.exists(Invoice, reference):
            return reference


def party(record: Record) -> Party:
    return Party(**{name: str(record.fields[name]) for name in BUYER if name in record.fields})


def _record(tx: Transaction, ref: str) -> Record:
    """The customer's record, or the one it was merged into."""
    record = tx.state(Record, f"customer/{ref}", SALES)
    if record.into:
        record = tx.state(Record, record.into, SALES)
    require(record.ref, f"there is no customer {ref}")
    require(not record.archived, f"{record.ref} is archived: restore it first")
    return record


def _terms(record: Record) -> int:
    terms = record.fields.get("terms", 30)
    return terms if isinstance(terms, int) else 30


# Documents


def issue(
    ledger: Ledger, tx: Transaction, key: str, on: date, due: date | None, discount: Discount | None = None
) -> Said:
    """Number, document and its rendering in one commit."""
    draft = tx.state(Invoice, key)
    if not draft.customer or draft.number or draft.discarded:
        draft.edit()  # refuses, and says why
    buyer = party(_record(tx, draft.customer))
    number = take(tx, "INV", on)
    issued = tx.change(Invoice, key, Invoice.issue, number, on, buyer, seller(tx), due, discount)
    _keep(ledger, tx, key, invoice_html(issued))
    said = [number, f"{issued.total} of {issued.customer}, due on {issued.due}"]
    return [*said, f"less {discount.of(issued.total)}, if paid until {discount.until}"] if discount else said


def credit(ledger: Ledger, tx: Transaction, key: str, on: date, claims: Sequence[Claim]) -> Said:
    """A credit note; the reason is the command's."""
    number = take(tx, "CN", on)
    note, *settled = tx.change(Invoice, key, Invoice.credit, number, on, ledger.reason, claims)
    _keep(ledger, tx, key, credit_note_html(note))
    less = gross(note.discounted, note.currency)
    told = f"{note.total} of {note.invoice} is credited" + (f": {less} less, of the discount taken" if less else "")
    return [number, told, *_kept(note, settled)]


def take(tx: Transaction, prefix: str, on: date) -> str:
    return tx.change(Series, f"{prefix}-{on.year:04}", Series.take, prefix, on.year, on).number


def seller(tx: Transaction) -> Party:
    return Party(tx.state(Entry, "ledger").name)


def _keep(ledger: Ledger, tx: Transaction, key: str, page: bytes) -> None:
    """Seal the page with the commit; where nothing will be recorded no file is made."""
    if not ledger.dry_run and tx.people.may(tx.person, WRITE, FINANCE, tx.now):
        tx.attach(Invoice, key, [ledger.seal(Invoice, key, [page])])


def rendering(ledger: Ledger, found: Found) -> bytes:
    """The page of an invoice or credit note: as it was stored, else, taken over from elsewhere, as its facts say."""
    ledger.pull()
    for leaf, payload in past(ledger, FINANCE, found.stream):
        for event in payload.events:
            if isinstance(event, Credited) and event.number == found.ref:
                return _stored(ledger, found, leaf.refs) or credit_note_html(event)
            if isinstance(event, Issued) and found.kind != "credit":
                return _stored(ledger, found, leaf.refs) or invoice_html(event)
    require(False, f"{found.ref} is a draft: issue it first")
    return b""


def _stored(ledger: Ledger, found: Found, refs: bytes) -> bytes:
    return b"".join(ledger.document(FINANCE, found.stream, refs[:32])) if refs else b""


# Settling


def pay(tx: Transaction, key: str, amount: Amount, on: date, ref: str, tolerance: Decimal | Money = Decimal(0)) -> Said:
    paid, *settled = tx.change(Invoice, key, Invoice.pay, fitting(amount), on, ref)
    from bo import shortfalls

    rest = shortfalls.round_off(tx, "invoice", key, max(on, tx.state(Invoice, key).on), on, tolerance)
    return [paid.payment, *_kept(paid, settled), *rest, *_left(tx, key)]


def allocate(
    ledger: Ledger, tx: Transaction, key: str, amount: Amount | None, on: date, sources: Sequence[str]
) -> Said:
    """Settle with credit held at this invoice, then with what the customer has at others, the oldest first."""
    here = tx.state(Invoice, key)
    wanted = here.owing if amount is None else _money(amount, here)
    places = sources or [key, *receivables.held_by(open_views(ledger), here.customer, here.currency)]
    missing = fits = wanted if here.number and wanted <= here.owing else ZERO
    for place in dict.fromkeys(places):
        there = tx.state(Invoice, place)
        same = there.currency == here.currency
        require(same, f"{there.number or place} is in {there.currency}, {here.number} in {here.currency}")
        part = min(missing, there.credit_left)
        if part and place != key:
            given = tx.change(Invoice, place, Invoice.give, part, on, here.number)
            tx.change(Invoice, key, Invoice.receive, *given)
        missing -= part
    left = tx.state(Invoice, key).credit_left
    whose = " and ".join(tx.state(Invoice, place).number or place for place in sources)
    holder = f"{whose} hold{'' if len(sources) > 1 else 's'}" if sources else f"{here.customer} has"
    require(left or not fits, f"{holder} no credit in {here.currency}")
    made = tx.change(Invoice, key, Invoice.allocate, on, None if amount is None else wanted)
    return [here.number, *(f"{each.amount} of {each.source} is allocation {each.allocation}" for each in made),
            *_left(tx, key)]  # fmt: skip


def unallocate(tx: Transaction, key: str, allocation: int, on: date) -> Said:
    undone = tx.change(Invoice, key, Invoice.unallocate, allocation, on)
    return [tx.state(Invoice, key).number, f"{undone.amount} of {undone.source} is credit again", *_left(tx, key)]


def void(tx: Transaction, key: str, on: date, reason: str) -> Said:
    voided = tx.change(Invoice, key, Invoice.void, on, reason)
    return [tx.state(Invoice, key).number, f"{voided.amount} is owing no more"]


def write_off(tx: Transaction, key: str, on: date, reason: str, amount: Amount | None, relief: bool = False) -> Said:
    given_up = tx.change(
        Invoice, key, invoice_losses.write_off, on, reason, None if amount is None else fitting(amount), relief
    )
    tax = sum((each.amount for each in given_up.taxes), ZERO)
    said = f"{given_up.amount} is written off" + (f", {tax} of it as tax that comes back" if tax else "")
    return [tx.state(Invoice, key).number, said, *_left(tx, key)]


def reinstate(tx: Transaction, key: str, on: date, reason: str) -> Said:
    again = tx.change(Invoice, key, invoice_losses.reinstate, on, reason)
    return [tx.state(Invoice, key).number, f"{again.amount} is owing again", *_left(tx, key)]


def _money(amount: Amount, of: Invoice) -> Money:
    return fitted(fitting(amount), of.currency, of.number)


def _kept(source: Paid | Credited, settled: Sequence[Allocated]) -> Said:
    """What of a payment or credit note settled nothing."""
    whole = source.amount if isinstance(source, Paid) else source.total
    kept = sum((-each.amount for each in settled), whole)
    return [f"{kept} is more than was owing, and stays as credit"] if kept else []


def _left(tx: Transaction, key: str) -> Said:
    state = tx.state(Invoice, key)
    return [f"{state.owing} is owing on {state.number}"] if state.owing else [f"{state.number} is settled"]
