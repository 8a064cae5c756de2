"""What was said before the noun: which ledger, who acts, how much to say."""

from typing import NamedTuple


class Settings(NamedTuple):
    ledger: str | None = None
    device: str | None = None
    passphrase_fd: int | None = None
    quiet: bool = False
    verbose: bool = False
    may_ask: bool = True
    """False in completion: a passphrase is never asked for."""


_current = Settings()


def current() -> Settings:
    return _current


def use(settings: Settings) -> None:
    """Called once, by the root command, before the noun's module is loaded."""
    global _current
    _current = settings
