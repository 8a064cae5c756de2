"""Bank accounts, the statements that were read for them, and the lines of these, month by month."""

from base64 import b32encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Any, ClassVar, Self, assert_never

import msgspec

from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.money import Money
from aggregates.occurrence import Content, Piece
from aggregates.text import clean, line, reference

PER_EVENT = 30_000
"""So many bytes of lines stand in one event, at about: a leaf holds twice that."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One payment of a batch that the bank booked as one line."""

    amount: Money | None = None
    counterpart: str = ""
    iban: str = ""
    text: str = ""
    reference: str = ""
    end_to_end: str = ""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A booking on the account: money in is positive. `reference` is the bank's own."""

    id: str
    on: date
    amount: Money
    value_on: date | None = None
    counterpart: str = ""
    iban: str = ""
    text: str = ""
    reference: str = ""
    end_to_end: str = ""
    kind: str = ""


class Opened(Event, tag="bank.opened"):
    """`number` is how the bank writes the account where there is no IBAN; `account` the one of the books."""

    name: str
    iban: str
    number: str
    currency: str
    account: str


class Changed(Event, tag="bank.changed"):
    """The whole account as it is from here on; what was posted stays where it is."""

    name: str
    iban: str
    number: str
    account: str
    reason: str


class Closed(Event, tag="bank.closed"):
    """Nothing is imported any more. `left` says what was open, where that was accepted."""

    on: date
    reason: str
    left: str = ""


class Reopened(Event, tag="bank.reopened"):
    reason: str


class Imported(Event, tag="bank.imported"):
    """A statement that was read. `unsound` says why its lines are kept out of automatic matching."""

    bank: str
    number: str
    format: str
    file: str
    document: str
    first: date | None
    last: date | None
    opening: Money | None
    closing: Money | None
    lines: int
    new: int
    unsound: str = ""


class Booked(Event, tag="bank.booked"):
    """Lines of one month that were not here yet; `held` ones come from a statement that does not add up."""

    statement: str
    lines: tuple[Line, ...]
    held: bool = False


class Detailed(Event, tag="bank.detailed"):
    """What the bank says of the payments within one line."""

    line: str
    parts: tuple[Part, ...]


class Released(Event, tag="bank.released"):
    """Lines that were held stand in a statement that adds up, too."""

    statement: str
    lines: tuple[str, ...]


class Placed(Event, tag="bank.placed"):
    """What a statement has of one day, whose lines have no references that tell them apart: `occurrence.Piece`."""

    statement: str
    on: date
    opening: Money
    lines: tuple[str, ...]
    format: str = ""
    numbers: tuple[int, ...] = ()


class Bank(State[Opened | Changed | Closed | Reopened]):
    """A stream `bank/MAIN`."""

    kind: ClassVar[str] = "bank"
    compartment: ClassVar[int] = FINANCE

    name: str = ""
    iban: str = ""
    number: str = ""
    currency: str = ""
    account: str = ""
    closed: date | None = None

    def open(self, ref: str, name: str, iban: str, number: str, currency: str, account: str) -> Opened:
        require(not self.name, f"there is a bank account {ref} already: {self.name}")
        reference(ref)
        require(line(name), "a bank account needs a name")
        require(not (iban and number), "an account with an IBAN needs no other number")
        return Opened(line(name), iban, line(number, 64), currency, account)

    def change(
        self, ref: str, name: str, iban: str, number: str, account: str, used: bool, reason: str
    ) -> tuple[Changed, ...]:
        """No event when it is so already. `used` says that lines of it are here, which stay where they were posted."""
        self.require_open(ref)
        require(line(name), "a bank account needs a name")
        require(not (iban and number), "an account with an IBAN needs no other number")
        stays = f"lines of {ref} are here: it stays on account {self.account}; add another bank for account {account}"
        require(account == self.account or not used, stays)
        new = (line(name), iban, line(number, 64), account)
        if new == (self.name, self.iban, self.number, self.account):
            return ()
        require(new[1:] == (self.iban, self.number, self.account) or reason.strip(), "a correction needs a reason")
        return (Changed(*new, clean(reason)),)

    def close(self, ref: str, on: date, left: str, force: bool, reason: str) -> Closed:
        """`left` says what is open."""
        self.require_open(ref)
        require(reason.strip(), "closing a bank account needs a reason")
        require(not left or force, f"{ref} has {left}: settle that first, or close it with --force")
        return Closed(on, clean(reason), left)

    def reopen(self, ref: str, reason: str) -> Reopened:
        require(self.closed, f"{ref} is not closed")
        require(reason.strip(), "reopening a bank account needs a reason")
        return Reopened(clean(reason))

    def require_open(self, ref: str) -> None:
        require(not self.closed, f"{ref} was closed on {self.closed}: `bo bank reopen {ref}` first")

    def evolve(self, event: Opened | Changed | Closed | Reopened) -> Self:
        match event:
            case Opened():
                return type(self)(event.name, event.iban, event.number, event.currency, event.account)
            case Changed():
                return replace(self, name=event.name, iban=event.iban, number=event.number, account=event.account)
            case Closed():
                return replace(self, closed=event.on)
            case Reopened():
                return replace(self, closed=None)
            case _:
                assert_never(event)


class Statement(State[Imported]):
    """A stream `statement/MAIN/12`: each is written once."""

    kind: ClassVar[str] = "statement"
    compartment: ClassVar[int] = FINANCE

    bank: str = ""

    def import_(self, imported: Imported) -> Imported:
        require(not self.bank, "this statement is recorded already")
        return imported

    def evolve(self, event: Imported) -> Self:
        return type(self)(event.bank)


class Month(State[Booked | Detailed | Released | Placed]):
    """A stream `bankline/MAIN/2026-03`: the lines of one account in one month, each once."""

    kind: ClassVar[str] = "bankline"
    compartment: ClassVar[int] = FINANCE

    lines: dict[str, Line] = msgspec.field(default_factory=dict)
    held: frozenset[str] = frozenset()
    detailed: frozenset[str] = frozenset()
    placed: tuple[Placed, ...] = ()

    def contents(self, on: date) -> Counter[Content]:
        """How many lines of each content there are on a day."""
        return Counter(content(each) for each in self.lines.values() if each.on == on)

    def pieces(self, on: date) -> list[Piece]:
        """What balances said of the order of the lines of a day."""
        return [self._piece(each) for each in self.placed if each.on == on]

    def _piece(self, placed: Placed) -> Piece:
        lines = (self.lines[id] for id in placed.lines)
        numbered = (placed.format, placed.numbers) if placed.numbers else None
        return Piece(placed.opening.minor, tuple((content(each), each.amount.minor) for each in lines), numbered)

    def place(self, placed: Placed) -> tuple[Placed, ...]:
        """Keep what a statement has of a day, unless the same is here or it is too much for one event."""
        long = len(placed.lines) * len(placed.lines[0]) > PER_EVENT
        return () if long or self._piece(placed) in self.pieces(placed.on) else (placed,)

    def book(
        self, statement: str, lines: Sequence[tuple[Line, tuple[Part, ...]]], adds_up: bool | None = None
    ) -> tuple[Booked | Detailed | Released, ...]:
        """The lines that are not here yet, and what is known better of those that are.

        `adds_up` is None where the statement says no balances to compare them with.
        """
        new = [each for each, _ in lines if each.id not in self.lines]
        booked = [Booked(statement, chunk, adds_up is False) for chunk in _chunks(new)]
        sound = tuple(each.id for each, _ in lines if each.id in self.held) if adds_up else ()
        released = [Released(statement, sound[at : at + 1000]) for at in range(0, len(sound), 1000)]
        details = [
            Detailed(each.id, chunk)
            for each, parts in lines
            if each.id not in self.detailed
            for chunk in _chunks(parts)
        ]
        return *booked, *released, *details

    def before(self, event: Any) -> dict[str, Any]:
        """Nothing changes: lines only come."""
        return {}

    def evolve(self, event: Booked | Detailed | Released | Placed) -> Self:
        match event:
            case Booked():
                ids = {each.id: each for each in event.lines}
                return replace(
                    self, lines={**self.lines, **ids}, held=self.held | ids.keys() if event.held else self.held
                )
            case Detailed():
                return replace(self, detailed=self.detailed | {event.line})
            case Released():
                return replace(self, held=self.held.difference(event.lines))
            case Placed():
                return replace(self, placed=(*self.placed, event))
            case _:
                assert_never(event)


def identified(bank: str, lines: Iterable[Line], passed: Mapping[Content, int] | None = None) -> Iterator[Line]:
    """The lines of one file with their ids: what is said of each, and the how manieth of its like it is that day.

    The bank's reference says it where there is one, so that another format of the same statement gives the same ids.
    `passed` says how many of a content other files have before the first of this one.
    """
    seen = Counter(passed or {})
    for each in lines:
        said = content(each)
        seen[said] += 1
        digest = sha256(b"%d|%s" % (seen[said], msgspec.json.encode([bank, *said]))).digest()
        yield replace(each, id=f"L-{b32encode(digest)[:10].decode()}")


def content(line: Line) -> Content:
    """What tells a line from others of its account."""
    what = [line.reference] if line.reference else [line.counterpart, line.iban, line.text, line.end_to_end]
    said = ("".join(text.split()).casefold() for text in what)
    return line.on, line.amount.minor, line.amount.currency, *said


def referred(said: Content) -> bool:
    """Whether a content is the bank's own reference, and not what is said of the line."""
    return len(said) == 4


def _chunks(many: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """What fits one event each."""
    chunk: list[Any] = []
    size = 0
    for each in many:
        length = len(msgspec.msgpack.encode(each))
        if chunk and size + length > PER_EVENT:
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(each)
        size += length
    if chunk:
        yield tuple(chunk)
