"""A business module is five new files: those of docs/adding-a-module.md work in a copy of the program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_layers import LAYERS, wrong
from tests.transcripts import ROOT

_FILE = re.compile(r"^```(?:python|text) (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The program with five more files and nothing else changed."""
    for folder in (*LAYERS, "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name, text in files().items():
        path = tmp_path / name
        assert not path.exists(), f"{name} is not new"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def files() -> dict[str, str]:
    return dict(_FILE.findall((ROOT / "docs" / "adding-a-module.md").read_text(encoding="utf-8")))


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTEST_ADDOPTS": "-p no:cacheprovider"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_are_five_and_each_stays_in_its_layer() -> None:
    found = files()
    assert len(found) == 5
    for name, text in found.items():
        layer = name.split("/")[0]
        assert layer == "tests" or wrong(layer, Path(name).stem, text) == []


def test_the_help_lists_it(copy: Path) -> None:
    assert "visitor" in run(copy, "bo", "--help").stdout


def test_its_rules_and_its_transcript_hold(copy: Path) -> None:
    done = run(copy, "pytest", "tests/test_visitor.py", "tests/test_transcripts.py", "-q", "-k", "visitor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_the_code_is_as_clean_as_ours(copy: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", copy)
    python = [name for name in files() if name.endswith(".py")]
    for words in (("ruff", "check", *python), ("ruff", "format", "--check", *python)):
        done = run(copy, *words)
        assert done.returncode == 0, done.stdout + done.stderr
