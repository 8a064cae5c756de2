"""What bills, vendors' credit notes and payments post."""

from collections.abc import Iterable, Iterator, Sequence

from aggregates.bill import Added, Credited, Discounted, Edited, Reinstated, Settling, Tolerated, Voided
from aggregates.bill_lines import owed_taxes
from aggregates.discounting import Part, charged, full, spread
from aggregates.en16931 import Tax
from aggregates.en16931 import added as added_up
from aggregates.lines import Line
from aggregates.money import Money
from aggregates.payment import Allocated, Recorded, Unallocated
from aggregates.payment import Voided as PaymentVoided
from aggregates.posting import Facts, Posting, credit, debit, keeps, posts, tax_code, turned

CONTROL = {"vendor": "@payable", "customer": "@receivable", "": "@suspense"}
"""Where a payment goes, by the kind of its party; what is of nobody waits."""


@keeps("bill.added")
def bill(event: Added) -> dict[str, str]:
    return {"party": f"vendor/{event.vendor}", "number": event.number, "currency": event.currency}


@posts("bill.added", rules=1)
def added(event: Added, facts: Facts) -> Iterator[Posting]:
    """We owe the vendor the total: each line to its account, else to purchases, tax to input tax.

    Under reverse charge we owe the tax ourselves, and deduct it.
    """
    yield from _costs(event.lines, event.taxes, event.currency)
    yield credit("@payable", event.total, f"vendor/{event.vendor}", text=event.number)


@posts("bill.edited", rules=1)
def edited(event: Edited, facts: Facts) -> Iterator[Posting]:
    """A change of a bill: by how much each account's part of it, and what we owe, is more or less than before."""
    grown: dict[tuple[str, str, tuple[str, ...]], Money] = {}
    was = _costs(event.was, event.was_taxes, event.currency)
    for each in (*turned(was), *_costs(event.lines, event.taxes, event.currency)):
        place = each.account, each.tax, each.dimensions
        grown[place] = grown.get(place, Money(0, event.currency)) + each.amount
    for (account, tax, dimensions), amount in grown.items():
        yield Posting(account, amount, tax=tax, dimensions=dimensions)
    yield credit("@payable", added_up(grown.values(), event.currency), facts.party, text=facts.number)


@posts("bill.credited", rules=1)
def credited(event: Credited, facts: Facts) -> Iterator[Posting]:
    """A vendor's credit note takes back cost and input tax, and what we owe; of a discount, its share."""
    yield debit("@payable", event.total, facts.party, text=event.number)
    yield from turned(_costs(event.lines, full(event.taxes, event.discounted), event.currency))
    yield from turned(_deducted(event.discounted, event.discounted_parts))


@posts("bill.discounted", rules=1)
def discounted(event: Discounted, facts: Facts) -> Iterator[Posting]:
    """A discount taken lessens what was bought for: net to discounts, its tax off input tax, off what we owe."""
    yield debit("@payable", event.amount, facts.party, text=facts.number)
    yield from _deducted(event.taxes, event.parts)


@posts("bill.tolerated", rules=1)
def tolerated(event: Tolerated, facts: Facts) -> Iterator[Posting]:
    """A small difference that nobody asks for: to rounding, off what we owe."""
    yield debit("@payable", event.amount, facts.party, text=facts.number)
    yield credit("@rounding", event.amount)


@posts("bill.reinstated", rules=1)
def reinstated(event: Reinstated, facts: Facts) -> tuple[Posting, ...]:
    """A discount or difference that was taken back: its entry, with debit and credit exchanged."""
    was = event.was
    return turned(discounted(was, facts) if isinstance(was, Discounted) else tolerated(was, facts))


@posts("bill.voided", rules=1)
def voided(event: Voided, facts: Facts) -> Iterator[Posting]:
    """A void bill should not have been entered: what it says is taken back, line by line."""
    yield debit("@payable", event.amount, facts.party, text=facts.number)
    yield from turned(_costs(event.lines, event.taxes, event.amount.currency))


@posts("bill.allocated", "bill.unallocated", "bill.given", "bill.received", rules=1)
def settled(event: Settling, facts: Facts) -> tuple[Posting, ...]:
    """No entry: which of our credits with a vendor settles which bill changes nothing we owe in all."""
    return ()


@posts("payment.recorded", rules=1)
def paid(event: Recorded, facts: Facts) -> tuple[Posting, ...]:
    """Money through the bank, against what the party owes or is owed; what is of nobody yet waits on suspense."""
    moved, account = event.at_bank or event.amount, CONTROL[event.party.partition("/")[0]]
    postings = (
        debit(event.bank, moved, text=event.ref),
        credit(account, event.amount, event.party, text=event.number),
    )
    return postings if event.direction == "in" else turned(postings)


@posts("payment.voided", rules=1)
def unpaid(event: PaymentVoided, facts: Facts) -> tuple[Posting, ...]:
    """A void payment never took place: its entry is taken back, line by line."""
    return turned(facts.posted())


@posts("payment.allocated", "payment.unallocated", rules=1)
def meant(event: Allocated | Unallocated, facts: Facts) -> tuple[Posting, ...]:
    """No entry: what a payment settles changes nothing that is owed in all."""
    return ()


def _deducted(taxes: Iterable[Tax], parts: Sequence[Part]) -> Iterator[Posting]:
    """What a discount takes off costs and input tax, as credits; where we owe the tax, off that too."""
    for each in taxes:
        code = tax_code(each.category, each.rate)
        for basis, dimensions in spread(each, parts):
            yield Posting("@discount-received", -basis, tax=code, dimensions=dimensions)
        yield credit("@input-tax", each.amount, tax=code)
        yield debit("@output-tax", each.amount - charged(each), tax=code)


def _costs(lines: Sequence[Line], taxes: Iterable[Tax], currency: str) -> Iterator[Posting]:
    """Net of each account, tax code and set of dimensions, and the taxes, as debits."""
    nets: dict[tuple[str, str, tuple[str, ...]], Money] = {}
    for each in lines:
        place = each.account or "@purchases", tax_code(each.category, each.owed or each.rate), each.dimensions
        nets[place] = nets.get(place, Money(0, currency)) + each.net
    for (account, code, dimensions), net in nets.items():
        yield Posting(account, net, tax=code, dimensions=dimensions)
    for tax in taxes:
        yield debit("@input-tax", tax.amount, tax=tax_code(tax.category, tax.rate))
    for category, rate, amount in owed_taxes(lines, currency):
        yield debit("@input-tax", amount, tax=tax_code(category, rate))
        yield credit("@output-tax", amount, tax=tax_code(category, rate))
