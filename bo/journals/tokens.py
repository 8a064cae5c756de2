"""The words and signs of a line of beancount."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from aggregates.core import Refused, require
from aggregates.text import shown
from bo.journals.written import LONGEST_NUMBER, Amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TOKEN = re.compile(
    r"""\s+|(?P<comment>;.*)|(?P<string>"(?:[^"\\]|\\[\s\S])*")|(?P<date>\d{4}[-/]\d\d[-/]\d\d)(?![\d])
    |(?P<account>[^\W\d_a-z][\w-]*(?::[^\W_a-z][\w-]*)+)|(?P<number>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)
    |(?P<currency>/?[A-Z](?:[A-Z0-9'._-]*[A-Z0-9])?(?![\w:]))|(?P<tag>\#[\w/.-]+)|(?P<link>\^[\w/.-]+)
    |(?P<key>[a-z][\w-]*:)(?=\s|$)|(?P<word>[a-z]+)|(?P<mark>@@|@|\{\{|\}\}|[-+*/(){},~!&?%|\#])""",
    re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Token = tuple[str, str]
MOST = 150
"""Tokens in a line, so that no brackets are nested deeper than the interpreter goes."""


_OPEN = re.compile(r"""(?:[^";]|"(?:[^"\\]|\\.)*+")*+"(?:[^"\\]|\\.)*+""", re.DOTALL)
"""What ends within a string."""
LINES = 64
"""A string goes over so many lines at most, as in beancount itself."""


def joined(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Lines by their numbers, those over which a string goes as one."""
    source, ahead = iter(lines), list[tuple[int, str]]()
    while first := ahead.pop(0) if ahead else next(source, None):
        number, text = first
        told = text[:1].isspace() or text[:1].isalnum()  # else it is a heading or a comment
        taken = 0
        while told and '"' in text and _OPEN.fullmatch(text) and taken < LINES:
            if taken == len(ahead):
                ahead += [more] if (more := next(source, None)) else []
            if taken == len(ahead):
                break
            text, taken = f"{text}\n{ahead[taken][1]}", taken + 1
        if taken and _OPEN.fullmatch(text):
            yield first  # a string that never ends
        else:
            del ahead[:taken]
            yield number, text


class Tokens:
    """The tokens of a line, taken from the left."""

    def __init__(self, text: str) -> None:
        self._all: list[Token] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise Refused(f"{shown(text[at:])} is not understood")
            at = match.end()
            if match.lastgroup and match.lastgroup != "comment":
                self._all.append((match.lastgroup, match[0]))
        require(len(self._all) <= MOST, f"the line has more than {MOST} words and signs")
        self._all.reverse()

    @property
    def kind(self) -> str:
        return self._all[-1][0] if self._all else ""

    @property
    def next(self) -> str:
        return self._all[-1][1] if self._all else ""

    def take(self, kind: str) -> str:
        require(self._all, f"a {kind} is missing at the end")
        require(self.kind == kind, f"{shown(self.next)} stands where a {kind} is expected")
        return self._all.pop()[1]

    def skip(self, *texts: str) -> str:
        """The next token if it is one of these."""
        return self._all.pop()[1] if self._all and self.next in texts and self.kind != "string" else ""

    def end(self) -> None:
        require(not self._all, f"{shown(self.next)} is not understood")

    def string(self) -> str:
        return _ESCAPED.sub(r"\1", self.take("string")[1:-1])

    def day(self) -> date:
        text = self.take("date").replace("/", "-")
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Refused(f"{text} is no day of the calendar") from None

    def number(self) -> Decimal:
        """A number, or what sums, products and brackets make of some."""
        total = self._product()
        while sign := self.skip("+", "-"):
            total = total + self._product() if sign == "+" else total - self._product()
        return total

    def _product(self) -> Decimal:
        total = self._factor()
        while sign := self.skip("*", "/"):
            other = self._factor()
            require(sign == "*" or other, "a number is divided by zero")
            total = total * other if sign == "*" else total / other
        return total

    def _factor(self) -> Decimal:
        if sign := self.skip("-", "+"):
            return -self._factor() if sign == "-" else self._factor()
        if self.skip("("):
            inner = self.number()
            require(self.skip(")"), "a bracket is not closed")
            return inner
        number = self.take("number").replace(",", "")
        require(len(number) <= LONGEST_NUMBER, f"a number has at most {LONGEST_NUMBER} digits")
        return Decimal(number)

    def amount(self) -> Amount:
        return Amount(self.number(), self.take("currency"))
