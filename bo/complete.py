"""Shell completion: nouns, verbs, options, and the references that are in the ledger now."""

from __future__ import annotations

import os
from collections.abc import Callable

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from bo import settings
from bo.errors import BadInput

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_BO_COMPLETE"

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def references(*kinds: str) -> Completer:
    """For `shell_complete=`: what is in the ledger of these kinds and begins with what is typed."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return [CompletionItem(found) for found in _matching(ctx, kinds, incomplete)]
        except Exception:
            if os.environ.get("BO_DEBUG"):
                raise
            return []  # no ledger, no key, a locked store: between two keystrokes nobody wants to read about it

    return complete


def script(shell: str) -> str:
    """What `eval "$(bo completion bash)"` runs."""
    return _completer(click.Command("bo"), shell).source()


def answer(root: click.Command) -> int:
    """Answer the question the shell's script puts into the environment."""
    shell, _, question = os.environ[_VARIABLE].partition("_")
    completer = _completer(root, shell)
    if question == "source":
        click.echo(completer.source())
    elif question == "complete":
        click.echo(completer.complete())
    else:
        raise BadInput(f"{_VARIABLE} is set to {os.environ[_VARIABLE]}: `bo completion --help` shows how it is used")
    return 0


def _completer(root: click.Command, shell: str) -> ShellComplete:
    found = get_completion_class(shell) if shell in SHELLS else None
    if found is None:
        raise BadInput(f"there is no completion for {shell or 'this shell'}: there is one for {', '.join(SHELLS)}")
    return found(root, {}, "bo", _VARIABLE)


def _matching(ctx: click.Context, kinds: tuple[str, ...], prefix: str) -> list[str]:
    from bo.session import open_ledger
    from projections.core import open_views
    from projections.references import matching

    said = ctx.find_root().params
    ledger = open_ledger(settings.Settings(said.get("ledger"), said.get("device"), quiet=True, may_ask=False))
    try:
        return list(matching(open_views(ledger), kinds, prefix))
    finally:
        ledger.close()
