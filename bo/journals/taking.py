"""Journals of plain-text accounting on their way into the books: what their entries leave out, assert and pad."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from typing import TYPE_CHECKING

from aggregates.chart import Definition
from aggregates.core import Refused
from aggregates.currencies import DIGITS
from aggregates.dimension import VALUE
from aggregates.money import EXACT, Money
from aggregates.posting import Posting, differences
from bo.adopting import Adoption
from bo.journals.written import PARTY, Amount, Assertion, Leg, Pad, Written
from projections import commodities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bo.journals.written import Journal, Virtual

ROOTS = {"asset": "A", "liability": "L", "equity": "Q", "income": "I", "expense": "E"}
LONGEST = 32
"""Characters of an account's number."""
MOST_OFF = Decimal("0.5")
"""So much rounding of one lot is allowed, as in beancount itself."""
_OTHER = re.compile("[^0-9A-Za-z]+")


class Taking:
    """Works out what a journal means, and hands it over."""

    def __init__(self, journal: Journal, into: Adoption) -> None:
        self.journal, self.into = journal, into
        self.standing: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self.padding: dict[str, tuple[Pad, set[str]]] = {}
        self.padded: list[Written] = []
        self.digits: dict[str, int] = {}
        self.numbers: dict[str, str] = {}
        self.parties: set[str] = set()

    def run(self) -> None:
        for entry in self._told():
            if self._complete(entry):
                self._stand(entry)
        entries = sorted([*self.padded, *self.journal.entries], key=lambda each: (each.on, each.line))
        for what, lines in sorted(self.journal.left.items()):
            times = "" if len(lines) == 1 else f", here and {len(lines) - 1} times more"
            self.into.odd(lines[0], what, "", f"{what} is not taken over{times}")
        if self.into.findings.errors:
            return
        self._commodities(entries)
        self._accounts()
        for entry in entries:
            self._post(entry)

    def _told(self) -> Iterator[Written]:
        """Entries by date; before those of a day, its assertions, and pads after."""
        journal = self.journal
        told: list[Written | Assertion | Pad] = [*journal.entries, *journal.assertions, *journal.pads]
        for each in sorted(told, key=lambda each: (each.on, not isinstance(each, Assertion), each.line)):
            if isinstance(each, Written):
                yield each
            elif isinstance(each, Pad):
                self.padding[each.account] = each, set()
            else:
                self._assert(each)

    # Entries

    def _complete(self, entry: Written) -> bool:
        """Fill in the lines that say no amount, and see that the entry balances."""
        self._assign(entry)
        return self._completes(entry, "") and self._completes(entry, "[")

    def _assign(self, entry: Written) -> None:
        """A line that says what stands behind it, and not what it moves."""
        moved: list[Leg] = []
        for leg in entry.legs:
            if leg.asserted and not leg.units:
                code = leg.asserted.currency
                found = self._standing(leg.account, code, leg.below)
                found += sum(
                    each.units.number
                    for each in moved
                    if each.units and each.units.currency == code and _is_of(each.account, leg.account, leg.below)
                )
                leg.units = Amount(leg.asserted.number - found, code)
            moved.append(leg)

    def _completes(self, entry: Written, virtual: Virtual) -> bool:
        sums: dict[str, Decimal] = defaultdict(Decimal)
        decimals: dict[str, list[int]] = defaultdict(list)
        legs = [leg for leg in entry.legs if leg.virtual == virtual]
        for leg in legs:
            if leg.units:
                weight = leg.weight or leg.units
                sums[weight.currency] += weight.number
                decimals[leg.units.currency].append(-int(leg.units.number.as_tuple().exponent))
        quanta = {code: self._quantum(counts) for code, counts in decimals.items()}
        holes = [leg for leg in legs if leg.units is None]
        if len(holes) > 1:
            self.into.wrong(holes[1].line, "amount", holes[1].account, "two lines of an entry say no amount")
            return False
        if not holes:
            priced = any(leg.weight for leg in legs)
            return self._balances(entry, sums, self._tolerances(legs, quanta), priced)
        [hole] = holes
        filled = []
        for code, rest in sums.items():
            quantum = quanta.get(code)
            left = rest.quantize(quantum, ROUND_HALF_EVEN) if self.journal.rounds and quantum else rest
            if left:
                filled.append(replace(hole, units=Amount(-left, code)))
        at = entry.legs.index(hole)
        entry.legs[at : at + 1] = filled
        return True

    def _quantum(self, decimals: list[int]) -> Decimal:
        """What amounts are rounded to: as the coarsest is written, or the finest; 0 when all are whole."""
        written = [count for count in decimals if count > 0]
        if not written:
            return Decimal(0)
        return Decimal(1).scaleb(-(min(written) if self.journal.rounds else max(written)))

    def _tolerances(self, legs: list[Leg], quanta: dict[str, Decimal]) -> dict[str, Decimal]:
        """Half of what amounts are rounded to; where the file says so, of what lots are, at what they cost."""
        found = {code: quantum / 2 for code, quantum in quanta.items()}
        spread: dict[str, Decimal] = defaultdict(Decimal)
        for leg in legs if self.journal.lots_round else ():
            if leg.units and leg.weight and leg.units.number and _exponent(leg.units.number) < 0:
                half = Decimal(1).scaleb(int(leg.units.number.as_tuple().exponent)) / 2
                spread[leg.weight.currency] += min(half * abs(leg.weight.number / leg.units.number), MOST_OFF)
        return found | {code: max(more, found.get(code, more)) for code, more in spread.items()}

    def _balances(self, entry: Written, sums: dict[str, Decimal], tolerances: dict[str, Decimal], priced: bool) -> bool:
        """Whether nothing is left over. Of two currencies alone hledger takes the one to be the price of the other."""
        off = {code: rest for code, rest in sums.items() if abs(rest) > tolerances.get(code, Decimal(0))}
        if not self.journal.rounds and not priced and len(off) == len(sums) == 2:
            one, other = off.values()
            if (one > 0) != (other > 0):
                return True
        for code, rest in off.items():
            self.into.wrong(entry.line, "", entry.text, f"it does not balance: {rest:f} {code} is left over")
        return not off

    def _stand(self, entry: Written) -> None:
        for leg in entry.legs:
            if leg.units:
                self.standing[leg.account][leg.units.currency] += leg.units.number
            if leg.asserted:
                found = self._standing(leg.account, leg.asserted.currency, leg.below)
                if found != leg.asserted.number:
                    self._differs(leg.line, leg.account, leg.asserted, found)

    def _standing(self, account: str, currency: str, below: bool) -> Decimal:
        if not below:
            return self.standing[account][currency]
        return sum((sums[currency] for name, sums in self.standing.items() if _is_of(name, account, below)), Decimal(0))

    def _assert(self, told: Assertion) -> None:
        currency = told.amount.currency
        found = self._standing(told.account, currency, below=True)
        pad, done = self.padding.get(told.account, (None, set()))
        rest = told.amount.number - found
        if pad and currency not in done:
            done.add(currency)
            if abs(rest) > told.tolerance:
                text = f"Padding of {told.account}"
                legs = [
                    Leg(pad.line, pad.account, Amount(rest, currency)),
                    Leg(pad.line, pad.source, Amount(-rest, currency)),
                ]
                entry = Written(pad.line, pad.on, text, legs)
                self._stand(entry)
                self.padded.append(entry)
        elif abs(rest) > told.tolerance:
            self._differs(told.line, told.account, told.amount, found)

    def _differs(self, line: int, account: str, amount: Amount, found: Decimal) -> None:
        rule = f"{amount.number:f} {amount.currency} is asserted, {found:f} is there"
        self.into.wrong(line, "balance", account, rule)

    # Into the books

    def _commodities(self, entries: list[Written]) -> None:
        """Whatever is no currency is a commodity, with as many decimals as it has anywhere."""
        counted: dict[str, int] = dict.fromkeys(self.journal.commodities, 0)
        for amount in (leg.units for entry in entries for leg in entry.legs if leg.units and not leg.virtual):
            counted[amount.currency] = max(counted.get(amount.currency, 0), -_exponent(amount.number))
        here = commodities.digits(self.into.views)
        for code, digits in counted.items():
            if code in DIGITS:
                self.digits[code] = DIGITS[code]
            else:
                self.digits[code] = max(digits, here.get(code, 0))
                self.into.commodity(code, self.digits[code], self.journal.commodities.get(code, ""))

    def _accounts(self) -> None:
        """An account keeps its whole name; its number is made of it, unless the file says one."""
        named = {account.name: number for number, account in self.into.before.accounts.items()}
        for path, type in sorted(self.journal.types.items()):
            name = self.journal.names.get(path, path)
            number = self.journal.numbers.get(path) or named.get(name) or number_of(path, type)
            self.numbers[path] = number
            self.into.account(self.journal.lines.get(path, 0), Definition(number, name, type))

    def _post(self, entry: Written) -> None:
        lines: list[Posting] = []
        for leg in entry.legs:
            if leg.virtual or not leg.units or not leg.units.number:
                continue
            try:
                amount = self._money(leg.units)
            except Refused as no:
                self.into.wrong(leg.line, "amount", f"{leg.units.number:f}", str(no))
                return
            text = "" if leg.text == entry.text else leg.text
            number = self.numbers[leg.account]
            lines.append(Posting(number, amount, self._party(leg, number), text=text, dimensions=self._tags(entry)))
        lines += [Posting("@exchange", Money(-minor, code)) for code, minor in differences(lines).items()]
        if lines:
            self.into.entry(entry.line, entry.on, entry.text, lines)

    def _money(self, amount: Amount) -> Money:
        if amount.currency in DIGITS:
            return Money.of(amount.number, amount.currency)
        return Money(int(amount.number.scaleb(self.digits[amount.currency], EXACT)), amount.currency)

    def _party(self, leg: Leg, number: str) -> str:
        """Whom the line names, on an account that wants a party: a record of that reference, new if none is here."""
        told, account = PARTY.fullmatch(leg.party), self.into.chart.accounts.get(number)
        if not (told and account and account.control):
            return ""
        if leg.party not in self.parties:
            self.parties.add(self.into.party(leg.line, told[1], told[2], {"name": told[2]}))
        return leg.party

    def _tags(self, entry: Written) -> tuple[str, ...]:
        """Tags are values of a dimension called so."""
        fitting = [tag for tag in entry.tags if VALUE.fullmatch(tag)]
        return tuple(self.into.dimension(entry.line, "tag", tag, "") for tag in fitting)


def _is_of(name: str, account: str, below: bool) -> bool:
    return name == account or (below and name.startswith(account + ":"))


def number_of(path: str, type: str) -> str:
    """`Assets:US:Bank` is A.US.Bank. What is too long is cut and told apart by a hash of the whole."""
    _, _, rest = path.partition(":")
    parts = [_OTHER.sub("-", part).strip("-") for part in (rest or path).split(":")]
    number = ".".join([ROOTS[type], *filter(None, parts)])
    if len(number) <= LONGEST and _OTHER.sub("", path) and path.isascii():
        return number
    return f"{number[: LONGEST - 7].rstrip('.-')}-{sha256(path.encode()).hexdigest()[:6]}"


def _exponent(number: Decimal) -> int:
    exponent = number.normalize(EXACT).as_tuple().exponent if number else 0
    return min(int(exponent), 0)
