"""Payloads: what is sealed in a leaf, as msgpack maps that explain themselves (docs/design.md, 6).

Event types are found by listing the `aggregates` folder; no name in a payload ever leads to an import.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable
from functools import cache
from types import GenericAlias
from typing import Any, Union

import msgspec

import aggregates
from aggregates.core import Event, State
from store.errors import Malformed, NeedsNewer
from store.leaf import JOURNAL, LAST


class Payload(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The events one commit appends to one stream. `before` has the old values of each event."""

    stream: str
    at: int
    command: str
    events: list[Any]
    reason: str = ""
    before: list[dict[str, Any]] = []


class _Parts(msgspec.Struct, gc=False):
    """A payload whose events are not decoded yet."""

    events: list[msgspec.Raw]


_TAG = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_HUGE = re.compile(rb"\xcf[\x80-\xff]")
"""How an integer from 2^63 on begins, and the end of some smaller ones."""
DEEPEST = 16
JOURNALLED = ("aggregates.journal", "aggregates.act")
"""What stands in journals: refusals and reads, and the reasons of those who may write nowhere else."""
_encoder = msgspec.msgpack.Encoder()
_parts = msgspec.msgpack.Decoder(_Parts)


@cache
def event_types() -> dict[str, type[Event]]:
    """Every event by its tag. A tag begins with the name of the module that defines it."""
    found: dict[str, type[Event]] = {}
    for module in pkgutil.iter_modules(aggregates.__path__):
        loaded = importlib.import_module(f"aggregates.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Event) and value.__module__ == loaded.__name__:
                if value is Event or value.__struct_config__.tag is None:  # a part that several events share
                    continue
                tag = str(value.__struct_config__.tag)
                if tag.partition(".")[0] != module.name:
                    raise TypeError(f"{value.__qualname__} is tagged {tag} but stands in aggregates/{module.name}.py")
                found[tag] = value
    return found


@cache
def states() -> dict[str, type[State[Any]]]:
    """The aggregates by the kind of their streams; "" is the one that many kinds share."""
    event_types()
    waiting: list[type[State[Any]]] = [State]
    found: dict[str, type[State[Any]]] = {}
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        waiting += subclasses
        found |= {cls.kind: cls for cls in subclasses}
    return found


def state_of(stream: str) -> type[State[Any]]:
    """The aggregate that a stream's events fold into."""
    return states().get(stream.partition("/")[0]) or states()[""]


@cache
def rechecked_states() -> dict[str, type[State[Any]]]:
    """The aggregates whose events a replay checks again, by the kind of their streams."""
    return {kind: cls for kind, cls in states().items() if cls.rechecked}


@cache
def gates() -> tuple[type[State[Any]], ...]:
    """The aggregates whose one stream decides what else its compartment may record."""
    return tuple(cls for cls in states().values() if cls.gate)


def concerned(gate: type[State[Any]], events: Iterable[Event]) -> list[Event]:
    """The events that a gate has to be asked about."""
    kinds = {kind for kind in set(map(type, events)) if gate.concerns(kind)}
    return [event for event in events if type(event) in kinds] if kinds else []


def _any_event() -> Any:
    """The type of all events together, as msgspec wants it."""
    return Union[tuple(event_types().values())]  # noqa: UP007  # built from a list


@cache
def _event_decoder() -> msgspec.msgpack.Decoder[Event]:
    return msgspec.msgpack.Decoder(_any_event())


@cache
def _decoder() -> msgspec.msgpack.Decoder[Payload]:
    """A decoder of payloads whose events are checked, field by field."""
    typed = msgspec.defstruct(
        "TypedPayload",
        [
            ("stream", str),
            ("at", int),
            ("command", str),
            ("events", GenericAlias(list, _any_event())),
            ("reason", str, ""),
            ("before", list[dict[str, Any]], []),
        ],
        forbid_unknown_fields=True,
        gc=False,
    )
    return msgspec.msgpack.Decoder(typed)


def encode(payload: Payload) -> bytes:
    """The bytes of a payload, after making sure that what is read from them is written the same again.

    `before` is then as it will be read; the events are equal, and those read are not kept: a commit may be large.
    """
    raw = _encoder.encode(payload)
    read = _decoder().decode(raw)
    if _encoder.encode(read) != raw:
        raise TypeError(f"{payload.events} do not survive being written: a field has another type than declared")
    payload.before = read.before
    return raw


def decode(raw: bytes) -> Payload:
    """Raises NeedsNewer for types or fields of a later program, Malformed for anything else."""
    try:
        said = _decoder().decode(raw)
        _check(said, raw)
        return said
    except (ValueError, RecursionError) as problem:
        if str(problem).startswith("Object contains unknown field"):  # in the payload, an event or a part of one
            raise NeedsNewer(f"the log holds a field that this bo does not know: {problem}") from None
        _raise_if_newer(raw)
        raise Malformed(f"the content is not a payload: {problem}") from None


def _check(said: Payload, raw: bytes) -> None:
    """What types do not say. Raises Malformed for what could not be kept in a table or shown."""
    if not 0 <= said.at <= LAST:
        raise Malformed("its time is outside the calendar")
    if said.before:
        if len(said.before) != len(said.events):
            raise Malformed("it has old values for other events than there are")
        for old in said.before:
            for value in old.values():
                if type(value) is not str:
                    _check_plain(value, 2)
    if b"\xcf" in raw and _HUGE.search(raw):
        for part in filter(_HUGE.search, _parts.decode(raw).events):
            _check_plain(msgspec.msgpack.decode(part), 2)


def _check_plain(value: object, depth: int) -> None:
    kind = type(value)
    if kind is str or value is None or kind is bool or (isinstance(value, int) and value < 1 << 63):
        return
    if isinstance(value, list) and depth < DEEPEST:
        for each in value:
            _check_plain(each, depth + 1)
    elif isinstance(value, dict) and depth < DEEPEST and all(type(key) is str for key in value):
        for each in value.values():
            _check_plain(each, depth + 1)
    else:
        raise Malformed("a value is too large, too deep, or of a type that has no place here")


def misplaced(said: Payload, kind: int, compartment: int) -> str:
    """Why these events do not belong where they stand, "" when they do."""
    if kind == JOURNAL:
        modules: tuple[str, ...] = JOURNALLED
    else:
        cls = state_of(said.stream)
        if not cls.anywhere and cls.compartment not in (0, compartment):
            return f"{said.stream} lives in compartment {cls.compartment}"
        modules = (cls.__module__,)
    for event in said.events:
        if type(event).__module__ not in modules:
            return f"a {tag_of(event)} does not belong into {said.stream}"
    return ""


def tag_of(event: Event) -> str:
    """The name of an event's type on disk."""
    return str(event.__struct_config__.tag)


def overreach(events: Iterable[Any], person: str, compartment: int, may: Callable[[str, int], bool]) -> str:
    """Why events of a compartment cannot be those of a person with these rights, "" when they can.

    An event that says by whom names its author, and one that takes a right has an author who holds it.
    """
    telling = _telling()
    for event in events:
        if type(event) in telling:
            if getattr(event, "by", person) != person:
                return f"a {tag_of(event)} names another person than the one who recorded it"
            if event.right and not may(event.right, compartment):
                return f"{tag_of(event)} takes the right to {event.right}, which its author did not hold"
    return ""


@cache
def _telling() -> frozenset[type[Event]]:
    """The events that say by whom, or may take a right."""
    return frozenset(
        kind for kind in event_types().values() if "by" in kind.__struct_fields__ or kind.right is not Event.right
    )


def encode_event(event: Event) -> bytes:
    """One event alone, for those who ask for events and not for leaves."""
    return _encoder.encode(event)


def decode_event(raw: bytes) -> Event:
    """Raises Malformed for what is no event of this program."""
    try:
        return _event_decoder().decode(raw)
    except (ValueError, RecursionError) as problem:
        raise Malformed(f"the content is not an event: {problem}") from None


def _raise_if_newer(raw: bytes) -> None:
    try:
        events = msgspec.msgpack.decode(raw)["events"]
        tags = [event.pop("type") for event in events]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return
    for tag, fields in zip(tags, events, strict=True):
        if not isinstance(tag, str) or not _TAG.fullmatch(tag):
            return
        known = event_types().get(tag)
        if known is None or set(fields) - {field.encode_name for field in msgspec.structs.fields(known)}:
            raise NeedsNewer(f"the log holds an event {tag} that this bo does not know")
