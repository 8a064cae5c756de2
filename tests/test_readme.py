"""The README keeps its word: its commands exist, its links lead somewhere, its set-up is what CI runs.

Its walk-through is run by tests/test_transcripts.py, like every transcript.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import click
import pytest

from bo import cli
from tests.transcripts import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = ROOT / "docs" / "commands.md"
SETUP = re.findall(r"^```sh\n(.*?)\n```$", README, re.DOTALL | re.MULTILINE)


def test_two_commands_do_all_set_up() -> None:
    install, check = SETUP
    assert install.endswith(".venv/bin/bo demo ./demo")
    assert "pip install ." in install
    assert check == ".venv/bin/pip install -e '.[test]' && .venv/bin/pytest"
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "pip\" install --quiet -e '.[test]'" in script
    assert "$bin/pytest" in script


@pytest.mark.long
def test_the_two_commands_work_in_a_fresh_clone(tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tmp_path / "bo")], check=True)
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    for command in SETUP:
        done = subprocess.run(
            ["bash", "-euc", command], cwd=tmp_path / "bo", env=environment, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_walk_through_covers_the_main_job() -> None:
    shown = "\n".join(re.findall(r"^```console\n(.*?)^```$", README, re.DOTALL | re.MULTILINE))
    for noun in ("init", "record", "invoice", "doc", "person", "device", "access", "audit"):
        assert re.search(rf"^\$ (?:\S+=\S+ )?bo (?:-L \S+ )?{noun}\b", shown, re.MULTILINE), noun
    assert "[3]" in shown, "a refusal is shown too"


def test_what_is_promised_and_what_is_not_is_said() -> None:
    assert "## What is promised" in README
    assert "## What is not promised" in README
    assert re.search(r"not\s+been\s+reviewed\s+by\s+outsiders", README)


@pytest.mark.parametrize("document", sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")]), ids=lambda p: p.name)
def test_links_lead_to_files(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        assert link.startswith("https://") or (document.parent / link).exists(), link


@pytest.mark.parametrize("document", ["README.md", "docs/design.md", "docs/decisions.md", "CHANGELOG.md"])
def test_the_commands_a_document_names_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for noun, verb in re.findall(r"`bo ([a-z]+)(?: ([a-z-]+))?", text):
        command = cli.root.get_command(click.Context(cli.root), noun)
        assert command is not None, noun
        if verb and isinstance(command, click.Group):
            assert verb in command.list_commands(click.Context(command)), f"{noun} {verb}"


def test_no_document_names_a_path_of_one_machine() -> None:
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / ".ci" / "run", *(ROOT / "docs").glob("*.md")):
        assert not re.search(r"/(?:root|work|home/\w+|tmp)/", path.read_text(encoding="utf-8")), path


def walked() -> list[tuple[str, click.Command]]:
    """Every command by its words, groups before their verbs."""
    found = []
    for name in cli.root.list_commands(click.Context(cli.root)):
        command = cli.root.get_command(click.Context(cli.root), name)
        assert command is not None
        found.append((f"bo {name}", command))
        if isinstance(command, click.Group):
            context = click.Context(command)
            verbs = ((verb, command.get_command(context, verb)) for verb in command.list_commands(context))
            found += [(f"bo {name} {verb}", each) for verb, each in verbs if each is not None]
    return found


COMMON = {"as_of", "known_at", "format", "json", "columns", "sort", "limit", "envelope", "dry_run", "key", "--help"}
HEAD = """# Commands

Written by `pytest tests/test_readme.py --update` from what `--help` says. Options that many commands share are left
out below: listings take `--as-of`, `--known-at`, `--format`, `--json`, `--columns`, `--sort`, `--limit` and
`--envelope`; what records something takes `--dry-run` and `--key`; everything takes `--help`.
"""


def reference() -> str:
    """All help texts, one under the other."""
    parts = [HEAD]
    for words, command in walked():
        if isinstance(command, click.Group):
            parts.append(f"## {words}\n\n{command.help}\n")
        else:
            parts.append(
                f"{'##' if words.count(' ') == 1 else '###'} {words}\n\n```text\n{_help(words, command)}\n```\n"
            )
    return "\n".join(parts)


def _help(words: str, command: click.Command) -> str:
    context = click.Context(command, info_name=words)
    formatter = click.HelpFormatter(width=100)
    command.format_usage(context, formatter)
    command.format_help_text(context, formatter)
    options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    own = [each.get_help_record(context) for each in options if not COMMON.intersection((each.name, *each.opts))]
    listed = [record for record in own if record]
    if listed:
        with formatter.section("Options"):
            formatter.write_dl(listed)
    return "\n".join(line.rstrip() for line in formatter.getvalue().rstrip().split("\n"))


def test_the_command_reference_is_what_help_says(request: pytest.FixtureRequest) -> None:
    made = reference()
    if request.config.getoption("--update"):
        COMMANDS.write_text(made, encoding="utf-8")
    assert COMMANDS.read_text(encoding="utf-8") == made


@pytest.mark.parametrize(("words", "command"), walked(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_shows_an_example(words: str, command: click.Command) -> None:
    if not isinstance(command, click.Group):
        verb = words.removeprefix("bo ")
        assert re.search(rf"Example: (?:.*\n)*?.*\bbo (?:-\S+ \S+ )?{re.escape(verb)}\b", command.help or ""), words
