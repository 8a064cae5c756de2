"""What the commands on batches of payments do inside a commit, and how a stored file is found again."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from aggregates.bank import Bank
from aggregates.batch import Batch, Exported, Item
from aggregates.bill import Bill
from aggregates.core import FINANCE, require
from aggregates.relief import payable
from bo import pain, pain_status, paying
from bo.books import number
from projections import directory, payables, references
from projections.core import open_views
from store.history import past

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from projections.payables import Unpaid
    from store.ledger import Ledger
    from store.transaction import Transaction

Said = list[str]


def batch(ledger: Ledger, text: str) -> str:
    """The number of the batch that is meant."""
    return references.resolve(open_views(ledger), text, "batch").key


def propose(ledger: Ledger, until: date, on: date, bank: str, chosen: Sequence[str]) -> Said:
    """All approved bills in EUR that are due by a day or discounted until then, or those that are named.

    What is left out is told. A discount is deducted where it may be on the day the bank carries the batch out.
    """
    views = open_views(ledger)
    found = ledger.load(Bank, bank)
    found.require_open(bank)
    due = [each for each in payables.unpaid(views, on, due=None if chosen else until) if not each.batch]
    wanted = {each.number: each for each in due if not chosen or each.number in chosen}
    name = directory.setting(views, "name")

    def work(tx: Transaction) -> Said:
        tx.begin(FINANCE)
        needed = paying.approval_needed(tx)
        lines, left = _items(tx, wanted if not chosen else dict.fromkeys(chosen), on, needed, bool(chosen))
        require(lines, "; ".join(("nothing is due that can be paid", *left)))
        ours = number(tx, "BATCH")
        for each in lines:
            tx.change(Bill, each.bill, Bill.schedule, ours, needed)
        made = tx.change(
            Batch, ours, Batch.propose, ours, on, bank, name, found.iban, found.account, tuple(lines), tx.person
        )
        count = f"{len(lines)} payment{'' if len(lines) == 1 else 's'}"
        return [ours, f"{count}, {tx.state(Batch, ours).total} on {made.on}", *left]

    return ledger.commit(work)


def _items(
    tx: Transaction, wanted: dict[str, Unpaid] | dict[str, None], on: date, needed: bool, named: bool
) -> tuple[list[Item], Said]:
    """The payments, and why bills were left out. A bill that was named is not left out: it is refused."""
    lines, left = [], []
    for key in wanted:
        bill = tx.state(Bill, key)
        why = "" if named else _kept_back(bill, needed)
        if why:
            left.append(f"left out: {key} {why}")
        else:
            amount = payable(bill, on)
            lines.append(Item(key, bill.vendor, bill.seller.name, bill.seller.iban, amount, bill.ref))
            if amount != bill.owing:
                left.append(f"{bill.owing - amount} of {key} is deducted: {bill.discount and bill.discount.says}")
    return lines, left


def _kept_back(bill: Bill, needed: bool) -> str:
    if bill.disputed:
        return "is in dispute"
    if needed and not bill.approved_by:
        return "is not approved"
    if bill.currency != "EUR":
        return f"is in {bill.currency}"
    return "" if bill.seller.iban else f"names no IBAN of {bill.vendor}"


def approve(tx: Transaction, key: str, seen: str) -> Said:
    paying.require_approver(tx)
    alone = not paying.approvers(tx) - {tx.state(Batch, key).proposed_by}
    require(not alone, f"nobody else may approve in finance: {key} can be exported without an approval")
    tx.change(Batch, key, Batch.approve, seen, tx.person)
    return [key, f"{tx.state(Batch, key).total} may be paid"]


def export(ledger: Ledger, key: str, form: str) -> bytes:
    """The file: made and stored the first time, the same bytes ever after."""
    stored = _stored(ledger, key)
    if stored:
        return stored
    batch = ledger.load(Batch, key)
    page = pain.written(batch, form, ledger.clock())
    blob = None if ledger.dry_run else ledger.seal(Batch, key, [page])

    def work(tx: Transaction) -> None:
        require(tx.state(Batch, key).digest == batch.digest, f"{key} has changed meanwhile: export it again")
        if blob is not None:
            tx.attach(Batch, key, [blob])
        tx.change(Batch, key, Batch.export, form, sha256(page).hexdigest(), paying.approval_needed(tx))

    ledger.commit(work)
    return page


def _stored(ledger: Ledger, key: str) -> bytes:
    ledger.pull()
    for leaf, payload in past(ledger, FINANCE, f"batch/{key}"):
        for event in payload.events:
            if isinstance(event, Exported):
                page = b"".join(ledger.document(FINANCE, f"batch/{key}", leaf.refs[:32]))
                require(sha256(page).hexdigest() == event.sha256, f"the stored file of {key} is not what was exported")
                return page
    return b""


def confirm(tx: Transaction, key: str, lines: Sequence[int], on: date) -> Said:
    """Payments for lines the bank carried out; all that are left when none is named."""
    state = tx.state(Batch, key)
    pending = [place for place in range(1, len(state.lines) + 1) if place not in state.done]
    require(pending or lines, f"every line of {key} is done already")
    said = [key]
    for place in lines or pending:
        tx.state(Batch, key).require_pending(place)
        each = state.lines[place - 1]
        sent = pain.end_to_end(key, place)  # the payment comes first in the log: what it settles knows it then
        paid = paying.record(tx, f"vendor/{each.vendor}", "out", each.amount, on, state.account, sent)
        tx.change(Bill, each.bill, Bill.schedule, "", False)
        tx.change(Batch, key, Batch.confirm, place, paid.number)
        said.append(f"line {place}: {paid.number}")
        if tx.state(Bill, each.bill).owing:  # else it was credited meanwhile: the payment stays as an advance
            said += paying.settle(tx, paid.number, f"bill/{each.bill}", None, on, approved=True, sent=state.on)
    return said


def carried_out(tx: Transaction, key: str, line: int, on: date) -> Said:
    """Confirm what a statement shows, one line or all, as far as nobody has."""
    state = tx.state(Batch, key)
    require(0 <= line <= len(state.lines), f"the lines are 1 to {len(state.lines)}: there is no line {line}")
    pending = [place for place in ([line] if line else range(1, len(state.lines) + 1)) if place not in state.done]
    require(pending or state.paid, f"{key} was not paid")
    return confirm(tx, key, pending, on)[1:] if pending else []


def fail(tx: Transaction, key: str, line: int, reason: str) -> Said:
    tx.change(Batch, key, Batch.fail, line, reason)
    each = tx.state(Batch, key).lines[line - 1]
    tx.change(Bill, each.bill, Bill.schedule, "", False)
    return [key, f"line {line} was not paid: {each.bill} is free again"]


def answered(tx: Transaction, key: str, data: bytes) -> Said:
    """Take over what the bank says in a status report: lines it rejects have failed. Read again, nothing changes."""
    state = tx.state(Batch, key)
    answers = pain_status.read(data, key, len(state.lines))
    said = [key]
    for place, reason in sorted(pain_status.rejected(answers, len(state.lines)).items()):
        require(
            place not in state.paid, f"line {place} of {key} is paid with {state.paid.get(place)}, and rejected here"
        )
        if place not in state.done:
            said += fail(tx, key, place, reason or pain_status.REJECTED)[1:]
    return (
        said
        if len(said) > 1
        else [key, f"no line is rejected that was not before: {', '.join(sorted({each.status for each in answers}))}"]
    )


def cancel(tx: Transaction, key: str, reason: str) -> Said:
    tx.change(Batch, key, Batch.cancel, reason)
    for each in tx.state(Batch, key).lines:
        tx.change(Bill, each.bill, Bill.schedule, "", False)
    freed = [each.bill for each in tx.state(Batch, key).lines]
    return [key, f"{', '.join(freed[:10])}{', …' if len(freed) > 10 else ''} can be paid again"]


def digest(ledger: Ledger, key: str) -> str:
    """What an approval of the batch is bound to."""
    return ledger.load(Batch, key).digest
