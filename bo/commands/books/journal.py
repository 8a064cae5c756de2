"""Post entries that follow from no document, approve them over a limit, see and reverse them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.journal_limit import limit
from bo.journal_template import template as templates
from bo.telling import tell

if TYPE_CHECKING:
    from datetime import date

    from aggregates.written import Kind
    from bo.inputs import Source
    from projections.journals import Entry, Listed
    from projections.trail import Entry as Past
    from store.ledger import Ledger
    from store.transaction import Transaction

_number = options.reference("number", "entry", metavar="NUMBER")


@click.group(help=__doc__)
def journal() -> None: ...


journal.add_command(limit)
journal.add_command(templates)


@journal.command()
@click.option("--line", "lines", multiple=True, metavar="LINE", help="ACCOUNT;DEBIT;CREDIT;TEXT")
@options.from_file
@options.link("--template", kinds=("journal-template",), metavar="NAME", help="The lines of this template.")
@click.option("--var", "variables", multiple=True, metavar="NAME=AMOUNT", help="An amount that the template takes.")
@click.option("--amount", metavar="AMOUNT", help="The same as --var amount=AMOUNT.")
@click.option("--text", default="", metavar="TEXT", help="What it is for; that of its first line, if not said.")
@click.option("--dimension", "tags", multiple=True, metavar="NAME=VALUE", help="On every line, as cost-centre=NORTH.")
@options.link("--doc", "documents", kinds=("document",), multiple=True, metavar="REF", help="The paper that proves it.")
@click.option("--reverse-on", type=options.DAY, metavar="DAY", help="An accrual: it takes itself back on this day.")
@click.option("--opening", is_flag=True, help="It carries opening balances.")
@click.option("--adjusting", is_flag=True, help="It adjusts a period that is being closed.")
@options.on
@options.writes
def add(
    ledger: Ledger, lines: tuple[str, ...], source: Source | None, template: str | None, variables: tuple[str, ...],
    amount: str | None, text: str, tags: tuple[str, ...], documents: tuple[str, ...], reverse_on: date | None,
    opening: bool, adjusting: bool, on: date,
) -> None:  # fmt: skip
    """Post a balanced entry and print its number.

    An account is a number, its beginning, its name, or a role as @bank; a control account stands with its party, as in
    "1300 customer/C-1;100;". Amounts are in the ledger's currency unless it stands beside them. --from takes JSON:
    {"text": "Rent", "lines": [{"account": "6200", "debit": "900.00", "text": "March", "dimensions": []}, …]}.

    Whose debits come to the limit of `bo journal limit` is proposed: it has its number, and posts nothing before
    another person approves it. So it is with every entry: reversals, accruals, recurring and imported ones, year ends.

    \b
    Example: bo journal add --on 2026-03-01 --line "6200;900.00;;Rent for March" --line "1200;;900.00"
             bo journal add --template WAGES --var gross=3000 --var net=1900 --on 2026-03-31
             bo journal add --on 2026-12-31 --line "6500;80;;Fees" --line "2100 vendor/V-1;;80" --reverse-on 2027-01-01
    """
    from bo import journaling, templating

    if opening and (adjusting or reverse_on):
        raise click.UsageError("--opening goes neither with --adjusting nor with --reverse-on")
    if template is None and (variables or amount is not None):
        raise click.UsageError("--var and --amount go with --template")
    if template is not None and (lines or source):
        raise click.UsageError("the lines stand in the template: --line and --from go without it")
    said = journaling.read(source)
    written = journaling.lines(source, said, lines)
    given = templating.given(variables, amount)
    key = "" if template is None else templating.template(ledger, template)
    kind: Kind = "opening" if opening else "adjusting" if adjusting else "normal"
    papers = (*said.get("documents", ()), *documents)

    def work(tx: Transaction) -> list[str]:
        if key:
            about, postings = templating.filled(ledger, tx, key, given, on, tags)
        else:
            about, postings = said.get("text", ""), journaling.typed(ledger, tx, written, tags)
        return journaling.add(ledger, tx, on, text or about, postings, papers, kind, reverse_on)

    tell(ledger.commit(work))


@journal.command()
@_number
@options.on
@options.reason
@options.writes
def reverse(ledger: Ledger, number: str, on: date) -> None:
    """Take an entry back by its opposite, and print the number of that one.

    Over the limit it is proposed, whoever approved the entry itself, which stands until that is approved, too.
    What an accrual takes back by itself is approved with it.

    \b
    Example: bo journal reverse JE-2026-0003 --on 2026-04-01 --reason "posted twice"
    """
    from bo import journaling

    key = journaling.entry(ledger, number)
    tell(ledger.commit(lambda tx: journaling.reverse(ledger, tx, key, on)))


@journal.command()
@_number
@click.option("--seen", default="", metavar="DIGEST", help="What `bo journal show` printed: refused for anything else.")
@options.writes
def approve(ledger: Ledger, number: str, seen: str) -> None:
    """Approve the entry NUMBER, which another person proposed: it is posted for its own day, if that is open.

    \b
    Example: bo journal approve JE-2026-0007 --seen 3f2a9c1d
    """
    from bo import journaling

    key = journaling.entry(ledger, number)
    digest = seen or journaling.digest(ledger, key)
    tell(ledger.commit(lambda tx: journaling.approve(tx, key, digest)))


@journal.command()
@_number
@options.reason
@options.writes
def refuse(ledger: Ledger, number: str, reason: str) -> None:
    """Refuse the entry NUMBER, which another person proposed, or withdraw your own. The number stays occupied.

    \b
    Example: bo journal refuse JE-2026-0007 --reason "belongs to the next year"
    """
    from bo import journaling

    key = journaling.entry(ledger, number)
    tell(ledger.commit(lambda tx: journaling.refuse(tx, key, reason)))


@journal.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, as_of: date | None, known_at: int | date | None, limit: int | None) -> list[Listed]:
    """List the entries that persons wrote, the newest first, those that wait for an approval among them.

    `bo report journal` shows all entries of the books.

    \b
    Example: bo journal list --as-of 2026-03-31
    """
    from projections import journals
    from projections.core import open_views

    return journals.listed(open_views(ledger, known_at, only=("Books", "Journals")), as_of, limit)


@journal.command()
@_number
@options.shown
@options.ledger
def show(ledger: Ledger, number: str, known_at: int | date | None) -> Entry:
    """Show an entry with its lines; while it waits for an approval, with the digest that one is bound to.

    \b
    Example: bo journal show JE-2026-0001
    """
    from projections import journals
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Books", "Journals", "References", "Directory"))
    found = journals.shown(views, resolve(views, number, "entry").ref)
    if found.state == "proposed" and known_at is None:
        from bo import journaling

        found.digest = journaling.digest(ledger, found.number)
    return found


@journal.command()
@_number
@options.rows
@options.ledger
def history(ledger: Ledger, number: str, known_at: int | date | None) -> list[Past]:
    """Tell all that was recorded of an entry: when, by whom, what, and why.

    \b
    Example: bo journal history JE-2026-0001
    """
    from projections import trail
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Trail", "Directory", "References"))
    return trail.entries(views, resolve(views, number, "entry").stream)[0]
