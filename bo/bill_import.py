"""Taking over bills from a file, with the payments that settled them: read and check all, then record."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from aggregates.bill import Added, Bill
from aggregates.bill_lines import bill_line_of
from aggregates.billref import BillRef
from aggregates.core import FINANCE, SALES, replace, require
from aggregates.fields import Field
from aggregates.legal import Party, fitted
from aggregates.lines import Line
from aggregates.money import ZERO, Money, exact
from aggregates.record import Record, check
from aggregates.text import reference, shown
from bo import otherwise, paying, purchasing, records
from bo.books import chart, late, number
from bo.debris import cleaned
from bo.invoice_import import Import, day, encode, offer, total
from bo.payments import bank_account
from projections import bills, references

if TYPE_CHECKING:
    from aggregates.payment import Direction
    from store.ledger import Ledger
    from store.transaction import Transaction

TOLD = ("name", "email", "phone", "street", "city", "postcode", "country", "vat_id", "iban")
"""What a file may tell of vendors that are new."""


class Ready(msgspec.Struct):
    """A checked bill without its number, and the payment that settles it."""

    bill: Added
    paid: date | None = None
    payment: str = ""
    paid_amount: Money = ZERO


class Vendor(msgspec.Struct):
    ref: str
    currency: str
    terms: int = 30
    fields: dict[str, Any] = {}


class BillImport(Import):
    """A bill is told from others by its vendor and the number that the vendor gave it."""

    noun: ClassVar[str] = "bill"
    head: ClassVar[tuple[Field, ...]] = (
        *(Field(name, required=True) for name in ("vendor", "ref")),
        Field("on", "date", required=True),
        *(Field(*each) for each in (("due", "date"), ("booked", "date"), ("paid", "date"), ("payment", "text"))),
        Field("paid_amount", "money"),
        Field("discount_terms"),
        Field("currency", "currency"),
        Field("terms", "integer"),
        Field("total", "money"),
        Field("text"),
        *(Field(name) for name in TOLD),
    )
    line: ClassVar[tuple[Field, ...]] = (
        Field("description", required=True),
        Field("tax", required=True),
        *(Field(name, "decimal") for name in ("amount", "quantity", "price")),
        Field("account"),
        Field("dimensions"),
    )
    shape: ClassVar[type[Any]] = Ready

    def __init__(self, ledger: Ledger, file: str, map_name: str | None, bank: str, add_vendors: bool) -> None:
        super().__init__(ledger, file, None, map_name, renumber=False)
        self.add_vendors, self.bank = add_vendors, bank_account(ledger, bank)
        self.there = lru_cache(maxsize=20_000)(self._there)
        self.account = lru_cache(maxsize=1_000)(chart(self.views).open)
        self.kind = records.kind_named(ledger, "vendor")
        self.new: dict[str, Vendor] = {}
        """Vendors that are made with their first bill. Each row may tell more of them."""
        self.notes: list[str] = []
        self.paid = 0

    def run(self, accept_valid: bool, save_as: str = "") -> list[str]:
        result, *remarks = super().run(accept_valid, save_as)
        many = "" if len(self.new) == 1 else "s"
        made = {f"{self.paid} paid": self.paid, f"{len(self.new)} vendor{many} added": len(self.new)}
        return [result, *(told for told, many in made.items() if many), *remarks]

    # Checking

    def _name(self, texts: dict[str, str]) -> str:
        return BillRef.name(texts["vendor"], texts["ref"]) if texts["ref"] else ""

    def _line(self, at: int, texts: dict[str, str]) -> Line:
        return replace(self._bought(at, texts), dimensions=self.tags(texts.get("dimensions", "")))

    def _bought(self, at: int, texts: dict[str, str]) -> Line:
        """A line by quantity and price, or by its net amount alone."""
        description, tax, account = texts["description"] or texts["ref"], texts["tax"], texts.get("account", "")
        if account:
            account = self.account(account).number
        amount = texts.get("amount", "")
        if not amount:
            quantity, price = texts.get("quantity", ""), texts.get("price", "")
            require(quantity and price, "a line has an amount, or a quantity and a price")
            return bill_line_of(description, quantity, price, tax, account)
        currency = texts.get("currency", "").upper() or self._vendor(texts).currency
        net, odd = cleaned(amount, currency, bool(self.map and self.map.debris))
        if odd:
            self.sheet.findings.add(at, "amount", amount, odd, "warning")
            self.notes.append(f"The file says {amount}.")
        return bill_line_of(description, "-1" if net < ZERO else "1", f"{abs(net).amount:f}", tax, account)

    def _take(self, head: dict[str, str], lines: list[Line] | None) -> str:
        notes = " ".join((head.get("text", ""), *self.notes)).strip()
        self.notes.clear()
        if lines is None:
            return ""
        vendor = self._vendor(head)
        on, due, paid = (day(head, name) for name in ("on", "due", "paid"))
        require(on, f"{head['ref']} has no date")
        currency = head.get("currency", "").upper() or vendor.currency
        terms = int(exact(head["terms"])) if head.get("terms") else vendor.terms
        event = Bill().add(
            "", vendor.ref, head["ref"], on or date.min, lines, currency, Party(""), "", due, terms,
            day(head, "booked"), notes, total(head.get("total", ""), currency), offer(head, on),
        )  # fmt: skip
        amount = _paid(event, paid, head.get("paid_amount", ""))
        here = bills.known(self.views, vendor.ref, event.ref)
        if here is not None:
            other = otherwise.of_bill(here, event)
            require(not other, f"{event.ref} of {vendor.ref} is {here.number} already, and says otherwise: {other}")
            self.known += 1
            told = otherwise.stays(here, event, bool(due or head.get("terms")), paid, amount)
            return f"{here.number} is here already, and stays as it is: {told}" if told else ""
        self.sums[currency] += event.total.minor
        self.paid += paid is not None
        self.ready.append(encode(Ready(event, paid, head.get("payment", ""), amount)))
        return ""

    def _vendor(self, texts: dict[str, str]) -> Vendor:
        """The vendor of a row, who may be new with it."""
        ref = texts["vendor"]
        require(ref, "a bill is of a vendor")
        known = self.new.get(ref) or self.there(ref)
        if known is None:
            advice = "add him first, or with --add-vendors all that are new"
            require(self.add_vendors, f"there is no vendor {shown(ref)}: {advice}")
            known = self.new[ref] = Vendor(reference(ref), texts.get("currency", "").upper() or self.currency)
        if ref in self.new:
            told = {name: texts[name] for name in TOLD if texts.get(name) and name not in known.fields}
            values, problems = check(self.kind, told, currency=known.currency, new=False) if told else ({}, [])
            require(not problems, "; ".join(problem.rule for problem in problems))
            known.fields |= values
        return known

    def _there(self, ref: str) -> Vendor | None:
        found = references.find(self.views, f"vendor/{ref}")
        if found is None:
            return None
        require(not found.erased, f"{ref} was erased: there is nobody to pay")
        record = self.ledger.load(Record, found.stream, SALES)
        if record.into:
            record = self.ledger.load(Record, record.into, SALES)
        return Vendor(record.ref, str(record.fields.get("currency", self.currency)), purchasing.terms(record))

    # Recording

    def _named(self, event: Ready) -> str:
        return f"{event.bill.ref} of {event.bill.vendor}"

    def _append(self, tx: Transaction, batch: list[Ready]) -> int:
        """One commit; how many somebody else has recorded meanwhile."""
        tx.begin(FINANCE)
        there = 0
        for each in batch:
            event, claimed = each.bill, BillRef.name(each.bill.vendor, each.bill.ref)
            if tx.state(BillRef, claimed).bill:
                there += 1
                continue
            require(
                not (each.paid and paying.approval_needed(tx)),
                f"{event.ref} of {event.vendor} is said to be paid, and bills are approved here before they are:"
                " import it without `paid`, then approve and pay it",
            )
            record = self._record_of(tx, event.vendor)
            ours = number(tx, "BILL")
            purchasing.claim(tx, event.vendor, event.ref, ours)
            booked = event.booked or late(tx, "purchases", event.on)
            seller = purchasing.party(record)
            paid = self._pay(tx, each, each.paid) if each.paid else ""  # comes first: known when the bill is settled
            tx.append(Bill, ours, replace(event, number=ours, seller=seller, by=tx.person, booked=booked))
            if each.paid:
                paying.settle(tx, paid, f"bill/{ours}", each.paid_amount, each.paid)
        return there

    def _pay(self, tx: Transaction, ready: Ready, on: date) -> str:
        """The number of the payment of a bill, or of what came back for a credit note."""
        bill = ready.bill
        way: Direction = "out" if bill.total > ZERO else "in"
        ref = ready.payment or bill.ref
        return paying.record(tx, f"vendor/{bill.vendor}", way, ready.paid_amount, on, self.bank, ref).number

    def _record_of(self, tx: Transaction, ref: str) -> Record:
        new = self.new.get(ref)
        if new is not None and not tx.state(Record, f"vendor/{ref}", SALES).ref:
            fields = {"name": ref, "currency": new.currency, **new.fields}
            tx.change(Record, f"vendor/{ref}", Record.add, self.kind, ref, fields, compartment=SALES)
        return purchasing.vendor_record(tx, ref)


def _paid(bill: Added, on: date | None, said: str) -> Money:
    """What was paid of a bill: all of it, if the file says no amount and nothing could be deducted."""
    whole = abs(bill.total)
    require(on or not said, f"{bill.ref} was paid in part: say on which day")
    stated = total(said, bill.currency)
    if stated is not None:
        amount = fitted(stated, bill.currency, bill.ref)
        require(ZERO < amount <= whole, f"{bill.ref} comes to {whole}: {amount} cannot be what was paid of it")
        return amount
    early = on and bill.discount and on <= bill.discount.until
    require(not early, f"{bill.ref} was paid while a discount was offered: say with paid_amount how much")
    return whole
