"""`bo export datev`: bookings for a tax adviser's program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from bo.dates import Period
    from store.ledger import Ledger


@click.command()
@options.period_needed
@click.option("--consultant", type=click.IntRange(1001, 9_999_999), required=True, help="The adviser's number.")
@click.option("--client", type=click.IntRange(1, 99_999), required=True, help="The client's number there.")
@options.output
@options.force
@options.ledger
def datev(ledger: Ledger, period: Period, consultant: int, client: int, output: str | None, force: bool) -> None:
    """Export the entries of a period as a DATEV batch of bookings (EXTF 700, Buchungsstapel 13).

    An entry of several lines becomes pairs of an account and its counterpart, in the ledger's own currency. Accounts
    have digits only. Control accounts stand for their parties, who are named beside them; no tax key is given, for
    every entry has its tax lines already. Beside them stands which tax it is; that of the debit and then that of the
    credit, where they differ.

    \b
    Example: bo export datev --period 2026-03 --consultant 1001 --client 1 -o EXTF_2026-03.csv
    """
    from bo import files
    from bo.datev import Batch, Office
    from projections.core import open_views

    batch = Batch(open_views(ledger), period, Office(consultant, client))
    files.hand_over(output, batch.pieces(), force=force)
