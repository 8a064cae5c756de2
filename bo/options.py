"""Options that more than one command has, as decorators; `bo/params.py` holds their types and checks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bo import params, settings

if TYPE_CHECKING:
    import msgspec

C = TypeVar("C", bound=Callable[..., Any])
DRAWN = ("table", "plain", "md", "html")
"""Formats for people."""

MONEY = params.Money()
"""`120`, `120.00`, `120.00 EUR` -> bo.amounts.Amount(decimal, currency or None)."""
DECIMAL = params.Number()
DAY = params.Day()
"""One day; a period is refused."""
FIRST_DAY = params.Day("first")
"""A day, or the first of a period: `--since 2026-Q1`."""
LAST_DAY = params.Day("last")
"""A day, or the last of a period: `--until 2026-Q1`, `--as-of 2026-03`."""
PERIOD = params.Within()
"""(first, last)."""
YEAR = params.Year()
"""The year in which a fiscal year begins."""


def ledger(command: Callable[..., Any]) -> Callable[..., Any]:
    """Open the ledger that was chosen and pass it as `ledger`; it is closed when the command ends, however it does.

    It is told what was asked: the command's words, and --reason, --key and --dry-run where the command has them.
    """

    taken = _taken(command)

    @wraps(command)
    def with_ledger(*args: Any, **given: Any) -> Any:
        from bo import running
        from bo.session import open_ledger

        opened = open_ledger(settings.current())
        context = click.get_current_context()
        context.call_on_close(opened.close)
        context.obj = opened
        running.told(opened, context)
        if "reason" in taken:
            given["reason"] = opened.explained()
        for name in ("reason", "key", "dry_run"):
            if name not in taken:  # the ledger knows; the command need not
                given.pop(name, None)
        with opened.client.watched(), running.heard(opened):
            result = command(*args, ledger=opened, **params.within(opened, context, given))
        running.show_plan(opened)
        return result

    return with_ledger


def writes(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command of a ledger that records something: `--dry-run` shows what it would be, `--key` records it once."""
    return dry_run(key(ledger(command)))


def rows(command: Callable[..., Sequence[msgspec.Struct]]) -> Callable[..., Any]:
    """Print the structs a command returns, as --format and its companions say.

    --as-of and --known-at exist where the function takes `as_of` and `known_at`. A function that takes `limit` is
    given it when nothing is to be sorted, so that it may read less; one that takes `totals` is told whether people
    read it: what programs read has no totals and no headings.
    """
    taken = _taken(command)

    @wraps(command)
    def printed(*args: Any, **given: Any) -> None:
        from bo import printing, render

        how = printing.how(given)
        if "limit" in taken:
            given["limit"] = None if how.sort else how.limit
        if "totals" in taken:
            given["totals"] = how.format in DRAWN
        found = command(*args, **given)
        render.rows(found, printing.placed(how))
        printing.remark(f"{len(found)} row{'' if len(found) == 1 else 's'}")

    for option in (
        click.option("--envelope", is_flag=True, help="With --json: position and head of the log around the rows."),
        click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most so many rows."),
        click.option("--sort", type=params.Names(), default="", metavar="[-]COL,…", help="Order; - is falling."),
        click.option("--columns", type=params.Names(), default="", metavar="COL,…", help="Only these columns."),
    ):
        printed = option(printed)
    return _times(_formats(printed), taken)


def shown(command: Callable[..., msgspec.Struct]) -> Callable[..., Any]:
    """Print the one struct a command returns: its fields and, below them, its lists."""
    taken = _taken(command)

    @wraps(command)
    def printed(*args: Any, **given: Any) -> None:
        from bo import printing, render

        how = printing.how(given)
        found = command(*args, **given)
        render.one(found, printing.placed(how))
        printing.remark("")

    option = click.option("--envelope", is_flag=True, help="With --json: position and head of the log around it.")
    return _times(_formats(option(printed)), taken)


def reference(name: str, *kinds: str, **more: Any) -> Callable[[C], C]:
    """An argument that a shell completes with the references of these kinds."""
    return click.argument(name, shell_complete=_references(*kinds), **more)


def by_dimension(command: C) -> C:
    """--dimension and --by, as `tags` and `by`: see `bo.books.by_dimension`."""
    return _only(_by(command))


def link(*names: str, kinds: tuple[str, ...], **more: Any) -> Callable[[C], C]:
    """An option that a shell completes with the references of these kinds."""
    return click.option(*names, shell_complete=_references(*kinds), **more)


def on(command: C) -> C:
    """--on, and --yes where a day further ahead than a year is meant: mostly it is a slip of the finger."""
    command = click.option(
        "--yes",
        "_yes",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=params.meant,
        help="A day years ahead is meant.",
    )(command)
    said = "The day it happened; today, if not said."
    return click.option("--on", type=DAY, default="today", metavar="DAY", callback=params.near, help=said)(command)


def confirm(question: str, yes: bool) -> None:
    """Go on after a yes; without a terminal only --yes will do."""
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("this asks for a confirmation: add --yes where nobody can answer")
    click.confirm(question, abort=True, err=True)


_why = "Why; it stays in the audit trail."
reason = click.option(
    "--reason", metavar="TEXT", callback=params.reason_needed, help=f"{_why} Needed: if not said, your editor opens."
)
reason_if_any = click.option("--reason", default="", metavar="TEXT", help=_why)
dry_run = click.option("--dry-run", is_flag=True, help="Show what would be recorded, and record nothing.")
yes = click.option("--yes", is_flag=True, help="Do not ask.")
key = click.option(
    "--key", default="", metavar="TEXT", help="Done once under this key: again, it tells the first result."
)
due = click.option("--due", type=DAY, metavar="DAY", help="The day it is to be paid.")
tolerance = click.option(
    "--tolerance", type=MONEY, default="0", metavar="AMOUNT", help="If no more is missing of a document, write it off."
)
amount = click.option("--amount", type=MONEY, metavar="AMOUNT", help="Of it only so much.")
booked = click.option(
    "--booked", type=DAY, metavar="DAY", help="When it counts, if it came late; else the first open day."
)
since = click.option("--since", type=FIRST_DAY, metavar="DAY", help="From this day.")
until = click.option("--until", type=LAST_DAY, metavar="DAY", help="To the end of this day.")
tags = click.option(
    "--dimension", "tags", multiple=True, metavar="NAME=VALUE", help="On every line: cost-centre=NORTH."
)
_only = click.option(
    "--dimension", "tags", multiple=True, metavar="NAME=VALUE", help="Only lines that bear it; of several, all of them."
)
_by = click.option("--by", default="", metavar="DIMENSION", help="Once for each of its values, and for what has none.")
in_base = click.option("--base", "in_base", is_flag=True, help="Everything in the ledger's own currency.")
_periods = "2026, 2026/27, 2026-Q1, 2026-03, a day, or 2026-01..2026-02."
period = click.option("--period", type=PERIOD, metavar="PERIOD", help=_periods)
period_needed = click.option("--period", type=PERIOD, required=True, metavar="PERIOD", help=_periods)
from_file = click.option("--from", "source", type=params.From(), metavar="FILE|-", help="Read it from a file or stdin.")
mapped = click.option(
    "--map", "map_name", metavar="FILE|NAME", help="How columns become fields: JSON, or a mapping kept here."
)
save_map = click.option("--save-map", "save_as", metavar="NAME", default="", help="Keep the mapping under this name.")
accept_valid = click.option("--accept-valid", is_flag=True, help="Import what is right, though some of it is wrong.")
edit = click.option(
    "--edit",
    "editor",
    is_flag=True,
    callback=params.editable,
    help="Write it in your editor: VISUAL or EDITOR names it.",
)
no_passphrase = click.option(
    "--no-passphrase", is_flag=True, help="Keep the device's keys in the clear: for tests and cron only."
)
output = click.option("-o", "--output", metavar="PATH|-", help="Write it there; - is stdout.")
force = click.option("--force", is_flag=True, help="Overwrite the file.")


def _references(*kinds: str) -> Callable[[click.Context, click.Parameter, str], list[Any]]:
    def complete(context: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from bo.complete import references

        return references(*kinds)(context, param, incomplete)

    return complete


bank = link(
    "--bank", kinds=("bank",), default="", metavar="BANK|ACCOUNT", help="What it went through; the bank, if not said."
)


def _taken(command: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's parameters, under the decorators."""
    while hasattr(command, "__wrapped__"):
        command = command.__wrapped__
    code = command.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _formats(command: Callable[..., Any]) -> Callable[..., Any]:
    from bo.render import FORMATS

    command = click.option("--json", is_flag=True, help="Short for --format json.")(command)
    return click.option("--format", type=click.Choice(FORMATS), default="table", show_default=True)(command)


def _times(command: Callable[..., Any], taken: tuple[str, ...]) -> Callable[..., Any]:
    if "known_at" in taken:
        what = "What was recorded by then."
        command = click.option("--known-at", type=params.KnownAt(), metavar="DAY|POSITION", help=what)(command)
    if "as_of" in taken:
        command = click.option("--as-of", type=LAST_DAY, metavar="DAY", help="As it was at the end of this day.")(
            command
        )
    return command
