"""The stage: runs bo's own commands for one of several persons, at any moment of the past."""

from __future__ import annotations

import os
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING

from bo import cli, session, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bo.session import Session

OURS = ("BO_HOME", "BO_LEDGER", "BO_NOW", "BO_DEVICE", "BO_PASSPHRASE_FILE", "CREDENTIALS_DIRECTORY", "BO_DEBUG")


class Stage:
    """Everything stands in one folder: `books` is the ledger, and each person has a home of his own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.books = folder, folder / "books"
        self._now = datetime.now(UTC)

    def home(self, actor: str) -> Path:
        return self.folder / actor

    def say(self, actor: str, at: datetime, *words: str) -> str:
        """What a command prints when this person gives it at that time. Its errors come out as they are."""
        printed = StringIO()
        with self._as(actor, at), redirect_stdout(printed), redirect_stderr(StringIO()):
            cli.run(list(words))
        return printed.getvalue().rstrip("\n")

    @contextmanager
    def opened(self, actor: str) -> Iterator[Session]:
        """The ledger for many commits in a row; `at` says when the next one is."""
        with self._as(actor, self._now):
            ledger = session.open_ledger(settings.current())
        ledger.clock = lambda: round(self._now.timestamp() * 1000)
        try:
            yield ledger
        finally:
            ledger.close()

    def at(self, when: datetime) -> None:
        self._now = when

    @contextmanager
    def _as(self, actor: str, at: datetime) -> Iterator[None]:
        before = {name: os.environ.pop(name, None) for name in OURS}
        said = settings.current()
        os.environ |= {"BO_HOME": str(self.home(actor)), "BO_LEDGER": str(self.books), "BO_NOW": at.isoformat()}
        settings.use(settings.Settings(may_ask=False))
        try:
            yield
        finally:
            settings.use(said)
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
