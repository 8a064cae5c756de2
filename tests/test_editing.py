"""What is written in the user's editor is recorded, and no byte of it stays behind: through a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bo import agent, editing
from bo.errors import BadInput
from store.home import Home
from tests.transcripts import home

SECRET = "Wolkenkuckucksheim"
EDITOR = f"""\
#!{sys.executable} -S
import json, pathlib, signal, sys, time
path = pathlib.Path(sys.argv[-1])
turns = pathlib.Path(__file__).parent / "turns"
codes, seen = json.loads(turns.read_text())
text = path.read_text()
modes = [oct(each.stat().st_mode & 0o777) for each in (path.parent, path)]
turns.write_text(json.dumps([codes[1:], [*seen, [text, modes]]]))
exec(codes[0])
"""


class Done(NamedTuple):
    code: int
    out: str
    told: str


class Desk:
    """A ledger, a terminal, and an editor that does what it is told: a piece of Python for each time it is opened."""

    def __init__(self, folder: Path) -> None:
        self.environment = home(folder / "home")
        self.work, self.editor, self.runtime = folder / "home" / "work", folder / "editor", folder / "runtime"
        self.runtime.mkdir(mode=0o700)
        self.editor.write_text(EDITOR)
        self.editor.chmod(0o700)
        self.environment |= {"XDG_RUNTIME_DIR": str(self.runtime), "EDITOR": str(self.editor)}
        self.bo("init", "books", "--name", "Acme", "--owner", "alice", "--no-passphrase")
        self.environment["BO_LEDGER"] = str(self.work / "books")

    def bo(self, *words: str) -> str:
        """Without a terminal; what it printed."""
        done = subprocess.run(
            ["bo", *words], cwd=self.work, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def shown(self, ref: str) -> Any:
        return json.loads(self.bo("record", "show", ref, "--json"))

    def edit(self, *words: str, turns: Sequence[str], act: Callable[[int], object] | None = None, **more: str) -> Done:
        """Run bo at a terminal of its own. `act` is called with its process id when a turn is `READY`."""
        (self.work.parent / "turns").unlink(missing_ok=True)
        (self.editor.parent / "turns").write_text(json.dumps([turns, []]))
        ours, its = os.openpty()
        process = subprocess.Popen(
            ["bo", *words],
            cwd=self.work,
            env={**self.environment, **more},
            stdin=its,
            stdout=subprocess.PIPE,
            stderr=its,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(its)
        self.terminal, told = ours, b""
        stop = threading.Timer(60, process.kill)
        stop.start()
        try:
            while select.select([ours], [], [], 60)[0]:
                try:
                    told += os.read(ours, 4096)
                except OSError:  # nobody has it open any more
                    break
                if act and b"editing" in told:
                    act(process.pid)
                    act = None
            out = process.communicate()[0].decode()
        finally:
            stop.cancel()
            os.close(ours)
        return Done(process.returncode, out, told.decode().replace("\r\n", "\n").replace("editing\n", ""))

    def seen(self) -> list[tuple[str, list[str]]]:
        """What the editor found each time: the text, and the modes of its folder and file."""
        return [(text, modes) for text, modes in json.loads((self.editor.parent / "turns").read_text())[1]]

    def left(self) -> list[str]:
        """What stands where edits happen."""
        places = (self.runtime / "bo", self.work.parent / "config" / "run")
        return [str(path) for place in places for path in place.rglob("*") if path.name != "edit.lock"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(autouse=True)
def _nothing_stays(desk: Desk) -> Iterator[None]:
    yield
    assert desk.left() == []


def fill(**fields: str) -> str:
    """Write values behind the names of a form."""
    return (
        f"lines = text.split(chr(10)); given = {fields!r}\n"
        "new = [f'{n}: {given[n]}' if (n := line.partition(':')[0]) in given else line for line in lines]\n"
        "path.write_text(chr(10).join(new))"
    )


def swap(old: str, new: str) -> str:
    return f"assert {old!r} in text; path.write_text(text.replace({old!r}, {new!r}))"


CLOSE = "pass"
READY = "print('editing', flush=True)"
"""From here on the test may act."""


def test_a_record_is_added_from_a_form(desk: Desk) -> None:
    done = desk.edit("record", "add", "customer", "A-1", "--set", "city=Bonn", "--edit", turns=[fill(name=SECRET)])
    assert done == Done(0, "A-1\n", "")
    assert (desk.shown("A-1")["name"], desk.shown("A-1")["city"]) == (SECRET, "Bonn")
    [(text, modes)] = desk.seen()
    assert "# text, must be filled in\nname:\n" in text
    assert "# text\ncity: Bonn\n" in text
    assert modes == ["0o700", "0o600"]


def test_a_change_records_only_what_was_changed_and_asks_why(desk: Desk) -> None:
    desk.bo("record", "add", "customer", "A-2", "--set", "name=Ada c", "--set", "phone=12", "--set", "city=Bonn")
    why = "path.write_text('They\\nmoved.\\n' + text)"
    done = desk.edit("record", "set", "A-2", "--edit", turns=[swap("city: Bonn", "city:\n  Köln\n  Süd"), why])
    assert done == Done(0, "A-2\n", "")  # the doubtful telephone number was not looked at again
    last = json.loads(desk.bo("record", "history", "A-2", "--json"))[-1]
    assert (last["field"], last["before"], last["after"], last["reason"]) == (
        "city",
        "Bonn",
        "Köln\nSüd",
        "They moved.",
    )
    assert "Why this `bo record set`?" in desk.seen()[1][0]
    done = desk.edit("record", "set", "A-2", "--edit", "--reason", "x", turns=[swap("city: Köln\n  Süd", "city:")])
    assert (done.code, desk.shown("A-2")["city"]) == (0, None)


def test_what_is_refused_comes_back_with_the_reason_on_top(desk: Desk) -> None:
    words = ("record", "add", "customer", "A-3", "--edit")
    turns = [fill(email="nobody"), fill(name="Eve"), fill(email="a@b.example")]
    assert desk.edit(*words, turns=turns) == Done(0, "A-3\n", "")
    texts = [text for text, _ in desk.seen()]
    assert texts[1].startswith("#! email: “nobody” is not an e-mail address; a customer needs name\n# customer A-3")
    assert texts[2].startswith("#! email: “nobody” is not an e-mail address\n# customer A-3")
    assert "name: Eve" in texts[2]


def test_what_is_refused_and_comes_back_as_it_was_ends_with_the_reason(desk: Desk) -> None:
    done = desk.edit("record", "add", "customer", "A-4", "--edit", turns=[fill(colour="red", city="Bonn"), CLOSE])
    assert done == Done(3, "", "bo: a customer needs name\n")
    done = desk.edit("record", "add", "customer", "A-4", "--edit", turns=["path.write_text('what\\n')", CLOSE])
    assert done.code == 2
    assert "line 2 is not NAME: VALUE" in done.told


@pytest.mark.parametrize("turn", [CLOSE, "path.write_text('')", "path.unlink()", "path.write_text('# new\\n')"])
def test_unchanged_or_emptied_records_nothing(desk: Desk, turn: str) -> None:
    desk.bo("record", "add", "customer", "A-5", "--set", "name=Ada f", "--key", "five")
    done = desk.edit("record", "set", "A-5", "--edit", turns=[turn])
    assert done == Done(0, "A-5\n", "bo: A-5 says so already: nothing changes\n")
    done = desk.edit("record", "add", "customer", "A-6", "--edit", turns=[turn])
    assert done == Done(130, "", "bo: nothing was written: nothing is recorded\n")


def test_what_can_be_refused_before_is_refused_before_the_editor_opens(desk: Desk) -> None:
    desk.bo("record", "add", "customer", "A-7", "--set", "name=Ada h")
    for words in (("add", "customer", "A-7", "--edit"), ("set", "A-77", "--edit"), ("archive", "A-77")):
        assert desk.edit("record", *words, turns=[]).code in (3, 7)
        assert desk.seen() == []


def test_a_record_that_changed_meanwhile_is_not_overwritten(desk: Desk) -> None:
    desk.bo("record", "add", "customer", "A-8", "--set", "name=Ada i")
    other = "import subprocess; subprocess.run('bo record set A-8 --set city=Ulm --reason x', shell=True, check=True)\n"
    words = ("record", "set", "A-8", "--edit", "--reason", "x")
    done = desk.edit(*words, turns=[other + fill(city="Bonn"), CLOSE])
    assert done.code == 3
    assert "bo: A-8 was changed while you wrote: close this, and edit it again\n" in done.told
    assert desk.shown("A-8")["city"] == "Ulm"


def test_swap_files_and_backups_beside_the_text_are_removed(desk: Desk) -> None:
    turn = (
        "(path.parent / '.record.txt.swp').write_text(text); (path.parent / 'old').mkdir()\n"
        "(path.parent / 'old' / 'record.txt~').write_text(text); (path.parent / 'old' / 'record.txt~').chmod(0o400)\n"
    )
    assert desk.edit("record", "add", "customer", "A-9", "--edit", turns=[turn + fill(name=SECRET)]).code == 0


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        ("sys.exit(3)", "ended with 3: nothing is recorded\n"),
        ("path.write_bytes(b'\\xff')", "bo: what you wrote is not UTF-8 text: see byte 0\n"),
        ("path.write_bytes(b'x' * (17 << 20))", "bo: what you wrote is larger than 16 MiB\n"),
    ],
)
def test_an_editor_that_fails_and_text_that_is_none_record_nothing(desk: Desk, turn: str, told: str) -> None:
    done = desk.edit("record", "add", "customer", "A-10", "--edit", turns=[turn])
    assert done.code in (2, 130)
    assert done.told.endswith(told)
    assert done.told.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_leaves_nothing(desk: Desk, number: int) -> None:
    def act(process: int) -> None:
        assert len(desk.left()) >= 3
        if number == signal.SIGINT:
            os.write(desk.terminal, b"\x03")  # to all that run at the terminal, as the key does
        else:
            os.kill(process, number)

    turn = f"signal.signal(signal.SIGINT, signal.SIG_DFL); path.write_text('{SECRET}'); {READY}; time.sleep(60)"
    began = time.monotonic()
    done = desk.edit("record", "add", "customer", "A-11", "--edit", turns=[turn], act=act)
    assert (done.code, done.out) == (130, "")
    assert done.told.endswith("bo: interrupted\n")
    assert time.monotonic() - began < 30


def test_an_editor_that_takes_ctrl_c_as_a_key_goes_on(desk: Desk) -> None:
    turn = f"try: {READY}; time.sleep(60)\nexcept KeyboardInterrupt: pass\n" + fill(name="Ada Ctrl")
    done = desk.edit(
        "record", "add", "customer", "A-12", "--edit", turns=[turn], act=lambda _: os.write(desk.terminal, b"\x03")
    )
    assert (done.code, done.out) == (0, "A-12\n")


def test_what_a_killed_edit_left_is_removed_by_the_next_and_a_running_one_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("BO_HOME", str(tmp_path))
    place = agent.folder(Home())
    with editing._private() as running:
        (running / "record.txt").write_text(SECRET)
        dead = place / "edit-dead"
        dead.mkdir()
        (dead / "record.txt").write_text(SECRET)
        os.link(dead / "record.txt", tmp_path / "witness")
        with editing._private():
            assert not dead.exists()
            assert (running / "record.txt").read_text() == SECRET
    assert (tmp_path / "witness").read_bytes() == bytes(len(SECRET))  # overwritten, not only unlinked
    assert [path.name for path in place.iterdir()] == ["edit.lock"]
    assert agent.unlocked(Home()) == []


def test_a_reason_is_asked_for_where_it_is_needed(desk: Desk) -> None:
    desk.bo("record", "add", "customer", "A-13", "--set", "name=Ada n")
    done = desk.edit("record", "archive", "A-13", turns=["path.write_text('# no\\n')"])
    assert done == Done(130, "", "bo: no reason was written: nothing is recorded\n")
    assert desk.shown("A-13")["status"] == "active"
    assert desk.edit("record", "archive", "A-13", turns=["path.write_text('gone\\n')"]) == Done(0, "A-13\n", "")
    assert json.loads(desk.bo("audit", "trail", "A-13", "--json"))[-1]["why"] == "gone"
    desk.edit("series", "open", "INV-2031", "--start", "7", turns=["path.write_text('old system\\n')"])
    assert (
        json.loads(desk.bo("audit", "trail", "--json", "--sort", "-position", "--limit", "1"))[0]["why"] == "old system"
    )


def test_a_draft_is_written_and_changed(desk: Desk) -> None:
    desk.bo("record", "add", "customer", "A-14", "--set", "name=Ada o")
    line = '{"description": "Book, “blue”", "quantity": 2, "price": "15.50", "tax": 7}'
    empty = '{"description": "", "quantity": "", "price": "", "tax": ""}'
    broken = swap(empty, line.replace("2,", "2"))
    done = desk.edit("invoice", "draft", "A-14", "--ref", "order 7", "--edit", turns=[broken, swap("2 ", "2, ")])
    assert (done.code, done.told) == (0, "bo: 33.17 EUR for A-14, to be issued\n")
    again = desk.seen()[1][0]
    place = again.split("\n")[0]
    assert place.startswith("#! what you wrote is not JSON: line 6, ")
    assert '"quantity": 2 "price"' in again.split("\n")[5]
    draft = done.out.strip()
    assert desk.edit("invoice", "edit", draft, "--edit", turns=[CLOSE]).told.endswith("nothing changes\n")
    done = desk.edit("invoice", "edit", draft, "--edit", turns=[swap('"tax": "7"', '"tax": "Z"')])
    assert (done.code, done.out, done.told) == (0, f"{draft}\n", "bo: 31.00 EUR for A-14, to be issued\n")
    shown = json.loads(desk.bo("invoice", "show", draft, "--json"))
    assert (shown["ref"], shown["lines"][0]["description"]) == ("order 7", "Book, “blue”")
    assert desk.edit("invoice", "draft", "A-14", "--edit", turns=[CLOSE]).code == 130


@pytest.mark.parametrize(
    ("editor", "told"),
    [
        ({"EDITOR": "/nowhere/ed"}, "the editor /nowhere/ed cannot be started: no such file or directory"),
        ({"EDITOR": "vi 'x"}, "EDITOR cannot be read: a quotation mark or a backslash stands alone"),
        ({"EDITOR": " ", "PATH": ""}, "there is no editor here: name one in EDITOR"),
    ],
)
def test_no_editor_is_a_sentence(
    desk: Desk, editor: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "VISUAL": "",
        "BO_HOME": str(desk.work),
        "XDG_RUNTIME_DIR": str(desk.runtime),
        **editor,
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=told):
        editing.written("", "record.txt")
