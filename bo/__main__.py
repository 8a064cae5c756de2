"""The entry of the program: answers what needs no imports, hands on the rest, ends with the right code."""

import gc
import os
import sys

from bo import help

gc.set_threshold(100_000, 20, 20)  # most commands end before there is a cycle worth looking for


def main() -> None:
    _open_closed()
    code = _run(sys.argv[1:])
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter tries once more
        code = code or _report(error)
    if "BO_DEBUG" in os.environ:  # for profilers, which write when the interpreter ends
        sys.exit(code)
    if sys.stderr is not None:
        sys.stderr.flush()
    os._exit(code)  # all files are closed; to take the interpreter apart would cost a sixth of a short command


def _open_closed() -> None:
    """A stream that the caller closed is empty: else the next file that is opened would get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            setattr(sys, name, open(number, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: PTH123, SIM115


def _run(words: list[str]) -> int:
    try:
        answer = None if "_BO_COMPLETE" in os.environ else help.answer(words)
        if answer is None:
            from bo import cli

            return cli.run(words)
        print(answer)
    except BaseException as error:  # Ctrl-C too: every end of the program has its code in one table
        return _report(error)
    return 0


def _report(error: BaseException) -> int:
    from bo import errors

    return errors.report(error)


if __name__ == "__main__":
    main()
