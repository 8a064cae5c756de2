"""Runs transcripts: files of `$ command` lines with what they print, in a fresh home each."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.forking import Forks

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("BO_SHARED", ROOT.parent / "shared" / "data")).resolve()
NOW = "2026-01-31T12:00:00Z"


class Step(NamedTuple):
    """A command and the lines of the file that show what it prints; before them, comments and blank lines."""

    before: list[str]
    command: list[str]
    expected: list[str]

    @property
    def words(self) -> str:
        first, *more = self.command
        return "\n".join((first.removeprefix("$ "), *(line[2:] for line in more)))


def home(folder: Path, server: str = "", forks: Forks | None = None) -> dict[str, str]:
    """An environment with nothing of ours in it but `bo` on the path and a fixed clock.

    With the URL of a `server` every ledger that is made in a folder is kept there: see tests/onserver.py. With `forks`
    no command has to import anything: see tests/forking.py.
    """
    (folder / "bin").mkdir(parents=True)
    (folder / "work").mkdir()
    bo = folder / "bin" / "bo"
    program = f"-P -m {'tests.onserver' if server else 'bo'}"
    if forks:
        program = f'-I -S "{ROOT}/tests/forking.py" {forks.address}'
    bo.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" {program} "$@"\n')
    bo.chmod(0o755)
    return {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "BO_HOME": str(folder / "config"),
        "BO_NOW": NOW,
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TESTS": str(ROOT / "tests"),
        "SHARED": str(SHARED),
        **({"BO_SERVER": server} if server else {}),
    }


def parse(lines: list[str]) -> tuple[list[Step], list[str]]:
    """The steps, and the comments after the last. A line that begins with `> ` continues a command."""
    steps: list[Step] = []
    before: list[str] = []
    for line in lines:
        if line.startswith("$ "):
            steps.append(Step(before, [line], []))
            before = []
        elif line.startswith("#") or (not line and (not steps or before)):
            before.append(line)
        elif steps and line.startswith("> ") and not steps[-1].expected and not before:
            steps[-1].command.append(line)
        elif steps:
            steps[-1].expected.extend((*(line for line in before if not line), line))
            before = [line for line in before if line]
        else:
            raise ValueError(f"a transcript begins with a command: {line}")
    for earlier, later in pairwise(steps):
        while earlier.expected and not earlier.expected[-1]:  # blank lines before a command are no output
            later.before.insert(0, earlier.expected.pop())
    rest = list(before)
    while steps and steps[-1].expected and not steps[-1].expected[-1]:
        rest.insert(0, steps[-1].expected.pop())
    return steps, rest


def run(steps: list[Step], folder: Path, server: str = "", forks: Forks | None = None) -> list[list[str]]:
    """What each command prints, without blank lines at the end; `[N]` when it ends with code N."""
    environment = home(folder, server, forks)
    mark = secrets.token_hex(8)
    script = ["exec 2>&1"]
    for number, step in enumerate(steps):
        file = folder / f"{number}.sh"
        file.write_text(step.words + "\n")
        script.append(f". {file} </dev/null\nprintf '\\n{mark} %d\\n' $?")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", "\n".join(script)],
        cwd=folder / "work",
        env=environment,
        stdout=subprocess.PIPE,
        timeout=300,
        check=False,
    )
    parts = re.split(rf"\n{mark} (\d+)\n", done.stdout.decode(errors="backslashreplace"))
    printed = [_lines(text, int(code)) for text, code in zip(parts[0::2], parts[1::2], strict=False)]
    if len(printed) != len(steps):
        raise AssertionError(f"`{steps[len(printed)].words}` ended the shell: {parts[-1]}")
    return printed


def matches(expected: list[str], printed: list[str]) -> bool:
    """Whether it is what was expected; `...` alone is any lines, `<...>` and `…` any text in a line."""
    pattern = "".join(r"(?:[^\n]*\n)*?" if line == "..." else _pattern(line) + r"\n" for line in expected)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


def updated(expected: list[str], printed: list[str]) -> list[str]:
    """What was printed, in the words of the old lines with wildcards wherever these still hold."""
    if matches(expected, printed):
        return expected
    old = [line for line in expected if line != "..." and re.search(r"<\.\.\.>|…", line)]
    new = []
    for line in printed:
        at = next((at for at, wild in enumerate(old) if re.fullmatch(_pattern(wild), line)), None)
        if at is None:
            new.append(f"…{line[1:]}" if line.startswith(("#", "$ ", "> ")) else line)  # else it reads as ours
        else:
            new.append(old[at])
            del old[: at + 1]
    return new


def rewritten(steps: list[Step], rest: list[str], printed: list[list[str]]) -> list[str]:
    lines: list[str] = []
    for step, shown in zip(steps, printed, strict=True):
        lines += [*step.before, *step.command, *updated(step.expected, shown)]
    return lines + rest


def _lines(text: str, code: int) -> list[str]:
    lines = text.rstrip("\n").split("\n") if text.strip("\n") else []
    return [*lines, f"[{code}]"] if code else lines


def _pattern(line: str) -> str:
    return r"[^\n]*".join(map(re.escape, re.split(r"<\.\.\.>|…", line)))
