"""What the reports on customers and vendors share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.clock import today
from projections import controls, openitems, references
from projections.core import open_views

if TYPE_CHECKING:
    from datetime import date

    from projections.openitems import Item
    from store.ledger import Ledger

VIEWS = ("Books", "Journals", "Periods", "Invoices", "Bills", "Payments", "References", "Disputes")


def listed(
    ledger: Ledger, control: str, party: str, as_of: date | None, known_at: int | date | None, totals: bool,
    limit: int | None,
) -> list[Item]:  # fmt: skip
    """The open items of a control account, of one party if it is named, at the end of a day or of today."""
    views = open_views(ledger, known_at, only=VIEWS)
    ref = references.resolve(views, party, controls.KINDS[control]).ref if party else ""
    return openitems.open_items(views, control, as_of or today(), ref, totals, limit)
