"""Types of arguments and options, and checks of what was said: a mistake in one is a sentence and exit 2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from bo.amounts import Amount
    from bo.inputs import Source
    from store.ledger import Ledger

_YES = "bo.options.yes"


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


def meant(context: click.Context, param: click.Parameter, value: bool) -> None:
    """Keep for `near` that a day far ahead is meant."""
    context.meta[_YES] = value


def near(context: click.Context, param: click.Parameter, day: date) -> date:
    """Refuse a day more than a year ahead unless it is meant, and mention one that is yet to come."""
    if context.resilient_parsing:
        return day
    from bo import dates, errors
    from bo.clock import today

    ahead = dates.ahead(day, today())
    if ahead and day > dates.day("+1y") and not context.meta[_YES]:
        from aggregates.core import Refused

        raise Refused(f"{day} is {ahead} ahead: add --yes if it is meant")
    if ahead:
        errors.note(f"{day} is {ahead} ahead")
    return day


def text_needed(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("an empty text says nothing", context, param)
    return value


def reason_needed(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """What was said. None where somebody is there who will be asked: see `Session.explained`."""
    if value is None and not context.resilient_parsing:
        from bo.editing import at_terminal

        if not at_terminal():
            raise click.MissingParameter(ctx=context, param=param)
    return text_needed(context, param, value)


def editable(context: click.Context, param: click.Parameter, value: bool) -> bool:
    if value and not context.resilient_parsing:
        from bo.editing import at_terminal

        if not at_terminal():
            raise click.UsageError(
                "--edit needs a terminal: give the text by --from FILE, or --from - for stdin", context
            )
    return value
