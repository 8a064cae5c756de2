"""Opening, correcting and closing bank accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.bank import Bank, Changed
from aggregates.core import require
from aggregates.fields import Field, parse
from aggregates.money import Money, digits_of
from aggregates.text import reference
from bo import books
from projections import accounts, banklists
from projections.core import open_views

if TYPE_CHECKING:
    from datetime import date

    from aggregates.chart import Definition
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction


def add(ledger: Ledger, ref: str, name: str, iban: str, number: str, currency: str, account: str) -> list[str]:
    """A bank account, kept in the books on an account of its own: that of the role bank, if not said."""
    views = open_views(ledger)
    kept = _kept(views, ref, account or "@bank", currency)
    code = (currency or kept.currency or books.base(views)).upper()
    digits_of(code)
    ledger.commit(lambda tx: tx.change(Bank, ref, Bank.open, ref, name or ref, _iban(iban), number, code, kept.number))
    return [reference(ref), f"{kept.number} {kept.name} in the books, in {code}"]


def change(
    ledger: Ledger, ref: str, name: str | None, iban: str | None, number: str | None, account: str | None, reason: str
) -> list[str]:
    """What is not given stays."""
    views = open_views(ledger)
    old = ledger.load(Bank, ref)
    kept = _kept(views, ref, account, old.currency).number if account else old.account
    given = _iban(iban) if iban is not None else "" if number else old.iban
    other = number if number is not None else "" if iban else old.number
    used = banklists.has_lines(views, ref)

    def work(tx: Transaction) -> tuple[Changed, ...]:
        return tx.change(
            Bank, ref, Bank.change, ref, old.name if name is None else name, given, other, kept, used, reason
        )

    return [ref] if ledger.commit(work) else [ref, f"{ref} says so already: nothing changes"]


def close(ledger: Ledger, ref: str, on: date, force: bool, reason: str) -> list[str]:
    """An account that is settled: nothing to match, and nothing on it."""
    views = open_views(ledger)
    [standing] = [each for each in banklists.standing(views) if each.bank == ref]
    left = [f"{standing.open} line{'' if standing.open == 1 else 's'} to match"] if standing.open else []
    for what, minor in (("at the bank", standing.statement), ("in the books", banklists.booked(views, ref))):
        left += [f"{Money(minor, standing.currency)} {what}"] if minor else []
    closed = ledger.commit(lambda tx: tx.change(Bank, ref, Bank.close, ref, on, ", ".join(left), force, reason))
    return [ref, *([f"closed with {closed.left}"] if closed.left else [])]


def reopen(ledger: Ledger, ref: str, reason: str) -> list[str]:
    ledger.commit(lambda tx: tx.change(Bank, ref, Bank.reopen, ref, reason))
    return [ref]


def _kept(views: Views, ref: str, account: str, currency: str) -> Definition:
    """The account of the books, which no other bank has."""
    kept = books.chart(views).open(accounts.find(views, account))
    name_of = f"{kept.number} {kept.name}"
    standing = kept.category in ("asset", "liability")
    require(standing, f"{name_of} is of type {kept.category}: a bank account is an asset or a liability")
    require(not kept.control, f"{name_of} is a control account: a bank has an account of its own")
    code = (currency or kept.currency).upper()
    require(kept.currency in ("", code), f"{name_of} is in {kept.currency}, not in {code}")
    other = next((each.ref for each in banklists.accounts_of(views) if each.account == kept.number), "")
    said = f"{name_of} is the account of {other}: `bo account add` another, and name it with --account"
    require(other in ("", ref), said)
    return kept


def _iban(text: str) -> str:
    return str(parse(Field("iban", "iban"), text)) if text else ""
