"""Keep the rules by which lines are matched, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options
from bo.bank.naming import named
from bo.telling import tell

if TYPE_CHECKING:
    from datetime import date

    from projections.banklists import Rule
    from store.ledger import Ledger


BY = ("text", "recorded", "own", "returned", "reference", "party", "amount")


@click.group(help=__doc__)
def rules() -> None: ...


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
@click.option("--by", type=click.Choice(BY), default="text", show_default=True, help="How it compares.")
@click.option("--days", type=click.IntRange(0), default=0, metavar="N", help="How far dates may lie apart.")
@click.option("--direction", type=click.Choice(("in", "out", "any")), default="any", show_default=True)
@options.link("--bank", kinds=("bank",), default="", metavar="BANK", help="Only of this bank account.")
@click.option("--at", "place", type=click.IntRange(1), metavar="PLACE", help="Before which rule; else behind all.")
@click.option("--suggest-only", is_flag=True, help="Never sure: `match --confirm` leaves it alone.")
@options.writes
def rules_add(
    ledger: Ledger, name: str, text: str, account: str, by: str, days: int, direction: str, bank: str,
    place: int | None, suggest_only: bool,
) -> None:  # fmt: skip
    """Add a rule of your own, such as one for bank charges.

    \b
    Example: bo bank rules add charges --text "account fee*" --account @bank-charges --at 1
    """
    from bo.bank import suggesting

    ours = named(ledger, bank)
    work = suggesting.adding(ledger, name, by, days, text, account, direction, ours, not suggest_only, place or 0)
    tell(ledger.commit(work))


@rules.command("remove")
@click.argument("name")
@options.writes
def rules_remove(ledger: Ledger, name: str) -> None:
    """Remove a rule; what it matched stays matched.

    \b
    Example: bo bank rules remove amount
    """
    from bo.bank import suggesting

    tell(ledger.commit(suggesting.removing(name)))
