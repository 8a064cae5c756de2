"""What a line of a statement can be, as users name it and as rules suggest it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aggregates.core import Refused
from bo.amounts import amount as amount_of
from projections import accounts, bankitems, banklists, references

if TYPE_CHECKING:
    from bo.amounts import Amount
    from projections.bankitems import Item
    from projections.core import Views

POSTED = ("entry", "match")
"""What else moves money on the account of a bank: entries by hand, and lines of another account of ours."""


class Part(NamedTuple):
    """A target as it was named: a document, a party, a payment or an account, perhaps with an amount."""

    kind: str
    key: str
    name: str
    amount: Amount | None
    item: Item | None = None


def named(views: Views, text: str) -> Part:
    """`INV-2026-0001`, `BILL-2026-0002=60.00`, `C-1`, `PAY-2026-0003`, `account/6500` or `@bank-charges`."""
    name, equals, said = text.partition("=")
    try:
        amount = amount_of(said) if equals else None
    except ValueError as no:
        raise Refused(str(no)) from None
    paid = bankitems.payment_of_invoice(views, name)
    if paid:
        return of_item(paid)._replace(amount=amount)
    if name.startswith(("@", "account/")):
        number = accounts.find(views, name.removeprefix("account/"))
        return Part("account", number, number, amount)
    if name.upper().startswith("L-"):
        line = banklists.find(views, name).line
        return Part("match", line, line, amount)
    sent, _, place = name.rpartition("-")
    if place.isdigit() and (batch := references.find(views, f"batch/{sent}")):
        return Part("batch", f"{batch.key}/{place}", name, amount)
    found = references.resolve(views, name, "invoice", "bill", "payment", "customer", "vendor", "entry", "batch")
    return Part("invoice" if found.kind == "draft" else found.kind, found.key, found.ref, amount)


def of_item(item: Item) -> Part:
    kind, _, key = item.target.partition("/")
    if kind in POSTED:
        return Part(kind, key.rpartition("/")[0], item.number, None)
    return Part("paid" if kind == "invoice" and "/" in key else kind, key, item.number, None, item)
