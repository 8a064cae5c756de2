"""What the asset commands do inside a commit, and the schedule of an asset."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from aggregates.bill import Bill
from aggregates.core import FINANCE, Refused, require
from aggregates.fixedasset import FixedAsset, Method
from aggregates.money import Money, exact
from aggregates.spread import month_end
from aggregates.text import reference
from bo import books, cron
from projections import accounts, assets, references
from projections.core import Minor, open_views

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from decimal import Decimal

    from bo.amounts import Amount
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

_LIFE = re.compile(r"(?=[0-9])(?:([0-9]{1,3})y)?(?:([0-9]{1,4})m)?")


def life(said: str) -> int:
    """Months of `5y`, `60m` or `5y6m`. Raises ValueError with a sentence."""
    match = _LIFE.fullmatch(said)
    if not match:
        raise ValueError(f"{said} is no life: write it as 5y, 60m or 5y6m")
    return int(match[1] or 0) * 12 + int(match[2] or 0)


def asset(ledger: Ledger, said: str) -> str:
    """The reference of the asset that is meant."""
    return references.resolve(open_views(ledger), said, "fixedasset").key


class Wanted(NamedTuple):
    """An asset as it was described; what it names is looked up under the lock."""

    name: str
    on: date | None
    """None is the day of its bill."""
    cost: Amount | None
    residual: Amount | None
    method: Method
    life: int
    rate: Decimal
    against: str
    bill: str
    record: str


def add(ledger: Ledger, tx: Transaction, ref: str, wanted: Wanted) -> list[str]:
    tx.begin(FINANCE)
    views = open_views(ledger)
    base = books.base(views)
    bill = references.resolve(views, wanted.bill, "bill").key if wanted.bill else ""
    found = references.resolve(views, wanted.record, "asset") if wanted.record else None
    cost = _money(wanted.cost, base) if wanted.cost else None
    against = ""
    if bill and not wanted.against:
        left = _billed(tx, bill, accounts.find(views, "@asset-cost"), assets.billed(views, bill))
        cost = cost or left
        same = cost.currency == left.currency
        require(same and cost <= left, f"{bill} has {left} left for assets, not {cost}")
    else:
        against = _account(views, wanted.against or "@bank")
    if cost is None:
        raise Refused("say what it cost: --cost AMOUNT")
    residual = _money(wanted.residual, cost.currency) if wanted.residual else Money(0, cost.currency)
    ref, on = reference(ref), wanted.on or tx.state(Bill, bill).posted
    acquired = tx.change(
        FixedAsset, ref, FixedAsset.acquire, wanted.name, on, cost, residual, wanted.method, wanted.life,
        wanted.rate, against, bill, found.stream if found else "",
    )  # fmt: skip
    where = f"as {bill} posted it" if not against else f"against {against}"
    return [ref, f"{acquired.name} at {cost}, {where}"]


def _money(amount: Amount, currency: str) -> Money:
    return Money.of(amount.decimal, amount.currency or currency)


def _account(views: Views, said: str) -> str:
    """An account that is posted to without a party."""
    account = books.chart(views).open(accounts.find(views, said))
    name = f"{account.number} {account.name}"
    require(not account.control, f"{name} is posted to by what we owe and are owed only: name another, or --bill")
    return account.number


def _billed(tx: Transaction, bill: str, account: str, taken: int) -> Money:
    """What a bill posted to the account of assets, less what assets took of it already."""
    state = tx.state(Bill, bill)
    require(not state.voided, f"{bill} was voided")
    billed = sum((each.net.minor for each in state.lines if each.account == account), 0)
    missing = f"{bill} has no line on {account}: say with --against where it stands"
    require(billed > 0, missing)
    require(billed > taken, f"all that {bill} has for assets belongs to others")
    return Money(billed - taken, state.currency)


def depreciate(ledger: Ledger, refs: Sequence[str], through: date, booked: date | None) -> Iterator[list[str]]:
    """What each asset lost in the months up to a day, a commit an asset; nothing where it is recorded already."""
    chosen = refs or [each.ref for each in assets.listed(open_views(ledger))]
    jobs = [(ref, partial(_told, ref, through, booked)) for ref in chosen]
    yield from filter(None, cron.run(ledger, "assets", jobs))


def _told(ref: str, through: date, booked: date | None, tx: Transaction) -> list[str]:
    lost = _depreciate(ref, through, booked, tx)
    return [ref, lost] if lost else []


def _depreciate(ref: str, through: date, booked: date | None, tx: Transaction) -> str:
    """How much for which months, "" for nothing."""
    lost = tx.change(FixedAsset, ref, FixedAsset.depreciate, through, booked)
    if not lost:
        return ""
    total = Money(sum(each.amount.minor for each in lost), lost[0].amount.currency)
    first, last = f"{lost[0].on:%Y-%m}", f"{lost[-1].on:%Y-%m}"
    return f"{total} for {first}" + (f" to {last}" if last != first else "")


def dispose(ledger: Ledger, tx: Transaction, ref: str, on: date, proceeds: Amount, to: str, reason: str) -> list[str]:
    """Depreciate what is missing of the months before, and take the asset out of the books."""
    tx.begin(FINANCE)
    lost = _depreciate(ref, month_end(on, -1), None, tx)
    state = tx.state(FixedAsset, ref)
    brought = _money(proceeds, state.cost.currency or books.base(open_views(ledger)))
    gone = tx.change(FixedAsset, ref, FixedAsset.dispose, on, brought, _account(open_views(ledger), to), reason)
    gain = gone.proceeds + gone.depreciated - gone.cost
    result = f"a gain of {gain}" if gain.minor > 0 else f"a loss of {-gain}" if gain else "neither gain nor loss"
    return [ref, *([f"depreciated before: {lost}"] if lost else []), f"{state.name} goes with {result}"]


def void(tx: Transaction, ref: str, on: date, reason: str) -> list[str]:
    gone = tx.change(FixedAsset, ref, FixedAsset.void, on, reason)
    lost = f", and {gone.depreciated} of depreciation" if gone.depreciated else ""
    back = f"{gone.cost} against {gone.against}{lost}" if gone.against else lost.removeprefix(", and ") or "nothing"
    return [ref, f"{tx.state(FixedAsset, ref).name} is voided: {back} is taken back"]


class Month(msgspec.Struct):
    month: str
    currency: str
    amount: Minor
    book: Minor
    recorded: bool


class Shown(assets.Asset):
    bill: str
    record: str
    schedule: list[Month]


def shown(views: Views, ref: str, as_of: date | None = None) -> Shown:
    """An asset and what it loses in each month of its life."""
    found = assets.listed(views, as_of, ref)
    require(found, f"{ref} was acquired after {as_of}")
    [asset], origin, done = found, assets.origin(views, ref), assets.losses(views, ref)
    state = FixedAsset(
        asset.name, asset.on, Money(asset.cost, asset.currency), Money(asset.residual, asset.currency),
        cast("Method", asset.method), asset.life, exact(asset.rate),
    )  # fmt: skip
    book, schedule = int(asset.cost), []
    for at, minor in enumerate(state.schedule()):
        month = f"{month_end(asset.on, at):%Y-%m}"
        book -= minor
        if (asset.disposed is None and asset.voided is None) or month in done:
            schedule.append(Month(month, asset.currency, Minor(minor), Minor(book), month in done))
    bill, record = (origin.bill, origin.record) if origin else ("", "")
    return Shown(**msgspec.structs.asdict(asset), bill=bill, record=record, schedule=schedule)
