"""Show and change what bo assumes where you do not say it."""

from __future__ import annotations

import os

import click
import msgspec

from bo import options


class Setting(msgspec.Struct):
    setting: str
    value: str
    source: str
    """Where the value comes from: the environment, the configuration file, or how things are by themselves."""


@click.group(help=__doc__)
def config() -> None: ...


@config.command()
@options.rows
def show() -> list[Setting]:
    """List what is assumed, and where each value comes from.

    \b
    Example: bo config show
    """
    from bo import agent
    from bo import config as settings
    from store.home import Home

    home = Home()
    said = settings.load(home)
    found = [_chosen(name, said) for name in settings.KNOWN]
    runtime = "XDG_RUNTIME_DIR" if agent.folder(home).parent != home.root else _root()
    return [
        *found,
        Setting("home", str(home.root), _root()),
        Setting("views", str(home.views), "BO_HOME" if "BO_HOME" in os.environ else "XDG_CACHE_HOME"),
        Setting("agent", str(agent.folder(home)), runtime),
    ]


@config.command("set")
@click.argument("name")
@click.argument("value")
def set_(name: str, value: str) -> None:
    """Write VALUE for NAME into the configuration file; an empty value removes it.

    \b
    Example: bo config set ledger ~/books/acme
    """
    from bo import config as settings
    from bo.session import find
    from bo.settings import Settings
    from store.home import Home
    from store.place import settled

    home = Home()
    if name == "ledger" and value:
        value = str(settled(find(Settings(value), home)))
    if name == "device" and value and not home.device_file(value).is_file():
        from store.errors import NotFound

        there = ", ".join(sorted(path.stem for path in home.devices.glob("*.json"))) or "none"
        raise NotFound(f"there is no device {value} here: there are {there}")
    if name == "unlock" and value:
        from bo.commands.ledger.unlock import Span

        Span().convert(value, None, None)
    settings.save(home, name, value)


def _chosen(name: str, said: dict[str, str]) -> Setting:
    variable = {"ledger": "BO_LEDGER", "device": "BO_DEVICE"}.get(name, "")
    if variable and os.environ.get(variable):
        return Setting(name, _shown(os.environ[variable]), variable)
    if said.get(name):
        return Setting(name, _shown(said[name]), "configuration")
    return Setting(name, "8h" if name == "unlock" else "", "default")


def _shown(value: str) -> str:
    """A URL without the password in it."""
    from store.place import is_url, place_of

    return str(place_of(value)) if is_url(value) else value


def _root() -> str:
    return next((name for name in ("BO_HOME", "XDG_CONFIG_HOME") if os.environ.get(name)), "default")
