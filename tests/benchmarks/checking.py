"""Verification without keys against `git fsck`, and of single commits against checking their signatures alone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aggregates.directory import Entry, PersonNamed
from store import audit
from store.soundness import open_sound
from store.streams import Streams
from store.transaction import Transaction
from store.verify import Verifier
from tests.benchmarks.measure import Row, faster, interleaved, tell
from tests.ledgers import founded

SINGLE = 1_000


def structure(directory: Path) -> int:
    """Structure and authority from leaf 0, without any key: how many leaves there are."""
    store = open_sound(directory)
    with audit.scratch() as scratch:
        verifier = Verifier(Streams(scratch.db, keep_hashes=False))
        for raw in store.commits(0, keys=False):
            verifier.take(raw.leaves, raw.note)
            if verifier.streams.full:
                verifier.streams.flush()
    store.close()
    return verifier.size


def measure(folder: Path, directory: Path, invoices: int, commits: int, rounds: int) -> list[Row]:
    """`directory` holds the ledger of many invoices; git gets `commits` commits."""
    rows = against_git(folder, directory, invoices, commits, rounds)
    return [*rows, against_signatures(folder, rounds)]


def against_git(folder: Path, directory: Path, invoices: int, commits: int, rounds: int) -> list[Row]:
    if shutil.which("git") is None:
        return [Row("verify without keys : git fsck", "", "", None, "", "git is not installed")]
    tell(f"checking: {commits:,} commits for git")
    packed, loose = folder / "packed", folder / "loose"
    for place in (packed, loose):
        subprocess.run(["git", "init", "-q", "-b", "main", str(place)], check=True)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=packed, input=b"".join(_commits(commits)), check=True)
    [pack] = (packed / ".git" / "objects" / "pack").glob("*.pack")
    subprocess.run(["git", "unpack-objects", "-q"], cwd=loose, input=pack.read_bytes(), check=True)
    found = subprocess.run(["git", "rev-parse", "main"], cwd=packed, capture_output=True, check=True).stdout.decode()
    subprocess.run(["git", "update-ref", "refs/heads/main", found.strip()], cwd=loose, check=True)

    def fsck(place: Path) -> None:
        subprocess.run(["git", "fsck", "--full", "--no-progress"], cwd=place, capture_output=True, check=True)

    times = interleaved(
        rounds, lambda: structure(directory), lambda: fsck(loose), lambda: fsck(packed),
        lambda: audit.verify(open_sound(directory)),
    )  # fmt: skip
    mine, theirs, compact, whole = (
        taken / of for taken, of in zip(times, (invoices, commits, commits, invoices), strict=True)
    )
    return [
        faster(
            "structure without keys, an invoice : git fsck, a commit",
            mine,
            theirs,
            1,
            "",
            "≥ 5",
            "loose objects, as committed",
        ),
        faster("  the same : git fsck of one pack", mine, compact, 1, "", "", "after git gc"),
        faster("  all of audit verify --keyless : git fsck", whole, theirs, 1, "", "", "with pages, keys, slots"),
    ]


def _commits(count: int) -> Iterator[bytes]:
    for n in range(1, count + 1):
        parent = f"from :{n - 1}\n" if n > 1 else ""
        yield (
            f"commit refs/heads/main\nmark :{n}\ncommitter a <a@b> {1_700_000_000 + n} +0000\ndata 7\ninvoice\n"
            f"{parent}M 100644 inline invoice-{n % 100}\ndata 20\n{n:020}\n"
        ).encode()


def _named(tx: Transaction, number: int) -> None:
    tx.append(Entry, f"P-{number}", PersonNamed("0" * 32, f"Person {number}"))


def against_signatures(folder: Path, rounds: int) -> Row:
    """Commits of one event each: the signature of each takes most of the time."""
    tell(f"checking: {SINGLE:,} single commits")
    ledger = founded(folder)
    for n in range(SINGLE):
        ledger.commit(partial(_named, number=n))
    ledger.store.checkpoint()
    key = Ed25519PrivateKey.generate()
    text, public = b"x" * 140, key.public_key()
    signature = key.sign(text)

    def signatures() -> None:
        for _ in range(SINGLE):
            public.verify(signature, text)

    ours, theirs = interleaved(rounds, lambda: structure(folder / "ledger"), signatures)
    ledger.close()
    return Row(
        "verify single commits : Ed25519 alone", f"{ours / SINGLE * 1e6:.0f} µs", f"{theirs / SINGLE * 1e6:.0f} µs",
        ours / theirs, "", "stated",
    )  # fmt: skip
