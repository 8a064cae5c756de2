"""The amounts from which a journal entry needs another person's approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bo.amounts import Amount
    from projections.journals import Limit
    from store.ledger import Ledger


def _writes(command: Callable[..., None]) -> Callable[..., None]:
    return options.reason(options.writes(command))


@click.group(help=__doc__)
def limit() -> None: ...


@limit.command("list")
@options.rows
@options.ledger
def list_(ledger: Ledger, known_at: int | None) -> list[Limit]:
    """List the limit, an amount for each currency, and what is proposed instead.

    \b
    Example: bo journal limit list
    """
    from projections import journals
    from projections.core import open_views

    return journals.limits(open_views(ledger, known_at, only=("Journals", "Directory")))


@limit.command("set")
@click.argument("amounts", nargs=-1, required=True, type=options.MONEY, metavar="AMOUNT…")
@_writes
def set_(ledger: Ledger, amounts: tuple[Amount, ...]) -> None:
    """Let every entry whose debits come to AMOUNT wait for another person's approval.

    An amount for each currency, all in one command: where there is a limit, entries in a currency without one always
    wait. Whoever may approve in finance tightens it; to loosen it, another runs the same command. Setting what is in
    force ends a proposal. What was proposed before stays so. Several small entries avoid the limit: look at them.

    \b
    Example: bo journal limit set 5000 --reason "four eyes on large entries"
             bo journal limit set 5000 "4000 USD" --reason "we book in dollars, too"
    """
    _change(ledger, amounts)


@limit.command()
@_writes
def lift(ledger: Ledger) -> None:
    """Propose to let no entry wait any more, or agree to what another person proposed.

    \b
    Example: bo journal limit lift --reason "the auditors do it now"
    """
    _change(ledger, ())


def _change(ledger: Ledger, amounts: Sequence[Amount]) -> None:
    from bo import errors, journaling

    result, remark = ledger.commit(lambda tx: journaling.change_limit(ledger, tx, amounts))
    click.echo(result)
    errors.note(remark)
