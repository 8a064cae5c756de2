"""Bank accounts whose balance at the bank and in the books differ by more than is open between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.checks import Asked, Open
from projections import reconciliation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    for row in reconciliation.differences(views, asked.last):
        what = f"a difference that nothing explains: `bo report bank-reconciliation {row.bank}`"
        yield Open("bank-reconciliation", row.bank, what, row.on, row.currency, row.amount)
