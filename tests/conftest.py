"""What the tests share: `--update` rewrites transcripts, `bo` runs the program in a fresh home."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.buckets import BucketServer
from tests.forking import Forks
from tests.ledgers import Office
from tests.servers import Pair, Server
from tests.transcripts import home


def pytest_configure() -> None:
    """Processes that a shell starts in the background ignore Ctrl-C, and so would those to which tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write what the commands print into the transcripts")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Transcripts come first: what takes long should not be left to one worker when the others have done."""
    items.sort(key=lambda item: item.path.name != "test_transcripts.py")


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


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Runs the commands of transcripts without that each imports the program."""
    with Forks() as made:
        yield made


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A ledger with nothing in it but its owner."""
    made = Office(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["in a folder", "on a server"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """The same on each store, for tests of what both have to do."""
    made = Office(tmp_path, request.getfixturevalue("postgres_url") if request.param == "on a server" else "")
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One PostgreSQL server for all tests that do not break it."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """The URL of a ledger that is not there yet."""
    with postgres_server.schema() as url:
        yield url


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[BucketServer]:
    """A server that speaks S3."""
    server = BucketServer()
    yield server
    server.close()


@pytest.fixture
def breakable_server() -> Iterator[Server]:
    """A server of one's own, to kill."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def postgres_pair() -> Iterator[Pair]:
    """A primary with a synchronous standby."""
    pair = Pair()
    yield pair
    pair.close()
