"""Around a command with a ledger: what it was asked, what it would record, and that what it recorded stays so."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bo.session import Session
    from store.ledger import Ledger


def told(opened: Session, context: click.Context) -> None:
    """Tell the ledger what was asked of it."""
    said = context.params
    opened.command = context.command_path.removeprefix("bo ")
    opened.reason, opened.key = said.get("reason") or "", said.get("key") or ""
    opened.unexplained = "reason" in said and said["reason"] is None
    opened.recording, opened.dry_run = "dry_run" in said, bool(said.get("dry_run"))
    if opened.key:
        from hashlib import sha256

        asked = [
            (name, value)
            for name, value in sorted(said.items())
            if name not in ("key", "dry_run", "yes")
            and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        ]  # what was not said has no part in it: the same words tomorrow are the same request
        opened.request = sha256(repr((opened.command, asked)).encode()).digest()


@contextmanager
def heard(opened: Session) -> Iterator[None]:
    """What was recorded stays so when its result cannot be printed: say it, or somebody records it twice."""
    try:
        yield
        if opened.recorded:
            sys.stdout.flush()
    except OSError as problem:
        if not opened.recorded or problem.filename or isinstance(problem, BrokenPipeError):
            raise
        from bo.files import reason
        from store.errors import Unavailable

        said = f"recorded, but its result could not be written to stdout: {reason(problem)}"
        raise Unavailable(said) from problem


def show_plan(opened: Ledger) -> None:
    """What a dry run would have recorded, an event a line."""
    if opened.planned:
        import msgspec

        from bo import errors

        for stream, event, _ in opened.planned:
            errors.tell(f"would record {stream}: {msgspec.json.encode(event).decode()}")
