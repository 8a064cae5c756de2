"""Templates of journal entries: lines under a name, each with an amount, a share of what is given, or the rest."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, Literal, Self, assert_never

import msgspec

from aggregates import text
from aggregates.chart import Chart
from aggregates.core import FINANCE, Event, Refused, State, replace, require
from aggregates.money import EXACT, Money, exact, parted, rounded
from aggregates.posting import Posting, differences

REST = "rest"
HUNDRED = Decimal(100)
_PART = re.compile(r"(?:([0-9.]+) ?% ?)?\{([a-z][a-z0-9_-]{0,30})\}")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line. Its amount is `fixed`, or `percent` of a `variable`; without both, what the others leave."""

    account: str
    side: Literal["debit", "credit"]
    fixed: Money | None = None
    variable: str = ""
    percent: Decimal = HUNDRED
    party: str = ""
    tax: str = ""
    text: str = ""
    dimensions: tuple[str, ...] = ()

    @property
    def amount(self) -> str:
        """As it is written."""
        if self.fixed is not None:
            return str(self.fixed)
        share = "" if self.percent == HUNDRED else f"{self.percent:f}% "
        return f"{share}{{{self.variable}}}" if self.variable else REST

    def posting(self, amount: Money) -> Posting:
        signed = amount if self.side == "debit" else -amount
        return Posting(self.account, signed, self.party, self.tax, self.text, self.dimensions)


class Defined(Event, tag="entrytemplate.defined"):
    """The whole template as it is now."""

    text: str
    parts: tuple[Part, ...]


class Ended(Event, tag="entrytemplate.ended"):
    """Nobody uses it any more, unless it is defined anew."""

    reason: str


Events = Defined | Ended


class EntryTemplate(State[Events]):
    """A stream `entrytemplate/WAGES`."""

    kind: ClassVar[str] = "entrytemplate"
    compartment: ClassVar[int] = FINANCE

    text: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """What has to be given, in the order of the lines."""
        return tuple(dict.fromkeys(each.variable for each in self.parts if each.variable))

    def define(self, said: str, parts: Sequence[Part], chart: Chart, base: str) -> tuple[Defined, ...]:
        """Keep it, or change it; no event when it is so already."""
        require(len(parts) > 1, "an entry has two lines at least")
        rests = [each for each in parts if each.amount == REST]
        require(len(rests) < 2, "one line takes the rest: give the others their amounts")
        checked = tuple(self._placed(at, each, chart, base) for at, each in enumerate(parts, 1))
        if not rests and all(each.fixed for each in parts):
            chart.posted(tuple(each.posting(each.fixed) for each in checked if each.fixed))
        said = text.line(said)
        return () if (said, checked) == (self.text, self.parts) else (Defined(said, checked),)

    def end(self, reason: str) -> Ended:
        self._require_there()
        require(reason.strip(), "ending a template needs a reason")
        return Ended(text.clean(reason))

    def fill(self, given: Mapping[str, Money]) -> tuple[Posting, ...]:
        """The lines with their amounts, the rest worked out from the others."""
        self._require_there()
        wanted = self.variables
        missing = [name for name in wanted if name not in given]
        require(
            not missing,
            f"the template takes {' and '.join(missing)}: give {' '.join(f'--var {n}=AMOUNT' for n in missing)}",
        )
        unknown = next((name for name in given if name not in wanted), "")
        require(not unknown, f"the template has no {text.shown(unknown)}: it takes {', '.join(wanted) or 'nothing'}")
        for name, value in given.items():
            require(value.minor > 0, f"an amount is more than zero, and {name} is {value}")
        filled = [_filled(each, given) for each in self.parts]
        off = differences(each for each in filled if each is not None)
        return tuple(
            self._rest(at, part, off) if each is None else each
            for at, (part, each) in enumerate(zip(self.parts, filled, strict=True), 1)
        )

    def evolve(self, event: Events) -> Self:
        match event:
            case Defined():
                return replace(self, text=event.text, parts=event.parts)
            case Ended():
                return type(self)()
            case _:
                assert_never(event)

    def _require_there(self) -> None:
        require(self.parts, "there is no such template")

    def _placed(self, at: int, part: Part, chart: Chart, base: str) -> Part:
        """A line with its account by number, refused where no amount could stand there."""
        try:
            some = part.fixed or Money(1, chart.open(part.account).currency or base)
            return replace(part, account=chart.line(part.posting(some)).account)
        except Refused as no:
            raise Refused(f"line {at}: {no}") from None

    def _rest(self, at: int, part: Part, off: dict[str, int]) -> Posting:
        require(off, f"the other lines balance: nothing is left for line {at}")
        require(
            len(off) == 1, f"the other lines are in {' and '.join(sorted(off))}: line {at} can balance one currency"
        )
        [(currency, minor)] = off.items()
        left = Money(-minor if part.side == "debit" else minor, currency)
        require(left.minor > 0, f"line {at} would be a {part.side} of {left}: give other amounts")
        return part.posting(left)


def part(account: str, side: Literal["debit", "credit"], amount: str, base: str) -> Part:
    """A line whose amount is written as `900.00`, `{net}`, `19% {net}` or `rest`."""
    if amount == REST:
        return Part(account, side)
    found = _PART.fullmatch(amount)
    if found:
        percent = exact(found[1]) if found[1] else HUNDRED
        require(percent > 0, f"a share is more than zero, not {found[1]}%")
        return Part(account, side, variable=found[2], percent=percent)
    require(
        "{" not in amount and "%" not in amount,
        f"{text.shown(amount)} is no amount: 900.00, {{net}}, 19% {{net}} or rest",
    )
    number, currency = parted(amount)
    fixed = Money.of(number, currency or base)
    require(fixed.minor > 0, f"an amount is more than zero, not {fixed}: exchange debit and credit")
    return Part(account, side, fixed=fixed)


def _filled(part: Part, given: Mapping[str, Money]) -> Posting | None:
    """A line with its amount, None for the one that takes the rest."""
    if part.fixed is not None:
        return part.posting(part.fixed)
    if not part.variable:
        return None
    value = given[part.variable]
    share = EXACT.multiply(value.amount, part.percent).scaleb(-2, EXACT)
    return part.posting(rounded(share, value.currency))
