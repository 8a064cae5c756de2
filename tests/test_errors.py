"""How errors are told, and the code each ends with."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bo import cli, errors, settings
from tests.transcripts import ROOT


@pytest.fixture(autouse=True)
def _said_nothing() -> Iterator[None]:
    before = settings.current()
    yield
    settings.use(before)


def test_an_error_names_the_file_and_hides_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors.report(OSError(28, "No space left on device", "/x/\x1b[2J")) == 6
    assert capsys.readouterr().err == "bo: /x/\\x1b[2J: no space left on device\n"


def test_a_bug_says_so_and_where_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors.report(ZeroDivisionError("division by zero")) == 1
    told = capsys.readouterr().err
    assert told.startswith("bo: this is a bug in bo")
    assert "Traceback" not in told
    settings.use(settings.Settings(verbose=True))
    errors.report(ZeroDivisionError("division by zero"))
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err


def test_a_second_line_cannot_pass_for_ours(capsys: pytest.CaptureFixture[str]) -> None:
    errors.tell("found:\nbo: all is well")
    assert capsys.readouterr().err == "bo: found:\n    bo: all is well\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (BrokenPipeError(32, "Broken pipe"), 141),
        (PermissionError(13, "Permission denied", "f"), 6),
        (SystemExit(20), 20),
        (SystemExit(), 0),
        (click.exceptions.Exit(8), 8),
        (errors.RejectedExist("x"), 10),
        (errors.PartlyDone("x"), 8),
    ],
)
def test_every_end_has_its_code(error: BaseException, code: int) -> None:
    assert errors.report(error) == code


def test_ctrl_c_ends_with_130_and_no_trace() -> None:
    code = "import time\nfrom bo import cli, __main__\ncli.run = lambda words: print(1, flush=True) or time.sleep(60)\n"
    code += "import sys; sys.argv[1:] = ['x']; __main__.main()"
    running = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=-1, stderr=-1, text=True)
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=30)[1] == "bo: interrupted\n"
    assert running.returncode == 130


def test_the_root_keeps_what_was_said_before_the_noun() -> None:
    assert cli.run(["-L", "books", "-D", "cron", "--quiet", "--passphrase-fd", "3", "completion", "bash"]) == 0
    assert settings.current() == settings.Settings("books", "cron", 3, quiet=True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["invoice", "unallocate", "INV-1", "INV-2"], "ALLOCATION: INV-2 is no whole number"),
        (["invoice", "unpaid", "--limit", "-1"], "--limit: -1 is less than 0"),
        (["demo", "x", "--invoices", "0"], "--invoices: 0 is not from 1 to 100000"),
        (["invoice", "edit", "D-1", "--terms", "soon"], "--terms: soon is no whole number"),
    ],
)
def test_a_number_that_is_none_gets_a_plain_sentence(words: list[str], told: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        cli.run(words)
    assert errors.sentence(caught.value) == told


@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_an_empty_one(streams: str, tmp_path: Path) -> None:
    command = f"BO_HOME={tmp_path} exec {sys.executable} -P -m bo config show {streams}"
    done = subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
