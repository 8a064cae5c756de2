"""Large documents: filed, given back, replaced and verified in the memory that a small one takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.ledgers import Office
from tests.transcripts import ROOT

MEASURE = """
import resource, sys
sys.path.insert(0, sys.argv.pop(1))
from bo.__main__ import _run
code = _run(sys.argv[1:])
sys.stdout.flush()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
SPARE = 24 << 10
"""KiB: a few pieces of 1 MiB on their way, and what the allocator keeps."""


class Measured:
    """Runs `bo doc …` in processes of their own; `peak` is the most memory any of them took, in KiB."""

    def __init__(self, office: Office) -> None:
        self.office, self.peak = office, 0

    def run(self, *words: str | Path, stdin: Path | None = None, stdout: Path | None = None) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "BO_HOME": str(self.office.home),
            "BO_LEDGER": str(self.office.directory),
        }
        source = stdin.open("rb") if stdin else subprocess.DEVNULL
        target = stdout.open("wb") if stdout else subprocess.PIPE
        done = subprocess.run(
            [sys.executable, "-P", "-c", MEASURE, str(ROOT), "doc", *map(str, words)],
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


def everything(office: Office, folder: Path, mebibytes: int) -> int:
    """File, get, replace and verify documents of this size; the most memory that took, in KiB."""
    measured = Measured(office)
    first, second = scan(folder / "first.bin", mebibytes), scan(folder / "second.bin", mebibytes)
    reference = measured.run("file", first)
    assert measured.run("replace", reference, second, "--reason", "a better scan") == f"{reference} version 2"
    for version, original in ((1, first), (2, second)):
        measured.run("get", reference, "--version", str(version), "-o", folder / "out", "--force")
        assert digest(folder / "out") == digest(original)
    (folder / "out").unlink()
    second.unlink()
    piped = measured.run("file", "-", "--name", "piped.bin", stdin=first)
    measured.run("get", piped, stdout=folder / "out")
    assert digest(folder / "out") == digest(first)
    assert measured.run("verify") == ""
    for name in ("first.bin", "out"):
        (folder / name).unlink()
    return measured.peak


def compare(tmp_path: Path, mebibytes: int) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    peaks = []
    for folder, size in ((small, 1), (large, mebibytes)):
        folder.mkdir()
        office = Office(folder)
        peaks.append(everything(office, folder, size))
        office.close()
        shutil.rmtree(folder)
    assert peaks[1] < peaks[0] + SPARE, f"{peaks[1] >> 10} MiB where a small document takes {peaks[0] >> 10} MiB"


def test_a_document_of_64_mib_takes_the_memory_of_a_small_one(tmp_path: Path) -> None:
    compare(tmp_path, 64)


@pytest.mark.long
def test_a_document_of_1_gib_takes_the_memory_of_a_small_one(tmp_path: Path) -> None:
    compare(tmp_path, 1024)


def test_a_long_text_is_indexed_as_far_as_it_is_read(tmp_path: Path) -> None:
    office = Office(tmp_path)
    measured = Measured(office)
    path = tmp_path / "long.txt"
    with path.open("w") as file:
        file.write("unmistakable beginning\n")
        for number in range(400_000):
            file.write(f"line {number} of many\n")
    reference = measured.run("file", path)
    assert reference in measured.run("search", "unmistakable", "--json")
    piped = measured.run("file", "-", stdin=path)
    assert piped in measured.run("search", "unmistakable", "--json")
    office.close()
