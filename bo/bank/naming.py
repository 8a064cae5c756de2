"""Which bank account a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.ledger import Ledger


def named(ledger: Ledger, text: str) -> str:
    """The reference of the bank account that is meant, "" when none was named."""
    if not text:
        return ""
    from projections.core import open_views
    from projections.references import resolve

    return resolve(open_views(ledger), text, "bank").key
