"""Import bank statements, and say what each line of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.bank.naming import named
from bo.bank_rules import rules
from bo.telling import tell

if TYPE_CHECKING:
    from datetime import date

    from bo.amounts import Amount
    from projections.bankitems import Suggestion
    from projections.banklists import Listed, Standing, Statement
    from store.ledger import Ledger

STATUSES = ("open", "held", "matched")
_bank = options.link("--bank", kinds=("bank",), default="", metavar="BANK", help="Only of this bank account.")
_line = click.argument("line", metavar="LINE")


@click.group(help=__doc__)
def bank() -> None: ...


@bank.command()
@click.argument("ref", metavar="BANK")
@click.option("--name", default="", metavar="TEXT", help="What people call it.")
@click.option("--iban", default="", metavar="IBAN", help="By which statements are known to be of this account.")
@click.option("--number", default="", metavar="TEXT", help="How the bank writes it, where there is no IBAN.")
@click.option("--currency", default="", metavar="CODE", help="ISO 4217; the ledger's, if not said.")
@click.option("--account", default="", metavar="ACCOUNT", help="Of the books; that of the role bank, if not said.")
@options.writes
def add(ledger: Ledger, ref: str, name: str, iban: str, number: str, currency: str, account: str) -> None:
    """Add a bank account, called BANK from here on.

    \b
    Example: bo bank add MAIN --iban "DE89 3704 0044 0532 0130 00"
             bo bank add USD --number 999988 --currency USD --account 1210
    """
    from bo.bank import accounts

    tell(accounts.add(ledger, ref, name, iban, number, currency, account))


@bank.command()
@options.reference("bank", "bank", metavar="BANK")
@click.option("--name", default=None, metavar="TEXT", help="What people call it.")
@click.option("--iban", default=None, metavar="IBAN", help="In place of the IBAN or number it had.")
@click.option("--number", default=None, metavar="TEXT", help="In place of the number or IBAN it had.")
@click.option("--account", default=None, metavar="ACCOUNT", help="Of the books, while no line of it is here.")
@options.reason_if_any
@options.writes
def change(
    ledger: Ledger, bank: str, name: str | None, iban: str | None, number: str | None, account: str | None
) -> None:
    """Rename a bank account, or correct its IBAN, number or account of the books; what is not given stays.

    \b
    Example: bo bank change MAIN --iban "DE02 1203 0000 0000 2020 51" --reason "a digit was wrong"
    """
    from bo.bank import accounts

    tell(accounts.change(ledger, named(ledger, bank), name, iban, number, account, ledger.reason))


@bank.command()
@options.reference("bank", "bank", metavar="BANK")
@click.option("--force", is_flag=True, help="Though lines are not matched, or it holds something.")
@options.on
@options.reason
@options.writes
def close(ledger: Ledger, bank: str, force: bool, on: date) -> None:
    """Close a bank account whose lines are matched and which holds nothing: nothing more is imported for it.

    \b
    Example: bo bank close MAIN --on 2026-03-31 --reason "moved to another bank"
    """
    from bo.bank import accounts

    tell(accounts.close(ledger, named(ledger, bank), on, force, ledger.reason))


@bank.command()
@options.reference("bank", "bank", metavar="BANK")
@options.reason
@options.writes
def reopen(ledger: Ledger, bank: str) -> None:
    """Open a closed bank account again.

    \b
    Example: bo bank reopen MAIN --reason "a last statement came"
    """
    from bo.bank import accounts

    tell(accounts.reopen(ledger, named(ledger, bank), ledger.reason))


@bank.command()
@options.reference("source", "bank", metavar="FROM")
@options.reference("to", "bank", metavar="TO")
@click.argument("amount", type=options.MONEY)
@click.option(
    "--arrives", type=options.MONEY, metavar="AMOUNT", help="What comes to TO, where that is in another currency."
)
@click.option("--fee", type=options.MONEY, metavar="AMOUNT", help="What the bank took besides, from FROM.")
@click.option("--text", default="", metavar="TEXT", help="What it is for.")
@options.on
@options.writes
def transfer(
    ledger: Ledger, source: str, to: str, amount: Amount, arrives: Amount | None, fee: Amount | None, text: str,
    on: date,
) -> None:  # fmt: skip
    """Record that AMOUNT went from one bank account of ours to another, and print the number of the entry.

    Between currencies, what was exchanged is measured at the rates of the day: the rest is gained or lost. Lines of
    statements on both sides are found to be this entry. `bo journal reverse` takes it back.

    \b
    Example: bo bank transfer MAIN SAVINGS 500.00
             bo bank transfer MAIN DOLLARS 920.00 --arrives 1000.00 --fee 4.50 --on 2026-03-02
    """
    from bo.bank import transferring

    ours, other = named(ledger, source), named(ledger, to)
    tell(ledger.commit(lambda tx: transferring.transfer(ledger, tx, ours, other, amount, arrives, fee, on, text)))


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
@options.mapped
@options.save_map
@options.accept_valid
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

    Columns of a CSV that cannot be told by their names are told in a mapping: {"columns": {"on": "Dato", "text":
    "Tekst", "amount": "Beløp"}, "dates": "%d.%m.%Y", "decimals": ","}. Fields: on; amount, or in and out; balance,
    value_on, currency, counterpart, iban, text, reference, end_to_end, kind, sign; from and to, where each party has a
    column of its own; fee, taken besides the amount; gross, of which charges were kept back; document, the number of an
    invoice; status, of which rows that are pending are left out; account, of which those of other accounts are.

    \b
    Example: bo bank import MAIN statement.xml --dry-run
             bo bank import MAIN export.csv --map bank.json --save-map mybank
    """
    from bo.bank import importing

    tell(importing.import_file(ledger, named(ledger, bank), file, map_name, save_as, accept_valid, goes_on))


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
    return banklists.statements(views, named(ledger, bank), as_of, limit)


@bank.command()
@_bank
@click.option("--status", type=click.Choice(STATUSES), help="Only what stands so.")
@options.rows
@options.ledger
def lines(
    ledger: Ledger, bank: str, status: str | None, as_of: date | None, known_at: int | date | None, limit: int | None,
    totals: bool,
) -> list[Listed]:  # fmt: skip
    """List the lines of statements, the newest first, with what each was found to be.

    The text of a batch is what the bank says of the payments within it: in tables of some, in JSON and CSV of all.

    \b
    Example: bo bank lines --status open --bank MAIN
    """
    from projections import banklists
    from projections.core import open_views

    views = open_views(ledger, known_at, only=("Banks",))
    return banklists.lines(views, named(ledger, bank), status or "", as_of, limit, few=totals)


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

    return suggesting.suggest(ledger, named(ledger, bank), only, confirm, limit)


@bank.command()
@_line
@options.reference(
    "targets", "invoice", "bill", "payment", "customer", "vendor", metavar="[TARGET[=AMOUNT]]…", nargs=-1
)
@click.option("--rest", default="", metavar="ACCOUNT", help="Where a difference goes, such as @bank-charges.")
@click.option("--booked", type=options.DAY, metavar="DAY", help="When it counts, if its own day is closed.")
@options.writes
def confirm(ledger: Ledger, line: str, targets: tuple[str, ...], rest: str, booked: date | None) -> None:
    """Confirm what LINE is: what a rule suggests, or one or more targets.

    A TARGET is an invoice or bill, which the line pays; a payment or an entry that was recorded by hand; a batch of
    payments, or a line of it as BATCH-2026-0001-2; a customer or vendor, whose credit or advance it is; an account,
    written account/6500 or @bank-charges; or the line of another account of ours, which was confirmed to go to this
    one. What is more than owing stays as credit, unless --rest names an account.

    A line that goes the other way than a payment returns it: what the payment settled is open again.

    \b
    Example: bo bank confirm L-7K3FQ
             bo bank confirm L-7K3FQ INV-2026-0001 INV-2026-0002=60.00
             bo bank confirm L-7K3FQ INV-2026-0003 --rest @discount
             bo bank confirm L-7K3FQ PAY-2026-0004=119.00 @bank-charges
    """
    from bo.bank import confirming

    tell(ledger.commit(confirming.confirming(ledger, line, targets, rest, booked)))


@bank.command()
@_line
@click.option("--on", type=options.DAY, metavar="DAY", help="When it counts; the day of the match, if not said.")
@options.reason
@options.writes
def undo(ledger: Ledger, line: str, on: date | None) -> None:
    """Take back what LINE was confirmed to be: payments it made are voided, what it posted is reversed.

    \b
    Example: bo bank undo L-7K3FQ --reason "it was the invoice before"
    """
    from bo.bank import undoing

    tell(ledger.commit(undoing.undoing(ledger, line, on)))


bank.add_command(rules)
