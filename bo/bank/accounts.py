"""Opening bank accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.bank import Bank
from aggregates.core import require
from aggregates.fields import Field, parse
from aggregates.money import digits_of
from aggregates.text import reference
from bo import books
from projections import accounts, banklists
from projections.core import open_views

if TYPE_CHECKING:
    from store.ledger import Ledger


def add(ledger: Ledger, ref: str, name: str, iban: str, number: str, currency: str, account: str) -> list[str]:
    """A bank account, kept in the books on an account of its own: that of the role bank, if not said."""
    views = open_views(ledger)
    chart = books.chart(views)
    kept = chart.open(accounts.find(views, account or "@bank"))
    name_of = f"{kept.number} {kept.name}"
    standing = kept.category in ("asset", "liability")
    require(standing, f"{name_of} is of type {kept.category}: a bank account is an asset or a liability")
    require(not kept.control, f"{name_of} is a control account: a bank has an account of its own")
    code = (currency or kept.currency or books.base(views)).upper()
    digits_of(code)
    require(kept.currency in ("", code), f"{name_of} is in {kept.currency}, not in {code}")
    other = next((each.bank for each in banklists.standing(views) if each.account == kept.number), "")
    said = f"{name_of} is the account of {other}: `bo account add` another, and name it with --account"
    require(other in ("", ref), said)
    plain = str(parse(Field("iban", "iban"), iban)) if iban else ""
    ledger.commit(lambda tx: tx.change(Bank, ref, Bank.open, ref, name or ref, plain, number, code, kept.number))
    return [reference(ref), f"{name_of} in the books, in {code}"]
