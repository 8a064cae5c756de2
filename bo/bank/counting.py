"""Which lines of a file are new: told by references, and by counting where there are none."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from aggregates import occurrence
from aggregates.bank import Line, Month, Part, Placed, content, identified, referred
from aggregates.core import replace
from aggregates.money import Money
from aggregates.occurrence import Content, Piece

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from bo.bank.statement import Line as Read
    from bo.bank.statement import Statement
    from store.transaction import Transaction

Detailed = tuple[Line, tuple[Part, ...]]


class Told(NamedTuple):
    """A statement, its lines as they are kept, and what its balances say of the order of its first and last day."""

    read: Statement
    lines: list[Detailed]
    pieces: dict[date, Piece]

    def placed(self, ref: str) -> list[Placed]:
        """The pieces for who reads the next file."""
        found = []
        for day, piece in self.pieces.items():
            ids: dict[Content, list[str]] = defaultdict(list)
            for line, _ in self.lines:
                ids[content(line)].append(line.id)
            of = tuple(ids[said].pop() for said, _ in piece.lines)
            format, numbers = piece.numbered or ("", ())
            found.append(Placed(ref, day, Money(piece.opening, self.read.currency), of, format, numbers))
        return found


def counted(
    tx: Transaction, bank: str, statements: Sequence[Statement], currency: str, goes_on: bool
) -> tuple[list[Told], list[date]]:
    """Every statement of a file with its lines, one that stands in it twice once; and the days that are in doubt.

    `goes_on` says that the file begins where those before it ended: what looks like another line is a further one.
    """
    chosen = _different(statements, currency)
    lines = [_line(each) for _, some in chosen for each in some]
    days = sorted({each.on for each in lines})
    months = {day: tx.state(Month, key_of(bank, day)) for day in days}
    known = {day: months[day].pieces(day) for day in days}
    kept, doubts = [], set()
    for read, some in chosen:
        pieces = {}
        for day, piece in _pieces(read, some).items():
            fits = occurrence.fitted(known[day], piece)
            if fits is None or occurrence.ambiguous(known[day], fits):
                doubts.add(day)
            if fits is not None:
                known[day].append(fits)
                pieces[day] = fits
        kept.append(pieces)
    passed: dict[Content, int] = {}
    for day in days:
        here, found = months[day].contents(day), Counter(content(each) for each in lines if each.on == day)
        together = occurrence.counted(known[day])
        for said, many in found.items():
            most = here[said] + many if goes_on and not referred(said) else together[said]
            if most > max(here[said], many):
                passed[said] = most - many
        placed = any(day in pieces for pieces in kept)
        if day in (days[0], days[-1]) and not placed and _split(here, found):
            doubts.add(day)
    ids = identified(bank, lines, passed)
    told = [
        Told(read, [(next(ids), _parts(each)) for each in some], pieces)
        for (read, some), pieces in zip(chosen, kept, strict=True)
    ]
    return told, [] if goes_on else sorted(doubts)


def key_of(bank: str, day: date) -> str:
    """The stream of the lines of a day."""
    return f"{bank}/{day:%Y-%m}"


def _different(statements: Sequence[Statement], currency: str) -> list[tuple[Statement, list[Read]]]:
    said: set[tuple[object, ...]] = set()
    chosen: list[tuple[Statement, list[Read]]] = []
    for each in statements:
        lines = [line for line in each.booked if line.amount and line.amount.currency == currency]
        what = each.number, each.opening, each.closing, tuple(replace(line, at=0) for line in lines)
        if what not in said:
            said.add(what)
            chosen.append((each, lines))
    return chosen


def _pieces(read: Statement, lines: Sequence[Read]) -> dict[date, Piece]:
    """What it has of its first and last day, which other statements may have in part; those between are whole."""
    if not lines or read.opening is None or read.closing is None or read.unsound():
        return {}
    if lines[0].on > lines[-1].on:
        lines = lines[::-1]
    if any(before.on > after.on for before, after in pairwise(lines)):
        return {}
    found = {}
    first, last = lines[0].on, lines[-1].on
    for day in (first, last):
        of_day = tuple((content(_line(each)), each.amount.minor) for each in lines if each.on == day)
        if not all(referred(said) for said, _ in of_day):
            before = sum(each.amount.minor for each in lines if each.on < day)
            numbered = (read.format, read.numbers) if read.numbers and first == last else None
            found[day] = Piece(read.opening.amount.minor + before, of_day, numbered)
    return found


def _split(here: Counter[Content], found: Counter[Content]) -> bool:
    """Whether a day seems to be split: each side has lines the other has not, and both have some that are alike."""
    return bool(here - found and found - here and any(not referred(said) for said in here & found))


def _line(read: Read) -> Line:
    text = read.text
    for part in read.parts if len(read.parts) == 1 else ():
        if part.reference and part.reference not in text:
            text = f"{text} {part.reference}"
    return Line(
        "", read.on, read.amount, read.value_on, read.counterpart, read.iban, text, read.reference, read.end_to_end,
        read.kind,
    )  # fmt: skip


def _parts(read: Read) -> tuple[Part, ...]:
    """The payments of a batch; those of a single one stand in the line."""
    if len(read.parts) < 2:
        return ()
    return tuple(
        Part(each.amount, each.counterpart, each.iban, each.text, each.reference, each.end_to_end)
        for each in read.parts
    )
