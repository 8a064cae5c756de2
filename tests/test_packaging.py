"""The wheel holds the four packages, and what lies in the working directory is never taken for one of them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.test_layers import LAYERS
from tests.transcripts import ROOT, home

EVIL = "import pathlib\npathlib.Path({mark!r}).write_text('ran')\nraise SystemExit(99)\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built and unpacked as pip does it, with the script that pip writes."""
    folder = tmp_path_factory.mktemp("wheel")
    pip(["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)])
    (built,) = folder.glob("bo_ledger-*.whl")
    pip(["install", "--no-deps", "--no-index", "--target", str(folder / "installed"), str(built)])
    return built


def pip(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == set(LAYERS)
    packed = {name for name in names if name.endswith(".py")}
    ours = {str(path.relative_to(ROOT)) for layer in LAYERS for path in (ROOT / layer).rglob("*.py")}
    assert packed == ours
    assert not [name for name in names if "__pycache__" in name]


@pytest.mark.parametrize("way", ["bo", "python -m bo"])
def test_a_folder_called_store_in_the_working_directory_is_never_imported(
    wheel: Path, tmp_path: Path, way: str
) -> None:
    installed = wheel.parent / "installed"
    environment = {**home(tmp_path / "home"), "PYTHONPATH": str(installed)}
    mark = tmp_path / "ran"
    place = tmp_path / "home" / "work"
    for name in LAYERS[:3]:
        (place / name).mkdir()
        (place / name / "__init__.py").write_text(EVIL.format(mark=str(mark)))
    program = [str(installed / "bin" / "bo")] if way == "bo" else [sys.executable, "-m", "bo"]
    for words in (
        ["init", "books", "--name", "Acme", "--owner", "alice", "--no-passphrase"],
        ["-L", "books", "status"],
    ):
        done = subprocess.run(
            [*program, *words], cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "Acme" in done.stdout
    assert not mark.exists()


def test_without_the_guard_the_folder_would_be_imported(tmp_path: Path) -> None:
    """The trap of the test above does snap."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "__init__.py").write_text(EVIL.format(mark=str(tmp_path / "ran")))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", "import store"], cwd=tmp_path, env=environment, check=False)
    assert (tmp_path / "ran").exists()
