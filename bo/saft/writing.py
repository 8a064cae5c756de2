"""The books as an audit file, version 1.10 or 1.30, piece by piece."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from aggregates.core import require
from bo import __version__, books, exporting
from bo.clock import today
from bo.saft.elements import CODE, LONG, LONGER, MIDDLE, SHORT, around, element
from bo.saft.taxes import Taxes
from projections import accounts, auditfile, dimensions, directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bo.dates import Period
    from projections.auditfile import Balance, Entry, Line
    from projections.core import Views

SPACE = "urn:StandardAuditFile-Taxation-Financial:NO"


class Company(NamedTuple):
    registration: str
    contact: str


class File:
    """One audit file of a period. Amounts are in the ledger's own currency, foreign ones beside them."""

    def __init__(self, views: Views, period: Period, version: str, company: Company) -> None:
        self.views, self.period, self.version, self.company = views, period, version, company
        self.base = books.base(views)
        require(views.digits(self.base) <= 2, f"the schema has two decimals, {self.base} has {views.digits(self.base)}")
        lacking = auditfile.unrated(views, period.last)
        require(not lacking, f"{lacking} has an amount without a rate to {self.base}, and the file needs its value")
        self.known = accounts.known(views)
        self.taxes = Taxes(views, period, version, self.base)
        self.dimensions = {name: f"D{at}" for at, name in enumerate(sorted(self._tags()), 1)}

    def pieces(self) -> Iterator[str]:
        yield f'<?xml version="1.0" encoding="UTF-8"?>\n<AuditFile xmlns="{SPACE}">\n'
        yield f"{self._header()}\n<MasterFiles>\n"
        yield from self._accounts()
        yield from self._parties("Customers", "customer")
        yield from self._parties("Suppliers", "vendor")
        yield from self.taxes.table()
        yield from self._analyses()
        yield "</MasterFiles>\n<GeneralLedgerEntries>\n"
        yield from self._entries()
        yield "</GeneralLedgerEntries>\n</AuditFile>\n"

    # Header and master files

    def _header(self) -> str:
        first, _, last = self.company.contact.rpartition(" ")
        person = around("ContactPerson", element("FirstName", first or "-", MIDDLE), element("LastName", last, LONGER))
        longest = LONGER if self.version == "1.10" else LONG
        return around(
            "Header",
            element("AuditFileVersion", self.version), element("AuditFileCountry", "NO"),
            element("AuditFileDateCreated", today()), element("SoftwareCompanyName", "bo"),
            element("SoftwareID", "bo"), element("SoftwareVersion", __version__, SHORT),
            around(
                "Company",
                element("RegistrationNumber", self.company.registration, MIDDLE),
                element("Name", directory.setting(self.views, "name"), longest),
                around("Address", element("Country", "NO")), around("Contact", person),
            ),
            element("DefaultCurrencyCode", self.base),
            around(
                "SelectionCriteria",
                element("SelectionStartDate", self.period.first), element("SelectionEndDate", self.period.last),
            ),
            element("TaxAccountingBasis", "A"),
        )  # fmt: skip

    def _accounts(self) -> Iterator[str]:
        found = auditfile.balances(self.views, *self.period)
        if not found:
            return
        yield "<GeneralLedgerAccounts>\n"
        for each in found:
            account = self.known.get(each.account)
            yield around(
                "Account",
                element("AccountID", each.account, LONGER),
                element("AccountDescription", account.name if account else each.account),
                *self._grouping(each.account, account.type if account else "equity"),
                element("AccountType", "GL"), *self._standing(each.opening, each.closing),
            ) + "\n"  # fmt: skip
        yield "</GeneralLedgerAccounts>\n"

    def _grouping(self, number: str, type: str) -> Sequence[str]:
        """From 1.30 on an account is in a group; ours are its type and itself."""
        if self.version == "1.10":
            return ()
        return element("GroupingCategory", type), element("GroupingCode", number, MIDDLE)

    def _standing(self, opening: int, closing: int) -> tuple[str, str]:
        return self._balance("Opening", opening), self._balance("Closing", closing)

    def _balance(self, when: str, minor: int) -> str:
        return element(f"{when}{'Credit' if minor < 0 else 'Debit'}Balance", self._amount(abs(minor)))

    def _parties(self, heading: str, kind: str) -> Iterator[str]:
        found = auditfile.of_parties(self.views, *self.period, kind)
        if not found:
            return
        name, labels = heading[:-1], auditfile.labels(self.views, kind)
        longest = LONGER if self.version == "1.10" else LONG
        yield f"<{heading}>\n"
        for party, group in groupby(found, key=lambda each: each.party):
            ref = party.partition("/")[2]
            told = element("Name", labels.get(ref) or ref or party, longest)
            address = around("Address", element("Country", "NO")) if self.version == "1.10" else ""
            own = self._of_party(list(group))
            yield around(name, told, address, element(f"{name}ID", ref or party, MIDDLE), *own) + "\n"
        yield f"</{heading}>\n"

    def _of_party(self, found: list[Balance]) -> list[str]:
        """Version 1.10 has one account for each party: that of most weight, with all that stands there for it."""
        if self.version == "1.10":
            most = max(found, key=lambda each: (abs(each.closing) + abs(each.opening), each.account))
            return [element("AccountID", most.account, LONGER), *self._standing(most.opening, most.closing)]
        ours = [
            (element("AccountID", each.account, LONGER), self._standing(each.opening, each.closing)) for each in found
        ]
        return [around("BalanceAccount", account, *standing) for account, standing in ours]

    def _tags(self) -> set[str]:
        used = self.views.rows(
            "SELECT DISTINCT dimensions FROM posting WHERE dimensions != '' AND on_date BETWEEN ? AND ?", *self.period
        )
        return {tag.partition("=")[0] for (given,) in used for tag in given.split()}

    def _analyses(self) -> Iterator[str]:
        known = [row for row in dimensions.listed(self.views) if row.dimension in self.dimensions]
        if not known:
            return
        yield "<AnalysisTypeTable>\n"
        for row in known:
            yield around(
                "AnalysisTypeTableEntry",
                element("AnalysisType", self.dimensions[row.dimension], CODE),
                element("AnalysisTypeDescription", row.dimension), element("AnalysisID", row.value, MIDDLE),
                element("AnalysisIDDescription", row.name or row.value),
            ) + "\n"  # fmt: skip
        yield "</AnalysisTypeTable>\n"

    # Entries

    def _entries(self) -> Iterator[str]:
        totals = auditfile.totals(self.views, *self.period)
        yield element("NumberOfEntries", totals.entries)
        yield element("TotalDebit", self._amount(totals.debit)) + element("TotalCredit", self._amount(totals.credit))
        yield "\n<Journal>" + element("JournalID", "GL") + element("Description", "General ledger")
        yield element("Type", "GL") + "\n"
        for entry in auditfile.entries(self.views, *self.period):
            yield self._entry(entry) + "\n"
        yield "</Journal>\n"

    def _entry(self, entry: Entry) -> str:
        said = entry.text or next((line.text for line in entry.lines if line.text), "") or entry.number or "-"
        taxes = self.taxes.of_lines(entry)
        recorded = datetime.fromtimestamp(entry.recorded / 1000, UTC).date()
        return around(
            "Transaction",
            element("TransactionID", entry.id), element("Period", int(entry.on[5:7])),
            element("PeriodYear", entry.on[:4]), element("TransactionDate", entry.on),
            element("TransactionType", "Normal"), element("Description", said), element("SystemEntryDate", recorded),
            element("GLPostingDate", entry.on),
            *(self._line(at, line, entry, said, taxes.get(at, "")) for at, line in enumerate(entry.lines)),
        )  # fmt: skip

    def _line(self, at: int, line: Line, entry: Entry, said: str, tax: str) -> str:
        kind, _, ref = line.party.partition("/")
        party = {"customer": "CustomerID", "vendor": "SupplierID"}.get(kind)
        return around(
            "Line",
            element("RecordID", at + 1), element("AccountID", line.account, LONGER),
            *(self._analysis(each) for each in line.dimensions.split()),
            element("SourceDocumentID", entry.number, MIDDLE) if entry.number else "",
            element(party, ref, MIDDLE) if party else "",
            element("Description", line.text or said),
            around("CreditAmount" if line.base < 0 else "DebitAmount", self._worth(line)),
            tax,
        )  # fmt: skip

    def _analysis(self, tag: str) -> str:
        name, _, value = tag.partition("=")
        return around(
            "Analysis", element("AnalysisType", self.dimensions[name], CODE), element("AnalysisID", value, MIDDLE)
        )

    def _worth(self, line: Line) -> str:
        own = element("Amount", self._amount(abs(line.base)))
        if line.currency == self.base or self.views.digits(line.currency) > 2:
            return own
        foreign = exporting.amount(abs(line.minor), line.currency)
        return own + element("CurrencyCode", line.currency) + element("CurrencyAmount", foreign)

    def _amount(self, minor: int) -> str:
        return exporting.amount(minor, self.base)


def within(period: Period) -> None:
    """Refuse a period that the schema has no years for."""
    fits = date(1970, 1, 1) <= period.first and period.last <= date(2100, 12, 31)
    require(fits, "an audit file is for years from 1970 to 2100")
