"""One clear sentence for every way a command line can be wrong."""

import re
from difflib import get_close_matches

import click

_GLOBAL = ("-L", "--ledger", "-D", "--device", "--passphrase-fd", "--quiet", "--verbose")


def sentence(error: BaseException) -> str:
    match error:
        case click.Abort():
            return str(error) or "nothing was done"
        case click.exceptions.NoArgsIsHelpError():
            return _verbs(error.ctx)
        case click.NoSuchOption(option_name=name) if name in _GLOBAL:
            return f"{name} goes before the noun: bo {name} … {_path(error.ctx).removeprefix('bo ')}"
        case click.NoSuchOption(option_name=name, possibilities=near):
            return f"`{_path(error.ctx)}` has no option {name}{_meant(near or [])}{_see(error.ctx)}"
        case click.exceptions.NoSuchCommand(command_name=name, ctx=click.Context() as ctx):
            return _unknown(ctx, name)
        case click.MissingParameter(param=click.Parameter() as param):
            return f"{_label(param, error.ctx)} is missing{_see(error.ctx)}"
        case click.BadParameter(param=click.Parameter() as param):
            return f"{_label(param, error.ctx)}: {_lower(_number(error.message))}"
        case click.UsageError():
            return f"{_lower(error.format_message())}{_see(error.ctx)}"
        case click.FileError():
            return f"{error.filename}: {_lower(error.message)}"
        case click.ClickException():
            return _lower(error.format_message())
    return str(error)


def _unknown(ctx: click.Context, name: str) -> str:
    """A noun or a verb nobody has: the nearest ones, else all of them."""
    group = ctx.command
    names = group.list_commands(ctx) if isinstance(group, click.Group) else []
    near = get_close_matches(name, names)
    if near or ctx.parent is None:
        return f"there is no `{_path(ctx)} {name}`{_meant(near)}{'' if near else ': `bo --help` lists what there is'}"
    return f"there is no `{_path(ctx)} {name}`: {', '.join(names)}"


def _verbs(ctx: click.Context) -> str:
    group = ctx.command
    names = group.list_commands(ctx) if isinstance(group, click.Group) else []
    return f"`{_path(ctx)}` needs a verb: {', '.join(names)}{_see(ctx)}"


def _meant(names: list[str]) -> str:
    return f"; did you mean {' or '.join(names)}?" if names else ""


def _see(ctx: click.Context | None) -> str:
    return f" (see `{_path(ctx)} --help`)" if ctx else ""


def _path(ctx: click.Context | None) -> str:
    """`bo invoice issue`, without the arguments click puts between them."""
    words: list[str] = []
    while ctx is not None:
        words.insert(0, ctx.info_name or "")
        ctx = ctx.parent
    return " ".join(words) or "bo"


def _label(param: click.Parameter, ctx: click.Context | None) -> str:
    if isinstance(param, click.Argument):
        return param.human_readable_name
    return max(param.opts, key=len)


def _number(text: str) -> str:
    """What click says of a number, in our words."""
    text = re.sub(r"^'(.*)' is not a valid integer( range)?\.?$", r"\1 is no whole number", text, flags=re.DOTALL)
    text = re.sub(r" is not in the range x>=(\d+)\.?$", r" is less than \1", text)
    return re.sub(r" is not in the range (\d+)<=x<=(\d+)\.?$", r" is not from \1 to \2", text)


def _lower(text: str) -> str:
    text = text.rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
