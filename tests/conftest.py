"""What the tests share: `--update` rewrites transcripts, `bo` runs the program in a fresh home."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ledgers import Office
from tests.transcripts import home


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write what the commands print into the transcripts")


@pytest.fixture
def bo(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`bo("invoice", "list", stdin="…", BO_NOW="…")`: the finished process, its output as text."""
    environment = home(tmp_path / "home")

    def run(*words: str, stdin: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [f"{environment['HOME']}/bin/bo", *words],
            cwd=tmp_path / "home" / "work",
            env={**environment, **more},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A ledger with nothing in it but its owner."""
    made = Office(tmp_path)
    yield made
    made.close()
