"""Bad input of every kind: only our own error classes come out of a parser, a sentence and a code out of a command."""

from __future__ import annotations

import os
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aggregates.core import Refused
from bo import mapping
from bo.demo.stage import Stage
from bo.errors import BadInput, code_of
from bo.inputs import Source
from store import canonical, control, device, leaf, note, payload, proof, request, tree
from store.errors import StoreError

OURS = (StoreError, Refused, BadInput)
LEDGER = bytes(16)
EVENT = leaf.Leaf(0, leaf.EVENT, 4, 1, b"s" * 16, 1, 1, 0, b"k" * 32, b"c" * 32, b"", b"b" * 316)
COMMIT = leaf.Commit(1, 0, 2, bytes(32), bytes(32), b"p" * 16, b"d" * 16, bytes(32), 1, 1, 0, "bo 0.1.0")
DEVICE = device.new("laptop", LEDGER)
HEAD = note.checkpoint_text(note.origin_of(LEDGER), 1, tree.leaf_hash(b"leaf"))
NOTE = note.sign(HEAD, note.key_name(note.origin_of(LEDGER), DEVICE.id), DEVICE.signer)
EVENTS = [{"type": "invoice.discarded", "reason": "typo"}]
PAYLOAD = msgspec.msgpack.encode({"stream": "invoice/D-1", "at": 1, "command": "", "events": EVENTS})


def key_file(folder: Path) -> bytes:
    DEVICE.save(folder / "key.json", None)
    return (folder / "key.json").read_bytes()


def opened(data: bytes, folder: Path) -> device.Device:
    path = folder / "mutated.json"
    path.write_bytes(data)
    path.chmod(0o600)
    return device.unlock(device.read(path), lambda: "")


PARSERS: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "leaf": (lambda data: leaf.decode(LEDGER, data), leaf.encode(LEDGER, EVENT)),
    "commit": (leaf.Commit.decode, COMMIT.encode()),
    "note": (note.parse, NOTE),
    "inclusion proof": (proof.parse_inclusion, proof.inclusion(b"leaf", 0, [tree.leaf_hash(b"leaf")], NOTE)),
    "consistency proof": (proof.parse_consistency, proof.consistency(1, [bytes(32)], NOTE)),
    "control act": (control.decode, canonical.encode(control.Revoke("ab" * 16))),
    "payload": (payload.decode, PAYLOAD),
    "device request": (request.parse, request.make(DEVICE, HEAD)),
    "mapping": (mapping.load, b'{"columns":{"name":"Name"},"constants":{"country":"DE"}}'),
}


def holds(parse: Callable[[bytes], Any], data: bytes) -> None:
    """It is read, or refused by an error of ours, with a sentence and a code."""
    error = refusal(parse, data, OURS)
    assert error is None or (str(error) and code_of(error) != 1)


def refusal(parse: Callable[[Any], Any], data: object, expected: tuple[type[Exception], ...]) -> Exception | None:
    try:
        parse(data)
    except expected as error:
        return error
    return None


@pytest.mark.parametrize("name", PARSERS)
def test_the_example_of_each_parser_is_read(name: str) -> None:
    parse, sound = PARSERS[name]
    assert parse(sound) is not None


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_only_our_errors_come_out_of_a_parser(name: str, data: st.DataObject) -> None:
    parse, sound = PARSERS[name]
    holds(parse, data.draw(mutations(sound)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_only_our_errors_come_out_of_a_key_file(data: st.DataObject, tmp_path: Path) -> None:
    holds(lambda raw: opened(raw, tmp_path), data.draw(mutations(key_file(tmp_path))))


@st.composite
def mutations(draw: st.DrawFn, sound: bytes) -> bytes:
    """Anything at all, or the sound bytes with a few of them changed, cut, doubled or filled."""
    raw = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        match draw(st.integers(0, 5)):
            case 0:
                return draw(st.binary(max_size=600))
            case 1:
                del raw[at:]
            case 2:
                raw[at:at] = draw(st.binary(min_size=1, max_size=40))
            case 3:
                raw[at : at + 1] = bytes((draw(st.integers(0, 255)),))
            case 4:
                raw[at : at + 4] = b"\xff" * 4
            case 5:
                raw += raw[at:]
    return bytes(raw)


DEEP = 10_000
BOMBS = {
    "deep JSON": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep lists in JSON": b"[" * DEEP + b"]" * DEEP,
    "deep msgpack": b"\x91" * DEEP + b"\xc0",
    "deep maps in msgpack": b"\x81\xa1a" * DEEP + b"\xc0",
    "a text of 4 GiB": b"\xdb\xff\xff\xff\xffx",
    "bytes of 4 GiB": b"\xc6\xff\xff\xff\xffx",
    "a list of 4 Gi items": b"\xdd\xff\xff\xff\xff",
    "a map of 4 Gi entries": b"\xdf\xff\xff\xff\xff",
    "an extension type": b"\xc7\x04\x01abcd",
    "a name twice": b'{"columns":{},"columns":{}}',
    "text that is not UTF-8": b'{"columns":{"a":"\xff\xfe"}}',
    "bytes after the end": PAYLOAD + b"\x00",
    "a number of 100,000 digits": b'{"row":' + b"9" * 100_000 + b"}",
    "not a number": b'{"row":NaN}',
}


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("name", PARSERS)
def test_a_bomb_is_refused_in_little_memory(name: str, bomb: str) -> None:
    parse, _ = PARSERS[name]
    with little_memory(), pytest.raises(OURS):
        parse(BOMBS[bomb])


@pytest.mark.parametrize("bomb", BOMBS)
def test_json_from_a_file_is_refused_with_its_place(bomb: str, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(BOMBS[bomb])
    with little_memory(), pytest.raises(BadInput, match=r"in\.json"):
        Source(str(tmp_path / "in.json")).json()


@pytest.mark.parametrize(
    "planted",
    [
        {"type": "os.system"},
        {"type": "aggregates.invoice:Issued"},
        {"type": "__main__.Evil"},
        {"type": 7},
        {"__class__": "os.system"},
        [],
        "invoice.issued",
        msgspec.msgpack.Ext(1, b"x"),
    ],
)
def test_no_name_in_a_payload_leads_to_an_import(planted: Any) -> None:
    import sys

    before = set(sys.modules)
    raw = msgspec.msgpack.encode({"stream": "x/1", "at": 1, "command": "", "events": [planted]})
    with pytest.raises(StoreError):
        payload.decode(raw)
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    "change",
    [
        {"kdf": {"memory": 1 << 40, "passes": 3, "lanes": 4, "salt": "00" * 16}},
        {"kdf": {"memory": 65_536, "passes": 1 << 30, "lanes": 4, "salt": "00" * 16}},
        {"kdf": {"memory": 8, "passes": 1, "lanes": 1, "salt": "zz"}},
        {"kdf": {"memory": -1, "passes": 0, "lanes": 0, "salt": ""}},
        {"box": "AAAA"},
        {"box": "no base64 at all"},
        {"device": "xy" * 16},
        {"format": "bo.device/9"},
        {"secrets": None, "kdf": None},
    ],
)
def test_a_key_file_that_asks_for_too_much_or_was_changed_says_one_and_the_same(
    change: dict[str, Any], tmp_path: Path
) -> None:
    DEVICE.save(tmp_path / "key.json", "correct horse")
    changed = {**msgspec.json.decode((tmp_path / "key.json").read_bytes()), **change}
    from store.errors import KeyProblem

    with little_memory(), pytest.raises(KeyProblem, match=f"^{device.WRONG}$"):
        opened(msgspec.json.encode(changed), tmp_path)


def test_a_key_file_is_a_private_regular_file(tmp_path: Path) -> None:
    from store.errors import KeyProblem

    key_file(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "key.json")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "open").write_bytes(key_file(tmp_path))
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "long").write_bytes(b" " * (device.LARGEST + 1))
    (tmp_path / "long").chmod(0o600)
    for name in ("link", "pipe", "folder", "open", "long", "missing"):
        with pytest.raises(KeyProblem):
            device.read(tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@given(st.text(max_size=40))
@example("١٢")
@example("-0")
@example("1e400")
@example("NaN")
@example("0" * 40)
@settings(max_examples=200, deadline=None)
def test_amounts_and_days_are_read_or_refused_in_a_sentence(text: str) -> None:
    from bo import amounts, dates

    for parse in (amounts.amount, amounts.decimal, dates.day, dates.period):
        error = refusal(parse, text, (ValueError,))
        assert error is None or str(error)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., tuple[int, str]]]:
    """A small ledger; `shop("invoice", "pay", …)` gives the exit code and what stood on stderr."""
    folder = tmp_path_factory.mktemp("shop")
    stage = Stage(folder)
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    stage.say("alice", at, "init", str(stage.books), "--name", "Acme", "--owner", "alice", "--no-passphrase")
    stage.say("alice", at, "record", "add", "customer", "C-1", "--set", "name=Ada")
    draft = stage.say("alice", at, "invoice", "draft", "C-1", "--line", "Tea;1;10.00;19")
    stage.say("alice", at, "invoice", "issue", draft)
    patch = pytest.MonkeyPatch()
    patch.setenv("BO_HOME", str(stage.home("alice")))
    patch.setenv("BO_LEDGER", str(stage.books))
    patch.setenv("BO_NOW", at.isoformat())
    patch.chdir(folder)

    def run(*words: str) -> tuple[int, str]:
        from bo.__main__ import _run

        told, printed = StringIO(), StringIO()
        with redirect_stderr(told), redirect_stdout(printed):
            code = _run(list(words))
        return code, told.getvalue()

    yield run
    patch.undo()


HOSTILE = {
    "amount NaN": ("invoice pay INV-2026-0001 NaN", 2),
    "amount inf": ("invoice pay INV-2026-0001 Infinity", 2),
    "amount 1e400": ("invoice pay INV-2026-0001 1e400", 2),
    "amount 10^30": (f"invoice pay INV-2026-0001 1{'0' * 30}", 2),
    "amount in other digits": ("invoice pay INV-2026-0001 ١٢", 2),
    "amount -0": ("invoice pay INV-2026-0001 -- -0", 2),
    "amount 0": ("invoice pay INV-2026-0001 0", 3),
    "amount negative": ("invoice pay INV-2026-0001 -- -5.00", 3),
    "too many decimals": ("invoice pay INV-2026-0001 1.005", 3),
    "another currency": ("invoice pay INV-2026-0001 1.00 USD|", 3),
    "a price of 1e400": ("invoice draft C-1 --line Tea;1;1e400;19", 3),
    "a quantity of 10^30": (f"invoice draft C-1 --line Tea;1{'0' * 30};1;19", 3),
    "a rate of 900 %": ("invoice draft C-1 --line Tea;1;1;900", 3),
    "a line of nothing": ("invoice draft C-1 --line ;;;", 3),
    "day 0000": ("invoice issue D- --on 0000-01-01", 2),
    "day 9999": ("invoice pay INV-2026-0001 1 --on 9999-12-31", 2),
    "day that never was": ("invoice pay INV-2026-0001 1 --on 2026-02-30", 2),
    "day with an hour in the gap": ("invoice pay INV-2026-0001 1 --on 2026-03-29T02:30", 2),
    "a position of 40 digits": (f"invoice list --known-at {'9' * 40}", 2),
    "a position ahead of the log": ("invoice list --known-at 999999", 7),
    "a negative limit": ("invoice list --limit -1", 2),
    "a column nobody has": ("invoice list --columns number,secret", 2),
    "an unknown reference": ("invoice show INV-2099-0001", 7),
    "a path as reference": ("invoice show ../../etc/passwd", 7),
    "a wildcard as reference": ("invoice show %", 7),
    "a quote as reference": ("record show C-1'--", 7),
    "an empty reference": ("record show |", 7),
    "a reference with a slash": ("record add customer a/b --set name=X", 3),
    "a reference like an option": ("record add customer -- -x --set name=X", 2),
    "a kind nobody defined": ("record add unicorn U-1 --set name=X", 7),
    "a field nobody defined": ("record add customer C-2 --set name=X --set horn=1", 3),
    "a wrong e-mail": ("record add customer C-2 --set name=X --set email=nobody", 3),
    "a wrong IBAN": ("record add customer C-2 --set name=X --set iban=DE00", 3),
    "a file that is not there": ("record add customer C-2 --from missing.json", 6),
    "a folder as file": ("record add customer C-2 --from .", 6),
    "a document that is not there": ("doc file missing.pdf", 6),
    "a ledger that is a file": ("--ledger /dev/null status", 6),
    "an unknown verb": ("invoice pray INV-2026-0001", 2),
    "an unknown noun": ("unicorn", 2),
    "too many words": ("invoice show INV-2026-0001 x y", 2),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_command_gets_a_sentence_and_a_code(name: str, shop: Callable[..., tuple[int, str]]) -> None:
    line, expected = HOSTILE[name]
    code, told = shop(*_words(line))
    assert code == expected, told
    assert told.startswith("bo: ")
    assert told.isascii() or name == "amount in other digits" or "“" in told
    assert "Traceback" not in told


def _words(line: str) -> list[str]:
    """Split at blanks; `|` at the end glues the last two words, or stands for an empty one."""
    words = line.split(" ")
    if words[-1] == "|":
        return [*words[:-1], ""]
    return [*words[:-2], f"{words[-2]} {words[-1][:-1]}"] if line.endswith("|") else words


ODD = ["Zoë\x1b[31m", "\x9b2J", "abc\u202egnp.exe", "zero\u200bwidth", "a\rb", "a\nb", "\x00", "\ud800", "=1+1", "@SUM"]


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_a_name_with_hidden_characters_is_refused_or_shown_escaped(
    name: str, shop: Callable[..., tuple[int, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    ref = f"C-{ODD.index(name) + 100}"
    code, told = shop("record", "add", "customer", ref, "--set", f"name={name}")
    assert code in (0, 2, 3), told
    assert code != 0 or not told or told.startswith("bo: ")
    for hidden in "\x1b\x9b\u202e\u200b\r\x00":
        assert hidden not in told


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_on_the_command_line_is_refused(bomb: str, shop: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(BOMBS[bomb])
    (tmp_path / "list.csv").write_text("Ref,Name\nC-7,Ada\n")
    for words in (
        ("record", "add", "customer", "C-9", "--from", str(tmp_path / "bomb")),
        ("record", "import", "customer", str(tmp_path / "list.csv"), "--map", str(tmp_path / "bomb")),
        ("device", "approve", str(tmp_path / "bomb"), "--person", "alice", "--yes"),
        ("audit", "check", str(tmp_path / "bomb")),
    ):
        code, told = shop(*words)
        assert code not in (0, 1), (words, told)
        assert told.startswith("bo: ")
