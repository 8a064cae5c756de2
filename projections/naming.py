"""What each thing is called: every reference, as the log gives it; projections/references.py finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.core import Projection, on
from projections.references import ERASED

if TYPE_CHECKING:
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
