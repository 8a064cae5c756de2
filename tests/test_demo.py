"""`bo demo` builds a ledger that verifies, in which each person sees what he may, and of which nothing leaks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bo.demo import cast
from bo.demo.stage import Stage
from tests.transcripts import ROOT, home

Run = Callable[..., subprocess.CompletedProcess[str]]
NOW = "2026-03-02T15:00:00Z"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a demonstration, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    done = demo(folder)
    assert done.returncode == 0, done.stderr
    return folder / "home" / "work" / "demo", done.stdout


def demo(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**home(folder / "home"), "BO_NOW": NOW}
    return subprocess.run(
        [f"{environment['HOME']}/bin/bo", "demo", "demo", "--invoices", "60", *words],
        cwd=folder / "home" / "work",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def ask(built: tuple[Path, str], actor: str, *words: str) -> str:
    environment = {**home_of(built[0], actor), "BO_NOW": NOW}
    program = built[0].parent.parent / "bin" / "bo"
    done = subprocess.run([str(program), *words], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def home_of(folder: Path, actor: str) -> dict[str, str]:
    stage = Stage(folder)
    return {"PATH": "/usr/bin:/bin", "BO_HOME": str(stage.home(actor)), "BO_LEDGER": str(stage.books)}


def listed(built: tuple[Path, str], actor: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = msgspec.json.decode(ask(built, actor, "invoice", "list", "--json"))
    return found


def test_it_says_where_it_is_first_and_shows_views_trail_and_verification(built: tuple[Path, str]) -> None:
    printed = built[1]
    assert printed.startswith("demo\n")
    for words in (
        "status",
        "invoice unpaid",
        "invoice aging",
        "doc list",
        "access list",
        "audit trail",
        "audit verify",
    ):
        assert f"\n$ bo {words}" in printed
    assert f"BO_LEDGER={built[0] / 'books'}" in printed
    assert "every leaf, signature, right, key row and document" in printed


def test_numbers_have_no_gap_and_every_fate_occurs(built: tuple[Path, str]) -> None:
    invoices = listed(built, cast.ALICE)
    numbers = sorted(row["number"] for row in invoices if row["number"])
    assert len(numbers) == 60
    for year in {number.split("-")[1] for number in numbers}:
        of_year = [int(number.split("-")[2]) for number in numbers if number.split("-")[1] == year]
        assert of_year == list(range(1, len(of_year) + 1))
    assert {"paid", "open"} <= {row["status"] for row in invoices}


def test_each_person_sees_what_he_was_granted(built: tuple[Path, str]) -> None:
    everything = {row["number"]: row["on"] for row in listed(built, cast.ALICE)}
    bob = {row["number"]: row["on"] for row in listed(built, cast.BOB)}
    carol = {row["number"]: row["on"] for row in listed(built, cast.CAROL)}
    assert 0 < len(bob) < len(everything)
    assert 0 < len(carol) < len(everything)
    assert max(bob.values()) < max(everything.values())
    assert min(carol.values()) > min(everything.values())
    assert bob.items() <= everything.items()
    assert carol.items() <= everything.items()


def test_what_was_tried_in_vain_stands_in_the_trail(built: tuple[Path, str]) -> None:
    for actor in (cast.BOB, cast.CAROL):
        assert "journal.denied" in ask(built, cast.ALICE, "audit", "trail", "--actor", actor)


def test_the_one_who_asked_to_be_forgotten_is_forgotten(built: tuple[Path, str]) -> None:
    name = cast.CUSTOMERS[cast.PRIVATE]["name"]
    assert name not in built[1]
    for words in (("record", "list", "customer"), ("audit", "trail"), ("record", "find", "Mira")):
        assert name not in ask(built, cast.ALICE, *words)


@pytest.mark.parametrize("part", ["books", cast.ALICE, cast.BOB, cast.CAROL])
def test_nothing_that_went_in_stands_in_the_clear(built: tuple[Path, str], part: str) -> None:
    markers = ["Lantern", "Harbour Theatre", "Café Morgenrot", "borax", "frame-agreement", "invoice.issued"]
    files = [path for path in (built[0] / part).rglob("*") if path.is_file()]
    assert files
    for path in files:
        raw = path.read_bytes()
        assert [marker for marker in markers if marker.encode() in raw] == [], path


def test_the_same_seed_and_clock_give_the_same_year(built: tuple[Path, str], tmp_path: Path) -> None:
    again = demo(tmp_path)
    assert again.returncode == 0
    assert _plain(again.stdout) == _plain(built[1])
    other = demo(tmp_path / "other", "--seed", "2")
    assert _plain(other.stdout) != _plain(built[1])


def _plain(printed: str) -> str:
    """Without ids, places, hashes and what depends on their width."""
    text = re.sub(r"/\S+/demo\b", "/demo", printed)
    text = re.sub(r"\b(?:DOC|D)-[A-Z2-7]+|[A-Za-z0-9+/]{43}=|[0-9a-f]{8,32}|(?:[A-Z2-7]{5}-){3}[A-Z2-7]{5}", "", text)
    text = re.sub(r"(?m)^(bytes|documents)\b.*", "", text)
    return re.sub(r" {2,}|-{2,}", " ", text)


def test_a_folder_with_something_in_it_is_left_alone(bo: Run, tmp_path: Path) -> None:
    place = tmp_path / "home" / "work" / "demo"
    place.mkdir()
    (place / "mine").write_text("mine")
    done = bo("demo", "demo")
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [path.name for path in place.iterdir()] == ["mine"]


def test_the_users_own_home_is_not_touched(built: tuple[Path, str]) -> None:
    assert not (built[0].parent.parent / "config").exists()
    assert ROOT not in built[0].parents
