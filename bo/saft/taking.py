"""What an audit file says, as accounts, parties and entries of ours; its own totals are checked."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from aggregates.chart import TYPES, Definition
from aggregates.core import Refused, require
from aggregates.money import Money, digits_of, exact
from aggregates.posting import Posting
from bo.bank.xml import Node
from bo.dates import Period
from bo.saft.reading import parts
from bo.saft.taxtable import TaxTable

if TYPE_CHECKING:
    from typing import BinaryIO

    from bo.adopting import Adoption

PARTIES = {"Customer": "customer", "Supplier": "vendor"}
_FIELDS = {
    "name": "Name", "street": "Address/StreetName", "postcode": "Address/PostalCode", "city": "Address/City",
    "country": "Address/Country", "email": "Contact/Email", "iban": "BankAccount/IBANNumber",
}  # fmt: skip
_OTHER = re.compile("[^a-z0-9]+")


class Taking:
    """One file on its way into the books."""

    def __init__(self, into: Adoption) -> None:
        self.into, self.currency = into, into.base
        self.period: Period | None = None
        self.opening: dict[str, Money] = {}
        self.closing: dict[str, tuple[int, Money]] = {}
        self.parties: dict[tuple[str, str], Money] = {}
        self.dimensions: dict[str, str] = {}
        self.taxes = TaxTable()
        self.moved: Counter[str] = Counter()
        self.said: dict[str, tuple[int, Decimal]] = {}
        self.sums = dict.fromkeys(("NumberOfEntries", "TotalDebit", "TotalCredit"), Decimal(0))
        self._open = False

    def read(self, file: BinaryIO) -> None:
        """Hand over all that the file says; what is wrong with it is found."""
        takes = {
            "Header": self._header, "Account": self._account, "Customer": self._party, "Supplier": self._party,
            "TaxTableEntry": self._tax, "AnalysisTypeTableEntry": self._analysis, "Transaction": self._transaction,
        }  # fmt: skip
        for node in parts(file):
            take = takes.get(node.name, self._total)
            try:
                take(node)
            except Refused as no:
                self.into.wrong(node.line, node.name, _name(node), str(no))
        require(self.period or self.into.findings.errors, "this is no SAF-T file: it has no header")
        self._post_opening()
        for code in self.taxes.definitions():
            self.into.tax_code(*code)
        self._check()

    def _header(self, node: Node) -> None:
        self.currency = node.said("DefaultCurrencyCode")
        digits_of(self.currency)
        if self.currency != self.into.base:
            self.into.odd(node.line, "currency", self.currency, f"the ledger's own currency is {self.into.base}")
        self.taxes.ours = node.said("SoftwareID") == "bo"
        self.period = _period(node)

    def _account(self, node: Node) -> None:
        number = node.said("AccountID")
        self.into.account(node.line, Definition(number, node.said("AccountDescription") or number, _type(node)))
        self.opening[number] = self._balance(node, "Opening")
        self.closing[number] = node.line, self._balance(node, "Closing")

    def _party(self, node: Node) -> None:
        ref = node.said("CustomerID", "SupplierID")
        values = {field: node.said(path) for field, path in _FIELDS.items()}
        stream = self.into.party(node.line, PARTIES[node.name], ref, values)
        for each in [node, *node.all("BalanceAccount")]:
            if account := each.said("AccountID"):
                self.parties[account, stream] = self._balance(each, "Opening")

    def _tax(self, node: Node) -> None:
        for each in node.all("TaxCodeDetails"):
            self.taxes.add(each)

    def _analysis(self, node: Node) -> None:
        kind, described = node.said("AnalysisType"), node.said("AnalysisTypeDescription")
        name = self.dimensions.setdefault(kind, _slug(described) or f"analysis-{_slug(kind)}")
        self.into.dimension(node.line, name, node.said("AnalysisID"), node.said("AnalysisIDDescription"))

    def _total(self, node: Node) -> None:
        self.said[node.name] = node.line, exact(node.text)

    def _post_opening(self) -> None:
        """What stood on each account before the period, told apart by party where the file does."""
        if self._open or self.period is None:
            return
        self._open = True
        lines = []
        for number, amount in self.opening.items():
            known = {party: own for (account, party), own in self.parties.items() if account == number}
            rest = amount - sum(known.values(), Money(0, self.currency))
            if known and rest:
                line, told = self.closing[number][0], amount - rest
                rule = f"its parties' opening balances come to {told}, its own is {amount}: the rest has no party"
                self.into.odd(line, "account", number, rule)
            lines += [Posting(number, own, party) for party, own in known.items() if own]
            lines += [Posting(number, rest)] if rest else []
        if lines:
            line = next(line for line, _ in self.closing.values())
            for code, minor in self.into.opening(line, self.period.first - timedelta(1), lines).items():
                rule = f"opening balances come to {Money(minor, code)}, not zero: that stands on opening balances"
                self.into.odd(line, "account", "", rule)

    def _transaction(self, node: Node) -> None:
        self._post_opening()
        lines = [self._line(each, node) for each in node.all("Line")]
        self.sums["NumberOfEntries"] += 1
        said = ": ".join(filter(None, (node.said("TransactionID"), node.said("Description"))))
        if self.into.entry(node.line, _day(node), said, [each for each in lines if each.amount]):
            for each in lines:
                self.moved[each.account] += each.amount.minor

    def _line(self, node: Node, whole: Node) -> Posting:
        side = node.find("DebitAmount", "CreditAmount")
        if side is None:
            raise Refused(f"line {node.said('RecordID')} has neither a debit nor a credit")
        debit = side.name == "DebitAmount"
        number = exact(side.said("Amount"))
        self.sums["TotalDebit" if debit else "TotalCredit"] += number
        amount = Money.of(number if debit else -number, self.currency)
        code = side.said("CurrencyCode")
        if code and code != self.currency:
            rule = f"it is taken over as {abs(amount)}"
            self.into.odd(node.line, "currency", f"{side.said('CurrencyAmount')} {code}", rule)
        customer, vendor = node.said("CustomerID"), node.said("SupplierID")
        party = f"customer/{customer}" if customer else f"vendor/{vendor}" if vendor else ""
        text = node.said("Description")
        return Posting(
            node.said("AccountID"), amount, party, self.taxes.name(node.said("TaxInformation/TaxCode"))[:16],
            "" if text == whole.said("Description") else text, tuple(map(self._dimension, node.all("Analysis"))),
        )  # fmt: skip

    def _dimension(self, node: Node) -> str:
        kind = node.said("AnalysisType")
        require(kind in self.dimensions, f"the file does not say what the analysis {kind} is")
        return f"{self.dimensions[kind]}={node.said('AnalysisID')}"

    def _check(self) -> None:
        """The file's own totals must be those of its lines; a closing balance that does not follow is told."""
        for name, (line, total) in self.said.items():
            if total != self.sums[name]:
                rule = f"the file says {total:f}, its transactions {self.sums[name]:f}"
                self.into.wrong(line, name, f"{total:f}", rule)
        if self.into.findings.errors:
            return  # what is missing for that reason would be told again
        for number, (line, told) in self.closing.items():
            found = Money(self.opening[number].minor + self.moved[number], self.currency)
            if told != found:
                rule = f"its closing balance is given as {told}; opening balance and transactions give {found}"
                self.into.odd(line, "account", number, rule)

    def _balance(self, node: Node, when: str) -> Money:
        debit, credit = node.said(f"{when}DebitBalance"), node.said(f"{when}CreditBalance")
        return Money.of(exact(debit or "0") - exact(credit or "0"), self.currency)


def _period(header: Node) -> Period:
    first, last = header.said("SelectionCriteria/SelectionStartDate"), header.said("SelectionCriteria/SelectionEndDate")
    if first and last:
        return Period(_date(first), _date(last))
    start, start_year, end, end_year = (
        header.said(f"SelectionCriteria/Period{name}") for name in ("Start", "StartYear", "End", "EndYear")
    )
    given = all(each.isdigit() for each in (start, start_year, end, end_year))
    require(given, "the header does not say for which period the file is")
    month, year = min(int(end), 12), int(end_year)
    try:
        return Period(date(int(start_year), min(int(start), 12), 1), date(year, month, monthrange(year, month)[1]))
    except ValueError:
        raise Refused("the period in the header is none") from None


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Refused(f"{text!r} is no date") from None


def _day(node: Node) -> date:
    """The day an entry counts for: that of the document if it lies in the period it was booked in."""
    on = _date(node.said("TransactionDate"))
    booked = node.said("GLPostingDate")
    period, year = node.said("Period"), node.said("PeriodYear")
    for each in (on, _date(booked)) if booked else (on,):
        if period.isdigit() and year.isdigit() and (each.month, each.year) == (int(period), int(year)):
            return each
    return on


def _type(node: Node) -> str:
    """What an account is. A file says it by its place in the standard chart NS 4102, or not at all."""
    if node.said("GroupingCategory") in TYPES:
        return node.said("GroupingCategory")
    codes = (node.said("StandardAccountID", "GroupingCode"), node.said("AccountID"))
    code = next((each for each in codes if each[:1].isdigit()), "")
    if code[:1] == "1":
        return "asset"
    if code[:1] == "2":
        return "equity" if code[1:2] == "0" else "liability"
    if code[:1] in ("4", "5", "6", "7"):
        return "expense"
    if code[:1] == "3" or code[:2] == "80":
        return "income"
    if code[:1] == "8":
        return "equity" if code[:2] in ("88", "89") else "expense"
    raise Refused(f"nothing says what kind of account {node.said('AccountID')} is")


def _slug(text: str) -> str:
    """A name as dimensions have it: `cost-centre`."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return _OTHER.sub("-", plain).strip("-")[:31].strip("-") if len(plain) > 1 else plain


def _name(node: Node) -> str:
    return node.said("AccountID", "CustomerID", "SupplierID", "TransactionID", "AnalysisID") or node.text
