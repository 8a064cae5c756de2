"""Types of arguments and options: a mistake in one is a sentence and exit 2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from bo.amounts import Amount
    from bo.dates import Period
    from bo.inputs import Source


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

    def parse(self, text: str) -> date:
        from bo import dates

        if not self.edge:
            return dates.day(text)
        return dates.period(text).first if self.edge == "first" else dates.period(text).last


class Within(Parsed):
    name = "period"

    def parse(self, text: str) -> Period:
        from bo.dates import period

        return period(text)


class KnownAt(Parsed):
    name = "day|position"

    def parse(self, text: str) -> int | date:
        from bo.dates import period

        if text.isascii() and text.isdigit():
            if len(text) > 18:
                raise ValueError(f"{text[:40]} is no position: the log is shorter")
            return int(text)
        return period(text).last


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
