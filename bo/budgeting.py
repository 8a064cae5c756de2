"""What the budget commands do inside a commit: one budget, or those of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.budget import Budget
from aggregates.core import FINANCE, Refused, require
from aggregates.fields import Field
from aggregates.money import Money, parted
from bo import books, dates, mapping
from bo.importing import tell_findings
from bo.sheets import open_sheet
from projections import accounts, dimensions, periods
from projections.core import open_views
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bo.amounts import Amount
    from bo.dates import Period
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

FIELDS = (
    Field("account", required=True),
    Field("period", required=True),
    Field("amount", required=True),
    *map(Field, ("currency", "dimensions")),
)


def plan(
    ledger: Ledger, tx: Transaction, account: str, period: Period, amount: Amount, tags: Sequence[str]
) -> list[str]:
    """Plan an amount; without a currency it is in the ledger's own."""
    tx.begin(FINANCE)
    views = open_views(ledger)
    money = Money.of(amount.decimal, amount.currency or books.base(views))
    number, changed = _plan(views, tx, account, period, money, tags)
    months = " to ".join(sorted({f"{period.first:%Y-%m}", f"{period.last:%Y-%m}"}))
    return [number, f"{number} is planned for {months}" if changed else f"{number} is planned so already"]


def _plan(
    views: Views, tx: Transaction, account: str, period: Period, amount: Money, tags: Sequence[str]
) -> tuple[str, bool]:
    found = books.chart(views).open(accounts.find(views, account))
    known = dimensions.require_known(views, tuple(tags))
    planned = tx.change(Budget, found.number, Budget.plan, found, *period, amount, known)
    return found.number, bool(planned)


def adopt(ledger: Ledger, file: str) -> str:
    """Plan what a CSV file says: all of it or nothing."""
    sheet = open_sheet(file)
    rows = list(mapping.apply(mapping.automatic(sheet, FIELDS), sheet, FIELDS, None))
    tell_findings(sheet)
    require(not sheet.findings.errors, f"{sheet.findings}: nothing was imported")
    require(rows, f"{file} holds no budgets")

    def work(tx: Transaction) -> int:
        tx.begin(FINANCE)
        views, changed = open_views(ledger), 0
        base, start = books.base(views), periods.standing(views).year_start
        for line, texts in rows:
            try:
                number, currency = parted(texts["amount"])
                amount = Money.of(number, texts.get("currency", "").upper() or currency or base)
                period, tags = dates.period(texts["period"], start), texts.get("dimensions", "").split()
                changed += _plan(views, tx, texts["account"], period, amount, tags)[1]
            except (Refused, NotFound, ValueError) as no:
                raise Refused(f"{file}, line {line}: {no}: nothing was imported") from None
        return changed

    changed = ledger.commit(work)
    return f"{changed} budget{'' if changed == 1 else 's'} set, {len(rows) - changed} as they were"
