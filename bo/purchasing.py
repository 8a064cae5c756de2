"""What the bill commands do inside a commit, and which bills look like one that is entered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aggregates import bill_discounts
from aggregates.bill import Bill
from aggregates.bill_lines import accounted
from aggregates.billref import BillRef, alike
from aggregates.core import FINANCE, SALES, Refused, require
from aggregates.discounting import gross
from aggregates.legal import Party
from aggregates.money import ZERO, Money
from aggregates.record import Record
from aggregates.relief import offered
from aggregates.text import shown
from bo.books import booked_late, chart, late, number
from bo.clock import day_of
from bo.paying import approval_needed, approvers, require_approver
from projections import assets, payables, references
from projections.core import open_views

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from aggregates.bill import Added, Edited
    from aggregates.crediting import Claim
    from aggregates.lines import Line
    from aggregates.relief import Discount
    from bo.amounts import Amount
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

SELLER = ("name", "street", "postcode", "city", "country", "vat_id", "iban")
"""What a bill keeps of its vendor: whom it is paid to is part of what is approved."""

Said = list[str]


# Finding


def vendor(ledger: Ledger, text: str) -> str:
    """The reference of the vendor that is meant."""
    found = references.resolve(open_views(ledger), text, "vendor")
    require(not found.erased, f"{found.ref} was erased: there is nobody to pay")
    return found.ref


def bill(ledger: Ledger, text: str) -> str:
    """The number of the bill that is meant."""
    return references.resolve(open_views(ledger), text, "bill").key


def party(record: Record) -> Party:
    return Party(**{name: str(record.fields[name]) for name in SELLER if name in record.fields})


def terms(record: Record) -> int:
    days = record.fields.get("terms", 30)
    return days if isinstance(days, int) else 30


def vendor_record(tx: Transaction, ref: str) -> Record:
    """The vendor's record, or the one it was merged into."""
    record = tx.state(Record, f"vendor/{ref}", SALES)
    if record.into:
        record = tx.state(Record, record.into, SALES)
    require(record.ref, f"there is no vendor {ref}")
    require(not record.archived, f"{record.ref} is archived: restore it first")
    return record


# Entering


def add(
    ledger: Ledger,
    tx: Transaction,
    to: str,
    ref: str,
    on: date,
    lines: Sequence[Line],
    currency: str,
    base: str,
    due: date | None = None,
    booked: date | None = None,
    note: str = "",
    reason: str = "",
    discount: Discount | None = None,
) -> Said:
    """A bill in the currency given, else the vendor's, else the ledger's; his number is taken with it.

    One that differs only in how it is written from another of his is refused without a `reason`.
    """
    tx.begin(FINANCE)
    record = vendor_record(tx, to)
    shifted = None if booked else late(tx, "purchases", on)
    ours = number(tx, "BILL")
    claim(tx, record.ref, ref, ours)
    if not reason:
        _require_another(ledger, record.ref, ref)
    added = tx.change(
        Bill, ours, Bill.add, ours, record.ref, ref, on, placed(ledger, lines),
        currency or str(record.fields.get("currency", base)), party(record), tx.person, due, terms(record),
        booked or shifted, note, None, discount,
    )  # fmt: skip
    owed = f"{added.total} to {record.ref}, due on {added.due}"
    told = owed if added.total > ZERO else f"{-added.total} of credit with {record.ref}"
    return [ours, told, *_less(added), *booked_late(on, shifted), *_alike(open_views(ledger), added)]


def placed(ledger: Ledger, lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines with the accounts that the chart has."""
    if not any(each.account for each in lines):
        return tuple(lines)
    return accounted(lines, chart(open_views(ledger)))


def claim(tx: Transaction, of: str, ref: str, ours: str) -> None:
    """Take the vendor's number for a bill or credit note of ours."""
    tx.change(BillRef, BillRef.name(of, ref), BillRef.claim, of, ref, ours)


def _require_another(ledger: Ledger, of: str, ref: str, but: str = "") -> None:
    for each in payables.numbered(open_views(ledger), of):
        same = each.number != but and alike(each.ref, ref)
        entered = f"{of}'s {shown(ref)} looks like {shown(each.ref)}, which is {each.number}"
        require(not same, f"{entered}: if it is another paper, say why with --reason")


def edit(ledger: Ledger, tx: Transaction, key: str, changes: dict[str, Any], reason: str = "") -> Said:
    before = tx.state(Bill, key)
    if "lines" in changes:
        _require_no_asset(ledger, key)
        changes = {**changes, "lines": placed(ledger, changes["lines"])}
    if "discount" in changes:
        text = changes["discount"]
        changes = {**changes, "discount": offered(text, before.on) if text else None}
    edited = tx.change(Bill, key, Bill.edit, tx.person, **changes)
    if not edited:
        return [key, f"{key} says so already: nothing changes"]
    old, new = BillRef.name(before.vendor, before.ref), BillRef.name(before.vendor, edited[0].ref)
    if new != old:
        tx.change(BillRef, old, BillRef.free)
        claim(tx, before.vendor, edited[0].ref, key)
        if not reason:
            _require_another(ledger, before.vendor, edited[0].ref, but=key)
    said = [key, f"{edited[0].total} to {before.vendor}, due on {edited[0].due}", *_less(edited[0])]
    return [*said, "its approval ended with the change"] if before.approved_by else said


def _require_no_asset(ledger: Ledger, key: str) -> None:
    """An asset loses what its bill posted."""
    found = assets.of_bill(open_views(ledger), key)
    require(not found, f"{key} says what {', '.join(found)} cost: first `bo asset void {' '.join(found[:1])}`")


def approve(tx: Transaction, key: str, seen: str) -> Said:
    require_approver(tx)
    state = tx.state(Bill, key)
    others = approvers(tx) - {state.added_by, state.edited_by}
    if state.number and not state.approved_by and not others:
        needed = f"everybody who may approve in finance entered or changed {key}: a further person has to be granted it"
        raise Refused(
            needed
            if approval_needed(tx)
            else f"nobody else may approve in finance: {key} can be paid without an approval"
        )
    tx.change(Bill, key, Bill.approve, seen, day_of(tx.now), tx.person)
    return [key, f"{state.owing} to {state.vendor} may be paid"]


def credit(
    tx: Transaction, key: str, ref: str, on: date, reason: str, claims: Sequence[Claim], booked: date | None
) -> Said:
    """The vendor's credit note on a bill."""
    of = tx.state(Bill, key).vendor
    shifted = None if booked else late(tx, "purchases", on)
    ours = number(tx, "BCN")
    if ref:
        claim(tx, of, ref, ours)
    note, *settled = tx.change(Bill, key, Bill.credit, ours, ref, on, reason, tx.person, claims, booked or shifted)
    kept = sum((-each.amount for each in settled), note.total)
    rest = [f"{kept} stays as credit at {key}"] if kept else []
    less = gross(note.discounted, note.currency)
    told = f"{note.total} of {key} is credited" + (f": {less} less, of the discount taken" if less else "")
    return [ours, told, *rest, *booked_late(on, shifted)]


def void(ledger: Ledger, tx: Transaction, key: str, on: date, reason: str) -> Said:
    state = tx.state(Bill, key)
    _require_no_asset(ledger, key)
    tx.change(Bill, key, Bill.void, on, reason)
    tx.change(BillRef, BillRef.name(state.vendor, state.ref), BillRef.free)
    return [key, f"{state.total} is owing no more"]


def dispute(tx: Transaction, key: str, on: date, reason: str) -> Said:
    tx.change(Bill, key, Bill.dispute, on, reason)
    return [key, f"{key} is in dispute: no batch pays it"]


def resolve(tx: Transaction, key: str, on: date, reason: str) -> Said:
    tx.change(Bill, key, Bill.resolve, on, reason)
    return [key, f"{key} is in dispute no more"]


# Settling with credit


def allocate(
    ledger: Ledger, tx: Transaction, key: str, amount: Amount | None, on: date, sources: Sequence[str]
) -> Said:
    """Settle with credit held at this bill, then with what we have at the vendor's others, the oldest first."""
    here = tx.state(Bill, key)
    wanted = here.owing if amount is None else Money.of(amount.decimal, amount.currency or here.currency)
    places = sources or [key, *payables.held_by(open_views(ledger), here.vendor, here.currency)]
    missing = wanted if here.number and wanted <= here.owing else ZERO
    for place in dict.fromkeys(places):
        there = tx.state(Bill, place)
        same = there.currency == here.currency
        require(same, f"{place} is in {there.currency}, {key} in {here.currency}")
        part = min(missing, there.credit_left)
        if part and place != key:
            tx.change(Bill, key, Bill.receive, *tx.change(Bill, place, Bill.give, part, on, key))
        missing -= part
    holders = " and ".join(sources) or here.vendor
    require(not missing or tx.state(Bill, key).credit_left, f"there is no credit in {here.currency} at {holders}")
    made = tx.change(Bill, key, Bill.allocate, on, None if amount is None else wanted)
    return [key, *(f"{each.amount} of {each.source} is allocation {each.allocation}" for each in made), *left(tx, key)]


def unallocate(tx: Transaction, key: str, allocation: int, on: date) -> Said:
    undone = tx.change(Bill, key, Bill.unallocate, allocation, on)
    return [key, f"{undone.amount} of {undone.source} is credit again", *left(tx, key)]


def reinstate(tx: Transaction, key: str, on: date, reason: str) -> Said:
    again = tx.change(Bill, key, bill_discounts.reinstate, on, reason)
    return [key, f"{again.amount} is owing again", *left(tx, key)]


def left(tx: Transaction, key: str) -> Said:
    state = tx.state(Bill, key)
    return [f"{state.owing} is owing on {key}"] if state.owing else [f"{key} is settled"]


def _less(entered: Added | Edited) -> Said:
    terms = entered.discount
    return [f"less {terms.of(entered.total)}, if paid until {terms.until}"] if terms else []


# Looking


def digest(ledger: Ledger, key: str) -> str:
    """What an approval of the bill as it stands is bound to."""
    return ledger.load(Bill, key).digest


def _alike(views: Views, added: Added) -> Said:
    """Bills of the same vendor and amount, of nearly the same day: the same paper, perhaps, under another number."""
    found = payables.alike(views, added.vendor, added.total.currency, added.total.minor, added.on)
    return [f"{each.number} of {each.on} is over the same amount: is {each.ref} the same bill?" for each in found]
