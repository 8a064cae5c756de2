"""How many lines of a day are alike, where statements split that day between them, overlap or repeat each other.

Lines without a reference of the bank are told apart by what is said of them and by counting. How many there are is
the most that one file has, unless balances tell more: the balance before a line is its place on the account, and two
lines at two places are two lines, whatever else is alike. Statements that the bank numbers one after another, the next
beginning with the balance the one before ends with, have no line in common even where the places are the same.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

Content = tuple[object, ...]
"""What is said of a line, without which of its like it is."""
Step = tuple[int, Content, int]
"""The balance before a line, what is said of it, and its amount, in minor units."""


class Piece(NamedTuple):
    """What one statement has of one day: the balance before it, and its lines in the order of the file."""

    opening: int
    lines: tuple[tuple[Content, int], ...]
    numbered: tuple[str, tuple[int, ...]] | None = None
    """The format and number of a statement that is of this one day alone, where its bank numbers them."""

    @property
    def closing(self) -> int:
        return self.opening + sum(minor for _, minor in self.lines)

    @property
    def steps(self) -> Counter[Step]:
        amounts = [minor for _, minor in self.lines]
        before = accumulate(amounts[:-1], initial=self.opening)
        return Counter((at, content, minor) for at, (content, minor) in zip(before, self.lines, strict=True))


def fitted(known: Sequence[Piece], new: Piece) -> Piece | None:
    """A piece in the order in which it fits to those known; files may be newest first. None where neither does.

    Read backwards it must say nothing that is not known: where balances come back, lines that are missing between two
    pieces look like a wrong order, and a line would be invented.
    """
    if _is_path(_steps([*known, new])):
        return new
    turned = new._replace(lines=new.lines[::-1])
    if turned.steps <= _steps(known):
        return turned
    same = (new.opening, new.closing, Counter(new.lines))  # in an order of its own
    return next((each for each in known if (each.opening, each.closing, Counter(each.lines)) == same), None)


def ambiguous(known: Iterable[Piece], new: Piece) -> bool:
    """Whether a piece may repeat another one or go on where that ended: balances came back to where they were."""
    return any(
        (each.opening == new.closing or each.closing == new.opening)
        and each.lines != new.lines
        and not (each.numbered and new.numbered)
        and each.steps & new.steps
        for each in known
    )


def counted(pieces: Iterable[Piece]) -> Counter[Content]:
    """How many lines of each content all these pieces have together."""
    found = Counter[Content]()
    for (_, content, _), many in _steps(pieces).items():
        found[content] += many
    return found


def _steps(pieces: Iterable[Piece]) -> Counter[Step]:
    """Every step once; as often as one statement has it, or a run of numbered ones together."""
    found = Counter[Step]()
    by_number: dict[tuple[str, tuple[int, ...]], set[Piece]] = {}
    for piece in pieces:
        found |= piece.steps
        if piece.numbered:
            by_number.setdefault(piece.numbered, set()).add(piece)
    numbered = [each for _, (each, *others) in sorted(by_number.items()) if not others]
    run = Counter[Step]()
    for before, after in pairwise(numbered):
        follows = before.numbered and after.numbered and before.numbered[0] == after.numbered[0]
        run = (run or before.steps) + after.steps if follows and before.closing == after.opening else Counter()
        found |= run
    return found


def _is_path(steps: Counter[Step]) -> bool:
    """Whether lines can have followed one another so: each connected part has one beginning and one end at most."""
    part: dict[int, int] = {}

    def of(balance: int) -> int:
        part.setdefault(balance, balance)
        while part[balance] != balance:
            part[balance] = balance = part[part[balance]]
        return balance

    more = Counter[int]()
    for (at, _, minor), many in steps.items():
        part[of(at)] = of(at + minor)
        more[at] += many
        more[at + minor] -= many
    loose = Counter[int]()
    for balance, many in more.items():
        loose[of(balance)] += abs(many)
    return all(many <= 2 for many in loose.values())
