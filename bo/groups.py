"""Nouns whose verbs stand each in a file of its own, found by listing a folder."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click


class Folder(click.Group):
    """`bo report NAME` is the command `name` in bo/reports/name.py: to add one edits no list."""

    folder = ""

    def list_commands(self, ctx: click.Context) -> list[str]:
        files = (Path(__file__).parent / self.folder).glob("[a-z]*.py")
        return sorted(file.stem.rstrip("_").replace("_", "-") for file in files)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        stem = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"bo.{self.folder}.{stem}"), stem)
        command.name = cmd_name
        return command


def folder(name: str) -> type[Folder]:
    """The class of a group whose commands stand in `bo/<name>/`."""
    return type(f"Folder_{name}", (Folder,), {"folder": name})
