"""Several people's machines on one ledger: each has a home of its own, and the program runs in this process."""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bo import __main__
from bo.session import Session
from store import device as devices
from store.home import Home


class Desk:
    """One person's machine. Calling it runs a command there and checks its exit code."""

    def __init__(self, folder: Path, name: str, directory: Path) -> None:
        self.folder, self.name, self.directory = folder, name, directory
        self.home = folder / name
        self.said = ""
        """What the last command wrote to stderr."""

    def __call__(self, *words: str, code: int = 0, **environment: str) -> str:
        """The command's output; its first word is the result."""
        out, err = StringIO(), StringIO()
        known = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "BO_LEDGER": str(self.directory)}
        given = {**known, "BO_HOME": str(self.home), "BO_NOW": "2026-01-31T12:00:00Z", **environment}
        with (
            patch.dict(os.environ, given, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
            patch.object(sys, "stdin", StringIO()),
        ):
            ended = __main__._run(list(words))
        self.said = err.getvalue()
        assert ended == code, f"bo {' '.join(words)} ended with {ended}: {self.said or out.getvalue()}"
        return out.getvalue()

    def first(self, *words: str, **environment: str) -> str:
        """The first word a command prints."""
        return self(*words, code=0, **environment).split()[0]

    def json(self, *words: str, **environment: str) -> Any:
        return json.loads(self(*words, "--json", code=0, **environment))

    def session(self) -> Session:
        """The ledger as this machine's only device opens it."""
        home = Home({"BO_HOME": str(self.home)})
        [path] = home.devices.glob("*.json")
        return Session(self.directory, home, devices.unlock(devices.read(path), lambda: ""))

    def seen(self) -> str:
        """Everything in the view database of this machine, decrypted."""
        session = self.session()
        session.pull()
        run, said = session.client.db.execute, list[str]()
        for (table,) in run("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            said.extend(map(_text, run(f'SELECT * FROM "{table}"')))
        session.close()
        return "\n".join(said)


def _text(row: tuple[Any, ...]) -> str:
    return " ".join(value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in row)


class Company:
    """A ledger whose owner is alice, and as many other desks as a test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.directory = folder, folder / "acme"
        self.alice = self.desk("alice")
        self.alice("init", str(self.directory), "--name", "Acme GmbH", "--owner", "alice", "--no-passphrase")

    def desk(self, name: str) -> Desk:
        return Desk(self.folder, name, self.directory)

    def request(self, desk: Desk) -> str:
        """A new device on that desk; the file with its request."""
        file = str(self.folder / f"{desk.name}.request")
        desk("device", "request", "--name", desk.name, "-o", file, "--no-passphrase")
        return file

    def enrol(self, name: str, by: Desk | None = None) -> Desk:
        """A new person with a device, and no right."""
        desk, by = self.desk(name), by or self.alice
        file = self.request(desk)
        by("person", "add", name)
        by("device", "approve", file, "--person", name, "--yes")
        return desk

    def grant(self, person: str, *words: str, by: Desk | None = None) -> None:
        (by or self.alice)("access", "grant", person, *words, "--reason", "needs it")

    def written(self, *words: str, by: Desk | None = None, **environment: str) -> bytes:
        """What a command writes with -o."""
        path = self.folder / "written"
        (by or self.alice)(*words, "-o", str(path), "--force", code=0, **environment)
        return path.read_bytes()

    def bill(self, text: str, customer: str = "C-1", by: Desk | None = None) -> str:
        """An invoice, issued; its number."""
        by = by or self.alice
        draft = by("invoice", "draft", customer, "--line", f"{text};1;100;19").split()[-1]
        return by.first("invoice", "issue", draft)
