"""The one table of exit codes, and how an error is told."""

import contextlib
import os
import sys


class BadInput(Exception):
    """What the user handed over (a file, a value, BO_NOW) is not in the form it needs."""


class PartlyDone(Exception):
    """Some of it was done, some was not; the message says what is left."""


class RejectedExist(Exception):
    """The log verifies, and holds unauthorised commits or rejected events."""


CODES = {
    "bo.errors.BadInput": 2,
    "builtins.UnicodeEncodeError": 2,  # an argument that is not UTF-8
    "click.exceptions.UsageError": 2,
    "click.exceptions.FileError": 6,
    "aggregates.core.Refused": 3,
    "store.errors.Unauthorised": 3,
    "store.errors.Conflict": 4,
    "store.errors.KeyProblem": 5,
    "store.errors.Unavailable": 6,
    "builtins.OSError": 6,
    "store.errors.NotFound": 7,
    "bo.errors.PartlyDone": 8,
    "store.errors.NeedsNewer": 9,
    "bo.errors.RejectedExist": 10,
    "store.errors.Tampered": 20,
    "store.errors.Malformed": 20,
    "store.errors.RolledBack": 21,
    "store.errors.KeyRowDamaged": 22,
    "builtins.KeyboardInterrupt": 130,
    "click.exceptions.Abort": 130,
    "builtins.BrokenPipeError": 141,
}
"""By name, so that looking up imports nothing. Any other exception is a bug: 1. Codes are only ever added."""


def code_of(error: BaseException) -> int:
    names = (f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__)
    return next((CODES[name] for name in names if name in CODES), 1)


def report(error: BaseException) -> int:
    """Tell the user, and say with which code to end."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if type(error).__module__ == "click.exceptions" and type(error).__name__ == "Exit":
        return int(getattr(error, "exit_code", 0))
    code = code_of(error)
    if code == 141:
        return code
    told = sentence(error)
    if code == 1:
        told = f"this is a bug in bo, nothing was half-written: {type(error).__name__}: {told}"
    with contextlib.suppress(OSError):  # nobody reads stderr: the code still tells
        if _debugging(code):
            import traceback

            traceback.print_exception(error)
        elif code == 1:
            told += "\nrun it again with `bo --verbose …` to see where"
        tell(told)
    return code


def tell(message: str) -> None:
    """A sentence on stderr. What names and files smuggle into it is shown escaped."""
    from bo.render import clean

    first, *more = message.split("\n")
    print("\n".join((f"bo: {clean(first)}", *(f"    {clean(line)}" for line in more))), file=sys.stderr)


def note(message: str) -> None:
    """What is worth knowing and no result; silent with --quiet."""
    from bo import settings

    if not settings.current().quiet:
        tell(message)


def sentence(error: BaseException) -> str:
    if type(error).__module__ == "click.exceptions" or hasattr(error, "format_message"):
        from bo import usage

        return usage.sentence(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, UnicodeEncodeError):
        return "what was given is not valid UTF-8"
    if isinstance(error, OSError) and error.strerror:
        names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
        return f"{' -> '.join(names) or 'reading or writing failed'}: {_lower(error.strerror)}"
    return str(error) or type(error).__name__


def _debugging(code: int) -> bool:
    from bo import settings

    return bool(os.environ.get("BO_DEBUG")) or (code == 1 and settings.current().verbose)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
