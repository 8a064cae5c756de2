"""Suggestions: what lines of statements are, by rules in their order, each with the reason."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from aggregates.match_rules import fits
from aggregates.money import Money
from projections import bankitems, banklists
from projections.bankitems import Item, Open, Suggestion
from projections.core import Minor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aggregates.match_rules import Rule
    from projections.core import Views

SHORTEST = 4
"""A number of fewer letters and digits stands in any text by chance."""
MOST = 50
"""So many numbers in one text are looked at."""
_FORMS = {
    *("gmbh", "ag", "kg", "ohg", "ug", "ltd", "limited", "llc", "inc", "plc", "bv", "nv", "sa", "sarl", "srl", "spa"),
    *("co", "and", "und", "the", "mr", "mrs", "ms", "herr", "frau", "dr"),
}
"""What banks and people write or leave out beside a name."""


class Match(NamedTuple):
    """What a line may be: items, an account, or items and the account of what is left; `why` says what agreed."""

    rule: Rule
    items: tuple[Item, ...]
    account: str
    sure: bool
    why: str


Amount = tuple[str, int]
"""Currency and minor units, money in positive."""


class Days:
    """Items by their days, to find those near another one."""

    def __init__(self) -> None:
        self._rows: list[tuple[date, int, Item]] = []
        self._sorted = True

    def add(self, item: Item, day: date) -> None:
        self._rows.append((day, len(self._rows), item))
        self._sorted = False

    def near(self, day: date, days: int, most: int) -> list[Item]:
        """At most so many different ones, the earliest first."""
        if not self._sorted:
            self._rows.sort(key=lambda row: row[:2])
            self._sorted = True
        found: dict[str, Item] = {}
        last = day + timedelta(days)
        at = bisect_left(self._rows, day - timedelta(days), key=lambda row: row[0])
        while at < len(self._rows) and self._rows[at][0] <= last and len(found) < most:
            item = self._rows[at][2]
            found.setdefault(item.target, item)
            at += 1
        return list(found.values())


class Matcher:
    """All that is open, arranged so that a line meets only what could be it: thousands may be of one amount."""

    def __init__(self, views: Views) -> None:
        self.rules, self.version = rules(views)
        self._ibans = bankitems.ibans(views)
        self._by_number: dict[str, list[Item]] = defaultdict(list)
        self._by_party: dict[Amount, dict[str, list[Item]]] = defaultdict(dict)
        self._by_word: dict[Amount, dict[str, dict[str, frozenset[str]]]] = defaultdict(dict)
        self._documents: dict[Amount, Days] = defaultdict(Days)
        self._payments: dict[tuple[str, Amount], Days] = defaultdict(Days)
        for item in bankitems.documents(views):
            self._add(item)
        for item in (*bankitems.payments(views), *bankitems.batches(views)):
            self._payments[item.account, (item.currency, item.minor)].add(item, item.on)
        self._returnable: dict[tuple[str, Amount], list[Item]] = defaultdict(list)
        for item in bankitems.returnable(views):
            self._returnable[item.account, (item.currency, item.minor)].append(item)
        self._lengths = sorted({len(number) for number in self._by_number}, reverse=True)
        self._own, self._charges = bankitems.own_accounts(views), bankitems.charges(views)
        self._halves: dict[Amount, list[Open]] = defaultdict(list)
        for line in bankitems.open_lines(views):
            self._halves[line.currency, -line.minor].append(line)
        self._ways: dict[str, Callable[[Rule, Open], Match | None]] = {
            "recorded": self._a_payment, "own": self._of_own, "returned": self._of_return,
            "reference": self._of_numbers, "party": self._of_party,
            "amount": self._within_days, "text": self._of_text,
        }  # fmt: skip

    def _add(self, item: Item) -> None:
        words = _words(item.name)
        for number in {_plain(item.number), _plain(item.ref)}:
            if len(number) >= SHORTEST:
                self._by_number[number].append(item)
        for amount in {(item.currency, item.minor), (item.currency, item.less if item.until else item.minor)}:
            self._by_party[amount].setdefault(item.party, []).append(item)
            for word in words:
                self._by_word[amount].setdefault(word, {})[item.party] = words
            for day in {item.on, item.due}:
                self._documents[amount].add(item, day)

    def first(self, line: Open) -> Match | None:
        """What the first rule that knows anything says of a line."""
        for rule in self.rules:
            way = line.minor > 0
            if rule.bank in ("", line.bank) and (rule.direction == "any" or (rule.direction == "in") == way):
                found = self._ways[rule.by](rule, line)
                if found:
                    return found
        return None

    def suggestions(self, lines: Iterable[Open]) -> list[tuple[Open, Match]]:
        """One for each line that any rule knows; what two lines claim is sure for neither."""
        found = [(line, match) for line in lines if (match := self.first(line))]
        claims = Counter(item.target for _, match in found for item in match.items)
        return [
            (line, match._replace(sure=False, why=f"{match.why}; another line claims it too"))
            if any(claims[item.target] > 1 for item in match.items)
            else (line, match._replace(sure=match.sure and not line.held))
            for line, match in found
        ]

    # The rules

    def _a_payment(self, rule: Rule, line: Open) -> Match | None:
        days = self._payments.get((line.account, (line.currency, line.minor)))
        near = days.near(line.on, rule.days, MOST) if days else []
        party, said = self._ibans.get(line.iban), _plain(line.texts)
        named = [
            item for item in near if item.party == party or (len(item.ref) >= SHORTEST and _plain(item.ref) in said)
        ]
        chosen = named or near
        if not chosen:
            return None
        item = min(chosen, key=lambda each: abs((each.on - line.on).days))
        apart = abs((item.on - line.on).days)
        why = f"same amount, {_days(apart)}" + (", same party or reference" if named else "")
        return Match(rule, (item,), "", rule.sure and len(chosen) == 1, why)

    def _of_own(self, rule: Rule, line: Open) -> Match | None:
        """A transfer goes to the account of our other bank. One half is confirmed; there it is found as recorded."""
        account, currency = self._own.get(line.iban, ("", ""))
        named = account if account != line.account and currency == line.currency else ""
        near = {
            other.account: other
            for other in self._halves.get((line.currency, line.minor), ())
            if other.account != line.account and abs((other.on - line.on).days) <= rule.days
        }
        half = near.get(named) or (next(iter(near.values())) if len(near) == 1 and not named else None)
        if not named and half is None:
            return None
        why = ["the IBAN of another account of ours"] if named else []
        why += [f"{half.id} of {half.bank} is the same amount the other way"] if half else []
        goes = bool(named) and (half is None or line.minor < 0)
        return Match(rule, (), named or (half.account if half else ""), rule.sure and goes, ", ".join(why))

    def _of_return(self, rule: Rule, line: Open) -> Match | None:
        said = _plain(line.texts)
        near = [
            item
            for item in self._returnable.get((line.account, (line.currency, line.minor)), ())
            if 0 <= (line.on - item.on).days <= rule.days
            and any(len(ref) >= SHORTEST and ref in said for ref in (_plain(item.ref), _plain(item.number)))
        ]
        if len(near) != 1:
            return None
        return Match(rule, (near[0],), "", rule.sure, f"{near[0].number} comes back: same amount, and its reference")

    def _of_numbers(self, rule: Rule, line: Open) -> Match | None:
        named = self._named(line.texts)
        fitting = [item for item, _ in named if item.currency == line.currency and (item.minor > 0) == (line.minor > 0)]
        if not fitting:
            return None
        numbers = " and ".join(said for item, said in named if item in fitting)
        owing = sum(item.minor for item in fitting)
        if line.minor in (owing, sum(item.asks(line.on) for item in fitting)):
            why = f"{numbers} in the text, and the amount{_less(owing, line)}"
            return Match(rule, tuple(fitting), "", rule.sure, why)
        if line.kept and line.minor - line.kept == owing:
            why = f"{numbers} in the text, and the amount before charges of {Money(abs(line.kept), line.currency)}"
            return Match(rule, tuple(fitting), self._charges, rule.sure, why)
        less = Money(abs(owing) - abs(line.minor), line.currency)
        off = f"{less} less than is owing" if less.minor > 0 else f"{-less} more than is owing"
        return Match(rule, tuple(fitting), "", False, f"{numbers} in the text, but {off}")

    def _of_party(self, rule: Rule, line: Open) -> Match | None:
        amount = line.currency, line.minor
        by_iban = self._by_party.get(amount, {}).get(self._ibans.get(line.iban, ""), [])
        alike = _asking(line, by_iban or self._of_name(amount, _words(line.counterpart)))
        if not alike:
            return None
        more = f", the oldest of {len(alike)}" if len(alike) > 1 else ""
        why = f"same amount{_less(alike[0].minor, line)} and {'IBAN' if by_iban else 'name'}{more}"
        return Match(rule, (alike[0],), "", rule.sure and not more, why)

    def _of_name(self, amount: Amount, theirs: frozenset[str]) -> list[Item]:
        """What parties of this name owe; one word in common is nobody unless it is the whole name."""
        parties: dict[str, frozenset[str]] = {}
        for word in theirs:
            parties |= self._by_word.get(amount, {}).get(word, {})
        same = [
            party
            for party, ours in parties.items()
            if ours == theirs or (len(ours & theirs) > 1 and (ours <= theirs or theirs <= ours))
        ]
        return [item for party in sorted(same) for item in self._by_party[amount][party]]

    def _within_days(self, rule: Rule, line: Open) -> Match | None:
        days = self._documents.get((line.currency, line.minor))
        near = _asking(line, days.near(line.on, rule.days, MOST)) if days else []
        if len(near) != 1:
            return None
        why = f"the only open document of this amount{_less(near[0].minor, line)} at that time"
        return Match(rule, (near[0],), "", rule.sure, why)

    def _of_text(self, rule: Rule, line: Open) -> Match | None:
        if not fits(rule, line.texts, line.counterpart):
            return None
        return Match(rule, (), rule.account, rule.sure, f"“{rule.text}” in the text or the name")

    # What agrees

    def _named(self, texts: str) -> list[tuple[Item, str]]:
        """The open documents whose numbers stand in a text, longer ones first, and how; banks break them anywhere."""
        found: dict[str, tuple[Item, str]] = {}
        for said in texts.split("\n"):
            places = [place for place, letter in enumerate(said) if letter.isalnum()]
            plain = "".join(said[place] for place in places).upper()
            taken = [False] * len(plain)
            for length in self._lengths:
                for at in range(len(plain) - length + 1):
                    items = self._by_number.get(plain[at : at + length])
                    if not items or any(taken[at : at + length]) or not _apart(said, places, at, length):
                        continue
                    taken[at : at + length] = [True] * length
                    if len(items) == 1 and len(found) < MOST:
                        ref = _plain(items[0].number) != plain[at : at + length]
                        found.setdefault(items[0].target, (items[0], items[0].ref if ref else items[0].number))
        return list(found.values())


def rules(views: Views) -> tuple[list[Rule], int]:
    """The rules in force, and their version."""
    from aggregates.match_rules import Rule

    rows = banklists.rules(views)
    found = [
        Rule(row.name, row.by, row.days, row.text, row.account, row.direction, row.bank, row.sure)  # type: ignore[arg-type]  # what was checked before it was kept
        for row in rows
    ]
    return found, rows[0].version if rows else 0


def rows(found: Sequence[tuple[Open, Match]]) -> list[Suggestion]:
    """As a table."""
    return [
        Suggestion(
            line.id, line.on, line.currency, Minor(line.minor), line.counterpart, match.rule.name,
            " ".join(filter(None, (*(item.number for item in match.items), match.account))), match.sure, match.why,
        )
        for line, match in found
    ]  # fmt: skip


def _asking(line: Open, found: Sequence[Item]) -> list[Item]:
    """Those that ask for the amount of a line, some less their discount."""
    return [item for item in found if line.minor in (item.minor, item.asks(line.on))]


def _less(owing: int, line: Open) -> str:
    return "" if line.minor == owing else " less the discount"


@lru_cache(maxsize=10_000)
def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum()).upper()


def _apart(said: str, places: list[int], at: int, length: int) -> bool:
    """Whether it is a number of its own: no letter or digit touches it, and it is not the middle of a longer one."""
    before, after = places[at] - 1, places[at + length - 1] + 1
    return (before < 0 or not said[before].isalnum()) and (after >= len(said) or not said[after].isdigit())


@lru_cache(maxsize=10_000)
def _words(name: str) -> frozenset[str]:
    words = re.findall(r"\w{2,}", name.casefold())
    return frozenset(words) - _FORMS


def _days(days: int) -> str:
    return "on the same day" if not days else f"{days} day{'' if days == 1 else 's'} apart"
