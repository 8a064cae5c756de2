"""Money that goes from one account of ours to another, in another currency perhaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.bank import Bank
from aggregates.core import FINANCE, require
from aggregates.legal import fitted
from aggregates.money import ZERO, Money
from aggregates.posting import Posting, credit, debit
from aggregates.rate import worth
from bo import books, journaling
from bo.invoicing import fitting
from projections import accounts
from projections.core import open_views
from projections.quotes import pairs, rate_of

if TYPE_CHECKING:
    from datetime import date

    from bo.amounts import Amount
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction


def transfer(
    ledger: Ledger, tx: Transaction, source: str, to: str, amount: Amount, arrives: Amount | None, fee: Amount | None,
    on: date, text: str,
) -> list[str]:  # fmt: skip
    """One entry on both accounts; what is exchanged goes over the account of that role, a fee to bank charges."""
    tx.begin(FINANCE)
    require(source != to, f"{source} is one account: a transfer goes to another")
    one, other = tx.state(Bank, source), tx.state(Bank, to)
    one.require_open(source)
    other.require_open(to)
    same = one.currency == other.currency
    both = f"{source} and {to} are both in {one.currency}: all that leaves arrives, and a fee goes with --fee"
    require(same or arrives, f"{to} is in {other.currency}: say with --arrives how much of it comes there")
    require(not same or arrives is None, both)
    out = _positive("a transfer", amount, one.currency, source)
    into = out if arrives is None else _positive("a transfer", arrives, other.currency, to)
    charges = ZERO if fee is None else _positive("a fee", fee, one.currency, source)
    views = open_views(ledger)
    lines = _lines(views, one.account, other.account, out, into, charges)
    said = journaling.add(ledger, tx, on, text or f"Transfer from {source} to {to}", lines, (), "normal", None)
    return said if same else [*said, *_gained(views, out, into, on)]


def _positive(what: str, amount: Amount, currency: str, bank: str) -> Money:
    money = fitted(fitting(amount), currency, bank)
    require(money > ZERO, f"{what} is more than zero, not {money}")
    return money


def _lines(views: Views, source: str, to: str, out: Money, into: Money, charges: Money) -> tuple[Posting, ...]:
    exchange, fees = (accounts.find(views, role) for role in ("@exchange", "@bank-charges"))
    exchanged = (debit(exchange, out), credit(exchange, into)) if out.currency != into.currency else ()
    charged = (debit(fees, charges), credit(source, charges)) if charges else ()
    return (credit(source, out), *exchanged, debit(to, into), *charged)


def _gained(views: Views, out: Money, into: Money, on: date) -> list[str]:
    """What the exchange brings or costs, measured at the rates of the day, as the books will."""
    own, quoted = books.base(views), pairs(views)
    values = []
    for each in (out, into):
        rate = None if each.currency == own else rate_of(views, each.currency, own, str(on), quoted)
        if each.currency != own and rate is None:
            how = f"`bo rate add {each.currency} RATE --on {on}`"
            return [f"{each.currency} has no rate on {on} or before: what it gains or loses is known after {how}"]
        values.append(worth(each.minor, each.currency, own, rate.rate) if rate else each.minor)
    more = Money(values[1] - values[0], own)
    return [f"{abs(more)} {'gained' if more > ZERO else 'lost'} against the rates of the day"] if more else []
