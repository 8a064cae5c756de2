"""Credit shared out in one go: to several invoices or bills, part or all of each, and back as money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from aggregates.core import require
from aggregates.money import ZERO, Money
from bo import options, paying
from projections import payables, receivables, references
from projections.core import open_views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from bo.amounts import Amount
    from store.ledger import Ledger
    from store.transaction import Transaction

NOTES = {"invoice": "credit", "bill": "vendor-credit"}
"""What is a credit note on which document."""


class Holder(NamedTuple):
    """Documents at which credit is held: of one source, a credit note, or with "" of any, the oldest first."""

    kind: str
    places: tuple[str, ...]
    source: str

    def held(self, tx: Transaction, place: str) -> Money:
        return paying.held_at(tx.state(paying.DOCUMENTS[self.kind], place), self.source)

    def left(self, tx: Transaction) -> Money:
        return sum((self.held(tx, place) for place in self.places), ZERO)

    def shares(self, tx: Transaction, wanted: Money) -> Iterator[tuple[str, Money]]:
        """From which documents so much is taken."""
        for place in self.places:
            part = min(wanted, self.held(tx, place))
            if part:
                yield place, part
                wanted -= part


def holder(ledger: Ledger, kind: str, text: str) -> Holder:
    """The credit note that is meant, wherever what is left of it is held, or the document that credit is held at."""
    views = open_views(ledger)
    found = references.resolve(views, text, kind, NOTES[kind])
    if found.kind == kind:
        return Holder(kind, (found.key,), "")
    held = receivables.holding if kind == "invoice" else payables.holding
    return Holder(kind, tuple(held(views, found.ref)) or (found.key,), found.ref)


def refunding(
    ledger: Ledger, text: str, amount: Amount | None, on: date, bank: str, ref: str
) -> Callable[[Transaction], list[str]]:
    """Money goes back of a payment or credit note, or of credit at a bill or invoice."""
    found = references.resolve(open_views(ledger), text, "payment", *NOTES, *NOTES.values())
    kind = next((kind for kind, note in NOTES.items() if note == found.kind), "")
    if not kind:
        return lambda tx: paying.refund(tx, found.stream, amount, on, bank, ref)
    of = holder(ledger, kind, found.ref)
    return lambda tx: pay_back(tx, of, found.ref, amount, on, bank, ref)


def applying(
    ledger: Ledger, kind: str, text: str, parts: Sequence[str], refund: str, on: date, bank: str, ref: str
) -> Callable[[Transaction], list[str]]:
    """Share out the credit of `text` to `NUMBER` or `NUMBER;AMOUNT`, and an amount, or the `rest`, back as money."""
    of, shares = holder(ledger, kind, text), [_part(ledger, kind, each) for each in parts]
    back = options.MONEY.convert(refund, None, None) if refund not in ("", "rest") else None
    return lambda tx: apply(tx, of, shares, back, bool(refund), on, bank, ref)


def apply(
    tx: Transaction, of: Holder, parts: Sequence[tuple[str, Amount | None]], refund: Amount | None, back: bool,
    on: date, bank: str, ref: str,
) -> list[str]:  # fmt: skip
    """Settle one after the other; then `refund` goes back, or with `back` alone all that is left."""
    require(parts or back, "say what is settled, with --to, or what goes back, with --refund")
    name = of.source or tx.state(paying.DOCUMENTS[of.kind], of.places[0]).number
    said = [name]
    for key, wanted in parts:
        said += _settle(tx, of, name, key, wanted, on)
    if back and (of.left(tx) or refund is not None or not parts):
        _, *told = pay_back(tx, of, name, refund, on, bank, ref)
        said += told
    left = of.left(tx)
    return [*said, *([f"{left} of credit is left"] if left else [])]


def _part(ledger: Ledger, kind: str, text: str) -> tuple[str, Amount | None]:
    """What is to be settled, and how much of it."""
    number, _, wanted = (each.strip() for each in text.partition(";"))
    key = references.resolve(open_views(ledger), number, kind).key
    return key, options.MONEY.convert(wanted, None, None) if wanted else None


def _settle(tx: Transaction, of: Holder, name: str, key: str, wanted: Amount | None, on: date) -> list[str]:
    cls: Any = paying.DOCUMENTS[of.kind]
    there, left = tx.state(cls, key), of.left(tx)
    require(there.number, f"{key} is a draft: issue it first")
    require(there.owing, f"{there.number} is settled: nothing is owing")
    require(left, f"nothing of the credit at {name} is left for {there.number}")
    fits = min(left, there.owing) if wanted is None else paying.money(wanted, there.currency)
    require(fits > ZERO, f"an allocation is more than zero, not {fits}")
    require(fits <= left, f"{left} of credit are left at {name}, not {fits}")
    require(fits <= there.owing, f"{there.owing} is owing on {there.number}, not {fits}")
    made: list[Any] = []
    for place, share in list(of.shares(tx, fits)):
        if place == key:
            made += tx.change(cls, key, cls.allocate, on, share, of.source)
            continue
        given = tx.change(cls, place, cls.give, share, on, there.number, of.source)
        tx.change(cls, key, cls.receive, *given)
        for each in given:
            made += tx.change(cls, key, cls.allocate, on, each.amount, each.source)
    owing = tx.state(cls, key).owing
    rest = f"{owing} is owing" if owing else "it is settled"
    return [f"{each.amount} to {there.number} is allocation {each.allocation}: {rest}" for each in made]


def pay_back(tx: Transaction, of: Holder, name: str, amount: Amount | None, on: date, bank: str, ref: str) -> list[str]:
    """Money goes back, in one payment: so much, or all that is left."""
    document, left = tx.state(paying.DOCUMENTS[of.kind], of.places[0]), of.left(tx)
    require(left, f"no credit is held at {name}")
    back = left if amount is None else paying.money(amount, left.currency)
    require(back <= left, f"{left} can be refunded, not {back}")
    party = paying.party_of(of.kind, document)
    made = paying.record(tx, party, paying.opposite(paying.outward(party)), back, on, bank, ref)
    told = [
        paying.settle(tx, made.number, f"{of.kind}/{place}", share, on, source=of.source)
        for place, share in list(of.shares(tx, back))
    ]
    return [made.number, *(each for said in told for each in said)]
