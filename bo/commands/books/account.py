"""Keep the chart of accounts, and which account plays which role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from datetime import date

    import msgspec

    from projections.accounts import Account
    from store.ledger import Ledger
    from store.transaction import Transaction

TYPES = ("asset", "liability", "equity", "income", "expense")
_number = click.argument("number", metavar="ACCOUNT")
_parent = click.option("--parent", default=None, metavar="ACCOUNT", help="The heading it stands under.")
_currency = click.option("--currency", default=None, metavar="CODE", help="It takes this currency only.")
_control = click.option(
    "--control", type=click.Choice(("receivable", "payable")), help="It is posted with a party only."
)
_tax = click.option("--tax", default=None, metavar="CODE", help="The tax code of what is posted here.")


@click.group(help=__doc__)
def account() -> None: ...


@account.command("list")
@click.option("--type", "type_", type=click.Choice(TYPES), help="Only of this type.")
@options.rows
@options.ledger
def list_(ledger: Ledger, known_at: int | date | None, type_: str | None) -> list[Account]:
    """List the chart of accounts.

    \b
    Example: bo account list --type asset
    """
    from projections import accounts
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books",))
    return [row for row in accounts.listed(views) if type_ in (None, row.type)]


@account.command()
@_number
@options.shown
@options.ledger
def show(ledger: Ledger, number: str, as_of: date | None, known_at: int | date | None) -> msgspec.Struct:
    """Show an account, the roles it plays, and what stands on it.

    \b
    Example: bo account show 1200
             bo account show @bank --as-of 2026-03-31
    """
    from projections import accounts
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Books",))
    return accounts.shown(views, accounts.find(views, number), as_of)


@account.command()
@_number
@click.argument("name")
@click.option("--type", "type_", type=click.Choice(TYPES), help="That of its heading, if not said.")
@_parent
@_currency
@_control
@_tax
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="What rules call it by, such as bank.")
@options.writes
def add(
    ledger: Ledger, number: str, name: str, type_: str | None, parent: str | None, currency: str | None,
    control: str | None, tax: str | None, roles: tuple[str, ...],
) -> None:  # fmt: skip
    """Add an account, or a heading for others.

    \b
    Example: bo account add 1210 "Savings account" --parent 1000
             bo account add 4200 "Sales abroad" --type income --parent 4000
    """
    from aggregates.chart import Chart, Definition
    from aggregates.core import Refused, require
    from bo import books, charting
    from projections import accounts
    from projections.core import open_views

    def work(tx: Transaction) -> str:
        views = open_views(ledger)
        chart = books.chart(views)
        known = chart.accounts.get(number)
        if known:
            raise Refused(f"there is an account {number} {known.name}: bo account change {number}")
        under = chart.accounts.get(parent or "")
        require(under or not parent, f"there is no account {parent} to stand under")
        sort = type_ or (under.category if under else "")
        require(sort, f"say what {number} is, --type {'|'.join(TYPES)}, or under which heading it stands, --parent")
        code = (currency or "").upper()
        new = Definition(number, name, sort, parent or "", code, control or _controlled(roles), tax or "")
        charting.define(tx, chart, new, accounts.used(views))
        charting.assign(tx, Chart({**chart.accounts, number: new}, *chart[1:]), number, roles)
        return number

    click.echo(ledger.commit(work))


def _controlled(roles: tuple[str, ...]) -> str:
    """Who plays the role of all receivables is their control account."""
    return next((role for role in roles if role in ("receivable", "payable")), "")


@account.command()
@_number
@click.option("--name", default=None, help="What it is called from now on.")
@click.option("--type", "type_", type=click.Choice(TYPES), help="Only while nothing is posted to it.")
@_parent
@_currency
@_control
@_tax
@options.reason_if_any
@options.writes
def change(
    ledger: Ledger, number: str, name: str | None, type_: str | None, parent: str | None, currency: str | None,
    control: str | None, tax: str | None,
) -> None:  # fmt: skip
    """Rename an account or move it; what is not given stays. An empty --parent, --currency or --tax takes it away.

    \b
    Example: bo account change 1200 --name "Main bank"
    """
    from aggregates.core import replace
    from bo import books, charting, errors
    from projections import accounts
    from projections.core import open_views

    given = {"name": name, "category": type_, "parent": parent, "control": control, "tax": tax}
    given["currency"] = None if currency is None else currency.upper()
    changes = {field: value for field, value in given.items() if value is not None}

    def work(tx: Transaction) -> tuple[str, bool]:
        views = open_views(ledger)
        chart, found = books.chart(views), accounts.find(views, number)
        return found, charting.define(tx, chart, replace(chart.accounts[found], **changes), accounts.used(views))

    found, changed = ledger.commit(work)
    click.echo(found)
    if not changed:
        errors.note(f"{found} says so already: nothing changes")


@account.command()
@_number
@click.argument("role", nargs=-1, required=True)
@options.writes
def assign(ledger: Ledger, number: str, role: tuple[str, ...]) -> None:
    """Let ACCOUNT play a ROLE from now on: rules post to it. What was posted before stays where it is.

    \b
    Example: bo account assign 1210 bank
    """
    from bo import books, charting, errors
    from projections import accounts
    from projections.core import open_views

    def work(tx: Transaction) -> tuple[str, list[str]]:
        views = open_views(ledger)
        found = accounts.find(views, number)
        return found, charting.assign(tx, books.chart(views), found, [each.removeprefix("@") for each in role])

    found, moved = ledger.commit(work)
    click.echo(found)
    if not moved:
        errors.note(f"{found} plays {'that role' if len(role) == 1 else 'those roles'} already: nothing changes")


@account.command()
@_number
@options.on
@options.reason
@options.writes
def close(ledger: Ledger, number: str, on: date) -> None:
    """Close an account that has no balance and plays no role: nothing is posted to it any more.

    \b
    Example: bo account close 6300 --reason "nobody travels"
    """
    from bo import charting
    from projections import accounts
    from projections.core import open_views

    found = accounts.find(open_views(ledger), number)
    click.echo(ledger.commit(lambda tx: charting.close(ledger, tx, found, on)))


@account.command()
@_number
@options.on
@options.reason
@options.writes
def reopen(ledger: Ledger, number: str, on: date, reason: str) -> None:
    """Open a closed account again.

    \b
    Example: bo account reopen 6300 --reason "the fair in Graz"
    """
    from aggregates.account import Account
    from projections import accounts
    from projections.core import open_views

    found = accounts.find(open_views(ledger), number)

    def work(tx: Transaction) -> str:
        tx.change(Account, found, Account.reopen, on, reason)
        return found

    click.echo(ledger.commit(work))


@account.command("import")
@click.argument("file", metavar="FILE|trade")
@options.dry_run
@options.ledger
def import_(ledger: Ledger, file: str) -> None:
    """Take over a chart of accounts from a CSV file, or `trade`, what a trading business has besides.

    Columns: number, name, type, and where wanted parent, currency, control, tax and role (several with blanks).
    Accounts that are here and not in the file stay. The same file again changes nothing.

    \b
    Example: bo account import chart.csv
             bo account import trade
    """
    from bo import charting

    click.echo(charting.adopt(ledger, file))
