"""Remains: of what users write nothing stands readable on disk, and a passphrase stands nowhere at all."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from aggregates.invoice import Invoice
from aggregates.lines import line
from store import control, device
from store.home import Home
from store.leaf import CONTROL
from tests.ledgers import Office, draft, erase, issue
from tests.transcripts import ROOT

MARK = "zq7marker4xw"
TAGS = ("invoice.drafted", "invoice.issued", "series.taken", "record.added", "directory.person_named", "journal.denied")
ELSEWHERE = [Path(name) for name in ("/dev/shm", "/var/tmp") if Path(name).is_dir()]

LOOK = """
import sys, pathlib
forms = [bytes.fromhex(form) for form in sys.argv[1].split(",")]
for root in map(pathlib.Path, sys.argv[2:]):
    for path in [root, *root.rglob("*")]:
        names = str(path.relative_to(root)).lower().encode()
        content = path.read_bytes().lower() if path.is_file() and not path.is_symlink() else b""
        for form in forms:
            if form in content or form in names:
                print(form.hex(), path)
"""


def forms(text: str) -> list[bytes]:
    """The ways a text may have been written down, in lower case."""
    plain = text.lower().encode()
    coded = [b64encode(b"x" * shift + text.encode()).lower()[4 * bool(shift) + 1 : -4] for shift in range(3)]
    every = [text.lower().encode("utf-16-le"), plain.hex().encode(), plain[::-1], *coded]
    return [plain, *(form for form in every if len(form) > 9)]  # what is shorter comes about by chance


def traces(texts: Collection[str], *roots: Path) -> dict[str, set[str]]:
    """For each of the texts that stands in a file in any form, or in a name: where. Another process reads them."""
    of = {form.hex(): text for text in texts for form in forms(text)}
    words = [sys.executable, "-c", LOOK, ",".join(of), *map(str, roots)]
    found = dict[str, set[str]]()
    for told in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines():
        form, _, path = told.partition(" ")
        found.setdefault(of[form], set()).add(path)
    return found


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """Else what follows proves nothing."""
    assert len(forms(MARK)) == 7
    for number, form in enumerate(forms(MARK)):
        (tmp_path / f"{number}.bin").write_bytes(os.urandom(100) + form + os.urandom(100))
    (tmp_path / "coded").write_bytes(b64encode(b"ab" + MARK.encode() + b"c"))
    (tmp_path / f"about {MARK}.txt").write_bytes(b"")
    plain = sqlite3.connect(tmp_path / "plain.db")
    plain.execute("CREATE TABLE t AS SELECT ? AS what", (MARK,))
    plain.commit()
    plain.close()
    assert {text: len(paths) for text, paths in traces([MARK, "something else"], tmp_path).items()} == {MARK: 10}


def test_nothing_readable_is_left_by_commits(office: Office) -> None:
    ledger = office.ledger
    ledger.command, ledger.reason, ledger.key, ledger.request = f"x {MARK}", f"because {MARK}", f"key-{MARK}", b"x"
    lines = (line(f"Work for {MARK};1;77777.77;19"),)
    ledger.commit(lambda tx: draft(tx, f"D-{MARK.upper()}", f"C-{MARK}", lines))
    ledger.key = ""
    ledger.commit(lambda tx: tx.change(Invoice, f"D-{MARK.upper()}", Invoice.edit, ref=f"note {MARK}"))
    ledger.commit(issue)
    ledger.commit(
        lambda tx: tx.attach(Invoice, "D-9", [ledger.seal(Invoice, "D-9", [MARK.encode() * 1000])]) and draft(tx, "D-9")
    )
    secrets = (MARK, *TAGS, "77777.77", "invoice/D", "Acme GmbH")
    assert traces(secrets, office.folder, *ELSEWHERE) == {}  # while it is open, with its write-ahead log
    erase(ledger, f"D-{MARK.upper()}")
    office.close()
    assert traces(secrets, office.folder, *ELSEWHERE) == {}


def test_a_killed_process_leaves_nothing_readable(office: Office) -> None:
    office.close()
    for point in ("head-inserted", "before-commit", "views-before-commit", "blob-written"):
        assert office.run("file", f"D-{MARK.upper()}", BO_FAILPOINT=point, TMPDIR=str(office.folder)).returncode == -9
        assert traces([MARK], office.folder, *ELSEWHERE) == {}
        assert traces(["a document"], office.folder) == {}


CODES = {
    *(act.__struct_config__.tag for act in control.Acts.__args__), *control.COMPARTMENT_RIGHTS, *control.LEDGER_RIGHTS,
    control.ALL, control.FROM_NOW, "",
}  # fmt: skip


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def test_the_store_holds_numbers_ciphertext_and_pseudonyms(office: Office) -> None:
    """As somebody sees it who dumps the file: no column is text, and control acts say ids and closed codes only."""
    office.issue_invoices(3)
    assert office.run("file", "D-1").returncode == 0
    erase(office.ledger, "D-1")
    office.close()
    database = sqlite3.connect(f"file:{office.directory / 'ledger.db'}?mode=ro", uri=True)
    for table in ("leaf", "head", "wrapped", "slot"):
        for row in database.execute(f"SELECT * FROM {table}"):
            assert {type(value) for value in row} <= {int, bytes}
    bodies = [body for (body,) in database.execute("SELECT body FROM leaf WHERE kind = ?", (CONTROL,))]
    assert len(bodies) > 10
    for body in bodies:
        for text in texts(json.loads(body)):
            assert text in CODES or re.fullmatch(r"([0-9a-f]{2})+", text), text
    notes = [note for (note,) in database.execute("SELECT note FROM head")]
    ledger = rb"bo\.internal/[0-9a-f]{32}"
    form = ledger + rb"\n\d+\n[\w+/]{43}=\n\n\xe2\x80\x94 " + ledger + rb"/[0-9a-f]{32} [\w+/=]+\n"
    assert all(re.fullmatch(form, note) for note in notes)
    dump = "\n".join(database.iterdump())
    assert "INV-2026" not in dump
    assert "alice" not in dump
    database.close()


# the program as users run it

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SCRIPT = f"""
set -e
bo init books --name "Acme {MARK}" --owner alice --no-passphrase
cd books
printf '{{"name": "Ada {MARK}", "email": "{MARK}@example.org", "iban": "DE89370400440532013000"}}' |
    bo record add customer C-{MARK} --from -
bo record set C-{MARK} --set city="{MARK} city" --reason "moved to {MARK}"
bo record add employee E-1 --set name="Bob {MARK}"
DRAFT=$(bo invoice draft C-{MARK} --line "Work for {MARK};1;77777.77;19" --ref "order {MARK}" | tail -n 1)
bo invoice issue "${{DRAFT##* }}"
bo invoice pay INV-2026-0001 10 --on 2026-01-31 --ref "wire {MARK}"
bo invoice issue "${{DRAFT##* }}" || true
printf 'a letter about {MARK}\\n' > "$HOME/mine/letter {MARK}.txt"
bo doc file "$HOME/mine/letter {MARK}.txt" --title "Title {MARK}" --link C-{MARK}
bo record find {MARK} --json
bo record list --known-at 2026-01-31 --json
bo invoice list --json
bo audit trail --json
bo doc search {MARK} --json
bo record list nothing-{MARK} || true
"""


def shell(run: Run, script: str) -> subprocess.CompletedProcess[str]:
    """A script in the folder where `bo` of the fixture works, with a temporary folder of its own."""
    home = Path(str(run("--version").args[0])).parent.parent
    (home / "mine").mkdir(exist_ok=True)
    (home / "tmp").mkdir(exist_ok=True)
    environment = {
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "HOME": str(home), "BO_HOME": str(home / "config"),
        "TMPDIR": str(home / "tmp"), "BO_NOW": "2026-01-31T12:00:00Z", "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    return subprocess.run(
        ["bash", "-c", script], cwd=home / "work", env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def written(bo: Run) -> Path:
    done = shell(bo, SCRIPT)
    assert done.returncode == 0, done.stderr
    assert f"Ada {MARK}" in done.stdout
    assert f"Title {MARK}" in done.stdout
    return Path(str(bo("--version").args[0])).parent.parent


def test_commands_leave_nothing_readable_but_what_was_asked_for(written: Path) -> None:
    (written / "tmp" / "here.txt").touch()
    secrets = (MARK, "77777.77", "DE89370400440532013000", *TAGS)
    assert traces(secrets, written / "work", written / "config", written / "tmp", *ELSEWHERE) == {}
    assert [path.name for path in (written / "tmp").iterdir()] == ["here.txt"]


def test_after_an_erasure_the_views_do_not_know_the_text(bo: Run, written: Path) -> None:
    """Not in any table, nor in what the index of words is cut up into; the documents' text goes with them."""
    done = shell(
        bo,
        f"set -e; cd books; bo record erase E-1 --reason x --yes; bo record erase C-{MARK} --reason x --yes || true;"
        "bo record list employee --json",
    )
    assert done.returncode == 0, done.stderr
    assert "Bob" not in done.stdout
    home = Home({"BO_HOME": str(written / "config")})
    [file] = home.devices.glob("*.json")
    from bo.session import Session

    ledger = Session(written / "work" / "books", home, device.unlock(device.read(file), lambda: ""))
    ledger.pull()
    assert not ledger.client.get("sweep")
    names = [name for (name,) in ledger.client.db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {
        name
        for name in names
        for row in ledger.client.db.execute(f'SELECT * FROM "{name}"')
        for value in row
        if b"bob zq7" in (value if isinstance(value, bytes) else str(value).encode()).lower()
    }
    assert found == set()
    ledger.close()


def test_a_passphrase_stands_nowhere(tmp_path: Path) -> None:
    secret = f"{MARK} and a horse"
    given, home = tmp_path / "given" / "passphrase", tmp_path / "home"
    given.parent.mkdir()
    given.write_text(secret + "\n")
    given.chmod(0o600)
    home.mkdir()
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home), "BO_HOME": str(home / "config"),
        "TMPDIR": str(home), "BO_PASSPHRASE_FILE": str(given), "PYTHONFAULTHANDLER": "1",
    }  # fmt: skip
    told = []
    for words, code in (
        (["init", str(home / "books"), "--name", "Acme", "--owner", "alice"], 0),
        (["-L", str(home / "books"), "whoami", "--json"], 0),
        (["-L", str(home / "books"), "record", "add", "customer", "C-1", "--set", "name=Ada"], 0),
        (["-L", str(home / "books"), "--verbose", "record", "show", "nobody"], 7),
    ):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "bo", *words],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        told.append(done.stdout + done.stderr)
    assert not any(MARK in each for each in told)
    assert traces([secret], home, *ELSEWHERE) == {}
    given.write_text("wrong " + secret)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bo", "-L", str(home / "books"), "whoami"],
        env={**environment, "BO_DEBUG": "1"}, cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 5
    assert MARK not in done.stdout + done.stderr
    assert traces([secret], home) == {}
