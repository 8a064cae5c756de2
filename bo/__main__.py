"""The entry of the program: answers what needs no imports, hands on the rest, ends with the right code."""

import os
import sys

from bo import help


def main() -> None:
    code = _run(sys.argv[1:])
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter tries once more
        code = code or _report(error)
    sys.exit(code)


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
