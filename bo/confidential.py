"""Reads of confidential compartments: who is shown something from one leaves a line in his journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from projections.core import Views
    from store.ledger import Ledger


def looked(ledger: Ledger, views: Views, shown: Iterable[tuple[str, str]]) -> None:
    """Note what is about to be shown, as (compartment's name, `kind/reference`). Mostly there is nothing to note."""
    from projections.directory import compartments

    confidential = {one.name: one.number for one in compartments(views) if one.confidential}
    seen: dict[int, list[str]] = {}
    for name, reference in shown if confidential else ():
        if name in confidential:
            seen.setdefault(confidential[name], []).append(reference)
    if seen:
        from bo import journal

        for compartment, references in seen.items():
            journal.looked(ledger, compartment, references)
