"""Keep your device's key in memory for a while, so that its passphrase is not asked each time."""

from __future__ import annotations

import click

from bo import errors, settings
from bo.params import Parsed

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST = 7 * 86_400


class Span(Parsed):
    """`8h`, `30m`, `1d`: seconds."""

    name = "time"

    def parse(self, text: str) -> int:
        number, unit = text[:-1], text[-1:]
        if unit not in UNITS or not (number.isascii() and number.isdigit() and len(number) < 9):
            raise ValueError(f"{text} is no time: say it like 30m, 8h or 1d")
        seconds = int(number) * UNITS[unit]
        if not 0 < seconds <= LONGEST:
            raise ValueError(f"{text} is too long or no time at all: at most 7d")
        return seconds


@click.command
@click.option("--for", "seconds", type=Span(), help="How long; 8h where the configuration does not say.")
def unlock(seconds: int | None) -> None:
    """Keep your device's key in memory for a while, so that its passphrase is not asked each time.

    A process of yours holds it, gives it to your own programs alone, and ends by itself. Enrolling people,
    granting rights and erasing ask for the passphrase all the same.

    \b
    Example: bo unlock --for 4h
    """
    from bo import agent, session
    from store import device as devices

    home, file = session.chosen(settings.current())
    if file.kdf is None:
        errors.tell(f"the device {file.name} has no passphrase: it is always open")
        return
    opened = devices.unlock(file, lambda: session.passphrase(settings.current(), file.name))
    spoken = seconds or Span().convert(session.configured(home, "unlock") or "8h", None, None)
    agent.start(home, file.device, opened.secrets, spoken)
    click.echo(file.name)
