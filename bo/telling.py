"""What a command that records something says: its result to stdout, remarks to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.ledger import Ledger
    from store.transaction import Transaction


def record(ledger: Ledger, work: Callable[[Transaction], list[str]]) -> None:
    """One commit; `work` gives what to tell of it."""
    tell(ledger.commit(work))


def tell(said: list[str]) -> None:
    """The result, and remarks after it; the latter not with --quiet."""
    from bo import errors

    result, *remarks = said
    click.echo(result)
    for remark in remarks:
        errors.note(remark)
