"""All rows of a ledger from one store to another, of whatever kind the two are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.backend import Backend

TABLES = ("leaf", "head", "wrapped", "slot")


def copy(source: Backend, target: Backend) -> None:
    """Fill an empty store with what stands in another at one moment. Nothing is judged: verify the copy."""
    with source.snapshot(), target.writing():
        for table in TABLES:
            target.pour(table, source.rows(table))
        target.commit()
