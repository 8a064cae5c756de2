"""What invoices, credit notes and what settles them post."""

from collections.abc import Iterable, Iterator, Sequence

from aggregates.discounting import Part, full, gross, spread
from aggregates.en16931 import Tax
from aggregates.invoice import Credited, Discounted, Issued, Paid, Reinstated, Settling, Voided, WrittenOff
from aggregates.legal import Document
from aggregates.money import Money
from aggregates.posting import Facts, Posting, credit, debit, keeps, posts, tax_code, turned


@keeps("invoice.issued", "invoice.imported")
def document(event: Issued) -> dict[str, str]:
    return {"party": f"customer/{event.customer}", "number": event.number}


@posts("invoice.issued", "invoice.imported", rules=1)
def issued(event: Issued, facts: Facts) -> Iterator[Posting]:
    """The customer owes the total: net to sales, each rate's tax to output tax."""
    yield debit("@receivable", event.total, f"customer/{event.customer}", text=event.number)
    yield from turned(_sales(event))


@posts("invoice.credited", rules=1)
def credited(event: Credited, facts: Facts) -> Iterator[Posting]:
    """A credit note takes back sales and output tax, and what the customer owes; of a discount, its share."""
    yield from _sales(event, event.discounted)
    back = gross(event.discounted, event.currency)
    yield from turned(_lost("@discount", back, event.discounted, event.discounted_parts))
    yield credit("@receivable", event.total, f"customer/{event.customer}", text=event.number)


@posts("invoice.paid", rules=1)
def paid(event: Paid, facts: Facts) -> Iterator[Posting]:
    """Money came in: to the bank, and off what the customer owes."""
    yield debit("@bank", event.amount, text=event.ref)
    yield credit("@receivable", event.amount, facts.party, text=event.payment)


@posts("invoice.voided", rules=1)
def voided(event: Voided, facts: Facts) -> tuple[Posting, ...]:
    """A void invoice was never delivered: its entry is taken back, line by line."""
    return turned(facts.posted())


@posts("invoice.written_off", rules=1)
def written_off(event: WrittenOff, facts: Facts) -> Iterator[Posting]:
    """What will not be paid is a loss: to bad debts, its relief to output tax, and off what the customer owes."""
    yield from _lost("@rounding" if event.small else "@bad-debt", event.amount, event.taxes)
    yield credit("@receivable", event.amount, facts.party, text=facts.number)


@posts("invoice.discounted", rules=1)
def discounted(event: Discounted, facts: Facts) -> Iterator[Posting]:
    """A discount taken lessens what was sold for: net to discounts, its tax to output tax, off what is owed."""
    yield from _lost("@discount", event.amount, event.taxes, event.parts)
    yield credit("@receivable", event.amount, facts.party, text=facts.number)


@posts("invoice.reinstated", rules=1)
def reinstated(event: Reinstated, facts: Facts) -> tuple[Posting, ...]:
    """A write-off or discount that was taken back: its entry, with debit and credit exchanged."""
    was = event.was
    return turned(discounted(was, facts) if isinstance(was, Discounted) else written_off(was, facts))


@posts("invoice.allocated", "invoice.unallocated", "invoice.given", "invoice.received", rules=1)
def settled(event: Settling, facts: Facts) -> tuple[Posting, ...]:
    """No entry: which of a customer's credits settles which invoice changes nothing he owes in all."""
    return ()


def _sales(event: Document, discounted: Sequence[Tax] = ()) -> Iterator[Posting]:
    """Net and tax of each category and rate, as debits; a line with an account or dimensions of its own by itself.

    All at full price: what a credit note gives back of a discount is posted beside it.
    """
    elsewhere = [each for each in event.lines if each.account or each.dimensions]
    for line in elsewhere:
        code = tax_code(line.category, line.rate)
        yield Posting(line.account or "@sales", line.net, tax=code, dimensions=line.dimensions)
    for each in full(event.taxes, discounted):
        code = tax_code(each.category, each.rate)
        moved = (line.net for line in elsewhere if (line.category, line.rate) == (each.category, each.rate))
        yield debit("@sales", sum((-net for net in moved), each.basis), tax=code)
        yield debit("@output-tax", each.amount, tax=code)


def _lost(account: str, amount: Money, taxes: Iterable[Tax], parts: Sequence[Part] = ()) -> Iterator[Posting]:
    """A part of a document's total, net of the tax that goes with it, by the dimensions that it bears."""
    rest = amount
    for each in taxes:
        code = tax_code(each.category, each.rate)
        for basis, dimensions in spread(each, parts):
            yield Posting(account, basis, tax=code, dimensions=dimensions)
        yield debit("@output-tax", each.amount, tax=code)
        rest -= each.basis + each.amount
    yield debit(account, rest)
