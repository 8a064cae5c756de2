"""Documents from the command line to the blob and back: what is kept, found, refused and noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from aggregates.core import DIRECTORY, DOCUMENTS, FINANCE, PEOPLE, Refused
from aggregates.document import Document
from aggregates.erasure import Erasure
from aggregates.invoice import Invoice
from aggregates.legal import Party
from aggregates.series import Series
from bo import documents, mime, texts
from bo.commands.documents.doc import doc
from bo.filed import found_by
from bo.session import Session
from projections import core, documentlists
from projections.core import open_views
from projections.documentlists import query_of
from store import device as devices
from store import slots
from store.control import ALL, FROM_NOW, READ, WRITE, DeviceAdd, Grant, PersonAdd
from store.errors import NotFound, Tampered, Unauthorised, Unavailable
from store.home import Home
from store.shredding import Target, shred, sweep
from store.transaction import Transaction, random_id
from tests.ledgers import DAY, Office, draft, issue
from tests.transcripts import ROOT

LONG = "word " * 5_000 + "supercalifragilistic\n"
Do = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@pytest.fixture
def do(office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Do:
    """`do("file", path)`: runs `bo doc file` in this process and gives what it printed."""
    monkeypatch.setenv("BO_HOME", str(office.home))
    monkeypatch.setenv("BO_LEDGER", str(office.directory))
    for name in ("BO_DEVICE", "BO_NOW", "BO_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str | Path) -> str:
        capsys.readouterr()
        doc.main([str(word) for word in words], prog_name="bo doc", standalone_mode=False)
        return capsys.readouterr().out.strip()

    return run


def listed(do: Do, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(do(*words, "--json"))
    return found


def blobs(office: Office) -> set[Path]:
    return {path for path in (office.directory / "blobs").rglob("*") if path.is_file()}


def written(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def member(office: Office, name: str, *rights: tuple[str, int], history: str = ALL) -> Session:
    """A second person with a device of her own and rights in some compartments."""
    ledger = office.ledger
    made, person = devices.new(name, ledger.id, request="ab" * 32), random_id()

    def work(tx: Transaction) -> None:
        tx.act(PersonAdd(person, False))
        added = DeviceAdd(
            made.id.hex(), person, slots.SUITE, made.sign_public.hex(), made.kem_public.hex(), False, "ab" * 32
        )
        tx.act(added)
        for right, compartment in rights:
            tx.act(Grant(random_id(), person, "", right, compartment, history, 0))
            if history == FROM_NOW:
                tx.open_epoch(compartment)
        for compartment in (DIRECTORY, *(compartment for _, compartment in rights if history == ALL)):
            tx.give_slots(made.id.hex(), compartment, range(1, tx.people.epoch(compartment) + 1))

    ledger.commit(work)
    home = Home({"BO_HOME": str(office.folder / name)})
    made.save(home.device_file(name), None)
    return Session(office.directory, home, made)


# filing and getting


def test_a_file_comes_back_as_it_was_and_is_nowhere_in_the_clear(office: Office, do: Do, folder: Path) -> None:
    data = b"unmistakable plaintext " * 9_000 + os.urandom(100_000)
    reference = do("file", written(folder / "a.bin", data))
    assert do("get", reference, "-o", folder / "b.bin") == str(folder / "b.bin")
    assert (folder / "b.bin").read_bytes() == data
    assert (folder / "b.bin").stat().st_mode & 0o777 == 0o600
    kept = b"".join(path.read_bytes() for path in office.directory.rglob("*") if path.is_file())
    assert b"unmistakable plaintext" not in kept
    assert b"unmistakable plaintext" not in office.ledger.client.path.read_bytes()


@pytest.mark.parametrize("size", [0, 1, mime.HEAD, mime.HEAD + 1, (1 << 20) + 1])
def test_every_size_comes_back(do: Do, folder: Path, size: int) -> None:
    data = os.urandom(size)
    reference = do("file", written(folder / "a", data))
    do("get", reference, "-o", folder / "b")
    assert (folder / "b").read_bytes() == data
    assert json.loads(do("show", reference, "--json"))["sha256"] == sha256(data).hexdigest()


def test_standard_input_is_filed_and_standard_output_given(bo: Callable[..., Any], tmp_path: Path) -> None:
    bo("init", "books", "--name", "A", "--owner", "alice", "--no-passphrase")
    done = bo("-L", "books", "doc", "file", "-", "--name", "letter.txt", stdin="Sehr geehrte Damen und Herren")
    reference = done.stdout.strip()
    assert done.returncode == 0, done.stderr
    assert bo("-L", "books", "doc", "get", reference).stdout == "Sehr geehrte Damen und Herren"
    assert reference in bo("-L", "books", "doc", "search", "damen").stdout


def test_many_files_are_one_commit_or_none(office: Office, do: Do, folder: Path) -> None:
    one, two = written(folder / "one", "1"), written(folder / "two", "2")
    with pytest.raises(Unavailable):
        do("file", one, two, folder / "three")
    assert blobs(office) == set()
    assert [line.split()[1] for line in do("file", one, two).split("\n")] == ["one", "two"]
    assert office.ledger.load(Document, listed(do, "list")[0]["reference"]).version == 1
    assert len(blobs(office)) == 2


def test_versions_are_kept_and_only_the_newest_is_searched(do: Do, folder: Path) -> None:
    path = written(folder / "a.txt", "about apples")
    reference = do("file", path)
    written(path, "about pears")
    assert do("replace", reference, path, "--reason", "pears") == f"{reference} version 2"
    do("get", reference, "--version", "1", "-o", folder / "old")
    assert (folder / "old").read_text() == "about apples"
    assert listed(do, "search", "apples") == []
    assert [hit["reference"] for hit in listed(do, "search", "pears")] == [reference]
    assert do("replace", reference, path, "--reason", "again") == f"{reference} version 2"  # nothing to do
    with pytest.raises(NotFound, match="no version 3: it has 1, 2"):
        do("get", reference, "--version", "3")


def test_getting_overwrites_only_by_force_and_into_a_folder_by_a_safe_name(do: Do, folder: Path) -> None:
    reference = do("file", written(folder / "-rf.txt", "x"))
    (folder / "out").mkdir()
    assert do("get", reference, "-o", folder / "out") == str(folder / "out" / "rf.txt")
    with pytest.raises(Refused, match="exists already"):
        do("get", reference, "-o", folder / "out")
    written(folder / "out" / "rf.txt", "mine")
    do("get", reference, "-o", folder / "out" / "rf.txt", "--force")
    assert (folder / "out" / "rf.txt").read_text() == "x"
    (folder / "link").symlink_to("elsewhere")
    with pytest.raises(Refused, match="symbolic link"):
        do("get", reference, "-o", folder / "link", "--force")
    assert not (folder / "elsewhere").exists()


# what cannot be filed


def test_what_is_no_file_is_refused_and_nothing_is_left(office: Office, do: Do, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "broken").symlink_to("nowhere")
    for path, error in ((folder, Refused), (folder / "pipe", Refused), (folder / "broken", Unavailable), ("", Refused)):
        with pytest.raises(error):
            do("file", path)
    assert blobs(office) == set()
    assert listed(do, "list") == []


def test_a_symlink_to_a_file_is_filed_under_its_own_name(do: Do, folder: Path) -> None:
    written(folder / "real", "content")
    (folder / "called.txt").symlink_to("real")
    reference = do("file", folder / "called.txt")
    assert json.loads(do("show", reference, "--json"))["name"] == "called.txt"


@pytest.mark.parametrize(
    "name", [b"ev\nil.txt", b"\x1b[31mred", b"\xff\xfe.txt", b"a\\b", "r\u202etxt.exe".encode(), b"x" * 255]
)
def test_a_hostile_name_becomes_a_plain_one(do: Do, folder: Path, name: bytes) -> None:
    path = os.fsencode(folder) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(b"content")
    reference = do("file", os.fsdecode(path))
    kept = json.loads(do("show", reference, "--json"))["name"]
    assert kept.isprintable()
    assert not {"/", "\\"} & set(kept)
    assert len(kept.encode()) <= 255


def test_a_file_that_changes_while_it_is_read_is_refused(
    office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(folder / "log.txt", "first\n")
    extract = texts.extract

    def meanwhile(file: Any, kind: str) -> Any:
        with path.open("a") as log:
            log.write("second\n")
        return extract(file, kind)

    monkeypatch.setattr(texts, "extract", meanwhile)
    with pytest.raises(Refused, match="was changed while it was read"):
        documents.take(office.ledger, str(path), "DOC-AAAAA", DOCUMENTS)
    office.close()
    assert blobs(office) == set()


def test_a_dry_run_and_a_repeated_key_leave_no_blob(office: Office, do: Do, folder: Path) -> None:
    path = written(folder / "a.txt", LONG)
    do("file", path, "--dry-run")
    assert blobs(office) == set()
    first = do("file", path, "--key", "k")
    kept = blobs(office)
    assert len(kept) == 2
    assert do("file", path, "--key", "k") == first
    assert blobs(office) == kept


def test_a_refused_event_leaves_no_blob(office: Office, do: Do, folder: Path) -> None:
    with pytest.raises(Refused, match="a kind is one word"):
        do("file", written(folder / "a", "x"), "--kind", "Two Words")
    assert blobs(office) == set()


@pytest.mark.parametrize("place", ["blob-written", "before-commit"])
def test_a_killed_filing_leaves_an_orphan_that_is_named(
    bo: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    work = tmp_path / "home" / "work"
    bo("init", "books", "--name", "A", "--owner", "alice", "--no-passphrase")
    written(work / "a.txt", "x")
    bo("-L", "books", "doc", "file", "a.txt")
    kept = {path for path in (work / "books" / "blobs").rglob("*") if path.is_file()}
    assert bo("-L", "books", "doc", "file", "a.txt", BO_FAILPOINT=place).returncode == -9
    (left,) = {path for path in (work / "books" / "blobs").rglob("*") if path.is_file()} - kept
    home = Home({"BO_HOME": str(tmp_path / "home" / "config")})
    device = devices.unlock(devices.read(home.device_file("alice")), lambda: "")
    ledger = Session(work / "books", home, device)
    ledger.pull()
    assert documents.orphans(ledger) == []  # it may still be under way
    os.utime(left, (0, 0))
    assert [work / "books" / "blobs" / orphan.name for orphan in documents.orphans(ledger)] == [left]
    ledger.close()
    assert bo("-L", "books", "doc", "sweep").stdout == f"{left.relative_to(work / 'books' / 'blobs')}\n"
    assert {path for path in (work / "books" / "blobs").rglob("*") if path.is_file()} == kept
    assert bo("-L", "books", "doc", "verify").returncode == 0


# damage


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("harm", [flip, cut, pipe, Path.unlink], ids=["flip", "cut", "pipe", "unlink"])
def test_a_damaged_blob_is_named_and_gives_no_output(
    office: Office, do: Do, folder: Path, capsys: pytest.CaptureFixture[str], harm: Callable[[Path], None]
) -> None:
    sound = do("file", written(folder / "sound", "sound"))
    before = blobs(office)
    reference = do("file", written(folder / "a", os.urandom(3 << 20)))
    (blob,) = blobs(office) - before
    assert do("verify") == ""
    harm(blob)
    with pytest.raises(Tampered, match=f"{reference} version 1: the document file {blob.name} is|was"):
        do("get", reference, "-o", folder / "out")
    assert not (folder / "out").exists()
    assert {path.name for path in folder.iterdir()} == {"a", "sound"}
    with pytest.raises(Tampered):
        do("get", reference)
    assert capsys.readouterr().out == ""
    for words in ((), (reference,)):
        with pytest.raises(Tampered, match=r"^1 file cannot be given back"):
            do("verify", *words, "--json")
        (broken,) = json.loads(capsys.readouterr().out)
        assert (broken["reference"], broken["version"], broken["name"]) == (reference, 1, "a")
    assert do("verify", sound) == ""


def test_two_blobs_that_changed_places_are_both_noticed(office: Office, do: Do, folder: Path) -> None:
    for name in ("a", "b"):
        do("file", written(folder / name, name * 100))
    one, two = sorted(blobs(office))
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)
    with pytest.raises(Tampered, match=r"^2 files cannot"):
        do("verify")


# text and search


def test_long_text_has_a_blob_of_its_own_and_a_rebuild_finds_it_again(
    office: Office, do: Do, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = do("file", written(folder / "a.txt", LONG))
    assert len(blobs(office)) == 2
    assert [hit["reference"] for hit in listed(do, "search", "supercali*")] == [reference]
    fresh = office.fresh()
    assert [hit.reference for hit in documentlists.search(open_views(fresh), "supercali*")] == [reference]
    monkeypatch.setattr(core.projections()["Documents"], "version", 1_000)
    fresh.client.put("projections", b"an older program")
    assert [hit.reference for hit in documentlists.search(open_views(fresh), "supercali*")] == [reference]


def test_a_text_that_cannot_be_read_leaves_everything_else_readable(office: Office, do: Do, folder: Path) -> None:
    plain = written(folder / "a.txt", LONG)
    reference = do("file", plain)
    known = documentlists.kept(open_views(office.ledger))[0].text_blob
    flip(next(path for path in blobs(office) if path.name == known))
    other = do("file", written(folder / "b.txt", "other words"))
    views = open_views(office.fresh())
    assert documentlists.search(views, "supercalifragilistic") == []
    assert [hit.reference for hit in documentlists.search(views, "a.txt")] == [reference]
    shown = documentlists.shown(views, reference, DOCUMENTS)
    assert shown is not None
    assert shown.text == "unreadable"
    assert [hit.reference for hit in documentlists.search(views, "words")] == [other]
    with pytest.raises(Tampered, match=r"^1 file cannot"):
        do("verify", reference)
    do("get", reference, "-o", folder / "c.txt")
    assert (folder / "c.txt").read_text() == LONG


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("one two", '"one" "two"'),
        ('"one two" thr*', '"one two" "thr"*'),
        ('"open phrase', '"open phrase"'),
        ("AND OR NEAR(x) title:y -z ^w", '"AND" "OR" "NEAR(x)" "title:y" "-z" "^w"'),
        ('* ** -- "" "*"', ""),
        ('say"hello"*', '"say" "hello"*'),
    ],
)
def test_a_search_means_what_was_typed(text: str, query: str) -> None:
    assert query_of(text) == query


def test_no_search_is_an_error(office: Office, do: Do, folder: Path) -> None:
    do("file", written(folder / "a.txt", "Die Kündigung ist möglich, AND so on. 2026-01-31"))
    views = open_views(office.ledger)
    for text in ('"', "(", "AND", "NOT NOT", "a*b*c", "{x}:y", "'", "\\", "%", "kündigung", "KUNDIGUNG", "ku* 2026-01"):
        documentlists.search(views, text)
    documentlists.search(views, " ".join(f"word{number}" for number in range(5_000)))
    documentlists.search(views, "x" * 100_000)
    for text in ("kündigung", "KUNDIGUNG", "kund*", '"ist möglich"', "AND 2026-01"):
        assert len(documentlists.search(views, text)) == 1, text
    assert documentlists.search(views, '"möglich ist"') == []


def test_a_title_is_found_before_a_text(do: Do, folder: Path) -> None:
    in_text = do("file", written(folder / "a.txt", "the lease is here"))
    in_title = do("file", written(folder / "b.txt", "something"), "--title", "Lease")
    assert [hit["reference"] for hit in listed(do, "search", "lease")] == [in_title, in_text]
    do("retitle", in_title, "Contract")
    assert [hit["reference"] for hit in listed(do, "search", "lease")] == [in_text]
    assert [hit["reference"] for hit in listed(do, "search", "contract something")] == [in_title]


# what is known about it


def test_what_happened_is_told_and_the_past_stays_as_it_was(office: Office, do: Do, folder: Path) -> None:
    reference = do("file", written(folder / "a.txt", "x"), "--title", "Old", "--retain", "10y")
    position = open_views(office.ledger).position
    do("retitle", reference, "New", "--reason", "clearer")
    do("retain", reference, "20y", "--reason", "law")
    changes = listed(do, "history", reference)
    assert [(change["what"], change["by"], change["reason"]) for change in changes] == [
        ("filed", "alice", ""),
        ("retitled", "alice", "clearer"),
        ("retained", "alice", "law"),
    ]
    assert changes[1]["detail"] == "Old → New"
    assert listed(do, "list")[0]["title"] == "New"
    assert listed(do, "list", "--known-at", str(position))[0]["title"] == "Old"
    assert listed(do, "list", "--as-of", "2020-01-01") == []
    assert listed(do, "history", reference, "--known-at", str(position)) == changes[:1]


def test_links_lead_from_a_thing_to_its_documents(office: Office, do: Do, folder: Path) -> None:
    number = office.ledger.commit(issue)
    office.ledger.commit(lambda tx: draft(tx, "D-OTHER"))
    one = do("file", written(folder / "a", "x"), "--link", number)
    two = do("file", written(folder / "b", "y"), "--link", "D-OTHER", "--link", one)
    assert [row["reference"] for row in listed(do, "list", "--link", number)] == [one]
    assert [row["reference"] for row in listed(do, "list", "--link", "D-OTHER")] == [two]
    assert [row["reference"] for row in listed(do, "list", "--link", one)] == [two]
    do("unlink", two, one, "--reason", "no")
    assert listed(do, "list", "--link", one) == []
    do("link", two, number)
    assert len(listed(do, "list", "--link", number)) == 2
    for wrong, error in (("nothing", NotFound), (two, Refused), ("alice", Refused)):
        with pytest.raises(error):
            do("link", two, wrong)
    assert do("link", two, number) == two  # nothing to do


def test_a_link_made_to_a_draft_leads_from_the_invoice_it_became(office: Office, do: Do, folder: Path) -> None:
    office.ledger.commit(lambda tx: draft(tx, "D-FIRST"))
    reference = do("file", written(folder / "a", "x"), "--link", "D-FIRST")

    def work(tx: Transaction) -> str:
        taken = tx.change(Series, "INV-2026", Series.take, "INV", 2026, DAY)
        tx.change(Invoice, "D-FIRST", Invoice.issue, taken.number, DAY, Party("Ada"), Party("Acme"))
        return taken.number

    number = office.ledger.commit(work)
    for name in (number, "D-FIRST", "invoice/D-FIRST"):
        assert [row["reference"] for row in listed(do, "list", "--link", name)] == [reference]


def test_retention_shorter_than_promised_is_told_with_its_reason(do: Do, folder: Path) -> None:
    reference = do("file", written(folder / "a", "x"), "--retain", "10y")
    shown = json.loads(do("show", reference, "--json"))
    filed = date.fromisoformat(shown["filed"])
    assert date.fromisoformat(shown["retain_until"]).year == filed.year + 10
    with pytest.raises(Refused, match="retention is written"):
        do("retain", reference, "long", "--reason", "x")
    do("retain", reference, "1y", "--reason", "law changed")
    assert listed(do, "history", reference)[-1]["reason"] == "law changed"


# compartments and rights


def test_another_compartment_is_another_circle_of_readers(office: Office, do: Do, folder: Path) -> None:
    payslip = do("file", written(folder / "payslip.txt", "salary " + LONG), "--in", "people")
    bill = do("file", written(folder / "bill.txt", "salary of the court"), "--in", "finance")
    assert {row["compartment"] for row in listed(do, "list")} == {"people", "finance"}
    clerk = member(office, "bob", (WRITE, FINANCE), (READ, DOCUMENTS))
    views = open_views(clerk)
    assert [hit.reference for hit in documentlists.search(views, "salary")] == [bill]
    assert [kept.reference for kept in documentlists.kept(views)] == [bill]
    with pytest.raises(NotFound):
        documents.target(views, payslip)
    assert documents.broken(clerk, documentlists.kept(views), everything=True) == []
    do("retitle", payslip, "May")
    do("replace", payslip, written(folder / "payslip2.txt", "salary 2"), "--reason", "corrected")
    do("get", payslip, "-o", folder / "out")
    assert (folder / "out").read_text() == "salary 2"
    clerk.close()


def test_who_reads_from_now_on_sees_what_came_since_and_that_it_is_not_all(
    office: Office, do: Do, folder: Path
) -> None:
    early = do("file", written(folder / "early.txt", "early words"), "--title", "Early")
    changed = do("file", written(folder / "old.txt", "old words"), "--title", "Old")
    clerk = member(office, "bob", (WRITE, DOCUMENTS), history=FROM_NOW)
    do("replace", changed, written(folder / "new.txt", f"new words {LONG}"), "--reason", "since then")
    late = do("file", written(folder / "late.txt", "late words"), "--link", early)
    views = open_views(clerk)
    assert [row.reference for row in documentlists.listed(views)] == [changed, late]
    shown = documentlists.shown(views, changed, DOCUMENTS)
    assert shown is not None
    assert (shown.partial, shown.title, shown.version, shown.text) == (True, "new.txt", 2, "indexed")
    assert [hit.reference for hit in documentlists.search(views, "supercali*")] == [changed]
    assert found_by(views, changed).compartment == DOCUMENTS
    kept = documentlists.kept(views)
    assert [(version.reference, version.version) for version in kept] == [(changed, 2), (late, 1)]
    assert b"".join(documents.content(clerk, kept[0])).decode() == f"new words {LONG}"
    assert documents.broken(clerk, kept, everything=True) == []
    clerk.close()


def test_filing_where_one_may_not_write_leaves_no_blob_and_a_trace(office: Office, folder: Path) -> None:
    clerk = member(office, "bob", (READ, DOCUMENTS), (WRITE, FINANCE))
    clerk.pull()
    with pytest.raises(Unauthorised, match="you may not write in documents"):
        documents.must_write(clerk, DOCUMENTS, "documents")
    with pytest.raises(Unauthorised):
        documents.must_write(clerk, PEOPLE, "people")
    documents.must_write(clerk, FINANCE, "finance")

    taken = documents.take(clerk, str(written(folder / "a", "x")), "DOC-AAAAA", DOCUMENTS)

    def work(tx: Transaction) -> None:
        content = taken.attach(tx, DOCUMENTS)
        tx.change(Document, "DOC-AAAAA", Document.file, **content, compartment=DOCUMENTS)

    assert len(blobs(office)) == 1
    with pytest.raises(Unauthorised):
        clerk.commit(work)
    clerk.close()
    assert blobs(office) == set()
    told = open_views(office.ledger).value("SELECT COUNT(*) FROM trail WHERE event = 'journal.denied'")
    assert told == 3


def test_looking_into_a_confidential_compartment_is_noted(office: Office, do: Do, folder: Path) -> None:
    secret = do("file", written(folder / "a.txt", "secret"), "--in", "people")
    plain = do("file", written(folder / "b.txt", "plain"))

    def looks() -> int:
        views = open_views(office.ledger)
        return int(views.value("SELECT COUNT(*) FROM trail WHERE event = 'journal.looked'"))

    do("search", "plain")
    do("get", plain, "-o", folder / "out")
    assert looks() == 0
    for words in (
        ("search", "secret"),
        ("list",),
        ("show", secret),
        ("history", secret),
        ("get", secret, "-o", folder / "s"),
    ):
        before = looks()
        do(*words)
        assert looks() == before + 1, words


# races and erasure


def test_a_version_or_an_epoch_that_passed_meanwhile_is_sealed_anew(office: Office, do: Do, folder: Path) -> None:
    reference = do("file", written(folder / "a.txt", "first"))
    ledger = office.another()
    taken = documents.take(ledger, str(written(folder / "b.txt", LONG)), reference, DOCUMENTS)
    do("retitle", reference, "meanwhile")
    office.ledger.commit(lambda tx: tx.open_epoch(DOCUMENTS))

    def work(tx: Transaction) -> None:
        content = taken.attach(tx, DOCUMENTS)
        tx.change(Document, reference, Document.replace, **content)

    ledger.commit(work)
    ledger.close()
    assert do("verify") == ""
    assert [hit["reference"] for hit in listed(do, "search", "supercali*")] == [reference]
    do("get", reference, "-o", folder / "out")
    assert (folder / "out").read_text() == LONG
    assert len(blobs(office)) == 3


def test_an_erased_document_is_gone_from_every_table_and_its_file_too(office: Office, do: Do, folder: Path) -> None:
    reference = do("file", written(folder / "Smith.txt", f"John Smith {LONG}"), "--title", "About Smith")
    other = do("file", written(folder / "b.txt", "something else"), "--link", reference)
    ledger = office.ledger
    name = f"document/{reference}"

    def work(tx: Transaction) -> None:
        shred(tx, ledger, [Target(DOCUMENTS, name)])
        tx.change(Erasure, name, Erasure.erase, name, compartment=DOCUMENTS)

    assert [hit["reference"] for hit in listed(do, "search", "smith")] == [reference]
    ledger.commit(work)
    sweep(ledger)
    assert [row["reference"] for row in listed(do, "list")] == [other]
    assert listed(do, "search", "smith") == []
    assert len(blobs(office)) == 1
    for verb in ("show", "history", "get"):
        with pytest.raises(NotFound, match="was erased"):
            do(verb, reference)
    assert do("verify") == ""
    views = open_views(ledger)
    for table in ("document", "document_version", "document_link", "document_change"):
        column = "id" if table == "document" else "document"
        assert views.value(f"SELECT COUNT(DISTINCT {column}) FROM {table}") == 1
    assert views.value("SELECT COUNT(*) FROM document_text") == 1
    terms = b"".join(row[0] for row in ledger.client.db.execute("SELECT block FROM document_text_data"))
    assert b"supercali" not in terms
    assert b"something" in terms


# what it imports


def test_a_warm_listing_needs_no_rules_and_no_cryptography(office: Office, do: Do, folder: Path) -> None:
    do("file", written(folder / "a.txt", "something"))
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from bo.commands.documents.doc import doc
for words in (["list", "--json"], ["search", "something", "--json"]):
    doc.main(words, standalone_mode=False)
heavy = {name.partition(".")[0] for name in sys.modules} & {"aggregates", "cryptography", "eventsourcing", "tabulate"}
print(sorted(heavy), file=sys.stderr)
"""
    do("list")
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(ROOT)], env=os.environ.copy(), capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"
    assert done.stdout.count("a.txt") == 2
