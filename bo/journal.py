"""What this device leaves in its journal: refusals, and reads of confidential compartments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.core import DIRECTORY
from aggregates.journal import Denied, Looked
from store.control import READ
from store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.ledger import Ledger
    from store.transaction import Transaction


def denied(ledger: Ledger, why: str) -> None:
    """Record a refused attempt, where the author may read; a journal that cannot be written is only a warning."""
    from store.writing import attempt

    def work(tx: Transaction) -> None:
        home = ledger.home_compartment or DIRECTORY
        readable = tx.people.may(tx.person, READ, home, tx.now) and tx.device in tx.people.recipients(home)
        tx.journal(home if readable else DIRECTORY, Denied(ledger.command, why))

    try:
        attempt(ledger, work)
    except StoreError as problem:
        ledger.warn(f"the refusal could not be recorded: {problem}")


def looked(ledger: Ledger, compartment: int, references: Iterable[str]) -> None:
    """Record that a command showed records of a confidential compartment."""
    from store.writing import attempt

    shown = tuple(sorted(set(references)))
    if shown:
        attempt(ledger, lambda tx: tx.journal(compartment, Looked(ledger.command, shown)))
