"""The root of the command line: finds a noun by its file and loads that one."""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from bo import help, settings


class Root(click.Group):
    """Knows its commands from the folder; a module is imported when its noun is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in help.commands().values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section, names in help.commands().items():
            if cmd_name in names:
                return _load(section, cmd_name, os.path.basename(names[cmd_name])[:-3])  # noqa: PTH119
        return None

    def get_help(self, ctx: click.Context) -> str:
        return help.text()

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = [
            CompletionItem(name, help=help.summary(path))
            for names in help.commands().values()
            for name, path in names.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def _load(section: str, name: str, stem: str) -> click.Command:
    module = import_module(f"bo.commands.{section}.{stem}")
    command: click.Command = getattr(module, stem)
    command.name = name
    return command


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(help.version())
        ctx.exit()


def _named(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A variable in a script that was never set shall not choose what is acted on."""
    if value is not None and not value.strip() and not ctx.resilient_parsing:
        raise click.BadParameter(f"an empty name names no {param.name}", ctx, param)
    return value


@click.group(cls=Root, name="bo", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--ledger", "-L", callback=_named)
@click.option("--device", "-D", callback=_named)
@click.option("--passphrase-fd", type=click.IntRange(min=0), metavar="N")
@click.option("--quiet", is_flag=True)
@click.option("--verbose", is_flag=True)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version)
def root(ledger: str | None, device: str | None, passphrase_fd: int | None, quiet: bool, verbose: bool) -> None:
    settings.use(settings.Settings(ledger, device, passphrase_fd, quiet, verbose))


def run(words: list[str]) -> int:
    """Do what the words say. Errors come out as they are: `bo.errors` tells them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name outside the terminal's encoding is no crash
    if "_BO_COMPLETE" in os.environ:
        from bo import complete

        return complete.answer(root)
    with root.make_context("bo", words) as ctx:
        root.invoke(ctx)
    return 0
