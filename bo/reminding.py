"""What the dunning commands do inside a commit: reminders, and invoices over what they charge."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from aggregates.core import FINANCE, require
from aggregates.dunning import Dunned, DunningStop, Policy, Reminded, balances
from aggregates.invoice import Invoice
from aggregates.lines import Line
from aggregates.money import Money
from bo import books, cron, invoicing
from projections import dunnings
from projections.core import Minor, open_views
from store.control import WRITE
from store.errors import NotFound
from store.history import past

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregates.dunning import Counted, LevelSet
    from bo.amounts import Amount
    from projections.dunnings import Late
    from store.ledger import Ledger
    from store.transaction import Transaction

LEVELS = "levels"
ONE = Decimal(1)


def run(ledger: Ledger, on: date) -> Iterator[list[str]]:
    """Remind of every overdue invoice whose next level has come, a commit each.

    Several may run at once: who comes second finds the reminder made.
    """
    jobs = [(each.number, partial(remind, ledger, each, on)) for each in dunnings.late(open_views(ledger), on)]
    yield from filter(None, cron.run(ledger, "reminders", jobs))


def remind(ledger: Ledger, late: Late, on: date, tx: Transaction) -> list[str]:
    """The next reminder, and the invoice over its fee and interest; nothing where none is due."""
    tx.begin(FINANCE)
    dunned, invoice = tx.state(Dunned, late.key), tx.state(Invoice, late.key)
    if not invoice.owing or dunned.disputed or tx.state(DunningStop, invoice.customer).stopped:
        return []
    policy = tx.state(Policy, LEVELS)
    level = policy.due(dunned, (on - late.due).days, on)
    if level is None:
        return []
    since = dunned.charged_to or late.due
    moved = [(each.on, each.by) for each in dunnings.changes(open_views(ledger), late.key)]
    owed = balances(invoice.total.minor, moved, since, on)
    interest = policy.interest(level, owed, on, invoice.currency)
    fee = level.fee if level.fee.currency == invoice.currency else Money(0, invoice.currency)
    charged, *remarks = _charge(ledger, tx, invoice, level, interest, fee, since, on)
    reminded = tx.change(
        Dunned, late.key, Dunned.remind, late.number, level.level, on, invoice.owing, fee, interest, since, charged
    )
    if not ledger.dry_run and tx.people.may(tx.person, WRITE, FINANCE, tx.now):
        tx.attach(Dunned, late.key, [ledger.seal(Dunned, late.key, [_letter(reminded, invoice, late.due)])])
    return [f"{late.number} {level.level}", f"{invoice.customer} owes {invoice.owing} since {late.due}", *remarks]


def _charge(
    ledger: Ledger, tx: Transaction, invoice: Invoice, level: LevelSet, interest: Money, fee: Money, since: date,
    on: date,
) -> list[str]:  # fmt: skip
    """An invoice over what a reminder costs, not subject to tax; its number, "" where it costs nothing."""
    claims = (
        (f"Reminder {level.level} of {invoice.number}", fee, "@fees-income"),
        (f"Interest on {invoice.number} from {since} to {on}", interest, "@interest-income"),
    )
    lines = [
        Line(said, ONE, amount.amount, "O", Decimal(0), account=account) for said, amount, account in claims if amount
    ]
    if not lines:
        return [""]
    drafted, *_ = invoicing.draft(tx, invoice.customer, lines, invoice.currency, invoice.number, invoice.currency)
    number, *_ = invoicing.issue(ledger, tx, drafted, on, None)
    costs = [f"{amount} of {what}" for what, amount in (("fees", fee), ("interest", interest)) if amount]
    return [number, f"{' and '.join(costs)} charged with {number}"]


def _letter(reminded: Reminded, invoice: Invoice, due: date) -> bytes:
    """The reminder as it goes out, as plain text."""
    buyer = invoice.buyer
    address = (buyer.name, buyer.street, f"{buyer.postcode} {buyer.city}".strip(), buyer.country)
    cost = reminded.fee + reminded.interest
    said = [
        invoice.seller.name, "", *filter(None, address), "", f"{reminded.on}", "",
        f"Reminder {reminded.level} of {reminded.invoice}", "",
        f"Our invoice {reminded.invoice} of {invoice.on} was due on {due}.",
        f"{reminded.owing} of {invoice.total} is owing. Please pay it without delay.",
        *([f"Fees and interest of {cost} are charged with {reminded.charged}."] if cost else []),
    ]  # fmt: skip
    return "".join(f"{line}\n" for line in said).encode()


def letter(ledger: Ledger, key: str, level: int | None) -> bytes:
    """The letter of a reminder as it was stored; of the last one without a level. Raises NotFound."""
    ledger.pull()
    stream, refs = f"dunned/{key}", b""
    for leaf, payload in past(ledger, FINANCE, stream):
        for event in payload.events:
            if isinstance(event, Reminded) and level in (None, event.level):
                refs = leaf.refs
    if not refs:
        raise NotFound("there is no such reminder" if level else "there is no reminder of it")
    return b"".join(ledger.document(FINANCE, stream, refs[:32]))


# What is dunned, and how


def set_level(
    ledger: Ledger, tx: Transaction, level: int, after: int, fee: Amount, rate: Decimal, over_basis: bool,
    counted: Counted,
) -> list[str]:  # fmt: skip
    tx.begin(FINANCE)
    amount = Money.of(fee.decimal, fee.currency or books.base(open_views(ledger)))
    tx.change(Policy, LEVELS, Policy.set_level, level, after, amount, rate, over_basis, counted)
    return [str(level)]


class Level(msgspec.Struct):
    level: int
    after: int
    currency: str
    fee: Minor
    rate: Decimal
    over_basis: bool
    counted: str


def levels(ledger: Ledger) -> list[Level]:
    base = books.base(open_views(ledger))
    return [
        Level(
            each.level,
            each.after,
            each.fee.currency or base,
            Minor(each.fee.minor),
            each.rate,
            each.over_basis,
            each.counted,
        )
        for _, each in sorted(ledger.load(Policy, LEVELS).levels.items())
    ]


def dispute(tx: Transaction, key: str, on: date, reason: str) -> list[str]:
    invoice = tx.state(Invoice, key)
    require(invoice.number, "a draft is not in dispute: nobody has it")
    tx.change(Dunned, key, Dunned.dispute, on, reason)
    return [invoice.number, f"{invoice.number} is in dispute: nobody is reminded of it"]


def resolve(tx: Transaction, key: str, on: date, reason: str) -> list[str]:
    tx.change(Dunned, key, Dunned.resolve, on, reason)
    number = tx.state(Invoice, key).number
    return [number, f"{number} is reminded of again"]
