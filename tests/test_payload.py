"""Payloads: events survive, what is newer stops the program, and nothing in one leads to an import or much work."""

from __future__ import annotations

import pickle
import subprocess
import sys
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.invoice import Discarded, Invoice, Paid
from aggregates.money import Money
from aggregates.record import Changed
from store import payload
from store.errors import Malformed, NeedsNewer
from store.leaf import LAST
from store.payload import Payload, decode, encode
from tests.ledgers import DAY, LINES
from tests.transcripts import ROOT

DRAFTED = Invoice().draft("C-1", LINES, "EUR")
PAID = Paid("INV-2026-0001.1", Money(11_900, "EUR"), DAY, "wire")


def said(*events: Any, **more: Any) -> dict[str, Any]:
    """A payload as plain values, the events beside what else stands there."""
    return {
        "stream": "invoice/D-1",
        "at": 1_769_860_800_000,
        "command": "invoice draft",
        "events": list(events),
        **more,
    }


def packed(*events: Any, **more: Any) -> bytes:
    return msgspec.msgpack.encode(said(*events, **more))


def plain(event: Any) -> dict[str, Any]:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=dict[str, Any])


def test_events_survive_being_written() -> None:
    before = [{}, {"ref": "old", "terms": 30}]
    found = decode(encode(Payload("invoice/D-1", 5, "invoice draft", [DRAFTED, PAID], "because", before)))
    assert (found.stream, found.at, found.command, found.reason) == ("invoice/D-1", 5, "invoice draft", "because")
    assert (found.events, found.before) == ([DRAFTED, PAID], before)


def test_old_values_are_told_to_the_views_as_they_will_be_read() -> None:
    written = Payload("invoice/D-1", 5, "invoice edit", [PAID], "", [{"on": DAY}])
    assert decode(encode(written)).before == written.before == [{"on": DAY.isoformat()}]


def test_a_program_that_has_never_seen_bo_can_read_it() -> None:
    raw = encode(Payload("invoice/D-1", 5, "invoice pay", [PAID]))
    found = msgspec.msgpack.decode(raw)
    assert found["events"] == [
        {"type": "invoice.paid", "payment": "INV-2026-0001.1", "amount": {"minor": 11_900, "currency": "EUR"},
         "on": "2026-01-31", "ref": "wire"}
    ]  # fmt: skip


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
events = st.builds(
    Paid, texts, st.builds(Money, st.integers(-(2**62), 2**62), st.sampled_from(("EUR", "JPY"))), st.dates(), texts
) | st.builds(Discarded, texts)


@given(st.lists(events, min_size=1, max_size=5), texts, texts, texts, st.integers(0, LAST))
def test_any_events_survive(happened: list[Any], stream: str, command: str, reason: str, at: int) -> None:
    found = decode(encode(Payload(stream, at, command, happened, reason)))
    assert found.events == happened
    assert (found.stream, found.at, found.command, found.reason) == (stream, at, command, reason)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Discarded, (5,)),
        (Paid, ("x", Money(1, "EUR"), "yesterday", "")),
        (Paid, ("x", 5, DAY, "")),
        (Changed, ({"a": object},)),
        (Decimal, (5,)),
    ],
)
def test_an_event_of_the_wrong_type_is_caught_before_it_is_sealed(kind: type, fields: tuple[object, ...]) -> None:
    wrong = kind(*fields)
    with pytest.raises((TypeError, ValueError)):
        encode(Payload("invoice/D-1", 5, "x", [wrong]))


# what is newer


@pytest.mark.parametrize(
    "raw",
    [
        packed({"type": "invoice.teleported", "reason": "x"}),
        packed(plain(PAID), {"type": "spaceship.launched"}),
        packed({**plain(PAID), "colour": "red"}),
        packed({**plain(PAID), "amount": {"minor": 1, "currency": "EUR", "scale": 2}}),
        packed({**plain(DRAFTED), "lines": [{**plain(DRAFTED)["lines"][0], "weight": "1"}]}),
        packed(plain(PAID), mood="good"),
    ],
    ids=["event", "module", "field", "field of a part", "field of a line", "field of the payload"],
)
def test_what_is_newer_stops_the_program(raw: bytes) -> None:
    with pytest.raises(NeedsNewer):
        decode(raw)


# what is wrong


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        packed(plain(PAID))[:-1],
        packed(plain(PAID)) + b"\0",
        packed(plain(PAID)) * 2,
        packed({"payment": "no type"}),
        packed({**plain(PAID), "amount": 5}),
        packed({**plain(PAID), "amount": {"minor": 1.5, "currency": "EUR"}}),
        packed({**plain(PAID), "on": "0000-01-01"}),
        packed({**plain(PAID), "on": "2026-02-30"}),
        packed({name: value for name, value in plain(PAID).items() if name != "on"}),
        packed({**plain(PAID), "ref": b"bytes"}),
        packed(5),
        packed([plain(PAID)]),
        packed(plain(PAID), before=5),
        packed(plain(PAID), at="now"),
        packed(plain(PAID), stream=None),
        packed(plain(PAID), events={}),
        msgspec.msgpack.encode([1, 2]),
        msgspec.msgpack.encode(None),
        packed(plain(PAID)).replace(b"wire", b"\xff\xfe\x80\x81"),
        packed(plain(PAID)).replace(b"wire", b"\xed\xa0\x80\x80"),
    ],
)
def test_what_is_no_payload_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decode(raw)


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return __import__, ("antigravity",)


TYPES: list[Any] = [
    "antigravity:fly", "antigravity", "antigravity.fly", "os:system", "os.system", "builtins.exec", "__import__",
    "aggregates.invoice:Paid", "aggregates.invoice.Paid", "invoice.Paid", "..invoice.paid", "Invoice.paid",
    "invoice.paid\n", "invoice/paid", "", " ", "\0", "store.payload.decode", "x" * 100_000, b"invoice.paid",
    pickle.dumps(Bomb()), 5, None, True, ["invoice.paid"], {"py/object": "antigravity"},
    msgspec.msgpack.Ext(1, pickle.dumps(Bomb())), msgspec.msgpack.Ext(-1, b"\0" * 4),
]  # fmt: skip


def test_no_type_leads_to_an_import() -> None:
    payload.event_types()
    loaded = set(sys.modules)
    for given_type in TYPES:
        for raw in (
            packed({"type": given_type}),
            packed({**plain(PAID), "type": given_type}),
            packed({"_topic": given_type}),
        ):
            with pytest.raises((Malformed, NeedsNewer)):
                decode(raw)
    assert set(sys.modules) == loaded
    assert "antigravity" not in sys.modules


def test_only_a_well_formed_tag_is_called_newer() -> None:
    for strange in (
        "antigravity:fly",
        "os:system",
        "invoice/paid",
        "Invoice.paid",
        "invoice.paid\n",
        "__import__",
        "invoice",
    ):
        with pytest.raises(Malformed):
            decode(packed({"type": strange}))


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_only_our_errors_come_out_of_any_bytes(raw: bytes) -> None:
    with pytest.raises((Malformed, NeedsNewer)):
        decode(raw)


@given(st.data())
@settings(max_examples=300)
def test_only_our_errors_come_out_of_changed_payloads(data: st.DataObject) -> None:
    raw = bytearray(packed(plain(DRAFTED), plain(PAID), before=[{"ref": "x"}, {}]))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode(bytes(raw))
    except (Malformed, NeedsNewer):
        return
    assert all(isinstance(event, tuple(payload.event_types().values())) for event in found.events)


START = packed()[1:-1]  # without its map header and the empty list at the end
DEEP = b"\x91" * 10_000 + b"\xc0"
HUGE: dict[str, bytes] = {
    "list of 4 Gi": b"\x84" + START + b"\xdd\xff\xff\xff\xff",
    "map of 4 Gi": b"\x84" + START + b"\xdf\xff\xff\xff\xff",
    "text of 4 GiB": b"\x84" + START + b"\xdb\xff\xff\xff\xff",
    "bytes of 4 GiB": b"\x84" + START + b"\xc6\xff\xff\xff\xff",
    "extension of 4 GiB": b"\x84" + START + b"\xc9\xff\xff\xff\xff\x05",
    "whole of 4 Gi": b"\xdf\xff\xff\xff\xff",
    "events within events": b"\x84" + START + b"\x91" * 10_000,
    "deep before": b"\x85" + START + b"\x90\xa6before\x91\x81\xa1x" + DEEP,
    "deep maps": b"\x85" + START + b"\x90\xa6before\x91\x81\xa1x" + b"\x81\xa1x" * 10_000 + b"\xc0",
    "deep in an unknown field": b"\x85" + START + b"\x90\xa4mood" + DEEP,
    "lists that promise": b"\x85" + START + b"\x90\xa6before\x91\x81\xa1x" + b"\xdd\x0f\xff\xff\xff" * 500,
}


MEASURED = """
import sys, time
from resource import RUSAGE_SELF, getrusage
from store import payload
from store.errors import Malformed, NeedsNewer
payload._decoder()
raw, size, start = sys.stdin.buffer.read(), getrusage(RUSAGE_SELF).ru_maxrss, time.monotonic()
try: payload.decode(raw)
except (Malformed, NeedsNewer) as problem: print(type(problem).__name__, file=sys.stderr)
print(time.monotonic() - start, (getrusage(RUSAGE_SELF).ru_maxrss - size) // 1024)
"""


@pytest.mark.parametrize("name", HUGE)
def test_deep_and_huge_content_is_refused_at_once_and_in_little_memory(name: str) -> None:
    """In a process of its own: its largest size is measured."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], input=HUGE[name], capture_output=True, cwd=ROOT, check=False, timeout=30
    )
    assert done.stderr.decode().strip() in ("Malformed", "NeedsNewer"), done.stderr.decode()
    seconds, mebibytes = done.stdout.split()
    assert float(seconds) < 1
    assert int(mebibytes) < 100


def test_events_are_found_by_the_folder_and_tagged_by_their_module() -> None:
    for tag, cls in payload.event_types().items():
        assert cls.__module__ == f"aggregates.{tag.partition('.')[0]}"
        assert payload._TAG.fullmatch(tag)
        assert cls.__struct_config__.forbid_unknown_fields
        assert cls.__struct_config__.frozen
