"""The chart of accounts: what an account is, the charts that are built in, and what may be posted where."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import msgspec

from aggregates.core import Refused, replace, require
from aggregates.money import Money
from aggregates.posting import ROLES, Posting, differences
from aggregates.text import shown

TYPES = ("asset", "liability", "equity", "income", "expense")
CONTROLS = {"receivable": "customer", "payable": "vendor"}
"""A control account is the sum of what parties of one kind owe or are owed: it is posted with a party only."""


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account. `parent` is the heading it stands under; `currency` the only one it takes, "" any."""

    number: str
    name: str
    category: str
    parent: str = ""
    currency: str = ""
    control: str = ""
    tax: str = ""


SERVICES = """
1000 asset     -    Assets
1100 asset     1000 Cash on hand                 | cash
1200 asset     1000 Bank                         | bank
1300 asset     1000 Trade receivables            | receivable
1400 asset     1000 Input tax                    | input-tax
1800 asset     1000 Fixed assets at cost         | asset-cost
1890 asset     1000 Accumulated depreciation     | asset-depreciation
1990 asset     1000 Suspense                     | suspense
2000 liability -    Liabilities
2100 liability 2000 Trade payables               | payable
2200 liability 2000 Output tax                   | output-tax
2300 liability 2000 Tax to settle                | tax-settlement
2400 liability 2000 Loans
3000 equity    -    Equity
3100 equity    3000 Capital
3200 equity    3000 Retained earnings            | retained-earnings
3800 equity    3000 Opening balances             | opening-balance
3900 equity    3000 Currency exchange            | exchange
4000 income    -    Income
4100 income    4000 Sales                        | sales
4500 income    4000 Fees charged                 | fees-income
4510 income    4000 Interest earned              | interest-income
4600 income    4000 Exchange gains               | fx-gain
4610 income    4000 Unrealised exchange gains    | fx-unrealised-gain
4700 income    4000 Gains on disposal            | disposal-gain
5000 expense   -    Expenses
5100 expense   5000 Purchases                    | purchases
5180 expense   5000 Discounts received           | discount-received
6100 expense   5000 Wages and salaries
6200 expense   5000 Rent
6300 expense   5000 Travel
6400 expense   5000 Office and software
6500 expense   5000 Bank charges                 | bank-charges
6510 expense   5000 Interest paid
6600 expense   5000 Discounts given              | discount
6700 expense   5000 Bad debts                    | bad-debt
6800 expense   5000 Depreciation                 | depreciation
6810 expense   5000 Losses on disposal           | disposal-loss
6900 expense   5000 Exchange losses              | fx-loss
6910 expense   5000 Unrealised exchange losses   | fx-unrealised-loss
6990 expense   5000 Rounding differences         | rounding
"""
"""In force in every ledger from its beginning; accounts are added, renamed and closed by events."""

TRADE = """
1500 asset     1000 Goods in stock
1510 asset     1000 Goods in transit
4110 income    4000 Sales of goods               | sales
4190 income    4000 Returns and rebates
5110 expense   5000 Goods purchased              | purchases
5120 expense   5000 Freight and customs
5130 expense   5000 Change of stock
5190 expense   5000 Rebates received
"""
"""What a trading business has besides: `bo account import trade` adopts it."""

BUILT_IN = {"services": SERVICES, "trade": TRADE}


class Built(NamedTuple):
    account: Definition
    role: str


@cache
def built_in(chart: str = "services") -> tuple[Built, ...]:
    """The accounts of a built-in chart with the roles they play."""
    return tuple(map(_built, BUILT_IN[chart].strip().split("\n")))


def _built(line: str) -> Built:
    words, _, role = line.partition("|")
    number, type, parent, name = words.split(None, 3)
    role = role.strip()
    control = role if role in CONTROLS else ""
    return Built(Definition(number, name.strip(), type, parent.strip("-"), control=control), role)


@cache
def _defaults() -> dict[str, Definition]:
    return {account.number: account for account, _ in built_in()}


def default(number: str) -> Definition | None:
    """What an account is in every ledger before anything was said of it."""
    return _defaults().get(number)


class Chart(NamedTuple):
    """The accounts of a ledger as they are now, for verbs to decide on."""

    accounts: Mapping[str, Definition]
    roles: Mapping[str, str]
    closed: frozenset[str] = frozenset()

    @classmethod
    def default(cls) -> "Chart":
        return cls(_defaults(), {role: account.number for account, role in built_in() if role})

    def number(self, text: str) -> str:
        """The number of an account, given as one or as the role it plays: 1300 or @receivable."""
        if not text.startswith("@"):
            require(text in self.accounts, f"there is no account {shown(text)}")
            return text
        role = text[1:]
        require(role in ROLES, f"there is no role {shown(role)}: the roles are {', '.join(ROLES)}")
        require(role in self.roles, f"no account plays the role {role}: bo account assign NUMBER {role}")
        return self.roles[role]

    def below(self, number: str) -> Iterator[str]:
        """The accounts that stand under a heading, at any depth."""
        for each in self.accounts.values():
            if each.parent == number:
                yield each.number
                yield from self.below(each.number)

    def open(self, text: str) -> Definition:
        """The account that may be posted to; refused when it is a heading or closed."""
        number = self.number(text)
        heading = next(self.below(number), "")
        account = self.accounts[number]
        require(not heading, f"{number} {account.name} is a heading: post to an account below it, such as {heading}")
        require(number not in self.closed, f"{number} {account.name} is closed")
        return account

    def posted(self, lines: tuple[Posting, ...]) -> tuple[Posting, ...]:
        """Lines a person wrote, accounts by number; refused unless each may stand and all balance."""
        require(len(lines) > 1, "an entry has two lines at least")
        checked = tuple(self._at(place, line) for place, line in enumerate(lines, 1))
        off = differences(checked)
        told = " and ".join(str(Money(minor, currency)) for currency, minor in off.items())
        require(not off, f"debits less credits are {told}, not zero: an entry balances in each currency")
        return checked

    def _at(self, place: int, line: Posting) -> Posting:
        try:
            return self.line(line)
        except Refused as no:
            raise Refused(f"line {place}: {no}") from None

    def line(self, line: Posting) -> Posting:
        """A line with its account by number, refused unless it may stand."""
        account = self.open(line.account)
        name = f"{account.number} {account.name}"
        require(line.amount, "it has no amount")
        fits = account.currency in ("", line.amount.currency)
        require(fits, f"{name} is in {account.currency}, not {line.amount.currency}")
        kind = CONTROLS.get(account.control, "")
        alone = f"{name} is posted with a {kind}: write {account.number} {kind}/REFERENCE"
        require(not kind or line.party.startswith(f"{kind}/"), alone)
        return replace(line, account=account.number)
