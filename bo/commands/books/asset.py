"""Keep fixed assets: what they cost, what they lose month by month, and how they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options, params
from bo.telling import tell

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from aggregates.fixedasset import Method
    from bo.amounts import Amount
    from bo.assets import Shown
    from projections.assets import Asset
    from projections.trail import Entry
    from store.ledger import Ledger


class Life(params.Parsed):
    name = "life"

    def parse(self, text: str) -> int:
        from bo.assets import life

        return life(text)


_ref = options.reference("ref", "fixedasset", metavar="REF")


@click.group(help=__doc__)
def asset() -> None: ...


@asset.command()
@click.argument("ref")
@click.option("--name", required=True, metavar="TEXT", help="What it is.")
@click.option(
    "--cost", type=options.MONEY, metavar="AMOUNT", help="Net of tax; what --bill has for assets, if not said."
)
@click.option("--life", type=Life(), required=True, metavar="LIFE", help="5y, 60m or 5y6m, from the month of --on.")
@click.option("--method", type=click.Choice(("straight-line", "declining")), default="straight-line", show_default=True)
@click.option("--rate", type=options.DECIMAL, default="0", metavar="PERCENT", help="A year, of its declining value.")
@click.option(
    "--residual", type=options.MONEY, metavar="AMOUNT", help="What remains of it at last; nothing, if not said."
)
@click.option("--against", default="", metavar="ACCOUNT", help="Where its cost came from; @bank, if not said.")
@options.link("--bill", kinds=("bill",), default="", metavar="NUMBER", help="The bill that posted it to @asset-cost.")
@options.link(
    "--record", kinds=("asset",), default="", metavar="REF", help="Its inventory card: a record of kind asset."
)
@options.on
@options.writes
def add(
    ledger: Ledger, ref: str, name: str, cost: Amount | None, life: int, method: Method, rate: Decimal,
    residual: Amount | None, against: str, bill: str, record: str, on: date,
) -> None:  # fmt: skip
    """Acquire an asset under REF, and post what it cost.

    It loses its value from the month of --on, evenly over its life, or by a percentage of what it is worth when a year
    begins until an even share is more. With --bill nothing is posted: the bill did, and its day is meant if none is
    said. A discount that we took for paying it early stands among discounts received: to take it off what the asset
    cost, say the lesser --cost, and move the rest as in the last example.

    \b
    Example: bo asset add VAN-1 --name "Delivery van" --on 2026-03-10 --cost 30000 --life 6y --residual 1
             bo asset add PC-1 --name Computer --bill BILL-2026-0007 --life 3y --method declining --rate 40
             bo journal add --text "Discount on PC-1" --line "@discount-received;40;" --line "@asset-cost;;40"
    """
    from bo import assets

    said = click.get_current_context().get_parameter_source("on") is not click.core.ParameterSource.DEFAULT
    wanted = assets.Wanted(
        name, on if said or not bill else None, cost, residual, method, life, rate, against, bill, record
    )
    tell(ledger.commit(lambda tx: assets.add(ledger, tx, ref, wanted)))


@asset.command()
@options.reference("refs", "fixedasset", metavar="[REF]…", nargs=-1)
@click.option(
    "--through", type=options.LAST_DAY, metavar="PERIOD", help="The last month; the last that is over, if not said."
)
@click.option("--booked", type=options.DAY, metavar="DAY", help="When months before it count, if they are closed.")
@options.dry_run
@options.ledger
def depreciate(
    ledger: Ledger, refs: tuple[str, ...], through: date | None, booked: date | None
) -> None:  # fmt: skip
    """Post what assets lost up to the end of a month: of all, or of those named.

    Run it twice, or month by month: each month is posted once. Where a rule refuses some, the others are depreciated,
    and it ends with 8.

    \b
    Example: bo asset depreciate --through 2026-03
    """
    from aggregates.core import require
    from aggregates.spread import month_end
    from bo import assets
    from bo.clock import today

    last = month_end(today(), 0)
    through = through or (last if last == today() else month_end(today(), -1))
    require(through <= last, f"{through} is yet to come: what an asset loses is posted when the month ends")
    for said in assets.depreciate(ledger, [assets.asset(ledger, each) for each in refs], through, booked):
        tell(said)


@asset.command()
@_ref
@click.option(
    "--for", "proceeds", type=options.MONEY, default="0", metavar="AMOUNT", help="What it brought, net of tax."
)
@click.option("--to", default="@bank", show_default=True, metavar="ACCOUNT", help="Where that went.")
@options.on
@options.reason
@options.writes
def dispose(ledger: Ledger, ref: str, proceeds: Amount, to: str, on: date, reason: str) -> None:
    """Take an asset out of the books: sold, scrapped or lost. What it brought more or less is gain or loss.

    The months before are depreciated, that in which it goes is not.

    \b
    Example: bo asset dispose VAN-1 --on 2028-06-15 --for 12000 --reason "sold to the driver"
    """
    from bo import assets

    key = assets.asset(ledger, ref)
    tell(ledger.commit(lambda tx: assets.dispose(ledger, tx, key, on, proceeds, to, reason)))


@asset.command()
@_ref
@options.on
@options.reason
@options.writes
def void(ledger: Ledger, ref: str, on: date, reason: str) -> None:
    """Void an asset that was entered wrongly: what it cost and has lost is taken back. The reference stays occupied.

    What its bill posted stays, and is free for an asset that is right.

    \b
    Example: bo asset void VAN-1 --reason "its life is 8 years"
    """
    from bo import assets

    key = assets.asset(ledger, ref)
    tell(ledger.commit(lambda tx: assets.void(tx, key, on, reason)))


@asset.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, as_of: date | None, known_at: int | date | None) -> list[Asset]:
    """List assets with what they are worth in the books.

    \b
    Example: bo asset list --as-of 2026-12-31
    """
    from projections import assets
    from projections.core import open_views

    return assets.listed(open_views(ledger, known_at, only=("Assets",)), as_of)


@asset.command()
@_ref
@options.shown
@options.ledger
def show(ledger: Ledger, ref: str, as_of: date | None, known_at: int | date | None) -> Shown:
    """Show an asset and its schedule, month by month.

    \b
    Example: bo asset show VAN-1
    """
    from bo import assets
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Assets", "References"))
    return assets.shown(views, resolve(views, ref, "fixedasset").ref, as_of)


@asset.command()
@_ref
@options.rows
@options.ledger
def history(ledger: Ledger, ref: str, known_at: int | date | None) -> list[Entry]:
    """Tell all that was recorded of an asset: when, by whom, what, and why.

    \b
    Example: bo asset history VAN-1
    """
    from projections import trail
    from projections.core import open_views
    from projections.references import resolve

    views = open_views(ledger, known_at, only=("Trail", "Directory", "References"))
    return trail.entries(views, resolve(views, ref, "fixedasset").stream)[0]
