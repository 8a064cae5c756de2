"""A shared ledger's documents, in its tables, in a folder or in a bucket, as its users meet them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import blobtable
from tests.buckets import ENVIRONMENT
from tests.ledgers import Office
from tests.test_proofs_cli import command

if TYPE_CHECKING:
    from tests.buckets import BucketServer
    from tests.servers import Server

Bo = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=["tables", "folder", "bucket"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, postgres_server: Server) -> Iterator[str]:
    """The URL of a ledger to begin."""
    if request.param == "tables":
        more = {}
    elif request.param == "folder":
        (tmp_path / "shared").mkdir()
        more = {"documents": str(tmp_path / "shared")}
    else:
        buckets: BucketServer = request.getfixturevalue("bucket_server")
        more = {"documents": buckets.bucket()}
    with postgres_server.schema(**more) as url:
        yield url


@pytest.fixture
def do(bo: Bo, ledger: str) -> Bo:
    """`bo` on that ledger, which was begun."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return bo(*words, **{"BO_LEDGER": ledger, **ENVIRONMENT, **more})

    done = run("init", ledger, "--name", "Acme GmbH", "--owner", "alice", "--no-passphrase")
    assert done.returncode == 0, done.stderr
    return run


def test_a_document_lives_there_until_it_is_erased(do: Bo, ledger: str, tmp_path: Path) -> None:
    work = tmp_path / "home" / "work"
    (work / "a.txt").write_text("first")
    (work / "b.bin").write_bytes(bytes(range(256)) * 20_000)
    reference = do("doc", "file", "a.txt").stdout.strip()
    assert do("doc", "replace", reference, "b.bin", "--reason", "better").stdout == f"{reference} version 2\n"
    assert do("doc", "get", reference, "--version", "1", "-o", "-").stdout == "first"
    assert do("doc", "get", reference, "-o", "c.bin").returncode == 0
    assert (work / "c.bin").read_bytes() == (work / "b.bin").read_bytes()
    for words in (("doc", "verify"), ("audit", "verify"), ("audit", "verify", "--full")):
        done = do(*words)
        assert done.returncode == 0, done.stderr
    assert do("doc", "sweep").stdout == ""
    assert do("doctor").returncode == 0
    assert do("doc", "erase", reference, "--reason", "asked", "--yes").returncode == 0
    assert do("doc", "get", reference, "-o", "-").returncode == 7
    done = do("audit", "verify", "--full", "--json")
    assert (done.returncode, '"documents":0' in done.stdout, '"findings":[]' in done.stdout) == (0, True, True)


def test_a_killed_filing_is_swept_when_it_is_old(do: Bo, ledger: str, tmp_path: Path, postgres_server: Server) -> None:
    (tmp_path / "home" / "work" / "a.txt").write_text("first")
    assert do("doc", "file", "a.txt", BO_FAILPOINT="blob-written").returncode == -9
    assert do("doc", "sweep").stdout == ""  # it might still be under way
    done = do("audit", "verify", "--full")
    assert (done.returncode, done.stdout.count("no entry refers to blobs/")) == (0, 1), done.stdout
    assert do("doc", "file", "a.txt").returncode == 0
    assert do("doc", "verify").returncode == 0


def test_a_client_that_would_look_for_documents_in_another_place_is_told(do: Bo, ledger: str, tmp_path: Path) -> None:
    bare, _, place = ledger.partition("&documents=")
    done = do("doc", "verify", BO_LEDGER=bare if place else f"{ledger}&documents={tmp_path}")
    assert done.returncode == 6
    said = "ends with &documents=PLACE" if place else "leave documents= out of its URL"
    assert said in done.stderr


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ("{folder}/missing", "make it, or mount what holds it"),
        ("shared", "a folder with its whole path"),
        ("s3://", "s3://BUCKET/PREFIX"),
    ],
)
def test_a_ledger_whose_documents_could_lie_nowhere_is_not_begun(
    documents: str, told: str, bo: Bo, postgres_server: Server, tmp_path: Path
) -> None:
    words = ("--name", "Acme GmbH", "--owner", "alice", "--no-passphrase")
    with postgres_server.schema(documents=documents.format(folder=tmp_path)) as url:
        done = bo("init", url, *words, **ENVIRONMENT)
        assert (done.returncode, told in done.stderr) == (6, True), done.stderr
        assert bo("init", url.partition("&documents=")[0], *words, **ENVIRONMENT).returncode == 0


def test_another_folder_than_the_one_it_was_begun_in_is_not_taken(
    bo: Bo, postgres_server: Server, tmp_path: Path
) -> None:
    """That of a colleague with a typing error, or the mount point of a disk that is not there."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "home" / "work" / "a.txt").write_text("first")
    with postgres_server.schema(documents=f"{tmp_path}/shared") as url:
        bo("init", url, "--name", "Acme GmbH", "--owner", "alice", "--no-passphrase")
        done = bo("doc", "file", "a.txt", BO_LEDGER=url.replace("shared", "other"))
        assert (done.returncode, "for this ledger's documents: mount what holds it" in done.stderr) == (6, True)
        assert list((tmp_path / "other").iterdir()) == []
        assert bo("doc", "file", "a.txt", BO_LEDGER=url).returncode == 0


# connections that break off


@pytest.fixture
def office(tmp_path: Path, postgres_url: str) -> Iterator[Office]:
    made = Office(tmp_path, postgres_url)
    yield made
    made.close()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, postgres_server: Server) -> list[int]:
    """For each of the first two pieces that are sent: how many connections were ended before."""
    ended: list[int] = []
    send = blobtable._Upload._send

    def breaking(upload: blobtable._Upload, size: int) -> None:
        if len(ended) < 2:
            ended.append(postgres_server.kill_backends())
        send(upload, size)

    monkeypatch.setattr(blobtable._Upload, "_send", breaking)
    return ended


def test_a_file_whose_connection_breaks_off_is_sent_again(office: Office, tmp_path: Path, broken: list[int]) -> None:
    (tmp_path / "a.bin").write_bytes(data := os.urandom(1 << 20))
    code, reference, err = command(office, "doc", "file", str(tmp_path / "a.bin"))
    assert (code, len(broken)) == (0, 2), err
    path = tmp_path / "b.bin"
    assert command(office, "doc", "get", reference.strip(), "-o", str(path))[0] == 0
    assert path.read_bytes() == data


def test_a_pipe_whose_connection_breaks_off_was_not_recorded(
    office: Office, tmp_path: Path, broken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be read again."""
    (tmp_path / "a.bin").write_bytes(os.urandom(1 << 20))
    with (tmp_path / "a.bin").open() as piped:
        monkeypatch.setattr("sys.stdin", piped)
        code, _, err = command(office, "doc", "file", "-")
    assert (code, any(broken)) == (6, True)
    assert err.endswith("; nothing was recorded\n")
