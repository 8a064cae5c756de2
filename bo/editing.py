"""The user's editor on a private file: what is long or personal is written there, and no byte of it stays behind.

Backups, undo files and registers that an editor keeps in folders of its own are beyond our reach.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from aggregates.core import Refused
from bo import agent
from bo.errors import BadInput, sentence
from bo.inputs import Source
from store.home import Home, locked, private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
WRITTEN = "what you wrote"
FAULT = "#! "
"""How the line begins that says, on top of the file, what was wrong with it."""
_GRACE = 2.0
"""Seconds an editor may take to end when we have to."""


def at_terminal() -> bool:
    """Whether somebody sits there who could use an editor; results may go elsewhere."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def reason(command: str) -> str:
    """Why something is done, as one line: hard line breaks are the editor's habit, not a part of the reason."""
    text = written(
        f"\n# Why this `bo {command}`? Write it above; it stays in the audit trail.\n"
        "# Lines that begin with # are left out. An empty text records nothing.\n",
        "reason.txt",
    )
    said = " ".join(_said(text).split())
    if not said:
        raise click.Abort("no reason was written: nothing is recorded")
    return said


def corrected(prepared: str, name: str, attempt: Callable[[Source], T]) -> T | None:
    """What `attempt` makes of the text; where it refuses, the editor opens again with its sentence on top.

    None when the text was emptied or left as it was prepared. A text that was refused and comes back as it is
    raises what was wrong with it.
    """
    text, refusal = prepared, None
    while True:
        new = _without_fault(written(text, name))
        if _said(new) in ("", _said(prepared)):
            return None
        if refusal and _said(new) == _said(text):
            raise refusal
        try:
            return attempt(_source(new))
        except (Refused, BadInput, click.UsageError) as no:
            refusal = no
            text = f"{FAULT}{' '.join(sentence(no).split())}\n{new}"


def written(prepared: str, name: str) -> str:
    """What the user makes of a text in his editor. Raises Abort or KeyboardInterrupt when the editor does not end well.

    `name` is seen in the list of processes, so it tells nothing.
    """
    words = _editor()
    with _undisturbed(), _private() as folder:
        file = folder / name
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as made:
            made.write(prepared.encode())
        _run([*words, str(file)])
        return Source(WRITTEN, file.read_bytes() if file.exists() else b"").text()


def _said(text: str) -> str:
    """Without comments and the white space around it: what a change is told by."""
    return "\n".join(line.rstrip() for line in text.split("\n") if not line.startswith("#")).strip()


def _without_fault(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(FAULT))


def _source(text: str) -> Source:
    """Comments become empty lines, below one for the fault: so the place of a mistake is where the user will see it."""
    lines = ("" if line.startswith("#") else line for line in text.split("\n"))
    return Source(WRITTEN, "\n".join(("", *lines)).encode())


def _editor() -> list[str]:
    """The words that start the editor: $VISUAL, else $EDITOR, else what the system has."""
    for name in ("VISUAL", "EDITOR"):
        try:
            if words := shlex.split(os.environ.get(name, "")):
                return words
        except ValueError:
            raise BadInput(f"{name} cannot be read: a quotation mark or a backslash stands alone") from None
    found = shutil.which("sensible-editor") or shutil.which("vi")
    if not found:
        raise BadInput("there is no editor here: name one in EDITOR, or give the text by --from FILE or --reason TEXT")
    return [found]


def _run(words: list[str]) -> None:
    try:
        # stdout is for results and may be a pipe; the terminal is at stderr
        editor = subprocess.Popen(words, stdout=sys.stderr)
    except OSError as problem:
        why = (problem.strerror or "the system does not say why").lower()
        raise BadInput(f"the editor {words[0]} cannot be started: {why}; EDITOR names another") from None
    with editor:
        try:
            code = editor.wait()
        except BaseException:
            editor.terminate()
            with suppress(subprocess.TimeoutExpired):
                editor.wait(_GRACE)
            editor.kill()
            raise
    if code in (-signal.SIGINT, 128 + signal.SIGINT):
        raise KeyboardInterrupt
    if code:
        raise click.Abort(f"the editor {words[0]} ended with {code}: nothing is recorded")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C is the editor's while it runs; told to end, or left by the terminal, we still clean up."""
    ending = (signal.SIGTERM, signal.SIGHUP)

    def end(number: int, frame: object) -> NoReturn:
        for each in ending:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    # a function, not SIG_IGN: that would be inherited by the editor
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)}
    before |= {number: signal.signal(number, end) for number in ending}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _private() -> Iterator[Path]:
    """A new folder for the owner alone, in memory where the system has a place for it, gone afterwards."""
    place = agent.folder(Home())
    private_folder(place)
    with locked(place / "edit.lock"):
        _sweep(place)
        folder = Path(tempfile.mkdtemp(prefix="edit-", dir=place))
        held = _hold(folder)
    try:
        yield folder
    finally:
        _wipe(folder)
        if held is not None:
            os.close(held)


def _sweep(place: Path) -> None:
    """Remove what an edit left behind that was killed: nobody holds its folder."""
    for folder in place.glob("edit-*"):
        held = _hold(folder)
        if held is not None:
            _wipe(folder)
            os.close(held)


def _hold(folder: Path) -> int | None:
    """Mark a folder as in use until the descriptor is closed, by us or by our end; None when somebody else uses it."""
    descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _wipe(folder: Path) -> None:
    """Overwrite and remove the text, and what the editor left beside it. Where disks copy on write this is a wish."""
    try:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                path.chmod(0o600)
                with path.open("r+b") as file:
                    file.write(bytes(path.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
    finally:
        shutil.rmtree(folder)
