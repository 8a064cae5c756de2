"""Import bank statements, and say what each line of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from projections.bankitems import Suggestion
    from projections.banklists import Listed, Rule, Standing, Statement
    from store.ledger import Ledger
    from store.transaction import Transaction

STATUSES = ("open", "held", "matched")
_bank = options.link("--bank", kinds=("bank",), default="", metavar="BANK", help="Only of this bank account.")
_line = click.argument("line", metavar="LINE")


def _writes(command: Callable[..., None]) -> Callable[..., None]:
    """What every command has that records something."""
    return options.dry_run(options.key(options.ledger(command)))


@click.group(help=__doc__)
def bank() -> None: ...


def _record(ledger: Ledger, work: Callable[[Transaction], list[str]]) -> None:
    _tell(ledger.commit(work))


def _tell(said: list[str]) -> None:
    """The result on stdout, the rest for people."""
    from bo import errors

    result, *remarks = said
    click.echo(result)
    for remark in remarks:
        errors.note(remark)


def _named(ledger: Ledger, text: str) -> str:
    """The reference of the bank account that is meant, "" when none was named."""
    if not text:
        return ""
    from projections.core import open_views
    from projections.references import resolve

    return resolve(open_views(ledger), text, "bank").key


@bank.command()
@click.argument("ref", metavar="BANK")
@click.option("--name", default="", metavar="TEXT", help="What people call it.")
@click.option("--iban", default="", metavar="IBAN", help="By which statements are known to be of this account.")
@click.option("--number", default="", metavar="TEXT", help="How the bank writes it, where there is no IBAN.")
@click.option("--currency", default="", metavar="CODE", help="ISO 4217; the ledger's, if not said.")
@click.option("--account", default="", metavar="ACCOUNT", help="Of the books; that of the role bank, if not said.")
@_writes
def add(ledger: Ledger, ref: str, name: str, iban: str, number: str, currency: str, account: str) -> None:
    """Add a bank account, called BANK from here on.

    \b
    Example: bo bank add MAIN --iban "DE89 3704 0044 0532 0130 00"
             bo bank add USD --number 999988 --currency USD --account 1210
    """
    from bo.bank import accounts

    _tell(accounts.add(ledger, ref, name, iban, number, currency, account))


@bank.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, as_of: date | None, known_at: int | date | None) -> list[Standing]:
    """List bank accounts: what the newest statement says, what the books say for that day, and the difference.

    \b
    Example: bo bank list --as-of 2026-03-31
    """
    from projections import banklists
    from projections.core import open_views

    return banklists.standing(open_views(ledger, known_at, only=("Banks", "Books")), as_of)


@bank.command("import")
@options.reference("bank", "bank", metavar="BANK")
@click.argument("file", metavar="FILE|-")
@click.option("--map", "map_name", metavar="FILE|NAME", help="How columns become fields: JSON, or a mapping kept here.")
@click.option("--save-map", "save_as", metavar="NAME", default="", help="Keep the mapping under this name.")
@click.option("--accept-valid", is_flag=True, help="Import what is right, though some of it is wrong.")
@click.option("--goes-on", is_flag=True, help="FILE begins where those before it ended: no line of it is here.")
@options.dry_run
@options.ledger
def import_(
    ledger: Ledger, bank: str, file: str, map_name: str | None, save_as: str, accept_valid: bool, goes_on: bool
) -> None:
    """Import the statements in FILE: camt.052, 053 and 054, MT940 and MT942, OFX, or CSV.

    Lines that are here already are passed over, whatever file they came in; the file itself is kept as a document.
    A statement that does not add up is imported, and its lines are left to be matched by hand.

    A line is known by the bank's reference. Where there is none, lines of a day that say the same are counted: there
    are as many as one file has, or as many as have different balances before them. Statements that add up may so
    split a day, overlap, and come in any order. What only the user can know is asked for: see --goes-on.

    \b
    Example: bo bank import MAIN statement.xml --dry-run
             bo bank import MAIN export.csv --map bank.json --save-map mybank
    """
    from bo.bank import importing

    _tell(importing.import_file(ledger, _named(ledger, bank), file, map_name, save_as, accept_valid, goes_on))


@bank.command()
@_bank
@options.rows
@options.ledger
def statements(
    ledger: Ledger, bank: str, as_of: date | None, known_at: int | date | None, limit: int | None
) -> list[Statement]:
    """List the statements that were imported, the newest first.

    \b
    Example: bo bank statements --bank MAIN
    """
    from projections import banklists
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Banks",))
    return banklists.statements(views, _named(ledger, bank), as_of, limit)


@bank.command()
@_bank
@click.option("--status", type=click.Choice(STATUSES), help="Only what stands so.")
@options.rows
@options.ledger
def lines(
    ledger: Ledger, bank: str, status: str | None, as_of: date | None, known_at: int | date | None, limit: int | None
) -> list[Listed]:
    """List the lines of statements, the newest first, with what each was found to be.

    \b
    Example: bo bank lines --status open --bank MAIN
    """
    from projections import banklists
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Banks",))
    return banklists.lines(views, _named(ledger, bank), status or "", as_of, limit)


@bank.command()
@_bank
@click.option("--confirm", is_flag=True, help="Confirm every suggestion that is sure.")
@click.option("--rule", "only", default="", metavar="RULE", help="Only what this rule suggests.")
@options.dry_run
@options.rows
@options.ledger
def match(ledger: Ledger, bank: str, confirm: bool, only: str, limit: int | None) -> list[Suggestion]:
    """Suggest what each open line is, by the first rule that knows it, and say why.

    With --confirm the sure ones are confirmed, each in a commit of its own; those are listed then.

    \b
    Example: bo bank match --bank MAIN
             bo bank match --confirm --rule reference
    """
    from bo.bank import suggesting

    return suggesting.suggest(ledger, _named(ledger, bank), only, confirm, limit)


@bank.command()
@_line
@options.reference(
    "targets", "invoice", "bill", "payment", "customer", "vendor", metavar="[TARGET[=AMOUNT]]…", nargs=-1
)
@click.option("--rest", default="", metavar="ACCOUNT", help="Where a difference goes, such as @bank-charges.")
@click.option("--booked", type=options.DAY, metavar="DAY", help="When it counts, if its own day is closed.")
@_writes
def confirm(ledger: Ledger, line: str, targets: tuple[str, ...], rest: str, booked: date | None) -> None:
    """Confirm what LINE is: what a rule suggests, or one or more targets.

    A TARGET is an invoice or bill, which the line pays; a payment or an entry that was recorded by hand; a customer or
    vendor, whose credit or advance it is; an account, written account/6500 or @bank-charges; or the line of another
    account of ours, which was confirmed to go to this one. What is more than owing stays as credit, unless --rest
    names an account.

    \b
    Example: bo bank confirm L-7K3FQ
             bo bank confirm L-7K3FQ INV-2026-0001 INV-2026-0002=60.00
             bo bank confirm L-7K3FQ INV-2026-0003 --rest @discount
    """
    from bo.bank import confirming

    _record(ledger, confirming.confirming(ledger, line, targets, rest, booked))


@bank.command()
@_line
@click.option("--on", type=options.DAY, metavar="DAY", help="When it counts; the day of the match, if not said.")
@options.reason
@_writes
def undo(ledger: Ledger, line: str, on: date | None) -> None:
    """Take back what LINE was confirmed to be: payments it made are voided, what it posted is reversed.

    \b
    Example: bo bank undo L-7K3FQ --reason "it was the invoice before"
    """
    from bo.bank import confirming

    _record(ledger, confirming.undoing(ledger, line, on))


@bank.group("rules")
def rules() -> None:
    """Keep the rules by which lines are matched, in their order."""


@rules.command("list")
@options.rows
@options.ledger
def rules_list(ledger: Ledger, known_at: int | date | None) -> list[Rule]:
    """List the matching rules in the order in which they are asked.

    \b
    Example: bo bank rules list --columns place,name,says
    """
    from projections import banklists
    from projections.core import open_views

    return banklists.rules(open_views(ledger, known_at, only=("Banks",)))


@rules.command("add")
@click.argument("name")
@click.option("--text", default="", metavar="TEXT", help="What stands in the text or the name; * is anything.")
@click.option("--account", default="", metavar="ACCOUNT", help="Where such a line goes.")
@click.option("--by", type=click.Choice(("text", "recorded", "own", "reference", "party", "amount")), default="text",
              show_default=True, help="How it compares.")  # fmt: skip
@click.option("--days", type=click.IntRange(0), default=0, metavar="N", help="How far dates may lie apart.")
@click.option("--direction", type=click.Choice(("in", "out", "any")), default="any", show_default=True)
@_bank
@click.option("--at", "place", type=click.IntRange(1), metavar="PLACE", help="Before which rule; else behind all.")
@click.option("--suggest-only", is_flag=True, help="Never sure: `match --confirm` leaves it alone.")
@_writes
def rules_add(
    ledger: Ledger, name: str, text: str, account: str, by: str, days: int, direction: str, bank: str,
    place: int | None, suggest_only: bool,
) -> None:  # fmt: skip
    """Add a rule of your own, such as one for bank charges.

    \b
    Example: bo bank rules add charges --text "account fee*" --account @bank-charges --at 1
    """
    from bo.bank import suggesting

    ours = _named(ledger, bank)
    work = suggesting.adding(ledger, name, by, days, text, account, direction, ours, not suggest_only, place or 0)
    _record(ledger, work)


@rules.command("remove")
@click.argument("name")
@_writes
def rules_remove(ledger: Ledger, name: str) -> None:
    """Remove a rule; what it matched stays matched.

    \b
    Example: bo bank rules remove amount
    """
    from bo.bank import suggesting

    _record(ledger, suggesting.removing(name))
