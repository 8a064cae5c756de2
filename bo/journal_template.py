"""Templates of journal entries: lines under a name, to be used with other amounts each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.telling import tell

if TYPE_CHECKING:
    from bo.inputs import Source
    from projections.entrytemplates import Listed, Template
    from projections.trail import Entry
    from store.ledger import Ledger

_name = options.reference("name", "journal-template", metavar="NAME")


@click.group(help=__doc__)
def template() -> None: ...


@template.command()
@click.argument("name")
@click.option("--line", "lines", multiple=True, metavar="LINE", help="ACCOUNT;DEBIT;CREDIT;TEXT")
@options.from_file
@click.option("--text", default="", metavar="TEXT", help="What its entries are for.")
@click.option("--dimension", "tags", multiple=True, metavar="NAME=VALUE", help="On every line, as cost-centre=NORTH.")
@options.writes
def add(
    ledger: Ledger, name: str, lines: tuple[str, ...], source: Source | None, text: str, tags: tuple[str, ...]
) -> None:
    """Keep lines under NAME; again, to change them. `bo journal add --template NAME` posts them.

    Lines are those of `bo journal add`. For an amount stands 900.00; or {net}, which is given when the template is
    used; or a share of that, 19% {net}; or, on one line, rest: what the others leave. In texts, {month} becomes 2026-03
    and {date} 2026-03-31.

    \b
    Example: bo journal template add RENT --text "Rent {month}" --line "6200;{amount};" --line "1200;;{amount}"
             bo journal template add WAGES --text "Wages {month}" --line "6100;{gross};;Gross"
                 --line "1200;;{net};Paid out" --line "2200;;rest;Withheld"
    """
    from bo import journaling, templating

    said = journaling.read(source)
    written = journaling.lines(source, said, lines)
    about = text or said.get("text", "")
    tell(ledger.commit(lambda tx: templating.define(ledger, tx, name, about, written, tags)))


@template.command()
@_name
@options.reason
@options.writes
def end(ledger: Ledger, name: str, reason: str) -> None:
    """Offer the template NAME no more. What was posted with it stays.

    \b
    Example: bo journal template end WAGES --reason "the payroll program does it"
    """
    from bo import templating

    key = templating.template(ledger, name)
    tell(ledger.commit(lambda tx: templating.end(tx, key, reason)))


@template.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, known_at: int | None) -> list[Listed]:
    """List the templates, and what each has to be given.

    \b
    Example: bo journal template list
    """
    from projections import entrytemplates
    from projections.core import open_views

    return entrytemplates.listed(open_views(ledger, known_at, only=("EntryTemplates",)))


@template.command()
@_name
@options.shown
@options.ledger
def show(ledger: Ledger, name: str, known_at: int | None) -> Template:
    """Show a template with its lines.

    \b
    Example: bo journal template show WAGES
    """
    from projections import entrytemplates
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("EntryTemplates", "References"))
    return entrytemplates.shown(views, resolve(views, name, "journal-template").ref)


@template.command()
@_name
@options.rows
@options.ledger
def history(ledger: Ledger, name: str, known_at: int | None) -> list[Entry]:
    """Tell all that was recorded of a template: when, by whom, what, and why.

    \b
    Example: bo journal template history WAGES
    """
    from projections import trail
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Trail", "Directory", "References"))
    return trail.entries(views, resolve(views, name, "journal-template").stream)[0]
