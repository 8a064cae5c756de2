"""Large documents: filed, given back, replaced and verified in the memory that a small one takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.buckets import ENVIRONMENT
from tests.ledgers import Office
from tests.transcripts import ROOT

if TYPE_CHECKING:
    from tests.buckets import BucketServer
    from tests.servers import Server

MEASURE = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from bo.__main__ import _run
code = _run(sys.argv[1:])
sys.stdout.flush()
with open("/proc/self/status") as file:  # the peak that getrusage tells begins with that of whoever started this
    print(next(line.split()[1] for line in file if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""
SPARE = 48 << 10
"""KiB: what is held of a pipe for its text (32 MiB), pieces on their way, and what the allocator keeps."""


class Measured:
    """Runs `bo …` in processes of their own; `peak` is the most memory any of them took, in KiB."""

    def __init__(self, home: Path, ledger: str | Path) -> None:
        self.home, self.ledger, self.peak = home, ledger, 0

    def run(self, *words: str | Path, stdin: Path | None = None, stdout: Path | None = None) -> str:
        environment = {**ENVIRONMENT, "PATH": os.environ["PATH"], "BO_HOME": str(self.home)}
        environment |= {"BO_LEDGER": str(self.ledger), "TMPDIR": str(self.home.parent)}
        source = stdin.open("rb") if stdin else subprocess.DEVNULL
        target = stdout.open("wb") if stdout else subprocess.PIPE
        done = subprocess.run(
            [sys.executable, "-P", "-c", MEASURE, str(ROOT), *map(str, words)],
            env=environment, stdin=source, stdout=target, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        self.peak = max(self.peak, int(done.stderr.split()[-1]))
        return "" if stdout else done.stdout.decode().strip()


def digest(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def scan(path: Path, mebibytes: int) -> Path:
    """A file of random pieces that repeat: nothing reads it as text, nothing makes it smaller."""
    pieces = [os.urandom(1 << 20) for _ in range(8)]
    with path.open("wb") as file:
        for number in range(mebibytes):
            file.write(pieces[number * number % 8])
    return path


def everything(ledger: str, folder: Path, mebibytes: int) -> int:
    """File, get, replace and verify documents of this size; the most memory that took, in KiB."""
    measured = Measured(folder / "home", ledger)
    measured.run("init", ledger, "--name", "Acme GmbH", "--owner", "alice", "--no-passphrase")
    first, second = scan(folder / "first.bin", mebibytes), scan(folder / "second.bin", mebibytes)
    reference = measured.run("doc", "file", first)
    assert measured.run("doc", "replace", reference, second, "--reason", "a better scan") == f"{reference} version 2"
    for version, original in ((1, first), (2, second)):
        measured.run("doc", "get", reference, "--version", str(version), "-o", folder / "out", "--force")
        assert digest(folder / "out") == digest(original)
    (folder / "out").unlink()
    second.unlink()
    piped = measured.run("doc", "file", "-", "--name", "piped.bin", stdin=first)
    measured.run("doc", "get", piped, stdout=folder / "out")
    assert digest(folder / "out") == digest(first)
    assert measured.run("doc", "verify") == ""
    for name in ("first.bin", "out"):
        (folder / name).unlink()
    return measured.peak


def compare(ledgers: Ledgers, folder: Path, mebibytes: int) -> None:
    peaks = []
    for size in (1, mebibytes):
        within = folder / str(size)
        within.mkdir()
        with ledgers(within) as ledger:
            peaks.append(everything(ledger, within, size))
        shutil.rmtree(within)
    assert peaks[1] < peaks[0] + SPARE, f"{peaks[1] >> 10} MiB where a small document takes {peaks[0] >> 10} MiB"


Ledgers = Callable[[Path], AbstractContextManager[str]]


@pytest.fixture(params=["folder", "tables", pytest.param("bucket", marks=pytest.mark.long)])
def ledgers(request: pytest.FixtureRequest) -> Ledgers:
    """Where a ledger can be begun that keeps its documents in such a place."""
    if request.param == "folder":
        return lambda folder: nullcontext(str(folder / "ledger"))
    server: Server = request.getfixturevalue("postgres_server")
    if request.param == "tables":
        return lambda _: server.schema()
    buckets: BucketServer = request.getfixturevalue("bucket_server")
    return lambda _: server.schema(documents=buckets.bucket())


def test_a_document_of_64_mib_takes_the_memory_of_a_small_one(ledgers: Ledgers, tmp_path: Path) -> None:
    compare(ledgers, tmp_path, 64)


@pytest.mark.long
def test_a_document_of_1_gib_takes_the_memory_of_a_small_one(ledgers: Ledgers, tmp_path: Path) -> None:
    compare(ledgers, tmp_path, 1024)


def test_a_long_text_is_indexed_as_far_as_it_is_read(tmp_path: Path) -> None:
    office = Office(tmp_path)
    measured = Measured(office.home, office.directory)
    path = tmp_path / "long.txt"
    with path.open("w") as file:
        file.write("unmistakable beginning\n")
        for number in range(400_000):
            file.write(f"line {number} of many\n")
    reference = measured.run("doc", "file", path)
    assert reference in measured.run("doc", "search", "unmistakable", "--json")
    piped = measured.run("doc", "file", "-", stdin=path)
    assert piped in measured.run("doc", "search", "unmistakable", "--json")
    office.close()
