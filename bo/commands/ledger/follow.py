"""Keep your views up to date while others work, and print what happens."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from bo.session import Session


@click.command
@click.option("--once", is_flag=True, help="Bring the views up to date and end: for cron.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
@click.option("--format", type=click.Choice(["jsonl"]), help="The same as --json.")
@click.option("--since", type=click.IntRange(min=0), metavar="POSITION", help="With --json: from after this position.")
@options.ledger
def follow(ledger: Session, once: bool, as_json: bool, format: str | None, since: int | None) -> None:
    """Keep your views up to date while others work, and print what happens.

    A ledger on PostgreSQL tells when something is recorded, a folder is looked at each second. With --json
    each event that your device may read is a line on stdout: position, at, who, device, command, stream, type,
    changes, reason. Whoever kept the position of the last line he dealt with goes on there by --since;
    without it, what happens from now on is printed. What your device is allowed to read later of the past is not
    told again.

    A server that goes away is waited for. SIGTERM ends it with 0, Ctrl-C with 130, both between two lines.

    \b
    Example: bo follow --json --since 1200
             bo follow --once --quiet
    """
    from bo.following import Ended, Follower, Signals
    from store.watching import watch

    printing = as_json or format is not None
    if since is not None and not printing:
        raise click.UsageError("--since goes with --json: it says from where on events are printed")
    signals, watched = Signals(), watch(ledger.at)
    click.get_current_context().call_on_close(watched.close)
    with suppress(Ended), signals.heeded():
        follower = Follower(ledger, watched, signals, printing=printing, since=since)
        if once:
            follower.catch_up()
        else:
            follower.stay()
