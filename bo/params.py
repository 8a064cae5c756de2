"""Types of arguments and options: a mistake in one is a sentence and exit 2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from decimal import Decimal

    from bo.amounts import Amount
    from bo.inputs import Source
    from store.ledger import Ledger


class Parsed(click.ParamType[Any]):
    """Text that one of our parsers reads; values that are no text were read before."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def parse(self, text: str) -> Any:
        raise NotImplementedError


class Folder(click.Path):
    """A folder of this machine, and no URL: a folder of that name would be made without a word."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from store.place import is_url

        if is_url(str(value)):
            self.fail("this takes a folder, not the URL of a server", param, ctx)
        return super().convert(value, param, ctx)


class Money(Parsed):
    name = "amount"

    def parse(self, text: str) -> Amount:
        from bo.amounts import amount

        return amount(text)


class Number(Parsed):
    name = "number"

    def parse(self, text: str) -> Decimal:
        from bo.amounts import decimal

        return decimal(text)


class Day(Parsed):
    name = "day"

    def __init__(self, edge: str = "") -> None:
        self.edge = edge

    def parse(self, text: str) -> Any:
        from bo import dates

        return Named(text, self.edge).known() if self.edge else dates.day(text)


class Within(Parsed):
    name = "period"

    def parse(self, text: str) -> Any:
        return Named(text).known()


class KnownAt(Parsed):
    name = "day|position"

    def parse(self, text: str) -> Any:
        if text.isascii() and text.isdigit():
            if len(text) > 18:
                raise ValueError(f"{text[:40]} is no position: the log is shorter")
            return int(text)
        return Named(text, "last").known()


class Year(Parsed):
    """The fiscal year that begins in a year: `2026`, or `2026/27`."""

    name = "year"

    def parse(self, text: str) -> int | Named:
        if len(text) == 4 and text.isascii() and text.isdigit() and 1900 <= int(text) <= 2998:
            return int(text)
        if "/" in text:
            return Named(text, "year")
        raise ValueError(f"{text} is no year from 1900 to 2998: write 2026, or 2026/27")


class Named(NamedTuple):
    """A period as it was written. Which days a fiscal year has, such as 2026/27, only the ledger knows."""

    text: str
    edge: str = ""
    """The `first` or `last` of its days, or the `year` it begins in, is meant and not all of it."""

    def known(self) -> Any:
        """What is meant, or this, as long as no ledger is open to tell."""
        return self if "/" in self.text else self.within(0)

    def within(self, year_start: int) -> Any:
        """What is meant in a ledger whose fiscal years begin with this month. Raises ValueError."""
        from bo import dates

        found = dates.period(self.text, year_start)
        return {"": found, "first": found.first, "last": found.last, "year": found.first.year}[self.edge]


def within(ledger: Ledger, context: click.Context, given: dict[str, Any]) -> dict[str, Any]:
    """What was given to a command, with the days of the fiscal years that it names."""
    named = {name: value for name, value in given.items() if isinstance(value, Named)}
    if not named:
        return given
    from projections.core import open_views
    from projections.periods import standing

    start, found = standing(open_views(ledger, only=("Periods",))).year_start, dict(given)
    for param in context.command.params:
        if param.name in named:
            try:
                found[param.name] = named[param.name].within(start)
            except ValueError as error:
                raise click.BadParameter(str(error), context, param) from None
    return found


class From(Parsed):
    name = "file"

    def parse(self, text: str) -> Source:
        from bo.inputs import Source

        return Source(text)


class Names(Parsed):
    """A list of column names, with commas."""

    name = "a,b"

    def parse(self, text: str) -> tuple[str, ...]:
        return tuple(name.strip() for name in text.split(",") if name.strip())
