"""Postings: how what happens in the business becomes balanced entries of the books, by pure, numbered rules."""

import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

import msgspec

import aggregates
from aggregates.core import Event, replace
from aggregates.money import MOST, Money

RULE_SETS = {1: date.min}
"""The rule sets by number, and from which accounting date each is in force. Old ones stay implemented."""

_ROLES = """
    cash bank receivable payable sales output-tax input-tax tax-settlement bad-debt purchases exchange fx-gain fx-loss
    fx-unrealised-gain fx-unrealised-loss rounding suspense retained-earnings opening-balance depreciation
    asset-cost asset-depreciation disposal-gain disposal-loss fees-income interest-income bank-charges
    discount discount-received loan
"""
ROLES = tuple(_ROLES.split())
"""What rules call accounts by. Each role is played by one account: see aggregates/chart.py."""
CLASSES = frozenset({"loan"})
"""Roles that no rule posts to: they tell statements what an account is, or all that stand under a heading."""

PAPERS = {
    *("invoice.issued", "invoice.imported", "invoice.credited", "invoice.voided"),
    *("bill.added", "bill.edited", "bill.credited", "bill.voided"),
}
"""Each of their lines is in a tax category, be it one without tax."""

R = TypeVar("R", bound=Callable[..., Any])


class Posting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, omit_defaults=True):
    """One line of an entry: debit is positive, credit negative.

    `account` is a number, or a role as `@receivable`; `party` is `customer/C-1` or `vendor/V-1`; `tax` a
    category with its rate, such as S19; dimensions are written `cost-centre=NORTH`.
    """

    account: str
    amount: Money
    party: str = ""
    tax: str = ""
    text: str = ""
    dimensions: tuple[str, ...] = ()


def debit(account: str, amount: Money, party: str = "", tax: str = "", text: str = "") -> Posting:
    return Posting(account, amount, party, tax, text)


def credit(account: str, amount: Money, party: str = "", tax: str = "", text: str = "") -> Posting:
    return Posting(account, -amount, party, tax, text)


def turned(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The same with debit and credit exchanged."""
    return tuple(replace(each, amount=-each.amount) for each in postings)


def tax_code(category: str, rate: object) -> str:
    """How postings name a tax: S19, S7.5, and Z, E, AE … without a rate."""
    return f"{category}{rate}" if rate else category


class Facts(NamedTuple):
    """What a rule may know besides its event."""

    key: str
    """The reference of the event's stream."""
    base: str
    """The ledger's own currency."""
    kept: Mapping[str, str]
    """What earlier events of the stream left for later ones: see `keeps`."""
    posted: Callable[[], Sequence[Posting]]
    """The postings of the stream's first entry, accounts by number."""

    @property
    def party(self) -> str:
        return self.kept.get("party", "")

    @property
    def number(self) -> str:
        return self.kept.get("number", self.key)

    def earlier(self, name: str) -> str:
        return self.kept.get(name, "")


def accounting_day(event: Any) -> date:
    """The day an event counts for: when it was booked, for what came late, else its own."""
    day: date = getattr(event, "booked", None) or event.on
    return day


class Rule(NamedTuple):
    """What one tag posts, from one rule set on; `part` tells apart several entries of one event."""

    tag: str
    number: int
    part: str
    name: str
    says: str
    postings: Callable[[Any, Facts], Iterable[Posting]]
    day: Callable[[Any], date | None]


_rules: dict[tuple[str, str], dict[int, Rule]] = defaultdict(dict)
_keepers: dict[str, Callable[[Any], dict[str, str]]] = {}


def posts(
    *tags: str, rules: int, part: str = "", day: Callable[[Any], date | None] = accounting_day
) -> Callable[[R], R]:
    """Mark a pure function `(event, facts)` as what events of these tags post, from a rule set on.

    Its first line of documentation is what `bo book explain` prints. What touches the books without an entry, such
    as an allocation, has a rule that gives no postings: a closed period refuses it all the same.
    """

    def mark(function: R) -> R:
        says = (function.__doc__ or "").strip().split("\n")[0]
        for tag in tags:
            known = _rules[tag, part]
            if rules in known or rules not in RULE_SETS or not says:
                raise TypeError(f"rule {rules} for {tag} is given twice, in no rule set, or says nothing")
            known[rules] = Rule(tag, rules, part, function.__name__, says, function, day)
        return function

    return mark


def keeps(*tags: str) -> Callable[[R], R]:
    """Mark a function `(event)` that gives the small facts later events of its stream need: party, number …"""

    def mark(function: R) -> R:
        for tag in tags:
            if tag in _keepers:
                raise TypeError(f"what {tag} leaves behind is said twice")
            _keepers[tag] = function
        return function

    return mark


@cache
def _load() -> None:
    """Import every aggregates/posting_<area>.py: the folder is the list of areas."""
    for module in pkgutil.iter_modules(aggregates.__path__):
        if module.name.startswith("posting_"):
            import_module(f"aggregates.{module.name}")


def rules() -> list[Rule]:
    """Every rule there is."""
    _load()
    return [rule for known in _rules.values() for rule in known.values()]


@cache
def _of_tag(tag: str) -> tuple[tuple[Rule, ...], ...]:
    """The rules of a tag, part by part, the newest first."""
    _load()
    found = [known for (of, _), known in _rules.items() if of == tag]
    return tuple(tuple(known[number] for number in sorted(known, reverse=True)) for known in found)


def kept(event: Event) -> dict[str, str]:
    """The facts an event leaves for later ones of its stream."""
    _load()
    keeper = _keepers.get(_tag(event))
    return keeper(event) if keeper else {}


def keepers() -> frozenset[str]:
    """The tags of events that leave facts."""
    _load()
    return frozenset(_keepers)


def accounting_dates(event: Event) -> tuple[date, ...]:
    """Every day on which an event touches the books: an accrual takes itself back on a second one."""
    days = (known[0].day(event) for known in _of_tag(_tag(event)))
    return tuple(day for day in days if day is not None)


def bears_tax(event: Event) -> bool:
    """Whether a return would report it: papers with tax categories, and lines that name a tax."""
    lines = (*getattr(event, "lines", ()), *getattr(event, "postings", ()))
    return _tag(event) in PAPERS or any(getattr(each, "tax", "") for each in lines)


class Entry(NamedTuple):
    """What a rule made of an event."""

    on: date
    rule: Rule
    postings: tuple[Posting, ...]


def entries(event: Event, facts: Facts) -> list[Entry]:
    """The entries an event makes, each by the newest rule in force on its day; none without postings."""
    found = []
    for known in _of_tag(_tag(event)):
        on = known[0].day(event)
        if on is None:
            continue
        rule = next((each for each in known if RULE_SETS[each.number] <= on), known[-1])
        postings = balanced(each for each in rule.postings(event, facts) if each.amount.minor)
        beyond = any(abs(each.amount.minor) > MOST for each in postings)  # no verb makes it, and no column sums it
        if postings and not beyond:
            found.append(Entry(on, rule, postings))
    return found


def balanced(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """Postings that sum to zero in each currency.

    What mixes currencies goes over the account @exchange. One currency that does not balance was written by a
    program with a fault: what is recorded has happened, so the difference is shown on @suspense.
    """
    lines = tuple(postings)
    off = differences(lines)
    if not off:
        return lines
    role = "@exchange" if len(off) > 1 else "@suspense"
    return (*lines, *(Posting(role, Money(-minor, currency)) for currency, minor in off.items()))


def differences(postings: Iterable[Posting]) -> dict[str, int]:
    """By how many minor units each currency is off balance; empty when none is."""
    sums: dict[str, int] = {}
    for each in postings:
        currency = each.amount.currency
        sums[currency] = sums.get(currency, 0) + each.amount.minor
    return {currency: minor for currency, minor in sums.items() if minor}


@cache
def _tag_of(kind: type) -> str:
    return str(kind.__struct_config__.tag)  # type: ignore[attr-defined]  # every event is a tagged struct


def _tag(event: Event) -> str:
    return _tag_of(type(event))
