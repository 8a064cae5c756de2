"""References: commands take one or its beginning, and say what may have been meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from projections.core import Views

ERASED = "[erased]"
INCLUDED = {"invoice": ("invoice", "draft")}
"""A draft is an invoice; its reference goes on leading to it when it has a number."""

MOST = 10
"""So many candidates are listed."""

BEGINS = "ref >= ? AND ref < ?"
LAST = "\U0010ffff"


class Found(msgspec.Struct):
    """`ref` as it is written in full; `stream` is what the log calls it, such as `invoice/D-7K3F`."""

    kind: str
    ref: str
    compartment: int
    stream: str
    label: str

    @property
    def erased(self) -> bool:
        return self.label == ERASED

    @property
    def key(self) -> str:
        """What `Transaction.change` takes for the classes that name their kind."""
        return self.stream.partition("/")[2]


def resolve(views: Views, text: str, *kinds: str) -> Found:
    """What `text` means: a reference, the beginning of just one, or either after `kind/`. All kinds unless named.

    Raises NotFound with the candidates.
    """
    before, slash, rest = text.partition("/")
    asked, ref = ((before,), rest) if slash else (kinds, text)
    if slash and kinds and not set(_included((before,))) & set(_included(kinds)):
        raise NotFound(f"this takes {_either([_a(kind) for kind in kinds], 'a record')}, not {_a(before)}")
    wanted = _included(asked) or tuple(_kinds(views))
    for condition, values in (("ref = ?", (ref,)), (BEGINS, (ref, ref + LAST))):
        found = _find(views, wanted, condition, *values) if ref else []
        streams = {(each.compartment, each.stream) for each in found}
        if len(streams) == 1:
            return found[0]
        if streams:
            one = len({each.ref for each in found}) == 1
            names = _list([f"{each.kind}/{each.ref}" if one or not asked else each.ref for each in found])
            raise NotFound(f"{ref} could be {names}: write {'which kind' if one else 'more of it'}")
    raise NotFound(f"there is no {_either(asked, 'record')} {_safe(ref)}{near(views, ref, *wanted)}")


def near(views: Views, text: str, *kinds: str) -> str:
    """What may have been meant, to end a sentence with; "" when nothing is like it."""
    found = candidates(views, text, *kinds)
    return f": near it {'are' if len(found) > 1 else 'is'} {_list(found)}" if found else ""


def find(views: Views, stream: str) -> Found | None:
    """What stands under exactly this `kind/reference`."""
    kind, _, ref = stream.partition("/")
    return next(iter(_find(views, _included((kind,)), "ref = ?", ref)), None)


def label(views: Views, stream: str) -> str:
    """The name of what stands under `kind/reference`, `[erased]` when it was; "" when nothing is known of it."""
    found = find(views, stream)
    return found.label if found else ""


def streams(views: Views, compartment: int) -> list[str]:
    """Every stream of a compartment that has a reference."""
    rows = views.all(_Stream, "SELECT DISTINCT stream FROM reference WHERE compartment = ?", compartment)
    return [each.stream for each in rows]


def candidates(views: Views, text: str, *kinds: str) -> list[str]:
    """What `text` may have been meant to be: called so, or beginning as it does for as long as anything does."""
    wanted = _included(kinds) or tuple(_kinds(views))
    named = _find(views, wanted, "label = ? COLLATE NOCASE", text) if text else []
    for length in range(len(text), 0, -1):
        begin = text[:length]
        named += _find(views, wanted, f"{BEGINS} AND open", begin, begin + LAST)
        if named:
            break
    several = len(kinds) != 1
    return list(dict.fromkeys(f"{each.kind}/{each.ref}" if several else each.ref for each in named))


def matching(views: Views, kinds: Iterable[str], prefix: str) -> list[str]:
    """References to offer while somebody types one."""
    kind, slash, rest = prefix.partition("/")
    wanted = _included((kind,) if slash else tuple(kinds)) or tuple(_kinds(views))
    begin = rest if slash else prefix
    found = _find(views, wanted, f"{BEGINS} AND open", begin, begin + LAST, most=100)
    return [f"{kind}/{each.ref}" if slash else each.ref for each in found]


def _find(views: Views, kinds: Sequence[str], condition: str, *values: str, most: int = MOST + 1) -> list[Found]:
    return views.all(
        Found,
        f"SELECT kind, ref, compartment, stream, label FROM reference WHERE {condition}"  # noqa: S608
        f" AND kind IN ({', '.join('?' * len(kinds))}) ORDER BY ref, kind LIMIT {most}",
        *values,
        *kinds,
    )


def _kinds(views: Views) -> list[str]:
    """Every kind there is, by jumps in the index."""
    return [
        each.kind
        for each in views.all(
            _Kind,
            """WITH RECURSIVE each(kind) AS (SELECT MIN(kind) FROM reference UNION ALL
            SELECT (SELECT MIN(kind) FROM reference WHERE kind > each.kind) FROM each WHERE each.kind NOT NULL)
            SELECT kind FROM each WHERE kind NOT NULL""",
        )
    ]


class _Kind(msgspec.Struct):
    kind: str


class _Stream(msgspec.Struct):
    stream: str


def _included(kinds: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for kind in kinds for name in INCLUDED.get(kind, (kind,))))


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST]) + (", …" if len(names) > MOST else "")


def _either(kinds: Sequence[str], many: str) -> str:
    if not kinds:
        return "record, invoice, document or person"
    return " or ".join(kinds) if len(kinds) < 4 else many


def _a(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _safe(text: str) -> str:
    return text if len(text) <= 64 else f"{text[:63]}…"
