"""References: what each thing is called, so that commands take a reference or the beginning of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from projections.core import Projection, on
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aggregates import bank, batch, bill, entrytemplate, payment
    from aggregates.directory import PersonNamed
    from aggregates.document import Filed, Retitled
    from aggregates.entry import Declined, Posted, Proposed, Withdrawn
    from aggregates.fixedasset import Acquired, Disposed
    from aggregates.fixedasset import Voided as AssetVoided
    from aggregates.invoice import Credited, Discarded, Drafted, Edited, Issued
    from aggregates.record import Added, Archived, Changed, Merged, Restored, Unmerged
    from aggregates.recurring import Added as Template
    from aggregates.recurring import Ended
    from aggregates.tax import Filed as TaxFiled
    from projections.core import Views
    from store.recorded import Recorded

ERASED = "[erased]"
INCLUDED = {"invoice": ("invoice", "draft")}
"""A draft is an invoice; its reference goes on leading to it when it has a number."""

MOST = 10
"""So many candidates are listed."""

BEGINS = "ref >= ? AND ref < ?"
LAST = "\U0010ffff"


class References(Projection):
    """`kind` is a kind of record, invoice, draft, credit, document or person; `open` is offered in completion."""

    version = 3
    tables = """
        CREATE TABLE reference(kind TEXT, ref TEXT, compartment INTEGER, label TEXT, stream TEXT, open INTEGER,
            PRIMARY KEY(kind, ref, compartment, stream) ON CONFLICT REPLACE) WITHOUT ROWID;
    """

    @on("record.added")
    def added(self, event: Added, recorded: Recorded, views: Views) -> None:
        label = event.fields.get("name")
        _add(views, recorded.kind, recorded.key, recorded, label if isinstance(label, str) else "")

    @on("record.changed")
    def changed(self, event: Changed, recorded: Recorded, views: Views) -> None:
        _expect(views, recorded.kind, recorded)
        label = event.fields.get("name")
        if isinstance(label, str):
            _label(views, recorded, label)

    @on("record.archived", "record.merged")
    def closed(self, event: Archived | Merged, recorded: Recorded, views: Views) -> None:
        _expect(views, recorded.kind, recorded)
        _open(views, recorded.kind, recorded, False)

    @on("record.restored", "record.unmerged")
    def opened(self, event: Restored | Unmerged, recorded: Recorded, views: Views) -> None:
        _expect(views, recorded.kind, recorded)
        _open(views, recorded.kind, recorded, True)

    @on("invoice.drafted")
    def drafted(self, event: Drafted, recorded: Recorded, views: Views) -> None:
        _add(views, "draft", recorded.key, recorded, event.customer)

    @on("invoice.edited")
    def edited(self, event: Edited, recorded: Recorded, views: Views) -> None:
        _label(views, recorded, event.customer)

    @on("invoice.issued", "invoice.imported")
    def issued(self, event: Issued, recorded: Recorded, views: Views) -> None:
        _add(views, "invoice", event.number, recorded, event.customer)
        if event.number != recorded.key:
            _open(views, "draft", recorded, False)

    @on("invoice.discarded")
    def discarded(self, event: Discarded, recorded: Recorded, views: Views) -> None:
        _open(views, "draft", recorded, False)

    @on("invoice.credited")
    def credited(self, event: Credited, recorded: Recorded, views: Views) -> None:
        _add(views, "credit", event.number, recorded, event.customer)

    @on("entry.posted", "entry.proposed")
    def posted(self, event: Posted | Proposed, recorded: Recorded, views: Views) -> None:
        _add(views, "entry", event.number, recorded, event.text)

    @on("entry.declined", "entry.withdrawn")
    def refused(self, event: Declined | Withdrawn, recorded: Recorded, views: Views) -> None:
        _open(views, "entry", recorded, False)

    @on("bill.added")
    def billed(self, event: bill.Added, recorded: Recorded, views: Views) -> None:
        _add(views, "bill", event.number, recorded, f"{event.vendor} {event.ref}")

    @on("bill.credited")
    def bill_credited(self, event: bill.Credited, recorded: Recorded, views: Views) -> None:
        _add(views, "vendor-credit", event.number, recorded, event.bill)

    @on("batch.proposed")
    def proposed(self, event: batch.Proposed, recorded: Recorded, views: Views) -> None:
        _add(views, "batch", event.number, recorded, event.bank)

    @on("payment.recorded")
    def paid(self, event: payment.Recorded, recorded: Recorded, views: Views) -> None:
        _add(views, "payment", event.number, recorded, event.party)

    @on("bank.opened")
    def bank_opened(self, event: bank.Opened, recorded: Recorded, views: Views) -> None:
        _add(views, "bank", recorded.key, recorded, event.name)

    @on("bank.changed")
    def bank_renamed(self, event: bank.Changed, recorded: Recorded, views: Views) -> None:
        _label(views, recorded, event.name)

    @on("bank.closed")
    def bank_closed(self, event: object, recorded: Recorded, views: Views) -> None:
        _open(views, "bank", recorded, False)

    @on("bank.reopened")
    def bank_reopened(self, event: object, recorded: Recorded, views: Views) -> None:
        _open(views, "bank", recorded, True)

    @on("entrytemplate.defined")
    def templated(self, event: entrytemplate.Defined, recorded: Recorded, views: Views) -> None:
        _add(views, "journal-template", recorded.key, recorded, event.text)

    @on("entrytemplate.ended")
    def templated_no_more(self, event: entrytemplate.Ended, recorded: Recorded, views: Views) -> None:
        _open(views, "journal-template", recorded, False)

    @on("recurring.added")
    def recurs(self, event: Template, recorded: Recorded, views: Views) -> None:
        _add(views, "recurring", recorded.key, recorded, event.text)

    @on("recurring.ended")
    def recurs_no_more(self, event: Ended, recorded: Recorded, views: Views) -> None:
        _open(views, "recurring", recorded, False)

    @on("fixedasset.acquired")
    def acquired(self, event: Acquired, recorded: Recorded, views: Views) -> None:
        _add(views, "fixedasset", recorded.key, recorded, event.name)

    @on("fixedasset.disposed")
    def disposed(self, event: Disposed, recorded: Recorded, views: Views) -> None:
        _open(views, "fixedasset", recorded, False)

    @on("fixedasset.voided")
    def asset_voided(self, event: AssetVoided, recorded: Recorded, views: Views) -> None:
        _open(views, "fixedasset", recorded, False)

    @on("tax.filed")
    def tax_filed(self, event: TaxFiled, recorded: Recorded, views: Views) -> None:
        _add(views, "taxreturn", event.number or f"TAX-{event.last}", recorded, f"{event.first} to {event.last}")

    @on("document.filed")
    def filed(self, event: Filed, recorded: Recorded, views: Views) -> None:
        _add(views, "document", recorded.key, recorded, event.title)

    @on("document.retitled")
    def retitled(self, event: Retitled, recorded: Recorded, views: Views) -> None:
        _expect(views, "document", recorded)
        _label(views, recorded, event.title)

    @on("document.replaced", "document.linked", "document.unlinked", "document.retained")
    def touched(self, event: object, recorded: Recorded, views: Views) -> None:
        _expect(views, "document", recorded)

    @on("directory.person_named")
    def person_named(self, event: PersonNamed, recorded: Recorded, views: Views) -> None:
        views.run("DELETE FROM reference WHERE kind = 'person' AND stream = ?", recorded.stream)
        _add(views, "person", event.name, recorded, event.name)

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        """One row stays, so that whoever refers to it reads that it was erased."""
        kind, _, ref = recorded.key.partition("/")
        views.run(
            "DELETE FROM reference WHERE compartment = ? AND (stream = ? OR kind = ? AND ref = ?)",
            recorded.compartment, recorded.key, kind, ref,
        )  # fmt: skip
        views.add("reference", kind, ref, recorded.compartment, ERASED, recorded.key, False)


def _add(views: Views, kind: str, ref: str, recorded: Recorded, label: str) -> None:
    views.add("reference", kind, ref, recorded.compartment, label, recorded.stream, True)


def _expect(views: Views, kind: str, recorded: Recorded) -> None:
    """Somebody granted access from now on may not have seen the beginning."""
    views.run(
        "INSERT OR IGNORE INTO reference VALUES(?, ?, ?, '', ?, 1)",
        kind, recorded.key, recorded.compartment, recorded.stream,
    )  # fmt: skip


def _label(views: Views, recorded: Recorded, label: str) -> None:
    kind = "draft" if recorded.kind == "invoice" else recorded.kind
    views.run(
        "UPDATE reference SET label = ? WHERE kind = ? AND ref = ? AND compartment = ? AND stream = ?",
        label, kind, recorded.key, recorded.compartment, recorded.stream,
    )  # fmt: skip


def _open(views: Views, kind: str, recorded: Recorded, is_open: bool) -> None:
    views.run(
        "UPDATE reference SET open = ? WHERE kind = ? AND ref = ? AND compartment = ? AND stream = ?",
        is_open, kind, recorded.key, recorded.compartment, recorded.stream,
    )  # fmt: skip


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
