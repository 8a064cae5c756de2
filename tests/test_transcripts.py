"""Every transcript in tests/cli and every console block of the README prints what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.forking import Forks, is_plain
from tests.onserver import as_folders
from tests.servers import Server
from tests.transcripts import ROOT, SHARED, Step, matches, parse, rewritten, run, updated

README = ROOT / "README.md"
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)


IN_A_FOLDER = "# In a folder:"
"""Before a command that only a ledger in a folder can be asked."""
TRANSCRIPTS = sorted((ROOT / "tests" / "cli").glob("*.txt"))
CLOSE_TO_THE_STORE = {"copy", "ledger", "start", "store"}
"""On a server these are run each time, the others by hand, with the long tests: their rules know nothing of stores."""


@pytest.mark.parametrize("file", TRANSCRIPTS, ids=lambda file: file.stem)
def test_a_transcript_holds(file: Path, tmp_path: Path, forks: Forks, request: pytest.FixtureRequest) -> None:
    steps, rest = _steps(file)
    printed = run(steps, tmp_path / "home", forks=forks if is_plain(steps) else None)
    if request.config.getoption("--update"):
        file.write_text("\n".join(rewritten(steps, rest, printed)) + "\n", encoding="utf-8")
    else:
        _same(steps, printed)


@pytest.mark.parametrize(
    "file",
    [pytest.param(file, marks=[pytest.mark.long] * (file.stem not in CLOSE_TO_THE_STORE)) for file in TRANSCRIPTS],
    ids=lambda file: file.stem,
)
def test_a_transcript_holds_on_a_server(file: Path, tmp_path: Path, forks: Forks, postgres_server: Server) -> None:
    steps = [step for step in _steps(file)[0] if IN_A_FOLDER not in step.before]
    url = postgres_server.url().partition("schema=")[0].rstrip("&?")
    home = tmp_path / "home"
    for step, shown in zip(steps, run(steps, home, url, forks if is_plain(steps) else None), strict=True):
        ways = list(as_folders(shown, home))
        if not any(matches(step.expected, way) for way in ways):
            assert ways[0] == step.expected, step.words


def _steps(file: Path) -> tuple[list[Step], list[str]]:
    text = file.read_text(encoding="utf-8")
    if "$SHARED" in text and not SHARED.exists():
        pytest.skip("the public data sets are not here: BO_SHARED names their folder")
    steps, rest = parse(text.removesuffix("\n").split("\n"))
    assert steps, "a transcript without a command proves nothing"
    return steps, rest


def test_the_readme_shows_what_happens(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    blocks = [parse(block.removesuffix("\n").split("\n")) for block in _BLOCK.findall(text)]
    steps = [step for found, _ in blocks for step in found]
    if not steps:
        pytest.skip("the README has no console block")
    printed = iter(run(steps, tmp_path / "home"))
    by_block = [[next(printed) for _ in found] for found, _ in blocks]
    if request.config.getoption("--update"):
        new = iter("\n".join(rewritten(*block, shown)) + "\n" for block, shown in zip(blocks, by_block, strict=True))
        README.write_text(_BLOCK.sub(lambda _: next(new), text), encoding="utf-8")
    else:
        _same(steps, [shown for block in by_block for shown in block])


def _same(steps: list[Step], printed: list[list[str]]) -> None:
    for step, shown in zip(steps, printed, strict=True):
        if not matches(step.expected, shown):
            assert shown == step.expected, step.words


def test_wildcards_match_text_and_lines_but_nothing_else() -> None:
    assert matches(["a <...> c", "...", "end"], ["a b c", "x", "y", "end"])
    assert matches(["id …"], ["id 7K3F"])
    assert matches(["...", "end"], ["end"])
    assert not matches(["a <...> c"], ["a b d"])
    assert not matches(["one"], ["one", "two"])
    assert not matches(["one", "two"], ["one"])
    assert not matches(["1.00"], ["1x00"])


def test_an_update_keeps_the_wildcards_that_still_hold() -> None:
    assert updated(["id <...>", "1 row"], ["id 7K3F", "2 rows"]) == ["id <...>", "2 rows"]
    assert updated(["first", "..."], ["first", "second"]) == ["first", "..."]
    assert updated(["gone <...>"], ["other"]) == ["other"]
    assert updated([], ["#compdef", "$ x"]) == ["…compdef", "… x"]


def test_a_file_is_comments_commands_and_what_they_print() -> None:
    lines = ["# about", "$ one", "> more", "out", "", "out", "", "# next", "$ two", "[3]"]
    steps, rest = parse(lines)
    assert steps == [
        Step(["# about"], ["$ one", "> more"], ["out", "", "out"]),
        Step(["", "# next"], ["$ two"], ["[3]"]),
    ]
    assert rest == []
    assert rewritten(steps, rest, [["out", "", "out"], ["[3]"]]) == lines


def test_steps_share_folder_and_environment_and_tell_their_exit_code(tmp_path: Path) -> None:
    steps, _ = parse(["$ export X=1; mkdir -p d; cd d", "$ echo $X; basename $PWD; echo err >&2; (exit 3)", "$ cat"])
    assert run(steps, tmp_path / "home") == [[], ["1", "d", "err", "[3]"], []]


def test_a_forked_command_does_what_one_of_its_own_does(tmp_path: Path, forks: Forks) -> None:
    steps, _ = parse(
        [
            "$ bo init acme --name Ä --owner alice --no-passphrase 2>/dev/null; cd acme; bo whoami | head -4",
            "$ bo config show | grep -c /work/acme; bo kind list --json | head -c 9; BO_LEDGER=no bo status",
            "$ printf 'lines; of; three' | bo doc file - --name a.txt 2>&1 >/dev/null; bo doc list --columns title",
            "$ bo record show C-1; BO_NOW=never bo status; bo record list customer >/dev/full; bo record list",
        ]
    )
    assert is_plain(steps)
    plain, forked = run(steps, tmp_path / "plain"), run(steps, tmp_path / "forked", forks=forks)
    unlike = re.compile(r"[A-Z0-9]{5}-\S+|/plain|/forked|DOC-\w+")
    assert [[unlike.sub("", line) for line in shown] for shown in plain] == [
        [unlike.sub("", line) for line in shown] for shown in forked
    ]
    assert plain[0][0] == "acme"
    assert not is_plain([Step([], ["$ bo follow 3< x"], [])])


def test_a_command_that_ends_the_shell_is_told(tmp_path: Path) -> None:
    steps, _ = parse(["$ exit 0", "$ echo never"])
    with pytest.raises(AssertionError, match="`exit 0` ended the shell"):
        run(steps, tmp_path / "home")
